-- lot_balance_is_the_sum_of_its_events --
-- Invariant 1: for every lot at every facility.
select f.code || ' / ' || r.code || ' / ' || coalesce(l.number, 'no lot known') as place,
       coalesce(b.doses, 0)::text as stands, coalesce(e.doses, 0)::text as should
from (
    select facility_id, product_id, coalesce(lot_id, 0) as lot_id, sum(doses) as doses
    from stock_event group by 1, 2, 3
) e
full join (
    select facility_id, product_id, coalesce(lot_id, 0) as lot_id, doses from lot_balance
) b using (facility_id, product_id, lot_id)
join facility f on f.id = facility_id
join product r on r.id = product_id
left join lot l on l.id = lot_id
where coalesce(b.doses, 0) <> coalesce(e.doses, 0)
limit :most

-- position_is_the_sum_of_its_lots --
-- The doses of a position, usable or not.
select f.code || ' / ' || r.code as place, coalesce(p.total, 0)::text as stands, coalesce(b.doses, 0)::text as should
from (select facility_id, product_id, total from position) p
full join (select facility_id, product_id, sum(doses) as doses from lot_balance group by 1, 2) b
     using (facility_id, product_id)
join facility f on f.id = facility_id
join product r on r.id = product_id
where coalesce(p.total, 0) <> coalesce(b.doses, 0)
limit :most

-- month_closes_at_the_sum_of_its_events --
-- The last month on record of each position against everything that happened up to its end.
select f.code || ' / ' || r.code || ' / ' || to_char(m.month, 'YYYY-MM') as place, m.closing::text as stands,
       m.should::text as should
from (
    select c.facility_id, c.product_id, c.month, c.closing, coalesce(sum(e.doses), 0) as should
    from (
        select distinct on (m.facility_id, m.product_id) m.facility_id, m.product_id, m.month, m.closing,
               (m.month + interval '1 month') at time zone g.timezone as ends
        from stock_month m
        join facility f on f.id = m.facility_id
        join programme g on g.id = f.programme_id
        where m.closing is not null
        order by m.facility_id, m.product_id, m.month desc
    ) c
    left join stock_event e
      on e.facility_id = c.facility_id and e.product_id = c.product_id and e.occurred_at < c.ends
    group by c.facility_id, c.product_id, c.month, c.closing
) m
join facility f on f.id = m.facility_id
join product r on r.id = m.product_id
where m.closing <> m.should
limit :most

-- facility_shows_the_worst_of_its_tracers --
-- Worst first: stockout, critical, low, overstock, adequate, inactive, no report.
select f.code as place, coalesce(s.state::text, 'nothing') as stands, w.state::text as should
from (
    select p.facility_id,
           (array[2, 3, 4, 5, 6, 1, 0])[min(array_position(array[2, 3, 4, 5, 6, 1, 0], p.state::int))] as state
    from position p join product r on r.id = p.product_id and r.tracer
    group by p.facility_id
) w
join facility f on f.id = w.facility_id
left join facility_status s on s.facility_id = w.facility_id
where s.state is distinct from w.state
limit :most

-- an_alert_is_open_for_each_stockout_and_nothing_else --
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

-- position_reserves_the_sum_of_its_events --
-- Doses promised to orders.
select f.code || ' / ' || r.code as place, p.reserved::text as stands, coalesce(e.reserved, 0)::text as should
from position p
left join (select facility_id, product_id, sum(reserved) as reserved from stock_event group by 1, 2) e
     using (facility_id, product_id)
join facility f on f.id = p.facility_id
join product r on r.id = p.product_id
where p.reserved <> coalesce(e.reserved, 0)
limit :most

-- shipment_is_the_sum_of_its_events --
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

-- every_answer_has_its_rows --
-- What was acknowledged is on record.
select k.source || ' / ' || k.source_id as place, 'no rows' as stands, 'its rows' as should
from event_key k
where not exists (
    select from stock_event e where e.id = CAST(k.result -> 'event_ids' ->> 0 AS bigint) and e.source_id = k.source_id
)
limit :most

-- no_reader_is_before_what_it_has_read --
-- A reader of the outbox stands at a row, or before all rows: what it had not read would be skipped otherwise.
select r.name as place, r.txid || ' / ' || r.seq as stands, max(o.txid) || ' at most' as should
from reader r
left join outbox o on true
group by r.name, r.txid, r.seq
having r.txid > coalesce(max(o.txid), r.txid)
limit :most

-- ends --
-- The digest of the last row of each position.
select facility_id, product_id, chain from position

-- rows --
-- The record in the order in which it was written, position by position, as data.record.chain reads it.
select e.facility_id, e.product_id, e.id, f.code || ' / ' || r.code as place, e.digest, e.kind, e.entry, e.doses, e.counted,
       e.reserved, l.number as lot, l.expiry, e.lot_named, e.reason, e.stage, e.occurred_at, e.recorded_at, e.source,
       e.source_id, e.actor_id, e.document, e.partner_id, e.order_number, e.note, e.attachment_id, e.reverses_id
from stock_event e
join facility f on f.id = e.facility_id
join product r on r.id = e.product_id
left join lot l on l.id = e.lot_id
order by e.facility_id, e.product_id, e.id

-- the_log_is_as_it_was_written --
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
select 'log ' || programme_id || ' / entry ' || number, left(encode(digest, 'hex'), 16),
       case when number = previous + 1 then left(encode(audit_digest(before, row), 'hex'), 16)
            else 'entry ' || previous + 1 end
from entry
where number <> previous + 1 or digest <> audit_digest(before, row)
union all
select 'log ' || programme_id || ' / its end', 'entry ' || coalesce(l.number, 0), 'entry ' || coalesce(h.number, 0)
from audit_head h
full join last l using (programme_id)
where h.number is distinct from l.number or h.digest is distinct from l.digest
limit :most
