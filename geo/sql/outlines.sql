-- areas --
-- Every area of a programme in Web Mercator.
SELECT id, level, ST_AsBinary(ST_Transform(geom, 3857)) AS geom
FROM area
WHERE programme_id = :programme_id
ORDER BY level, seat;

-- forget --
-- The outlines of a programme, so that they can be made anew.
DELETE FROM area_outline o
USING area a
WHERE a.id = o.area_id AND a.programme_id = :programme_id;

-- store --
-- The outlines of one level at one zoom.
INSERT INTO area_outline (zoom, area_id, geom, label)
SELECT CAST(:zoom AS smallint), o.area_id, ST_GeomFromWKB(o.outline, 3857), ST_GeomFromWKB(o.label, 3857)
FROM unnest(CAST(:areas AS integer[]), CAST(:outlines AS bytea[]), CAST(:labels AS bytea[])) AS o (area_id, outline, label);
