-- positions --
-- The positions of some products, everywhere or at some facilities, in no order: facility and product as one number, and
-- by which bands they are judged. A product is of one programme, so nothing else has to say whose they are.
select string_agg(int8send(CAST(facility_id AS bigint) << 32 | product_id), '') as key,
       string_agg(int4send(coalesce(CAST(preset AS int), -2147483648)), '') as preset
from position
where product_id = any(CAST(:product_ids AS int[]))
  and (CAST(:facility_ids AS int[]) is null or facility_id = any(CAST(:facility_ids AS int[])))

-- facilities --
-- What the states at the facilities of a programme, or at some of them, are judged by; by id.
select string_agg(int4send(id), '') as id, string_agg(int4send(ordinal), '') as ordinal,
       string_agg(int4send(delivery_interval_days), '') as delivery_interval_days,
       string_agg(int4send(lead_time_days), '') as lead_time_days,
       string_agg(int4send(report_interval_days), '') as report_interval_days,
       string_agg(int4send(supplies), '') as supplies
from (
    select f.id, f.ordinal, CAST(f.delivery_interval_days AS int), CAST(f.lead_time_days AS int),
           CAST(f.report_interval_days AS int),
           CAST(exists (select from facility s where s.supplier_id = f.id) AS int) as supplies
    from facility f
    where f.programme_id = :programme_id
      and (CAST(:facility_ids AS int[]) is null or f.id = any(CAST(:facility_ids AS int[])))
    order by f.id
) f

-- vials --
-- Doses per vial of some products, by id.
select string_agg(int4send(id), '' order by id) as id,
       string_agg(int4send(CAST(doses_per_vial AS int)), '' order by id) as doses_per_vial
from product
where id = any(CAST(:product_ids AS int[]))

-- months --
-- The months of some products before a moment, as far as they say something of demand.
select string_agg(int4send(facility_id), '') as facility_id, string_agg(int4send(product_id), '') as product_id,
       string_agg(int4send(month), '') as month,
       string_agg(int4send(coalesce(opening, -2147483648)), '') as opening,
       string_agg(int4send(coalesce(received, -2147483648)), '') as received,
       string_agg(int4send(coalesce(used, -2147483648)), '') as used,
       string_agg(int4send(coalesce(days_out, -2147483648)), '') as days_out
from (
    select m.facility_id, m.product_id,
           CAST(extract(year from m.month) * 12 + extract(month from m.month) - 1 AS int) as month,
           m.opening, m.received, m.used, CAST(m.days_out AS int) as days_out
    from stock_month m
    where m.product_id = any(CAST(:product_ids AS int[])) and m.month >= :since and m.month < :until
      and (CAST(:facility_ids AS int[]) is null or m.facility_id = any(CAST(:facility_ids AS int[])))
) i

-- seen --
-- When positions last reported and received something, of what happened since a moment and was known.
select string_agg(int4send(facility_id), '') as facility_id, string_agg(int4send(product_id), '') as product_id,
       string_agg(int4send(event_day), '') as event_day,
       string_agg(int4send(coalesce(received_day, -2147483648)), '') as received_day
from (
    select facility_id, product_id, CAST(max(occurred_at) at time zone :timezone AS date) - CAST(:day AS date) as event_day,
           CAST(max(occurred_at) filter (where kind in ('receipt', 'transfer_in')) at time zone :timezone AS date)
               - CAST(:day AS date) as received_day
    from stock_event
    where programme_id = :programme_id and occurred_at > CAST(:since AS timestamptz) and occurred_at <= :moment
      and recorded_at <= CAST(:known AS timestamptz) and product_id = any(CAST(:product_ids AS int[]))
      and (CAST(:facility_ids AS int[]) is null or facility_id = any(CAST(:facility_ids AS int[])))
    group by facility_id, product_id
) s
