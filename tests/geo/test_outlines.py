"""Outlines by zoom."""

from __future__ import annotations

import math

import numpy as np
import shapely
import small
import sqlalchemy as sa
from shapely.geometry import MultiPolygon, Polygon, box

from geo import layers, outlines, tile


def ragged(columns: int, rows: int, side: float, wiggles: int = 40) -> outlines.Shapes:
    """Squares whose shared sides are the same ragged line."""

    def wave(t: float, seed: int) -> float:
        return 0 if t in (0, 1) else side * 0.08 * math.sin(t * 40 + seed) * math.sin(t * math.pi)

    def across(x: int, y: int) -> list[tuple[float, float]]:
        steps = [i / wiggles for i in range(wiggles + 1)]
        return [((x + t) * side, y * side + wave(t, 7 * x + 3 * y)) for t in steps]

    def up(x: int, y: int) -> list[tuple[float, float]]:
        steps = [i / wiggles for i in range(wiggles + 1)]
        return [(x * side + wave(t, 5 * x + 11 * y), (y + t) * side) for t in steps]

    cells = []
    for x in range(columns):
        for y in range(rows):
            ring = [*across(x, y), *up(x + 1, y), *reversed(across(x, y + 1)), *reversed(up(x, y))]
            start = 13 * (x + y)  # real rings begin anywhere
            cells.append(MultiPolygon([Polygon(ring[start:] + ring[:start])]))
    return np.array(cells, dtype=object)


def joined(shapes: outlines.Shapes) -> bool:
    """Whether neighbours share every corner of their borders."""
    return bool(shapely.coverage_is_valid(shapely.get_parts(shapes)))


def test_neighbours_stay_joined_when_their_border_gets_simpler() -> None:
    shapes = ragged(4, 3, 50_000)
    assert joined(shapes)
    simpler = outlines.simplify(shapes, 2_000)
    assert joined(simpler)
    assert shapely.get_num_coordinates(simpler).sum() < shapely.get_num_coordinates(shapes).sum() / 3
    # Each on its own would tear: the reason for doing it together.
    assert not joined(shapely.simplify(shapes, 2_000))


def test_small_islands_are_left_out_but_never_the_whole_area() -> None:
    shapes = np.array([MultiPolygon([box(0, 0, 100, 100), box(200, 0, 202, 2)]), MultiPolygon([box(0, 300, 1, 301)])])
    simpler = outlines.simplify(shapes, 10)
    assert [len(shape.geoms) for shape in simpler] == [1, 1]


def test_a_name_is_written_inside_the_largest_part() -> None:
    horseshoe = box(0, 0, 100, 100).difference(box(20, 0, 80, 80))
    (label,) = outlines.labels(np.array([MultiPolygon([horseshoe, box(200, 0, 210, 10)])]))
    assert horseshoe.buffer(-5).contains(label)


def test_every_zoom_has_the_levels_that_are_drawn_there_and_no_others(conn: sa.Connection) -> None:
    country = small.build(conn)
    outlines.draw(conn, country.programme_id)
    outlines.draw(conn, country.programme_id)
    found = conn.execute(
        sa.text(
            "select o.zoom, a.level, count(*), count(o.label) from area_outline o join area a on a.id = o.area_id"
            " group by 1, 2"
        )
    ).all()
    sizes = {0: 1, 1: 2, 2: 3}
    assert set(found) == {
        (z, level, size, size if z >= layers.NAMED_FROM[level] else 0)
        for z in range(layers.AREAS.low, layers.AREAS.high + 1)
        for level, size in sizes.items()
        if z >= layers.DRAWN_FROM[level]
    }


def test_an_outline_is_never_further_off_than_a_pixel_or_two(conn: sa.Connection) -> None:
    country = small.build(conn)
    outlines.draw(conn, country.programme_id)
    for zoom, off in conn.execute(
        sa.text(
            "select o.zoom, max(ST_HausdorffDistance(o.geom, ST_Transform(a.geom, 3857)))"
            " from area_outline o join area a on a.id = o.area_id group by 1"
        )
    ):
        assert off <= 2 * tile.pixel(zoom)
