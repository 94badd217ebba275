"""How good were predictions? Scores of probabilities against what happened, and of forecasts against what was needed.

Pure: arrays in, numbers out. `p` are probabilities [n], `y` what happened [n], 0 or 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bin:
    """The predictions shown as `low` up to below `high`: how many, their mean, and the share of them that happened."""

    low: float
    high: float
    count: int
    predicted: float
    happened: float


def auc(p: ArrayLike, y: ArrayLike) -> float:
    """P(a case that happened was given more than one that did not), ties by half: Mann and Whitney's U.

    NaN where all cases ended alike.
    """
    ranks, happened = stats.rankdata(np.asarray(p, dtype=np.float64)), np.asarray(y, dtype=bool)
    hits, misses = int(happened.sum()), int((~happened).sum())
    if not hits or not misses:
        return float("nan")
    return float((ranks[happened].sum() - hits * (hits + 1) / 2) / (hits * misses))


def brier(p: ArrayLike, y: ArrayLike) -> float:
    """The mean squared difference of probability and outcome; 0 is perfect (G. W. Brier, 1950)."""
    return float(np.mean((np.asarray(p, dtype=np.float64) - np.asarray(y, dtype=np.float64)) ** 2))


def skill(p: ArrayLike, y: ArrayLike, reference: ArrayLike) -> float:
    """1 - Brier / Brier of `reference` (a rate, or a probability each): 1 is perfect, 0 as good as the reference."""
    other = brier(np.broadcast_to(np.asarray(reference, dtype=np.float64), np.shape(p)), y)
    return float("nan") if other == 0 else 1 - brier(p, y) / other


def reliability(p: ArrayLike, y: ArrayLike, bins: int = 10) -> list[Bin]:
    """Predictions in bins of equal width, those that hold any; 1.0 belongs to the last."""
    shown, happened = np.asarray(p, dtype=np.float64), np.asarray(y, dtype=np.float64)
    place = np.minimum((np.round(shown * bins, 9)).astype(np.intp), bins - 1)
    count = np.bincount(place, minlength=bins)
    means = [np.bincount(place, v, minlength=bins) / np.maximum(count, 1) for v in (shown, happened)]
    return [
        Bin(i / bins, (i + 1) / bins, int(count[i]), float(means[0][i]), float(means[1][i]))
        for i in range(bins)
        if count[i]
    ]


def calibration_error(p: ArrayLike, y: ArrayLike, bins: int = 10) -> float:
    """The mean distance of predicted and happened over the bins of `reliability`, weighted by their counts (ECE)."""
    found = reliability(p, y, bins)
    return sum(b.count * abs(b.predicted - b.happened) for b in found) / sum(b.count for b in found)


def precision_recall(p: ArrayLike, y: ArrayLike, threshold: float) -> tuple[float, float]:
    """Of those at `threshold` or above the share that happened; of those that happened the share at or above it.

    NaN where there is none to divide by.
    """
    warned, happened = np.asarray(p, dtype=np.float64) >= threshold, np.asarray(y, dtype=bool)
    right = int((warned & happened).sum())
    named, all_of_them = int(warned.sum()), int(happened.sum())
    return (right / named if named else float("nan"), right / all_of_them if all_of_them else float("nan"))
