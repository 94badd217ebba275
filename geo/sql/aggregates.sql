-- count --
-- The one place that says which facilities roll-ups count, with which weight, and for which products: those that are
-- open and serve children. Where a programme knows no catchment at all, all that are open, with a weight of 1 each.
-- A facility is counted for a product when it has a position of it, and for the worst of all (0) when it has a status.
-- Only what differs is written: on most days nothing does.
WITH wanted AS MATERIALIZED (
    SELECT f.id, CASE WHEN known.any THEN f.catchment ELSE 1 END AS weight,
           CASE WHEN w.facility_id IS NULL THEN held.seats ELSE held.seats || CAST(0 AS smallint) END AS seats
    FROM facility f
    CROSS JOIN (SELECT EXISTS (SELECT FROM facility k
                               WHERE k.programme_id = :programme_id AND k.catchment > 0) AS any) known
    CROSS JOIN LATERAL (
        SELECT coalesce(array_agg(d.seat ORDER BY d.seat), '{}') AS seats
        FROM position n
        JOIN product d ON d.id = n.product_id
        WHERE n.facility_id = f.id
    ) held
    LEFT JOIN facility_status w ON w.facility_id = f.id
    WHERE f.programme_id = :programme_id AND f.open AND (f.catchment > 0 OR NOT known.any)
),
gone AS (
    DELETE FROM counted c
    USING facility f
    WHERE f.id = c.facility_id AND f.programme_id = :programme_id
      AND NOT EXISTS (SELECT FROM wanted n WHERE n.id = c.facility_id)
)
INSERT INTO counted AS c (facility_id, weight, seats)
SELECT id, weight, seats FROM wanted
ON CONFLICT (facility_id) DO UPDATE SET weight = excluded.weight, seats = excluded.seats
WHERE (c.weight, c.seats) IS DISTINCT FROM (excluded.weight, excluded.seats);

-- forget --
-- The roll-ups of a programme, before they are made anew.
DELETE FROM area_status s
USING area a
WHERE a.id = s.area_id AND a.programme_id = :programme_id;

-- roll_up --
-- Every area of a programme for every product seat, from the states of its facilities (numbers of data.types.State).
WITH held AS (
    SELECT f.area_id, d.seat AS product_seat, n.state, c.weight, n.last_event_at
    FROM counted c
    JOIN facility f ON f.id = c.facility_id
    JOIN position n ON n.facility_id = f.id
    JOIN product d ON d.id = n.product_id
    WHERE f.programme_id = :programme_id
    UNION ALL
    SELECT f.area_id, 0, w.state, c.weight,
           (SELECT max(n.last_event_at) FROM position n WHERE n.facility_id = f.id)
    FROM counted c
    JOIN facility f ON f.id = c.facility_id
    JOIN facility_status w ON w.facility_id = f.id
    WHERE f.programme_id = :programme_id
),
-- First by the area in which a facility lies, then up: far fewer rows to carry upwards.
local AS (
    SELECT area_id, product_seat,
           count(*) FILTER (WHERE state = 0) AS no_report, count(*) FILTER (WHERE state = 1) AS inactive,
           count(*) FILTER (WHERE state = 2) AS stockout, count(*) FILTER (WHERE state = 3) AS critical,
           count(*) FILTER (WHERE state = 4) AS low, count(*) FILTER (WHERE state = 5) AS overstock,
           count(*) FILTER (WHERE state = 6) AS adequate,
           sum(weight) FILTER (WHERE state > 1) AS children,
           sum(weight) FILTER (WHERE state = ANY(CAST(:at_risk AS smallint[]))) AS children_at_risk,
           sum(weight) FILTER (WHERE state = 2) AS children_out,
           max(last_event_at) AS last_event_at
    FROM held
    GROUP BY area_id, product_seat
),
total AS (
    SELECT above.id AS area_id, l.product_seat,
           sum(l.no_report) AS no_report, sum(l.inactive) AS inactive, sum(l.stockout) AS stockout,
           sum(l.critical) AS critical, sum(l.low) AS low, sum(l.overstock) AS overstock, sum(l.adequate) AS adequate,
           sum(l.children) AS children, sum(l.children_at_risk) AS children_at_risk,
           sum(l.children_out) AS children_out, max(l.last_event_at) AS last_event_at
    FROM local l
    JOIN area a ON a.id = l.area_id
    CROSS JOIN LATERAL unnest(a.lineage) AS above (id)
    GROUP BY above.id, l.product_seat
)
INSERT INTO area_status (area_id, product_seat, no_report, inactive, stockout, critical, low, overstock, adequate,
                         children, children_at_risk, children_out, last_event_at)
SELECT a.id, seat.number,
       coalesce(t.no_report, 0), coalesce(t.inactive, 0), coalesce(t.stockout, 0), coalesce(t.critical, 0),
       coalesce(t.low, 0), coalesce(t.overstock, 0), coalesce(t.adequate, 0),
       coalesce(t.children, 0), coalesce(t.children_at_risk, 0), coalesce(t.children_out, 0), t.last_event_at
