-- facilities --
-- Every facility of a programme, in the order in which they are looked at.
select id, code from facility where programme_id = :programme_id order by id

-- products --
-- What products are called.
select id, code from product where programme_id = :programme_id

-- rows --
-- All rows of some facilities in the order in which they were written, position by position: what data.record.chain
-- covers comes last, in its order.
select e.facility_id, e.product_id, e.id, e.programme_id, e.lot_id, e.shipment_id, e.digest, e.kind, e.entry, e.doses,
       e.counted, e.reserved, l.number as lot, l.expiry, e.lot_named, e.reason, e.stage, e.occurred_at, e.recorded_at,
       e.source, e.source_id, e.actor_id, e.document, e.partner_id, e.order_number, e.note, e.attachment_id,
       e.reverses_id
from stock_event e
left join lot l on l.id = e.lot_id
where e.facility_id = any(CAST(:facility_ids AS int[]))
order by e.facility_id, e.product_id, e.id

-- lots --
-- Lots as they are kept.
select b.facility_id, b.product_id, b.lot_id, l.number, b.doses, b.vvm_stage, b.quarantined, b.first_received_at
from lot_balance b
left join lot l on l.id = b.lot_id
where b.facility_id = any(CAST(:facility_ids AS int[]))

-- positions --
-- Positions as they are kept.
select facility_id, product_id, usable, total, reserved, last_event_at, last_received_on, chain
from position
where facility_id = any(CAST(:facility_ids AS int[]))

-- months --
-- Months as they are kept.
select facility_id, product_id, month, opening, received, used, lost, adjusted, closing, days_out, days_counted
from stock_month
where facility_id = any(CAST(:facility_ids AS int[]))

-- marks --
-- The months that are marked, and by which rows.
select month, max(last_id) as last_id from lot_month where programme_id = :programme_id group by month order by month

-- judged --
-- The marks of what positions were judged by, and by which rows.
select distinct month, last_id from position_month where programme_id = :programme_id order by month, last_id

-- marked --
-- What the marks say of a block of facilities.
select month, facility_id, product_id, lot_id, doses
from lot_month
where programme_id = :programme_id and block = any(CAST(:blocks AS int[]))
order by month

-- waiting --
-- Positions of a programme that the reader who assesses has not reached yet.
select distinct o.facility_id, o.product_id
from outbox o
left join reader r on r.name = :reader
where o.programme_id = :programme_id and (o.txid, o.seq) > (coalesce(r.txid, 0), coalesce(r.seq, 0))

-- shipments --
-- What was sent under a document, and what arrived.
select s.document || ' / ' || r.code as place, s.sent || ' sent, ' || s.received || ' received' as stands,
       coalesce(e.sent, 0) || ' sent, ' || coalesce(e.received, 0) || ' received' as should
from shipment s
join product r on r.id = s.product_id
left join (
    select shipment_id, -coalesce(sum(doses) filter (where kind not in ('receipt', 'transfer_in')), 0) as sent,
           coalesce(sum(doses) filter (where kind in ('receipt', 'transfer_in')), 0) as received
    from stock_event where shipment_id is not null group by 1
) e on e.shipment_id = s.id
where (s.sent, s.received) <> (coalesce(e.sent, 0), coalesce(e.received, 0))
limit :most

-- orders --
-- What was approved of an order is what was reserved for it, and of one that was given up nothing was left reserved: up to
-- the last event that is its own, for a shipment may be taken back, and then its doses are reserved again.
select o.number || ' / ' || r.code as place,
       coalesce(l.approved || ' approved', 'not approved') || case when o.ended_at is null then '' else ', given up' end
           as stands,
       coalesce(own.promised, 0) || ' reserved for it' || case when o.ended_at is null then ''
           else ', ' || coalesce(held.reserved, 0) || ' of them still when it was given up' end as should
from stock_order o
join stock_order_line l on l.order_id = o.id
join product r on r.id = l.product_id
left join (
    select facility_id, product_id, order_number, max(id) as last_id,
           CAST(sum(reserved) filter (where kind = 'reserve') AS int) as promised
    from stock_event
    where order_number is not null and source = 'order' and entry = 'event'
    group by 1, 2, 3
) own on own.facility_id = o.supplier_id and own.product_id = l.product_id and own.order_number = o.number
left join lateral (
    select CAST(sum(e.reserved) AS int) as reserved
    from stock_event e
    where e.facility_id = o.supplier_id and e.product_id = l.product_id and e.order_number = o.number
      and e.occurred_at >= o.placed_at and e.id <= own.last_id and o.ended_at is not null
) held on true
where coalesce(l.approved, 0) <> coalesce(own.promised, 0) or (o.approved_at is null) <> (l.approved is null)
   or (o.ended_at is not null and coalesce(held.reserved, 0) <> 0)
