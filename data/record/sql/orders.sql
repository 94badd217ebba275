-- find --
-- An order by its number, with both ends and those who worked on it (each by id and sealed name).
select o.id, o.number, o.facility_id, f.code as facility, f.name as facility_name, fa.lineage,
       o.supplier_id, s.code as supplier, s.name as supplier_name, sa.lineage as supplier_lineage,
       coalesce(f.supplier_id = o.supplier_id, false) as regular, o.reference, o.note, o.placed_at, o.placed_by,
       p.id || ' ' || p.name as placer, o.approved_at, o.approved_by, v.id || ' ' || v.name as approver,
       o.approval_note, o.refused_at, r.id || ' ' || r.name as refuser, o.refusal,
       o.ended_at, x.id || ' ' || x.name as ender, o.end_reason
from stock_order o
join facility f on f.id = o.facility_id
join area fa on fa.id = f.area_id
join facility s on s.id = o.supplier_id
join area sa on sa.id = s.area_id
left join app_user p on p.id = o.placed_by
left join app_user v on v.id = o.approved_by
left join app_user r on r.id = o.refused_by
left join app_user x on x.id = o.ended_by
where o.programme_id = :programme_id and o.number = :number

-- lines --
-- The lines of an order, with what the record says is reserved and was shipped.
select l.id, p.id as product_id, p.code as product, p.name as product_name, p.unit, l.doses_per_vial, l.ordered,
       l.approved, coalesce(m.reserved, 0) as reserved, coalesce(m.shipped, 0) as shipped
from stock_order_line l
join product p on p.id = l.product_id
left join (
    select product_id, sum(reserved)::int as reserved, sum(shipped)::int as shipped
    from stock_order_moved(array[CAST(:order_id AS bigint)])
    group by product_id
) m on m.product_id = l.product_id
where l.order_id = :order_id
order by p.seat

-- deliveries --
-- What went under which document, and what of it is still on its way. What somebody has explained is not.
select s.product_id, s.id as shipment_id, s.document, s.sent, s.received,
       case when s.resolved_at is null then greatest(s.sent - s.received, 0) else 0 end as under_way,
       s.received > 0 and s.received <> s.sent and s.resolved_at is null as differs, s.sent_at, s.received_at
from stock_order_moved(array[CAST(:order_id AS bigint)]) m
join shipment s on s.id = m.shipment_id
where m.shipped > 0
order by s.sent_at, s.id

-- picked --
-- The lots that were taken for shipments, for who sees the shelf that they lay on.
select e.shipment_id, t.number as lot, t.expiry, -sum(e.doses)::int as doses
from stock_event e
left join lot t on t.id = e.lot_id
where e.shipment_id = any(CAST(:shipment_ids AS bigint[])) and e.facility_id = :supplier_id
group by e.shipment_id, t.number, t.expiry
having sum(e.doses) <> 0
order by e.shipment_id, t.expiry nulls last, t.number

-- plan_each --
-- A list is planned for what is asked: orders of a facility are found otherwise than those of a nation.
select set_config('plan_cache_mode', 'force_custom_plan', true)

-- listed --
-- Orders: of those that wait for a decision and of the others the newest, with the sums of their lines. What is left of a
-- line is what was approved and not shipped yet.
with asked as not materialized (
    select o.*, o.approved_at is null and o.refused_at is null and o.ended_at is null as pending
    from stock_order o
    where o.programme_id = :programme_id
      and (CAST(:facility_id AS int) is null or o.facility_id = :facility_id or o.supplier_id = :facility_id)
      and (o.facility_id <@ CAST(:seen AS int4multirange) or o.supplier_id <@ CAST(:seen AS int4multirange))
),
candidate as materialized (
    (select * from asked where :pending and pending order by placed_at desc limit :looked)
    union all
    (select * from asked where :others and not pending order by placed_at desc limit :looked)
),
moved as materialized (
    select m.order_id, m.product_id, sum(m.reserved)::int as reserved, sum(m.shipped)::int as shipped,
           coalesce(sum(s.received), 0)::int as received,
           coalesce(sum(greatest(s.sent - s.received, 0)) filter (where s.resolved_at is null), 0)::int as under_way
    from stock_order_moved(array(select id from candidate)) m
    left join shipment s on s.id = m.shipment_id and m.shipped > 0
    group by m.order_id, m.product_id
),
sums as materialized (
    select l.order_id, count(*)::int as lines, sum(l.ordered)::int as ordered,
           coalesce(sum(l.approved), 0)::int as approved, coalesce(sum(m.reserved), 0)::int as reserved,
           coalesce(sum(m.shipped), 0)::int as shipped, coalesce(sum(m.received), 0)::int as received,
           coalesce(sum(m.under_way), 0)::int as under_way,
           coalesce(sum(greatest(l.approved - coalesce(m.shipped, 0), 0)), 0)::int as left_over
    from candidate o
    join stock_order_line l on l.order_id = o.id
    left join moved m on m.order_id = l.order_id and m.product_id = l.product_id
    group by l.order_id
)
select o.number, f.code as facility, f.name as facility_name, s.code as supplier, s.name as supplier_name,
       o.facility_id, fa.lineage, o.placed_at, o.approved_at, o.refused_at, o.ended_at,
       p.id || ' ' || p.name as placer, sums.lines, sums.ordered, sums.approved, sums.reserved, sums.shipped,
       sums.received, sums.left_over, sums.under_way
