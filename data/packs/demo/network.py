"""Which stores and health facilities does the demo country have, where, and who supplies whom?

Stores stand where the real ones do (zonal seats, state capitals, LGA points); health facilities are made up:
as many per LGA as its share of the people, clustered around made-up settlements, with plain numbered names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from data.packs import country
from data.packs.demo.places import HERE, NATION

Ints = NDArray[np.int64]

#: The national store's code, and its seat as P-code and LGA.
NATIONAL_STORE, NATIONAL_SEAT = f"{NATION}-NSCS", "NG015/Municipal Area Council"

TIERS = ("national", "zonal", "state", "lga", "facility")
TYPES = ("General Hospital", "PHC", "Health Post")
HOSPITAL, CLINIC, POST = range(3)

#: Share of each type, and the people it draws compared with the others.
TYPE_SHARE, TYPE_DRAW = (0.07, 0.53, 0.40), (2.6, 1.0, 0.4)

INTERVAL = {"national": 60, "zonal": 90, "state": 30, "lga": 30, "facility": 30}
LEAD_TIME = {"national": 45, "zonal": 14, "state": 10, "lga": 5, "facility": 3}

#: Every health facility has at least so many neighbours in its LGA, where that many are built at all.
AT_LEAST = 2

#: Proposals for a place before it falls back to the centre of its ward or LGA.
TRIES = 8


@dataclass(frozen=True)
class Network:
    """Every store and facility in one order: stores from the top down, then health facilities by LGA.

    `frame` has a Country's columns. Arrays are by facility: `tier` and `supplier` (-1: supplied from outside) as
    numbers, `lga` and `state` as rows of the gazetteer and of `states` (-1 above that tier), `type` (-1: a store),
    `children` a year (0 at stores).
    """

    frame: pd.DataFrame
    states: pd.DataFrame
    tier: Ints
    supplier: Ints
    lga: Ints
    state: Ints
    type: Ints
    children: NDArray[np.float64]


def states(gazetteer: pd.DataFrame) -> pd.DataFrame:
    """The states of this gazetteer with zone, zonal seat and capital LGA, in the order of their P-codes."""
    table = pd.read_csv(HERE / "states.csv", keep_default_na=False)
    return table[table["state_pcode"].isin(gazetteer["state_pcode"])].reset_index(drop=True)


def build(rng: np.random.Generator, gazetteer: pd.DataFrame, outlines: NDArray[Any], facilities: int) -> Network:
    """Stores and `facilities` health facilities for this gazetteer; `outlines` are its LGAs' polygons."""
    zones = states(gazetteer)
    stores = _stores(rng, gazetteer, zones, outlines)
    health = _health(rng, gazetteer, zones, outlines, facilities)
    both = pd.concat([stores, health], ignore_index=True)
    number = pd.Index(both["code"]).get_indexer(pd.Index(both["supplier"]))
    both["supplier"] = both["supplier"].astype(object).where(number >= 0, None)
    tier = np.asarray(pd.Index(TIERS).get_indexer(pd.Index(both["tier"])), dtype=np.int64)
    both["delivery_interval_days"] = _intervals(both, zones)
    both["lead_time_days"] = both["tier"].map(LEAD_TIME).astype("int16")
    both["catchment"] = both["children"].round().astype("Int32").mask(tier < TIERS.index("facility"))
    both["flags"] = [["simulated"] for _ in range(len(both))]
    arrays = {name: both[name].to_numpy(dtype=np.int64) for name in ("lga", "state", "type")}
    return Network(
        both[country.FACILITY], zones, tier, number.astype(np.int64), **arrays, children=both["children"].to_numpy()
    )


def _intervals(both: pd.DataFrame, zones: pd.DataFrame) -> NDArray[np.int16]:
    """Days between deliveries: the tier's, but some states are served by the quarter and busy hospitals more often."""
    days = both["tier"].map(INTERVAL).to_numpy(dtype=np.int16).copy()
    quarterly = np.isin(both["state"], np.flatnonzero(zones["quarterly"] == 1))
    days[quarterly & (both["tier"] == "state")] = 90
    children = both["children"].to_numpy()
    for share, often in ((0.03, 14), (0.005, 7)):
        days[(both["type"] == HOSPITAL) & (children > np.quantile(children, 1 - share))] = often
    return np.asarray(days)


