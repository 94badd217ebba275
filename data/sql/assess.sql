-- pairs --
-- Every position of a programme, in one order.
select string_agg(int4send(facility_id), '') as facility_id, string_agg(int4send(product_id), '') as product_id
from (
    select p.facility_id, p.product_id
    from position p join facility f on f.id = p.facility_id
    where f.programme_id = :programme_id
    order by p.facility_id, p.product_id
) p

-- inputs --
-- What the assessment needs of these positions, as columns of big-endian integers and floats, in the order asked.
-- Days are counted from `today`; -2147483648 stands for null.
select string_agg(int4send(usable), '') as usable,
       string_agg(int4send(doses_per_vial), '') as doses_per_vial,
       string_agg(float4send(coalesce(amc, 'NaN')), '') as amc,
       string_agg(float4send(coalesce(dispersion, 'NaN')), '') as dispersion,
       string_agg(float4send(coalesce(uncertainty, 'NaN')), '') as uncertainty,
       string_agg(int4send(coalesce(event_day, -2147483648)), '') as event_day,
       string_agg(int4send(coalesce(received_day, -2147483648)), '') as received_day,
       string_agg(int4send(delivery_interval_days), '') as delivery_interval_days,
       string_agg(int4send(lead_time_days), '') as lead_time_days,
       string_agg(int4send(report_interval_days), '') as report_interval_days,
       string_agg(int4send(ordinal), '') as ordinal,
       string_agg(int4send(seat), '') as seat,
       string_agg(int4send(state), '') as state,
       string_agg(int4send(group_number), '') as group_number,
       string_agg(int4send(supplies), '') as supplies,
       string_agg(int4send(version), '') as version,
       string_agg(float4send(coalesce(expected_monthly, 'NaN')), '') as expected_monthly
from (
    select p.usable, r.doses_per_vial, p.amc, p.dispersion, p.uncertainty,
           (p.last_event_at at time zone :timezone)::date - CAST(:today AS date) as event_day,
           p.last_received_on - CAST(:today AS date) as received_day,
           CAST(f.delivery_interval_days AS int), CAST(f.lead_time_days AS int), CAST(f.report_interval_days AS int),
           f.ordinal, CAST(r.seat AS int), CAST(p.state AS int), p.version,
           CAST(dense_rank() over (order by r.seat, f.tier) AS int) - 1 as group_number,
           CAST(exists (select from facility s where s.supplier_id = f.id) AS int) as supplies,
           CAST(f.catchment * r.doses_per_child / 12 / (1 - coalesce(r.open_vial_wastage, 0)) AS real)
               as expected_monthly
    from unnest(CAST(:facility_ids AS int[]), CAST(:product_ids AS int[]))
         with ordinality as a (facility_id, product_id, place)
    join position p on p.facility_id = a.facility_id and p.product_id = a.product_id
    join facility f on f.id = p.facility_id
    join product r on r.id = p.product_id
    order by a.place
) i

-- lots --
-- The lots that may be used, of these positions, in the order of expiry.
select string_agg(int4send(place), '') as place,
       string_agg(int4send(doses), '') as doses,
       string_agg(int4send(coalesce(days_left, -2147483648)), '') as days_left
from (
    select CAST(a.place AS int) - 1 as place, b.doses, l.expiry - CAST(:today AS date) + 1 as days_left
    from unnest(CAST(:facility_ids AS int[]), CAST(:product_ids AS int[]))
         with ordinality as a (facility_id, product_id, place)
    join lot_balance b on b.facility_id = a.facility_id and b.product_id = a.product_id
    left join lot l on l.id = b.lot_id
    where b.doses > 0 and b.vvm_stage <= :last_usable_stage and not b.quarantined
      and (l.expiry is null or l.expiry >= :today)
    order by a.place, l.expiry nulls last
) i

-- months --
-- The full months of a programme since one of them.
select string_agg(int4send(facility_id), '') as facility_id,
       string_agg(int4send(product_id), '') as product_id,
       string_agg(int4send(month), '') as month,
       string_agg(int4send(coalesce(opening, -2147483648)), '') as opening,
       string_agg(int4send(coalesce(received, -2147483648)), '') as received,
       string_agg(int4send(coalesce(used, -2147483648)), '') as used,
       string_agg(int4send(coalesce(days_out, -2147483648)), '') as days_out
from (
    select m.facility_id, m.product_id,
           CAST(extract(year from m.month) * 12 + extract(month from m.month) - 1 AS int) as month,
           m.opening, m.received, m.used, CAST(m.days_out AS int)
    from stock_month m join facility f on f.id = m.facility_id
    where f.programme_id = :programme_id and m.month >= :since and m.month < :until
) i

-- store_demand --
-- Write the demand of positions.
update position p
set amc = d.amc, dispersion = d.dispersion, uncertainty = d.uncertainty
from unnest(CAST(:facility_ids AS int[]), CAST(:product_ids AS int[]), CAST(:amc AS real[]),
            CAST(:dispersion AS real[]), CAST(:uncertainty AS real[]))
     as d (facility_id, product_id, amc, dispersion, uncertainty)
