import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.insight import kpi

T, F, NAN = True, False, np.nan


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        # 2 of the 4 that handle it and report are out; the fifth is out and silent.
        (kpi.stockout_rate([T, T, F, F, T], [T, T, T, T, T], [T, T, T, T, F]), 0.5),
        (kpi.stockout_days([3, 0, NAN, 6]), 3),
        # Exactly at the minimum and at the maximum is according to plan.
        (kpi.according_to_plan([25, 125, 24, 126, 60], [25] * 5, [125] * 5), 0.6),
        (kpi.according_to_plan([25, 60], [25, NAN], [125, NAN]), 1.0),
        # The second lacks one tracer; the third does not handle it; the fourth handles nothing.
        (kpi.full_availability([[T, T], [T, F], [T, F], [F, F]], [[T, T], [T, T], [T, F], [F, F]]), 2 / 3),
        (kpi.reporting_rate(30, 40), 0.75),
        (kpi.closed_wastage(15, 100, 200), 0.05),
        (kpi.open_wastage(200, 150), 0.25),
        (kpi.open_wastage(100, 110), -0.1),
        # 1 - 0.95^3 x 0.75
        (kpi.total_wastage(0.05, 0.25, 3), 1 - 0.95**3 * 0.75),
        (kpi.wastage_factor(0.5), 2),
        (kpi.otif([T, T, F, T], [T, T, T, F], [T, T, T, T]), 0.5),
        (kpi.fill_rate(80, 100), 0.8),
        (kpi.refill(70, 100), 0.7),
        (kpi.uptake(120, 100, 200), 0.4),
        (kpi.forecast_ratio([90, 110], [100, 100]), 1.0),
        # |100 - 50| + |100 - 150| of 200 doses; the month without use is left out.
        (kpi.mape([50, 150, 0], [100, 100, 40]), 0.5),
        (kpi.bias([50, 150], [100, 140]), 0.2),
        (kpi.mase([10, 20, NAN], [14, 16, 5], 8), 0.5),
        # 90 counted, 100 on the books: 10 doses of 90 are missing.
        (kpi.discrepancy(90, 50, 100, 45, 5), -10 / 90),
        (kpi.functionality(18, 20), 0.9),
        (kpi.alarms(12, 4, 3), 1.0),
        # (1000 x 3.06 + 500 x 1.4) / 1000 litres of 9.4.
        (kpi.storage_use([1000, 500], [3.06, 1.4], 9.4), 0.4),
        (kpi.value_at_risk([100, 20, NAN], [0.5, NAN, 2]), 50),
    ],
)
def test_an_indicator_is_its_definition_worked_by_hand(answer, value):
    assert float(answer) == pytest.approx(value)


def test_the_last_due_day_is_on_time_and_the_last_late_day_is_late():
    on_time, late = kpi.timeliness([5, 10, 11, 20, 21, NAN], due_days=10, late_days=20)
    assert (float(on_time), float(late)) == (pytest.approx(2 / 6), pytest.approx(2 / 6))


@pytest.mark.parametrize(
    "answer",
    [
        kpi.stockout_rate([T], [T], [F]), kpi.stockout_days([NAN]), kpi.according_to_plan([1], [NAN], [NAN]),
        kpi.full_availability([[T]], [[F]]), kpi.reporting_rate(0, 0), kpi.closed_wastage(0, 0, 0),
        kpi.open_wastage(0, 0), kpi.otif([], [], []), kpi.fill_rate(1, 0), kpi.uptake(0, 0, 0),
        kpi.mape([0], [5]), kpi.bias([NAN], [5]), kpi.mase([1], [1], 0), kpi.discrepancy(0, 1, 1, 1, 1),
        kpi.functionality(0, 0), kpi.alarms(1, 0, 3), kpi.storage_use([1], [1], 0), kpi.value_at_risk([NAN], [1]),
        kpi.wastage_factor(1),
    ],
)  # fmt: skip
def test_nothing_to_divide_by_is_neither_all_nor_nothing(answer):
    assert np.isnan(answer)


@given(st.floats(0, 0.9), st.floats(0, 0.9), st.integers(1, 6))
def test_total_wastage_grows_with_every_level_and_is_never_below_its_parts(closed, opened, levels):
    total = float(kpi.total_wastage(closed, opened, levels))
    assert total >= max(closed, opened) - 1e-12
    assert float(kpi.total_wastage(closed, opened, levels + 1)) >= total - 1e-12
    assert float(kpi.wastage_factor(total)) * (1 - total) == pytest.approx(1)


def test_every_indicator_says_what_is_divided_by_what():
    functions = [f for name, f in inspect.getmembers(kpi, inspect.isfunction) if not name.startswith("_")]
    assert len(functions) >= 22
    assert all(inspect.getdoc(f) for f in functions)
