from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from data.insight import delay, demand, expiry, risk
from data.insight.policy import DAYS_PER_MONTH
from data.insight.reasons import Factor, Facts, explain, weigh
from data.types import State

TODAY = date(2025, 11, 20)


def facts(state, **more):
    return Facts(state=state, product="BCG", today=TODAY, **more)


def test_a_stockout_says_how_long_what_is_late_and_what_changed():
    assert explain(
        facts(
            State.STOCKOUT,
            usable=0,
            out_since=date(2025, 11, 14),
            next_delivery_on=date(2025, 11, 12),
            use_ratio=1.4,
            use_since=date(2025, 8, 1),
        )
    ) == [
        "Out of BCG for 6 days.",
        "The delivery due 12 Nov is 8 days late.",
        "Use is 40 % above the usual since August.",
    ]


def test_a_critical_position_compares_cover_and_delivery():
    said = explain(facts(State.CRITICAL, usable=30, cover_days=9.2, next_delivery_on=date(2025, 12, 4)))
    assert said == ["About 9 days of stock left; the next delivery is due in 14 days."]


def test_what_expires_is_said_with_what_is_held():
    said = explain(facts(State.OVERSTOCK, usable=200, maximum=500.0, expiring=120, cover_days=90.0))
    assert said == ["About 90 days of stock left.", "120 of 200 doses expire before they can be used."]


def test_above_and_below_the_band_name_both_numbers():
    assert explain(facts(State.OVERSTOCK, usable=1240, maximum=500.0))[0] == (
        "1,240 doses held, above the maximum of 500 doses."
    )
    assert explain(facts(State.LOW, usable=20, minimum=50.4, next_delivery_on=TODAY)) == [
        "20 doses left, below the minimum of 50 doses.",
        "The next delivery is due today.",
    ]


def test_nothing_is_said_of_what_is_not_known():
    assert explain(facts(State.STOCKOUT)) == ["Out of BCG."]
    assert explain(facts(State.NO_REPORT)) == ["Nothing was ever reported on BCG."]
    assert explain(facts(State.INACTIVE, usable=200)) == ["200 doses of BCG held; how much is used is not known."]
    for state in (State.CRITICAL, State.LOW, State.OVERSTOCK, State.ADEQUATE):
        assert not any("None" in sentence or "nan" in sentence for sentence in explain(facts(state)))


def test_silence_is_told_with_what_was_expected_and_without_stale_stock():
    said = explain(
        facts(State.NO_REPORT, usable=0, last_report_on=date(2025, 10, 1), report_interval_days=31, expiring=5)
    )
    assert said == ["No report on BCG for 50 days; one is expected every 31 days."]


def test_one_of_anything_is_singular():
    assert explain(facts(State.STOCKOUT, usable=1, next_delivery_on=date(2025, 11, 19))) == [
        "Less than one vial of BCG is left: 1 dose.",
        "The delivery due 19 Nov is 1 day late.",
    ]
    assert explain(facts(State.STOCKOUT, out_since=TODAY)) == ["Out of BCG since today."]
    assert explain(facts(State.ADEQUATE, usable=1, expiring=1, cover_days=0.4, unit="piece")) == [
        "Less than a day of stock left.",
        "1 of 1 piece expires before it can be used.",
    ]


def test_stock_without_demand_is_neither_praised_nor_called_too_much():
    assert explain(facts(State.INACTIVE, usable=200, amc=0.0)) == ["200 doses of BCG held, and none is being used."]
    assert explain(facts(State.INACTIVE, usable=0, amc=0.0)) == ["No BCG in stock, and no demand for it."]


def test_a_date_of_another_year_says_its_year():
    said = explain(facts(State.STOCKOUT, next_delivery_on=date(2024, 12, 30)))
    assert said[1].startswith("The delivery due 30 Dec 2024 is 325 days late")


def test_a_small_change_of_use_is_not_worth_a_sentence():
    said = explain(facts(State.ADEQUATE, cover_days=20.0, use_ratio=1.1))
    assert said == ["About 20 days of stock left."]


def test_what_is_on_the_way_is_said_with_its_day():
    def said(**more):
        return explain(facts(State.CRITICAL, usable=10, cover_days=3.0, **more))[1:]

    assert said(coming=40, coming_on=date(2025, 11, 25)) == ["40 doses are on the way, due Tuesday."]
    assert said(coming=1, coming_on=TODAY) == ["1 dose is on the way, due today."]
    assert said(coming=40, coming_on=date(2025, 12, 9)) == ["40 doses are on the way, due 9 Dec."]
    assert said(coming=40, coming_on=date(2025, 11, 12)) == ["40 doses are on the way, expected 8 days ago."]
    assert said(coming=40) == ["40 doses are on the way."]


