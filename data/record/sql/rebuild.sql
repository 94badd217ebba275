-- facilities --
-- Every facility of a programme.
select id from facility where programme_id = :programme_id order by id

-- stage --
-- Where the rows of a few facilities are worked on.
create temp table if not exists replayed (
    id bigint, facility_id int, product_id int, lot_id int, kind text, entry text, doses int, reserved int,
    stage smallint, occurred_at timestamptz, source text, source_id text, reverses_id bigint, digest bytea, month date
) on commit delete rows

-- open_positions --
-- Make the positions that the record knows and the table does not.
insert into position (facility_id, product_id)
select distinct facility_id, product_id from stock_event where facility_id = any(CAST(:facility_ids AS int[]))
order by 1, 2
on conflict do nothing

-- hold --
-- Hold positions until commit, in the ledger's order: who records there waits for these few facilities, nobody else.
select from position
where facility_id = any(CAST(:facility_ids AS int[]))
order by facility_id, product_id
for update

-- take --
-- The rows of these facilities, read after their positions are held.
insert into replayed
select e.id, e.facility_id, e.product_id, e.lot_id, e.kind, e.entry, e.doses, e.reserved, e.stage, e.occurred_at,
       e.source, e.source_id, e.reverses_id, e.digest,
       CAST(date_trunc('month', e.occurred_at at time zone :timezone) AS date)
from stock_event e
where e.facility_id = any(CAST(:facility_ids AS int[]))

-- lots --
-- Balances by lot; a lot came first with a receipt or, from a pack, with the first row that adds. What is right stays.
insert into lot_balance as b (facility_id, product_id, lot_id, doses, vvm_stage, first_received_at, quarantined)
select t.facility_id, t.product_id, t.lot_id, t.doses, coalesce(s.stage, 1), t.first_at, coalesce(s.quarantined, false)
from (
    select facility_id, product_id, lot_id, sum(doses) as doses,
           min(occurred_at) filter (where entry = 'event' and doses > 0
                                    and (kind in ('receipt', 'transfer_in') or source = 'pack')
                                    and not exists (select from replayed r where r.reverses_id = e.id)) as first_at
    from replayed e
    where kind not in ('reserve', 'unreserve')
    group by facility_id, product_id, lot_id
) t
left join (
    select e.facility_id, e.product_id, e.lot_id,
           (array_agg(e.stage order by e.occurred_at desc, e.source desc, e.source_id desc)
            filter (where e.kind = 'vvm'))[1] as stage,
           (array_agg(e.kind = 'quarantine' order by e.occurred_at desc, e.source desc, e.source_id desc)
            filter (where e.kind <> 'vvm'))[1] as quarantined
    from replayed e
    where e.kind in ('vvm', 'quarantine', 'release') and e.entry = 'event'
      and not exists (select from replayed r where r.reverses_id = e.id)
    group by e.facility_id, e.product_id, e.lot_id
) s on s.facility_id = t.facility_id and s.product_id = t.product_id and s.lot_id = t.lot_id
order by 1, 2, 3
on conflict on constraint uq_lot_balance_lot do update
set doses = excluded.doses, vvm_stage = excluded.vvm_stage, first_received_at = excluded.first_received_at,
    quarantined = excluded.quarantined
where (b.doses, b.vvm_stage, b.first_received_at, b.quarantined)
      is distinct from (excluded.doses, excluded.vvm_stage, excluded.first_received_at, excluded.quarantined)

-- no_lots --
-- Doses of a lot that no row of the record explains.
delete from lot_balance b
where b.facility_id = any(CAST(:facility_ids AS int[])) and b.doses <> 0
  and not exists (
      select from replayed r
      where r.facility_id = b.facility_id and r.product_id = b.product_id and r.lot_id is not distinct from b.lot_id
        and r.kind not in ('reserve', 'unreserve')
  )

-- positions --
-- What a position holds, has promised and saw last, and the digest of its last row.
update position p
set usable = t.usable, total = t.total, reserved = t.reserved, last_event_at = t.last_at,
    last_received_on = t.received_on, chain = t.chain, version = p.version + 1
from (
    select n.facility_id, n.product_id, coalesce(e.total, 0) as total, coalesce(e.reserved, 0) as reserved, e.last_at,
           e.received_on, coalesce(e.chain, '') as chain,
           (select coalesce(sum(b.doses), 0)
            from lot_balance b left join lot l on l.id = b.lot_id
            where b.facility_id = n.facility_id and b.product_id = n.product_id and b.vvm_stage <= :last_usable_stage
              and not b.quarantined and (l.expiry is null or l.expiry >= :today)) as usable
    from position n
    left join (
        select facility_id, product_id, sum(doses) as total, sum(reserved) as reserved, max(occurred_at) as last_at,
               CAST(max(occurred_at) filter (where entry = 'event' and kind in ('receipt', 'transfer_in'))
                    at time zone :timezone AS date) as received_on,
               (array_agg(digest order by id desc))[1] as chain
        from replayed
        group by facility_id, product_id
    ) e on e.facility_id = n.facility_id and e.product_id = n.product_id
    where n.facility_id = any(CAST(:facility_ids AS int[]))
) t
where p.facility_id = t.facility_id and p.product_id = t.product_id
  and (p.usable, p.total, p.reserved, p.last_event_at, p.last_received_on, p.chain)
      is distinct from (t.usable, t.total, t.reserved, t.last_at, t.received_on, t.chain)

