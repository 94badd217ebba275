-- find --
-- A count by its number, with those who worked on it (each by id and sealed name) and the limits in force.
select c.id, c.number, c.status, c.facility_id, f.code as facility, f.name as facility_name, a.lineage,
       c.opened_at, c.opened_by, o.id || ' ' || o.name as opener, c.counted_at, c.submitted_at, c.submitted_by,
       s.id || ' ' || s.name as submitter, c.approved_at, c.approved_by, v.id || ' ' || v.name as approver,
       c.approval_note, c.refused_at, r.id || ' ' || r.name as refuser, c.refusal,
       c.posted_at, c.cancelled_at, x.id || ' ' || x.name as canceller, c.cancel_reason,
       coalesce(c.approval_share, p.count_approval_share) as approval_share,
       coalesce(c.approval_value, p.count_approval_value) as approval_value
from stock_count c
join programme p on p.id = c.programme_id
join facility f on f.id = c.facility_id
join area a on a.id = f.area_id
left join app_user o on o.id = c.opened_by
left join app_user s on s.id = c.submitted_by
left join app_user v on v.id = c.approved_by
left join app_user r on r.id = c.refused_by
left join app_user x on x.id = c.cancelled_by
where c.programme_id = :programme_id and c.number = :number

-- hold --
-- Nobody else changes this count until commit.
select id from stock_count where programme_id = :programme_id and number = :number for update

-- hold_positions --
-- What is on record of the products of a count stays as it is until commit; in the order in which everybody locks.
select p.product_id
from position p
join stock_count_product q on q.facility_id = p.facility_id and q.product_id = p.product_id
where q.count_id = :count_id
order by p.facility_id, p.product_id
for update of p

-- lines --
-- The lines of a count. `on_record` is what the record says now about the moment at which the line was counted: what is
-- there today less what happened since. It stands still once the count is posted or given up. `earliest`, known before
-- it runs, keeps it from opening the partitions of all years.
select l.id, p.id as product_id, p.code as product, p.name as product_name, p.unit, p.doses_per_vial, p.price,
       p.currency, l.lot_number as lot, coalesce(l.expiry, t.expiry) as expiry, l.found, l.opening, l.expected,
       l.counted, l.counted_at, l.counted_by, u.id || ' ' || u.name as counter, l.reason, l.note, l.version,
       case when c.status in ('posted', 'cancelled') then coalesce(l.expected, l.opening)
            else coalesce(b.doses, 0) - since.doses end as on_record
from stock_count c
join stock_count_line l on l.count_id = c.id
join product p on p.id = l.product_id
left join app_user u on u.id = l.counted_by
left join lot t on t.product_id = l.product_id and t.number = l.lot_number
left join lot_balance b
  on b.facility_id = c.facility_id and b.product_id = l.product_id and b.lot_id is not distinct from t.id
 and (t.id is not null or l.lot_number is null)
cross join lateral (
    select coalesce(sum(e.doses), 0)::int as doses
    from stock_event e
    where c.status in ('open', 'submitted') and e.facility_id = c.facility_id and e.product_id = l.product_id
      and e.lot_id is not distinct from t.id and (t.id is not null or l.lot_number is null)
      and e.occurred_at > l.counted_at and e.occurred_at > :earliest
) since
where c.id = :count_id
order by p.seat, l.found, coalesce(l.expiry, t.expiry) nulls last, l.lot_number nulls last

-- earliest --
-- The first moment at which a line of a count was counted.
select coalesce(min(counted_at), now()) from stock_count_line where count_id = :count_id

-- changed_positions --
-- The products of a count whose stock has moved since it was opened.
select r.code
from stock_count_product q
join position p on p.facility_id = q.facility_id and p.product_id = q.product_id
join product r on r.id = q.product_id
where q.count_id = :count_id and q.active and p.version <> q.version
order by r.seat

