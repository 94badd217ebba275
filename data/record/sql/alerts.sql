-- follow --
-- A stockout opens an alert, unless it has one; stock, or the end of demand, resolves it; silence does not. Answers what
-- changed with the names that a person reads.
with asked as materialized (
    select p.facility_id, p.product_id, p.state, p.out_since
    from unnest(CAST(:facility_ids AS int[]), CAST(:product_ids AS int[])) as a (facility_id, product_id)
    join position p on p.facility_id = a.facility_id and p.product_id = a.product_id
),
opened as (
    insert into alert (programme_id, facility_id, product_id, kind, opened_at)
    select :programme_id, facility_id, product_id, :kind, coalesce(out_since, :at)
    from asked
    where state = :stockout
    on conflict do nothing
    returning id, facility_id, product_id
),
resolved as (
    update alert a
    set resolved_at = :at
    from asked p
    where a.facility_id = p.facility_id and a.product_id = p.product_id and a.kind = :kind and a.resolved_at is null
      and p.state not in (:stockout, :no_report)
    returning a.id, a.facility_id, a.product_id
),
changed as (
    select id, true as opened, facility_id, product_id from opened
    union all
    select id, false, facility_id, product_id from resolved
)
select c.id, CAST(:kind AS text) as kind, c.opened, f.code as facility, f.name as facility_name, r.name as area_name,
       p.code as product, p.name as product_name
from changed c
join facility f on f.id = c.facility_id
join area r on r.id = f.area_id
join product p on p.id = c.product_id
order by c.id

-- rebuild --
-- Every stockout of a programme has an open alert and nothing else has one, nor has a facility that was closed. Answers
-- the newest of what changed.
with opened as (
    insert into alert (programme_id, facility_id, product_id, kind, opened_at)
    select :programme_id, p.facility_id, p.product_id, :kind, coalesce(p.out_since, :at)
    from position p
    join facility f on f.id = p.facility_id
    where f.programme_id = :programme_id and f.open and p.state = :stockout
    on conflict do nothing
    returning id, facility_id, product_id
),
resolved as (
    update alert a
    set resolved_at = :at
    from position p
    join facility f on f.id = p.facility_id
    where a.programme_id = :programme_id and a.kind = :kind and a.resolved_at is null
      and p.facility_id = a.facility_id and p.product_id = a.product_id
      and (p.state not in (:stockout, :no_report) or not f.open)
    returning a.id, a.facility_id, a.product_id
),
changed as (
    select id, true as opened, facility_id, product_id from opened
    union all
    select id, false, facility_id, product_id from resolved
    order by id desc
    limit :most
)
select c.id, CAST(:kind AS text) as kind, c.opened, f.code as facility, f.name as facility_name, r.name as area_name,
       p.code as product, p.name as product_name
from changed c
join facility f on f.id = c.facility_id
join area r on r.id = f.area_id
join product p on p.id = c.product_id
order by c.id
