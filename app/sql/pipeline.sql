-- hold --
-- Hold positions until commit, in the ledger's order, and answer the names that a ticker line needs.
select f.id as facility_id, f.code as facility, f.name as facility_name, r.name as area_name, f.ordinal,
       p.id as product_id, p.code as product, p.name as product_name, p.unit, p.seat
from unnest(CAST(:facility_ids AS int[]), CAST(:product_ids AS int[])) as t (facility_id, product_id)
join facility f on f.id = t.facility_id
join area r on r.id = f.area_id
join product p on p.id = t.product_id
join position n on n.facility_id = t.facility_id and n.product_id = t.product_id
order by t.facility_id, t.product_id
for update of n

-- receivers --
-- The positions to which these ones have sent something that has not arrived.
select distinct s.receiver_id as facility_id, s.product_id
from unnest(CAST(:facility_ids AS int[]), CAST(:product_ids AS int[])) as t (facility_id, product_id)
join shipment s on s.sender_id = t.facility_id and s.product_id = t.product_id
join position n on n.facility_id = s.receiver_id and n.product_id = s.product_id
where s.resolved_at is null and s.sent <> s.received

-- waiting --
-- Whether something was committed, or is about to be, that the reader has not read.
select count(*) > 0
from (
    select from outbox
    where (txid, seq) > ((select txid from reader where name = :name), (select seq from reader where name = :name))
    order by txid, seq
    limit 1
) next