-- unlisted --
-- Lots that were there when their product was counted (or are there, where it is not counted yet) and have no line.
select m.product_id, p.name as product_name, t.number as lot, t.expiry, b.doses - since.doses as doses
from (
    select q.facility_id, q.product_id, coalesce(max(l.counted_at), now()) as moment
    from stock_count_product q
    join stock_count_line l on l.count_id = q.count_id and l.product_id = q.product_id
    where q.count_id = :count_id
    group by q.facility_id, q.product_id
) m
join product p on p.id = m.product_id
join lot_balance b on b.facility_id = m.facility_id and b.product_id = m.product_id
left join lot t on t.id = b.lot_id
cross join lateral (
    select coalesce(sum(e.doses), 0)::int as doses
    from stock_event e
    where e.facility_id = m.facility_id and e.product_id = m.product_id and e.lot_id is not distinct from b.lot_id
      and e.occurred_at > m.moment and e.occurred_at > :earliest
) since
where b.doses - since.doses <> 0
  and not exists (
      select from stock_count_line l
      where l.count_id = :count_id and l.product_id = m.product_id and l.lot_number is not distinct from t.number
  )

-- listed --
-- Counts, those that wait first, then the newest; what they differ by is as it was known to the one who counted.
select c.number, c.status, f.code as facility, f.name as facility_name, c.opened_at, c.submitted_at, c.posted_at,
       c.cancelled_at, coalesce(s.id || ' ' || s.name, o.id || ' ' || o.name) as person,
       c.facility_id, a.lineage, sums.lines,
       sums.counted, sums.difference, sums.value, sums.unpriced, sums.currency
from stock_count c
join facility f on f.id = c.facility_id
join area a on a.id = f.area_id
left join app_user o on o.id = c.opened_by
left join app_user s on s.id = c.submitted_by
cross join lateral (
    select count(*)::int as lines, count(l.counted)::int as counted,
           coalesce(sum(l.counted - l.expected), 0)::int as difference,
           sum((l.counted - l.expected) * p.price) as value,
           count(distinct l.product_id) filter (where l.counted <> l.expected and p.price is null)::int as unpriced,
           max(p.currency) as currency
    from stock_count_line l
    join product p on p.id = l.product_id
    where l.count_id = c.id
) sums
where c.programme_id = :programme_id
  and (CAST(:statuses AS text[]) is null or c.status = any(CAST(:statuses AS text[])))
  and (CAST(:facility AS text) is null or f.code = :facility)
  and c.facility_id <@ CAST(:seen AS int4multirange)
order by array_position(array['submitted', 'open'], c.status), c.opened_at desc, c.id desc
limit :most

-- one_at_a_time --
-- Counts of a programme are opened one after the other: each gets a number of its own.
select pg_advisory_xact_lock(hashtext('stock count ' || CAST(:programme_id AS text)))

-- handled --
-- The products that a facility handles.
select r.code
from position p
join product r on r.id = p.product_id
where p.facility_id = :facility_id
order by r.seat

-- active --
-- The counts that are under way of these products at a facility.
select distinct c.number, r.name as product
from stock_count_product q
join stock_count c on c.id = q.count_id
join product r on r.id = q.product_id
where q.active and q.facility_id = :facility_id and q.product_id = any(CAST(:product_ids AS int[]))
order by c.number
limit 1

-- numbered --
-- How many counts begin with these letters.
select count(*) from stock_count where programme_id = :programme_id and starts_with(number, :prefix)

-- open --
-- A count, its products with the version of their positions, and a line for each lot on the shelves: where there is
-- none, one for "no lot known", so that nothing there is counted as well.
with made as (
    insert into stock_count (programme_id, facility_id, number, opened_by, opened_at)
    values (:programme_id, :facility_id, :number, :user_id, :now)
    returning id
),
products as (
    insert into stock_count_product (count_id, product_id, facility_id, version)
    select made.id, asked.product_id, :facility_id, coalesce(p.version, 0)
    from made
    cross join unnest(CAST(:product_ids AS int[])) as asked (product_id)
    left join position p on p.facility_id = :facility_id and p.product_id = asked.product_id
    returning count_id, product_id
)
insert into stock_count_line (count_id, product_id, lot_number, expiry, opening)
select q.count_id, q.product_id, t.number, t.expiry, coalesce(b.doses, 0)
from products q
left join lot_balance b on b.facility_id = :facility_id and b.product_id = q.product_id and b.doses > 0
left join lot t on t.id = b.lot_id

