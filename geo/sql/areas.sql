-- area --
-- One area with the way to it from the nation, and the box around it.
SELECT a.id, a.seat, a.code, a.name, a.level, a.population, a.target_children,
       (SELECT jsonb_agg(jsonb_build_array(above.code, above.name, above.level) ORDER BY above.level)
        FROM area above WHERE above.id = ANY(a.lineage)) AS way,
       ARRAY[ST_XMin(a.geom), ST_YMin(a.geom), ST_XMax(a.geom), ST_YMax(a.geom)] AS bounds
FROM area a
WHERE a.programme_id = :programme_id AND a.code = :code;

-- nation --
-- The code of the whole.
SELECT code FROM area WHERE programme_id = :programme_id AND seat = 0;

-- status_now --
-- An area and the areas right below it, for one product seat.
SELECT a.id, a.seat, a.code, a.name,
       coalesce(s.no_report, 0) AS no_report, coalesce(s.inactive, 0) AS inactive, coalesce(s.stockout, 0) AS stockout,
       coalesce(s.critical, 0) AS critical, coalesce(s.low, 0) AS low, coalesce(s.overstock, 0) AS overstock,
       coalesce(s.adequate, 0) AS adequate, coalesce(s.children, 0) AS children,
       coalesce(s.children_at_risk, 0) AS children_at_risk, coalesce(s.children_out, 0) AS children_out,
       coalesce(s.risk_share, 255) AS risk_share, coalesce(s.out_share, 255) AS out_share,
       coalesce(s.reporting_share, 255) AS reporting_share, s.last_event_at
FROM area a
LEFT JOIN area_status s ON s.area_id = a.id AND s.product_seat = :product_seat
WHERE a.id = :area_id OR a.parent_id = :area_id
ORDER BY a.id <> :area_id, CASE WHEN s.risk_share = 255 THEN -1 ELSE s.risk_share END DESC NULLS LAST,
         s.children_at_risk DESC, a.name;

-- status_month --
-- The same at the end of a month.
SELECT a.id, a.seat, a.code, a.name,
       coalesce(s.no_report, 0) AS no_report, coalesce(s.inactive, 0) AS inactive, coalesce(s.stockout, 0) AS stockout,
       coalesce(s.critical, 0) AS critical, coalesce(s.low, 0) AS low, coalesce(s.overstock, 0) AS overstock,
       coalesce(s.adequate, 0) AS adequate, coalesce(s.children, 0) AS children,
       coalesce(s.children_at_risk, 0) AS children_at_risk, coalesce(s.children_out, 0) AS children_out,
       coalesce(s.risk_share, 255) AS risk_share, coalesce(s.out_share, 255) AS out_share,
       coalesce(s.reporting_share, 255) AS reporting_share, CAST(NULL AS timestamptz) AS last_event_at
FROM area a
LEFT JOIN area_month s
       ON s.area_id = a.id AND s.product_seat = :product_seat AND s.month = CAST(:month AS date)
WHERE a.id = :area_id OR a.parent_id = :area_id
ORDER BY a.id <> :area_id, CASE WHEN s.risk_share = 255 THEN -1 ELSE s.risk_share END DESC NULLS LAST,
         s.children_at_risk DESC, a.name;

-- headline --
-- The last twelve month ends of an area, oldest first, and where `month` is null the present after them: a row without
-- numbers where nothing is known. `month` null means now, and its months end with the last full local one.
SELECT slot.month, s.no_report, s.inactive, s.stockout, s.critical, s.low, s.overstock, s.adequate,
       s.last_event_at
FROM area a
JOIN programme p ON p.id = a.programme_id
CROSS JOIN LATERAL (
    SELECT CAST(m AS date) AS month
    FROM generate_series(
        coalesce(CAST(:month AS date), date_trunc('month', now() AT TIME ZONE p.timezone) - interval '1 month')
            - interval '1 month' * CAST(:months AS integer),
        coalesce(CAST(:month AS date), date_trunc('month', now() AT TIME ZONE p.timezone) - interval '1 month'),
        interval '1 month') AS m
    UNION ALL
    SELECT NULL WHERE CAST(:month AS date) IS NULL
) slot
LEFT JOIN LATERAL (
    SELECT r.no_report, r.inactive, r.stockout, r.critical, r.low, r.overstock, r.adequate,
           CAST(NULL AS timestamptz) AS last_event_at
    FROM area_month r
    WHERE r.area_id = a.id AND r.product_seat = :product_seat AND r.month = slot.month
    UNION ALL
    SELECT r.no_report, r.inactive, r.stockout, r.critical, r.low, r.overstock, r.adequate, r.last_event_at
    FROM area_status r
    WHERE r.area_id = a.id AND r.product_seat = :product_seat AND slot.month IS NULL
) s ON true
WHERE a.programme_id = :programme_id AND a.seat = :area_seat
ORDER BY slot.month NULLS LAST;

-- worst_product --
-- Facilities of an area that are out, critical or low of one product now, the worst first.
SELECT f.code, f.name, f.ordinal, own.name AS area_name, d.code AS product, d.name AS product_name,
       n.state, n.probability, n.cover_p10, n.cover_p50, n.cover_p90, n.usable, n.out_since AS since, n.within
FROM product d
JOIN position n ON n.product_id = d.id AND n.state IN (2, 3, 4)
JOIN facility f ON f.id = n.facility_id
JOIN area own ON own.id = f.area_id
WHERE d.programme_id = :programme_id AND d.seat = :product_seat
  AND f.open AND own.lineage @> ARRAY[CAST(:area_id AS integer)]
  AND f.id <@ CAST(:seen AS int4multirange)
