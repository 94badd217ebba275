-- products --
-- What demand needs to know of the products of a programme, by id.
select id, unit, open_vial_wastage from product where programme_id = :programme_id order by id

-- areas --
-- The first-level area of each facility by the facility's id, numbered from 0.
select string_agg(int4send(number), '') as area
from (
    select CAST(dense_rank() over (order by partition_id) AS int) - 1 as number, id
    from facility
    where programme_id = :programme_id
    order by id
) f

-- tiers --
-- The tiers of a programme, in the order of their numbers.
select distinct tier from facility where programme_id = :programme_id order by tier

-- policies --
-- What a programme chose for tiers and products.
select tier, product_id, preset, amc_method, window_months from policy where programme_id = :programme_id order by id

-- has_sessions --
-- Whether any session of a programme was ever reported.
select exists (
    select from product p where p.programme_id = :programme_id
      and exists (select from session_month s join facility f on f.id = s.facility_id
                  where f.programme_id = :programme_id and s.product_id = p.id)
)

-- store --
-- Write the demand of positions, where it comes from, and whose levels hold.
update position p
set amc = nullif(d.amc, 'NaN'), dispersion = nullif(d.dispersion, 'NaN'), uncertainty = nullif(d.uncertainty, 'NaN'),
    demand_source = d.demand_source, preset = d.preset
from unnest(CAST(:facility_id AS int[]), CAST(:product_id AS int[]), CAST(:amc AS real[]),
            CAST(:dispersion AS real[]), CAST(:uncertainty AS real[]), CAST(:demand_source AS int[]),
            CAST(:preset AS int[]))
     as d (facility_id, product_id, amc, dispersion, uncertainty, demand_source, preset)
where p.facility_id = d.facility_id and p.product_id = d.product_id

-- partitions --
-- The first-level areas of a programme's facilities, in the order of their numbers.
select string_agg(int4send(partition_id), '') as id
from (select distinct partition_id from facility where programme_id = :programme_id order by partition_id) f

-- drop_peers --
-- What like places taught before.
delete from peer_group where programme_id = :programme_id

-- keep_peers --
-- What like places taught: NaN is not known.
insert into peer_group (programme_id, product_id, tier, partition_id, level, spread, dispersion, drift, ratio)
select :programme_id, product_id, tier, partition_id, nullif(level, 'NaN'), nullif(spread, 'NaN'),
       nullif(dispersion, 'NaN'), drift, ratio
from unnest(CAST(:product_id AS int[]), CAST(:tier AS text[]), CAST(:partition_id AS int[]), CAST(:level AS real[]),
            CAST(:spread AS real[]), CAST(:dispersion AS real[]), CAST(:drift AS real[]), CAST(:ratio AS boolean[]))
     as g (product_id, tier, partition_id, level, spread, dispersion, drift, ratio)
