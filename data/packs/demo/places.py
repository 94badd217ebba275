"""Which areas does the demo country have, and how many people live there?

Real names, points and population estimates (the gazetteer), real state outlines, approximated LGA outlines: the
files are made by `data.packs.demo.outlines`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import geopandas as gpd
import pandas as pd
import shapely

from data.packs import country

HERE = Path(__file__).parent

#: Growth of the population a year, and surviving infants a year as a share of it.
GROWTH, SURVIVING_INFANTS = 0.032, 0.035

NATION = "NG"


def gazetteer(states: Sequence[str] | None = None) -> pd.DataFrame:
    """The LGAs in the gazetteer's order with a `code`: the state's P-code and a running number within the state.

    Five names occur twice in the country, so a name is never a key. `states` keeps only those states, by name.
    """
    table = pd.read_csv(HERE / "gazetteer.csv")
    running = table.groupby("state_pcode").cumcount() + 1
    table["code"] = table["state_pcode"] + "-" + running.astype(str).str.zfill(2)
    if states is None:
        return table
    unknown = set(states) - set(table["state"])
    if unknown:
        raise ValueError(f"There is no state called {', '.join(sorted(unknown))} in the gazetteer.")
    return table[table["state"].isin(states)].reset_index(drop=True)


def areas(table: pd.DataFrame, year: int) -> gpd.GeoDataFrame:
    """Nation, states and LGAs of this gazetteer, parents first; populations grown from 2022 to `year`."""
    lgas = _outlines("lgas.geojson").loc[table["code"]]
    codes = list(dict.fromkeys(table["state_pcode"]))
    outlines = _outlines("states.geojson").loc[codes]
    people = table["population_2022"] * (1 + GROWTH) ** (year - 2022)
    by_state = people.groupby(table["state_pcode"]).sum().loc[codes]
    names = table.drop_duplicates("state_pcode").set_index("state_pcode")["state"].loc[codes]
    nation = shapely.union_all(outlines.to_numpy())
    frame = pd.DataFrame({
        "code": [NATION, *codes, *table["code"]],
        "name": ["Nigeria", *names, *table["lga"]],
        "level": [0] + [1] * len(codes) + [2] * len(table),
        "parent": [None, *[NATION] * len(codes), *table["state_pcode"]],
        "population": [people.sum(), *by_state, *people],
    })  # fmt: skip
    frame["parent"] = frame["parent"].astype(object).where(frame["parent"].notna(), None)
    frame["target_children"] = (frame["population"] * SURVIVING_INFANTS).round().astype("int32")
    frame["population"] = frame["population"].round().astype("int32")
    shapes = [_multi(shape) for shape in (nation, *outlines, *lgas)]
    return gpd.GeoDataFrame(frame, geometry=shapes, crs="EPSG:4326")[country.AREA]


def _outlines(name: str) -> pd.Series[Any]:
    features = gpd.read_file(HERE / name, engine="pyogrio")
    return pd.Series(features.geometry.to_numpy(), index=features["code"].to_list())


def _multi(shape: shapely.Geometry) -> shapely.MultiPolygon:
    return shape if isinstance(shape, shapely.MultiPolygon) else shapely.MultiPolygon([cast(shapely.Polygon, shape)])
