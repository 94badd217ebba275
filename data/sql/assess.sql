-- touched --
-- What the assessment needs of single positions, in the order asked; of their lots that may be used, in the order of
-- expiry; and of every tracer of their facilities. Columns of big-endian integers and floats: days are counted from
-- `today`; -2147483648 and NaN stand for null.
with asked as materialized (
    select facility_id, product_id, CAST(place AS int) - 1 as place
    from unnest(CAST(:facility_ids AS int[]), CAST(:product_ids AS int[]))
         with ordinality as a (facility_id, product_id, place)
)
select i.*, l.*, t.*
from (
    select string_agg(float4send(coalesce(amc, 'NaN')), '') as amc,
           string_agg(float4send(coalesce(dispersion, 'NaN')), '') as dispersion,
           string_agg(float4send(coalesce(uncertainty, 'NaN')), '') as uncertainty,
           string_agg(int4send(coalesce(CAST(preset AS int), -2147483648)), '') as preset,
           string_agg(float4send(coalesce(probability, 'NaN')), '') as probability,
           string_agg(int4send(coalesce(event_day, -2147483648)), '') as event_day,
           string_agg(int4send(coalesce(received_day, -2147483648)), '') as received_day,
           string_agg(int4send(state), '') as state,
           string_agg(int4send(version), '') as version,
           string_agg(int4send(delivery_interval_days), '') as delivery_interval_days,
           string_agg(int4send(lead_time_days), '') as lead_time_days,
           string_agg(int4send(report_interval_days), '') as report_interval_days,
           string_agg(int4send(ordinal), '') as ordinal,
           string_agg(int4send(supplies), '') as supplies,
           string_agg(int4send(seat), '') as seat,
           string_agg(int4send(doses_per_vial), '') as doses_per_vial,
           string_agg(float4send(coalesce(doses_per_child, 'NaN')), '') as doses_per_child,
           string_agg(float4send(coalesce(on_time, 'NaN')), '') as on_time,
           string_agg(float4send(coalesce(mean_days_late, 'NaN')), '') as days_late,
           string_agg(float4send(coalesce(learned_shift, 'NaN')), '') as learned_shift,
           string_agg(int4send(coalesce(coming, 0)), '') as coming,
           string_agg(int4send(coalesce(coming_day, -2147483648)), '') as coming_day
    from (
        select p.amc, p.dispersion, p.uncertainty, p.preset, p.probability, p.state, p.version, p.learned_shift,
               (p.last_event_at at time zone :timezone)::date - CAST(:today AS date) as event_day,
               p.last_received_on - CAST(:today AS date) as received_day,
               f.delivery_interval_days, f.lead_time_days, f.report_interval_days, f.ordinal,
               CAST(exists (select from facility s where s.supplier_id = f.id) AS int) as supplies,
               r.seat, r.doses_per_vial, CAST(nullif(r.doses_per_child, 0) AS real) as doses_per_child, d.on_time, d.mean_days_late,
               c.doses as coming, c.sent_on + f.lead_time_days - CAST(:today AS date) as coming_day
        from asked a
        join position p on p.facility_id = a.facility_id and p.product_id = a.product_id
        join facility f on f.id = a.facility_id
        join product r on r.id = a.product_id
        left join facility_delay d on d.facility_id = a.facility_id
        left join lateral (
            select CAST(sum(s.sent) AS int) as doses, min((s.sent_at at time zone :timezone)::date) as sent_on
            from shipment s
            where s.receiver_id = a.facility_id and s.product_id = a.product_id
              and s.resolved_at is null and s.sent <> s.received and s.received = 0
              and (s.sent_at at time zone :timezone)::date + f.lead_time_days + :given_up_days >= :today
        ) c on true
        order by a.place
    ) i
) i
cross join (
    select string_agg(int4send(place), '') as lot_place,
           string_agg(int4send(doses), '') as lot_doses,
           string_agg(int4send(coalesce(days_left, -2147483648)), '') as lot_days_left
    from (
        select a.place, b.doses, l.expiry - CAST(:today AS date) + 1 as days_left
        from asked a
        join lot_balance b on b.facility_id = a.facility_id and b.product_id = a.product_id
        left join lot l on l.id = b.lot_id
        where b.doses > 0 and b.vvm_stage <= :last_usable_stage and not b.quarantined
          and (l.expiry is null or l.expiry >= :today)
        order by a.place, l.expiry nulls last
    ) l
) l
cross join (
    select string_agg(int4send(facility_id), '') as tracer_facility_id,
           string_agg(int4send(product_id), '') as tracer_product_id,
           string_agg(int4send(ordinal), '') as tracer_ordinal,
           string_agg(int4send(state), '') as tracer_state,
           string_agg(float4send(coalesce(probability, 'NaN')), '') as tracer_probability,
           string_agg(int4send(coalesce(was, 0)), '') as tracer_was,
           string_agg(float4send(coalesce(was_probability, 'NaN')), '') as tracer_was_probability
    from (
        select p.facility_id, p.product_id, f.ordinal, p.state, p.probability,
               s.state as was, s.probability as was_probability
        from (select distinct facility_id from asked) d
        join facility f on f.id = d.facility_id
        join position p on p.facility_id = d.facility_id
        join product r on r.id = p.product_id and r.tracer
        left join facility_status s on s.facility_id = d.facility_id
    ) t
) t