def _stores(
    rng: np.random.Generator, gazetteer: pd.DataFrame, zones: pd.DataFrame, outlines: NDArray[Any]
) -> pd.DataFrame:
    """National, zonal, state and LGA stores; one whose seat lies outside this gazetteer is left out."""
    row_of = pd.Series(gazetteer.index, index=gazetteer["state_pcode"] + "/" + gazetteer["lga"])
    zonal = zones[zones["zonal_seat"] != ""]
    tables: list[dict[str, Any]] = [
        {"code": [NATIONAL_STORE], "name": ["National Strategic Cold Store"], "tier": "national",
         "seat": [NATIONAL_SEAT], "supplier": None, "state": -1},
        {"code": NATION + "-" + zonal["zone"], "name": zonal["zone_name"] + " Zonal Cold Store", "tier": "zonal",
         "seat": zonal["state_pcode"] + "/" + zonal["zonal_seat"], "supplier": NATIONAL_STORE, "state": -1},
        {"code": zones["state_pcode"] + "-SCS", "name": zones["state"] + " State Cold Store", "tier": "state",
         "seat": zones["state_pcode"] + "/" + zones["capital"], "supplier": NATION + "-" + zones["zone"],
         "state": zones.index},
        {"code": gazetteer["code"] + "-LCS", "name": gazetteer["lga"] + " LGA Cold Store", "tier": "lga",
         "seat": row_of.index, "supplier": gazetteer["state_pcode"] + "-SCS", "state": _state_row(gazetteer, zones)},
    ]  # fmt: skip
    stores = pd.concat([pd.DataFrame(table).astype({"supplier": object}) for table in tables], ignore_index=True)
    stores = stores[stores["seat"].isin(row_of.index)].reset_index(drop=True)
    lga = row_of.loc[stores["seat"]].to_numpy(dtype=np.int64)
    stores["lga"], stores["area"] = lga, gazetteer["code"].to_numpy()[lga]
    # Several stores share a seat: all but the LGA's own stand a little aside.
    home = _seats(gazetteer, outlines)[lga]
    aside = [
        home + (stores["tier"] != "lga").to_numpy()[:, None] * rng.normal(0, 0.012, home.shape) for _ in range(TRIES)
    ]
    point = _first_inside(outlines, lga, aside, home).round(5)
    stores["lon"], stores["lat"] = point[:, 0], point[:, 1]
    stores["type"], stores["children"] = -1, 0.0
    return stores


def _state_row(gazetteer: pd.DataFrame, zones: pd.DataFrame) -> Ints:
    return np.asarray(pd.Index(zones["state_pcode"]).get_indexer(pd.Index(gazetteer["state_pcode"])), dtype=np.int64)


def _seats(gazetteer: pd.DataFrame, outlines: NDArray[Any]) -> NDArray[np.float64]:
    """The LGAs' points; the few that lie outside the generalised outline are moved into it."""
    points = gazetteer[["lon", "lat"]].to_numpy()
    inside = shapely.contains_xy(outlines, points[:, 0], points[:, 1])
    moved = shapely.get_coordinates(shapely.point_on_surface(outlines))
    return np.where(inside[:, None], points, moved)