from candidate o
join facility f on f.id = o.facility_id
join area fa on fa.id = f.area_id
join facility s on s.id = o.supplier_id
left join app_user p on p.id = o.placed_by
join sums on sums.order_id = o.id

-- known --
-- Which of these numbers are orders.
select number from stock_order where programme_id = :programme_id and number = any(CAST(:numbers AS text[]))

-- awaited --
-- What a facility has asked for since a moment and nobody has sent yet, by product: what waits for a decision, and what
-- was approved.
with asked as materialized (
    select id from stock_order
    where facility_id = :facility_id and placed_at > :since and refused_at is null and ended_at is null
),
moved as (
    select order_id, product_id, sum(shipped)::int as shipped
    from stock_order_moved(array(select id from asked))
    group by order_id, product_id
)
select l.product_id, sum(greatest(coalesce(l.approved, l.ordered) - coalesce(m.shipped, 0), 0))::int as doses
from asked a
join stock_order_line l on l.order_id = a.id
left join moved m on m.order_id = a.id and m.product_id = l.product_id
group by l.product_id

-- hold --
-- Nobody else changes this order until commit.
select id from stock_order where programme_id = :programme_id and number = :number for update

-- one_at_a_time --
-- Orders of a programme are placed one after the other: each gets a number of its own.
select pg_advisory_xact_lock(hashtext('stock order ' || CAST(:programme_id AS text)))

-- numbered --
-- How many orders begin with these letters.
select count(*) from stock_order where programme_id = :programme_id and starts_with(number, :prefix)

-- referred --
-- The order that a facility placed under its own id of it.
select number from stock_order where facility_id = :facility_id and reference = :reference

-- place --
-- An order, as it was asked for.
insert into stock_order (programme_id, number, facility_id, supplier_id, reference, note, placed_by, placed_at)
values (:programme_id, :number, :facility_id, :supplier_id, :reference, :note, :user_id, :now)
returning id

-- add_lines --
-- What it is of.
insert into stock_order_line (order_id, product_id, doses_per_vial, ordered)
select :order_id, n.product_id, n.doses_per_vial, n.ordered
from unnest(CAST(:product_ids AS int[]), CAST(:vials AS smallint[]), CAST(:ordered AS int[]))
     as n (product_id, doses_per_vial, ordered)

-- approve --
-- Somebody else agrees.
update stock_order set approved_by = :user_id, approved_at = :now, approval_note = :note where id = :order_id

-- approve_lines --
-- To how much of each.
update stock_order_line l
set approved = n.approved
from unnest(CAST(:ids AS bigint[]), CAST(:approved AS int[])) as n (id, approved)
where l.id = n.id

-- refuse --
-- It is not sent, and why.
update stock_order set refused_by = :user_id, refused_at = :now, refusal = :reason where id = :order_id

-- end --
-- What was not shipped is given up.
update stock_order set ended_by = :user_id, ended_at = :now, end_reason = :reason where id = :order_id

-- posting --
-- The number of the next posting.
update stock_order set postings = postings + 1 where id = :order_id returning postings

-- other_use --
-- A shipment that bears this document and is none of these.
select s.document, p.name as product, a.name as sender, b.name as receiver
from shipment s
join product p on p.id = s.product_id
join facility a on a.id = s.sender_id
join facility b on b.id = s.receiver_id
where s.programme_id = :programme_id and s.document = :document and s.sent > 0
  and s.id <> all(CAST(:shipment_ids AS bigint[]))
limit 1

-- available --
-- What a supplier may use of the products of an order and has promised to nobody.
select r.code as product, p.usable - p.reserved as doses
from position p
join product r on r.id = p.product_id
where p.facility_id = :facility_id and p.product_id = any(CAST(:product_ids AS int[]))
