-- facilities --
-- The facilities named by a submission, with their lineage and their programme's local time.
select f.id, f.code, f.name, f.open, a.lineage, p.timezone
from facility f
join area a on a.id = f.area_id
join programme p on p.id = f.programme_id
where f.programme_id = :programme_id and f.code = any(CAST(:codes AS text[]))

-- known_keys --
-- What was answered to these (source, source_id) the first time. Each is looked up by itself: a plan that was made while
-- the table was small, or behind a wall, would rather read all keys there are.
select k.source, k.source_id, k.digest, k.result
from unnest(CAST(:sources AS text[]), CAST(:source_ids AS text[])) as asked (source, source_id)
cross join lateral (
    select source, source_id, digest, result
    from event_key
    where programme_id = :programme_id and source = asked.source and source_id = asked.source_id
    offset 0
) k

-- open_positions --
-- Make the positions that did not exist.
insert into position (facility_id, product_id)
select * from unnest(CAST(:facility_ids AS int[]), CAST(:product_ids AS int[])) as asked (facility_id, product_id)
order by 1, 2
on conflict do nothing

-- lots --
-- The lots of these products with these numbers.
select l.id, l.product_id, l.number, l.expiry
from lot l
join unnest(CAST(:product_ids AS int[]), CAST(:numbers AS text[])) as asked (product_id, number)
  on asked.product_id = l.product_id and asked.number = l.number

-- add_lots --
-- Lots seen for the first time.
insert into lot (product_id, number, expiry)
select distinct on (product_id, number) product_id, number, expiry
from unnest(CAST(:product_ids AS int[]), CAST(:numbers AS text[]), CAST(:expiries AS date[]))
     as seen (product_id, number, expiry)
order by product_id, number
on conflict do nothing

-- fold_months --
-- New rows are added to the local months they fall in; what was reported of days out of stock stays. A month that cannot
-- be added to is folded from all its events: one that was only reported so far, and one in which no use is recorded and
-- stock is only counted, because there what a count finds missing was used (`missing`). Such a month opened with what
-- there is now (saved just before) less all that happened since: of years of events only the newest are read, and
-- `earliest` and `latest`, which are known before it runs, keep it from opening the partitions of all the others.
-- Nearly every month is there already: an update is half of what an upsert costs.
with asked as materialized (
    select *
    from unnest(
        CAST(:facility_ids AS int[]), CAST(:product_ids AS int[]), CAST(:months AS date[]), CAST(:starts AS timestamptz[]),
        CAST(:ends AS timestamptz[]), CAST(:received AS int[]), CAST(:used AS int[]), CAST(:lost AS int[]),
        CAST(:adjusted AS int[]), CAST(:doses AS int[]), CAST(:anew AS bool[])
    ) with ordinality as t (
        facility_id, product_id, month, starts, ends, received, used, lost, adjusted, doses, anew, place
    )
),
added as (
    update stock_month m
    set received = m.received + t.received, used = m.used + t.used, lost = m.lost + t.lost,
        adjusted = m.adjusted + t.adjusted, closing = m.closing + t.doses
    from asked t
    where m.facility_id = t.facility_id and m.product_id = t.product_id and m.month = t.month
      and m.missing = 0 and not t.anew and (t.used = 0 or m.used + t.used <> 0)
    returning t.place
),
folded as materialized (
    select t.place, t.facility_id, t.product_id, t.month, p.total - since.doses as opening, since.received,
           since.used + counted.missing as used, since.lost, since.adjusted + counted.missing as adjusted,
           p.total - since.doses + since.within as closing, counted.missing
    from asked t
    join position p on p.facility_id = t.facility_id and p.product_id = t.product_id
    cross join lateral (
        select coalesce(sum(e.doses), 0)::int as doses,
               coalesce(sum(e.doses) filter (where e.occurred_at < t.ends), 0)::int as within,
               coalesce(sum(e.doses) filter (where e.kind in ('receipt', 'transfer_in') and e.occurred_at < t.ends),
                        0)::int as received,
               coalesce(-sum(e.doses) filter (where e.kind in ('administered', 'issue') and e.occurred_at < t.ends),
                        0)::int as used,
               coalesce(-sum(e.doses) filter (where e.kind = 'loss' and e.occurred_at < t.ends), 0)::int as lost,
               coalesce(sum(e.doses) filter (where e.kind in ('count', 'adjustment', 'transfer_out', 'return')
                                             and e.occurred_at < t.ends), 0)::int as adjusted
        from stock_event e
        where e.facility_id = t.facility_id and e.product_id = t.product_id and e.occurred_at >= t.starts
          and e.occurred_at between :earliest and :latest
    ) since
    cross join lateral (
        select coalesce(-sum(least(c.doses, 0)), 0)::int as missing
        from (
            select sum(e.doses) as doses
            from stock_event e
            where since.used = 0 and e.facility_id = t.facility_id and e.product_id = t.product_id
              and e.occurred_at >= t.starts and e.occurred_at < t.ends
              and e.occurred_at between :earliest and :latest and e.kind = 'count'
            group by e.source, e.source_id
        ) c
    ) counted
    where t.place not in (select place from added)
),
changed as (
    update stock_month m
    set opening = f.opening, received = f.received, used = f.used, lost = f.lost, adjusted = f.adjusted,
        closing = f.closing, missing = f.missing
    from folded f
    where m.facility_id = f.facility_id and m.product_id = f.product_id and m.month = f.month
    returning f.place
)
insert into stock_month (facility_id, product_id, month, opening, received, used, lost, adjusted, closing, missing)
select facility_id, product_id, month, opening, received, used, lost, adjusted, closing, missing
from folded
where place not in (select place from changed)
on conflict (facility_id, product_id, month) do update
set opening = excluded.opening, received = excluded.received, used = excluded.used, lost = excluded.lost,
    adjusted = excluded.adjusted, closing = excluded.closing, missing = excluded.missing

