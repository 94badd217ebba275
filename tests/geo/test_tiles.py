"""Tiles, decoded as a browser does."""

from __future__ import annotations

import gzip
import itertools
from typing import Any

import mapbox_vector_tile
import pytest
import small
import sqlalchemy as sa
import world

from data import db
from geo import cache, errors, layers, outlines, tile, tiles

BOX = (0.0, 0.0, 4.0, 2.0)


def decode(made: bytes) -> dict[str, list[dict[str, Any]]]:
    return {name: layer["features"] for name, layer in mapbox_vector_tile.decode(made).items()} if made else {}


def everything(conn: sa.Connection, programme_id: int, layer: str, z: int) -> list[tuple[str, dict[str, Any]]]:
    """Every feature of every tile of a zoom, with the name of its MVT layer."""
    return [
        (name, feature)
        for x, y in tile.covering((-1, -1, 5, 3), z)
        for name, features in decode(tiles.read(conn, programme_id, layer, z, x, y)).items()
        for feature in features
    ]


def test_areas_carry_seat_code_name_and_level(conn: sa.Connection) -> None:
    country = small.build(conn)
    outlines.draw(conn, country.programme_id)
    x, y = tile.at(1, 0.5, 7)
    found = decode(tiles.read(conn, country.programme_id, "areas", 7, x, y))
    shapes = {feature["id"]: feature["properties"] for feature in found["areas"]}
    assert shapes[0] == {"code": "SM", "name": "Area SM", "level": 0}
    assert shapes[4] == {"code": "W1", "name": "Area W1", "level": 2}
    (label,) = [f for f in everything(conn, country.programme_id, "areas", 7) if f[1]["properties"].get("seat") == 4]
    assert label[0] == "area_points"
    assert label[1]["properties"] == {"name": "Area W1", "level": 2, "seat": 4}
    assert label[1]["id"] == 4


@pytest.mark.parametrize("z", range(layers.AREAS.low, 9))
def test_every_area_drawn_at_a_zoom_is_named_there_at_most_once(conn: sa.Connection, z: int) -> None:
    country = small.build(conn)
    outlines.draw(conn, country.programme_id)
    found = everything(conn, country.programme_id, "areas", z)
    levels = {0: 0, 1: 1, 2: 1, 3: 2, 4: 2, 5: 2}
    drawn = {feature["id"] for name, feature in found if name == "areas"}
    named = sorted(feature["id"] for name, feature in found if name == "area_points")
    assert drawn == {seat for seat, level in levels.items() if z >= layers.DRAWN_FROM[level]}
    assert named == [seat for seat, level in levels.items() if z >= layers.NAMED_FROM[level]]


def test_neighbours_meet_without_a_gap_inside_a_tile(conn: sa.Connection) -> None:
    country = small.build(conn)
    outlines.draw(conn, country.programme_id)
    x, y = tile.at(1, 1, 8)
    found = decode(tiles.read(conn, country.programme_id, "areas", 8, x, y))
    lower, upper = ({feature["id"]: feature["geometry"] for feature in found["areas"]}[seat] for seat in (4, 5))
    top = max(point[1] for point in lower["coordinates"][0])
    bottom = min(point[1] for point in upper["coordinates"][0])
    assert top == bottom


@pytest.mark.parametrize("z", range(layers.FACILITIES.low, layers.FACILITIES.high + 1))
def test_every_facility_is_drawn_or_stood_for_exactly_once(conn: sa.Connection, z: int) -> None:
    country = small.build(conn)
    world.grow(conn, country, 300)
    found = [feature for _, feature in everything(conn, country.programme_id, "facilities", z)]
    assert sum(feature["properties"].get("places", 1) for feature in found) == 304
    if z == layers.FACILITIES.high:
        assert sorted(feature["id"] for feature in found) == list(range(304))
    else:
        assert len({feature["id"] for feature in found}) == len(found) <= 304


def test_a_point_on_the_edge_of_four_tiles_belongs_to_one(conn: sa.Connection) -> None:
    country = small.build(conn)
    conn.execute(sa.text("update facility set point = ST_SetSRID(ST_MakePoint(0, 0), 4326) where code = 'F-W1'"))
    ordinal = conn.scalar(sa.text("select ordinal from facility where code = 'F-W1'"))
    for z in range(layers.FACILITIES.low, layers.FACILITIES.high + 1):
        middle = 1 << (z - 1)
        around = [(middle - 1, middle - 1), (middle, middle - 1), (middle - 1, middle), (middle, middle)]
        holders = [
            xy
            for xy in around
            for feature in decode(tiles.read(conn, country.programme_id, "facilities", z, *xy)).get("facilities", [])
            if feature["id"] == ordinal
        ]
        assert holders == [(middle, middle)]


