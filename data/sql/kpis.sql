-- plan_each --
-- Statements about an area are planned for what they are given: a nation is read otherwise than a district.
select set_config('plan_cache_mode', 'force_custom_plan', true)

-- flows --
-- What happened in the period, by product: positions that reported, and sums of their months.
select r.code as product, r.tracer,
       count(*) filter (where p.reported) as active,
       count(*) filter (where p.out) as out_ever,
       sum(p.days_out) as days_out, count(p.days_out) as counted,
       sum(p.planned) as planned, sum(p.judged) as judged,
       sum(p.reports) as reports,
       sum(p.lost) as lost, sum(p.managed) as managed, sum(p.used) as used
from (
    select m.product_id,
           bool_or(coalesce(m.state <> :no_report, m.closing is not null)) as reported,
           bool_or(coalesce(m.days_out, 0) > 0 or m.state = :stockout) as out,
           sum(m.days_out) as days_out,
           count(*) filter (where m.state = :adequate) as planned,
           count(*) filter (where m.state not in (:no_report, :inactive)) as judged,
           count(*) filter (where coalesce(m.state <> :no_report, m.closing is not null)) as reports,
           sum(m.lost) as lost, sum(m.used) as used,
           coalesce((array_agg(m.opening order by m.month))[1], 0) + coalesce(sum(m.received), 0) as managed
    from area a
    join facility f on f.area_id = a.id and f.open
    join stock_month m on m.facility_id = f.id and m.month >= :first and m.month < :until
    where a.lineage @> array[CAST(:area_id AS int)]
    group by m.facility_id, m.product_id
) p
join product r on r.id = p.product_id
group by r.id
order by r.seat

-- now --
-- How it stands now, by product: positions that report, those of them that are out, and the reports that were expected
-- of all that is handled.
select r.code as product, r.tracer, count(*) * CAST(:months AS int) as expected,
       count(*) filter (where o.state not in (:no_report, :inactive)) as reporting_now,
       count(*) filter (where o.state = :stockout) as out_now
from area a
join facility f on f.area_id = a.id and f.open
join position o on o.facility_id = f.id
join product r on r.id = o.product_id
where a.lineage @> array[CAST(:area_id AS int)]
group by r.id
order by r.seat

-- sessions --
-- What sessions gave of what was opened, by product, where both are known.
select r.code as product, r.tracer, sum(m.used) as opened, sum(m.used - s.administered) as wasted
from area a
join facility f on f.area_id = a.id and f.open
join session_month s on s.facility_id = f.id and s.month >= :first and s.month < :until
join stock_month m on m.facility_id = s.facility_id and m.product_id = s.product_id and m.month = s.month
join product r on r.id = s.product_id
where a.lineage @> array[CAST(:area_id AS int)] and s.administered is not null and m.used is not null
group by r.id
order by r.seat

-- orders --
-- What facilities of the area ordered in the period, by product, with what of it was shipped and has arrived by now. What
-- they gave up before anybody had decided is as if it had not been ordered.
with asked as materialized (
    select o.id
    from area a
    join facility f on f.area_id = a.id
    join stock_order o on o.facility_id = f.id and o.placed_at >= :first and o.placed_at < :until
    where a.lineage @> array[CAST(:area_id AS int)] and (o.ended_at is null or o.approved_at is not null)
),
moved as (
    select m.order_id, m.product_id, sum(m.shipped) as shipped, sum(s.received) as arrived
    from stock_order_moved(array(select id from asked)) m
    left join shipment s on s.id = m.shipment_id and m.shipped > 0
    group by m.order_id, m.product_id
)
select r.code as product, r.tracer, sum(l.ordered) as ordered, coalesce(sum(m.shipped), 0) as shipped,
       coalesce(sum(m.arrived), 0) as arrived
from asked o
join stock_order_line l on l.order_id = o.id
join product r on r.id = l.product_id
left join moved m on m.order_id = l.order_id and m.product_id = l.product_id
group by r.id
order by r.seat

-- availability --
-- Facilities that report a tracer, and those of them that were never out of any.
select count(*) as facilities, count(*) filter (where not f.out) as full
from (
    select bool_or(coalesce(m.days_out, 0) > 0 or m.state = :stockout) as out
    from area a
    join facility f on f.area_id = a.id and f.open
    join stock_month m on m.facility_id = f.id and m.month >= :first and m.month < :until
    join product r on r.id = m.product_id and r.tracer
    where a.lineage @> array[CAST(:area_id AS int)] and m.state not in (:no_report, :inactive)
    group by f.id
) f

-- deliveries --
-- Deliveries that arrived in the period, and those of them within the lead time and complete.
select count(*) as deliveries,
       count(*) filter (where s.received = s.sent
                        and s.received_at <= s.sent_at + make_interval(days => f.lead_time_days)) as good
from area a
join facility f on f.area_id = a.id
join shipment s on s.receiver_id = f.id and s.sent_at is not null
where a.lineage @> array[CAST(:area_id AS int)] and s.received_at >= :first and s.received_at < :until

-- counts --
-- What stock counts of the period found beside what was on record.
select sum(l.counted) as counted, sum(abs(l.counted - l.expected)) as differing
from area a
join facility f on f.area_id = a.id
join stock_count c on c.facility_id = f.id and c.status = 'posted'
join stock_count_line l on l.count_id = c.id and l.counted is not null
where a.lineage @> array[CAST(:area_id AS int)] and c.counted_at >= :first and c.counted_at < :until

-- levels --
-- Through how many stores a dose goes at most until it is given: the length of the longest chain of suppliers.
with recursive chain as (
    select f.id, f.supplier_id, 1 as length
    from facility f
    where f.programme_id = :programme_id and f.supplier_id is null
    union all
    select f.id, f.supplier_id, chain.length + 1
    from chain
    join facility f on f.supplier_id = chain.id
    where chain.length < 8
)
select coalesce(max(length), 1) from chain

-- lots --
-- The usable lots of the area by position and expiry, with the demand and the price of each.
select string_agg(int4send(facility_id), '') as facility_id, string_agg(int4send(product_id), '') as product_id,
       string_agg(int4send(doses), '') as doses,
       string_agg(int4send(coalesce(days_left, -2147483648)), '') as days_left,
       string_agg(float4send(coalesce(amc, 'NaN')), '') as amc,
       string_agg(float4send(coalesce(CAST(price AS real), 'NaN')), '') as price
from (
    select b.facility_id, b.product_id, b.doses, l.expiry - CAST(:today AS date) + 1 as days_left, o.amc, r.price
    from area a
    join facility f on f.area_id = a.id and f.open
    join lot_balance b on b.facility_id = f.id
    join position o on o.facility_id = b.facility_id and o.product_id = b.product_id
    join product r on r.id = b.product_id
    left join lot l on l.id = b.lot_id
    where a.lineage @> array[CAST(:area_id AS int)] and b.doses > 0 and b.vvm_stage <= :last_usable_stage
      and not b.quarantined and (l.expiry is null or l.expiry >= :today)
    order by b.facility_id, b.product_id, l.expiry nulls last
) lots

-- currency --
-- The currency of a programme's prices.
select currency from product where programme_id = :programme_id and currency is not null limit 1
