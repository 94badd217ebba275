"""The chart of what lies behind and ahead, its sentence and its table."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from app.components import chart_fan
from data.insight import fan
from data.insight.fan import Deliveries, Lot
from data.outlook import Due, Outlook

TODAY = date(2026, 11, 20)
DELIVERY = Deliveries(5, 30, 0.8, 7.0, 500.0)
EVEN = (30.4375 * 10, 1e-6, 1e-9)


@pytest.fixture
def seen() -> Outlook:
    """A hundred doses, ten a day; forty of them have their last day in three days; a delivery in five."""
    lots = [Lot(40, 4), Lot(60, None)]
    return Outlook(
        TODAY,
        [(TODAY - timedelta(days=90), 300), (TODAY - timedelta(days=2), 100)],
        True,
        fan.spread(lots, *EVEN, DELIVERY),
        fan.spread(lots, *EVEN),
        [Due(date(2026, 11, 25), None), Due(date(2026, 12, 25), None)],
        [(date(2026, 11, 23), 40)],
        500.0,
    )


def test_the_sentence_says_how_long_it_lasts_what_comes_and_what_expires(seen: Outlook) -> None:
    assert chart_fan.sentence(seen, "dose") == (
        "If nothing comes, the last dose is likely used by 30 Nov, between 30 Nov and 30 Nov."
        " A delivery is due 25 Nov; it is taken to fill up to 500 doses. 40 doses held have their last day by 23 Nov."
    )
    sent = replace(seen, due=[Due(date(2026, 11, 18), 200)], expiries=[])
    assert "200 doses on the way, expected 18 Nov and has not arrived." in chart_fan.sentence(sent, "dose")
    overdue = replace(seen, due=[Due(date(2026, 11, 18), None)], expiries=[])
    assert "The delivery due 18 Nov is late" in chart_fan.sentence(overdue, "dose")
    untold = replace(seen, ahead=None, alone=None)
    assert "cannot be told" in chart_fan.sentence(untold, "dose")


def test_the_chart_has_history_range_deliveries_expiry_and_today(seen: Outlook) -> None:
    drawn = chart_fan.figure(seen, "dose", (100.0, 500.0), "light")
    traces = {t["name"]: t for t in drawn["data"]}
    assert traces["balance"]["y"] == [300, 100, 100]
    assert traces["balance"]["line"]["shape"] == "hv"
    assert traces["balance"]["x"][-1] == str(TODAY)
    low, high = traces["at least, in 9 of 10"], traces["at most, in 9 of 10"]
    assert high["fill"] == "tonexty"
    assert len(low["y"]) == len(high["y"]) == fan.DAYS + 1
    assert traces["delivery"]["x"] == ["2026-11-25", "2026-12-25"]
    assert traces["expiry"]["x"] == ["2026-11-23"]
    assert traces["if nothing comes"]["y"][-1] == 0
    assert {s["type"] for s in drawn["layout"]["shapes"]} == {"rect", "line"}
    assert "today" in [a["text"] for a in drawn["layout"]["annotations"]]


def test_what_cannot_be_told_is_not_drawn(seen: Outlook) -> None:
    names = [t["name"] for t in chart_fan.figure(replace(seen, ahead=None, alone=None), "dose", None, "dark")["data"]]
    assert names == ["balance", "delivery", "expiry"]


def test_a_place_that_reports_by_the_month_has_points(seen: Outlook) -> None:
    monthly = replace(seen, stepped=False, history=[(date(2026, 9, 30), 50), (date(2026, 10, 31), 80)])
    balance = chart_fan.figure(monthly, "dose", None, "light")["data"][0]
    assert balance["mode"] == "lines+markers"
    assert balance["x"] == ["2026-09-30", "2026-10-31"]


def test_the_table_has_a_row_a_week_with_what_happens_in_it(seen: Outlook) -> None:
    rows = chart_fan.rows(seen)
    assert [r[0] for r in rows][:2] == [TODAY, TODAY + timedelta(days=7)]
    assert rows[-1][0] == TODAY + timedelta(days=fan.DAYS)
    assert rows[0][1:4] == (100, 100, 100)
    assert rows[1][4] == "delivery due, last day of 40"
    overdue = replace(seen, due=[Due(TODAY - timedelta(days=3), None)])
    assert chart_fan.rows(overdue)[0][4] == "delivery due"