def test_whoever_is_drawn_far_out_is_drawn_at_every_closer_zoom(conn: sa.Connection) -> None:
    country = small.build(conn)
    world.grow(conn, country, 400)
    drawn = [
        {feature["id"] for _, feature in everything(conn, country.programme_id, "facilities", z)}
        for z in range(layers.FACILITIES.low, layers.FACILITIES.high + 1)
    ]
    assert all(far <= near for far, near in itertools.pairwise(drawn))
    assert len(drawn[0]) < len(drawn[-1])


def test_a_crowd_is_stood_for_by_the_largest_catchment(conn: sa.Connection) -> None:
    country = small.build(conn)
    conn.execute(
        sa.text(
            "insert into facility (programme_id, code, name, tier, area_id, partition_id, ordinal, point, catchment)"
            " select :programme_id, 'H-' || n, 'Ward post ' || n, 'facility', :area, :state, 10 + n,"
            " ST_SetSRID(ST_MakePoint(3.5, 1.5), 4326), n from generate_series(1, 20) n"
        ),
        {"programme_id": country.programme_id, "area": country.areas["E1"], "state": country.areas["E"]},
    )
    x, y = tile.at(3.5, 1.5, 9)
    (stand_in,) = decode(tiles.read(conn, country.programme_id, "facilities", 9, x, y))["facilities"]
    assert stand_in["id"] == 30
    assert stand_in["properties"] == {"code": "H-20", "name": "Ward post 20", "tier": "facility", "places": 20}


def test_a_facility_that_is_closed_or_nowhere_is_not_drawn(conn: sa.Connection) -> None:
    country = small.build(conn)
    conn.execute(sa.text("update facility set open = false where code = 'F-W1'"))
    conn.execute(sa.text("update facility set point = null where code = 'F-W2a'"))
    found = everything(conn, country.programme_id, "facilities", 12)
    assert {feature["properties"]["code"] for _, feature in found} == {"F-E1", "F-W2b"}


def test_a_tile_shows_one_programme_only(conn: sa.Connection) -> None:
    country, other = small.build(conn), small.build(conn, "other")
    outlines.draw(conn, country.programme_id)
    outlines.draw(conn, other.programme_id)
    conn.execute(sa.text("update facility set name = 'Theirs' where programme_id = :id"), {"id": other.programme_id})
    conn.execute(sa.text("update area set name = 'Theirs' where programme_id = :id"), {"id": other.programme_id})
    for layer, z in (("areas", 7), ("facilities", 8)):
        names = [f["properties"]["name"] for _, f in everything(conn, country.programme_id, layer, z)]
        assert names
        assert "Theirs" not in names


def test_a_tile_without_anything_is_empty(conn: sa.Connection) -> None:
    country = small.build(conn)
    assert tiles.read(conn, country.programme_id, "areas", 6, 0, 0) == b""
    assert tiles.read(conn, country.programme_id, "facilities", 6, 0, 0) == b""


@pytest.mark.parametrize(
    ("layer", "z", "x", "y", "error"),
    [
        ("areas", 11, 0, 0, errors.OutsidePyramid),
        ("facilities", 5, 0, 0, errors.OutsidePyramid),
        ("facilities", 13, 0, 0, errors.OutsidePyramid),
        ("areas", 3, 8, 0, errors.OutsidePyramid),
        ("areas", 3, 0, -1, errors.OutsidePyramid),
        ("roads", 3, 0, 0, errors.UnknownLayer),
    ],
)
def test_a_tile_that_cannot_be_is_refused(
    conn: sa.Connection, layer: str, z: int, x: int, y: int, error: type[errors.GeoError]
) -> None:
    country = small.build(conn)
    with pytest.raises(error):
        tiles.read(conn, country.programme_id, layer, z, x, y)


def test_a_tile_is_never_made_for_another_version_than_the_one_asked_for(conn: sa.Connection) -> None:
    country = small.build(conn)
    tiles.read(conn, country.programme_id, "areas", 5, 16, 15, version=1)
    with pytest.raises(errors.OldVersion):
        tiles.read(conn, country.programme_id, "areas", 5, 16, 15, version=2)


def test_warming_makes_the_first_view_so_that_nobody_waits_for_it(database_url: str, redis_url: str) -> None:
    engine = db.engine(database_url)
    with db.transaction(engine) as conn:
        country = small.build(conn)
        outlines.draw(conn, country.programme_id)
    kept = cache.Cache(cache.connect(redis_url, "test"))
    made = tiles.warm(engine, kept, country.programme_id)
    engine.dispose()
    keys = [
        tiles.TileKey(country.programme_id, 1, "areas", z, x, y) for z in tiles.WARM for x, y in tile.covering(BOX, z)
    ]
    assert len(keys) == made
    elsewhere = cache.Cache(cache.connect(redis_url, "test"))
    ready = [elsewhere.read(key, lambda: pytest.fail("this tile was not warm")) for key in keys]
    assert decode(gzip.decompress(ready[0]))["areas"][0]["properties"]["code"] == "SM"