ORDER BY n.state, n.probability DESC NULLS LAST, f.catchment DESC NULLS LAST, f.ordinal
LIMIT :most;

-- worst_of_all --
-- Facilities of an area whose worst tracer is out, critical or low now, each with that product.
SELECT f.code, f.name, f.ordinal, own.name AS area_name, n.product, n.product_name,
       f.state, n.probability, n.cover_p10, n.cover_p50, n.cover_p90, n.usable, n.since, n.within
FROM (
    SELECT f.id, f.code, f.name, f.ordinal, f.area_id, f.catchment, w.state, w.probability
    FROM facility_status w
    JOIN facility f ON f.id = w.facility_id
    JOIN area own ON own.id = f.area_id
    WHERE f.programme_id = :programme_id AND f.open AND w.state IN (2, 3, 4)
      AND own.lineage @> ARRAY[CAST(:area_id AS integer)]
  AND f.id <@ CAST(:seen AS int4multirange)
    ORDER BY w.state, w.probability DESC NULLS LAST, f.catchment DESC NULLS LAST, f.ordinal
    LIMIT :most
) f
JOIN area own ON own.id = f.area_id
CROSS JOIN LATERAL (
    SELECT d.code AS product, d.name AS product_name, n.probability, n.cover_p10, n.cover_p50, n.cover_p90, n.usable,
           n.out_since AS since, n.within
    FROM position n
    JOIN product d ON d.id = n.product_id
    WHERE n.facility_id = f.id AND d.tracer AND n.state = f.state
    ORDER BY n.probability DESC NULLS LAST, n.out_since NULLS LAST, d.seat
    LIMIT 1
) n
ORDER BY f.state, f.probability DESC NULLS LAST, f.catchment DESC NULLS LAST, f.ordinal;

-- worst_month_product --
-- Facilities of an area that were out, critical or low of one product at the end of a month, the worst first.
SELECT f.code, f.name, f.ordinal, own.name AS area_name, d.code AS product, d.name AS product_name,
       m.state, m.probability, CAST(NULL AS real) AS cover_p10, CAST(NULL AS real) AS cover_p50,
       CAST(NULL AS real) AS cover_p90, m.closing AS usable, CAST(NULL AS timestamptz) AS since
FROM product d
JOIN stock_month m ON m.product_id = d.id AND m.month = CAST(:month AS date) AND m.state IN (2, 3, 4)
JOIN facility f ON f.id = m.facility_id
JOIN area own ON own.id = f.area_id
WHERE d.programme_id = :programme_id AND d.seat = :product_seat
  AND f.open AND own.lineage @> ARRAY[CAST(:area_id AS integer)]
  AND f.id <@ CAST(:seen AS int4multirange)
ORDER BY m.state, m.probability DESC NULLS LAST, f.catchment DESC NULLS LAST, f.ordinal
LIMIT :most;

-- worst_month_of_all --
-- Facilities of an area whose worst tracer was out, critical or low at the end of a month, each with that product.
SELECT f.code, f.name, f.ordinal, own.name AS area_name, n.product, n.product_name,
       f.state, n.probability, CAST(NULL AS real) AS cover_p10, CAST(NULL AS real) AS cover_p50,
       CAST(NULL AS real) AS cover_p90, n.closing AS usable, CAST(NULL AS timestamptz) AS since
FROM (
    SELECT f.id, f.code, f.name, f.ordinal, f.area_id, f.catchment, w.state, w.probability
    FROM (
        SELECT m.facility_id, min(m.state) AS state, max(m.probability) AS probability
        FROM stock_month m
        WHERE m.month = CAST(:month AS date) AND m.state IN (2, 3, 4)
          AND m.product_id IN (SELECT d.id FROM product d WHERE d.programme_id = :programme_id AND d.tracer)
        GROUP BY m.facility_id
    ) w
    JOIN facility f ON f.id = w.facility_id
    JOIN area own ON own.id = f.area_id
    WHERE f.open AND own.lineage @> ARRAY[CAST(:area_id AS integer)]
  AND f.id <@ CAST(:seen AS int4multirange)
    ORDER BY w.state, w.probability DESC NULLS LAST, f.catchment DESC NULLS LAST, f.ordinal
    LIMIT :most
) f
JOIN area own ON own.id = f.area_id
CROSS JOIN LATERAL (
    SELECT d.code AS product, d.name AS product_name, m.probability, m.closing
    FROM stock_month m
    JOIN product d ON d.id = m.product_id
    WHERE m.facility_id = f.id AND m.month = CAST(:month AS date) AND d.tracer AND m.state = f.state
    ORDER BY m.probability DESC NULLS LAST, d.seat
    LIMIT 1
) n
ORDER BY f.state, f.probability DESC NULLS LAST, f.catchment DESC NULLS LAST, f.ordinal;

-- headline_months --
-- The month ends of a headline, oldest first: up to `month`, or where it is null to the last full local one.
SELECT CAST(m AS date) AS month
FROM programme p
CROSS JOIN LATERAL generate_series(
    coalesce(CAST(:month AS date), date_trunc('month', now() AT TIME ZONE p.timezone) - interval '1 month')
        - interval '1 month' * CAST(:months AS integer),
    coalesce(CAST(:month AS date), date_trunc('month', now() AT TIME ZONE p.timezone) - interval '1 month'),
    interval '1 month') AS m
WHERE p.id = :programme_id
ORDER BY m;
