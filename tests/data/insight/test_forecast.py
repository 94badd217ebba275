import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.insight.forecast import fan


def test_the_middle_line_falls_by_the_daily_need():
    line = fan(300, 2.0, 1.0, 0.0, days=60)
    assert line.p50[0] == pytest.approx(300)
    assert line.p50[60] == pytest.approx(180, abs=1)
    assert line.p10[60] < line.p50[60] < line.p90[60]


def test_a_delivery_lifts_every_line_on_its_day_and_one_beyond_the_chart_does_not():
    line = fan(0, 2.0, 4.0, 0.3, deliveries=[(30, 500.0), (91, 9e9), (-1, 9e9)], days=90)
    assert line.p90[29] == 0
    assert min(line.p10[30], line.p50[30], line.p90[30]) > 480
    assert line.p90.max() <= 500


@given(
    st.integers(0, 5000),
    st.floats(0, 100),
    st.floats(1, 40),
    st.floats(0, 3),
    st.lists(st.tuples(st.integers(0, 90), st.integers(0, 1000)), max_size=4),
)
def test_balances_stay_in_order_and_never_below_zero(usable, daily, dispersion, uncertainty, deliveries):
    line = fan(usable, daily, dispersion, uncertainty, deliveries=deliveries)
    assert len(line.day) == 91
    assert (line.p10 >= 0).all()
    assert np.isfinite(line.p90).all()
    assert (line.p10 <= line.p90 + 1e-6).all()
