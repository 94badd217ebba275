-- supply --
-- The stores above a facility, the nearest first, each with its distance from the one it supplies. A chain that runs in a
-- circle ends where it closes.
WITH RECURSIVE chain AS (
    SELECT f.id, f.supplier_id, f.point, 0 AS step, ARRAY[f.id] AS passed, CAST(NULL AS double precision) AS km
    FROM facility f
    WHERE f.id = :facility_id
    UNION ALL
    SELECT s.id, s.supplier_id, s.point, c.step + 1, c.passed || s.id,
           ST_Distance(CAST(s.point AS geography), CAST(c.point AS geography)) / 1000
    FROM chain c
    JOIN facility s ON s.id = c.supplier_id
    WHERE s.id <> ALL(c.passed)
)
SELECT s.id, s.code, s.name, s.tier, a.name AS area_name, c.km
FROM chain c
JOIN facility s ON s.id = c.id
JOIN area a ON a.id = s.area_id
WHERE c.step > 0
ORDER BY c.step;

-- spare --
-- Open facilities and stores near this one that can spare some of a product: what is above their own maximum of cover.
SELECT f.id, f.code, f.name, f.tier, a.name AS area_name,
       ST_Distance(CAST(f.point AS geography), CAST(own.point AS geography)) / 1000 AS km,
       n.usable - CAST(ceil(n.amc * CAST(:keep_months AS real)) AS integer) AS doses
FROM facility own
JOIN facility_place near ON near.programme_id = own.programme_id AND near.id <> own.id AND near.open
                        AND near.point && ST_Expand(own.point, CAST(:km AS double precision) / 80)
JOIN facility f ON f.id = near.id
JOIN position n ON n.facility_id = f.id AND n.product_id = :product_id
JOIN area a ON a.id = f.area_id
WHERE own.id = :facility_id AND f.id <@ CAST(:seen AS int4multirange)
  AND ST_DWithin(CAST(near.point AS geography), CAST(own.point AS geography), CAST(:km AS double precision) * 1000)
  AND n.amc > 0 AND n.usable - ceil(n.amc * CAST(:keep_months AS real)) >= :least
ORDER BY km
LIMIT :most;

-- nearest_spare --
-- The same for many places at once, the nearest for each: `place` numbers those asked for, from 0. Neighbours are tried in
-- the order of their distance until one can help.
SELECT CAST(w.place AS integer) - 1 AS place, f.id, f.code, f.name, f.tier, a.name AS area_name, s.km, s.doses
FROM unnest(CAST(:facility_ids AS integer[]), CAST(:product_ids AS integer[]), CAST(:keep_months AS real[]),
            CAST(:least AS integer[])) WITH ORDINALITY AS w (facility_id, product_id, keep_months, least, place)
JOIN facility own ON own.id = w.facility_id
CROSS JOIN LATERAL (
    SELECT near.id, ST_Distance(CAST(near.point AS geography), CAST(own.point AS geography)) / 1000 AS km,
           n.usable - CAST(ceil(n.amc * w.keep_months) AS integer) AS doses
    FROM facility_place near
    JOIN position n ON n.facility_id = near.id AND n.product_id = w.product_id
    WHERE near.programme_id = own.programme_id AND near.id <> own.id AND near.open
      AND near.point && ST_Expand(own.point, CAST(:km AS double precision) / 80)
      AND n.amc > 0 AND n.usable - ceil(n.amc * w.keep_months) >= w.least
      AND ST_DWithin(CAST(near.point AS geography), CAST(own.point AS geography), CAST(:km AS double precision) * 1000)
    ORDER BY near.point <-> own.point
    LIMIT 1
) s
JOIN facility f ON f.id = s.id
JOIN area a ON a.id = f.area_id;
