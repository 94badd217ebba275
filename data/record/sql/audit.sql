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
select facility_id, product_id, month, opening, received, used, lost, adjusted, closing, missing, days_out, days_counted
from stock_month
where facility_id = any(CAST(:facility_ids AS int[]))

-- foreign --
-- Positions of a programme with a product that is not one of its own: nothing can be worked out then.
select from position p
join facility f on f.id = p.facility_id and f.programme_id = :programme_id
left join product r on r.id = p.product_id and r.programme_id = f.programme_id
where r.id is null
limit 1

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
-- What was sent under a document, and what arrived; between whom, and when.
select s.document || ' / ' || coalesce(r.code, 'product ' || s.product_id) as place,
       s.sent || ' sent ' || coalesce(CAST(s.sent_at AS text), 'never') || ', ' || s.received || ' received '
           || coalesce(CAST(s.received_at AS text), 'never') || ', from facility ' || s.sender_id || ' to '
           || s.receiver_id as stands,
       coalesce(e.sent, 0) || ' sent ' || coalesce(CAST(e.sent_at AS text), 'never') || ', ' || coalesce(e.received, 0)
           || ' received ' || coalesce(CAST(e.received_at AS text), 'never')
           || coalesce(', from facility ' || array_to_string(e.senders, ', ') || ' to '
                       || array_to_string(e.receivers, ', ') || ', under ' || array_to_string(e.documents, ', '), '')
           as should
from shipment s
left join product r on r.id = s.product_id
left join (
    select shipment_id, array_agg(distinct document) filter (where entry = 'event') as documents,
           array_agg(distinct product_id) as products,
           coalesce(-sum(doses) filter (where sends), 0) as sent,
           coalesce(sum(doses) filter (where not sends), 0) as received,
           min(occurred_at) filter (where sends) as sent_at, max(occurred_at) filter (where not sends) as received_at,
           array_agg(distinct case when sends then facility_id else partner_id end) filter (where entry = 'event')
               as senders,
           array_agg(distinct case when sends then partner_id else facility_id end) filter (where entry = 'event')
               as receivers
    from (select *, kind not in ('receipt', 'transfer_in') as sends from stock_event where shipment_id is not null) m
    group by 1
) e on e.shipment_id = s.id
where (s.sent, s.received) <> (coalesce(e.sent, 0), coalesce(e.received, 0))
   or (s.sent_at, s.received_at) is distinct from (e.sent_at, e.received_at)
   or e.documents <> array[s.document] or e.products <> array[s.product_id] or e.senders <> array[s.sender_id]
   or e.receivers <> array[s.receiver_id]
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
-- Rows of facilities, products, lots or programmes that are not there, or not together.
select *
from (
    select 'row ' || e.id as place,
           'programme ' || e.programme_id || ', facility ' || e.facility_id || ', product ' || e.product_id as stands,
           'a facility and a product of one programme' as should
    from stock_event e
    left join facility f on f.id = e.facility_id
    left join product r on r.id = e.product_id
    where f.programme_id is distinct from e.programme_id or r.programme_id is distinct from e.programme_id
    union all
    select 'row ' || e.id, 'lot ' || e.lot_id || ' at product ' || e.product_id, 'a lot of its product'
    from stock_event e
    left join lot l on l.id = e.lot_id
    where e.lot_id is not null and l.product_id is distinct from e.product_id
    union all
    select 'row ' || e.id, 'attachment ' || e.attachment_id, 'an attachment of its facility'
    from stock_event e
    left join attachment a on a.id = e.attachment_id
    where e.attachment_id is not null and a.facility_id is distinct from e.facility_id
    union all
    select kept.name || ' ' || kept.facility_id || ' / ' || kept.product_id, 'of two programmes, or of none',
           'a facility and a product of one programme'
    from (
        select 'position' as name, facility_id, product_id from position
        union all
        select 'balance', facility_id, product_id from lot_balance
        union all
        select distinct 'months of', facility_id, product_id from stock_month
    ) kept
    left join facility f on f.id = kept.facility_id
    left join product r on r.id = kept.product_id
    where f.programme_id is null or r.programme_id is distinct from f.programme_id
    union all
    select 'balance ' || b.facility_id || ' / ' || b.product_id, 'lot ' || b.lot_id, 'a lot of its product'
    from lot_balance b
    left join lot l on l.id = b.lot_id
    where b.lot_id is not null and l.product_id is distinct from b.product_id
    union all
    select kept.name || ' ' || kept.id, 'programme ' || kept.programme_id, 'the programme of its facility'
    from (
        select 'alert' as name, id, programme_id, facility_id from alert
        union all
        select 'attachment', id, programme_id, facility_id from attachment
        union all
        select 'shipment', id, programme_id, sender_id from shipment
        union all
        select 'shipment', id, programme_id, receiver_id from shipment
    ) kept
    left join facility f on f.id = kept.facility_id
    where f.programme_id is distinct from kept.programme_id
    union all
    select 'mark of ' || month, 'programme ' || m.programme_id, 'a programme that is there, from the first of a month'
    from (
        select distinct programme_id, month from lot_month
        union all
        select distinct programme_id, month from position_month
    ) m
    left join programme g on g.id = m.programme_id
    where g.id is null or extract(day from m.month) <> 1
) stray
limit :most

