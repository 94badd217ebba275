-- one_at_a_time --
-- Two loads of the same programme queue.
select pg_advisory_xact_lock(hashtext('load ' || :code))

-- programme --
-- What is on record of a programme.
select id, digest, simulated, registry_version from programme where code = :code

-- keep_programme --
-- Add the programme, or bring its words up to date; a changed registry is a new version of every tile. It follows the
-- clock, so that a database restored to an earlier moment never gives a number that browsers have seen before.
insert into programme as p (code, name, timezone, level_names, preset, simulated, notice, sources, digest)
values (:code, :name, :timezone, CAST(:level_names AS text[]), :preset, :simulated, :notice,
        CAST(:sources AS text[]), :digest)
on conflict (code) do update
set name = excluded.name, timezone = excluded.timezone, level_names = excluded.level_names,
    preset = excluded.preset, notice = excluded.notice, sources = excluded.sources, digest = excluded.digest,
    registry_version = greatest(p.registry_version + 1, cast(extract(epoch from now()) as bigint))
returning id, registry_version

-- known_areas --
-- The areas on record, by code.
select code, id from area where programme_id = :programme_id

-- known_facilities --
-- The facilities on record, by code.
select code, id from facility where programme_id = :programme_id

-- known_products --
-- The products on record, by code.
select code, id from product where programme_id = :programme_id

-- new_area_ids --
-- Ids for new areas.
select nextval(pg_get_serial_sequence('area', 'id')) from generate_series(1, CAST(:n AS int))

-- new_facility_ids --
-- Ids for new facilities.
select nextval(pg_get_serial_sequence('facility', 'id')) from generate_series(1, CAST(:n AS int))

-- new_product_ids --
-- Ids for new products.
select nextval(pg_get_serial_sequence('product', 'id')) from generate_series(1, CAST(:n AS int))

-- free_area_seats --
-- Stand up from the seats: they are given out again.
update area set seat = -1 - seat where programme_id = :programme_id

-- free_product_seats --
-- Stand up from the seats: they are given out again.
update product set seat = seat + 16000 where programme_id = :programme_id

-- stage_areas --
-- Where areas wait.
create temp table incoming_area on commit drop as
select id, programme_id, code, name, level, parent_id, lineage, population, target_children, seat, geom
from area with no data

-- keep_areas --
-- Add areas, or change them in place.
insert into area (id, programme_id, code, name, level, parent_id, lineage, population, target_children, seat, geom)
select id, programme_id, code, name, level, parent_id, lineage, population, target_children, seat, geom
from incoming_area
on conflict (id) do update
set name = excluded.name, level = excluded.level, parent_id = excluded.parent_id, lineage = excluded.lineage,
    population = excluded.population, target_children = excluded.target_children, seat = excluded.seat,
    geom = excluded.geom

-- stage_facilities --
-- Where facilities wait.
create temp table incoming_facility on commit drop as
select id, programme_id, code, name, tier, area_id, partition_id, ordinal, point, supplier_id, catchment,
       delivery_interval_days, lead_time_days, flags
from facility with no data

-- keep_facilities --
-- Add facilities, or change them in place; one that is listed is open.
insert into facility (id, programme_id, code, name, tier, area_id, partition_id, ordinal, point, supplier_id,
                      catchment, delivery_interval_days, lead_time_days, flags)
select id, programme_id, code, name, tier, area_id, partition_id, ordinal, point, supplier_id, catchment,
       delivery_interval_days, lead_time_days, flags
from incoming_facility
on conflict (id) do update
set name = excluded.name, tier = excluded.tier, area_id = excluded.area_id, partition_id = excluded.partition_id,
    ordinal = excluded.ordinal, point = excluded.point, supplier_id = excluded.supplier_id,
    catchment = excluded.catchment, delivery_interval_days = excluded.delivery_interval_days,
    lead_time_days = excluded.lead_time_days, flags = excluded.flags, open = true

-- close_facilities --
-- Close the facilities that are listed no more; returns their codes and names. Their history stays.
update facility f set open = false
where f.programme_id = :programme_id and f.open and not exists (select from incoming_facility i where i.id = f.id)
returning f.code, f.name

-- seat_facilities --
-- The registry order: by partition in seat order, then by id.
update facility f set ordinal = o.ordinal
from (
    select f2.id, row_number() over (order by a.seat, f2.id) - 1 as ordinal
    from facility f2 join area a on a.id = f2.partition_id
    where f2.programme_id = :programme_id
) o
where o.id = f.id and o.ordinal <> f.ordinal

-- stage_products --
-- Where products wait.
create temp table incoming_product on commit drop as
select id, programme_id, code, name, seat, unit, doses_per_vial, vials_per_pack, cm3_per_dose, open_vial_wastage,
       doses_per_child, given_at, freeze_sensitive, tracer, price, currency
from product with no data

-- keep_products --
-- Add products, or change them in place.
insert into product (id, programme_id, code, name, seat, unit, doses_per_vial, vials_per_pack, cm3_per_dose,
                     open_vial_wastage, doses_per_child, given_at, freeze_sensitive, tracer, price, currency)
select id, programme_id, code, name, seat, unit, doses_per_vial, vials_per_pack, cm3_per_dose, open_vial_wastage,
       doses_per_child, given_at, freeze_sensitive, tracer, price, currency
from incoming_product
on conflict (id) do update
set name = excluded.name, seat = excluded.seat, unit = excluded.unit, doses_per_vial = excluded.doses_per_vial,
    vials_per_pack = excluded.vials_per_pack, cm3_per_dose = excluded.cm3_per_dose,
    open_vial_wastage = excluded.open_vial_wastage, doses_per_child = excluded.doses_per_child, given_at = excluded.given_at,
    freeze_sensitive = excluded.freeze_sensitive, tracer = excluded.tracer, price = excluded.price,
    currency = excluded.currency

-- stage_lots --
-- Where lots wait.
create temp table incoming_lot on commit drop as select product_id, number, expiry from lot with no data

-- keep_lots --
-- Add the lots that are new.
insert into lot (product_id, number, expiry)
select product_id, number, expiry from incoming_lot
on conflict (product_id, number) do nothing

-- lots --
-- The lots of a programme; `wanted` is the expiry date that the pack gives.
select l.id, l.product_id, l.number, l.expiry, i.expiry as wanted
from lot l
join product p on p.id = l.product_id
left join incoming_lot i on i.product_id = l.product_id and i.number = l.number
where p.programme_id = :programme_id

-- drop_findings --
-- The findings of the pack that was loaded before.
delete from finding where programme_id = :programme_id

-- keep_findings --
-- What was kept, refused and flagged.
insert into finding (programme_id, severity, subject, reason, count, remedy, examples)
values (:programme_id, :severity, :subject, :reason, :count, :remedy, CAST(:examples AS text[]))
