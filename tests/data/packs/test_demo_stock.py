from __future__ import annotations

from datetime import date, datetime, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from data import shelf_days
from data.packs import country, demo
from data.types import Kind, Loss

TODAY = date(2026, 11, 20)
STATES = ("Kano", "Enugu", "Borno")
POSITION = ["facility", "product"]
LAGOS = ZoneInfo("Africa/Lagos")


@pytest.fixture(scope="module")
def small() -> country.Country:
    """Three states: one with a zonal store, one in another zone, and one where much is hard to reach."""
    return demo.build(today=TODAY, facilities=400, states=STATES)


@pytest.fixture(scope="module")
def full(small: country.Country) -> pd.DataFrame:
    """The reports of full months."""
    return small.reports[small.reports["month"] < pd.Timestamp(TODAY.replace(day=1))]


def test_a_country_has_every_column_that_is_promised(small: country.Country) -> None:
    country.check(small)


def test_the_same_arguments_make_the_same_country(small: country.Country) -> None:
    again = demo.build(today=TODAY, facilities=400, states=STATES)
    for table in ("areas", "facilities", "products", "lots", "reports", "events"):
        pd.testing.assert_frame_equal(getattr(again, table), getattr(small, table))


def test_another_seed_makes_another_country(small: country.Country) -> None:
    other = demo.build(today=TODAY, facilities=400, seed=8, states=STATES)
    assert not other.facilities["lon"].equals(small.facilities["lon"])


def test_no_lot_is_ever_below_zero(small: country.Country) -> None:
    in_time = small.events.sort_values("occurred_at", kind="stable")
    balance = in_time.groupby([*POSITION, "lot"], observed=True)["doses"].cumsum()
    assert balance.min() >= 0


def test_events_add_up_to_the_closing_of_every_reported_month(small: country.Country) -> None:
    local = small.events["occurred_at"].dt.tz_convert("Africa/Lagos").dt.tz_localize(None)
    months = small.events.assign(month=local.dt.to_period("M").dt.to_timestamp())
    moved = months.groupby([*POSITION, "month"], observed=True)["doses"].sum().unstack(fill_value=0).cumsum(axis=1)
    booked = moved.stack().rename("booked")
    both = small.reports.set_index([*POSITION, "month"]).join(booked)
    assert (both["closing"] == both["booked"].fillna(0)).all()


def test_a_report_opens_where_the_books_stood_and_balances(small: country.Country) -> None:
    right = (
        small.reports["opening"]
        + small.reports["received"]
        - small.reports["used"]
        - small.reports["lost"]
        + small.reports["adjusted"]
    )
    assert (right == small.reports["closing"]).all()
    before = small.reports.groupby(POSITION, observed=True)["closing"].shift()
    assert (before.isna() | (before == small.reports["opening"])).all()


def test_a_month_not_reported_leaves_no_event_and_reappears_as_an_adjustment(small: country.Country) -> None:
    month = pd.Timestamp("2026-05-01")
    health = set(small.facilities.loc[small.facilities["tier"] == "facility", "code"])
    silent = health - set(small.reports.loc[small.reports["month"] == month, "facility"])
    assert silent
    local = small.events["occurred_at"].dt.tz_convert("Africa/Lagos")
    inside = (local.dt.year == 2026) & (local.dt.month == 5) & small.events["facility"].isin(silent)
    assert not inside.any()
    next_month = small.reports[(small.reports["month"] == "2026-06-01") & small.reports["facility"].isin(silent)]
    assert (next_month["adjusted"] != 0).mean() > 0.5


def test_the_first_event_of_a_lot_held_at_the_start_is_a_count(small: country.Country) -> None:
    first = small.events.sort_values("occurred_at", kind="stable").groupby([*POSITION, "lot"], observed=True).first()
    opened = small.events[(small.events["kind"] == Kind.COUNT) & (small.events["doses"] > 0)]
    assert (opened["occurred_at"].dt.tz_convert("Africa/Lagos").dt.date == date(2025, 11, 1)).all()
    assert (first.loc[list(opened[[*POSITION, "lot"]].itertuples(index=False)), "kind"] == Kind.COUNT).all()