-- answers --
-- Every key with its first answer, and the rows that it became; packs have no keys.
select coalesce(k.programme_id, e.programme_id) as programme_id, coalesce(k.source, e.source) as source,
       coalesce(k.source_id, e.source_id) as source_id, k.digest, k.result, e.ids, e.lots, e.doses
from event_key k
full join (
    select e.programme_id, e.source, e.source_id, array_agg(e.id order by e.id) as ids,
           array_agg(l.number order by e.id) as lots, array_agg(e.doses order by e.id) as doses
    from stock_event e
    left join lot l on l.id = e.lot_id
    where e.source <> 'pack' and e.entry <> 'revision'
    group by e.programme_id, e.source, e.source_id
) e on e.programme_id = k.programme_id and e.source = k.source and e.source_id = k.source_id

-- counts --
-- A count that is posted says of each lot what its row of the record says.
select c.number || ' / line ' || l.id as place, coalesce(CAST(l.counted AS text), 'nothing') || ' at ' || coalesce(
           CAST(l.counted_at AS text), 'no moment') as stands,
       coalesce(e.counted || ' at ' || e.occurred_at, 'no row') as should
from stock_count c
join stock_count_line l on l.count_id = c.id
left join (
    select e.programme_id, e.source_id, e.facility_id, e.product_id, min(e.counted) as counted,
           min(e.occurred_at) as occurred_at
    from stock_event e
    where e.source = 'count' and e.entry = 'event'
    group by e.programme_id, e.source_id, e.facility_id, e.product_id
) e on e.programme_id = c.programme_id and e.source_id = c.number || '/' || l.id and e.facility_id = c.facility_id
   and e.product_id = l.product_id
where c.status = 'posted'
  and (e.source_id is null or l.counted is distinct from e.counted or l.counted_at is distinct from e.occurred_at)
limit :most

-- sealed --
-- What is made once and never changed, against the digest of itself; a paper's content has its own.
select *
from (
    select f.code || ' / ' || a.name as place, encode(sha256(a.content), 'hex') as stands,
           encode(a.sha256, 'hex') as should
    from attachment a
    left join facility f on f.id = a.facility_id
    where sha256(a.content) <> a.sha256
    union all
    select 'attachment ' || t.id, encode(t.digest, 'hex'), encode(row_digest(to_jsonb(t)), 'hex')
    from attachment t
    where t.digest <> row_digest(to_jsonb(t))
    union all
    select 'balances of ' || t.month || ', block ' || t.block, encode(t.digest, 'hex'),
           encode(row_digest(to_jsonb(t)), 'hex')
    from lot_month t
    where t.digest <> row_digest(to_jsonb(t))
    union all
    select 'demand of ' || t.month || ', block ' || t.block, encode(t.digest, 'hex'),
           encode(row_digest(to_jsonb(t)), 'hex')
    from position_month t
    where t.digest <> row_digest(to_jsonb(t))
) torn
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
select r.name, r.txid, r.seq, (select last_value from outbox_seq_seq) as last_seq, r.taken, CAST(r.taken_sum AS bigint) as taken_sum, count(o.seq) as passed,
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
