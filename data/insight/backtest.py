"""How well would stockouts have been foretold? Forecasts from past months, each made of its past alone, and scored.

Pure. A forecast: of each position that reported month t, at the end of month t, of month t + horizon. A stockout: that
month closed below one vial, or a full day of it was reported out of stock. A position that did not report that month
has no outcome and is not counted. Every method is fitted anew at every t, on what was settled by the end of t.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from data import errors
from data.insight import backtest_rivals as rivals
from data.insight import learned, scores
from data.insight.learned import Lessons
from data.insight.learned_history import AMOUNTS, History, empty, filled
from data.insight.learned_trees import Growth

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Warnings are given at these probabilities.
THRESHOLDS = (0.2, 0.5, 0.8)

CLIMATOLOGY = "climatology"
#: The learned model on all that the pack reports; where that includes orders, also without them, as the record has it.
LEARNED = "learned"
WITHOUT_ORDERS = "learned, without orders"
MONTHS_OF_STOCK = "months of stock, isotonic"
POISSON = "Poisson rule"
COUNTS = "count model"
COUNTS_TRANSLATED = "count model, translated"
BOOSTED = "gradient boosting"


class NothingToTest(errors.DataError):
    """These months cannot be tested: {reason}."""


@dataclass(frozen=True, slots=True)
class Demand:
    """How far off the foretold use of a month was: `mase` is its mean error / that of "as last month", before."""

    forecasts: int
    mase: float
    naive: float
    bias: float


@dataclass(frozen=True, slots=True)
class Backtest:
    """Forecasts of several methods for the same cases: the probabilities of each are [n], by name."""

    horizon: int
    month: NDArray[np.int64]
    happened: Bools
    held: Bools
    chances: Mapping[str, Floats]
    held_rate: Floats
    demand: Demand


@dataclass(frozen=True, slots=True)
class Score:
    """How good the probabilities of a method were over some cases; `warnings` are (threshold, precision, recall)."""

    cases: int
    happened: float
    predicted: float
    auc: float
    brier: float
    skill: float
    calibration_error: float
    bins: list[scores.Bin]
    warnings: list[tuple[float, float, float]]


def run(
    history: History,
    first: int,
    last: int,
    *,
    horizon: int = 1,
    seeds: tuple[int, ...] = learned.SEEDS,
    growth: Growth | None = None,
    boosting: bool = True,
    say: Callable[[str], None] = lambda _: None,
) -> Backtest:
    """Foretell the months `first` to `last` (year x 12 + month - 1), one after the other, as it could have been done.

    Raises `NothingToTest` and `TooLittleHistory`. `boosting` leaves scikit-learn's rival in, where it is installed.
    """
    _check(history, first, last, horizon)
    # Nothing after the last month foretold is looked at, not even to prepare.
    history = history.until(last)
    kept = history.without("ordered")
    say(f"Preparing forecasts of {history.months} months for {len(history.closing):,} positions.")
    known = learned.lessons(kept, horizon)
    ordered = learned.lessons(history, horizon) if (~np.isnan(history.ordered)).any() else None
    counts = _counts(history, known)
    found: dict[str, list[Floats]] = {}
    boosts = boosting and find_spec("sklearn") is not None
    for month in range(first, last + 1):
        if not (known.month == month).any():
            say(f"{name(month)}: no position reported both it and the month it is foretold from.")
            continue
        say(f"{name(month)}: {int((known.month == month).sum()):,} forecasts.")
        asked = _Asked(history, known, ordered, counts, month, seeds, growth, boosts)
        for method, chance in _chances(asked):
            found.setdefault(method, []).append(chance)
    rows = (known.month >= first) & (known.month <= last)
    if not rows.any():
        raise NothingToTest("from", "Choose months that follow one another.", reason="no forecast has an outcome")
    held_rate = np.concatenate(found.pop(_HELD_RATE))
    return Backtest(
        horizon,
        known.month[rows],
        known.happened[rows],
        _held(history, known)[rows],
        {method: np.concatenate(parts) for method, parts in found.items()},
        held_rate,
        _demand(history, first, last, horizon),
    )


_HELD_RATE = "rate where there is stock"


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is needed to foretell one month."""

    history: History
    known: Lessons
    ordered: Lessons | None
    counts: tuple[Floats, NDArray[np.int64], Floats, Floats]
    month: int
    seeds: tuple[int, ...]
    growth: Growth | None
    boosting: bool

    @property
    def origin(self) -> int:
        return self.month - self.known.horizon

    @property
    def past(self) -> Bools:
        """The forecasts whose outcome was settled by the end of the month this one is made in."""
        return np.asarray(self.known.month <= self.origin)

    @property
    def cases(self) -> Bools:
        return np.asarray(self.known.month == self.month)