limit :most

-- strays --
-- Rows of facilities, products or programmes that are not there, or not together.
select 'row ' || e.id as place,
       'programme ' || e.programme_id || ', facility ' || e.facility_id || ', product ' || e.product_id as stands,
       'a facility and a product of one programme' as should
from stock_event e
left join facility f on f.id = e.facility_id
left join product r on r.id = e.product_id
where f.programme_id is distinct from e.programme_id or r.programme_id is distinct from e.programme_id
limit :most

-- answers --
-- What was acknowledged is on record.
select k.source || ' / ' || k.source_id as place, 'no rows' as stands, 'its rows' as should
from event_key k
where not exists (
    select from stock_event e
    where e.id = CAST(k.result -> 'event_ids' ->> 0 AS bigint) and e.source = k.source and e.source_id = k.source_id
)
limit :most

-- attachments --
-- Papers as they were attached.
select f.code || ' / ' || a.name as place, encode(sha256(a.content), 'hex') as stands, encode(a.sha256, 'hex') as should
from attachment a
join facility f on f.id = a.facility_id
where sha256(a.content) <> a.sha256
limit :most

-- alerts --
-- A place that stopped reporting keeps the alert that it had.
select f.code || ' / ' || r.code as place, case when a.id is null then 'no alert' else 'alert' end as stands,
       case when p.state = 2 then 'alert' else 'no alert' end as should
from position p
join facility f on f.id = p.facility_id
join product r on r.id = p.product_id
left join alert a on a.facility_id = p.facility_id and a.product_id = p.product_id and a.kind = 'stockout'
                 and a.resolved_at is null
where f.open and ((p.state = 2 and a.id is null) or (p.state not in (2, 0) and a.id is not null))
limit :most

-- log --
-- Each entry of the auditors' log carries the digest of itself and of the one before; the head knows the last.
with entry as (
    select l as row, l.programme_id, l.number, l.digest,
           lag(l.digest, 1, ''::bytea) over (partition by l.programme_id order by l.number) as before,
           lag(l.number, 1, 0::bigint) over (partition by l.programme_id order by l.number) as previous
    from audit_log l
), last as (
    select distinct on (programme_id) programme_id, number, digest
    from audit_log
    order by programme_id, number desc
)
select 'log ' || programme_id || ' / entry ' || number as place, left(encode(digest, 'hex'), 16) as stands,
       case when number = previous + 1 then left(encode(audit_digest(before, row), 'hex'), 16)
            else 'entry ' || previous + 1 end as should
from entry
where number <> previous + 1 or digest <> audit_digest(before, row)
union all
select 'log ' || programme_id || ' / its end', 'entry ' || coalesce(l.number, 0), 'entry ' || coalesce(h.number, 0)
from audit_head h
full join last l using (programme_id)
where h.number is distinct from l.number or h.digest is distinct from l.digest
limit :most

-- readers --
-- How far a reader of the outbox is, what lies behind it, and how much of that it says it has read.
select r.name, r.txid, r.seq, r.taken, CAST(r.taken_sum AS bigint) as taken_sum, count(o.seq) as passed,
       CAST(coalesce(sum(o.seq), 0) AS bigint) as passed_sum,
       coalesce((select max(txid) from outbox), CAST(CAST(pg_snapshot_xmax(pg_current_snapshot()) AS text) AS bigint))
           as newest
from reader r
left join outbox o on (o.txid, o.seq) <= (r.txid, r.seq)
group by r.name, r.txid, r.seq, r.taken, r.taken_sum

-- change --
-- Which change that was: the place, and what the outbox says of it.
select f.code || ' / ' || r.code as place, o.payload ->> 'kind' as kind, o.payload ->> 'occurred_at' as occurred_at
from outbox o
join facility f on f.id = o.facility_id
join product r on r.id = o.product_id
where o.seq = :seq
