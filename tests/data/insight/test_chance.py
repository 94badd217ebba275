"""The tables say what the functions say that they were made from."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from data.insight import chance


def single(*values):
    return (np.atleast_1d(np.asarray(v, dtype=np.float32)) for v in values)


def told(stock, mean, dispersion, uncertainty):
    gone, short = chance.takes_all(*single(stock, mean, dispersion, uncertainty))
    return float(gone[0]), float(short[0])


@given(
    st.integers(1, 20_000),
    st.floats(0.02, 30),
    st.floats(1, 60),
    st.floats(0.3, 4),
)
def test_a_chance_is_that_of_the_negative_binomial(stock, share, dispersion, uncertainty):
    mean = stock * share
    excess = max(dispersion - 1 + uncertainty * mean, 1e-6)
    expected = special.betainc(stock, mean / excess, excess / (1 + excess))
    assert told(stock, mean, dispersion, uncertainty)[0] == pytest.approx(expected, abs=0.004)


@pytest.mark.parametrize(("stock", "mean"), [(1, 0.5), (4, 3.0), (20, 12.0), (20, 60.0), (150, 100.0), (900, 1000.0)])
def test_doses_short_are_the_mean_of_what_is_asked_for_beyond_the_stock(stock, mean):
    dispersion, uncertainty = 4.0, 0.4
    excess = dispersion - 1 + uncertainty * mean
    demand = stats.nbinom(mean / excess, 1 / (1 + excess))
    asked = np.arange(stock, int(mean * 60) + 200)
    expected = (demand.pmf(asked) * (asked - stock)).sum()
    assert told(stock, mean, dispersion, uncertainty)[1] == pytest.approx(expected, abs=0.01 * mean)


def test_nothing_is_asked_for_in_no_time():
    assert told(1, 0.0, 1.0, 0.0) == pytest.approx((0, 0), abs=1e-5)
    assert told(5000, 0.0, 60.0, 4.0) == pytest.approx((0, 0), abs=1e-5)


def test_what_is_certain_is_certain():
    gone, short = told(10, 100_000.0, 2.0, 0.3)
    assert gone == pytest.approx(1, abs=0.002)
    assert short == pytest.approx(99_990, rel=0.002)


@given(st.integers(1, 5000), st.integers(1, 500), st.floats(0.05, 20), st.floats(1, 60), st.floats(0.3, 4))
def test_more_stock_or_less_demand_is_never_worse(stock, more, share, dispersion, uncertainty):
    mean = stock * share
    gone, short = told(stock, mean, dispersion, uncertainty)
    richer, calmer = (
        told(stock + more, mean, dispersion, uncertainty), told(stock, mean * 0.8, dispersion, uncertainty)
    )  # fmt: skip
    for other in (richer, calmer):
        assert other[0] <= gone + 0.001
        # A thousandth of a dose may be the table, not the demand.
        assert other[1] <= short + 0.01 * mean + 0.002
