-- search --
-- Areas and facilities of a programme whose name or code has all of it, the closest first: what begins with it, then
-- what has a word that does; areas before facilities, larger ones first.
SELECT kind, code, name, place, level, west, south, east, north
FROM (
    (SELECT 'area' AS kind, a.code, a.name, above.name AS place, CAST(a.level AS integer) AS level,
            ST_XMin(a.geom) AS west, ST_YMin(a.geom) AS south, ST_XMax(a.geom) AS east, ST_YMax(a.geom) AS north,
            CASE WHEN a.folded LIKE :begins THEN 0 WHEN a.folded LIKE :word THEN 1 ELSE 2 END AS distance, 0 AS big
     FROM area a
     LEFT JOIN area above ON above.id = a.parent_id
     WHERE a.programme_id = :programme_id AND a.folded LIKE :has
       AND a.id <@ CAST(:areas AS int4multirange)
     ORDER BY distance, a.level, a.name
     LIMIT :most)
    UNION ALL
    (SELECT 'facility', f.code, f.name, own.name, NULL,
            ST_X(f.point), ST_Y(f.point), ST_X(f.point), ST_Y(f.point), f.distance, f.big
     FROM (
         SELECT f.code, f.name, f.area_id, f.point, -coalesce(f.catchment, 0) AS big,
                CASE WHEN f.folded LIKE :begins THEN 0 WHEN f.folded LIKE :word THEN 1 ELSE 2 END AS distance
         FROM facility f
         WHERE f.programme_id = :programme_id AND f.open AND f.folded LIKE :has
           AND f.id <@ CAST(:facilities AS int4multirange)
         ORDER BY distance, big, f.name
         LIMIT :most
     ) f
     JOIN area own ON own.id = f.area_id)
) found
ORDER BY distance, kind, level, big, name, code
LIMIT :most;