FROM area a
CROSS JOIN (SELECT 0 AS number UNION ALL SELECT seat FROM product WHERE programme_id = :programme_id) seat
LEFT JOIN total t ON t.area_id = a.id AND t.product_seat = seat.number
WHERE a.programme_id = :programme_id;

-- move --
-- Carry changes of state up the lineage of their facilities, all in one step. A facility that was not counted for the
-- product so far adds its new state and takes none away. Answers the touched areas as they are now; of those below the
-- first level, where `only_moved`, those of which a number moved.
WITH change AS MATERIALIZED (
    SELECT c.facility_id, a.lineage, c.weight, CAST(u.product_seat AS smallint) AS product_seat, u.new,
           CASE WHEN u.product_seat = ANY(c.seats) THEN u.old END AS old,
           CASE WHEN u.product_seat = 0
                THEN (SELECT max(n.last_event_at) FROM position n WHERE n.facility_id = c.facility_id)
                ELSE (SELECT n.last_event_at FROM position n WHERE n.facility_id = c.facility_id AND n.product_id = d.id)
           END AS last_event_at
    FROM unnest(CAST(:facility_ids AS integer[]), CAST(:product_seats AS integer[]),
                CAST(:olds AS integer[]), CAST(:news AS integer[])) AS u (facility_id, product_seat, old, new)
    JOIN counted c ON c.facility_id = u.facility_id
    JOIN facility f ON f.id = c.facility_id
    JOIN area a ON a.id = f.area_id
    LEFT JOIN product d ON d.programme_id = f.programme_id AND d.seat = u.product_seat
),
joined AS (
    UPDATE counted c
    SET seats = c.seats || n.seats
    FROM (SELECT facility_id, array_agg(product_seat) AS seats FROM change WHERE old IS NULL GROUP BY facility_id) n
    WHERE c.facility_id = n.facility_id
),
-- What leaves a state counts against it, what comes into one for it; and first by lineage, so that less is carried up.
step AS (
    SELECT lineage, product_seat, state, sum(sign) AS facilities, sum(sign * weight) AS children,
           max(last_event_at) AS last_event_at
    FROM change
    CROSS JOIN LATERAL (VALUES (new, 1), (old, -1)) AS s (state, sign)
    GROUP BY lineage, product_seat, state
),
delta AS (
    SELECT above.id AS area_id, product_seat,
           coalesce(sum(facilities) FILTER (WHERE state = 0), 0) AS no_report,
           coalesce(sum(facilities) FILTER (WHERE state = 1), 0) AS inactive,
           coalesce(sum(facilities) FILTER (WHERE state = 2), 0) AS stockout,
           coalesce(sum(facilities) FILTER (WHERE state = 3), 0) AS critical,
           coalesce(sum(facilities) FILTER (WHERE state = 4), 0) AS low,
           coalesce(sum(facilities) FILTER (WHERE state = 5), 0) AS overstock,
           coalesce(sum(facilities) FILTER (WHERE state = 6), 0) AS adequate,
           coalesce(sum(children) FILTER (WHERE state > 1), 0) AS children,
           coalesce(sum(children) FILTER (WHERE state = ANY(CAST(:at_risk AS smallint[]))), 0) AS children_at_risk,
           coalesce(sum(children) FILTER (WHERE state = 2), 0) AS children_out,
           max(last_event_at) AS last_event_at,
           bool_or(state IS NOT NULL AND (facilities <> 0 OR children <> 0)) AS moved
    FROM step
    CROSS JOIN LATERAL unnest(lineage) AS above (id)
    GROUP BY above.id, product_seat
),
told AS (
    UPDATE area_status s SET
        no_report = s.no_report + d.no_report, inactive = s.inactive + d.inactive,
        stockout = s.stockout + d.stockout, critical = s.critical + d.critical, low = s.low + d.low,
        overstock = s.overstock + d.overstock, adequate = s.adequate + d.adequate,
        children = s.children + d.children, children_at_risk = s.children_at_risk + d.children_at_risk,
        children_out = s.children_out + d.children_out,
        last_event_at = greatest(s.last_event_at, d.last_event_at)
    FROM delta d
    WHERE s.area_id = d.area_id AND s.product_seat = d.product_seat
    RETURNING s.*, d.moved
)
SELECT a.seat, m.product_seat, m.risk_share, m.out_share, m.reporting_share,
       m.no_report + m.inactive + m.stockout + m.critical + m.low + m.overstock + m.adequate AS handling,
       m.inactive + m.stockout + m.critical + m.low + m.overstock + m.adequate AS reporting,
       m.stockout, m.stockout + m.critical AS at_risk
FROM told m
JOIN area a ON a.id = m.area_id
WHERE m.moved OR a.level < 2 OR NOT CAST(:only_moved AS boolean)
ORDER BY m.product_seat, a.seat;

-- forget_months --
-- The roll-ups of a programme from a month on.
DELETE FROM area_month m
USING area a
WHERE a.id = m.area_id AND a.programme_id = :programme_id AND m.month >= CAST(:since AS date);