def _chances(asked: _Asked) -> Iterator[tuple[str, Floats]]:
    """The probabilities of every method for the cases of one month."""
    known, past, cases = asked.known, asked.past, asked.cases
    chance, kind, stock, poisson = asked.counts
    n, happened = int(cases.sum()), known.happened
    until = asked.history.until(asked.origin)
    if asked.ordered is None:
        yield LEARNED, _learned(until, known, learned.KEPT, asked)
    else:
        yield LEARNED, _learned(until, asked.ordered, AMOUNTS, asked)
        yield WITHOUT_ORDERS, _learned(until, known, learned.KEPT, asked)
    yield COUNTS, chance[cases]
    yield (
        COUNTS_TRANSLATED,
        rivals.translated(chance[cases], kind[cases], (chance[past], kind[past], happened[past])),
    )
    yield MONTHS_OF_STOCK, rivals.isotonic(-stock[past], happened[past])(-stock[cases])
    yield POISSON, poisson[cases]
    if asked.boosting:
        best = asked.ordered or known
        weight = 0.5 ** ((asked.origin - best.month[past]) / learned.HALF_LIFE)
        yield BOOSTED, rivals.boosted(best, past, weight, cases)
    yield CLIMATOLOGY, np.full(n, happened[past].mean())
    yield _HELD_RATE, np.full(n, happened[past & (kind == 0)].mean())


def _learned(until: History, known: Lessons, inputs: tuple[str, ...], asked: _Asked) -> Floats:
    model = learned.fit(until, known=known, inputs=inputs, seeds=asked.seeds, growth=asked.growth)
    return learned.foretell(model, known.values[asked.cases])


def _counts(history: History, known: Lessons) -> tuple[Floats, NDArray[np.int64], Floats, Floats]:
    """For every forecast: the count model's chance and kind of shelf, months of stock, and the Poisson rule's."""
    n = len(known.month)
    chance, kind, stock, poisson = np.zeros(n), np.zeros(n, dtype=np.int64), np.zeros(n), np.zeros(n)
    for month in np.unique(known.month).tolist():
        rows = known.month == month
        at = known.position[rows]
        until = filled(history.until(month - known.horizon))
        days = rivals.month_lengths(history.until(month))[-known.horizon :].sum()
        both = rivals.count_model(until, np.full(len(until.closing), days))
        chance[rows], kind[rows] = both[0][at], both[1][at]
        stock[rows] = rivals.months_of_stock(until)[at]
        poisson[rows] = rivals.poisson(until, known.horizon)[at]
    return chance, kind, stock, poisson


def _held(history: History, known: Lessons) -> Bools:
    """Whether there was stock when the forecast was made."""
    closing = history.closing[known.position, known.month - known.horizon - history.first]
    return np.asarray(closing >= history.vial[known.position])


def _demand(history: History, first: int, last: int, horizon: int) -> Demand:
    """The error of the monthly use foretold, over positions that had stock all the month they were foretold for."""
    full = filled(history)
    out = empty(full)
    errors_, naive = [], []
    for month in range(first, last + 1):
        t = month - history.first
        told = ~np.isnan(full.used[:, t]) & ~out[:, t] & ~np.isnan(full.closing[:, t - horizon])
        until = full.until(month - horizon)
        steps = np.abs(np.diff(until.used, axis=1))
        count = (~np.isnan(steps)).sum(axis=1)
        told &= count > 0
        errors_.append((rivals.expected_use(until) - full.used[:, t])[told])
        naive.append((np.nansum(steps, axis=1) / np.maximum(count, 1))[told])
    off, scale = np.concatenate(errors_), np.concatenate(naive)
    if not off.size or scale.mean() == 0:
        return Demand(int(off.size), float("nan"), float("nan"), float("nan"))
    size = float(np.abs(off).mean())
    return Demand(int(off.size), size / float(scale.mean()), float(scale.mean()), float(off.mean()))


def score(backtest: Backtest, method: str, held: bool) -> Score:
    """How good a method was, over all forecasts or those where there was stock."""
    rows = backtest.held if held else np.ones(len(backtest.held), dtype=bool)
    p, y = backtest.chances[method][rows], backtest.happened[rows]
    if held and method == CLIMATOLOGY:
        p = backtest.held_rate[rows]
    reference = (backtest.held_rate if held else backtest.chances[CLIMATOLOGY])[rows]
    return Score(
        len(p),
        float(y.mean()),
        float(p.mean()),
        scores.auc(p, y),
        scores.brier(p, y),
        scores.skill(p, y, reference),
        scores.calibration_error(p, y),
        scores.reliability(p, y),
        [(limit, *scores.precision_recall(p, y, limit)) for limit in THRESHOLDS],
    )


def name(month: int) -> str:
    """A month's number as people write it, such as 2018-04."""
    return f"{month // 12}-{month % 12 + 1:02d}"


def _check(history: History, first: int, last: int, horizon: int) -> None:
    there = f"The pack reports {name(history.first)} to {name(history.last)}"
    least = history.first + learned.LEAST_MONTHS - 1 + horizon
    if horizon < 1:
        raise NothingToTest("horizon", "Give 1 or more months.", reason=f"a horizon of {horizon} is no future")
    if first > last:
        raise NothingToTest("from", "Exchange them.", reason=f"{name(first)} is after {name(last)}")
    if last > history.last:
        raise NothingToTest("to", f"{there}.", reason=f"what happened in {name(last)} is not known")
    if first < least:
        raise NothingToTest(
            "from",
            f"{there}, so that {name(least)} is the first that can be.",
            reason=f"{name(first)} has less than {learned.LEAST_MONTHS} months before it to learn from",
        )
