-- unaffected --
-- A month of which nobody reported days out, and in which something usable lay all the time: no day. Left without an
-- answer is where the balance was ever zero, a lot expired before the month's end, or anything was said of a lot's state.
update stock_month m
set days_out = 0, days_counted = true
from facility f
where f.id = m.facility_id and f.programme_id = :programme_id and m.month = :month and m.days_out is null
  and m.opening > 0
  and not exists (
      select from stock_event e
      where e.facility_id = m.facility_id and e.product_id = m.product_id
        and e.kind in ('vvm', 'quarantine', 'release') and e.occurred_at < :ends
  )
  and not exists (
      select from lot_balance b
      join lot l on l.id = b.lot_id
      where b.facility_id = m.facility_id and b.product_id = m.product_id and l.expiry < :next_month
        and (b.doses > 0 or exists (
            select from stock_event e
            where e.facility_id = b.facility_id and e.product_id = b.product_id and e.lot_id = b.lot_id
              and e.occurred_at >= :starts
        ))
  )
  and not exists (
      select from (
          select sum(e.doses) over (order by e.occurred_at, e.id) as moved
          from stock_event e
          where e.facility_id = m.facility_id and e.product_id = m.product_id
            and e.occurred_at >= :starts and e.occurred_at < :ends
      ) line
      where m.opening + line.moved <= 0
  )

-- affected --
-- The others.
select m.facility_id, m.product_id
from stock_month m
join facility f on f.id = m.facility_id
where f.programme_id = :programme_id and m.month = :month and m.days_out is null and m.opening is not null
order by m.facility_id, m.product_id

-- late --
-- Months that are over and were counted, or would have been, had anything been on record of them, from the month on in
-- which something came late to their position.
select m.month, m.facility_id, m.product_id
from unnest(CAST(:facility_ids AS int[]), CAST(:product_ids AS int[]), CAST(:months AS date[]))
     as late (facility_id, product_id, month)
join stock_month m on m.facility_id = late.facility_id and m.product_id = late.product_id and m.month >= late.month
where (m.days_counted or m.days_out is null and m.missing is not null) and m.opening is not null
  and m.month < :running
order by m.month, m.facility_id, m.product_id

-- counted --
-- Months of some facilities whose days were counted.
select facility_id, product_id, min(month) as month
from stock_month
where facility_id = any(CAST(:facility_ids AS int[])) and days_counted
group by facility_id, product_id

-- shelves --
-- What lay at positions when the month began, lot by lot (what lies there now without all that moved since); whether
-- there ever had been any; and all that had been said of its state, as [id, kind, entry, stage, reverses_id] in order.
select a.place, b.lot_id, l.expiry, b.doses - since.doses as doses, said.said,
       exists (
           select from stock_event e
           where e.facility_id = b.facility_id and e.product_id = b.product_id and e.occurred_at < :starts
             and e.doses > 0
       ) as had
from unnest(CAST(:facility_ids AS int[]), CAST(:product_ids AS int[]))
     with ordinality as a (facility_id, product_id, place)
join lot_balance b on b.facility_id = a.facility_id and b.product_id = a.product_id
left join lot l on l.id = b.lot_id
cross join lateral (
    select CAST(coalesce(sum(e.doses), 0) AS int) as doses
    from stock_event e
    where e.facility_id = b.facility_id and e.product_id = b.product_id and e.lot_id is not distinct from b.lot_id
      and e.occurred_at >= :starts
) since
cross join lateral (
    select jsonb_agg(jsonb_build_array(e.id, e.kind, e.entry, e.stage, e.reverses_id)
                     order by e.occurred_at, e.source, e.source_id) as said
    from stock_event e
    where e.facility_id = b.facility_id and e.product_id = b.product_id and e.lot_id = b.lot_id
      and e.occurred_at < :starts and e.kind in ('vvm', 'quarantine', 'release')
) said

-- rows --
-- What happened at positions in the month, in the order of its moments.
select a.place, e.id, e.kind, e.entry, e.doses, e.lot_id, l.expiry, e.stage, e.occurred_at, e.source, e.source_id,
       e.reverses_id
from unnest(CAST(:facility_ids AS int[]), CAST(:product_ids AS int[]))
     with ordinality as a (facility_id, product_id, place)
join stock_event e on e.facility_id = a.facility_id and e.product_id = a.product_id
left join lot l on l.id = e.lot_id
where e.occurred_at >= :starts and e.occurred_at < :ends
order by a.place, e.occurred_at, e.id

-- store --
-- Keep how many days it was.
update stock_month m
set days_out = d.days_out, days_counted = true
from unnest(CAST(:facility_ids AS int[]), CAST(:product_ids AS int[]), CAST(:days AS smallint[]))
     as d (facility_id, product_id, days_out)
where m.facility_id = d.facility_id and m.product_id = d.product_id and m.month = :month