-- shift_months --
-- A late event moves the opening and closing of every later month on record that was not brought up to date just now.
with late as materialized (
    select *
    from unnest(CAST(:facility_ids AS int[]), CAST(:product_ids AS int[]), CAST(:months AS date[]), CAST(:doses AS int[]))
         as t (facility_id, product_id, month, doses)
)
update stock_month m
set opening = m.opening + s.doses, closing = m.closing + s.doses
from (
    select m.facility_id, m.product_id, m.month, sum(l.doses)::int as doses
    from late l
    join stock_month m
      on m.facility_id = l.facility_id and m.product_id = l.product_id and m.month > l.month
    group by m.facility_id, m.product_id, m.month
) s
where m.facility_id = s.facility_id and m.product_id = s.product_id and m.month = s.month
  and (s.facility_id, s.product_id, s.month) not in (select facility_id, product_id, month from late)

-- products --
-- The products named by a submission.
select id, code, name, unit, doses_per_vial, vials_per_pack
from product
where programme_id = :programme_id and code = any(CAST(:codes AS text[]))

-- targets --
-- The events that are to be reversed, by their first row, and whether that has been done.
-- Their ids are found first: behind a wall an index cannot be asked for what is still to be read from JSON.
with named as materialized (
    select k.source, k.source_id, CAST(k.result -> 'event_ids' ->> 0 AS bigint) as first_id
    from unnest(CAST(:sources AS text[]), CAST(:source_ids AS text[])) as asked (source, source_id)
    cross join lateral (
        select source, source_id, result
        from event_key
        where programme_id = :programme_id and source = asked.source and source_id = asked.source_id
        offset 0
    ) k
)
select distinct on (k.source, k.source_id) k.source, k.source_id, e.id, e.kind, e.entry, e.facility_id, e.product_id,
       e.occurred_at,
       exists (
           select from stock_event r
           where r.facility_id = e.facility_id and r.product_id = e.product_id and r.occurred_at = e.occurred_at
             and r.reverses_id = e.id
       ) as reversed
from named k
join stock_event e on e.id = k.first_id
order by k.source, k.source_id

-- lock_positions --
-- Hold the positions until commit, in one order for everybody.
select p.facility_id, p.product_id, p.last_event_at, p.version, p.chain, p.usable, p.reserved
from position p
join unnest(CAST(:facility_ids AS int[]), CAST(:product_ids AS int[])) as asked (facility_id, product_id)
  using (facility_id, product_id)
