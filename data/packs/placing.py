"""In which area does a point lie, and which area does a text mean? Areas in, answers out; nothing is written."""

from __future__ import annotations

from collections.abc import Sequence

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely

from data.packs import pack as packs
from data.packs import tables

_EARTH = pyproj.Geod(ellps="WGS84")


class Places:
    """The areas of a country, ready to be asked about points."""

    def __init__(self, areas: gpd.GeoDataFrame) -> None:
        self._areas = areas.set_index("code")
        self._parents: dict[str, str | None] = dict(zip(areas["code"], areas["parent"], strict=True))
        self._names: dict[str, str] = dict(zip(areas["code"], areas["name"], strict=True))
        below = self._areas[self._areas["level"] > 0]
        self._levels = [below[below["level"] == n] for n in sorted(below["level"].unique(), reverse=True)]
        leaves = below[~below.index.isin(areas["parent"])]
        self._leaves, self._nearest = leaves, shapely.STRtree(leaves.geometry.array)

    def name(self, code: str) -> str:
        """An area's name."""
        return self._names[code]

    def lineage(self, code: str) -> list[str]:
        """An area and what it is part of, the nation last."""
        found, at = [], code if code in self._parents else None
        while at is not None:
            found.append(at)
            at = self._parents[at]
        return found

    def path(self, code: str) -> str:
        """An area's name and those above it, without the nation's."""
        return ", ".join(self._names[c] for c in self.lineage(code)[:-1])

    def within(self, code: str, any_of: Sequence[str]) -> bool:
        """Whether an area is, or is part of, any of these."""
        return not set(self.lineage(code)).isdisjoint(any_of)

    def locate(self, lon: pd.Series, lat: pd.Series, stated: pd.Series) -> pd.DataFrame:
        """For each point the deepest area that it lies in and 0 km; or the nearest one and how far away that is.

        On a border, the area that the facility is stated to be in comes first.
        """
        points = [shapely.Point(x, y) for x, y in zip(lon, lat, strict=True)]
        area: list[str | None] = [None] * len(points)
        km = np.zeros(len(points))
        for level in self._levels:
            waiting = [at for at, code in enumerate(area) if code is None]
            asked = np.array([points[at] for at in waiting], dtype=object)
            place, polygon = shapely.STRtree(level.geometry.array).query(asked, "intersects")
            hits = [(waiting[at], str(level.index[p])) for at, p in zip(place, polygon, strict=True)]
            for at, code in sorted(hits, key=lambda hit: (not self.within(hit[1], stated.iloc[hit[0]]), hit[1])):
                area[at] = area[at] or code
        for at, point in enumerate(points):
            if area[at] is None:
                area[at], km[at] = self._near(point)
        return pd.DataFrame({"area": pd.Series(area, index=lon.index, dtype="object"), "km": km})

    def _near(self, point: shapely.Point) -> tuple[str, float]:
        """The nearest area and how far it is, over the ellipsoid; degrees alone only shortlist, with room to spare."""
        shapes = self._leaves.geometry.array
        close = float(shapely.distance(point, shapes[self._nearest.nearest(point)]))
        stretch = 1 / max(np.cos(np.radians(point.y)), 0.05)
        candidates = self._nearest.query(point, "dwithin", close * stretch + 1e-9)
        km = [_EARTH.geometry_length(shapely.shortest_line(point, shapes[c])) / 1000 for c in candidates]
        best = int(np.argmin(km))
        return str(self._leaves.index[candidates[best]]), float(km[best])

    def exchanged(self, rows: pd.DataFrame, km: pd.Series) -> pd.Series:
        """Whether longitude and latitude look exchanged: so read, a point lies where it is stated to be.

        Where nothing is stated, anywhere in the country is enough for a point that is 50 km or more outside.
        """
        other = self.locate(rows["lat"].clip(-180, 180), rows["lon"].clip(-90, 90), rows["stated"])
        there = [
            self.within(area, codes) if codes else far >= 50
            for area, codes, far in zip(other["area"], rows["stated"], km, strict=True)
        ]
        return pd.Series(there, index=rows.index, dtype="bool") & (other["km"] == 0)


def stated(specs: Sequence[packs.Stated], areas: gpd.GeoDataFrame, table: pd.DataFrame) -> pd.Series:
    """The codes of the areas that each row states, as a tuple: the deepest level that says something known.

    A name is looked for within the area stated one level above, since names repeat from one to the next.
    """
    found: dict[tuple[str, ...], tuple[str, ...]] = {}
    said = list(zip(*(table[spec.column] for spec in specs), strict=True)) if specs else [()] * len(table)
    for row in set(said):
        codes: tuple[str, ...] = ()
        for spec, text in zip(specs, row, strict=True):
            codes = _meant(spec, areas, text, codes) or codes
        found[row] = codes
    return pd.Series([found[row] for row in said], index=table.index, dtype="object")


def _meant(spec: packs.Stated, areas: gpd.GeoDataFrame, text: str, above: tuple[str, ...]) -> tuple[str, ...]:
    fold = tables.fold if spec.match == "folded" else str
    aliases = {fold(k): v for k, v in spec.aliases.items()}
    alias = aliases.get(fold(text), text)
    wanted = {fold(t) for t in ([alias] if isinstance(alias, str) else alias) if t}
    level = areas[areas["level"] == spec.level]
    if above and spec.by == "name":
        level = level[level["parent"].isin(above)]
    return tuple(level["code"][level[spec.by].map(fold).isin(wanted)])