-- add_lines --
-- Lots that nobody had a line for.
insert into stock_count_line (count_id, product_id, lot_number, expiry, found, opening)
select :count_id, n.product_id, n.lot_number, n.expiry, n.found, n.opening
from unnest(CAST(:product_ids AS int[]), CAST(:lots AS text[]), CAST(:expiries AS date[]), CAST(:found AS bool[]),
            CAST(:openings AS int[])) as n (product_id, lot_number, expiry, found, opening)
on conflict on constraint uq_stock_count_line_lot do nothing

-- known_lots --
-- Lots on record by product and number.
select t.product_id, t.number, t.expiry
from lot t
join unnest(CAST(:product_ids AS int[]), CAST(:lots AS text[])) as asked (product_id, number)
  on asked.product_id = t.product_id and asked.number = t.number

-- save_lines --
-- What was entered. Another number is counted anew; the reason alone changes no moment.
update stock_count_line l
set counted = n.counted, reason = n.reason, note = n.note, version = l.version + 1, expected = n.expected,
    counted_at = case when n.anew then n.counted_at else l.counted_at end,
    counted_by = case when n.anew then n.counted_by else l.counted_by end
from unnest(CAST(:ids AS bigint[]), CAST(:counted AS int[]), CAST(:reasons AS text[]), CAST(:notes AS text[]),
            CAST(:anew AS bool[]), CAST(:moments AS timestamptz[]), CAST(:counters AS int[]), CAST(:expected AS int[]))
     as n (id, counted, reason, note, anew, counted_at, counted_by, expected)
where l.id = n.id

-- drop_lines --
-- Lots that were found by mistake.
delete from stock_count_line where id = any(CAST(:ids AS bigint[])) and found

-- see --
-- Who decides has seen what is on record now.
update stock_count_line l set expected = n.expected
from unnest(CAST(:ids AS bigint[]), CAST(:expected AS int[])) as n (id, expected)
where l.id = n.id and l.counted is not null and l.expected <> n.expected

-- at_moments --
-- What the record says of lots at a facility at a moment each, as `lines` has it.
select asked.id, coalesce(b.doses, 0) - since.doses as doses
from unnest(CAST(:ids AS bigint[]), CAST(:product_ids AS int[]), CAST(:lots AS text[]), CAST(:moments AS timestamptz[]))
     as asked (id, product_id, lot, moment)
left join lot t on t.product_id = asked.product_id and t.number = asked.lot
left join lot_balance b
  on b.facility_id = :facility_id and b.product_id = asked.product_id and b.lot_id is not distinct from t.id
 and (t.id is not null or asked.lot is null)
cross join lateral (
    select coalesce(sum(e.doses), 0)::int as doses
    from stock_event e
    where e.facility_id = :facility_id and e.product_id = asked.product_id and e.lot_id is not distinct from t.id
      and (t.id is not null or asked.lot is null) and e.occurred_at > asked.moment and e.occurred_at > :earliest
) since

-- set_time --
-- When it was counted on paper.
update stock_count set counted_at = :counted_at where id = :count_id

-- submit --
-- It waits for approval under the limits that are in force now.
update stock_count c
set status = 'submitted', submitted_by = :user_id, submitted_at = :now, counted_at = :counted_at,
    approval_share = p.count_approval_share, approval_value = p.count_approval_value
from programme p
where c.id = :count_id and p.id = c.programme_id

-- approve --
-- Somebody else agrees.
update stock_count set approved_by = :user_id, approved_at = :now, approval_note = :note where id = :count_id

-- post --
-- It is in the record; another count of its products may begin.
with posted as (
    update stock_count set status = 'posted', posted_at = :now where id = :count_id returning id
)
update stock_count_product q set active = false from posted where q.count_id = posted.id

-- refuse --
-- It is open again, to be counted anew.
update stock_count
set status = 'open', refused_by = :user_id, refused_at = :now, refusal = :reason, submitted_by = null,
    submitted_at = null, counted_at = null, approval_share = null, approval_value = null
where id = :count_id

-- cancel --
-- It is given up; nothing of it is in the record.
with given_up as (
    update stock_count
    set status = 'cancelled', cancelled_by = :user_id, cancelled_at = :now, cancel_reason = :reason,
        submitted_by = null, submitted_at = null
    where id = :count_id
    returning id
)
update stock_count_product q set active = false from given_up where q.count_id = given_up.id
