-- areas --
-- The outlines of one tile and the names that are written in it; nothing where the programme has none there.
WITH drawn AS MATERIALIZED (
    SELECT a.seat, a.code, a.name, a.level, o.geom, o.label
    FROM area_outline o
    JOIN area a ON a.id = o.area_id
    WHERE o.zoom = :z
      AND a.programme_id = :programme_id
      AND o.geom && ST_Expand(ST_MakeEnvelope(:west, :south, :east, :north, 3857), (CAST(:east AS float8) - :west) / 64)
),
shapes AS (
    SELECT seat, code, name, level,
           ST_AsMVTGeom(geom, ST_MakeEnvelope(:west, :south, :east, :north, 3857), 4096, 64, true) AS geom
    FROM drawn
),
points AS (
    SELECT seat AS id, seat, name, level,
           ST_AsMVTGeom(label, ST_MakeEnvelope(:west, :south, :east, :north, 3857), 4096, 0, true) AS geom
    FROM drawn
    WHERE ST_X(label) >= :west AND ST_X(label) < :east AND ST_Y(label) > :south AND ST_Y(label) <= :north
)
SELECT p.registry_version AS version,
       coalesce((SELECT ST_AsMVT(s, 'areas', 4096, 'geom', 'seat')
                 FROM (SELECT * FROM shapes WHERE geom IS NOT NULL ORDER BY level, seat) s), '')
       || coalesce((SELECT ST_AsMVT(n, 'area_points', 4096, 'geom', 'id')
                    FROM (SELECT * FROM points WHERE geom IS NOT NULL ORDER BY level, seat) n), '') AS mvt
FROM programme p
WHERE p.id = :programme_id;

-- facilities --
-- The facilities of one tile, one for each cell; all of them where a cell is a single unit. Points are counted in whole
-- units of the entire world at this zoom, so that one on an edge belongs to exactly one tile (and never at a pole, which has no place in this projection).
WITH placed AS (
    SELECT f.ordinal, f.code, f.name, f.tier, coalesce(f.catchment, 0) AS catchment,
           floor((ST_X(f.point) + 180) / 360 * :units) - CAST(:x AS bigint) * 4096 AS across,
           floor((0.5 - ln(tan(pi() / 4 + radians(greatest(-89, least(89, ST_Y(f.point)))) / 2)) / (2 * pi())) * :units)
               - CAST(:y AS bigint) * 4096 AS down
    FROM facility f
    WHERE f.programme_id = :programme_id
      AND f.open
      AND f.point && ST_Expand(ST_MakeEnvelope(:west, :south, :east, :north, 4326), 1e-9)
),
ranked AS (
    SELECT ordinal, code, name, tier, across, down,
           row_number() OVER (PARTITION BY floor(across / CAST(:cell AS integer)), floor(down / CAST(:cell AS integer)) ORDER BY catchment DESC, ordinal) AS place,
           count(*) OVER (PARTITION BY floor(across / CAST(:cell AS integer)), floor(down / CAST(:cell AS integer))) AS places
    FROM placed
    WHERE across BETWEEN 0 AND 4095 AND down BETWEEN 0 AND 4095
)
SELECT p.registry_version AS version,
       coalesce((SELECT ST_AsMVT(s, 'facilities', 4096, 'geom', 'ordinal')
                 FROM (SELECT ordinal, code, name, tier, CASE WHEN places > 1 AND CAST(:cell AS integer) > 1 THEN places END AS places,
                              ST_MakePoint(across, down) AS geom
                       FROM ranked WHERE place = 1 OR CAST(:cell AS integer) = 1 ORDER BY ordinal) s), '') AS mvt
FROM programme p
WHERE p.id = :programme_id;

-- extent --
-- The version of a programme's registry and the box around its nation, in degrees.
SELECT p.registry_version AS version,
       ST_XMin(a.geom) AS west, ST_YMin(a.geom) AS south, ST_XMax(a.geom) AS east, ST_YMax(a.geom) AS north
FROM programme p
LEFT JOIN area a ON a.programme_id = p.id AND a.seat = 0
WHERE p.id = :programme_id;
