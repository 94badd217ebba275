"""What expires before it can be used, against a day-by-day use of lots."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.insight import expiry

lot = st.tuples(st.integers(1, 200), st.one_of(st.none(), st.integers(1, 120)))


def by_hand(lots, daily):
    """Use lots first expired, first out, until each expires."""
    used, lost = 0.0, 0.0
    for doses, left in lots:
        if left is None:
            continue
        use = min(max(daily * left - used, 0.0), doses)
        used += use
        lost += doses - use
    return lost


def ordered(lots):
    return sorted(lots, key=lambda each: (each[1] is None, each[1] or 0))


@given(st.lists(st.lists(lot, max_size=5), min_size=1, max_size=6), st.floats(0, 10))
def test_what_is_lost_is_what_first_expired_first_out_leaves(places, daily):
    places = [ordered(lots) for lots in places]
    place = [number for number, lots in enumerate(places) for _ in lots]
    doses = [d for lots in places for d, _ in lots]
    left = [np.nan if days is None else float(days) for lots in places for _, days in lots]
    lost = expiry.expiring(place, doses, left, np.full(len(places), daily))
    for number, lots in enumerate(places):
        if all(days is None for _, days in lots):
            assert np.isnan(lost[number])
        else:
            assert lost[number] == pytest.approx(by_hand(lots, daily), abs=1e-6)


def test_of_each_lot_it_is_known_what_outlives_it():
    lots = expiry.lots([0, 0, 2, 2, 2], [10, 20, 1, 2, 4], [5.0, np.nan, 3.0, 9.0, np.nan])
    assert lots.outlives.tolist() == [20, 0, 6, 4, 0]
    assert lots.dated().place.tolist() == [0, 2, 2]
    picked = lots.of(np.array([2]), 3)
    assert (picked.place.tolist(), picked.outlives.tolist()) == ([0, 0, 0], [6, 4, 0])