order by p.facility_id, p.product_id
for update of p

-- held_lots --
-- What is on the shelves of these positions, lot by lot. Of lots that are used up only those that may come back, are
-- marked, or are needed to tell what was before.
select b.facility_id, b.product_id, b.lot_id, l.number, l.expiry, b.doses, b.vvm_stage, b.first_received_at,
       b.quarantined
from unnest(CAST(:facility_ids AS int[]), CAST(:product_ids AS int[]), CAST(:lates AS bool[]))
     as asked (facility_id, product_id, late)
join lot_balance b on b.facility_id = asked.facility_id and b.product_id = asked.product_id
left join lot l on l.id = b.lot_id
where b.doses > 0 or b.lot_id is null or b.vvm_stage > 1 or b.quarantined or asked.late
   or b.lot_id = any(CAST(:lot_ids AS int[]))

-- promised --
-- What is reserved of these positions, by order.
select e.facility_id, e.product_id, e.order_number, sum(e.reserved)::int as reserved
from unnest(CAST(:facility_ids AS int[]), CAST(:product_ids AS int[])) as asked (facility_id, product_id)
join stock_event e on e.facility_id = asked.facility_id and e.product_id = asked.product_id
where e.order_number is not null
group by e.facility_id, e.product_id, e.order_number
having sum(e.reserved) <> 0

-- rows_since --
-- What happened at positions since a moment, that moment included: a late event has to leave all of it possible.
-- `earliest`, which is known before it runs, keeps it from opening the partitions of all years before.
select e.id, e.facility_id, e.product_id, e.lot_id, l.number as lot, l.expiry, e.kind, e.entry, e.doses, e.counted,
       e.reserved, e.lot_named, e.reason, e.stage, e.occurred_at, e.source, e.source_id, e.actor_id, e.document,
       e.partner_id, e.order_number, e.note, e.attachment_id, e.reverses_id, e.shipment_id
from unnest(CAST(:facility_ids AS int[]), CAST(:product_ids AS int[]), CAST(:moments AS timestamptz[]))
     as asked (facility_id, product_id, moment)
join stock_event e
  on e.facility_id = asked.facility_id and e.product_id = asked.product_id and e.occurred_at >= asked.moment
 and e.occurred_at >= :earliest
left join lot l on l.id = e.lot_id
order by e.id

-- lot_states --
-- The stage and quarantine of lots as they were before a moment, where ever anything was said of them.
select e.facility_id, e.product_id, e.lot_id,
       coalesce((array_agg(e.stage order by e.occurred_at desc, e.source desc, e.source_id desc)
                 filter (where e.kind = 'vvm'))[1], 1) as vvm_stage,
       coalesce((array_agg(e.kind = 'quarantine' order by e.occurred_at desc, e.source desc, e.source_id desc)
                 filter (where e.kind <> 'vvm'))[1], false) as quarantined
from unnest(CAST(:facility_ids AS int[]), CAST(:product_ids AS int[]), CAST(:moments AS timestamptz[]))
     as asked (facility_id, product_id, moment)
join stock_event e
  on e.facility_id = asked.facility_id and e.product_id = asked.product_id and e.occurred_at < asked.moment
where e.kind in ('vvm', 'quarantine', 'release') and e.entry = 'event'
  and not exists (
      select from stock_event r
      where r.facility_id = e.facility_id and r.product_id = e.product_id and r.occurred_at = e.occurred_at
        and r.reverses_id = e.id
  )
group by e.facility_id, e.product_id, e.lot_id

-- next_ids --
-- Ids for rows that are about to be appended, whose digests and answers are made before they are written; and which of
-- the partitions that they need are there.
select array(select nextval('stock_event_id_seq') from generate_series(1, CAST(:count AS int))) as ids,
       array(select relname::text from pg_class where relname = any(CAST(:partitions AS text[])) and relkind = 'r') as there