where p.facility_id = d.facility_id and p.product_id = d.product_id
  and (p.amc, p.dispersion, p.uncertainty) is distinct from (d.amc, d.dispersion, d.uncertainty)

-- hold --
-- Hold positions until commit, in the ledger's order.
select from position p
join unnest(CAST(:facility_ids AS int[]), CAST(:product_ids AS int[])) as a (facility_id, product_id)
  on p.facility_id = a.facility_id and p.product_id = a.product_id
order by p.facility_id, p.product_id
for update of p

-- store_assessment --
-- Write what was assessed, unless an event came in between: its own assessment follows. A place that is out keeps the
-- moment since when: the last event, or the day on which the last of its lots could no longer be used.
update position p
set usable = a.usable, state = a.state, probability = a.probability,
    cover_p10 = a.cover_p10, cover_p50 = a.cover_p50, cover_p90 = a.cover_p90, next_delivery_on = a.next_delivery_on,
    out_since = case
        when a.state = :stockout then coalesce(p.out_since, greatest(p.last_event_at, (
            select max(CAST(l.expiry + 1 AS timestamp)) at time zone :timezone
            from lot_balance b join lot l on l.id = b.lot_id
            where b.facility_id = p.facility_id and b.product_id = p.product_id and b.doses > 0 and l.expiry < :today
        )))
        when a.state <> :no_report then null
        else p.out_since
    end
from unnest(CAST(:facility_ids AS int[]), CAST(:product_ids AS int[]), CAST(:usable AS int[]),
            CAST(:state AS smallint[]), CAST(:probability AS real[]), CAST(:cover_p10 AS real[]),
            CAST(:cover_p50 AS real[]), CAST(:cover_p90 AS real[]), CAST(:next_delivery_on AS date[]),
            CAST(:version AS int[]))
     as a (facility_id, product_id, usable, state, probability, cover_p10, cover_p50, cover_p90, next_delivery_on,
           version)
where p.facility_id = a.facility_id and p.product_id = a.product_id and p.version = a.version
  and (p.usable, p.state, p.probability, p.cover_p10, p.cover_p50, p.cover_p90, p.next_delivery_on)
      is distinct from
      (a.usable, a.state, a.probability, a.cover_p10, a.cover_p50, a.cover_p90, a.next_delivery_on)

-- tracers --
-- State and probability of every tracer of these facilities.
select p.facility_id, f.ordinal, p.product_id, p.state, p.probability, s.state as was
from position p
join product r on r.id = p.product_id and r.tracer
join facility f on f.id = p.facility_id
left join facility_status s on s.facility_id = p.facility_id
where p.facility_id = any(CAST(:facility_ids AS int[]))
order by p.facility_id, p.product_id

-- store_status --
-- Write the worst of facilities.
insert into facility_status as s (facility_id, state, probability)
select * from unnest(CAST(:facility_ids AS int[]), CAST(:state AS smallint[]), CAST(:probability AS real[]))
order by 1
on conflict (facility_id) do update set state = excluded.state, probability = excluded.probability
where (s.state, s.probability) is distinct from (excluded.state, excluded.probability)

-- store_day --
-- The local day for which the programme's positions stand.
update programme set assessed_on = :today where id = :programme_id

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

-- count_days_out --
-- Days out of stock of a month that has ended, where nobody reported them: full local days on which the balance over all
-- lots was zero from midnight to midnight. The day it ran out and the day it was refilled do not count, and empty spells
-- that touch are one. The month begins with its opening.
update stock_month m
set days_out = c.days_out
from (
    select t.facility_id, t.product_id, coalesce(sum(s.days), 0) as days_out
    from stock_month t
    join facility f on f.id = t.facility_id
    left join lateral (
        select greatest(0, CAST(upto AS date) - CAST(begins + interval '1 day' - interval '1 microsecond' AS date)) as days
        from (
            select at as begins, empty, coalesce(lead(at) over (order by at, id), CAST(:next_month AS timestamp)) as upto
            from (
                select at, id, empty, lag(empty) over (order by at, id) as was_empty
                from (
                    select CAST(:month AS timestamp) as at, CAST(0 AS bigint) as id, t.opening = 0 as empty
                    union all
                    select e.occurred_at at time zone :timezone, e.id,
                           t.opening + sum(e.doses) over (order by e.occurred_at, e.id) = 0
                    from stock_event e
                    where e.facility_id = t.facility_id and e.product_id = t.product_id
                      and e.occurred_at >= :starts and e.occurred_at < :ends
                ) line
            ) told
            where empty is distinct from was_empty
        ) spell
        where empty
    ) s on true
    where f.programme_id = :programme_id and t.month = :month and t.days_out is null and t.opening is not null
    group by t.facility_id, t.product_id
) c
where m.facility_id = c.facility_id and m.product_id = c.product_id and m.month = :month
