"""Formulas beside numbers: what they say is what is shown."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from test_lens import FACILITY, POSITION

from app import explained
from app.lens import PLAIN
from data.insight import formula
from data.lens import Lens
from data.programmes import Programme
from data.stock import Month
from data.types import State
from data.why import Counted
from geo.areas import Status

TODAY = date(2026, 11, 20)
NEED = formula.amc([400.0] * 12, [0.0] * 12, [30.0] * 12)
PROGRAMME = Programme(1, "small", "Small", "Africa/Lagos", "NPHCDA", True, "", 1, None, ["Nation"], [],
                      "2016-01 to 2018-12, 1b9f03c2")  # fmt: skip


def _months(used: int | None = 400, days_out: int | None = 0) -> list[Month]:
    starts = [date(2025 + (10 + m) // 12, (10 + m) % 12 + 1, 1) for m in range(12)]
    return [Month(start, 0, used, used, 0, 0, 0, days_out, None, None) for start in starts]


def _said(position=POSITION, months=None, lens=PLAIN, doses_per_child=4.0, counted=None):
    known = _months() if months is None else months
    return explained.position(
        PROGRAMME,
        FACILITY,
        position,
        known,
        lens,
        TODAY,
        need=NEED,
        doses_per_child=doses_per_child,
        counted=counted,
    )


def test_levels_between_minimum_and_maximum_are_those_of_the_preset() -> None:
    said = _said()
    assert said["amc"] is NEED
    # 400 a month; a week from order to arrival.
    assert said["critical"].value == pytest.approx(400 * 7 / 30.4375)
    assert said["reorder"].value == pytest.approx(100 + 400 * 7 / 30.4375)


def test_what_may_be_used_and_what_may_not_add_up_to_what_is_held() -> None:
    said = _said(replace(POSITION, total=500, usable=420))
    assert said["usable"].worked == "500 doses held - 80 doses"
    assert (said["usable"].value, said["not_usable"].value) == (420, 80)


def test_what_is_ahead_says_until_when_and_what_comes() -> None:
    due = replace(POSITION, next_delivery_on=date(2026, 11, 30), within=[0.1, 0.2, 0.3, 0.4, 0.5], short=50.0)
    said = _said(due)
    assert said["within"].note == "the next delivery is due in 10 days and is taken to fill up to 500 doses"
    assert "30 days: 394 doses" in said["within"].worked
    assert said["short"].value == 50
    assert said["delivery"].worked == "31 Oct 2026 + 30 days is 30 Nov 2026"
    late = _said(replace(due, next_delivery_on=date(2026, 11, 17)))
    assert late["short"].note.startswith("the delivery is 3 days overdue")
    sent = _said(replace(due, coming=200, coming_on=date(2026, 11, 24)))
    assert sent["short"].note == "the next delivery is due in 4 days with 200 doses"
    assert sent["delivery"].worked == "200 doses on the way"


def test_how_long_it_has_been_out_is_counted_from_the_day_on_which_the_last_dose_went() -> None:
    out = replace(POSITION, out_since=datetime(2026, 11, 14, 9, tzinfo=UTC))
    assert (_said(out)["out_since"].value, _said(out)["out_since"].worked) == (6, "since 14 Nov 2026")


def test_levels_name_the_preset_that_they_are_seen_by() -> None:
    own, other = _said(), _said(lens=Lens(preset="WHO-EPI"))
    assert own["minimum"].value == pytest.approx(100)
    assert other["minimum"].value == pytest.approx(400)
    assert other["maximum"].value == pytest.approx(1200)
    assert "WHO-EPI" in other["maximum"].text
    stored = _said(replace(POSITION, preset="MSH"))
    assert "MSH" in stored["minimum"].text


def test_the_chance_says_until_when() -> None:
    due = replace(POSITION, next_delivery_on=date(2026, 11, 30))
    assert "until the next expected delivery arrives" in _said(due)["probability"].worked
    assert "10 days" in _said(due)["probability"].worked
    assert "until 30 days have passed" in _said(lens=Lens(horizon=30))["probability"].worked


def test_where_something_was_learnt_the_chance_says_the_count_the_shift_and_the_model() -> None:
    learnt = replace(POSITION, learned_shift=0.9, probability=0.31, next_delivery_on=date(2026, 11, 30))
    counted = Counted(probability=0.12, within=[0.01, 0.04, 0.15, 0.4, 0.8], month=0.37, weight=1)
    said = _said(learnt, counted=counted)["probability"]
    assert said.value == 0.31
    assert (
        "= 12 % by count; as learnt, the chance with the odds 2.46 x 0.176 ^ 0.75 x (0.136 / 0.176) ^ 0.5"
        in said.worked
    )
    month = _said(replace(learnt, probability=0.37), lens=Lens(horizon=30), counted=counted)["probability"]
    assert "= 15 % by count; as learnt, the chance with the odds 2.46 x 0.176 ^ 0.75" in month.worked
    later = _said(learnt, lens=Lens(horizon=30), counted=replace(counted, weight=0.8))["probability"]
    assert later.worked.endswith("(2.46 x 0.176 ^ 0.75) ^ 0.8 x 0.176 ^ 0.2")
    assert said.note == "learnt from this programme's months of 2016-01 to 2018-12, 1b9f03c2"
    assert "as learnt" not in _said(replace(learnt, state=State.STOCKOUT), counted=counted)["probability"].worked
    assert "as learnt" not in _said()["probability"].worked


def test_children_missed_are_doses_short_by_doses_a_child() -> None:
    lacking = replace(POSITION, short=170.4, missed=42.0)
    assert _said(lacking)["missed"].value == 43
    assert _said(lacking)["missed"].worked == "170 doses short / 4 doses a child"
    assert "missed" not in _said(lacking, doses_per_child=None)


def test_days_out_are_those_of_the_year_and_absent_where_none_were_told() -> None:
    months = _months()
    months[2], months[5] = replace(months[2], days_out=4), replace(months[5], days_out=6)
    assert _said(months=months)["days_out"].value == 10
    assert "days_out" not in _said(months=_months(days_out=None))


def test_an_areas_shares_divide_what_is_shown() -> None:
    own = Status(
        1, 0, "NG", "Nigeria", no_report=2, inactive=1, stockout=3, critical=1, low=0, overstock=0, adequate=5,
        children=1_000, children_at_risk=240, children_out=200, risk_share=24, out_share=20, reporting_share=83,
        last_event_at=None,
    )  # fmt: skip
    said = explained.area(own, PLAIN)
    assert said["risk"].worked == "240 children at risk / 1,000 children of facilities that report"
    assert said["out"].value == pytest.approx(0.3)
    assert said["reporting"].value == pytest.approx(10 / 12)
    assert "within 30 days, summed" in explained.area(own, Lens(horizon=30))["risk"].text