-- save --
-- All of a submission in one step: the rows of the record, lots and positions as they stand after them, the answers by
-- their key, a line in the outbox for each event, and the bell for the worker, which says only that there is something.
-- Nobody else makes lots of a position that is held: those that are not there to be updated are new.
with appended as (
    insert into stock_event (
        programme_id, recorded_at, id, facility_id, product_id, lot_id, kind, entry, doses, counted, reserved, lot_named,
        reason, stage, occurred_at, source, source_id, actor_id, document, partner_id, order_number, note, attachment_id,
        reverses_id, shipment_id, digest
    )
    select :programme_id, :recorded_at, *
    from unnest(
        CAST(:id AS bigint[]), CAST(:facility_id AS int[]), CAST(:product_id AS int[]), CAST(:lot_id AS int[]),
        CAST(:kind AS text[]), CAST(:entry AS text[]), CAST(:doses AS int[]), CAST(:counted AS int[]),
        CAST(:reserved AS int[]), CAST(:lot_named AS bool[]), CAST(:reason AS text[]), CAST(:stage AS smallint[]),
        CAST(:occurred_at AS timestamptz[]), CAST(:source AS text[]), CAST(:source_id AS text[]),
        CAST(:actor_id AS int[]), CAST(:document AS text[]), CAST(:partner_id AS int[]), CAST(:order_number AS text[]),
        CAST(:note AS text[]), CAST(:attachment_id AS bigint[]), CAST(:reverses_id AS bigint[]),
        CAST(:shipment_id AS bigint[]), CAST(:digest AS bytea[])
    )
),
lots as materialized (
    select *
    from unnest(
        CAST(:lot_facility_id AS int[]), CAST(:lot_product_id AS int[]), CAST(:lot_lot_id AS int[]),
        CAST(:lot_doses AS int[]), CAST(:lot_stage AS smallint[]), CAST(:lot_received_at AS timestamptz[]),
        CAST(:lot_quarantined AS bool[])
    ) with ordinality as h (facility_id, product_id, lot_id, doses, vvm_stage, first_received_at, quarantined, place)
),
changed as (
    update lot_balance b
    set doses = h.doses, vvm_stage = h.vvm_stage, first_received_at = h.first_received_at, quarantined = h.quarantined
    from lots h
    where b.facility_id = h.facility_id and b.product_id = h.product_id and b.lot_id is not distinct from h.lot_id
    returning h.place
),
shelved as (
    insert into lot_balance (facility_id, product_id, lot_id, doses, vvm_stage, first_received_at, quarantined)
    select facility_id, product_id, lot_id, doses, vvm_stage, first_received_at, quarantined
    from lots
    where place not in (select place from changed)
    order by place
),
placed as (
    update position p
    set usable = f.usable, total = f.total, reserved = f.reserved, chain = f.chain, version = p.version + 1,
        last_event_at = greatest(p.last_event_at, f.last_at),
        last_received_on = greatest(p.last_received_on, f.received_on)
    from unnest(
        CAST(:at_facility_id AS int[]), CAST(:at_product_id AS int[]), CAST(:at_usable AS int[]),
        CAST(:at_total AS int[]), CAST(:at_reserved AS int[]), CAST(:at_last AS timestamptz[]),
        CAST(:at_received_on AS date[]), CAST(:at_chain AS bytea[])
    ) as f (facility_id, product_id, usable, total, reserved, last_at, received_on, chain)
    where p.facility_id = f.facility_id and p.product_id = f.product_id
),
kept as (
    insert into event_key (programme_id, source, source_id, digest, result)
    select :programme_id, source, source_id, digest, CAST(result AS jsonb)
    from unnest(CAST(:key_source AS text[]), CAST(:key_source_id AS text[]), CAST(:key_digest AS bytea[]),
                CAST(:key_result AS text[])) as k (source, source_id, digest, result)
),
announced as (
    insert into outbox (programme_id, facility_id, product_id, payload)
    select :programme_id, facility_id, product_id, CAST(payload AS jsonb)
    from unnest(CAST(:out_facility_id AS int[]), CAST(:out_product_id AS int[]), CAST(:out_payload AS text[]))
         with ordinality as o (facility_id, product_id, payload, place)
    order by o.place
)
select pg_notify('outbox', '')
