-- became --
-- The rows that an accepted submission became, and what was answered.
select e.kind, f.code as facility, f.name as facility_name, r.code as product, r.name as product_name, r.unit,
       r.doses_per_vial, e.occurred_at, e.recorded_at, e.document, p.name as partner_name, e.reason, e.doses,
       l.number as lot, l.expiry, CAST(k.result ->> 'balance' AS int) as balance, e.entry = 'reversal' as takes_back,
       exists (
           select from stock_event b
           where b.facility_id = e.facility_id and b.product_id = e.product_id and b.occurred_at = e.occurred_at
             and b.reverses_id = CAST(k.result -> 'event_ids' ->> 0 AS bigint)
       ) as taken_back
from event_key k
join stock_event e on e.id in (
    select CAST(told.id AS bigint) from jsonb_array_elements_text(k.result -> 'event_ids') as told (id)
)
join facility f on f.id = e.facility_id
join product r on r.id = e.product_id
left join lot l on l.id = e.lot_id
left join facility p on p.id = e.partner_id
where k.programme_id = :programme_id and k.source = :source and k.source_id = :source_id
order by e.id

-- below --
-- The open facilities that a place supplies.
select code, name from facility where supplier_id = :facility_id and open order by name limit 300

-- above --
-- The store that supplies a place.
select s.code from facility f join facility s on s.id = f.supplier_id where f.id = :facility_id
