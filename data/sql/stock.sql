-- facility --
-- One facility by its code, with what it last reported and the worst of its tracers.
SELECT f.id, f.code, f.name, f.tier, a.lineage, ST_X(f.point) AS lon, ST_Y(f.point) AS lat, f.catchment,
       EXISTS (SELECT FROM facility s WHERE s.supplier_id = f.id) AS supplies, f.delivery_interval_days, f.lead_time_days,
       f.report_interval_days, f.open, f.flags, s.state, s.probability,
       (SELECT max(p.last_event_at) FROM position p WHERE p.facility_id = f.id) AS last_event_at
FROM facility f
JOIN area a ON a.id = f.area_id
LEFT JOIN facility_status s ON s.facility_id = f.id
WHERE f.programme_id = :programme_id AND f.code = :code

-- lineage --
-- The areas of a lineage, from the nation down.
SELECT code, name, level, seat FROM area WHERE id = ANY(CAST(:ids AS integer[])) ORDER BY level

-- positions --
-- What one facility holds of every product that it handles, as it is now, in screen order.
SELECT r.id AS product_id, r.code, r.name, r.seat, r.unit, r.doses_per_vial, p.usable, p.total, p.amc, p.state,
       p.probability, p.cover_p10, p.cover_p50, p.cover_p90, p.next_delivery_on, p.last_event_at, p.out_since,
       p.dispersion, p.uncertainty, p.preset, p.within, p.short, p.missed, p.expiring, p.coming, p.coming_on,
       p.demand_source, p.learned_shift
FROM position p
JOIN product r ON r.id = p.product_id
WHERE p.facility_id = :facility_id
ORDER BY r.seat

-- positions_at --
-- The same as it was at the end of a month; cover, lots and deliveries are not kept for the past.
SELECT r.id AS product_id, r.code, r.name, r.seat, r.unit, r.doses_per_vial, m.closing AS usable, m.closing AS total,
       CAST(NULL AS real) AS amc, coalesce(m.state, 0) AS state, m.probability, CAST(NULL AS real) AS cover_p10,
       CAST(NULL AS real) AS cover_p50, CAST(NULL AS real) AS cover_p90, CAST(NULL AS date) AS next_delivery_on,
       CAST(NULL AS timestamptz) AS last_event_at, CAST(NULL AS timestamptz) AS out_since
FROM stock_month m
JOIN product r ON r.id = m.product_id
WHERE m.facility_id = :facility_id AND m.month = :month
ORDER BY r.seat

-- usable --
-- What may be used of one product at several facilities.
SELECT facility_id, usable
FROM position
WHERE facility_id = ANY(CAST(:facility_ids AS integer[])) AND product_id = :product_id

-- lots --
-- The lots of one product at one facility, in the order in which they are to be issued.
SELECT l.number, l.expiry, b.doses, b.vvm_stage, b.first_received_at
FROM lot_balance b
LEFT JOIN lot l ON l.id = b.lot_id
WHERE b.facility_id = :facility_id AND b.product_id = :product_id AND b.doses > 0
ORDER BY b.vvm_stage DESC, l.expiry NULLS LAST, b.first_received_at, l.number

-- months --
-- The months of one product at one facility up to one of them, oldest first.
SELECT month, opening, received, used, lost, adjusted, closing, days_out, state, probability,
       within_30, counted_30
FROM stock_month
WHERE facility_id = :facility_id AND product_id = :product_id
  AND month <= :until AND month > CAST(:until AS date) - make_interval(months => :months)
ORDER BY month

-- lines --
-- The newest lines of the bin card, each with the balance after it.
SELECT e.id, e.kind, e.entry, e.doses, e.counted, e.reason, e.occurred_at, e.recorded_at, e.source, e.document,
       l.number AS lot,
       CAST(:total - coalesce(sum(e.doses) OVER (ORDER BY e.occurred_at DESC, e.id DESC
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS integer) AS balance
FROM (
  SELECT id, kind, entry, doses, counted, reason, occurred_at, recorded_at, source, document, lot_id
  FROM stock_event
  WHERE facility_id = :facility_id AND product_id = :product_id
  ORDER BY occurred_at DESC, id DESC
  LIMIT :limit
) e
LEFT JOIN lot l ON l.id = e.lot_id
ORDER BY e.occurred_at DESC, e.id DESC

-- alerts --
-- A page of the open alerts of a programme, newest first.
SELECT a.id, a.kind, a.opened_at, f.code AS facility, f.name AS facility_name, f.tier, r.area_code, r.area_name,
       p.code AS product, p.name AS product_name
FROM (
  SELECT id, kind, opened_at, facility_id, product_id
  FROM alert
  WHERE programme_id = :programme_id AND resolved_at IS NULL AND facility_id <@ CAST(:seen AS int4multirange)
  ORDER BY opened_at DESC, id DESC
  LIMIT :limit OFFSET :skip
) a
JOIN facility f ON f.id = a.facility_id
JOIN LATERAL (SELECT code AS area_code, name AS area_name FROM area WHERE id = f.area_id) r ON true
JOIN product p ON p.id = a.product_id
ORDER BY a.opened_at DESC, a.id DESC

-- alert_count --
-- How many alerts are open in a programme.
SELECT count(*) FROM alert
WHERE programme_id = :programme_id AND resolved_at IS NULL AND facility_id <@ CAST(:seen AS int4multirange)

-- products --
-- The products of a programme, in screen order.
SELECT id AS product_id, code, name, seat, unit, doses_per_vial, tracer, given_at, open_vial_wastage, cm3_per_dose,
       doses_per_child
FROM product
WHERE programme_id = :programme_id
ORDER BY seat

-- findings --
-- What the check of the last load kept, refused and flagged: the worst first.
SELECT severity, subject, reason, count, remedy, examples, created_at
FROM finding
WHERE programme_id = :programme_id
ORDER BY array_position(ARRAY['refused', 'flagged', 'kept'], severity), count DESC, id
