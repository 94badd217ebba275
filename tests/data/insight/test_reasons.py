from datetime import date

from data.insight.reasons import Facts, explain
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
