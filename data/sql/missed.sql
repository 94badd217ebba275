-- places --
-- Places and products by the children who would be missed in the next 30 days, the most first: open facilities that
-- roll-ups count, in the whole programme or in one area, of all products or of one.
SELECT f.id AS facility_id, f.code AS facility, f.name AS facility_name, f.tier, a.code AS area, a.name AS area_name,
       f.delivery_interval_days, f.lead_time_days, f.report_interval_days,
       EXISTS (SELECT FROM facility s WHERE s.supplier_id = f.id) AS supplies,
       d.id AS product_id, d.code AS product, d.name AS product_name, d.unit, d.doses_per_vial,
       p.state, p.usable, p.amc, p.preset, p.within[3] AS within_30, p.short, p.missed, p.expiring,
       p.cover_p10, p.cover_p50, p.cover_p90, p.next_delivery_on, p.coming, p.coming_on, p.out_since, p.last_event_at
FROM position p
JOIN product d ON d.id = p.product_id
JOIN facility f ON f.id = p.facility_id
JOIN counted c ON c.facility_id = f.id
JOIN area a ON a.id = f.area_id
WHERE d.programme_id = :programme_id AND p.missed >= 1 AND f.open
  AND (CAST(:product_id AS int) IS NULL OR d.id = CAST(:product_id AS int))
  AND (CAST(:area_id AS int) IS NULL OR a.lineage @> ARRAY[CAST(:area_id AS int)])
ORDER BY p.missed DESC, p.facility_id, p.product_id
LIMIT :limit OFFSET :skip

-- places_nation --
-- The same of a whole programme: the index gives the first of them without reading the others.
SELECT f.id AS facility_id, f.code AS facility, f.name AS facility_name, f.tier, a.code AS area, a.name AS area_name,
       f.delivery_interval_days, f.lead_time_days, f.report_interval_days,
       EXISTS (SELECT FROM facility s WHERE s.supplier_id = f.id) AS supplies,
       d.id AS product_id, d.code AS product, d.name AS product_name, d.unit, d.doses_per_vial,
       p.state, p.usable, p.amc, p.preset, p.within[3] AS within_30, p.short, p.missed, p.expiring,
       p.cover_p10, p.cover_p50, p.cover_p90, p.next_delivery_on, p.coming, p.coming_on, p.out_since, p.last_event_at
FROM (
    SELECT p.*
    FROM position p
    JOIN counted c ON c.facility_id = p.facility_id
    WHERE p.missed >= 1
      AND p.product_id = ANY(ARRAY(SELECT id FROM product WHERE programme_id = :programme_id
                                     AND (CAST(:product_id AS int) IS NULL OR id = CAST(:product_id AS int))))
    ORDER BY p.missed DESC, p.facility_id, p.product_id
    LIMIT :limit OFFSET :skip
) p
JOIN product d ON d.id = p.product_id
JOIN facility f ON f.id = p.facility_id
JOIN area a ON a.id = f.area_id
ORDER BY p.missed DESC, p.facility_id, p.product_id

-- total --
-- The same counted: places x products, facilities, children and doses.
SELECT CAST(count(*) AS int) AS places, CAST(count(*) FILTER (WHERE p.within[3] >= 0.5) AS int) AS likely,
       CAST(count(DISTINCT f.id) AS int) AS facilities,
       coalesce(CAST(sum(p.missed) AS float8), 0) AS missed, coalesce(CAST(sum(p.short) AS float8), 0) AS short
FROM position p
JOIN product d ON d.id = p.product_id
JOIN facility f ON f.id = p.facility_id
JOIN counted c ON c.facility_id = f.id
JOIN area a ON a.id = f.area_id
WHERE d.programme_id = :programme_id AND p.missed >= 1 AND f.open
  AND (CAST(:product_id AS int) IS NULL OR d.id = CAST(:product_id AS int))
  AND (CAST(:area_id AS int) IS NULL OR a.lineage @> ARRAY[CAST(:area_id AS int)])

-- total_nation --
-- The same of a whole programme: whose facilities are known from its products, and who is open from who is counted.
SELECT CAST(coalesce(sum(p.places), 0) AS int) AS places, CAST(coalesce(sum(p.likely), 0) AS int) AS likely,
       CAST(count(*) AS int) AS facilities,
       coalesce(CAST(sum(p.missed) AS float8), 0) AS missed, coalesce(CAST(sum(p.short) AS float8), 0) AS short
FROM (
    SELECT facility_id, count(*) AS places, count(*) FILTER (WHERE within[3] >= 0.5) AS likely, sum(missed) AS missed, sum(short) AS short
    FROM position
    WHERE missed >= 1
      AND product_id = ANY(ARRAY(SELECT id FROM product WHERE programme_id = :programme_id
                                   AND (CAST(:product_id AS int) IS NULL OR id = CAST(:product_id AS int))))
    GROUP BY facility_id
) p
JOIN counted c ON c.facility_id = p.facility_id

-- of --
-- How many places x products report, of which these are some.
SELECT CAST(coalesce(sum(s.inactive + s.stockout + s.critical + s.low + s.overstock + s.adequate), 0) AS int)
FROM area_status s
WHERE s.area_id = :area_id AND s.product_seat <> 0
  AND (CAST(:product_seat AS int) IS NULL OR s.product_seat = CAST(:product_seat AS int))

-- of_part --
-- The same, counted one by one.
SELECT CAST(count(*) AS int)
FROM position p
JOIN product d ON d.id = p.product_id
JOIN counted c ON c.facility_id = p.facility_id
JOIN facility f ON f.id = p.facility_id
JOIN area a ON a.id = f.area_id
WHERE d.programme_id = :programme_id AND p.state <> 0
  AND (CAST(:product_id AS int) IS NULL OR d.id = CAST(:product_id AS int))
  AND (CAST(:area_id AS int) IS NULL OR a.lineage @> ARRAY[CAST(:area_id AS int)])