-- roll_up_months --
-- Every area at the end of every month for which states are known. Who is counted for a product today is counted in every
-- month: without a state there, as not reporting.
WITH seen AS (
    SELECT c.facility_id, f.area_id, c.weight, m.month, d.seat AS product_seat, d.tracer, m.state
    FROM counted c
    JOIN facility f ON f.id = c.facility_id
    JOIN stock_month m ON m.facility_id = f.id
    JOIN product d ON d.id = m.product_id
    WHERE f.programme_id = :programme_id AND m.state IS NOT NULL AND m.month >= CAST(:since AS date)
),
local AS (
    SELECT area_id, month, product_seat,
           count(*) FILTER (WHERE state = 1) AS inactive, count(*) FILTER (WHERE state = 2) AS stockout,
           count(*) FILTER (WHERE state = 3) AS critical, count(*) FILTER (WHERE state = 4) AS low,
           count(*) FILTER (WHERE state = 5) AS overstock, count(*) FILTER (WHERE state = 6) AS adequate,
           sum(weight) FILTER (WHERE state > 1) AS children,
           sum(weight) FILTER (WHERE state = ANY(CAST(:at_risk AS smallint[]))) AS children_at_risk,
           sum(weight) FILTER (WHERE state = 2) AS children_out
    FROM (
        SELECT area_id, month, product_seat, state, weight FROM seen
        UNION ALL
        SELECT area_id, month, 0,
               (CAST(:worst_first AS smallint[]))[min((CAST(:ranks AS smallint[]))[state + 1])], weight
        FROM seen
        WHERE tracer
        GROUP BY facility_id, area_id, month, weight
    ) s
    GROUP BY area_id, month, product_seat
),
total AS (
    SELECT above.id AS area_id, l.month, l.product_seat,
           sum(l.inactive) AS inactive, sum(l.stockout) AS stockout, sum(l.critical) AS critical, sum(l.low) AS low,
           sum(l.overstock) AS overstock, sum(l.adequate) AS adequate, sum(l.children) AS children,
           sum(l.children_at_risk) AS children_at_risk, sum(l.children_out) AS children_out
    FROM local l
    JOIN area a ON a.id = l.area_id
    CROSS JOIN LATERAL unnest(a.lineage) AS above (id)
    GROUP BY above.id, l.month, l.product_seat
),
handling AS (
    SELECT above.id AS area_id, seat.number AS product_seat, count(*) AS facilities
    FROM counted c
    CROSS JOIN LATERAL unnest(c.seats) AS seat (number)
    JOIN facility f ON f.id = c.facility_id
    JOIN area a ON a.id = f.area_id
    CROSS JOIN LATERAL unnest(a.lineage) AS above (id)
    WHERE f.programme_id = :programme_id
    GROUP BY above.id, seat.number
)
INSERT INTO area_month (month, product_seat, area_id, no_report, inactive, stockout, critical, low, overstock, adequate,
                        children, children_at_risk, children_out)
SELECT months.month, h.product_seat, h.area_id,
       h.facilities - coalesce(t.inactive + t.stockout + t.critical + t.low + t.overstock + t.adequate, 0),
       coalesce(t.inactive, 0), coalesce(t.stockout, 0), coalesce(t.critical, 0), coalesce(t.low, 0),
       coalesce(t.overstock, 0), coalesce(t.adequate, 0),
       coalesce(t.children, 0), coalesce(t.children_at_risk, 0), coalesce(t.children_out, 0)
FROM handling h
CROSS JOIN (SELECT DISTINCT month FROM local) months
LEFT JOIN total t ON t.area_id = h.area_id AND t.product_seat = h.product_seat AND t.month = months.month;

-- counted --
-- The facilities that roll-ups count, by the area they lie in, product seat (0: the worst of all) and state.
SELECT area_id, product_seat, state, count(*) AS facilities, sum(weight) AS weight, max(last_event_at) AS last_event_at
FROM (
    SELECT f.area_id, d.seat AS product_seat, n.state, c.weight, n.last_event_at
    FROM counted c
    JOIN facility f ON f.id = c.facility_id
    JOIN position n ON n.facility_id = f.id
    JOIN product d ON d.id = n.product_id
    WHERE f.programme_id = :programme_id
    UNION ALL
    SELECT f.area_id, 0, w.state, c.weight, (SELECT max(n.last_event_at) FROM position n WHERE n.facility_id = f.id)
    FROM counted c
    JOIN facility f ON f.id = c.facility_id
    JOIN facility_status w ON w.facility_id = f.id
    WHERE f.programme_id = :programme_id
) held
GROUP BY area_id, product_seat, state;

-- above --
-- Every area of a programme, and the areas that it lies in, itself included.
SELECT id, code, lineage FROM area WHERE programme_id = :programme_id;

-- kept --
-- The roll-ups as they are kept: facilities by state, then children, those at risk, those without, the newest event.
SELECT s.area_id, s.product_seat,
       ARRAY[s.no_report, s.inactive, s.stockout, s.critical, s.low, s.overstock, s.adequate] AS facilities,
       ARRAY[s.children, s.children_at_risk, s.children_out] AS children, s.last_event_at
FROM area_status s
JOIN area a ON a.id = s.area_id
WHERE a.programme_id = :programme_id;