def test_who_is_often_delivered_late_is_told_so_and_who_is_not_is_not():
    assert explain(facts(State.ADEQUATE, deliveries=8, late_deliveries=5)) == ["Delivered late 5 of the last 8 times."]
    assert explain(facts(State.ADEQUATE, deliveries=8, late_deliveries=1)) == []
    assert explain(facts(State.ADEQUATE, deliveries=2, late_deliveries=2)) == []


def test_the_weightiest_reason_comes_first():
    known = facts(
        State.CRITICAL, usable=200, cover_days=20.0, next_delivery_on=date(2025, 11, 1), expiring=120, use_ratio=1.4,
        deliveries=8, late_deliveries=5,
    )  # fmt: skip
    weights = {Factor.EXPIRY: 0.4, Factor.USE: 0.1, Factor.OVERDUE: 0.2, Factor.UNPUNCTUAL: 0.0}
    assert explain(replace(known, weights=weights)) == [
        "About 20 days of stock left.",
        "120 of 200 doses expire before they can be used.",
        "The delivery due 1 Nov is 19 days late.",
        "Use is 40 % above the usual.",
        "Delivered late 5 of the last 8 times.",
    ]
    other = explain(replace(known, weights=weights | {Factor.USE: 0.5}))
    assert other[1] == "Use is 40 % above the usual."


def weighed(lots=None, **more):
    """A dose a day; forty doses, thirty days to go."""
    need = demand.plain([DAYS_PER_MONTH], dispersion=5.0, uncertainty=0.3)
    given = {
        "usable": [40.0], "doses_per_vial": 1, "demand": need, "days_to_next_delivery": np.array([30.0]),
        "days_since_report": 0, "minimum": 0, "maximum": 75.0,
    } | more  # fmt: skip
    if lots:
        place, doses, left = zip(*((0, d, float(days)) for d, days in lots), strict=True)
        given |= {
            "lots": expiry.lots(place, doses, left), "expiring": expiry.expiring(place, doses, left, need.daily_mean),
        }  # fmt: skip
    position = risk.Positions(**given)
    return position, lambda ratio=None: weigh(position, delay.Delay(), planned_due=30.0, use_ratio=ratio)


def test_a_fact_weighs_what_the_probability_would_be_without_it():
    position, weights = weighed()
    before = risk.assess(position, delay.Delay()).probability.item()
    usual = risk.assess(replace(position, demand=demand.plain([DAYS_PER_MONTH / 1.4], dispersion=5.0, uncertainty=0.3)))
    found = weights(1.4)
    assert found[Factor.USE] == pytest.approx(before - usual.probability.item())
    assert found[Factor.USE] > 0.05
    assert found[Factor.UNPUNCTUAL] > 0
    assert found[Factor.EXPIRY] == found[Factor.COMING] == 0


def test_what_expires_and_what_is_late_raise_a_probability_and_what_is_on_the_way_lowers_it():
    assert weighed([(30, 5), (10, 300)])[1]()[Factor.EXPIRY] > 0.3
    assert weighed(days_to_next_delivery=np.array([-9.0]))[1]()[Factor.OVERDUE] > 0.02
    assert weighed(days_to_next_delivery=np.array([3.0]), coming=40)[1]()[Factor.COMING] < -0.05


def test_what_was_learnt_is_said_where_it_matters_and_weighs_what_it_changes():
    known = facts(State.ADEQUATE, usable=40, cover_days=20.0, use_ratio=1.4)
    more = replace(known, chance=0.34, counted=0.12, weights={Factor.LEARNED: 0.22, Factor.USE: 0.1})
    said = (
        "Places like this one have run out more often than their counts say: 34 % instead of 12 % within 30 days,"
        " learnt from this programme's past months."
    )
    assert explain(more) == ["About 20 days of stock left.", said, "Use is 40 % above the usual."]
    assert (
        "less often than their counts say: 5 % instead of 22 %" in explain(replace(more, chance=0.05, counted=0.22))[1]
    )
    assert explain(replace(more, counted=0.30)) == explain(known)
    out = facts(State.STOCKOUT, usable=0, chance=1.0, counted=0.4)
    assert explain(out) == ["Out of BCG."]
    position, weights = weighed(shift=np.array([1.5]))
    alone = risk.assess(replace(position, shift=np.nan)).probability.item()
    assert weights()[Factor.LEARNED] == pytest.approx(risk.assess(position).probability.item() - alone)
    assert weights()[Factor.LEARNED] > 0.1
    assert weighed()[1]()[Factor.LEARNED] == 0


def test_nothing_weighs_where_there_is_no_probability():
    assert weighed(days_since_report=400)[1](1.4) == {}
