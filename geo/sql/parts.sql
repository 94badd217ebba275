-- now --
-- The part of areas that somebody sees: for each area above (never an area that is wholly within) the sum of the areas
-- that are wholly within and lie in it, and of the facilities within that lie in none of those. As it is now, of some
-- product seats.
WITH part AS (
    SELECT above.id AS area_id, s.product_seat, s.no_report, s.inactive, s.stockout, s.critical, s.low, s.overstock,
           s.adequate, s.children, s.children_at_risk, s.children_out, s.last_event_at
    FROM area a
    CROSS JOIN LATERAL unnest(a.lineage) AS above (id)
    JOIN area_status s ON s.area_id = a.id
    WHERE a.id = ANY(CAST(:roots AS integer[])) AND above.id <> a.id
      AND s.product_seat = ANY(CAST(:product_seats AS integer[]))
    UNION ALL
    SELECT above.id, h.seat, CAST(h.state = 0 AS int), CAST(h.state = 1 AS int), CAST(h.state = 2 AS int),
           CAST(h.state = 3 AS int), CAST(h.state = 4 AS int), CAST(h.state = 5 AS int), CAST(h.state = 6 AS int),
           CASE WHEN h.state > 1 THEN c.weight ELSE 0 END,
           CASE WHEN h.state = ANY(CAST(:at_risk AS smallint[])) THEN c.weight ELSE 0 END,
           CASE WHEN h.state = 2 THEN c.weight ELSE 0 END, h.last_event_at
    FROM counted c
    JOIN facility f ON f.id = c.facility_id
    JOIN area a ON a.id = f.area_id
    CROSS JOIN LATERAL unnest(a.lineage) AS above (id)
    CROSS JOIN LATERAL (
        SELECT d.seat, n.state, n.last_event_at
        FROM position n
        JOIN product d ON d.id = n.product_id
        WHERE n.facility_id = f.id
        UNION ALL
        SELECT 0, w.state, (SELECT max(n.last_event_at) FROM position n WHERE n.facility_id = f.id)
        FROM facility_status w
        WHERE w.facility_id = f.id
    ) h
    WHERE c.facility_id = ANY(CAST(:loose AS integer[]))
      AND h.seat = ANY(CAST(:product_seats AS integer[]))
)
SELECT a.id, a.seat, a.code, a.name, p.product_seat, sum(p.no_report) AS no_report, sum(p.inactive) AS inactive,
       sum(p.stockout) AS stockout, sum(p.critical) AS critical, sum(p.low) AS low, sum(p.overstock) AS overstock,
       sum(p.adequate) AS adequate, sum(p.children) AS children, sum(p.children_at_risk) AS children_at_risk,
       sum(p.children_out) AS children_out, max(p.last_event_at) AS last_event_at, CAST(NULL AS date) AS month
FROM part p
JOIN area a ON a.id = p.area_id
GROUP BY a.id, p.product_seat
ORDER BY p.product_seat, a.seat;

-- months --
-- The same at the ends of months, for one product seat. A facility that is counted and has no state did not report.
WITH part AS (
    SELECT above.id AS area_id, s.month, s.no_report, s.inactive, s.stockout, s.critical, s.low, s.overstock,
           s.adequate, s.children, s.children_at_risk, s.children_out
    FROM area a
    CROSS JOIN LATERAL unnest(a.lineage) AS above (id)
    JOIN area_month s ON s.area_id = a.id AND s.product_seat = :product_seat
    WHERE a.id = ANY(CAST(:roots AS integer[])) AND above.id <> a.id AND s.month = ANY(CAST(:months AS date[]))
    UNION ALL
    SELECT above.id, m.month, CAST(h.state = 0 AS int), CAST(h.state = 1 AS int),
           CAST(h.state = 2 AS int), CAST(h.state = 3 AS int), CAST(h.state = 4 AS int), CAST(h.state = 5 AS int),
           CAST(h.state = 6 AS int), CASE WHEN h.state > 1 THEN c.weight ELSE 0 END,
           CASE WHEN h.state = ANY(CAST(:at_risk AS smallint[])) THEN c.weight ELSE 0 END,
           CASE WHEN h.state = 2 THEN c.weight ELSE 0 END
    FROM counted c
    JOIN facility f ON f.id = c.facility_id
    JOIN area a ON a.id = f.area_id
    CROSS JOIN LATERAL unnest(a.lineage) AS above (id)
    CROSS JOIN unnest(CAST(:months AS date[])) AS m (month)
    CROSS JOIN LATERAL (
        SELECT coalesce((CAST(:worst_first AS smallint[]))[min(array_position(CAST(:worst_first AS smallint[]), s.state))], 0)
                   AS state
        FROM stock_month s
        JOIN product d ON d.id = s.product_id
        WHERE s.facility_id = f.id AND s.month = m.month
          AND CASE WHEN CAST(:product_seat AS int) = 0 THEN d.tracer ELSE d.seat = :product_seat END
    ) h
    WHERE c.facility_id = ANY(CAST(:loose AS integer[])) AND :product_seat = ANY(c.seats)
)
SELECT a.id, a.seat, a.code, a.name, CAST(:product_seat AS int) AS product_seat, sum(p.no_report) AS no_report,
       sum(p.inactive) AS inactive, sum(p.stockout) AS stockout, sum(p.critical) AS critical, sum(p.low) AS low,
       sum(p.overstock) AS overstock, sum(p.adequate) AS adequate, sum(p.children) AS children,
       sum(p.children_at_risk) AS children_at_risk, sum(p.children_out) AS children_out,
       CAST(NULL AS timestamptz) AS last_event_at, p.month
FROM part p
JOIN area a ON a.id = p.area_id
GROUP BY a.id, p.month
ORDER BY p.month, a.seat;
