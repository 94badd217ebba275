-- open --
-- Shipments that nobody has named before; whichever end comes first opens it.
insert into shipment (programme_id, document, product_id, sender_id, receiver_id)
select distinct on (document, product_id) :programme_id, document, product_id, sender_id, receiver_id
from unnest(CAST(:documents AS text[]), CAST(:product_ids AS int[]), CAST(:sender_ids AS int[]),
            CAST(:receiver_ids AS int[])) as s (document, product_id, sender_id, receiver_id)
order by document, product_id
on conflict do nothing

-- lock --
-- Hold shipments until commit, in one order for everybody.
select s.id, s.document, s.product_id, s.sender_id, s.receiver_id, a.name as sender_name, b.name as receiver_name
from shipment s
join facility a on a.id = s.sender_id
join facility b on b.id = s.receiver_id
where s.programme_id = :programme_id
  and (s.document, s.product_id) in (
      select document, product_id
      from unnest(CAST(:documents AS text[]), CAST(:product_ids AS int[])) as asked (document, product_id)
  )
order by s.id
for update of s

-- lots_under_way --
-- What is under way of each lot: sent rows are negative, received ones positive.
select e.shipment_id, e.lot_id, l.number, l.expiry, -sum(e.doses)::int as doses
from stock_event e
left join lot l on l.id = e.lot_id
where e.shipment_id = any(CAST(:ids AS bigint[]))
group by e.shipment_id, e.lot_id, l.number, l.expiry
having sum(e.doses) < 0
order by e.shipment_id, l.expiry nulls last, e.lot_id

-- follow --
-- Add what was sent and received; it left with the first of what was sent, and the last of it that came is its arrival.
update shipment s
set sent = s.sent + f.sent, received = s.received + f.received,
    sent_at = least(s.sent_at, f.sent_at), received_at = greatest(s.received_at, f.received_at)
from unnest(CAST(:ids AS bigint[]), CAST(:sent AS int[]), CAST(:received AS int[]), CAST(:sent_ats AS timestamptz[]),
            CAST(:received_ats AS timestamptz[])) as f (id, sent, received, sent_at, received_at)
where s.id = f.id

-- resolve --
-- Somebody says why what arrived is not what was sent.
update shipment s
set resolved_at = :now, resolution = :resolution, resolved_by = :actor_id
from product p
where p.id = s.product_id and s.programme_id = :programme_id and s.document = :document and p.code = :product
  and s.resolved_at is null and s.sent <> s.received

-- ends --
-- Who sends a shipment to whom, with the areas that each end lies in.
select a.id as sender_id, sa.lineage as sender_lineage, b.id as receiver_id, sb.lineage as receiver_lineage
from shipment s
join product p on p.id = s.product_id
join facility a on a.id = s.sender_id
join area sa on sa.id = a.area_id
join facility b on b.id = s.receiver_id
join area sb on sb.id = b.area_id
where s.programme_id = :programme_id and s.document = :document and p.code = :product

-- shipments --
-- What is in transit, or arrived differently and is not resolved; of one facility, or of all.
select s.id, s.document, p.code as product, p.name as product_name, a.code as sender, a.name as sender_name,
       b.code as receiver, b.name as receiver_name, s.sent, s.received,
       greatest(s.sent - s.received, 0) as in_transit, s.received > 0 and s.sent > 0 and s.sent <> s.received as differs,
       s.sent_at, s.received_at, s.resolved_at, s.resolution
from shipment s
join product p on p.id = s.product_id
join facility a on a.id = s.sender_id
join facility b on b.id = s.receiver_id
where s.programme_id = :programme_id and s.resolved_at is null and s.sent <> s.received and s.sent > 0
  and (CAST(:facility_id AS int) is null or s.sender_id = :facility_id or s.receiver_id = :facility_id)
  and (s.sender_id <@ CAST(:seen AS int4multirange) or s.receiver_id <@ CAST(:seen AS int4multirange))
order by s.sent_at, s.id
