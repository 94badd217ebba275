-- cases --
-- What was predicted at the end of each month against what the next one brought: by product and month, for places with
-- and without stock at that end, cases counted by the hundredth of their probability. A place ran out when the next month
-- closed below a vial or had a day out of stock. What the next month did not report is counted apart (`fine` -1).
select d.seat, m.month, coalesce(m.closing >= d.doses_per_vial, false) as stocked,
       case when n.closing is null and n.days_out is null then -1
            else least(CAST(floor(m.within_30 * CAST(100 AS float8) + 0.0001) AS int), 99) end as fine,
       CAST(count(*) AS int) as places, sum(CAST(m.within_30 AS float8)) as predicted,
       CAST(count(*) filter (where o.happened) AS int) as happened,
       sum((CAST(m.within_30 AS float8) - CAST(o.happened AS int)) ^ 2) as squared
from stock_month m
join product d on d.id = m.product_id
left join stock_month n on n.facility_id = m.facility_id and n.product_id = m.product_id
    and n.month = CAST(m.month + interval '1 month' AS date)
cross join lateral (select coalesce(n.closing < d.doses_per_vial, false) or coalesce(n.days_out > 0, false) as happened) o
where d.programme_id = :programme_id and m.within_30 is not null
  and m.month >= CAST(:since AS date) and m.month < CAST(:until AS date)
group by 1, 2, 3, 4
