"""Which piece of the world is a tile? Web Mercator tile maths; pure.

A tile is z/x/y with y counted from the north, 512 CSS pixels wide on screen and 4096 units wide inside.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

#: Half the side of the Web Mercator square, in metres.
EDGE = math.pi * 6_378_137.0
#: Units along the side of a tile, and CSS pixels that MapLibre gives it.
UNITS = 4096
PIXELS = 512
#: Where the square ends: atan(sinh(pi)) in degrees.
LATITUDE = 85.0511287798066

Box = tuple[float, float, float, float]


def exists(z: int, x: int, y: int) -> bool:
    """Whether the pyramid has this tile at all."""
    return 0 <= z <= 30 and 0 <= x < 1 << z and 0 <= y < 1 << z


def bounds(z: int, x: int, y: int) -> Box:
    """West, south, east, north in EPSG:3857 metres."""
    side = 2 * EDGE / (1 << z)
    return (-EDGE + x * side, EDGE - (y + 1) * side, -EDGE + (x + 1) * side, EDGE - y * side)


def degrees(z: int, x: int, y: int) -> Box:
    """West, south, east, north in EPSG:4326 degrees."""
    n = 1 << z
    return (x / n * 360 - 180, _latitude((y + 1) / n), (x + 1) / n * 360 - 180, _latitude(y / n))


def at(lon: float, lat: float, z: int) -> tuple[int, int]:
    """x and y of the tile that holds this point; points beyond the square belong to its outermost tiles."""
    n = 1 << z
    lat = max(-LATITUDE, min(LATITUDE, lat))
    down = 0.5 - math.log(math.tan(math.pi / 4 + math.radians(lat) / 2)) / (2 * math.pi)
    return tuple(max(0, min(n - 1, math.floor(share * n))) for share in ((lon + 180) / 360, down))  # type: ignore[return-value]


def covering(box: Box, z: int) -> Iterator[tuple[int, int]]:
    """x and y of every tile that touches a box of EPSG:4326 degrees, row by row from the north-west."""
    west, south, east, north = box
    left, top = at(west, north, z)
    right, bottom = at(east, south, z)
    for y in range(top, bottom + 1):
        for x in range(left, right + 1):
            yield x, y


def near(box: Box, z: int, x: int, y: int) -> bool:
    """Whether a tile touches a box of EPSG:4326 degrees, or is next to one that does."""
    west, south, east, north = box
    left, top = at(west, north, z)
    right, bottom = at(east, south, z)
    return left - 1 <= x <= right + 1 and top - 1 <= y <= bottom + 1


def pixel(z: int) -> float:
    """Metres of EPSG:3857 under one CSS pixel at this zoom."""
    return 2 * EDGE / (1 << z) / PIXELS


def _latitude(down: float) -> float:
    return math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * down))))
