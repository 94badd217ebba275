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
       string_agg(float4send(coalesce(was_probability, 'NaN')), '') as was_probability,
       string_agg(int4send(coalesce(supplier_id, -2147483648)), '') as supplier_id,
       string_agg(float4send(coalesce(on_time, 'NaN')), '') as on_time,
       string_agg(float4send(coalesce(mean_days_late, 'NaN')), '') as days_late
from (
    select f.id, f.ordinal, f.delivery_interval_days, f.lead_time_days, f.report_interval_days, f.catchment,
           CAST(dense_rank() over (order by f.tier) AS int) - 1 as tier,
           CAST(exists (select from facility s where s.supplier_id = f.id) AS int) as supplies,
           w.state as was, w.probability as was_probability, f.supplier_id, d.on_time, d.mean_days_late
    from facility f
    left join facility_status w on w.facility_id = f.id
    left join facility_delay d on d.facility_id = f.id
    where f.programme_id = :programme_id
    order by f.id
) f

-- products --
-- The products of a programme, by id; `need` is what a child of the catchment needs in a month.
select id, seat, doses_per_vial, CAST(tracer AS int) as tracer,
       doses_per_child / 12 / (1 - coalesce(open_vial_wastage, 0)) as need, CAST(nullif(doses_per_child, 0) AS real) as doses_per_child
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
       string_agg(int4send(coalesce(CAST(p.demand_source AS int), -2147483648)), '') as demand_source,
       string_agg(int4send(coalesce(CAST(p.preset AS int), -2147483648)), '') as preset,
       string_agg(float4send(coalesce(p.probability, 'NaN')), '') as probability,
       string_agg(float4send(coalesce(p.learned_shift, 'NaN')), '') as learned_shift,
       string_agg(float4send(coalesce(p.cover_p10, 'NaN')), '') as cover_p10,
       string_agg(float4send(coalesce(p.cover_p50, 'NaN')), '') as cover_p50,
       string_agg(float4send(coalesce(p.cover_p90, 'NaN')), '') as cover_p90,
       string_agg(float4send(coalesce(p.short, 'NaN')), '') as short,
       string_agg(float4send(coalesce(p.missed, 'NaN')), '') as missed,
       string_agg(float4send(coalesce(p.expiring, 'NaN')), '') as expiring,
       string_agg(int4send(p.coming), '') as was_coming,
       string_agg(int4send(coalesce(p.coming_on - CAST(:today AS date), -2147483648)), '') as was_coming_day,
       string_agg(array_send(coalesce(p.within, '{NaN,NaN,NaN,NaN,NaN}')), '') as within
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

-- coming --
-- What was sent to the facilities of a programme and has not arrived: doses, and when the first of it is expected.
select string_agg(int4send(facility_id), '') as facility_id,
       string_agg(int4send(product_id), '') as product_id,
       string_agg(int4send(doses), '') as doses,
       string_agg(int4send(day), '') as day
from (
    select s.receiver_id as facility_id, s.product_id, CAST(sum(s.sent) AS int) as doses,
           min((s.sent_at at time zone :timezone)::date) + min(f.lead_time_days) - CAST(:today AS date) as day
    from shipment s
    join facility f on f.id = s.receiver_id
    where s.programme_id = :programme_id and s.resolved_at is null and s.sent <> s.received and s.received = 0
      and (s.sent_at at time zone :timezone)::date + f.lead_time_days + :given_up_days >= :today
    group by s.receiver_id, s.product_id
) c

