"""A pack's monthly reports become arrays as they were reported; an order that cannot be is only not known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tiny_pack
from tiny_pack import STOCK, TOML, finding

from data import errors
from data.insight.learned_history import AMOUNTS
from data.packs import monthly

ORDERED = TOML + 'ordered = "asked_for"\n'


def with_orders(*orders: str) -> str:
    lines = STOCK.splitlines()
    return "\n".join(f"{line},{order}" for line, order in zip(lines, ("asked_for", *orders), strict=True)) + "\n"


def test_reports_stand_by_position_and_month_and_gaps_are_not_known(tmp_path: Path) -> None:
    history = monthly.history(tiny_pack.read(tmp_path))
    assert (history.first, history.months) == (2024 * 12, 2)
    np.testing.assert_array_equal(history.closing, [[120, 60], [np.nan, 0]])
    np.testing.assert_array_equal(history.adjusted, [[0, -10], [np.nan, 0]])
    assert np.isnan(history.ordered).all()
    country = tiny_pack.read(tmp_path)
    assert country.facilities["code"].iloc[history.facility].tolist() == ["E2", "W1"]
    assert country.areas["code"].iloc[history.area].tolist() == ["EST", "WST"]
    assert country.products["code"].iloc[history.product].tolist() == ["BCG", "BCG"]


def test_what_was_ordered_is_read_where_the_pack_names_it(tmp_path: Path) -> None:
    history = monthly.history(tiny_pack.read(tmp_path, toml=ORDERED, stock=with_orders("40", "", "7.0")))
    np.testing.assert_array_equal(history.ordered, [[40, np.nan], [np.nan, 7]])


def test_orders_in_vials_become_doses_too(tmp_path: Path) -> None:
    country = tiny_pack.read(tmp_path, toml=ORDERED + 'unit = "vial"\n', stock=with_orders("4", "", "7"))
    assert country.reports["ordered"].tolist() == [80, pd.NA, 140]


def test_an_order_that_cannot_be_is_not_known_and_costs_no_report(tmp_path: Path) -> None:
    country = tiny_pack.read(tmp_path, toml=ORDERED, stock=with_orders("-3", "many", "7"))
    assert finding(country, "asked_for is negative").severity == "flagged"
    assert finding(country, "asked_for is not a number").count == 1
    assert country.reports["ordered"].tolist() == [pd.NA, pd.NA, 7]
    others = tiny_pack.read(tmp_path / "without").reports
    pd.testing.assert_frame_equal(country.reports[others.columns], others)


def test_a_pack_without_months_says_where_they_belong(tmp_path: Path) -> None:
    country = tiny_pack.read(tmp_path)
    with pytest.raises(errors.PackError, match=r"no monthly reports.*\[history\]"):
        monthly.history(replace(country, reports=country.reports[:0]))


def test_every_amount_of_a_history_has_its_place(tmp_path: Path) -> None:
    history = monthly.history(tiny_pack.read(tmp_path))
    assert {getattr(history, name).shape for name in AMOUNTS} == {(2, 2)}
