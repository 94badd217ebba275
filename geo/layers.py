"""What does the map draw, and from which zoom on? The layers as data; pure.

`areas`       polygons in the MVT layer `areas` (id = area.seat; code, name, level), and in the layer `area_points`
              (id = area.seat; name, level, seat) one point where the name of an area is written.
`facilities`  points in the MVT layer `facilities` (id = facility.ordinal; code, name, tier, and `places` where a
              point stands for more than one facility).

Facilities far out: a tile is divided into square cells, and of each cell only one facility is drawn, the one with
the most children in its catchment (then the lowest ordinal). Shapes are static, so the choice cannot follow the
state; `places` says how many facilities the point stands for. Cells are halves of each other from zoom to zoom, so
that whoever is drawn at one zoom is drawn at every closer one; at the closest zoom every facility is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

from geo import tile


@dataclass(frozen=True, slots=True)
class Layer:
    """One pyramid of tiles, from zoom `low` to zoom `high`; beyond `high` the browser enlarges."""

    name: str
    low: int
    high: int

    def has(self, z: int, x: int, y: int) -> bool:
        """Whether this layer has that tile, empty or not."""
        return self.low <= z <= self.high and tile.exists(z, x, y)


AREAS = Layer("areas", 0, 10)
FACILITIES = Layer("facilities", 6, 12)
LAYERS = {layer.name: layer for layer in (AREAS, FACILITIES)}

#: By level of area (nation, state, LGA, ward ...): the zoom from which its outline is drawn, and its name written.
DRAWN_FROM = (0, 0, 5, 8, 9, 10)
NAMED_FROM = (0, 4, 7, 10, 10, 10)

#: CSS pixels along the side of a thinning cell, by zoom: halving, or unchanged, from one zoom to the next.
_CELL = {6: 16, 7: 16, 8: 8, 9: 4, 10: 2, 11: 1}


def cell(z: int) -> int:
    """Side of a thinning cell of the facilities layer, in tile units; 1 at the closest zoom: nothing is thinned."""
    return _CELL[z] * tile.UNITS // tile.PIXELS if z < FACILITIES.high else 1
