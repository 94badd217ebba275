"""A country small enough to see at a glance: two square states of one degree, three facilities, two vaccines.

North of the line is nothing; Estland lies at longitude 10-11, Westland at 11-12, both at latitude 5-6.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from data.packs import reader
from data.packs.country import Country, Finding

NOW = datetime(2024, 6, 15, tzinfo=UTC)

TOML = """
[programme]
code = "tiny"
name = "Tinyland"
timezone = "Africa/Lagos"
level_names = ["Nation", "State"]

[files.states]
path = "states.geojson"
source = "drawn for a test"
licence = "CC0"

[files.facilities]
path = "facilities.csv"
source = "written for a test"
licence = "CC0"

[files.stock]
path = "stock.csv"
source = "written for a test"
licence = "CC0"

[[areas]]
level = 1
file = "states"
code = "code"
name = "name"
population = "people"
target_children_share = 0.04

[facilities]
file = "facilities"
code = "code"
name = "name"
tier = "tier"
lon = "lon"
lat = "lat"
supplier = "supplier"
catchment = "children"

[[facilities.stated]]
level = 1
column = "state"
match = "folded"
aliases = { "W. Land" = "Westland" }

[[policy]]
tier = "store"
delivery_interval_days = 90

[[product]]
code = "BCG"
name = "BCG"
doses_per_vial = 20

[[product]]
code = "MR"
name = "Measles-rubella"
doses_per_vial = 10

[history]
file = "stock"
facility = "facility"
product = "vaccine"
month = "month"
opening = "opening"
received = "received"
used = "used"
adjusted = "adjusted"
closing = "closing"
"""

FACILITIES = """code,name,tier,lon,lat,state,supplier,children
E1,Est Store,store,10.5,5.5,Estland,,400
E2,Est Clinic,clinic,10.2,5.2,ESTLAND,E1,120
W1,West Clinic,clinic,11.5,5.5,W. Land,E1,
"""

STOCK = """facility,vaccine,month,opening,received,used,adjusted,closing
E2,BCG,2024-01,100,60,40,0,120
E2,BCG,2024-02,120,0,50,-10,60
W1,BCG,2024-02,20,20,40,0,0
"""


def square(code: str, name: str, lon: float, lat: float = 5.0, people: object = 1000) -> dict[str, Any]:
    """A state of one degree by one degree."""
    ring = [[lon, lat], [lon + 1, lat], [lon + 1, lat + 1], [lon, lat + 1], [lon, lat]]
    return feature(code, name, ring, people)


def feature(code: str, name: str, ring: list[list[float]], people: object = 1000) -> dict[str, Any]:
    """A state of any outline."""
    properties = {"code": code, "name": name, "people": people}
    return {"type": "Feature", "properties": properties, "geometry": {"type": "Polygon", "coordinates": [ring]}}


STATES = (square("EST", "Estland", 10.0), square("WST", "Westland", 11.0, people=3000))


def write(
    folder: Path, *, toml: str = TOML, states: Any = STATES, facilities: str = FACILITIES, stock: str = STOCK
) -> Path:
    """Write the pack; returns its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pack.toml").write_text(toml, encoding="utf-8")
    (folder / "states.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": list(states)}))
    (folder / "facilities.csv").write_text(facilities, encoding="utf-8")
    (folder / "stock.csv").write_text(stock, encoding="utf-8")
    return folder


def read(folder: Path, **files: Any) -> Country:
    """Write the pack and read it, as on 15 June 2024."""
    return reader.read(write(folder, **files), now=NOW)


def finding(country: Country, words: str) -> Finding:
    """The one finding whose reason holds these words."""
    found = [f for f in country.findings if words in f.reason]
    assert len(found) == 1, f"{words!r} is in {len(found)} of {[f.reason for f in country.findings]}"
    return found[0]
