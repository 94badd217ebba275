-- lock --
-- One writer of a programme's sequence at a time, who has the programme as it is then.
select id, code, name, timezone, preset, simulated, notice, registry_version, assessed_on, level_names, sources,
       model
from programme where id = :programme_id for no key update

-- append --
-- The next numbers, in the order given; answers them.
insert into push (programme_id, seq, event, payload)
select :programme_id,
       (select coalesce(max(seq), 0) from push where programme_id = :programme_id) + p.place,
       p.event, CAST(p.payload AS jsonb)
from unnest(CAST(:events AS text[]), CAST(:payloads AS text[])) with ordinality as p (event, payload, place)
returning seq

-- newest --
-- The programme's newest number.
select coalesce(max(seq), 0) from push where programme_id = :programme_id

-- heads --
-- The newest number of every programme; 0 before its first.
select p.id, p.code, coalesce((select max(seq) from push where programme_id = p.id), 0) from programme p

-- between --
-- What was pushed after a number, up to another.
select seq, event, payload from push
where programme_id = :programme_id and seq > :after and seq <= :last
order by seq

-- sweep --
-- Old pushes, but never the newest of a programme: its number must not be given again.
delete from push p
where p.created_at < now() - make_interval(days => CAST(:days AS int))
  and p.seq < (select max(seq) from push n where n.programme_id = p.programme_id)
