-- positions --
-- What a lens needs of the positions of some products, with the push that it includes: one statement and so one snapshot.
-- Columns of big-endian integers and floats; NaN stands for null.
select coalesce((select max(seq) from push where programme_id = :programme_id), 0) as seq,
       string_agg(int4send(f.ordinal), '') as ordinal,
       string_agg(int4send(p.product_id), '') as product_id,
       string_agg(int4send(p.state), '') as state,
       string_agg(int4send(p.usable), '') as usable,
       string_agg(float4send(coalesce(p.amc, 'NaN')), '') as amc,
       string_agg(float4send(coalesce(p.expiring, 'NaN')), '') as expiring,
       string_agg(float4send(coalesce(case when CAST(:place AS int) is null then p.probability
                                           else p.within[CAST(:place AS int)] end, 'NaN')), '') as probability
from position p
join facility f on f.id = p.facility_id
where f.programme_id = :programme_id and p.product_id = any(CAST(:product_ids AS int[]))

-- facilities --
-- What bands need of every facility, in registry order.
select string_agg(int4send(delivery_interval_days), '' order by ordinal) as delivery_interval_days,
       string_agg(int4send(lead_time_days), '' order by ordinal) as lead_time_days,
       string_agg(int4send(CAST(s.supplier_id is not null AS int)), '' order by ordinal) as supplies
from facility f
left join (select distinct supplier_id from facility where programme_id = :programme_id) s on s.supplier_id = f.id
where f.programme_id = :programme_id