-- store --
-- Write what was assessed, unless an event came in between: its own assessment follows. A place that is out keeps the
-- moment since when: the last event, or the day on which the last of its lots could no longer be used. Then the worst of
-- facilities.
with assessed as (
    update position p
    set usable = a.usable, state = a.state, probability = a.probability,
        cover_p10 = a.cover_p10, cover_p50 = a.cover_p50, cover_p90 = a.cover_p90,
        next_delivery_on = a.next_delivery_on, within = a.within, short = a.short, missed = a.missed,
        expiring = a.expiring, coming = a.coming, coming_on = a.coming_on,
        out_since = case
            when a.state = :stockout then coalesce(p.out_since, greatest(p.last_event_at, (
                select max(CAST(l.expiry + 1 AS timestamp)) at time zone :timezone
                from lot_balance b join lot l on l.id = b.lot_id
                where b.facility_id = p.facility_id and b.product_id = p.product_id and b.doses > 0
                  and l.expiry < :today
            )))
            when a.state <> :no_report then null
            else p.out_since
        end
    from (
        select facility_id, product_id, version, usable, CAST(state AS smallint) as state,
               nullif(probability, 'NaN') as probability, nullif(cover_p10, 'NaN') as cover_p10,
               nullif(cover_p50, 'NaN') as cover_p50, nullif(cover_p90, 'NaN') as cover_p90,
               CAST(:today AS date) + nullif(due, :null) as next_delivery_on,
               case when w7 <> 'NaN' then array[w7, w14, w30, w60, w90] end as within,
               nullif(short, 'NaN') as short, nullif(missed, 'NaN') as missed, nullif(expiring, 'NaN') as expiring,
               coming, CAST(:today AS date) + nullif(coming_due, :null) as coming_on
        from unnest(CAST(:facility_ids AS int[]), CAST(:product_ids AS int[]), CAST(:versions AS int[]),
                    CAST(:usable AS int[]), CAST(:states AS int[]), CAST(:probabilities AS real[]),
                    CAST(:cover_p10 AS real[]), CAST(:cover_p50 AS real[]), CAST(:cover_p90 AS real[]),
                    CAST(:due AS int[]), CAST(:within_7 AS real[]), CAST(:within_14 AS real[]),
                    CAST(:within_30 AS real[]), CAST(:within_60 AS real[]), CAST(:within_90 AS real[]),
                    CAST(:short AS real[]), CAST(:missed AS real[]), CAST(:expiring AS real[]),
                    CAST(:coming AS int[]), CAST(:coming_due AS int[]))
             as a (facility_id, product_id, version, usable, state, probability, cover_p10, cover_p50, cover_p90, due,
                   w7, w14, w30, w60, w90, short, missed, expiring, coming, coming_due)
    ) a
    where p.facility_id = a.facility_id and p.product_id = a.product_id and p.version = a.version
      and (p.usable, p.state, p.probability, p.cover_p10, p.cover_p50, p.cover_p90, p.next_delivery_on,
           p.within, p.short, p.missed, p.expiring, p.coming, p.coming_on)
          is distinct from
          (a.usable, a.state, a.probability, a.cover_p10, a.cover_p50, a.cover_p90, a.next_delivery_on,
           a.within, a.short, a.missed, a.expiring, a.coming, a.coming_on)
)
insert into facility_status as s (facility_id, state, probability)
select facility_id, state, nullif(probability, 'NaN')
from unnest(CAST(:status_facility_ids AS int[]), CAST(:status_states AS int[]), CAST(:status_probabilities AS real[]))
     as w (facility_id, state, probability)
order by facility_id
on conflict (facility_id) do update set state = excluded.state, probability = excluded.probability
where (s.state, s.probability) is distinct from (excluded.state, excluded.probability)
