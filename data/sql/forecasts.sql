-- facility --
-- A facility by its code.
select f.id, f.tier, f.catchment, f.partition_id, a.name as partition,
       exists (select from facility s where s.supplier_id = f.id) as supplies
from facility f
join area a on a.id = f.partition_id
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

-- peers --
-- What the places of a tier in a first-level area taught of a product.
select level, spread, dispersion, drift, ratio
from peer_group
where programme_id = :programme_id and product_id = :product_id and tier = :tier and partition_id = :partition_id

-- campaign_months --
-- The months in which a campaign of the product was held where a facility lies.
select distinct CAST(g.month AS date) as month
from facility f
join area a on a.id = f.area_id
join campaign k on k.product_id = :product_id and a.lineage @> array[k.area_id]
cross join lateral generate_series(date_trunc('month', k.first_day), k.last_day, interval '1 month') as g (month)
where f.id = :facility_id and g.month >= :since and g.month < :until

-- weights --
-- How much each doubted month of a position counts: a person's word before the rule's, and the least of several.
select month, min(case verdict when 'right' then 1 when 'wrong' then 0 else weight end) as weight
from flag
where programme_id = :programme_id and facility_id = :facility_id and product_id = :product_id
  and month >= :since and month < :until
group by month
