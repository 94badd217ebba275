-- receipts --
-- The newest days on which a position received something from its supplier, and whether all months between each and the
-- one before it were reported: otherwise nobody knows how long it waited.
select d.day, not exists (
           select from generate_series(date_trunc('month', d.before) + interval '1 month',
                                       date_trunc('month', d.day) - interval '1 month', interval '1 month') as s (month)
           where not exists (
               select from stock_month m
               where m.facility_id = :facility_id and m.product_id = :product_id and m.month = CAST(s.month AS date)
                 and m.received is not null
           )
       ) as heard
from (
    select day, lag(day) over (order by day) as before
    from (
        select distinct CAST(occurred_at at time zone :timezone AS date) as day
        from stock_event
        where facility_id = :facility_id and product_id = :product_id and kind = 'receipt' and entry = 'event'
          and occurred_at >= :since
        order by day desc
        limit :count
    ) newest
) d
order by d.day
