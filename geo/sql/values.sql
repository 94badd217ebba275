-- areas_now --
-- The shares of every area, four bytes each (0, risk, out, reporting) in the order of seats, with the push they include:
-- one statement and so one snapshot.
SELECT p.registry_version AS version,
       coalesce((SELECT max(u.seq) FROM push u WHERE u.programme_id = p.id), 0) AS seq,
       (SELECT string_agg(int4send(coalesce(s.risk_share, 255) * 65536 + coalesce(s.out_share, 255) * 256
                                   + coalesce(s.reporting_share, 255)), '' ORDER BY a.seat)
        FROM area a
        LEFT JOIN area_status s ON s.area_id = a.id AND s.product_seat = :product_seat
        WHERE a.programme_id = :programme_id) AS cells
FROM programme p
WHERE p.id = :programme_id;

-- areas_month --
-- The same at the end of a month.
SELECT p.registry_version AS version,
       coalesce((SELECT max(u.seq) FROM push u WHERE u.programme_id = p.id), 0) AS seq,
       (SELECT string_agg(int4send(coalesce(s.risk_share, 255) * 65536 + coalesce(s.out_share, 255) * 256
                                   + coalesce(s.reporting_share, 255)), '' ORDER BY a.seat)
        FROM area a
        LEFT JOIN area_month s
               ON s.area_id = a.id AND s.product_seat = :product_seat AND s.month = CAST(:month AS date)
        WHERE a.programme_id = :programme_id) AS cells
FROM programme p
WHERE p.id = :programme_id;

-- facilities_now --
-- State and decile of one product, two bytes for each facility of a range of ordinals. A facility that holds other
-- products but not this one is inactive (1) for it; one that holds none has not reported (0). Rounding before the floor
-- keeps a probability of 0.7, which `real` makes a little less, in its decile, as data.insight.risk.decile does.
SELECT p.registry_version AS version,
       coalesce((SELECT max(u.seq) FROM push u WHERE u.programme_id = p.id), 0) AS seq,
       (SELECT string_agg(int2send(CAST(
                   coalesce(n.state, CASE WHEN w.facility_id IS NULL THEN 0 ELSE 1 END) * 256
                   + CASE WHEN n.probability IS NULL THEN 255
                        ELSE least(floor(round(CAST(n.probability * 10 AS numeric), 5)), 9) END AS smallint)), '' ORDER BY f.ordinal)
        FROM facility f
        LEFT JOIN position n
               ON n.facility_id = f.id
              AND n.product_id = (SELECT d.id FROM product d WHERE d.programme_id = :programme_id AND d.seat = :product_seat)
        LEFT JOIN facility_status w ON w.facility_id = f.id
        WHERE f.programme_id = :programme_id AND f.ordinal >= :first AND f.ordinal < :past) AS cells
FROM programme p
WHERE p.id = :programme_id;

-- worst_now --
-- The same for the worst of all products.
SELECT p.registry_version AS version,
       coalesce((SELECT max(u.seq) FROM push u WHERE u.programme_id = p.id), 0) AS seq,
       (SELECT string_agg(int2send(CAST(
                   coalesce(w.state, 0) * 256 + CASE WHEN w.probability IS NULL THEN 255
                        ELSE least(floor(round(CAST(w.probability * 10 AS numeric), 5)), 9) END AS smallint)),
               '' ORDER BY f.ordinal)
        FROM facility f
        LEFT JOIN facility_status w ON w.facility_id = f.id
        WHERE f.programme_id = :programme_id AND f.ordinal >= :first AND f.ordinal < :past) AS cells
FROM programme p
WHERE p.id = :programme_id;

-- facilities_month --
-- State and decile of one product as they were at the end of a month; what does not hold it is inactive, as above.
SELECT p.registry_version AS version,
       coalesce((SELECT max(u.seq) FROM push u WHERE u.programme_id = p.id), 0) AS seq,
       (SELECT string_agg(int2send(CAST(
                   coalesce(m.state, CASE WHEN n.facility_id IS NULL AND w.facility_id IS NOT NULL THEN 1 ELSE 0 END) * 256
                   + CASE WHEN m.probability IS NULL THEN 255
                        ELSE least(floor(round(CAST(m.probability * 10 AS numeric), 5)), 9) END AS smallint)),
               '' ORDER BY f.ordinal)
        FROM facility f
        LEFT JOIN position n
               ON n.facility_id = f.id
              AND n.product_id = (SELECT d.id FROM product d WHERE d.programme_id = :programme_id AND d.seat = :product_seat)
        LEFT JOIN facility_status w ON w.facility_id = f.id
        LEFT JOIN stock_month m
               ON m.facility_id = f.id
              AND m.product_id = (SELECT d.id FROM product d WHERE d.programme_id = :programme_id AND d.seat = :product_seat)
              AND m.month = CAST(:month AS date)
        WHERE f.programme_id = :programme_id AND f.ordinal >= :first AND f.ordinal < :past) AS cells
FROM programme p
WHERE p.id = :programme_id;

-- worst_month --
-- The same for the worst of all tracer products.
SELECT p.registry_version AS version,
       coalesce((SELECT max(u.seq) FROM push u WHERE u.programme_id = p.id), 0) AS seq,
       (SELECT string_agg(int2send(CAST(
                   coalesce(m.state, 0) * 256 + CASE WHEN m.probability IS NULL THEN 255
                        ELSE least(floor(round(CAST(m.probability * 10 AS numeric), 5)), 9) END AS smallint)),
               '' ORDER BY f.ordinal)
        FROM facility f
        LEFT JOIN LATERAL (
            SELECT (CAST(:worst_first AS smallint[]))[min(array_position(CAST(:worst_first AS smallint[]), s.state))]
                       AS state,
                   max(s.probability) AS probability
            FROM product d
            JOIN stock_month s ON s.facility_id = f.id AND s.product_id = d.id AND s.month = CAST(:month AS date)
            WHERE d.programme_id = :programme_id AND d.tracer
        ) m ON true
        WHERE f.programme_id = :programme_id AND f.ordinal >= :first AND f.ordinal < :past) AS cells
FROM programme p
WHERE p.id = :programme_id;

-- pushes_after --
-- What changed on the map after a push, in order.
SELECT seq, event, payload
FROM push
WHERE programme_id = :programme_id AND seq > :seq
ORDER BY seq;
