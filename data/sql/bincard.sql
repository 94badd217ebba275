-- opening --
-- What was on record of each lot before the period: its doses, whether there ever were any, and all that was said of its
-- vials and of setting it aside, as [id, kind, entry, stage, reverses_id] in order.
select e.lot_id, l.number, l.expiry, CAST(sum(e.doses) AS int) as doses, bool_or(e.doses > 0) as had,
       jsonb_agg(jsonb_build_array(e.id, e.kind, e.entry, e.stage, e.reverses_id)
                 order by e.occurred_at, e.source, e.source_id)
           filter (where e.kind in ('vvm', 'quarantine', 'release')) as said
from stock_event e
left join lot l on l.id = e.lot_id
where e.facility_id = :facility_id and e.product_id = :product_id and e.occurred_at < :starts
  and e.recorded_at <= coalesce(CAST(:as_of AS timestamptz), 'infinity')
group by e.lot_id, l.number, l.expiry

-- rows --
-- The record of one position over a period, in the order of its moments; `who` is somebody's id and sealed name.
select e.id, e.kind, e.entry, e.doses, e.counted, e.reserved, e.lot_id, l.number as lot, l.expiry, e.reason, e.stage,
       e.occurred_at, e.recorded_at, e.source, e.source_id, u.id || ' ' || u.name as who, e.document, f.code as partner,
       f.name as partner_name, e.order_number, e.note, e.attachment_id, a.name as attachment, e.reverses_id
from stock_event e
left join lot l on l.id = e.lot_id
left join app_user u on u.id = e.actor_id
left join facility f on f.id = e.partner_id
left join attachment a on a.id = e.attachment_id
where e.facility_id = :facility_id and e.product_id = :product_id and e.occurred_at >= :starts and e.occurred_at < :ends
  and e.recorded_at <= coalesce(CAST(:as_of AS timestamptz), 'infinity')
order by e.occurred_at, e.id
limit :most

-- now --
-- What the position holds now, and what of it is promised.
select usable, total, reserved, version from position where facility_id = :facility_id and product_id = :product_id

-- promised --
-- What is reserved of it, by order.
select order_number, CAST(sum(reserved) AS int) as doses
from stock_event
where facility_id = :facility_id and product_id = :product_id and order_number is not null
group by order_number
having sum(reserved) <> 0
order by order_number

-- lot --
-- A lot of a product by its number.
select id, number, expiry from lot where product_id = :product_id and number = :number

-- lots --
-- The lots that were ever at one place.
select l.number, l.expiry
from lot_balance b
join lot l on l.id = b.lot_id
where b.facility_id = :facility_id and b.product_id = :product_id
order by l.expiry desc, l.number

-- reported --
-- Days out of stock of months that somebody reported.
select month, days_out as days
from stock_month
where facility_id = :facility_id and product_id = :product_id and month >= :first and month < :until
  and days_out is not null and not days_counted
order by month