-- deliveries --
-- What the receipts of a time say of each facility: how many deliveries came after one of the same product, how many of
-- them late, and the days that they were late; with the days of what is overdue and still in use. What was received in a
-- month that was not reported is not known, so that the time around it is neither long nor short.
with receipt as materialized (
    select distinct e.facility_id, e.product_id, CAST(e.occurred_at at time zone :timezone AS date) as day
    from stock_event e
    where e.programme_id = :programme_id and e.kind = 'receipt' and e.entry = 'event'
      and e.occurred_at >= :starts and e.occurred_at < :ends
),
gap as (
    select facility_id, product_id, day, lag(day) over (partition by facility_id, product_id order by day) as before
    from receipt
),
told as (
    select g.facility_id, count(*) as came, count(*) filter (where l.late) as late,
           coalesce(sum(g.day - g.before - f.delivery_interval_days) filter (where l.late), 0) as days
    from gap g
    join facility f on f.id = g.facility_id
    cross join lateral (select g.day - g.before > f.delivery_interval_days + :tolerance as late) l
    where g.before is not null and not (l.late and exists (
        select from generate_series(date_trunc('month', g.before) + interval '1 month',
                                    date_trunc('month', g.day) - interval '1 month', interval '1 month') as s (month)
        where not exists (
            select from stock_month m
            where m.facility_id = g.facility_id and m.product_id = g.product_id and m.month = CAST(s.month AS date)
              and m.received is not null
        )
    ))
    group by g.facility_id
),
waiting as (
    select p.facility_id, sum(least(:today - p.last_received_on - f.delivery_interval_days, :most_overdue)) as days
    from position p
    join facility f on f.id = p.facility_id
    where f.programme_id = :programme_id and p.amc > 0 and p.state <> :no_report
      and p.last_received_on < CAST(:today AS date) - f.delivery_interval_days - :tolerance
      and p.last_received_on >= CAST(:starts AS timestamptz)::date
    group by p.facility_id
)
select string_agg(int4send(id), '') as facility_id, string_agg(int4send(came), '') as came,
       string_agg(int4send(late), '') as late, string_agg(int4send(days), '') as days
from (
    select f.id, CAST(coalesce(t.came, 0) AS int) as came, CAST(coalesce(t.late, 0) AS int) as late,
           CAST(coalesce(t.days, 0) + coalesce(w.days, 0) AS int) as days
    from facility f
    left join told t on t.facility_id = f.id
    left join waiting w on w.facility_id = f.id
    where f.programme_id = :programme_id
    order by f.id
) f

-- store_delays --
-- Keep what was learnt of the deliveries to facilities.
insert into facility_delay as d (facility_id, deliveries, late, days_late, on_time, mean_days_late)
select facility_id, deliveries, late, days_late, on_time, mean_days_late
from unnest(CAST(:facility_id AS int[]), CAST(:deliveries AS int[]), CAST(:late AS int[]), CAST(:days_late AS int[]),
            CAST(:on_time AS real[]), CAST(:mean_days_late AS real[]))
     as l (facility_id, deliveries, late, days_late, on_time, mean_days_late)
on conflict (facility_id) do update
set deliveries = excluded.deliveries, late = excluded.late, days_late = excluded.days_late,
    on_time = excluded.on_time, mean_days_late = excluded.mean_days_late
where (d.deliveries, d.late, d.days_late, d.on_time, d.mean_days_late)
      is distinct from
      (excluded.deliveries, excluded.late, excluded.days_late, excluded.on_time, excluded.mean_days_late)

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

-- hold_all --
-- Hold every position of a programme until commit, in the ledger's order: who writes months has held their positions.
select from position p
join facility f on f.id = p.facility_id
where f.programme_id = :programme_id
order by p.facility_id, p.product_id
for update of p

-- close_month --
-- A month that has ended keeps the state in which it ended, also where nothing happened in it: then what was there stayed,
-- and what was used is not known.
insert into stock_month as m (facility_id, product_id, month, opening, closing, state, probability, within_30, expected)
select p.facility_id, p.product_id, :month, p.total - since.doses, p.total - since.doses, p.state, p.probability,
       p.within[3], p.amc
from position p
join facility f on f.id = p.facility_id
cross join lateral (
    select coalesce(sum(e.doses), 0)::int as doses
    from stock_event e
    where e.facility_id = p.facility_id and e.product_id = p.product_id and e.occurred_at >= :ends
) since
where f.programme_id = :programme_id and f.open and p.state <> :no_report
on conflict (facility_id, product_id, month) do update
set state = excluded.state, probability = excluded.probability, within_30 = excluded.within_30,
    expected = excluded.expected
where m.state is null
