"""Are past months foretold from their past alone, counted by the definition, and scored as they should be?"""

from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from data.insight import backtest, backtest_report, learned
from data.insight import backtest_rivals as rivals
from data.insight.learned_history import AMOUNTS, History, empty, filled
from data.insight.learned_trees import Growth

FIRST = 2020 * 12
QUICK = {"seeds": (1,), "growth": Growth(trees=15, depth=3), "boosting": False}


def made(facilities=40, products=4, months=22, seed=3, orders=True):
    """Simulated shelves: some are supplied seldom, so that many run out and stay out."""
    rng = np.random.default_rng(seed)
    n = facilities * products
    need = rng.gamma(2, 8, n)
    often = rng.uniform(0.1, 0.7, n)
    amounts = {name: np.zeros((n, months), dtype=np.float32) for name in AMOUNTS}
    stock = rng.poisson(need * 2)
    for t in range(months):
        received = np.where(rng.random(n) < often, rng.poisson(need * 2), 0)
        used = np.minimum(rng.poisson(need), stock + received)
        row = {"opening": stock, "received": received, "used": used, "closing": stock + received - used}
        stock = row["closing"]
        for name, values in row.items():
            amounts[name][:, t] = values
    amounts["ordered"][:] = rng.poisson(np.where(amounts["closing"] < need[:, None], 20, 2)) if orders else np.nan
    amounts["days_out"][:] = np.nan
    missing = rng.random((n, months)) < 0.05
    for values in amounts.values():
        values[missing] = np.nan
    return History(
        first=FIRST,
        facility=np.repeat(np.arange(facilities), products),
        product=np.tile(np.arange(products), facilities),
        area=np.repeat(np.arange(facilities) // 10, products),
        vial=np.ones(facilities * products, dtype=np.float32),
        **amounts,
    )


def small(closing, vial=1, **amounts):
    """One facility with as many products as there are rows."""
    closing = np.array(closing, dtype=np.float32)
    unknown = np.full_like(closing, np.nan)
    given = {name: np.array(values, dtype=np.float32) for name, values in amounts.items()}
    n = len(closing)
    return History(
        first=FIRST,
        facility=np.zeros(n, dtype=np.intp),
        product=np.arange(n),
        area=np.zeros(n, dtype=np.intp),
        vial=np.full(n, vial, dtype=np.float32),
        **{name: given.get(name, unknown) for name in AMOUNTS if name != "closing"},
        closing=closing,
    )


@pytest.fixture(scope="module")
def history():
    return made()


@pytest.fixture(scope="module")
def found(history):
    return backtest.run(history, FIRST + 19, FIRST + 21, **QUICK)


def scrambled(history, since):
    """Other amounts in every month from `since` on; the same months are reported."""
    rng = np.random.default_rng(9)
    changed = {}
    for name in AMOUNTS:
        values = getattr(history, name).copy()
        later = values[:, since:]
        later[:] = np.where(np.isnan(later), np.nan, rng.integers(0, 3, later.shape) * 25)
        changed[name] = values
    return replace(history, **changed)


@pytest.mark.parametrize("horizon", [1, 2])
def test_a_scrambled_future_changes_no_forecast(history, horizon):
    """Nothing reported after a forecast is made has any part in it, whatever the method."""
    month = FIRST + 20
    other = scrambled(history, 20 - horizon + 1)
    one, two = (backtest.run(h, month, month, horizon=horizon, **QUICK) for h in (history, other))
    assert (one.happened != two.happened).any()
    assert set(one.chances) >= {backtest.LEARNED, backtest.WITHOUT_ORDERS, backtest.COUNTS, backtest.POISSON}
    for method, chances in one.chances.items():
        np.testing.assert_array_equal(chances, two.chances[method], err_msg=method)


def test_a_scrambled_last_month_changes_the_forecasts(history):
    month = FIRST + 20
    one, two = (backtest.run(h, month, month, **QUICK) for h in (history, scrambled(history, 19)))
    assert (one.chances[backtest.LEARNED] != two.chances[backtest.LEARNED]).mean() > 0.5


def test_later_months_of_the_history_change_no_forecast(history, found):
    cut = backtest.run(history.until(FIRST + 20), FIRST + 19, FIRST + 20, **QUICK)
    for method, chances in cut.chances.items():
        np.testing.assert_array_equal(chances, found.chances[method][found.month <= FIRST + 20], err_msg=method)


def test_a_case_needs_both_reports_and_a_day_out_is_a_stockout():
    months = 6
    closing = np.full((4, months), 5.0)
    days_out = np.full((4, months), np.nan)
    closing[0, 5] = 0
    days_out[1, 5] = 1
    closing[2, 5] = np.nan
    closing[3, 4] = np.nan
    known = learned.lessons(small(closing, days_out=days_out))
    last = known.month == FIRST + 5
    assert known.position[last].tolist() == [0, 1]
    assert known.happened[last].tolist() == [True, True]
    assert known.happened[~last].sum() == 0
    assert known.month.min() == FIRST + learned.FIRST + 1


def test_days_out_without_a_report_are_no_stockout():
    assert not empty(small([[np.nan]], days_out=[[30]])).any()


def test_what_was_left_out_is_taken_from_the_balances():
    whole = filled(small([[10, 30, 5, 5]], used=[[np.nan, 4, np.nan, 0]]))
    np.testing.assert_array_equal(whole.opening, [[np.nan, 10, 30, 5]])
    np.testing.assert_array_equal(whole.received, [[np.nan, 24, 0, 0]])
    np.testing.assert_array_equal(whole.used, [[np.nan, 4, 25, 0]])


def test_every_case_has_a_probability_of_every_method(found):
    assert len(found.month) > 400
    for method, chances in found.chances.items():
        assert len(chances) == len(found.month), method
        assert ((chances >= 0) & (chances <= 1)).all(), method


def test_the_learned_model_finds_what_can_be_learnt(found):
    learnt = backtest.score(found, backtest.LEARNED, held=False)
    assert learnt.auc > 0.8
    assert learnt.skill > 0.1
    assert backtest.score(found, backtest.CLIMATOLOGY, held=False).skill == pytest.approx(0)
    assert backtest.score(found, backtest.CLIMATOLOGY, held=True).skill == pytest.approx(0)


def test_orders_are_left_out_by_one_model_and_only_where_there_are_any(history, found):
    without = backtest.run(history.without("ordered"), FIRST + 19, FIRST + 21, **QUICK)
    assert backtest.WITHOUT_ORDERS not in without.chances
    np.testing.assert_array_equal(without.chances[backtest.LEARNED], found.chances[backtest.WITHOUT_ORDERS])
    assert (found.chances[backtest.LEARNED] != found.chances[backtest.WITHOUT_ORDERS]).any()


def test_the_error_of_demand_is_worked_out_by_hand():
    # Months before the one foretold: 10, 20, 10, 20 ... changes by 10 each month; the mean use is 15.
    used = np.array([[10, 20] * 6 + [25], [0] * 13])
    closing = np.full((2, 13), 40.0)
    closing[1, 12] = 0
    one = backtest._demand(small(closing, used=used, received=used, opening=closing), FIRST + 12, FIRST + 12, 1)
    # The second position ended empty: what it needed is not known.
    assert (one.forecasts, one.naive) == (1, 10)
    assert one.mase == pytest.approx(1, abs=0.05)
    assert one.bias == pytest.approx(-10, abs=0.5)


@pytest.mark.parametrize(
    ("first", "last", "horizon", "said"),
    [
        (FIRST + 20, FIRST + 30, 1, "what happened in 2022-07 is not known"),
        (FIRST + 21, FIRST + 20, 1, "2021-10 is after 2021-09"),
        (FIRST + 5, FIRST + 20, 1, "2020-06 has less than 12 months before it"),
        (FIRST + 20, FIRST + 20, 0, "a horizon of 0 is no future"),
    ],
)
def test_months_that_cannot_be_tested_are_refused_with_a_reason(history, first, last, horizon, said):
    with pytest.raises(backtest.NothingToTest, match=said):
        backtest.run(history, first, last, horizon=horizon)


def test_rules_are_worked_out_by_hand():
    history = small([[8, 6], [0, 0], [9, 9]], used=[[2, 4], [5, 0], [0, 0]])
    np.testing.assert_allclose(rivals.months_of_stock(history), [2, 0, 1000])
    # P(Poisson(3) >= 6) = 0.0839.
    np.testing.assert_allclose(rivals.poisson(history, 1), [0.08392, 1, 0], atol=1e-5)
    assert rivals.month_lengths(history).tolist() == [31, 29]


@pytest.mark.parametrize("orders", [True, False])
def test_gradient_boosting_stands_beside_them_where_it_is_installed(orders):
    pytest.importorskip("sklearn")
    history = made(facilities=30, products=3, months=18, orders=orders)
    found = backtest.run(history, FIRST + 17, FIRST + 17, **{**QUICK, "boosting": True})
    assert backtest.score(found, backtest.BOOSTED, held=False).auc > 0.7


def test_a_translation_rises_and_keeps_the_mean():
    score, happened = np.array([0.1, 0.2, 0.3, 0.4]), np.array([False, True, False, True])
    np.testing.assert_allclose(rivals.isotonic(score, happened)(score), [0, 0.5, 0.5, 1])


def test_the_report_names_every_method_and_its_pictures_are_well_formed(found):
    text = backtest_report.text(found, "Somewhere")
    assert text.startswith("Somewhere: out of stock 1 month after the forecast, 2021-08 to 2021-10.")
    for words in ("learned, without what was ordered", "Poisson rule", "climatology", "MASE", "calibration error"):
        assert words in text
    best = backtest.score(found, backtest.LEARNED, held=False)
    assert f"{best.auc:.4f}" in text
    for picture in (backtest_report.reliability_svg(found), backtest_report.months_svg(found)):
        assert ElementTree.fromstring(picture).tag.endswith("svg")
