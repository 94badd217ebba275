"""The range of stock to come, against the model of risk, by hand, and by its rules."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.insight import ahead, delay, demand, fan, risk
from data.insight.fan import Deliveries, Lot

#: Demand that hardly varies, so that a hand can follow it.
EVEN = {"dispersion": 1e-6, "uncertainty": 1e-9}
MONTH = 365.25 / 12


def test_even_demand_runs_down_in_a_straight_line_and_stays_at_nothing() -> None:
    made = fan.spread([Lot(60, None)], amc=MONTH * 2, **EVEN)
    for line in (made.p10, made.p50, made.p90):
        assert line[:30] == pytest.approx(60 - 2 * np.arange(30), abs=0.1)
        assert (line[30:] == 0).all()
    assert made.out[29] == 0
    assert made.out[30] == 1


def test_a_lot_is_gone_after_its_last_day_and_the_first_to_expire_is_used_first() -> None:
    made = fan.spread([Lot(100, None), Lot(50, 10)], amc=MONTH, **EVEN)
    # Ten of the fifty are used on the ten days on which they may be; the other forty expire.
    assert made.p50[9] == pytest.approx(141, abs=0.1)
    assert made.p50[10] == pytest.approx(100, abs=0.1)
    assert made.p50[20] == pytest.approx(90, abs=0.1)


def _delivery(days: int, *, on_time: float = 1.0, late: float = 7.0, fill_to: float = 0, coming: int = 0) -> Deliveries:
    return Deliveries(days, 30, on_time, late, fill_to, coming)


def test_what_was_sent_arrives_at_the_end_of_its_day_or_later() -> None:
    made = fan.spread([Lot(10, None)], MONTH, **EVEN, deliveries=_delivery(5, on_time=0.8, late=10, coming=100))
    assert made.p50[5] == pytest.approx(5, abs=0.1)
    assert made.p50[6] == pytest.approx(104, abs=0.1)
    assert made.p10[6] == pytest.approx(4, abs=0.1)
    # One in five is late; those who wait past the tenth day were out.
    assert 0.05 < made.out[20] < 0.2


def test_a_delivery_that_nobody_has_sent_yet_fills_up_to_the_maximum_and_comes_again() -> None:
    made = fan.spread([Lot(50, None)], MONTH, **EVEN, deliveries=_delivery(10, fill_to=60))
    assert made.p50[10] == pytest.approx(40, abs=0.1)
    assert made.p50[11] == pytest.approx(59, abs=0.1)
    assert made.p50[40] == pytest.approx(30, abs=0.1)
    assert made.p50[41] == pytest.approx(59, abs=0.1)
    # Who holds more than that keeps it.
    richer = fan.spread([Lot(500, None)], MONTH, **EVEN, deliveries=_delivery(10, fill_to=60))
    assert richer.p50[11] == pytest.approx(489, abs=0.1)


def test_what_is_overdue_is_expected_from_now_on() -> None:
    made = fan.spread([], MONTH, **EVEN, deliveries=_delivery(-3, coming=100))
    assert made.out[0] == 1
    assert made.p90[5] > 0
    assert made.p10[4] == 0
    assert made.p10[30] > 0


def test_the_lines_meet_the_days_of_cover() -> None:
    """Without expiry and deliveries the line of a share reaches nothing on the day that `risk` names."""
    made = fan.spread([Lot(240, None)], amc=200.0, dispersion=12.0, uncertainty=0.3)
    need = demand.plain([200.0], dispersion=[12.0], uncertainty=[0.3])
    found = risk.assess(
        risk.Positions(
            usable=[240], doses_per_vial=10, demand=need, days_to_next_delivery=30, days_since_report=1, minimum=0,
            maximum=1e9,
        )
    )  # fmt: skip
    for line, cover in ((made.p10, found.cover_p10), (made.p50, found.cover_p50), (made.p90, found.cover_p90)):
        gone = int(np.argmax(line == 0)) if (line == 0).any() else fan.DAYS + 1
        assert abs(gone - min(float(cover[0]), fan.DAYS + 1)) <= 2


def test_the_share_that_runs_out_is_what_the_assessment_says_for_a_month() -> None:
    """Followed day by day or worked out at once: of 100 positions the mean difference is under two points."""
    draw = np.random.default_rng(7)
    differences = []
    for _ in range(100):
        amc, on_time, late = draw.uniform(30, 900), draw.uniform(0.5, 0.95), draw.uniform(3, 12)
        usable, due = int(draw.uniform(0.2, 2) * amc), int(draw.integers(-10, 40))
        spread, unsure = draw.uniform(2, 15), draw.uniform(0.3, 0.5)
        followed = fan.spread([Lot(usable, None)], amc, spread, unsure, Deliveries(due, 30, on_time, late, 1.25 * amc))
        assessed = risk.assess(
            risk.Positions(
                usable=np.array([usable]), doses_per_vial=1,
                demand=demand.plain([amc], dispersion=[spread], uncertainty=[unsure]), days_to_next_delivery=due,
                days_since_report=1, minimum=0.25 * amc, maximum=1.25 * amc, delivery_interval_days=30,
            ),
            delay.Delay(on_time, late),
        )  # fmt: skip
        differences.append([followed.out[days] - assessed.within[0][k] for k, days in enumerate(ahead.HORIZONS[:3])])
    assert (np.abs(differences).mean(axis=0) < 0.02).all()


lots = st.lists(st.builds(Lot, st.integers(0, 5_000), st.none() | st.integers(1, 120)), min_size=1, max_size=4)
amcs = st.floats(0.5, 5_000)


@settings(deadline=None)
@given(lots, amcs, st.floats(1, 40), st.floats(0.01, 2))
def test_the_range_is_ordered_starts_with_what_is_there_and_only_falls(held, amc, dispersion, uncertainty) -> None:
    made = fan.spread(held, amc, dispersion, uncertainty)
    assert (made.p10 <= made.p50).all()
    assert (made.p50 <= made.p90).all()
    assert made.p50[0] == made.p90[0] == sum(lot.doses for lot in held)
    for line in (made.p10, made.p50, made.p90):
        assert (np.diff(line) <= 1e-9).all()
    assert (np.diff(made.out) >= 0).all()
    assert ((made.out >= 0) & (made.out <= 1)).all()


@settings(deadline=None)
@given(lots, amcs, st.integers(-20, 80), st.floats(0, 1), st.integers(0, 900))
def test_deliveries_never_make_it_worse(held, amc, days, on_time, coming) -> None:
    alone = fan.spread(held, amc, 10.0, 0.3)
    supplied = fan.spread(held, amc, 10.0, 0.3, Deliveries(days, 30, on_time, 7.0, 2 * amc, coming))
    assert (supplied.out <= alone.out + 1e-9).all()
    assert (supplied.p10 >= alone.p10 - 1e-6).all()
    assert (supplied.p10 <= supplied.p90).all()


@settings(deadline=None)
@given(lots, amcs, st.integers(1, 2_000))
def test_more_stock_is_never_worse(held, amc, more) -> None:
    less, richer = (fan.spread(some, amc, 10.0, 0.3) for some in (held, [*held, Lot(more, None)]))
    assert (richer.out <= less.out + 1e-12).all()
    assert (richer.p10 >= less.p10 - 1e-9).all()
