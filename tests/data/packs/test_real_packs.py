"""Three real countries, each from a folder: what is kept, refused and flagged adds up to the files' own rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from data import db
from data.packs import load, reader
from data.packs.country import Country

PACKS = Path(__file__).parents[2] / "packs"


@pytest.fixture(scope="module")
def nigeria(shared_data: Path) -> Country:
    return reader.read(PACKS / "nigeria", shared_data)


@pytest.fixture(scope="module")
def uganda(shared_data: Path) -> Country:
    return reader.read(PACKS / "uganda", shared_data)


@pytest.fixture(scope="module")
def civ(shared_data: Path) -> Country:
    return reader.read(PACKS / "civ", shared_data)


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    made = db.engine(database_url, pool_size=1)
    yield made
    made.dispose()


def counts(country: Country, severity: str, table: str) -> dict[str, int]:
    return {f.reason: f.count for f in country.findings if (f.severity, f.table) == (severity, table)}


# -- Nigeria ------------------------------------------------------------------------------------------------------


def test_nigeria_has_its_37_states_and_774_lgas_under_one_nation(nigeria: Country) -> None:
    assert nigeria.areas["level"].value_counts().to_dict() == {0: 1, 1: 37, 2: 774}
    assert nigeria.areas.is_valid.all()
    lgas = nigeria.areas[nigeria.areas["level"] == 2]
    assert lgas["name"].nunique() == 769
    assert lgas["code"].is_unique
    states = nigeria.areas[nigeria.areas["level"] == 1]
    assert states["population"].sum() == lgas["population"].sum() == nigeria.areas["population"].iloc[0]


def test_every_row_of_nigerias_facilities_is_kept_or_refused(nigeria: Country) -> None:
    assert counts(nigeria, "kept", "facilities") == {"in the registry": 20_806}
    assert counts(nigeria, "refused", "facilities") == {"lon and lat are outside the country": 1}
    assert nigeria.facilities["code"].is_unique


def test_nigerias_odd_facilities_are_flagged_with_reasons(nigeria: Country) -> None:
    assert counts(nigeria, "flagged", "facilities") == {
        "no coordinates: listed in the stated area, off the map": 1_114,
        "just outside every area: put into the nearest within 2 km": 7,
        "stated in one area, located in another: kept where it is located": 209,
        "the same point as another facility": 132,
    }
    off_map = nigeria.facilities[nigeria.facilities["lon"].isna()]
    assert len(off_map) == 1_114
    assert off_map["flags"].map(lambda flags: flags == ["no-coordinates"]).all()
    levels = nigeria.areas.set_index("code")["level"]
    assert set(off_map["area"].map(levels)) == {1}


def test_nigerias_points_lie_in_the_lgas_that_the_file_found_too(nigeria: Country, shared_data: Path) -> None:
    file = pd.read_csv(shared_data / "nga/facilities_2019.csv.gz", dtype="str", keep_default_na=False)
    file = file[file["lga_shapeID"] != ""].assign(
        lon=lambda f: f["lon"].astype(float), lat=lambda f: f["lat"].astype(float)
    )
    both = file.merge(nigeria.facilities, left_on=["facility_name", "lon", "lat"], right_on=["name", "lon", "lat"])
    assert len(both) == len(file)
    # The outlines are simplified: a few points near a border fall into the neighbour.
    assert (both["lga_shapeID"] == both["area"]).mean() > 0.995


def test_nigeria_is_stored_with_every_facility_in_one_order(
    nigeria: Country, engine: sa.Engine, shared_data: Path
) -> None:
    load.load(engine, nigeria, digest=reader.digest(PACKS / "nigeria", shared_data))
    with engine.connect() as conn:
        stored = conn.execute(sa.text("select count(*), count(point), min(ordinal), max(ordinal) from facility")).one()
        assert tuple(stored) == (20_806, 19_692, 0, 20_805)
        ranges = "select max(ordinal) - min(ordinal) + 1 = count(*) from facility group by partition_id"
        assert [whole for (whole,) in conn.execute(sa.text(ranges))] == [True] * 37


# -- Uganda -------------------------------------------------------------------------------------------------------


def test_every_row_of_ugandas_stock_is_kept_or_refused_once(uganda: Country, shared_data: Path) -> None:
    file = pd.read_csv(shared_data / "uga/stock_monthly_2013_2016.csv.gz", dtype="str", keep_default_na=False)
    refused = counts(uganda, "refused", "history")
    assert len(uganda.reports) + sum(refused.values()) == len(file) == 43_927
    assert len(uganda.reports) == 27_796
    assert {reason.split(":")[0]: count for reason, count in refused.items()} == {
        'product "SAFETY BOXES" is not declared in the pack': 2_611,
        'product "SYRINGE 0.05 ML" is not declared in the pack': 2_706,
        'product "SYRINGE 0.5 ML" is not declared in the pack': 2_687,
        'product "SYRINGE 2 ML" is not declared in the pack': 2_689,
        'product "SYRINGE 5 ML" is not declared in the pack': 2_699,
        "the month repeats 2016-10 in the source": 896,
        "only zeros are reported where blanks are likely": 112,
        "issued is not a whole number": 292,
        "no amount is reported": 1_439,
    }


def test_ugandas_repeated_month_is_missing_and_its_blank_zeros_are_not_known(uganda: Country) -> None:
    assert "2016-11" not in set(uganda.reports["month"].dt.strftime("%Y-%m"))
    august = uganda.reports[uganda.reports["month"] == "2016-08-01"]
    assert len(august) == 426
    assert not (august[["used", "closing"]] == 0).any(axis=None)


def test_uganda_reported_no_receipts_and_none_are_invented(uganda: Country) -> None:
    assert uganda.reports["received"].isna().all()
    assert set(uganda.events["kind"]) == {"count", "issue", "adjustment"}
    implied = uganda.events[uganda.events["kind"] == "adjustment"]
    assert implied["reason"].notna().all()


def test_ugandas_districts_have_a_store_each_and_their_infants(uganda: Country) -> None:
    stores = uganda.facilities.set_index("code")
    assert len(stores) == 112
    assert stores["catchment"].between(1_000, 100_000).all()
    assert stores.loc["UG.JI.store", "name"] == "Jinja district vaccine store"
    assert stores["area"].is_unique


@pytest.mark.parametrize("name", ["uganda", "civ"])
def test_real_stock_ends_where_it_was_last_reported(
    name: str, request: pytest.FixtureRequest, engine: sa.Engine, shared_data: Path
) -> None:
    country: Country = request.getfixturevalue(name)
    digest = reader.digest(PACKS / name, shared_data)
    loaded = load.load(engine, country, digest=digest)
    known = country.reports[country.reports["closing"].notna()].sort_values("month")
    last = known.drop_duplicates(["facility", "product"], keep="last").set_index(["facility", "product"])["closing"]
    with engine.connect() as conn:
        totals = conn.execute(
            sa.text(
                "select f.code, p.code, s.total from position s join facility f on f.id = s.facility_id"
                " join product p on p.id = s.product_id where s.last_event_at is not null"
            )
        )
        assert {(f, p): total for f, p, total in totals} == last.to_dict()
        months = conn.scalar(sa.text("select count(*) from stock_month"))
        assert months == len(country.reports) == loaded.counts["reports"]
        before = conn.execute(sa.text("select md5(string_agg(s::text, '' order by id)) from stock_event s")).scalar()
    again = load.load(engine, country, digest=digest)
    assert again.unchanged
    with engine.connect() as conn:
        after = conn.execute(sa.text("select md5(string_agg(s::text, '' order by id)) from stock_event s")).scalar()
    assert after == before


# -- Côte d'Ivoire ------------------------------------------------------------------------------------------------


def test_every_row_of_civ_is_kept_and_adds_up(civ: Country) -> None:
    assert len(civ.facilities) == 156
    assert len(civ.reports) == 29_579
    assert counts(civ, "refused", "history") == {}
    assert counts(civ, "flagged", "history") == {
        "0 days out of stock, which says nothing here: not known": 29_579,
        "adjustment implied: months not reported (implied by the balance)": 71,
        "adjustment implied: opening differs from the last closing": 142,
    }
    sums = civ.events.groupby("kind")["doses"].sum()
    assert sums["receipt"] == civ.reports["received"].sum()
    assert -sums["administered"] == civ.reports["used"].sum()


def test_civs_health_regions_are_matched_to_the_regions_they_cover(civ: Country) -> None:
    elsewhere = [f for f in civ.findings if f.reason.startswith("stated in one area")]
    assert [f.count for f in elsewhere] == [2]
    assert "BELIER (stated) but lies in District Autonome De Yamoussoukro" in elsewhere[0].examples[1]
    assert not any("not known" in f.reason for f in civ.findings if f.table == "facilities")


def test_civs_days_out_are_known_where_nothing_was_there_all_month(civ: Country) -> None:
    known = civ.reports[civ.reports["days_out"].notna()]
    assert len(known) == 8_014
    assert (known["days_out"] == known["month"].dt.days_in_month).all()
    first = date(2016, 1, 1)
    assert known["month"].min().date() >= first
