from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
import shapely

from data.packs import country, demo

TODAY = date(2026, 11, 20)


@pytest.fixture(scope="module")
def nation() -> country.Country:
    """The whole country, thinly."""
    return demo.build(today=TODAY, facilities=2000)


@pytest.fixture(scope="module")
def facilities(nation: country.Country) -> pd.DataFrame:
    """Stores and health facilities by code."""
    return nation.facilities.set_index("code")


@pytest.fixture(scope="module")
def health(facilities: pd.DataFrame) -> pd.DataFrame:
    """Health facilities by code."""
    return facilities[facilities["tier"] == "facility"]


@pytest.fixture(scope="module")
def now(nation: country.Country, health: pd.DataFrame) -> pd.DataFrame:
    """What health facilities report of the running month."""
    reports = nation.reports[nation.reports["month"] == "2026-11-01"]
    return reports[reports["facility"].isin(health.index)]


def test_stores_are_those_of_the_real_chain(facilities: pd.DataFrame) -> None:
    assert facilities["tier"].value_counts().to_dict() == {
        "national": 1, "zonal": 6, "state": 37, "lga": 774, "facility": 2000,
    }  # fmt: skip
    assert facilities.index.is_unique
    assert not facilities.duplicated(["name", "area"]).any()


def test_supply_runs_from_tier_to_tier_down_from_the_national_store(facilities: pd.DataFrame) -> None:
    tiers = list(demo.network.TIERS)
    assert facilities.index[facilities["supplier"].isna()].to_list() == ["NG-NSCS"]
    supplied = facilities[facilities["supplier"].notna()]
    own = supplied["tier"].map(tiers.index)
    above = supplied["supplier"].map(facilities["tier"]).map(tiers.index)
    assert (own == above + 1).all()


def test_a_facility_stands_in_its_own_lga_and_not_on_its_neighbours_spot(
    nation: country.Country, facilities: pd.DataFrame, health: pd.DataFrame
) -> None:
    outline = nation.areas.set_index("code").geometry.loc[facilities["area"]].to_numpy()
    assert shapely.intersects_xy(outline, facilities["lon"], facilities["lat"]).all()
    assert not health.duplicated(["lon", "lat"]).any()


def test_facilities_follow_the_people_and_share_their_children(nation: country.Country, health: pd.DataFrame) -> None:
    lgas = nation.areas[nation.areas["level"] == 2].set_index("code")
    count = health.groupby("area").size().reindex(lgas.index)
    assert count.min() >= 2
    assert np.corrcoef(count, lgas["population"])[0, 1] > 0.85
    children = health.groupby("area")["catchment"].sum().reindex(lgas.index)
    assert (children - lgas["target_children"]).abs().max() <= count.max()
    assert health["catchment"].max() > 5 * health["catchment"].median()


def test_facilities_cluster_around_settlements(nation: country.Country, health: pd.DataFrame) -> None:
    points = shapely.points(health["lon"], health["lat"])
    nearest = shapely.STRtree(points).query_nearest(points, exclusive=True, return_distance=True)[1]
    area = nation.areas.geometry.iloc[0].area
    by_chance = 0.5 * np.sqrt(area / len(points))
    assert np.median(nearest) < 0.6 * by_chance


def test_not_every_facility_holds_every_vaccine(
    nation: country.Country, facilities: pd.DataFrame, health: pd.DataFrame
) -> None:
    held = nation.reports.groupby("product", observed=True)["facility"].agg(lambda f: set(f.astype(str)))
    state = {code: facilities["area"][code][:5] for code in facilities.index}
    assert {state[f] for f in held["MENA"]}.isdisjoint({"NG025", "NG014", "NG010"})
    assert {state[f] for f in held["MAL"] if f in health.index} == {"NG022", "NG006", "NG034", "NG037", "NG033"}
    posts = health.index[health["name"].str.contains("Health Post")]
    assert held["HPV"].isdisjoint(posts)
    assert set(posts) <= held["PENTA"]
    assert all(store in held["OPV"] for store in facilities.index[facilities["tier"] != "facility"])


def test_about_one_facility_in_twelve_does_not_report(nation: country.Country, health: pd.DataFrame) -> None:
    full = nation.reports[nation.reports["month"] < "2026-11-01"]
    reported = full.loc[full["facility"].isin(health.index), ["facility", "month"]].drop_duplicates()
    assert 0.88 < len(reported) / (12 * len(health)) < 0.96
    lately = nation.reports.loc[nation.reports["month"] >= "2026-10-01", "facility"].unique()
    assert 0.03 < 1 - np.isin(health.index, lately).mean() < 0.1


def test_stock_today_looks_like_a_real_country(nation: country.Country, now: pd.DataFrame) -> None:
    full = nation.reports[(nation.reports["month"] >= "2026-05-01") & (nation.reports["month"] < "2026-11-01")]
    months = full.groupby(["facility", "product"], observed=True)["used"].agg(["mean"])["mean"]
    position = now.set_index(["facility", "product"]).join(months)
    vial = nation.products.set_index("code")["doses_per_vial"]
    position["vial"] = position.index.get_level_values("product").astype(str).map(vial)
    out = position["closing"] < position["vial"]
    cover = position["closing"] / position["mean"].clip(lower=1e-9)
    assert 0.04 < out.mean() < 0.13
    assert 0.05 < (cover > 1.25).mean() < 0.25
    assert ((cover >= 0.25) & (cover <= 1.25)).mean() > 0.6


def test_stockouts_cluster_in_some_states_and_differ_between_vaccines(now: pd.DataFrame) -> None:
    out = now.assign(out=now["closing"] == 0, state=now["facility"].astype(str).str[:5])
    by_state = out.groupby("state")["out"].mean()
    assert by_state.max() > 3 * by_state.median()
    assert by_state.quantile(0.25) < 0.05
    by_product = out.groupby("product", observed=True)["out"].mean()
    assert by_product.max() > 1.5 * by_product.min()


def test_a_campaign_shows_in_the_use_of_its_vaccine(nation: country.Country, health: pd.DataFrame) -> None:
    reports = nation.reports[nation.reports["facility"].isin(health.index)]
    opv = reports[reports["product"] == "OPV"].assign(state=lambda r: r["facility"].astype(str).str[:5])
    used = opv.pivot_table(index="state", columns="month", values="used", aggfunc="mean")
    august = used[pd.Timestamp("2026-08-01")] / used[pd.Timestamp("2026-06-01")]
    assert (august > 1.3).sum() >= 5
    assert (august < 1.2).sum() >= 10


def test_it_says_that_it_is_simulated(nation: country.Country) -> None:
    assert nation.programme.simulated
    assert "simulated" in nation.programme.notice
    assert any("Natural Earth" in source for source in nation.programme.sources)
    assert nation.facilities["flags"].map(lambda flags: "simulated" in flags).all()
