"""Tile maths."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo import tile

zooms = st.integers(0, 20)
places = st.tuples(st.floats(-180, 179.999), st.floats(-85, 85))


@given(places, zooms)
def test_a_point_lies_in_the_tile_that_is_said_to_hold_it(place: tuple[float, float], z: int) -> None:
    x, y = tile.at(*place, z)
    west, south, east, north = tile.degrees(z, x, y)
    assert tile.exists(z, x, y)
    assert west - 1e-9 <= place[0] <= east + 1e-9
    assert south - 1e-9 <= place[1] <= north + 1e-9


@given(zooms, st.data())
def test_four_children_fill_their_parent(z: int, data: st.DataObject) -> None:
    x, y = (data.draw(st.integers(0, (1 << z) - 1)) for _ in "xy")
    west, south, east, north = tile.bounds(z, x, y)
    first, last = tile.bounds(z + 1, 2 * x, 2 * y), tile.bounds(z + 1, 2 * x + 1, 2 * y + 1)
    assert (first[0], first[3], last[2], last[1]) == pytest.approx((west, north, east, south), abs=1e-6)


@pytest.mark.parametrize(("z", "x", "y"), [(-1, 0, 0), (0, 1, 0), (3, 8, 0), (3, 0, 8), (3, -1, 2), (31, 0, 0)])
def test_a_tile_outside_the_square_does_not_exist(z: int, x: int, y: int) -> None:
    assert not tile.exists(z, x, y)


def test_the_tiles_that_cover_a_country_touch_it_and_leave_no_gap() -> None:
    nigeria = (2.69, 4.27, 14.68, 13.89)
    found = list(tile.covering(nigeria, 5))
    assert found == [(16, 14), (17, 14), (16, 15), (17, 15)]
    boxes = [tile.degrees(5, x, y) for x, y in found]
    assert min(b[0] for b in boxes) <= nigeria[0]
    assert max(b[3] for b in boxes) >= nigeria[3]


@given(st.integers(0, 12), st.floats(-170, 170), st.floats(-80, 80), st.floats(0, 9), st.floats(0, 4))
def test_near_a_box_are_the_tiles_that_cover_it_and_those_right_around(
    z: int, west: float, south: float, wide: float, high: float
) -> None:
    box = (west, south, west + wide, south + high)
    covering = set(itertools.islice(tile.covering(box, z), 2_000))
    assert all(tile.near(box, z, x, y) for x, y in covering)
    left, top = min(x for x, _ in covering), min(y for _, y in covering)
    assert tile.near(box, z, left - 1, top - 1)
    assert not tile.near(box, z, left - 2, top)
    assert not tile.near(box, z, left, top - 2)


def test_beyond_the_poles_of_the_projection_the_outermost_tile_answers() -> None:
    assert tile.at(-200, 90, 4) == (0, 0)
    assert tile.at(200, -90, 4) == (15, 15)
