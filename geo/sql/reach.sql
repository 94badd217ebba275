-- whole --
-- The ids of all facilities and areas of a programme, as multiranges: a few ranges, since they are numbered in order.
SELECT CAST((SELECT coalesce(range_agg(int4range(id, id, '[]')), '{}') FROM facility
             WHERE programme_id = :programme_id) AS text) AS facilities,
       CAST((SELECT coalesce(range_agg(int4range(id, id, '[]')), '{}') FROM area
             WHERE programme_id = :programme_id) AS text) AS areas;

-- facilities --
-- The facilities of some areas with all below them, and some by themselves, in registry order.
SELECT f.id, f.ordinal, f.code, f.open, a.lineage, a.lineage && CAST(:areas AS integer[]) AS in_area
FROM facility f
JOIN area a ON a.id = f.area_id
WHERE f.programme_id = :programme_id
  AND (f.id = ANY(CAST(:facilities AS integer[])) OR a.lineage && CAST(:areas AS integer[]))
ORDER BY f.ordinal;

-- areas --
-- These areas with all below them (`inside`), and those above them and above these facilities, with the number of open
-- facilities in each of the latter.
SELECT a.id, a.seat, a.code, a.lineage, n.inside,
       CASE WHEN NOT n.inside THEN (SELECT count(*) FROM facility f
                                    WHERE f.open AND f.area_id IN (SELECT b.id FROM area b WHERE b.lineage @> ARRAY[a.id]))
       END AS facilities
FROM area a
CROSS JOIN LATERAL (SELECT a.lineage && CAST(:areas AS integer[]) AS inside) n
WHERE a.programme_id = :programme_id
  AND (n.inside OR a.id IN (
      SELECT unnest(u.lineage)
      FROM area u
      WHERE u.id = ANY(CAST(:areas AS integer[]))
         OR u.id IN (SELECT f.area_id FROM facility f WHERE f.id = ANY(CAST(:facilities AS integer[])))
  ))
ORDER BY a.seat;
