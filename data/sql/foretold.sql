-- facilities --
-- The facilities of a programme by id, with the area in which each lies.
select string_agg(int4send(id), '' order by id) as id, string_agg(int4send(area_id), '' order by id) as area
from facility where programme_id = :programme_id

-- products --
-- The products of a programme by id, with their places on screen.
select string_agg(int4send(id), '' order by id) as id, string_agg(int4send(CAST(seat AS int)), '' order by id) as seat
from product where programme_id = :programme_id

-- keep --
-- What was foretold at the end of a month.
update stock_month m
set within_30 = f.chance
from unnest(CAST(:facility_ids AS int[]), CAST(:product_ids AS int[]), CAST(:chances AS real[]))
     as f (facility_id, product_id, chance)
where m.facility_id = f.facility_id and m.product_id = f.product_id and m.month = :month
