"""What was learnt is laid on what is counted: exactly at the month's end, and in its order ever after."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.insight import ahead, demand, risk, shift
from data.insight.ahead import MONTH
from data.types import State

CHANCES = st.floats(0, 1, width=32)


def assessed(usable, by=np.nan, *, weight=1.0, due=20.0, amc=100.0, since=3.0):
    """One position or several, with what was learnt of them."""
    return risk.assess(
        risk.Positions(
            usable=np.atleast_1d(np.asarray(usable, dtype=np.float64)),
            doses_per_vial=1,
            demand=demand.plain(np.full(np.size(usable), amc), dispersion=5.0, uncertainty=0.3),
            days_to_next_delivery=due,
            days_since_report=since,
            minimum=25,
            maximum=125,
            shift=by,
            shift_weight=weight,
        )
    )


@given(CHANCES, CHANCES)
def test_at_the_months_end_the_learned_answer_is_shown(learned: float, counted: float) -> None:
    shown = shift.laid(shift.between(learned, counted), shift.weight(0), counted, counted)
    assert shown == pytest.approx(np.clip(learned, shift.LEAST, 1 - shift.LEAST), abs=1e-5)


@pytest.mark.parametrize(("whole", "said"), [(0.0, 0.0), (0.01, 0.01), (0.34, 0.34), (0.99, 0.99), (1.0, 1.0)])
def test_a_whole_percent_stays_that_percent(whole: float, said: float) -> None:
    counted = np.linspace(0, 1, 50)
    shown = shift.laid(shift.between(np.full(50, whole), counted), 1, counted, counted)
    assert np.round(shown, 2) == pytest.approx(np.full(50, said), abs=1e-6)


@given(st.lists(CHANCES, min_size=2, max_size=6), CHANCES, CHANCES, st.integers(0, 40))
def test_what_is_likelier_by_count_is_never_less_likely_after(
    told: list[float], then: float, learned: float, days: int
) -> None:
    by, weight = shift.between(learned, then), shift.weight(days)
    counted = np.sort(np.array(told, dtype=np.float32))
    # Later horizons of one position; and one horizon, or 30 days, of positions with less and less stock.
    assert (np.diff(shift.laid(by, weight, counted, counted[0])) >= 0).all()
    assert (np.diff(shift.laid(by, weight, counted[-1], counted)) >= 0).all()
    assert (np.diff(shift.laid(by, weight, counted, counted)) >= 0).all()


def test_what_was_learnt_fades_to_the_half_while_its_month_goes_by() -> None:
    assert [shift.weight(days) for days in (0, 15, 30, 45)] == [1, 0.75, 0.5, 0.5]
    by, counted = shift.between(0.6, 0.1), 0.1
    odds = [float(shift.log_odds(shift.laid(by, shift.weight(days), counted, counted))) for days in (0, 15, 30)]
    learnt, count = float(shift.log_odds(0.6)), float(shift.log_odds(0.1))
    assert odds == pytest.approx([learnt, 0.75 * learnt + 0.25 * count, (learnt + count) / 2], abs=1e-4)


def test_horizons_keep_their_order_and_cover_and_state_stay_what_is_counted() -> None:
    usable = np.array([5, 40, 80, 120, 300])
    plain, shifted = assessed(usable), assessed(usable, np.array([1.0, -2.0, 0.5, 2.0, 1.0]))
    assert (np.diff(shifted.within, axis=1) >= 0).all()
    for name in ("state", "cover_p10", "cover_p50", "cover_p90", "cover_days", "wait_days"):
        assert np.array_equal(getattr(plain, name), getattr(shifted, name))
    assert not np.isclose(plain.within[:, MONTH], shifted.within[:, MONTH]).any()


def test_doses_short_follow_the_chance_of_30_days() -> None:
    plain, shifted = assessed([60]), assessed([60], 1.5)
    ratio = shifted.within[0, MONTH] / plain.within[0, MONTH]
    assert ratio > 1.2
    assert shifted.short[0] == pytest.approx(plain.short[0] * ratio, rel=1e-5)


def test_a_stockout_is_a_fact_and_who_is_silent_or_inactive_has_no_chance() -> None:
    out = assessed([0], 3.0)
    assert out.state[0] == State.STOCKOUT
    assert (out.probability[0], *out.within[0]) == (1,) * 6
    assert out.short[0] == pytest.approx(assessed([0]).short[0])
    assert np.isnan(assessed([50], 3.0, since=90.0).within).all()
    assert np.isnan(assessed([50], 3.0, amc=0.0).within).all()


def test_without_a_shift_not_a_bit_is_different() -> None:
    usable = np.random.default_rng(3).integers(0, 400, 500)
    alone = assessed(usable)
    some = assessed(usable, np.where(np.arange(500) % 2, 0.7, np.nan))
    for name in risk.Assessment.__slots__:
        assert np.array_equal(getattr(alone, name)[::2], getattr(some, name)[::2], equal_nan=True)


def test_one_position_is_shifted_as_in_a_nation_bit_by_bit() -> None:
    rng = np.random.default_rng(4)
    usable, by = rng.integers(1, 300, 300), rng.normal(0, 1.5, 300).astype(np.float32).astype(np.float64)
    together = assessed(usable, by)
    for k in range(300):
        one = assessed(usable[k : k + 1], by[k : k + 1])
        assert np.array_equal(one.within[0], together.within[k])
        assert np.array_equal(one.short[0], together.short[k])
        assert one.probability[0] == together.probability[k]


def test_what_happens_moves_it_on_by_three_quarters() -> None:
    """A shelf that was learnt to be safer than it looks is still warned of when it empties."""
    before = assessed([200])
    counted = before.within[0, MONTH]
    by = shift.between(0.02, counted)
    after = assessed([20])
    moved = shift.log_odds(after.within[0, MONTH]) - shift.log_odds(counted)
    shown = assessed([20], by).within[0, ahead.MONTH]
    assert shift.log_odds(shown) == pytest.approx(shift.log_odds(0.02) + 0.75 * moved, abs=1e-3)
    assert shown > 0.2
