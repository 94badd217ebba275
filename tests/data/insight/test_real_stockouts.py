"""Does the probability mean what it says? Against 156 real health facilities, month after month, from the past only.

What was measured is in docs/risk.md; `measure` prints it.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

from data.insight import demand, policy, risk
from data.types import State

MONTHS = pd.period_range("2016-01", "2018-12", freq="M")
DAYS = MONTHS.days_in_month.to_numpy(dtype=float)
#: Forecasts made at the end of each month from March to November 2018, of the month that follows.
TESTED = range(26, 35)
#: Forecasts from here on, as far as they are settled, teach the translation to the month's end.
FIRST = 8


def read(folder: Path):
    """Read opening, received, used and closing by position and month, NaN where not reported; and the product."""
    rows = pd.read_csv(folder / "civ" / "stock_monthly_2016_2018.csv.gz")
    month = (rows.year - 2016) * 12 + rows.month - 1
    position, keys = pd.factorize(rows.site_code + "|" + rows.product_code, sort=True)
    grids = {}
    for name in ("stock_initial", "stock_received", "stock_distributed", "stock_end"):
        grids[name] = np.full((len(keys), len(MONTHS)), np.nan)
        grids[name][position, month] = rows[name]
    product = pd.factorize(pd.Series(keys).str.split("|").str[1])[0]
    return (*grids.values(), product)


def forecast(opening, received, used, closing, product, months):
    """Return (probability, out at the next month's end, stock now, a delivery came, state) of every forecast."""
    out = demand.days_out_at_least(np.full(used.shape, np.nan), opening, received, DAYS, used=used)
    found = []
    for t in months:
        past = slice(0, t + 1)
        need = demand.estimate(used[:, past], out[:, past], ~np.isnan(used[:, past]), DAYS[past], group=product)
        low, high = policy.bands("WHO-EPI", need.amc, 7, 30)
        answer = risk.assess(
            risk.Positions(
                usable=np.nan_to_num(closing[:, t]),
                doses_per_vial=1,
                demand=need,
                days_to_next_delivery=DAYS[t + 1],
                days_since_report=np.where(np.isnan(closing[:, t]), np.nan, 0),
                minimum=low,
                maximum=high,
            ),
            risk.Delay(on_time=1),
        )
        told = ~np.isnan(closing[:, t]) & ~np.isnan(closing[:, t + 1])
        # Without demand: what is empty stays empty, what is held is not used up.
        chance = np.where(np.isnan(answer.probability), closing[:, t] == 0, answer.probability)
        columns = (chance, closing[:, t + 1] == 0, closing[:, t], received[:, t + 1] > 0, answer.state)
        found.append([column[told] for column in columns])
    return [np.concatenate(column) for column in zip(*found, strict=True)]


def auc(happened, chance):
    ranks, n = stats.rankdata(chance), happened.sum()
    return float((ranks[happened].sum() - n * (n + 1) / 2) / (n * (len(happened) - n)))


def brier(happened, chance):
    return float(((chance - happened) ** 2).mean())


def isotonic(chance, happened):
    """Return the monotone translation of chances that fits what happened best, as a function."""
    told, place, count = np.unique(chance, return_inverse=True, return_counts=True)
    share = np.bincount(place, happened) / count
    fitted = optimize.isotonic_regression(share, weights=count).x
    return lambda values: np.interp(values, told, fitted)


def translated(by_month):
    """What was foretold for the month's end: each month's chances read through all that was settled before it.

    The product's probability is of running out before a delivery; a month's end also sees what deliveries
    mended. Empty shelves with and without demand, and shelves that hold stock, are translated each by themselves.
    """
    answers = []
    for t in TESTED:
        before = [np.concatenate(column) for column in zip(*(by_month[m] for m in range(FIRST, t)), strict=True)]
        chance, _, stock, _, state = by_month[t]
        answer = np.empty(len(chance))
        for kind in (1, 2, 3):
            rows, learnt = _shelf(stock, state) == kind, _shelf(before[2], before[4]) == kind
            answer[rows] = isotonic(before[0][learnt], before[1][learnt])(chance[rows])
        answers.append(answer)
    return np.concatenate(answers)


def _shelf(stock, state):
    return np.where(stock > 0, 1, np.where(state == State.INACTIVE, 2, 3))


def measure(folder: Path) -> dict[str, object]:
    """Measure everything that docs/risk.md states of Côte d'Ivoire."""
    tables = read(folder)
    by_month = {t: forecast(*tables, [t]) for t in range(FIRST, TESTED.stop)}
    chance, out, stock, delivered, state = (
        np.concatenate(column) for column in zip(*(by_month[t] for t in TESTED), strict=True)
    )
    held = stock > 0
    waiting = held & ~delivered
    fitted = translated(by_month)
    edges = np.array([0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.01])
    bins = np.digitize(chance, edges) - 1
    rate = out[waiting].mean()
    return {
        "forecasts": len(out),
        "auc_all": auc(out, chance),
        "auc_held": auc(out[held], chance[held]),
        "brier_all": brier(out, chance),
        "brier_held": brier(out[held], chance[held]),
        "translated": {
            "auc_all": auc(out, fitted),
            "auc_held": auc(out[held], fitted[held]),
            "brier_all": brier(out, fitted),
            "brier_held": brier(out[held], fitted[held]),
        },
        "waiting": {
            "forecasts": int(waiting.sum()),
            "auc": auc(out[waiting], chance[waiting]),
            "brier": brier(out[waiting], chance[waiting]),
            "brier_of_the_mean": float(rate * (1 - rate)),
            "expected": float(chance[waiting].mean()),
            "happened": float(rate),
            "bins": [
                (int(rows.sum()), round(float(chance[rows].mean()), 3), round(float(out[rows].mean()), 3))
                for rows in (waiting & (bins == b) for b in range(len(edges) - 1))
            ],
        },
        "out_next_by_state": {
            word.name: (int((state == word).sum()), round(float(out[state == word].mean()), 3))
            for word in State
            if (state == word).any()
        },
    }


@pytest.fixture(scope="module")
def measured(shared_data: Path) -> dict:
    return measure(shared_data)


def test_the_probability_ranks_real_stockouts_better_than_months_of_stock(measured):
    assert measured["forecasts"] > 8000
    # Months of stock with an isotonic fit: 0.895 and 0.692.
    assert measured["auc_all"] > 0.895
    assert measured["auc_held"] > 0.72


def test_translated_by_the_past_it_foretells_the_month_s_end(measured):
    # Months of stock with an isotonic fit: 0.0879 and 0.0641; the mean of the past: 0.198 and 0.069.
    assert measured["translated"]["brier_all"] < 0.0879
    assert measured["translated"]["brier_held"] < 0.066


def test_the_probability_is_calibrated_where_no_delivery_came(measured):
    waiting = measured["waiting"]
    assert waiting["auc"] > 0.77
    assert waiting["brier"] < 0.9 * waiting["brier_of_the_mean"]
    assert waiting["expected"] == pytest.approx(waiting["happened"], rel=0.2)
    for n, told, happened in waiting["bins"]:
        if n >= 200:
            assert happened == pytest.approx(told, abs=0.05)


def test_critical_places_run_out_far_more_often_than_adequate_ones(measured):
    by_state = {name: rate for name, (_, rate) in measured["out_next_by_state"].items()}
    assert by_state["STOCKOUT"] > by_state["CRITICAL"] > 3 * by_state["OVERSTOCK"]
