-- cases --
-- What was predicted at the end of each month against what the next one brought: by product and month, for places with
-- and without stock at that end, by whose prediction it was (0: the count model's, in force; 1: a learned model's, in
-- force; 2: what the count model alone said of the latter), cases counted by the hundredth of their probability. A place
-- ran out when the next month closed below a vial or had a day out of stock. What the next month did not report is
-- counted apart (`fine` -1).
select d.seat, m.month, coalesce(m.closing >= d.doses_per_vial, false) as stocked, w.whose,
       case when n.closing is null and n.days_out is null then -1
            else least(CAST(floor(w.chance * CAST(100 AS float8) + 0.0001) AS int), 99) end as fine,
       CAST(count(*) AS int) as places, sum(CAST(w.chance AS float8)) as predicted,
       CAST(count(*) filter (where o.happened) AS int) as happened,
       sum((CAST(w.chance AS float8) - CAST(o.happened AS int)) ^ 2) as squared
from stock_month m
join product d on d.id = m.product_id
cross join lateral (
    values (case when m.counted_30 is null then 0 else 1 end, m.within_30), (2, m.counted_30)
) w (whose, chance)
left join stock_month n on n.facility_id = m.facility_id and n.product_id = m.product_id
    and n.month = CAST(m.month + interval '1 month' AS date)
cross join lateral (select coalesce(n.closing < d.doses_per_vial, false) or coalesce(n.days_out > 0, false) as happened) o
where d.programme_id = :programme_id and w.chance is not null
  and m.month >= CAST(:since AS date) and m.month < CAST(:until AS date)
group by 1, 2, 3, 4, 5
