-- receipts --
-- The newest days on which a position received something from its supplier.
select distinct CAST(occurred_at at time zone :timezone AS date) as day
from stock_event
where facility_id = :facility_id and product_id = :product_id and kind = 'receipt' and entry = 'event'
  and occurred_at >= :since
order by day desc
limit :count
