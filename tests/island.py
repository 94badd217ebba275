"""An island whose sixty clinics report their stock by the month: a pack that is written where a test wants it."""

from __future__ import annotations

import csv
import json
from datetime import date
from pathlib import Path

import numpy as np

PACK = """
[programme]
code = "island"
name = "The island"
timezone = "Africa/Lagos"
level_names = ["Nation", "Region"]

[files.regions]
path = "regions.geojson"
source = "made for this test"
licence = "none"

[files.sites]
path = "sites.csv"
source = "made for this test"
licence = "none"

[files.stock]
path = "stock.csv"
source = "made for this test"
licence = "none"

[[areas]]
level = 1
file = "regions"
code = "code"
name = "name"

[facilities]
file = "sites"
code = "code"
name = "Clinic {code}"
tier = { value = "clinic" }
lon = "lon"
lat = "lat"

[[policy]]
delivery_interval_days = 30
lead_time_days = 7

[history]
file = "stock"
facility = "site"
product = "product"
month = "month"
opening = "opening"
received = "received"
used = "used"
closing = "closing"
ordered = "ordered"
used_as = "administered"

[[product]]
code = "BCG"
name = "BCG"
doses_per_vial = 20

[[product]]
code = "MR"
name = "Measles and rubella"
doses_per_vial = 10
"""


def write(folder: Path, *, first: date = date(2023, 1, 1), months: int = 18) -> Path:
    """Write the pack with so many simulated months; the same ones whatever the first is called."""
    (folder / "pack.toml").write_text(PACK)
    square = [[[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]]]
    region = {"code": "R1", "name": "Region"}
    feature = {"type": "Feature", "properties": region, "geometry": {"type": "Polygon", "coordinates": square}}
    (folder / "regions.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    rng = np.random.default_rng(1)
    sites = [{"code": f"S{i}", "lon": 0.5 + i / 20, "lat": 1} for i in range(60)]
    began, rows = first.year * 12 + first.month - 1, []
    for site in sites:
        for product in ("BCG", "MR"):
            stock, need, often = int(rng.integers(0, 40)), rng.gamma(2, 8), rng.uniform(0.1, 0.6)
            for month in range(began, began + months):
                received = int(rng.poisson(2 * need)) if rng.random() < often else 0
                used = min(int(rng.poisson(need)), stock + received)
                closing = stock + received - used
                rows.append(
                    {
                        "site": site["code"], "product": product, "month": f"{month // 12}-{month % 12 + 1:02}",
                        "opening": stock, "received": received, "used": used, "closing": closing, "ordered": 5,
                    }
                )  # fmt: skip
                stock = closing
    for name, table in (("sites.csv", sites), ("stock.csv", rows)):
        with (folder / name).open("w", newline="") as file:
            writer = csv.DictWriter(file, table[0])
            writer.writeheader()
            writer.writerows(table)
    return folder