def test_kinds_signs_and_reasons_are_those_of_the_ledger(small: country.Country) -> None:
    assert set(small.events["kind"]) <= set(Kind)
    doses = small.events.groupby("kind", observed=True)["doses"]
    assert doses.min()[Kind.RECEIPT] > 0
    assert doses.max()[[Kind.ADMINISTERED, Kind.ISSUE, Kind.LOSS]].max() < 0
    # Who has nothing counts that there is nothing.
    assert ((small.events["doses"] != 0) | (small.events["kind"] == Kind.COUNT)).all()
    assert set(small.events["reason"].dropna()) <= set(Loss)
    assert (small.events["reason"].notna() == (small.events["kind"] == Kind.LOSS)).all()


def test_every_event_has_its_own_source_id(small: country.Country) -> None:
    assert small.events["source_id"].is_unique


def test_nothing_happens_today_or_at_night_but_a_month_opens_with_its_first_moment(small: country.Country) -> None:
    local = small.events["occurred_at"].dt.tz_convert("Africa/Lagos")
    assert local.max() < pd.Timestamp(TODAY, tz="Africa/Lagos")
    opens = (small.events["kind"] == Kind.ADJUSTMENT) & (local == local.dt.normalize()) & (local.dt.day == 1)
    assert opens.any()
    assert local[~opens].dt.hour.between(7, 17).all()


def test_use_is_one_event_a_month_and_lot_and_one_more_whenever_the_shelf_ran_out(small: country.Country) -> None:
    given = small.events[small.events["kind"] == Kind.ADMINISTERED]
    local = given["occurred_at"].dt.tz_convert("Africa/Lagos").dt.tz_localize(None)
    closes = (local + pd.offsets.MonthEnd(0)).dt.normalize().clip(upper=pd.Timestamp(TODAY) - pd.Timedelta(days=1))
    early = given[local.dt.normalize() < closes]
    at_close = given.drop(early.index)
    month = local[at_close.index].dt.strftime("%Y-%m")
    assert not at_close.assign(month=month).duplicated([*POSITION, "lot", "month"]).any()
    in_time = small.events.assign(day=small.events["occurred_at"].dt.tz_convert("Africa/Lagos").dt.date)
    held = in_time.groupby([*POSITION, "lot", "day"], observed=True)["doses"].sum()
    left = held.groupby([*POSITION, "lot"], observed=True).cumsum()
    ran_out = early.assign(day=local[early.index].dt.date)[[*POSITION, "lot", "day"]]
    assert (left.loc[list(ran_out.itertuples(index=False))] == 0).all()


def test_days_out_are_those_of_the_record_by_the_rule_of_the_bin_card(
    small: country.Country, full: pd.DataFrame
) -> None:
    often = full.groupby(POSITION, observed=True)["month"].count()
    told = full.set_index(POSITION)
    troubled = full[full["days_out"].between(1, 25)].drop_duplicates(POSITION)
    lots = small.lots.set_index("number")["expiry"]
    numbers = {number: i for i, number in enumerate(lots.index, 1)}
    compared = 0
    for facility, product in troubled[POSITION].itertuples(index=False):
        if often[facility, product] < full["month"].nunique() or compared == 60:
            continue
        own = small.events[(small.events["facility"] == facility) & (small.events["product"] == product)]
        rows = [
            SimpleNamespace(
                id=i, kind=str(r.kind), doses=r.doses, lot_id=numbers[r.lot], expiry=lots[r.lot], stage=None,
                occurred_at=r.occurred_at.to_pydatetime(), reverses_id=None,
            )
            for i, r in enumerate(own.itertuples())
        ]  # fmt: skip
        found = shelf_days.spells(
            {}, False, rows, rows[0].occurred_at, datetime(2026, 11, 1, tzinfo=LAGOS), "Africa/Lagos"
        )
        days = pd.Series([s.first + timedelta(days=d) for s in found for d in range(s.days)], dtype="object")
        by_month = pd.to_datetime(days).dt.to_period("M").dt.to_timestamp().value_counts()
        for month, said in told.loc[(facility, product), ["month", "days_out"]].itertuples(index=False):
            assert by_month.get(month, 0) == said, (facility, product, month)
        compared += 1
    assert compared > 20


