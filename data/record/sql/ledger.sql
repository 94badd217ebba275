-- facilities --
-- The facilities named by a submission, with their lineage and their programme's local time.
select f.id, f.code, f.name, f.open, a.lineage, p.timezone
from facility f
join area a on a.id = f.area_id
join programme p on p.id = f.programme_id
where f.programme_id = :programme_id and f.code = any(CAST(:codes AS text[]))

-- products --
-- The products named by a submission.
select id, code, name, unit, doses_per_vial
from product
where programme_id = :programme_id and code = any(CAST(:codes AS text[]))

-- claim_keys --
-- Claim (source, source_id) for this transaction, in one order for everybody; returns those that were free.
insert into event_key (programme_id, source, source_id, digest, result)
select :programme_id, k.source, k.source_id, k.digest, '{}'
from (
    select distinct on (source, source_id) source, source_id, digest
    from unnest(CAST(:sources AS text[]), CAST(:source_ids AS text[]), CAST(:digests AS bytea[]))
         as given (source, source_id, digest)
    order by source, source_id
) k
on conflict do nothing
returning source, source_id

-- known_keys --
-- What was answered to these (source, source_id) the first time.
select k.source, k.source_id, k.digest, k.result
from event_key k
join unnest(CAST(:sources AS text[]), CAST(:source_ids AS text[])) as asked (source, source_id)
  on asked.source = k.source and asked.source_id = k.source_id
where k.programme_id = :programme_id

-- keep_results --
-- Store what is answered now, and answer it as it is stored.
update event_key k set result = CAST(given.result AS jsonb)
from unnest(CAST(:sources AS text[]), CAST(:source_ids AS text[]), CAST(:results AS text[]))
     as given (source, source_id, result)
where k.programme_id = :programme_id and k.source = given.source and k.source_id = given.source_id
returning k.source, k.source_id, k.result

-- open_positions --
-- Make the positions that did not exist.
insert into position (facility_id, product_id)
select * from unnest(CAST(:facility_ids AS int[]), CAST(:product_ids AS int[])) as asked (facility_id, product_id)
order by 1, 2
on conflict do nothing

-- lock_positions --
-- Hold the positions until commit, in one order for everybody.
select p.facility_id, p.product_id, p.last_event_at
from position p
join unnest(CAST(:facility_ids AS int[]), CAST(:product_ids AS int[])) as asked (facility_id, product_id)
  using (facility_id, product_id)
order by p.facility_id, p.product_id
for update of p

-- held_lots --
-- What is on the shelves of these positions, lot by lot.
select b.facility_id, b.product_id, b.lot_id, l.number, l.expiry, b.doses, b.vvm_stage, b.first_received_at
from lot_balance b
join unnest(CAST(:facility_ids AS int[]), CAST(:product_ids AS int[])) as asked (facility_id, product_id)
  using (facility_id, product_id)
left join lot l on l.id = b.lot_id

-- lots --
-- The lots of these products with these numbers.
select l.id, l.product_id, l.number, l.expiry
from lot l
join unnest(CAST(:product_ids AS int[]), CAST(:numbers AS text[])) as asked (product_id, number)
  on asked.product_id = l.product_id and asked.number = l.number

-- add_lots --
-- Lots seen for the first time.
insert into lot (product_id, number, expiry)
select distinct on (product_id, number) product_id, number, expiry
from unnest(CAST(:product_ids AS int[]), CAST(:numbers AS text[]), CAST(:expiries AS date[]))
     as seen (product_id, number, expiry)
order by product_id, number
on conflict do nothing

-- later_lines --
-- What happened at a position after a moment: a late event has to leave all of it possible.
select lot_id, doses, occurred_at
from stock_event
where facility_id = :facility_id and product_id = :product_id and occurred_at > :moment
order by occurred_at, id

-- append --
-- Append events; ids come back in the order given.
insert into stock_event (programme_id, facility_id, product_id, lot_id, kind, doses, counted, reason, occurred_at,
                         source, source_id, actor_id, document, note)
select :programme_id, e.facility_id, e.product_id, e.lot_id, e.kind, e.doses, e.counted, e.reason, e.occurred_at,
       e.source, e.source_id, :actor_id, e.document, e.note
from unnest(CAST(:facility_id AS int[]), CAST(:product_id AS int[]), CAST(:lot_id AS int[]), CAST(:kind AS text[]),
            CAST(:doses AS int[]), CAST(:counted AS int[]), CAST(:reason AS text[]),
            CAST(:occurred_at AS timestamptz[]), CAST(:source AS text[]), CAST(:source_id AS text[]),
            CAST(:document AS text[]), CAST(:note AS text[]))
     with ordinality as e (facility_id, product_id, lot_id, kind, doses, counted, reason, occurred_at, source,
                           source_id, document, note, place)
order by e.place
returning id

-- open_lots --
-- Make the balances that did not exist; they are folded in the next statement.
insert into lot_balance (facility_id, product_id, lot_id, doses)
select distinct facility_id, product_id, lot_id, 0
from unnest(CAST(:facility_ids AS int[]), CAST(:product_ids AS int[]), CAST(:lot_ids AS int[]))
     as line (facility_id, product_id, lot_id)
on conflict do nothing

