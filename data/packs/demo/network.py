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

TIERS = ("national", "zonal", "state", "lga", "facility")
TYPES = ("General Hospital", "PHC", "Health Post")
HOSPITAL, CLINIC, POST = range(3)

#: Share of each type, and the people it draws compared with the others.
TYPE_SHARE, TYPE_DRAW = (0.07, 0.53, 0.40), (2.6, 1.0, 0.32)

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
    stores = _stores(gazetteer, zones, outlines)
    health = _health(rng, gazetteer, zones, outlines, facilities)
    both = pd.concat([stores, health], ignore_index=True)
    row = pd.Series(both.index, index=both["code"])
    both["supplier"] = both["supplier"].where(both["supplier"].isin(both["code"]), None)
    supplier = row.reindex(both["supplier"]).fillna(-1).to_numpy(dtype=np.int64)
    tier = both["tier"].map({name: i for i, name in enumerate(TIERS)}).to_numpy(dtype=np.int64)
    interval = both["tier"].map(INTERVAL).to_numpy(dtype=np.int16)
    interval[(tier == 2) & np.isin(both["state"], np.flatnonzero(zones["quarterly"] == 1))] = 90
    often = (both["type"] == HOSPITAL) & (both["children"] > both["children"].quantile(0.97))
    interval[often] = 14
    both["delivery_interval_days"] = interval
    both["lead_time_days"] = both["tier"].map(LEAD_TIME).astype("int16")
    both["catchment"] = both["children"].round().astype("Int32").mask(tier < 4)
    both["flags"] = [["simulated"] for _ in range(len(both))]
    arrays = {name: both[name].to_numpy(dtype=np.int64) for name in ("lga", "state", "type")}
    return Network(both[country.FACILITY], zones, tier, supplier, **arrays, children=both["children"].to_numpy())


def _stores(gazetteer: pd.DataFrame, zones: pd.DataFrame, outlines: NDArray[Any]) -> pd.DataFrame:
    """National, zonal, state and LGA stores; one whose seat lies outside this gazetteer is left out."""
    seat = pd.Series(gazetteer.index, index=gazetteer["state_pcode"] + "/" + gazetteer["lga"])
    tables = []
    if "NG015/Municipal Area Council" in seat.index:
        tables.append({"code": f"{NATION}-NSCS", "name": "National Strategic Cold Store", "tier": "national",
                       "lga": seat["NG015/Municipal Area Council"], "supplier": None, "state": -1})  # fmt: skip
    for zone in zones[zones["zonal_seat"] != ""].itertuples():
        tables.append({"code": f"{NATION}-{zone.zone}", "name": f"{zone.zone_name} Zonal Cold Store", "tier": "zonal",
                       "lga": seat[f"{zone.state_pcode}/{zone.zonal_seat}"], "supplier": f"{NATION}-NSCS", "state": -1})  # fmt: skip
    for i, one in enumerate(zones.itertuples()):
        tables.append({"code": f"{one.state_pcode}-SCS", "name": f"{one.state} State Cold Store", "tier": "state",
                       "lga": seat[f"{one.state_pcode}/{one.capital}"], "supplier": f"{NATION}-{one.zone}", "state": i})  # fmt: skip
    lga = pd.DataFrame({
        "code": gazetteer["code"] + "-LCS", "name": gazetteer["lga"] + " LGA Cold Store", "tier": "lga",
        "lga": gazetteer.index, "supplier": gazetteer["state_pcode"] + "-SCS",
        "state": _state_row(gazetteer, zones),
    })  # fmt: skip
    stores = pd.concat([pd.DataFrame(tables), lga], ignore_index=True)
    stores["area"] = gazetteer["code"].to_numpy()[stores["lga"]]
    point = _seats(gazetteer, outlines)[stores["lga"]]
    stores["lon"], stores["lat"] = point[:, 0], point[:, 1]
    stores["type"], stores["children"] = -1, 0.0
    return stores


def _state_row(gazetteer: pd.DataFrame, zones: pd.DataFrame) -> Ints:
    return pd.Index(zones["state_pcode"]).get_indexer(gazetteer["state_pcode"])


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
    return whole


def _health(
    rng: np.random.Generator, gazetteer: pd.DataFrame, zones: pd.DataFrame, outlines: NDArray[Any], facilities: int
) -> pd.DataFrame:
    count = share_out(gazetteer["population_2022"].to_numpy(dtype=np.float64), facilities, AT_LEAST)
    lga = np.repeat(np.arange(len(gazetteer)), count)
    number = np.arange(len(lga)) - np.repeat(np.cumsum(count) - count, count)
    wards = np.clip(np.ceil(count / 3), 2, 14).astype(np.int64)
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
    home, spread = centre[lga, ward], (np.sqrt(shapely.area(outlines)) * 0.07)[lga, None]
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
