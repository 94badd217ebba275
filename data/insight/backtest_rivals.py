"""What would simpler rules, or another learner, have foretold? The rivals of a backtest, on the same splits.

Pure. Each rival sees what the learned model sees: the history until the origin and the forecasts settled by then.
A probability is always that of the month's end `horizon` months on: out of stock, or not.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from data.insight import delay, demand, policy, risk
from data.insight.learned import Lessons
from data.insight.learned_history import History, filled
from data.types import State

Floats = NDArray[np.float64]

#: Of a shelf with stock, of an empty one with demand, and of one without demand, chances are translated apart.
_KINDS = (0, 1, 2)


def isotonic(score: Floats, happened: NDArray[np.bool_]) -> Callable[[Floats], Floats]:
    """The rising translation of scores into probabilities that fits what happened best, as a function."""
    told, place, count = np.unique(score, return_inverse=True, return_counts=True)
    share = np.bincount(place, happened) / count
    fitted = optimize.isotonic_regression(share, weights=count).x
    return lambda values: np.asarray(np.interp(values, told, fitted))


def months_of_stock(history: History) -> Floats:
    """Stock / the mean use of the last three months reported, [n]; an empty shelf has none, unused stock lasts."""
    used, stock = np.maximum(history.used[:, -3:], 0), np.nan_to_num(history.closing[:, -1])
    count = (~np.isnan(used)).sum(axis=1)
    mean = np.nansum(used, axis=1) / np.maximum(count, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(stock <= 0, 0.0, np.minimum(stock / mean, 1000.0)))


def poisson(history: History, horizon: int) -> Floats:
    """P(a Poisson demand of the mean use of six months >= stock), with nothing coming in; an empty shelf stays so."""
    used, stock = np.maximum(history.used[:, -6:], 0), np.nan_to_num(history.closing[:, -1]).astype(np.float64)
    mean = horizon * np.nansum(used, axis=1) / np.maximum((~np.isnan(used)).sum(axis=1), 1)
    return np.asarray(np.where(stock <= 0, 1.0, special.gammainc(np.maximum(stock, 1e-9), mean)))


def count_model(history: History, days: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """P(run out before a delivery in `days`) as the product shows it, and the kind of shelf it was said of."""
    lengths = month_lengths(history)
    out = demand.days_out_at_least(history.days_out, history.opening, history.received, lengths, used=history.used)
    said = ~np.isnan(history.closing)
    need = demand.estimate(history.used, out, said, lengths, group=history.product)
    low, high = policy.bands("WHO-EPI", need.amc, 7, 30)
    answer = risk.assess(
        risk.Positions(
            usable=np.nan_to_num(history.closing[:, -1]),
            doses_per_vial=history.vial,
            demand=need,
            days_to_next_delivery=days,
            days_since_report=np.where(said[:, -1], 0.0, np.nan),
            minimum=low,
            maximum=high,
        ),
        delay.Delay(on_time=1),
    )
    empty = history.closing[:, -1] < history.vial
    # Without demand: what is empty stays empty, what is held is not used up.
    chance = np.where(np.isnan(answer.probability), empty, answer.probability).astype(np.float64)
    kind = np.where(~empty, 0, np.where(answer.state == State.INACTIVE, 1, 2))
    return chance, kind


def month_lengths(history: History) -> Floats:
    """The days of each month of a history."""
    first = np.datetime64("0000-01") + np.arange(history.first, history.last + 2)
    return np.asarray(np.diff(first.astype("datetime64[D]")).astype(np.float64))


def translated(
    chance: Floats, kind: NDArray[np.int64], before: tuple[Floats, NDArray[np.int64], NDArray[np.bool_]]
) -> Floats:
    """Chances read through what followed from those before: each kind of shelf by itself."""
    answer = np.array(chance)
    for one in _KINDS:
        rows, learnt = kind == one, before[1] == one
        if rows.any() and learnt.any():
            answer[rows] = isotonic(before[0][learnt], before[2][learnt])(chance[rows])
    return answer


def boosted(known: Lessons, past: NDArray[np.bool_], weight: Floats, cases: NDArray[np.bool_]) -> Floats:
    """The same columns, weighted alike, in scikit-learn's gradient boosting, which only developers have.

    Raises `ModuleNotFoundError` where it is not installed.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    some = ~np.isnan(known.values[past]).all(axis=0)
    model = HistGradientBoostingClassifier(
        learning_rate=0.04, max_iter=200, max_leaf_nodes=15, min_samples_leaf=30, l2_regularization=5.0,
        max_features=0.3, max_bins=63, early_stopping=False, random_state=1,
    )  # fmt: skip
    with threadpool_limits(1):
        model.fit(known.values[past][:, some], known.happened[past], weight)
        return np.asarray(model.predict_proba(known.values[cases][:, some])[:, 1])


def expected_use(history: History) -> Floats:
    """The monthly demand that the product would show, [n]: what `data.insight.demand` estimates, 0 where unknown."""
    history = filled(history)
    lengths = month_lengths(history)
    out = demand.days_out_at_least(history.days_out, history.opening, history.received, lengths, used=history.used)
    need = demand.estimate(history.used, out, ~np.isnan(history.closing), lengths, group=history.product)
    return np.asarray(np.nan_to_num(need.amc))
