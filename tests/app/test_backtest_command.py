"""Do `backtest` and `train` do from the command line what docs/risk.md says, also for a pack of one's own?"""

import csv
import json

import numpy as np
import pytest

from app.__main__ import main
from data.insight import learned

MONTHS = 18
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


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    """A pack with simulated monthly stock of sixty clinics."""
    folder = tmp_path_factory.mktemp("island")
    (folder / "pack.toml").write_text(PACK)
    square = [[[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]]]
    region = {"code": "R1", "name": "Region"}
    feature = {"type": "Feature", "properties": region, "geometry": {"type": "Polygon", "coordinates": square}}
    (folder / "regions.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    rng = np.random.default_rng(1)
    sites = [{"code": f"S{i}", "lon": 0.5 + i / 20, "lat": 1} for i in range(60)]
    rows = []
    for site in sites:
        for product in ("BCG", "MR"):
            stock, need, often = int(rng.integers(0, 40)), rng.gamma(2, 8), rng.uniform(0.1, 0.6)
            for month in range(MONTHS):
                received = int(rng.poisson(2 * need)) if rng.random() < often else 0
                used = min(int(rng.poisson(need)), stock + received)
                closing = stock + received - used
                rows.append(
                    {
                        "site": site["code"], "product": product, "month": f"{2023 + month // 12}-{month % 12 + 1:02}",
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


def test_a_backtest_prints_its_figures_and_writes_them(pack, tmp_path, capsys):
    out = tmp_path / "found"
    assert main(["backtest", str(pack), "--from", "2024-05", "--to", "2024-06", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "The island: out of stock 1 month after the forecast, 2024-05 to 2024-06. 240 forecasts" in said
    for words in ("months of stock with an isotonic fit", "Poisson rule", "climatology", "MASE", "at 80%"):
        assert words in said
    assert (out / "backtest.txt").read_text() in said
    assert sorted(p.name for p in out.iterdir()) == ["backtest.txt", "months.svg", "reliability.svg"]


def test_training_twice_writes_the_same_file(pack, tmp_path, capsys):
    files = [tmp_path / "one.npz", tmp_path / "two.npz"]
    for file in files:
        assert main(["train", str(pack), "--to", "2024-04", "--out", str(file)]) == 0
    assert f"Wrote {files[1]}." in capsys.readouterr().out
    assert files[0].read_bytes() == files[1].read_bytes()
    told = learned.load(files[0].read_bytes()).told
    assert (told.programme, told.last_month, told.positions) == ("island", 2024 * 12 + 3, 120)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["backtest", "--from", "2018-13", "--to", "2018-12"], "2018-13 is not a month. Write it as 2018-04."),
        (["backtest", "--from", "2024-05", "--to", "2025-01"], "what happened in 2025-01 is not known"),
        (["backtest", "--from", "2023-06", "--to", "2024-01"], "so that 2024-01 is the first that can be"),
        (["train", "--to", "2023-06"], "the count model answers alone"),
    ],
)
def test_what_cannot_be_done_is_said_with_what_to_do(pack, tmp_path, capsys, options, said):
    command, *rest = options
    extra = ["--out", str(tmp_path / "model.npz")] if command == "train" else []
    assert main([command, str(pack), *rest, *extra]) == 1
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
