-- head --
-- The newest push.
SELECT coalesce(max(seq), 0) FROM push WHERE programme_id = :programme_id

-- products --
-- The products of a seat; the worst of all (0) is of tracers.
SELECT id
FROM product
WHERE programme_id = :programme_id AND CASE CAST(:product_seat AS int) WHEN 0 THEN tracer ELSE seat = :product_seat END

-- facilities --
-- The facilities of a programme in registry order: the area each lies in, and whom roll-ups count with which weight.
SELECT string_agg(int4send(a.seat), '' ORDER BY f.ordinal) AS seat,
       string_agg(int4send(coalesce(c.weight, 0)), '' ORDER BY f.ordinal) AS weight,
       string_agg(int4send(CAST(coalesce(:product_seat = ANY(c.seats), false) AS int)), '' ORDER BY f.ordinal) AS counted,
       string_agg(int4send(CAST(w.facility_id IS NOT NULL AS int)), '' ORDER BY f.ordinal) AS held
FROM facility f
JOIN area a ON a.id = f.area_id
LEFT JOIN counted c ON c.facility_id = f.id
LEFT JOIN facility_status w ON w.facility_id = f.id
WHERE f.programme_id = :programme_id

-- areas --
-- Every area with the seat right above it, in the order of seats.
SELECT a.id, a.seat, a.code, a.name, a.level, coalesce(u.seat, -1) AS parent, s.last_event_at
FROM area a
LEFT JOIN area u ON u.id = a.parent_id
LEFT JOIN area_status s ON s.area_id = a.id AND s.product_seat = :product_seat
WHERE a.programme_id = :programme_id
ORDER BY a.seat