-- months --
-- Months that somebody recorded in, folded as the ledger folds them. Days out of stock and states stay.
with flows as (
    select facility_id, product_id, month, sum(doses) as doses,
           coalesce(sum(doses) filter (where kind in ('receipt', 'transfer_in')), 0) as received,
           coalesce(-sum(doses) filter (where kind in ('administered', 'issue')), 0) as used,
           coalesce(-sum(doses) filter (where kind = 'loss'), 0) as lost,
           coalesce(sum(doses) filter (where kind in ('count', 'adjustment', 'transfer_out', 'return')), 0) as adjusted,
           bool_or(source <> 'pack' or entry <> 'event') as folded
    from replayed
    group by facility_id, product_id, month
),
balances as (
    select f.*, sum(f.doses) over (partition by f.facility_id, f.product_id order by f.month) as closing
    from flows f
),
missing as (
    select facility_id, product_id, month, -sum(least(doses, 0)) as doses
    from (
        select facility_id, product_id, month, sum(doses) as doses
        from replayed
        where kind = 'count'
        group by facility_id, product_id, month, source, source_id
    ) c
    group by facility_id, product_id, month
)
insert into stock_month as m (facility_id, product_id, month, opening, received, used, lost, adjusted, closing, missing)
select b.facility_id, b.product_id, b.month, b.closing - b.doses, b.received,
       b.used + n.missing, b.lost, b.adjusted + n.missing, b.closing, n.missing
from balances b
left join missing c on c.facility_id = b.facility_id and c.product_id = b.product_id and c.month = b.month
cross join lateral (select case when b.used = 0 then coalesce(c.doses, 0) else 0 end as missing) n
where b.folded
order by 1, 2, 3
on conflict (facility_id, product_id, month) do update
set opening = excluded.opening, received = excluded.received, used = excluded.used, lost = excluded.lost,
    adjusted = excluded.adjusted, closing = excluded.closing, missing = excluded.missing
where (m.opening, m.received, m.used, m.lost, m.adjusted, m.closing, m.missing)
      is distinct from (excluded.opening, excluded.received, excluded.used, excluded.lost, excluded.adjusted,
                        excluded.closing, excluded.missing)

-- closings --
-- Months that were only reported keep what was reported. What they closed with is what their count says, and a month
-- in which nothing happened and of which nothing was reported opens and closes with what was there.
with flows as (
    select facility_id, product_id, month, sum(doses) as doses, bool_or(source <> 'pack' or entry <> 'event') as folded,
           bool_or(kind = 'count') as counted
    from replayed
    group by facility_id, product_id, month
),
months as (
    select facility_id, product_id, month, f.doses, f.folded, f.counted, n.opening, n.received, n.used, n.lost,
           n.adjusted,
           coalesce(sum(f.doses) over (partition by facility_id, product_id order by month), 0) as closing
    from (select * from stock_month where facility_id = any(CAST(:facility_ids AS int[]))) n
    full join flows f using (facility_id, product_id, month)
)
update stock_month m
set closing = t.closing, opening = case when t.doses is null then t.closing else m.opening end
from months t
where m.facility_id = t.facility_id and m.product_id = t.product_id and m.month = t.month and m.closing is not null
  and (t.counted and not t.folded
       or t.doses is null and t.opening is not null and t.received is null and t.used is null and t.lost is null
          and t.adjusted is null)
  and (m.closing <> t.closing or t.doses is null and m.opening <> t.closing)

-- hold_shipments --
-- Hold shipments until commit, in the order of everybody.
select id from shipment
where programme_id = :programme_id and id > :after
order by id
limit :most
for update

-- shipments --
-- What was sent and received is the sum of its rows.
update shipment s
set sent = t.sent, received = t.received, sent_at = t.sent_at, received_at = t.received_at
from (
    select s.id, min(e.occurred_at) filter (where e.kind not in ('receipt', 'transfer_in')) as sent_at,
           max(e.occurred_at) filter (where e.kind in ('receipt', 'transfer_in')) as received_at,
           coalesce(-sum(e.doses) filter (where e.kind not in ('receipt', 'transfer_in')), 0) as sent,
           coalesce(sum(e.doses) filter (where e.kind in ('receipt', 'transfer_in')), 0) as received
    from shipment s left join stock_event e on e.shipment_id = s.id
    where s.id = any(CAST(:ids AS bigint[]))
    group by s.id
) t
where s.id = t.id
  and (s.sent, s.received, s.sent_at, s.received_at) is distinct from (t.sent, t.received, t.sent_at, t.received_at)

-- forget_marks --
-- Marks of the past are made again.
with positions as (delete from position_month where programme_id = :programme_id)
delete from lot_month where programme_id = :programme_id
