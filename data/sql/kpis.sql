-- plan_each --
-- Statements about an area are planned for what they are given: a nation is read otherwise than a district.
select set_config('plan_cache_mode', 'force_custom_plan', true)

-- terms --
-- Lead times and delivery intervals that there are.
select distinct lead_time_days, delivery_interval_days from facility where programme_id = :programme_id

-- months --
-- What happened in the period, by product: sums over the places that serve children (`counted`, as on the map), and what
-- was lost and managed at all places. Who has no demand reports, and is not out of what it does not need (`active`).
-- `low` and `high` are the levels of each preset in months of demand; what was expected of a month is what its balance and
-- its use are held against. The months of a campaign were no routine, and one (nearly) without stock says nothing of need.
with band as materialized (
    select * from unnest(CAST(:presets AS int[]), CAST(:leads AS int[]), CAST(:intervals AS int[]),
                         CAST(:lows AS float8[]), CAST(:highs AS float8[]))
                  as b (preset, lead, "interval", low, high)
),
place as materialized (
    select f.id, f.lead_time_days, f.delivery_interval_days, c.facility_id is not null as serves,
           exists (select from facility s where s.supplier_id = f.id) as supplies
    from area a
    join facility f on f.area_id = a.id and f.open
    left join counted c on c.facility_id = f.id
    where a.lineage @> array[CAST(:area_id AS int)]
),
campaign_month as materialized (
    select distinct f.id as facility_id, k.product_id, CAST(g.month AS date) as month
    from campaign k
    join area a on a.lineage @> array[k.area_id]
    join facility f on f.area_id = a.id
    cross join lateral generate_series(date_trunc('month', k.first_day), k.last_day, interval '1 month') as g (month)
    where k.programme_id = :programme_id
),
told as (
    select m.facility_id, m.product_id, m.month, m.opening, m.received, m.used, m.lost, m.closing, m.days_out, m.state,
           m.expected, f.serves, b.low, b.high,
           f.serves and coalesce(m.state not in (:no_report, :inactive), m.closing is not null) as active,
           f.serves and coalesce(m.state <> :no_report, m.closing is not null) as reported,
           case when f.serves and m.expected > 0 and k.month is null
                     and d.length - coalesce(m.days_out, 0) >= :in_stock_at_least * d.length
                then nullif(m.used * d.length / (d.length - coalesce(m.days_out, 0)), 0) end as need
    from place f
    join stock_month m on m.facility_id = f.id and m.month >= :first and m.month < :until
    join position o on o.facility_id = m.facility_id and o.product_id = m.product_id
    left join band b on b.lead = f.lead_time_days and b."interval" = f.delivery_interval_days
        and b.preset = coalesce(o.preset, case when f.supplies then :stores else :preset end)
    left join campaign_month k on k.facility_id = m.facility_id and k.product_id = m.product_id and k.month = m.month
    cross join lateral (
        select CAST(CAST(m.month + interval '1 month' AS date) - m.month AS float8) as length
    ) d
)
select r.code as product, r.tracer,
       count(*) filter (where p.reported) as reported, count(*) filter (where p.out) as out_ever,
       sum(p.days_out) as days_out, sum(p.months) as months, sum(p.days_known) as days_known,
       sum(p.planned) as planned, sum(p.judged) as judged, sum(p.reports) as reports,
       sum(p.used) filter (where p.serves) as used, sum(p.managed) filter (where p.serves) as had,
       sum(p.lost) as lost, sum(p.managed) as managed,
       sum(p.need) as need, sum(p.foretold) as foretold, sum(p.missed_by) as missed_by
from (
    select product_id, bool_or(serves) as serves, bool_or(reported) as reported,
           bool_or(active and (coalesce(days_out, 0) > 0 or state = :stockout)) as out,
           sum(days_out) filter (where active) as days_out,
           count(*) filter (where active) as months, count(days_out) filter (where active) as days_known,
           count(*) filter (where active and state is distinct from :stockout
                            and closing between expected * low and expected * high) as planned,
           count(*) filter (where active and expected > 0 and closing is not null) as judged,
           count(*) filter (where reported) as reports,
           sum(used) as used, sum(lost) as lost,
           coalesce((array_agg(opening order by month))[1], 0) + coalesce(sum(received), 0) as managed,
           sum(need) as need, sum(expected) filter (where need is not null) as foretold,
           sum(abs(expected - need)) as missed_by
    from told
    group by facility_id, product_id
) p
join product r on r.id = p.product_id
group by r.id
order by r.seat

