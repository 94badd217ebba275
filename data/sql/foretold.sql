-- facilities --
-- The facilities of a programme by id, with the area in which each lies.
select string_agg(int4send(id), '' order by id) as id, string_agg(int4send(area_id), '' order by id) as area
from facility where programme_id = :programme_id

-- products --
-- The products of a programme by id, with their places on screen and the doses of a vial.
select string_agg(int4send(id), '' order by id) as id, string_agg(int4send(CAST(seat AS int)), '' order by id) as seat,
       string_agg(int4send(doses_per_vial), '' order by id) as vial
from product where programme_id = :programme_id

-- told --
-- What was in force at the end of a month of the positions that were not out, and what the count model alone had said
-- where a learned one spoke; NaN where it did not.
select string_agg(int4send(m.facility_id), '') as facility_id,
       string_agg(int4send(m.product_id), '') as product_id,
       string_agg(float4send(m.within_30), '') as shown,
       string_agg(float4send(coalesce(m.counted_30, 'NaN')), '') as counted
from stock_month m
join facility f on f.id = m.facility_id
where f.programme_id = :programme_id and m.month = :month and m.within_30 is not null
  and m.state is distinct from :stockout

-- keep --
-- What was foretold at the end of a month, and what the count model alone said.
update stock_month m
set within_30 = f.learned, counted_30 = f.counted
from unnest(CAST(:facility_ids AS int[]), CAST(:product_ids AS int[]), CAST(:learned AS real[]), CAST(:counted AS real[]))
     as f (facility_id, product_id, learned, counted)
where m.facility_id = f.facility_id and m.product_id = f.product_id and m.month = :month
  and (m.within_30, m.counted_30) is distinct from (f.learned, f.counted)

-- shift --
-- How far what was learnt of positions lies from what is counted; NaN stands for null.
update position p
set learned_shift = nullif(f.shift, 'NaN')
from unnest(CAST(:facility_ids AS int[]), CAST(:product_ids AS int[]), CAST(:shifts AS real[]))
     as f (facility_id, product_id, shift)
where p.facility_id = f.facility_id and p.product_id = f.product_id

-- model --
-- Which model is in force.
update programme set model = :model where id = :programme_id and model is distinct from :model
