import numpy as np
import pytest

from data.insight import consumption


def test_openlmis_adjusts_each_period_upwards_and_rounds_up():
    # ceil(100 x 30 / 20) = 150, ceil(70 x 30 / 30) = 70, ceil of their mean 110.
    assert consumption.openlmis([100, 70], [10, 0]) == 110
    # ceil(7 x 30 / 23) = ceil(9.13) = 10; ceil(mean of 10 and 7) = 9.
    assert consumption.openlmis([7, 7], [7, 0]) == 9


def test_openlmis_counts_periods_of_several_months():
    # ceil(300 x 90 / (90 - 30)) = 450 in a quarter.
    assert consumption.openlmis([300], [30], months_per_period=3) == 450


def test_openlmis_leaves_out_periods_without_stock_or_report():
    assert consumption.openlmis([100, 0, np.nan], [0, 30, 0]) == 100


def test_msupply_takes_transfers_out_and_scales_by_days_in_stock():
    # (650 - 50) / 6 x 180 / (180 - 30) = 120.
    assert consumption.msupply(650, 50, 6, 180, 30) == pytest.approx(120)


def test_thirteen_months_are_divided_by_thirteen():
    assert consumption.msupply(1300, 0, 13, 395, 0) == pytest.approx(100)


def test_msh_takes_months_out_of_stock_from_the_divisor():
    # 600 / (6 - 30.5 / 30.5) = 120.
    assert consumption.msh(600, 6, 30.5) == pytest.approx(120)


def test_bhima_divides_by_days_in_stock():
    # 600 / 150 x 30.5 = 122.
    assert consumption.bhima(600, 180, 30) == pytest.approx(122)


@pytest.mark.parametrize(
    "answer",
    [
        consumption.openlmis([0, 0], [30, 30]),
        consumption.openlmis([5], [31]),
        consumption.msupply(5, 0, 6, 180, 175),
        consumption.msupply(0, 0, 6, 180, 180),
        consumption.msh(5, 6, 182),
        consumption.msh(5, 0, 0),
        consumption.bhima(5, 180, 180),
    ],
)
def test_a_window_out_of_stock_nearly_throughout_says_nothing(answer):
    assert np.isnan(answer)


def test_a_month_with_stock_on_exactly_a_tenth_of_its_days_says_something():
    days, out = np.meshgrid([28, 29, 30, 31], np.arange(32), indexing="ij")
    out = np.minimum(out, days)
    said = consumption.entered(np.full(days.shape, 5.0), out, days)
    # By whole numbers, of which none is a hair off: 10 x days in stock >= days.
    assert (said == (10 * (days - out) >= days)).all()
    # Three of thirty days, of which 5 doses are 50 a month.
    assert consumption.amc(consumption.MSUPPLY, [5], [27], [30]) == pytest.approx(50)
    assert consumption.amc(consumption.OPENLMIS, [5], [27], [30]) == 50