-- now --
-- How it stands now, by product, at the places that serve children: those that report, of them those that are out, and
-- the reports that were expected of all that is handled.
select r.code as product, r.tracer, count(*) * CAST(:months AS int) as expected,
       count(*) filter (where o.state <> :no_report) as reporting_now,
       count(*) filter (where o.state = :stockout) as out_now
from area a
join facility f on f.area_id = a.id and f.open
join counted c on c.facility_id = f.id
join position o on o.facility_id = f.id
join product r on r.id = o.product_id
where a.lineage @> array[CAST(:area_id AS int)]
group by r.id
order by r.seat

-- opened --
-- What opened vials wasted, by product: where a place reports what its sessions gave, all that it opened and did not give;
-- elsewhere what it recorded as lost from opened vials. `opened_lost` is all that was recorded as that. A loss that is
-- taken back is none.
with place as materialized (
    select f.id
    from area a
    join facility f on f.area_id = a.id and f.open
    where a.lineage @> array[CAST(:area_id AS int)]
),
told as materialized (
    select facility_id, product_id, month, sum(administered) as administered, sum(doses) as doses
    from (
        select e.facility_id, e.product_id,
               CAST(date_trunc('month', e.occurred_at at time zone :timezone) AS date) as month,
               CAST(null as int) as administered, -e.doses as doses
        from stock_event e
        left join stock_event b on e.entry = 'reversal' and b.id = e.reverses_id and b.occurred_at = e.occurred_at
        where e.programme_id = :programme_id and e.kind = 'loss' and coalesce(b.reason, e.reason) = :opened_vials
          and e.occurred_at >= :starts and e.occurred_at < :ends and e.facility_id in (select id from place)
        union all
        select facility_id, product_id, month, administered, null
        from session_month
        where facility_id in (select id from place) and month >= :first and month < :until and administered is not null
    ) said
    group by facility_id, product_id, month
)
select r.code as product, r.tracer, coalesce(sum(t.doses), 0) as opened_lost,
       sum(m.used + coalesce(t.doses, 0)) as opened,
       sum(m.used + coalesce(t.doses, 0) - coalesce(t.administered, m.used)) as wasted
from told t
join stock_month m on m.facility_id = t.facility_id and m.product_id = t.product_id and m.month = t.month
join product r on r.id = t.product_id
group by r.id
order by r.seat

-- orders --
-- What facilities of the area ordered in the period, by product, with what of it was shipped and has arrived by now. What
-- they gave up before anybody had decided is as if it had not been ordered.
with asked as materialized (
    select o.id
    from area a
    join facility f on f.area_id = a.id
    join stock_order o on o.facility_id = f.id and o.placed_at >= :starts and o.placed_at < :ends
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
-- Places that serve children and report a tracer, and those of them that were never out of any.
select count(*) as facilities, count(*) filter (where not f.out) as full
from (
    select bool_or(coalesce(m.days_out, 0) > 0 or m.state = :stockout) as out
    from area a
    join facility f on f.area_id = a.id and f.open
    join counted c on c.facility_id = f.id
    join stock_month m on m.facility_id = f.id and m.month >= :first and m.month < :until
    join product r on r.id = m.product_id and r.tracer
    where a.lineage @> array[CAST(:area_id AS int)] and m.state not in (:no_report, :inactive)
    group by f.id
) f

-- deliveries --
-- Deliveries that were due in the period, a lead time after they were sent, and those of them that were there by then and
-- complete. What never arrived is neither.
select count(*) as deliveries,
       count(*) filter (where s.received = s.sent and s.received_at <= d.due) as good
from area a
join facility f on f.area_id = a.id
join shipment s on s.receiver_id = f.id and s.sent_at is not null
cross join lateral (select s.sent_at + make_interval(days => f.lead_time_days) as due) d
where a.lineage @> array[CAST(:area_id AS int)] and d.due >= :starts and d.due < :ends

-- counts --
-- What stock counts of the period found beside what was on record.
select sum(l.counted) as counted, sum(abs(l.counted - l.expected)) as differing
from area a
join facility f on f.area_id = a.id
join stock_count c on c.facility_id = f.id and c.status = 'posted'
join stock_count_line l on l.count_id = c.id and l.counted is not null
where a.lineage @> array[CAST(:area_id AS int)] and c.counted_at >= :starts and c.counted_at < :ends

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
