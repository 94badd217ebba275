-- hold_positions --
-- Nobody records stock while months are added to what is there.
lock table position in share row exclusive mode

-- has_positions --
-- Whether a programme has any stock on record.
select exists (
    select from position p join facility f on f.id = p.facility_id where f.programme_id = :programme_id
)

-- months --
-- The months on record.
select m.facility_id, m.product_id, m.month, m.opening, m.received, m.used, m.lost, m.adjusted, m.closing, m.days_out
from stock_month m
join facility f on f.id = m.facility_id
where f.programme_id = :programme_id

-- standing --
-- Where each position stands, and whether anybody but a pack has moved it.
select p.facility_id, p.product_id, p.last_event_at, p.last_received_on, p.out_since, p.chain,
       exists (
           select from stock_event e
           where e.facility_id = p.facility_id and e.product_id = p.product_id and e.source <> :source
       ) as others
from position p
join facility f on f.id = p.facility_id
where f.programme_id = :programme_id

-- balances --
-- The lots on the shelves; lot 0 stands for no lot known.
select b.facility_id, b.product_id, coalesce(b.lot_id, 0) as lot_id, b.doses
from lot_balance b
join facility f on f.id = b.facility_id
where f.programme_id = :programme_id

-- stage_lot_balance --
-- Where balances wait.
create temp table incoming_lot_balance on commit drop as
select facility_id, product_id, lot_id, doses, first_received_at from lot_balance with no data

-- keep_lot_balance --
-- Balances as they are after the events; ck_lot_balance_not_negative refuses one below zero.
insert into lot_balance as b (facility_id, product_id, lot_id, doses, first_received_at)
select facility_id, product_id, lot_id, doses, first_received_at from incoming_lot_balance
on conflict on constraint uq_lot_balance_lot do update
set doses = excluded.doses, first_received_at = least(b.first_received_at, excluded.first_received_at)

-- stage_position --
-- Where positions wait.
create temp table incoming_position on commit drop as
select facility_id, product_id, usable, total, last_event_at, last_received_on, out_since, chain from position with no data

-- keep_position --
-- Positions as they are after the events; what follows from them is assessed afterwards.
insert into position as p (facility_id, product_id, usable, total, last_event_at, last_received_on, out_since, chain)
select facility_id, product_id, usable, total, last_event_at, last_received_on, out_since, chain from incoming_position
on conflict (facility_id, product_id) do update
set usable = excluded.usable, total = excluded.total, last_event_at = excluded.last_event_at,
    last_received_on = coalesce(excluded.last_received_on, p.last_received_on), out_since = excluded.out_since,
    chain = excluded.chain,
    version = p.version + 1

-- disagreeing --
-- A position with a lot whose balance is not the sum of its events: there is none.
select d.facility_id, d.product_id
from (
    select e.facility_id, e.product_id, e.lot_id, e.doses from stock_event e where e.programme_id = :programme_id
    union all
    select b.facility_id, b.product_id, b.lot_id, -b.doses
    from lot_balance b join facility f on f.id = b.facility_id
    where f.programme_id = :programme_id
) d
group by d.facility_id, d.product_id, d.lot_id
having sum(d.doses) <> 0
limit 1

-- analyze --
-- What the planner has to know about the rows that are new.
analyze area, facility, stock_event, stock_month, lot_balance, position

-- constraints --
-- The keys of a table and what rests on them, primary key first, as statements that make them again.
select c.conname as name, pg_get_constraintdef(c.oid) as definition
from pg_constraint c
where c.conrelid = CAST(:name AS regclass) and c.contype in ('p', 'u', 'f')
order by c.contype = 'f', c.conname

-- indexes --
-- The indexes of a table beside those of its keys, as statements that make them again.
select i.indexrelid::regclass::text as name, replace(pg_get_indexdef(i.indexrelid), ' ON ONLY ', ' ON ') as definition
from pg_index i
where i.indrelid = CAST(:name AS regclass)
  and not exists (select from pg_constraint c where c.conindid = i.indexrelid and c.contype in ('p', 'u'))
order by 1
