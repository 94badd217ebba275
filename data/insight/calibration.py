"""How good were predictions, counted? The scores of `scores`, from counts of cases by the percentage shown.

A nation's year holds millions of cases; counted by a hundredth of probability they are a few thousand numbers, and
the scores of these are the scores of the cases: Brier's exactly, the bins of the diagram exactly, and the area under
the curve but for the order of cases that lie within a hundredth. Pure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.insight.scores import Bin

Floats = NDArray[np.float64]

#: Cases are counted by hundredths of probability, and shown by tenths.
FINE, BINS = 100, 10


@dataclass(frozen=True, slots=True)
class Cases:
    """Predictions counted by `fine` (0 to 99), in any order and as often as they come.

    Of each count: how many cases, the sum of their probabilities, how many of them happened, and the sum of their
    squared errors.
    """

    fine: NDArray[np.int64]
    count: Floats
    predicted: Floats
    happened: Floats
    squared: Floats

    def where(self, chosen: NDArray[np.bool_]) -> Cases:
        """Some of them."""
        return Cases(*(getattr(self, name)[chosen] for name in Cases.__slots__))


@dataclass(frozen=True, slots=True)
class Score:
    """How good predictions were: `bins` hold the tenths that have any case; None where it cannot be told.

    `skill` is against a forecaster who always says the share that happened (`rate`): 1 is perfect, 0 is no better.
    """

    count: int
    happened: int
    rate: float | None
    predicted: float | None
    brier: float | None
    skill: float | None
    error: float | None
    auc: float | None
    bins: list[Bin]


def score(cases: Cases) -> Score:
    """The scores of these cases."""
    count, happened = float(cases.count.sum()), float(cases.happened.sum())
    if count == 0:
        return Score(0, 0, None, None, None, None, None, None, [])
    bins = _bins(cases)
    brier, rate = float(cases.squared.sum()) / count, happened / count
    constant = rate * (1 - rate)
    return Score(
        count=int(count),
        happened=int(happened),
        rate=rate,
        predicted=float(cases.predicted.sum()) / count,
        brier=brier,
        skill=1 - brier / constant if constant > 0 else None,
        error=sum(b.count * abs(b.predicted - b.happened) for b in bins) / count,
        auc=_auc(cases),
        bins=bins,
    )


def _bins(cases: Cases) -> list[Bin]:
    tenth = cases.fine * BINS // FINE
    count, predicted, happened = (
        np.bincount(tenth, values, minlength=BINS) for values in (cases.count, cases.predicted, cases.happened)
    )
    return [
        Bin(i / BINS, (i + 1) / BINS, int(count[i]), float(predicted[i] / count[i]), float(happened[i] / count[i]))
        for i in range(BINS)
        if count[i]
    ]


def _auc(cases: Cases) -> float | None:
    """P(a case that happened was given more than one that did not), cases of one hundredth by half."""
    count, hits = (np.bincount(cases.fine, values, minlength=FINE) for values in (cases.count, cases.happened))
    misses = count - hits
    pairs = hits.sum() * misses.sum()
    below = np.cumsum(misses) - misses
    won = float((hits * (below + misses / 2)).sum())
    return won / float(pairs) if pairs > 0 else None


def sentence(found: Bin) -> str:
    """A bin in words: "Of 1,240 places shown at 60 to 70 %, 66 % ran out"."""
    share = 100 * found.happened
    said = "none" if share == 0 else "all" if share == 100 else f"{_whole(share)} %"
    places = f"{found.count:,} place{'' if found.count == 1 else 's'}"
    return f"Of {places} shown at {round(found.low * 100)} to {round(found.high * 100)} %, {said} ran out."


def _whole(share: float) -> str:
    """A percentage without decimals that is never rounded to nothing or to all."""
    return "under 1" if share < 1 else "over 99" if share > 99 else f"{math.floor(share + 0.5)}"
