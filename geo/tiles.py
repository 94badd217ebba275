"""What does a tile hold? Mapbox vector tiles of shapes and names, made by PostGIS; never states or other values.

A tile depends on nothing but the registry of its programme, whose version is part of its address: it never goes stale.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from data import db, queries
from data.errors import UnknownProgramme
from geo import errors, layers, tile
from geo.cache import Cache, Key

SQL = queries.read(Path(__file__).parent / "sql" / "tiles.sql")

#: The zooms of `areas` that `warm` makes ahead: the first view of a nation, and one step closer.
WARM = range(0, 8)


@dataclass(frozen=True, slots=True)
class TileKey(Key):
    """One encoded tile. Never stale: a changed registry has another version, and nobody asks for the old one again."""

    programme_id: int
    version: int
    layer: str
    z: int
    x: int
    y: int


def read(
    conn: sa.Connection, programme_id: int, layer: str, z: int, x: int, y: int, *, version: int | None = None
) -> bytes:
    """Make one tile, not compressed; b"" where the programme has nothing there.

    Raises `OldVersion` when the registry is no longer at `version` (checked in the same snapshot), `UnknownLayer`,
    `OutsidePyramid`, `UnknownProgramme`.
    """
    west, south, east, north = tile.bounds(z, x, y) if check(layer, z, x, y) is layers.AREAS else tile.degrees(z, x, y)
    place: dict[str, float] = {"west": west, "south": south, "east": east, "north": north}
    if layer == layers.AREAS.name:
        row = conn.execute(SQL["areas"], {"programme_id": programme_id, "z": z, **place}).one_or_none()
    else:
        grid = {"x": x, "y": y, "units": float(tile.UNITS << z), "cell": layers.cell(z)}
        row = conn.execute(SQL["facilities"], {"programme_id": programme_id, **grid, **place}).one_or_none()
    if row is None:
        raise UnknownProgramme(value=programme_id)
    if version is not None and row.version != version:
        raise errors.OldVersion(value=version, current=row.version, field="version", remedy="Reload the page.")
    return bytes(row.mvt)


def check(layer: str, z: int, x: int, y: int) -> layers.Layer:
    """The layer of that name, when it has that tile; raises `UnknownLayer` or `OutsidePyramid`."""
    known = layers.LAYERS.get(layer)
    if known is None:
        raise errors.UnknownLayer(value=layer, field="layer", remedy="Ask for areas or facilities.")
    if not known.has(z, x, y):
        raise errors.OutsidePyramid(
            value=f"{z}/{x}/{y}", layer=layer, low=known.low, high=known.high, field="z/x/y",
            remedy="Ask for a tile inside the pyramid.",
        )  # fmt: skip
    return known


def encoded(engine: sa.Engine, cache: Cache, key: TileKey, *, level: int = 6) -> bytes:
    """One tile as it is sent, gzip, from the cache or made once; b"" where there is nothing.

    `level` is how hard it is packed: the last hundredths cost as much as all the others. Raises what `read` raises.
    """

    def load() -> bytes:
        with db.single(engine) as conn:
            made = read(conn, key.programme_id, key.layer, key.z, key.x, key.y, version=key.version)
        return gzip.compress(made, compresslevel=level, mtime=0) if made else b""

    return cache.read(key, load)


def warm(engine: sa.Engine, cache: Cache, programme_id: int) -> int:
    """Make the tiles of a programme's first view before anyone asks; returns how many there are.

    For the worker and the local start; safe to run again and while the map is in use.
    """
    with db.transaction(engine) as conn:
        row = conn.execute(SQL["extent"], {"programme_id": programme_id}).one_or_none()
    if row is None or row.west is None:
        return 0
    box = (row.west, row.south, row.east, row.north)
    keys = [
        TileKey(programme_id, row.version, layers.AREAS.name, z, x, y) for z in WARM for x, y in tile.covering(box, z)
    ]
    for key in keys:
        encoded(engine, cache, key, level=9)
    return len(keys)
