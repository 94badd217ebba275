-- facilities --
-- The facilities of a programme in registry order: the area each lies in, and whom roll-ups count with which weight.
SELECT string_agg(int4send(f.ordinal), '' ORDER BY f.ordinal) AS ordinal,
       string_agg(int4send(f.id), '' ORDER BY f.ordinal) AS facility_id,
       string_agg(int4send(a.seat), '' ORDER BY f.ordinal) AS seat,
       string_agg(int4send(coalesce(c.weight, 0)), '' ORDER BY f.ordinal) AS weight,
       string_agg(int4send(CAST(coalesce(:product_seat = ANY(c.seats), false) AS int)), '' ORDER BY f.ordinal) AS counted,
       string_agg(int4send(CAST(w.facility_id IS NOT NULL AS int)), '' ORDER BY f.ordinal) AS held
FROM facility f
JOIN area a ON a.id = f.area_id
LEFT JOIN counted c ON c.facility_id = f.id
LEFT JOIN facility_status w ON w.facility_id = f.id
WHERE f.programme_id = :programme_id

-- areas --
-- Every area with the seat right above it, and those of all above it and its own.
SELECT a.id, a.seat, a.code, a.name, (SELECT u.seat FROM area u WHERE u.id = a.parent_id) AS parent,
       (SELECT array_agg(u.seat) FROM area u WHERE u.id = ANY(a.lineage)) AS above
FROM area a
WHERE a.programme_id = :programme_id
ORDER BY a.seat

-- products --
-- The products by their seats; the worst of all (0) is of tracers.
SELECT id, seat, code, name
FROM product
WHERE programme_id = :programme_id AND CASE CAST(:product_seat AS int) WHEN 0 THEN tracer ELSE seat = :product_seat END

-- seq --
-- The newest push.
SELECT coalesce(max(seq), 0) FROM push WHERE programme_id = :programme_id

-- names --
-- Facilities by what they are called.
SELECT f.id, f.code, f.name, f.ordinal, a.name AS area_name
FROM facility f
JOIN area a ON a.id = f.area_id
WHERE f.id = ANY(CAST(:ids AS int[]))
