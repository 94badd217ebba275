-- standing --
-- How late deliveries come to a facility, where that was learnt.
select on_time, mean_days_late from facility_delay where facility_id = :facility_id

-- lots --
-- What may be used of one product at one facility, by expiry.
select l.expiry, CAST(sum(b.doses) AS int) as doses
from lot_balance b
left join lot l on l.id = b.lot_id
where b.facility_id = :facility_id and b.product_id = :product_id and b.doses > 0
  and b.vvm_stage <= :last_usable_stage and not b.quarantined and (l.expiry is null or l.expiry >= :today)
group by l.expiry
order by l.expiry nulls last

-- days --
-- By how much the balance of one product at one facility changed on each local day since a moment, oldest first.
select CAST(occurred_at at time zone :timezone AS date) as day, CAST(sum(doses) AS int) as change
from stock_event
where facility_id = :facility_id and product_id = :product_id and occurred_at >= :since
group by 1
order by 1
