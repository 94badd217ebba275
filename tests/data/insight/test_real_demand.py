"""How well is demand foretold on real reports, and do they carry seasons? Côte d'Ivoire, 156 health facilities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.insight import consumption, demand, season

#: The share of the positions that is made to look new, so that borrowing has something to do.
HIDDEN = 0.3


def read(shared_data: Path) -> dict[str, np.ndarray]:
    """Grids of position x month, with product, tier and region of each position."""
    rows = pd.read_csv(shared_data / "civ" / "stock_monthly_2016_2018.csv.gz")
    sites = pd.read_csv(shared_data / "civ" / "sites.csv").set_index("site_code")
    number = rows["year"] * 12 + rows["month"] - 1
    first, count = int(number.min()), int(number.max() - number.min() + 1)
    position, keys = pd.factorize(rows["site_code"] + "|" + rows["product_code"])
    grids = {}
    for name in ("initial", "received", "distributed", "stockout_days"):
        grids[name] = np.full((len(keys), count), np.nan)
        grids[name][position, number - first] = rows[f"stock_{name}"]
    at = sites.loc[[key.split("|")[0] for key in keys]]
    days = pd.period_range(pd.Period(year=first // 12, month=first % 12 + 1, freq="M"), periods=count, freq="M")
    days = days.days_in_month.to_numpy(dtype=float)
    return {
        "used": grids["distributed"], "days": days, "first": np.array(first % 12),
        "out": demand.days_out_at_least(
            grids["stockout_days"], grids["initial"], grids["received"], days, used=grids["distributed"]
        ),
        "product": pd.factorize(np.array([key.split("|")[1] for key in keys]))[0],
        "tier": pd.factorize(at["site_type"])[0], "region": pd.factorize(at["site_region"])[0],
    }  # fmt: skip


def borrowing(country: dict[str, np.ndarray], known: int) -> dict[str, tuple[float, float]]:
    """Error over use, and root mean square error, of places of which only the last `known` months are known."""
    rng = np.random.default_rng(0)
    used, out, days = country["used"], country["out"], country["days"]
    share = consumption.in_stock_share(out, days)
    actual = np.where(share >= consumption.IN_STOCK_AT_LEAST, used / np.maximum(share, 0.1), np.nan)
    group = country["product"] * 10 + country["tier"]
    misses: dict[str, list[np.ndarray]] = {}
    truth: list[np.ndarray] = []
    for t in range(12, used.shape[1]):
        thin = rng.random(len(used)) < HIDDEN
        window = slice(t - 12, t)
        seen = used[:, window].copy()
        seen[thin, : 12 - known] = np.nan
        judged = thin & ~np.isnan(actual[:, t])
        asked = (seen, out[:, window], ~np.isnan(seen), days[window])
        told = {
            name: demand.estimate(*asked, handles=np.ones(len(used), dtype=bool), group=group, **more).amc
            for name, more in (("like places", {}), ("and region", {"area": country["region"]}))
        }
        if known:
            told["own"] = consumption.amc("mSupply", seen, out[:, window], days[window])
        for amc in told.values():
            judged &= ~np.isnan(amc)
        truth.append(actual[judged, t])
        for name, amc in told.items():
            misses.setdefault(name, []).append(amc[judged] - actual[judged, t])
    whole = np.concatenate(truth)
    return {
        name: (float(np.abs(np.concatenate(m)).sum() / whole.sum()), float(np.sqrt((np.concatenate(m) ** 2).mean())))
        for name, m in misses.items()
    }


def seasons(country: dict[str, np.ndarray]) -> list[season.Season]:
    """What every product's season is."""
    found = []
    for product in range(int(country["product"].max()) + 1):
        at = country["product"] == product
        found.append(season.learn(country["used"][at], country["out"][at], country["days"], int(country["first"])))
    return found


@pytest.fixture(scope="module")
def civ(shared_data: Path) -> dict[str, np.ndarray]:
    return read(shared_data)


def test_borrowing_makes_the_large_errors_of_new_places_rarer(civ):
    one = borrowing(civ, 1)
    assert one["like places"][1] < one["own"][1]
    # An area adds where areas differ, and does next to no harm where they do not.
    none = borrowing(civ, 0)
    assert none["and region"][1] < 1.01 * none["like places"][1]


def test_no_contraceptive_follows_the_seasons(civ):
    assert not any(s.carried for s in seasons(civ))
