-- facilities --
-- The facilities of a programme in registry order: the area each lies in, and whom roll-ups count with which weight.
SELECT string_agg(int4send(ordinal), '') AS ordinal, string_agg(int4send(id), '') AS facility_id,
       string_agg(int4send(seat), '') AS seat, string_agg(int4send(weight), '') AS weight,
       string_agg(int4send(counted), '') AS counted, string_agg(int4send(held), '') AS held
FROM (
    SELECT f.ordinal, f.id, a.seat, coalesce(c.weight, 0) AS weight,
           CAST(coalesce(:product_seat = ANY(c.seats), false) AS int) AS counted,
           CAST(w.facility_id IS NOT NULL AS int) AS held
    FROM facility f
    JOIN area a ON a.id = f.area_id
    LEFT JOIN counted c ON c.facility_id = f.id
    LEFT JOIN facility_status w ON w.facility_id = f.id
    WHERE f.programme_id = :programme_id
    ORDER BY f.ordinal
) o

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