-- fold_lots --
-- Add the lines to the balances; a balance below zero breaks ck_lot_balance_not_negative.
update lot_balance b
set doses = b.doses + line.doses, first_received_at = least(b.first_received_at, line.received_at)
from (
    select facility_id, product_id, lot_id, sum(doses) as doses, min(received_at) as received_at
    from unnest(CAST(:facility_ids AS int[]), CAST(:product_ids AS int[]), CAST(:lot_ids AS int[]),
                CAST(:doses AS int[]), CAST(:received_ats AS timestamptz[]))
         as given (facility_id, product_id, lot_id, doses, received_at)
    group by facility_id, product_id, lot_id
) line
where b.facility_id = line.facility_id and b.product_id = line.product_id
  and b.lot_id is not distinct from line.lot_id

-- fold_positions --
-- Write the balances of the positions touched.
update position p
set usable = f.usable, total = f.total, version = p.version + 1,
    last_event_at = greatest(p.last_event_at, f.occurred_at),
    last_received_on = greatest(p.last_received_on, f.received_on)
from unnest(CAST(:facility_ids AS int[]), CAST(:product_ids AS int[]), CAST(:usable AS int[]), CAST(:total AS int[]),
            CAST(:occurred_ats AS timestamptz[]), CAST(:received_ons AS date[]))
     as f (facility_id, product_id, usable, total, occurred_at, received_on)
where p.facility_id = f.facility_id and p.product_id = f.product_id

-- fold_months --
-- Fold the events of the local months touched; what was reported of days out of stock stays. A month opened with what
-- there is now (folded just before) less all that happened since: of years of events only the newest are read, and
-- `earliest`, which is known before it runs, keeps it from opening the partitions of all the others. Where no use is
-- recorded and stock is only counted, what a count finds missing was used: consumption is what the balances leave.
insert into stock_month as m (facility_id, product_id, month, opening, received, used, lost, adjusted, closing)
select t.facility_id, t.product_id, t.month, p.total - since.doses, since.received,
       case since.uses when 0 then since.missing else since.used end, since.lost,
       case since.uses when 0 then since.adjusted + since.missing else since.adjusted end,
       p.total - since.doses + since.within
from unnest(CAST(:facility_ids AS int[]), CAST(:product_ids AS int[]), CAST(:months AS date[]),
            CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[]))
     as t (facility_id, product_id, month, starts, ends)
join position p on p.facility_id = t.facility_id and p.product_id = t.product_id
cross join lateral (
    select coalesce(sum(e.doses), 0)::int as doses,
           coalesce(sum(e.doses) filter (where e.occurred_at < t.ends), 0)::int as within,
           coalesce(sum(e.doses) filter (where e.kind = 'receipt' and e.occurred_at < t.ends), 0)::int as received,
           coalesce(-sum(e.doses) filter (where e.kind in ('administered', 'issue') and e.occurred_at < t.ends), 0)::int
               as used,
           count(*) filter (where e.kind in ('administered', 'issue') and e.occurred_at < t.ends) as uses,
           coalesce(-sum(e.doses) filter (where e.kind = 'count' and e.doses < 0 and e.occurred_at < t.ends), 0)::int
               as missing,
           coalesce(-sum(e.doses) filter (where e.kind = 'loss' and e.occurred_at < t.ends), 0)::int as lost,
           coalesce(sum(e.doses) filter (where e.kind in ('count', 'adjustment') and e.occurred_at < t.ends), 0)::int
               as adjusted
    from stock_event e
    where e.facility_id = t.facility_id and e.product_id = t.product_id and e.occurred_at >= t.starts
      and e.occurred_at >= :earliest
) since
on conflict (facility_id, product_id, month) do update
set opening = excluded.opening, received = excluded.received, used = excluded.used, lost = excluded.lost,
    adjusted = excluded.adjusted, closing = excluded.closing

-- shift_months --
-- A late event moves the opening and closing of every later month on record that was not folded just now.
update stock_month m
set opening = m.opening + late.doses, closing = m.closing + late.doses
from (
    select m.facility_id, m.product_id, m.month, sum(l.doses)::int as doses
    from unnest(CAST(:facility_ids AS int[]), CAST(:product_ids AS int[]), CAST(:months AS date[]),
                CAST(:doses AS int[])) as l (facility_id, product_id, month, doses)
    join stock_month m
      on m.facility_id = l.facility_id and m.product_id = l.product_id and m.month > l.month
    group by m.facility_id, m.product_id, m.month
) late
where m.facility_id = late.facility_id and m.product_id = late.product_id and m.month = late.month
  and not exists (
      select from unnest(CAST(:folded_facility_ids AS int[]), CAST(:folded_product_ids AS int[]),
                         CAST(:folded_months AS date[])) as f (facility_id, product_id, month)
      where f.facility_id = m.facility_id and f.product_id = m.product_id and f.month = m.month
  )

-- announce --
-- One line in the outbox for each event, and the bell for the worker: it says only that there is something to read.
with announced as (
    insert into outbox (programme_id, facility_id, product_id, payload)
    select :programme_id, o.facility_id, o.product_id, CAST(o.payload AS jsonb)
    from unnest(CAST(:facility_ids AS int[]), CAST(:product_ids AS int[]), CAST(:payloads AS text[]))
         with ordinality as o (facility_id, product_id, payload, place)
    order by o.place
)
select pg_notify('outbox', '')
