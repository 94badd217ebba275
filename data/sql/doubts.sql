-- drop_gone --
-- Flags of these months and facilities that nobody has judged and that were not found again.
delete from flag g
where g.programme_id = :programme_id and g.facility_id between :first and :last
  and g.month >= :since and g.month < :until and g.verdict is null
  and not exists (
      select from unnest(CAST(:facility_ids AS int[]), CAST(:product_ids AS int[]), CAST(:months AS date[]),
                         CAST(:kinds AS text[])) as n (facility_id, product_id, month, kind)
      where n.facility_id = g.facility_id and n.product_id = g.product_id and n.month = g.month and n.kind = g.kind
  )

-- keep --
-- Add what was found; what was said of a flag before stays with it.
insert into flag as g (programme_id, facility_id, product_id, month, kind, severity, words, weight)
select :programme_id, n.facility_id, n.product_id, n.month, n.kind, n.severity, n.words, n.weight
from unnest(CAST(:facility_ids AS int[]), CAST(:product_ids AS int[]), CAST(:months AS date[]),
            CAST(:kinds AS text[]), CAST(:severities AS text[]), CAST(:words AS text[]), CAST(:weights AS real[]))
     as n (facility_id, product_id, month, kind, severity, words, weight)
on conflict (facility_id, product_id, month, kind) do update
set severity = excluded.severity, words = excluded.words, weight = excluded.weight
where (g.severity, g.words, g.weight) is distinct from (excluded.severity, excluded.words, excluded.weight)

-- judged --
-- What people said of the flags of these months and facilities.
select facility_id, product_id, month, kind, verdict
from flag
where programme_id = :programme_id and facility_id between :first and :last
  and month >= :since and month < :until and verdict in ('right', 'wrong')

-- facilities --
-- The facilities of a programme by id.
select id from facility where programme_id = :programme_id order by id

-- products --
-- What is said of a product in a flag.
select id, doses_per_vial, unit from product where programme_id = :programme_id

-- campaigns --
-- The campaigns of a programme, each with the ids of the facilities in its area.
select c.product_id, c.first_day, c.last_day, string_agg(int4send(f.id), '') as facility_ids
from campaign c
join area a on a.lineage @> array[c.area_id]
join facility f on f.area_id = a.id
where c.programme_id = :programme_id
group by c.id

-- listed --
-- A page of flags, the newest month first; who judged one by id and sealed name.
select g.id, g.month, g.kind, g.severity, g.words,
       case g.verdict when 'right' then 1 when 'wrong' then 0 else g.weight end as weight,
       g.verdict, g.note, g.judged_at, u.id || ' ' || u.name as judged_by, f.code as facility, f.name as facility_name,
       a.name as area_name, p.code as product, p.name as product_name, g.facility_id, a.lineage
from flag g
join facility f on f.id = g.facility_id
join area a on a.id = f.area_id
join product p on p.id = g.product_id
left join app_user u on u.id = g.judged_by
where g.programme_id = :programme_id and (CAST(:judged AS boolean) or g.verdict is null)
  and (CAST(:area_id AS int) is null or a.lineage @> array[CAST(:area_id AS int)])
  and (CAST(:facility AS text) is null or f.code = :facility)
  and (CAST(:product AS text) is null or p.code = :product)
order by g.month desc, g.id desc
limit :limit offset :skip

-- count --
-- How many flags there are.
select count(*)
from flag g
join facility f on f.id = g.facility_id
join area a on a.id = f.area_id
where g.programme_id = :programme_id and (CAST(:judged AS boolean) or g.verdict is null)
  and (CAST(:area_id AS int) is null or a.lineage @> array[CAST(:area_id AS int)])
  and (CAST(:facility AS text) is null or f.code = :facility)

-- areas --
-- The areas of the first level.
select code, name from area where programme_id = :programme_id and level = 1 order by name

-- place --
-- The facility of a flag.
select f.id as facility_id, f.name, a.lineage
from flag g
join facility f on f.id = g.facility_id
join area a on a.id = f.area_id
where g.programme_id = :programme_id and g.id = :id

-- judge --
-- What a person says of a flag.
update flag
set verdict = :verdict, note = :note, judged_by = :actor, judged_at = :now
where programme_id = :programme_id and id = :id

-- remember --
-- Demand is worked out anew with the next refresh.
update programme set months_changed = true where id = :programme_id and not months_changed
