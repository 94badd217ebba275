-- facility --
-- A facility by its code.
select f.id, f.tier, f.catchment, exists (select from facility s where s.supplier_id = f.id) as supplies
from facility f
where f.programme_id = :programme_id and f.code = :facility

-- product --
-- A product by its code.
select id, unit, open_vial_wastage, doses_per_child, season
from product
where programme_id = :programme_id and code = :product

-- position --
-- The demand in force.
select amc, demand_source from position where facility_id = :facility_id and product_id = :product_id

-- policies --
-- What a programme chose for tiers and products.
select tier, product_id, preset, amc_method, window_months from policy where programme_id = :programme_id order by id