def test_what_a_store_issues_is_what_those_below_it_receive(small: country.Country) -> None:
    network = small.facilities.set_index("code")
    always = network[(network["tier"] == "lga")]
    received = small.events[(small.events["kind"] == Kind.RECEIPT) & small.events["facility"].isin(always.index)]
    by_supplier = received.groupby(
        [received["facility"].astype(str).map(always["supplier"]), "product", "lot"], observed=True
    )
    issued = small.events[(small.events["kind"] == Kind.ISSUE) & small.events["facility"].isin(always["supplier"])]
    out = issued.groupby(["facility", "product", "lot"], observed=True)["doses"].sum()
    assert (-out).sort_index().to_list() == by_supplier["doses"].sum().sort_index().to_list()


def test_vaccine_arrives_in_whole_vials_and_from_lots_that_still_last(small: country.Country) -> None:
    received = small.events[small.events["kind"] == Kind.RECEIPT]
    vial = received["product"].astype(str).map(small.products.set_index("code")["doses_per_vial"])
    assert (received["doses"] % vial == 0).all()
    expiry = pd.to_datetime(received["lot"].astype(str).map(small.lots.set_index("number")["expiry"]))
    assert (expiry > received["occurred_at"].dt.tz_localize(None) + pd.Timedelta(days=25)).all()


def test_few_lots_are_held_at_a_time(small: country.Country) -> None:
    held = small.events.groupby([*POSITION, "lot"], observed=True)["doses"].sum()
    count = (held > 0).groupby(POSITION, observed=True).sum()
    assert count.quantile(0.99) <= 3


def test_lots_expire_at_all_distances(small: country.Country) -> None:
    days = (pd.to_datetime(small.lots["expiry"]) - pd.Timestamp(TODAY)).dt.days
    assert small.lots.groupby("product").size().between(6, 12).all()
    assert small.lots["number"].is_unique
    assert (days < 0).any()
    assert days.between(0, 90).any()
    assert (days > 180).any()


@pytest.mark.parametrize("today", [date(2026, 11, 1), date(2026, 3, 1), date(2024, 2, 29), date(2026, 1, 2)])
def test_any_day_can_be_today(today: date) -> None:
    built = demo.build(today=today, facilities=20, states=("Ekiti",))
    months = built.reports["month"].drop_duplicates()
    assert len(months) == (12 if today.day == 1 else 13)
    assert built.events["occurred_at"].max() < pd.Timestamp(today, tz="Africa/Lagos")
    assert built.events["source_id"].is_unique
    balance = built.events.groupby([*POSITION, "lot"], observed=True)["doses"].sum()
    assert balance.min() >= 0


def test_a_month_out_of_stock_is_a_month_of_days_where_there_ever_was_any(
    small: country.Country, full: pd.DataFrame
) -> None:
    dry = full[(full["opening"] == 0) & (full["received"] == 0) & (full["adjusted"] == 0)]
    ever = full.groupby(POSITION, observed=True)[["opening", "received"]].sum().sum(axis=1) > 0
    held = ever.loc[list(dry[POSITION].itertuples(index=False))].to_numpy()
    assert len(dry)
    # What a place never held it is not out of.
    assert (dry.loc[~held, "days_out"] == 0).all()
    dry = dry[held]
    assert len(dry)
    assert (dry["days_out"] == dry["month"].dt.days_in_month).all()
    assert (full["days_out"] <= full["month"].dt.days_in_month).all()
    assert np.issubdtype(small.reports["days_out"].dtype, np.integer)
