-- plan_each --
-- Statements about a whole nation are planned for what they are given: a plan for anything would take index after index.
select set_config('plan_cache_mode', 'force_custom_plan', true)

-- months_changed --
-- Whether a month that is over was changed since demand was worked out.
select months_changed from programme where id = :programme_id

-- store_day --
-- The local day for which the programme's positions stand; months that were changed meanwhile stay marked.
update programme set assessed_on = :today, months_changed = months_changed and not :known where id = :programme_id

-- mark --
-- A month that is over was changed.
update programme set months_changed = true where id = :programme_id and not months_changed

-- facilities --
-- The facilities of a programme, by id: columns of big-endian integers and floats. Here and below -2147483648 and NaN
-- stand for null, and days are counted from `today`.
select string_agg(int4send(id), '') as id,
       string_agg(int4send(ordinal), '') as ordinal,
       string_agg(int4send(delivery_interval_days), '') as delivery_interval_days,
       string_agg(int4send(lead_time_days), '') as lead_time_days,
       string_agg(int4send(report_interval_days), '') as report_interval_days,
       string_agg(int4send(coalesce(catchment, -2147483648)), '') as catchment,
       string_agg(int4send(tier), '') as tier,
       string_agg(int4send(supplies), '') as supplies,
       string_agg(int4send(coalesce(was, -2147483648)), '') as was,
       string_agg(float4send(coalesce(was_probability, 'NaN')), '') as was_probability
from (
    select f.id, f.ordinal, f.delivery_interval_days, f.lead_time_days, f.report_interval_days, f.catchment,
           CAST(dense_rank() over (order by f.tier) AS int) - 1 as tier,
           CAST(exists (select from facility s where s.supplier_id = f.id) AS int) as supplies,
           w.state as was, w.probability as was_probability
    from facility f
    left join facility_status w on w.facility_id = f.id
    where f.programme_id = :programme_id
    order by f.id
) f

-- products --
-- The products of a programme, by id; `need` is what a child of the catchment needs in a month.
select id, seat, doses_per_vial, CAST(tracer AS int) as tracer,
       doses_per_child / 12 / (1 - coalesce(open_vial_wastage, 0)) as need
from product
where programme_id = :programme_id
order by id

-- positions --
-- Every position of a programme, in no order.
select string_agg(int4send(p.facility_id), '') as facility_id,
       string_agg(int4send(p.product_id), '') as product_id,
       string_agg(int4send(p.usable), '') as usable,
       string_agg(int4send(p.state), '') as state,
       string_agg(int4send(p.version), '') as version,
       string_agg(int4send(coalesce((p.last_event_at at time zone :timezone)::date - CAST(:today AS date), -2147483648)), '')
           as event_day,
       string_agg(int4send(coalesce(p.last_received_on - CAST(:today AS date), -2147483648)), '') as received_day,
       string_agg(int4send(coalesce(p.next_delivery_on - CAST(:today AS date), -2147483648)), '') as due,
       string_agg(float4send(coalesce(p.amc, 'NaN')), '') as amc,
       string_agg(float4send(coalesce(p.dispersion, 'NaN')), '') as dispersion,
       string_agg(float4send(coalesce(p.uncertainty, 'NaN')), '') as uncertainty,
       string_agg(float4send(coalesce(p.probability, 'NaN')), '') as probability,
       string_agg(float4send(coalesce(p.cover_p10, 'NaN')), '') as cover_p10,
       string_agg(float4send(coalesce(p.cover_p50, 'NaN')), '') as cover_p50,
       string_agg(float4send(coalesce(p.cover_p90, 'NaN')), '') as cover_p90
from position p
join facility f on f.id = p.facility_id
where f.programme_id = :programme_id

-- lots --
-- The lots that may be used of the facilities from one id to another, in no order.
select string_agg(int4send(b.facility_id), '') as facility_id,
       string_agg(int4send(b.product_id), '') as product_id,
       string_agg(int4send(b.doses), '') as doses,
       string_agg(int4send(coalesce(l.expiry - CAST(:today AS date) + 1, -2147483648)), '') as days_left
from lot_balance b
join facility f on f.id = b.facility_id
left join lot l on l.id = b.lot_id
where f.programme_id = :programme_id and b.facility_id between :first and :last
  and b.doses > 0 and b.vvm_stage <= :last_usable_stage and not b.quarantined
  and (l.expiry is null or l.expiry >= :today)

-- months --
-- The full months since one of them, of the facilities from one id to another, in no order; by days since `since`.
select string_agg(int4send(m.facility_id), '') as facility_id,
       string_agg(int4send(m.product_id), '') as product_id,
       string_agg(int4send(m.month - CAST(:since AS date)), '') as first_day,
       string_agg(int4send(coalesce(m.opening, -2147483648)), '') as opening,
       string_agg(int4send(coalesce(m.received, -2147483648)), '') as received,
       string_agg(int4send(coalesce(m.used, -2147483648)), '') as used,
       string_agg(int4send(coalesce(m.days_out, -2147483648)), '') as days_out
from stock_month m
join facility f on f.id = m.facility_id
where f.programme_id = :programme_id and m.facility_id between :first and :last
  and m.month >= :since and m.month < :until

-- hold --
-- Hold positions until commit, in the ledger's order; answers the places, counted from 0, of those that an event has
-- changed since they were read.
with held as (
    select CAST(a.place AS int) - 1 as place, p.version <> a.version as overtaken
    from unnest(CAST(:facility_id AS int[]), CAST(:product_id AS int[]), CAST(:version AS int[]))
         with ordinality as a (facility_id, product_id, version, place)
    join position p on p.facility_id = a.facility_id and p.product_id = a.product_id
    order by p.facility_id, p.product_id
    for update of p
)
select string_agg(int4send(place), '') filter (where overtaken) as place from held

-- store_demand --
-- Write the demand of positions.
update position p
set amc = nullif(d.amc, 'NaN'), dispersion = nullif(d.dispersion, 'NaN'), uncertainty = nullif(d.uncertainty, 'NaN')
from unnest(CAST(:facility_id AS int[]), CAST(:product_id AS int[]), CAST(:amc AS real[]),
            CAST(:dispersion AS real[]), CAST(:uncertainty AS real[]))
     as d (facility_id, product_id, amc, dispersion, uncertainty)
where p.facility_id = d.facility_id and p.product_id = d.product_id

-- close_month --
-- A month that has ended keeps the state in which it ended, also where nothing happened in it: then what was there stayed,
-- and what was used is not known.
insert into stock_month as m (facility_id, product_id, month, opening, closing, state, probability)
select p.facility_id, p.product_id, :month, p.total - since.doses, p.total - since.doses, p.state, p.probability
from position p
join facility f on f.id = p.facility_id
cross join lateral (
    select coalesce(sum(e.doses), 0)::int as doses
    from stock_event e
    where e.facility_id = p.facility_id and e.product_id = p.product_id and e.occurred_at >= :ends
) since
where f.programme_id = :programme_id and f.open and p.state <> :no_report
on conflict (facility_id, product_id, month) do update
set state = excluded.state, probability = excluded.probability
where m.state is null
