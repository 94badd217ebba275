-- open --
-- A stockout opens an alert, unless it has one.
insert into alert (programme_id, facility_id, product_id, kind, opened_at)
select :programme_id, p.facility_id, p.product_id, :kind, coalesce(p.out_since, :at)
from unnest(CAST(:facility_ids AS int[]), CAST(:product_ids AS int[])) as a (facility_id, product_id)
join position p on p.facility_id = a.facility_id and p.product_id = a.product_id
where p.state = :stockout
on conflict do nothing
returning id

-- resolve --
-- Stock, or the end of demand, resolves it; silence does not.
update alert a
set resolved_at = :at
from unnest(CAST(:facility_ids AS int[]), CAST(:product_ids AS int[])) as t (facility_id, product_id)
join position p on p.facility_id = t.facility_id and p.product_id = t.product_id
where a.facility_id = p.facility_id and a.product_id = p.product_id and a.kind = :kind and a.resolved_at is null
  and p.state not in (:stockout, :no_report)
returning a.id

-- named --
-- Alerts with the names that a person reads.
select a.id, a.kind, f.code as facility, f.name as facility_name, r.name as area_name, p.code as product,
       p.name as product_name
from alert a
join facility f on f.id = a.facility_id
join area r on r.id = f.area_id
join product p on p.id = a.product_id
where a.id = any(CAST(:ids AS bigint[]))
order by a.id

-- open_all --
-- Every stockout of a programme has an open alert.
insert into alert (programme_id, facility_id, product_id, kind, opened_at)
select :programme_id, p.facility_id, p.product_id, :kind, coalesce(p.out_since, :at)
from position p
join facility f on f.id = p.facility_id
where f.programme_id = :programme_id and f.open and p.state = :stockout
on conflict do nothing
returning id

-- resolve_all --
-- And nothing else has one; a facility that was closed has none.
update alert a
set resolved_at = :at
from position p
join facility f on f.id = p.facility_id
where a.programme_id = :programme_id and a.kind = :kind and a.resolved_at is null
  and p.facility_id = a.facility_id and p.product_id = a.product_id
  and (p.state not in (:stockout, :no_report) or not f.open)
returning a.id