def share_out(weights: NDArray[np.float64], total: int, at_least: int) -> Ints:
    """Whole numbers that add up to total, in proportion to weights, none below at_least (largest remainders)."""
    floor = min(at_least, total // len(weights))
    exact = np.maximum(weights / weights.sum() * total, floor)
    exact = floor + (exact - floor) * (total - floor * len(weights)) / max((exact - floor).sum(), 1e-9)
    whole = np.floor(exact).astype(np.int64)
    whole[np.argsort(whole - exact, kind="stable")[: total - whole.sum()]] += 1
    return np.asarray(whole)


def _health(
    rng: np.random.Generator, gazetteer: pd.DataFrame, zones: pd.DataFrame, outlines: NDArray[Any], facilities: int
) -> pd.DataFrame:
    count = share_out(gazetteer["population_2022"].to_numpy(dtype=np.float64), facilities, AT_LEAST)
    lga = np.repeat(np.arange(len(gazetteer)), count)
    number = np.arange(len(lga)) - np.repeat(np.cumsum(count) - count, count)
    wards = np.clip(np.ceil(count / 1.7), 3, 20).astype(np.int64)
    ward = np.minimum((rng.beta(1.1, 1.7, len(lga)) * wards[lga]).astype(np.int64), wards[lga] - 1)
    kind = rng.choice(len(TYPES), len(lga), p=TYPE_SHARE)
    kind[number == 0] = np.where(count >= 6, HOSPITAL, CLINIC)[lga[number == 0]]
    xy = _settle(rng, gazetteer, outlines, lga, ward, int(wards.max()))
    frame = pd.DataFrame({"lga": lga, "ward": ward, "type": kind, "lon": xy[:, 0], "lat": xy[:, 1]})
    frame["code"] = gazetteer["code"].to_numpy()[lga] + "-" + pd.Series(number + 1).astype(str).str.zfill(3)
    frame["name"] = _names(frame, gazetteer)
    frame["tier"], frame["state"] = "facility", _state_row(gazetteer, zones)[lga]
    frame["area"] = gazetteer["code"].to_numpy()[lga]
    frame["supplier"] = frame["area"] + "-LCS"
    draw = np.array(TYPE_DRAW)[kind] * rng.lognormal(0, 0.55, len(lga))
    frame["children"] = gazetteer["children"].to_numpy()[lga] * draw / np.bincount(lga, draw, len(gazetteer))[lga]
    return frame


def _names(frame: pd.DataFrame, gazetteer: pd.DataFrame) -> pd.Series:
    """Such as "Bende Ward 3 PHC", with a number from the second of a kind in a ward on; hospitals need no ward."""
    lga = pd.Series(gazetteer["lga"].to_numpy()[frame["lga"]])
    ward = frame["ward"].where(frame["type"] != HOSPITAL, -1)
    nth = frame.groupby([frame["lga"], ward, frame["type"]]).cumcount() + 1
    place = lga.where(ward < 0, lga + " Ward " + (ward + 1).astype(str))
    suffix = (" " + nth.astype(str)).where(nth > 1, "")
    return place + " " + pd.Series(np.array(TYPES)[frame["type"]]) + suffix


def _settle(
    rng: np.random.Generator, gazetteer: pd.DataFrame, outlines: NDArray[Any], lga: Ints, ward: Ints, wards: int
) -> NDArray[np.float64]:
    """Places in each LGA's outline, close to the centre of their ward; the first ward is at the LGA's own point."""
    seats = _seats(gazetteer, outlines)
    box = shapely.bounds(outlines)
    every = np.repeat(np.arange(len(outlines)), wards)
    middle, half = (box[:, :2] + box[:, 2:]) / 2, (box[:, 2:] - box[:, :2]) / 2
    anywhere = [middle[every] + half[every] * rng.uniform(-1, 1, (len(every), 2)) for _ in range(TRIES)]
    centre = _first_inside(outlines, every, anywhere, seats[every]).reshape(len(outlines), wards, 2)
    centre[:, 0] = seats
    home, spread = centre[lga, ward], (np.sqrt(shapely.area(outlines)) * 0.1)[lga, None]
    around = [home + spread * rng.normal(0, 1, (len(lga), 2)) for _ in range(TRIES)]
    return _first_inside(outlines, lga, [xy.round(5) for xy in around], home)


def _first_inside(
    outlines: NDArray[Any], of: Ints, tries: list[NDArray[np.float64]], otherwise: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Of several proposals for each place the first inside its outline."""
    found, open_ = otherwise.copy(), np.arange(len(of))
    for proposal in tries:
        xy = proposal[open_]
        inside = shapely.contains_xy(outlines[of[open_]], xy[:, 0], xy[:, 1])
        found[open_[inside]] = xy[inside]
        open_ = open_[~inside]
    return found
