"""How is an area drawn at each zoom? Outlines simplified together with their neighbours, made when a country is loaded.

Simplifying one polygon at a time tears shared borders apart; shapely's coverage simplification moves a border once
for both sides. One CSS pixel is the measure, so that a far zoom is small and a near one is exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import shapely
import sqlalchemy as sa
from numpy.typing import NDArray

from data import queries
from geo import layers, tile

SQL = queries.read(Path(__file__).parent / "sql" / "outlines.sql")

#: Corners that stick out less than this many CSS pixels are cut off, and lesser islands left out.
ROUGHNESS = 1.0

Shapes = NDArray[np.object_]


def draw(conn: sa.Connection, programme_id: int) -> int:
    """Make the outlines of a programme's areas anew, for every zoom; returns how many were stored.

    Belongs into the transaction that changes the areas and the registry's version.
    """
    rows = conn.execute(SQL["areas"], {"programme_id": programme_id}).all()
    conn.execute(SQL["forget"], {"programme_id": programme_id})
    if not rows:
        return 0
    ids = np.array([row.id for row in rows])
    levels = np.array([row.level for row in rows])
    shapes: Shapes = shapely.from_wkb([bytes(row.geom) for row in rows])
    names = labels(shapes)
    stored = 0
    for z in range(layers.AREAS.low, layers.AREAS.high + 1):
        for of_level in _drawn(levels, z):
            level = int(levels[of_level[0]])
            outlines = simplify(shapes[of_level], ROUGHNESS * tile.pixel(z))
            named = z >= layers.NAMED_FROM[level]
            conn.execute(
                SQL["store"],
                {
                    "zoom": z,
                    "areas": ids[of_level].tolist(),
                    "outlines": shapely.to_wkb(outlines).tolist(),
                    "labels": shapely.to_wkb(names[of_level]).tolist() if named else [None] * len(of_level),
                },
            )
            stored += len(of_level)
    return stored


def simplify(shapes: Shapes, tolerance: float) -> Shapes:
    """Multipolygons of one level with corners cut off up to a tolerance in metres; neighbours stay joined.

    Islands smaller than the tolerance squared are left out, except where the area would be left with nothing.
    """
    simpler: Shapes = shapely.coverage_simplify(shapes, tolerance)
    parts, owner = shapely.get_parts(simpler, return_index=True)
    sizes = shapely.area(parts)
    largest = np.zeros(len(shapes))
    np.maximum.at(largest, owner, sizes)
    keep = (sizes >= tolerance**2) | (sizes == largest[owner])
    made: Shapes = shapely.multipolygons(parts[keep], indices=owner[keep])
    return made


def labels(shapes: Shapes) -> Shapes:
    """A point well inside the largest part of each shape: the middle of the largest circle that fits."""
    parts, owner = shapely.get_parts(shapes, return_index=True)
    order = np.lexsort((shapely.area(parts), owner))
    last = np.append(owner[order][1:] != owner[order][:-1], True)
    largest = parts[order][last]
    # A hundredth of its width is as exact as a name needs.
    widths = np.sqrt(shapely.area(largest))
    circles = [shapely.maximum_inscribed_circle(p, tolerance=w / 100) for p, w in zip(largest, widths, strict=True)]
    points: Shapes = shapely.get_point(circles, 0)
    return points


def _drawn(levels: NDArray[np.int_], z: int) -> Iterator[NDArray[np.intp]]:
    for level in np.unique(levels):
        if layers.DRAWN_FROM[level] <= z:
            yield np.flatnonzero(levels == level)
