-- registries --
-- Every programme with its version, the ranges of its vectors, and the box around its nation and its facilities.
SELECT p.id, p.code, p.registry_version,
       (SELECT count(*) FROM area a WHERE a.programme_id = p.id) AS areas,
       coalesce((SELECT jsonb_agg(jsonb_build_array(r.seat, r.first, r.count) ORDER BY r.seat)
                 FROM (SELECT a.seat, min(f.ordinal) AS first, count(*) AS count
                       FROM facility f
                       JOIN area a ON a.id = f.partition_id
                       WHERE f.programme_id = p.id
                       GROUP BY a.seat) r), '[]') AS partitions,
       coalesce((SELECT array_agg(d.seat ORDER BY d.seat) FROM product d WHERE d.programme_id = p.id), '{}') AS products,
       (SELECT ARRAY[ST_XMin(e.box), ST_YMin(e.box), ST_XMax(e.box), ST_YMax(e.box)]
        FROM (SELECT ST_Extent(g.shape) AS box
              FROM (SELECT geom AS shape FROM area WHERE programme_id = p.id AND seat = 0
                    UNION ALL
                    SELECT point FROM facility WHERE programme_id = p.id) g) e
        WHERE e.box IS NOT NULL) AS box
FROM programme p;

-- versions --
-- The version of every registry: whether `registries` has to be read again.
SELECT id, registry_version FROM programme ORDER BY id;

-- registry --
-- What a browser has to know of a programme before it draws.
SELECT p.registry_version AS version,
       coalesce((SELECT max(u.seq) FROM push u WHERE u.programme_id = p.id), 0) AS seq,
       p.code, p.name, p.simulated, p.notice, p.level_names, p.sources, p.timezone,
       coalesce((SELECT jsonb_agg(jsonb_build_object('seat', d.seat, 'code', d.code, 'name', d.name, 'unit', d.unit)
                                  ORDER BY d.seat)
                 FROM product d WHERE d.programme_id = p.id), '[]') AS products,
       coalesce((SELECT jsonb_agg(jsonb_build_object(
                            'seat', a.seat, 'first', r.first, 'count', r.count,
                            'bbox', jsonb_build_array(ST_XMin(a.geom), ST_YMin(a.geom), ST_XMax(a.geom), ST_YMax(a.geom)))
                        ORDER BY a.seat)
                 FROM (SELECT f.partition_id, min(f.ordinal) AS first, count(*) AS count
                       FROM facility f WHERE f.programme_id = p.id GROUP BY f.partition_id) r
                 JOIN area a ON a.id = r.partition_id), '[]') AS partitions,
       coalesce((SELECT array_agg(to_char(m.month, 'YYYY-MM') ORDER BY m.month)
                 FROM area_month m
                 WHERE m.area_id = nation.id AND m.product_seat = 0), '{}') AS months,
       CASE WHEN nation.id IS NOT NULL
            THEN jsonb_build_array(ST_XMin(nation.geom), ST_YMin(nation.geom), ST_XMax(nation.geom), ST_YMax(nation.geom))
       END AS bbox,
       (SELECT count(*) FROM area a WHERE a.programme_id = p.id) AS areas
FROM programme p
LEFT JOIN area nation ON nation.programme_id = p.id AND nation.seat = 0
WHERE p.code = :code;
