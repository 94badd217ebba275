"""Does use follow the seasons? An index by calendar month, kept only where it foretells better than none.

It is learnt for a product from all of its places together, and tried on months that it has not seen: rolling origin,
each month foretold from the months before it, with and without the index. Fewer than 24 full months never carry one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data.insight import consumption

Floats = NDArray[np.float64]

YEAR = 12
#: Full months of history that a season needs, and months on which it has to prove itself.
FEWEST_MONTHS, FEWEST_TRIALS = 24, 6
#: How much better it has to foretell, and by how many standard errors over the months it was tried on.
LEAST_GAIN, SIGNIFICANT = 0.02, 3.0
#: A year of ratios counts as much as this many that say there is no season.
_PRIOR_YEARS = 1.0


@dataclass(frozen=True, slots=True)
class Season:
    """An index by calendar month, January first, all 1 where no season is carried.

    `gain` is 1 - error with / error without it on unseen months, NaN where there were too few; `trials` how many.
    """

    index: Floats
    carried: bool
    gain: float
    trials: int


def learn(used: ArrayLike, days_out: ArrayLike, days: ArrayLike, first_month: int) -> Season:
    """Learn from the use of all places of one product, [n, m] full months, oldest first; `first_month` is 0..11."""
    need, base = _need(used, days_out, days)
    months = need.shape[1] if need.size else 0
    calendar = (np.arange(months) + first_month) % YEAR
    known = ~np.isnan(need) & (base > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(known, need, 0.0).sum(axis=0) / np.where(known, base, 0.0).sum(axis=0)
    plain, seasonal = [], []
    for t in range(FEWEST_MONTHS, months):
        which = known[:, t]
        if not which.any():
            continue
        factor = _index(ratio[:t], calendar[:t])[calendar[t]]
        plain.append(np.abs(need[which, t] - base[which, t]).mean())
        seasonal.append(np.abs(need[which, t] - factor * base[which, t]).mean())
    trials = len(plain)
    if trials < FEWEST_TRIALS or not sum(plain):
        return Season(np.ones(YEAR), False, float("nan"), trials)
    difference = np.array(plain) - np.array(seasonal)
    gain = float(difference.sum() / sum(plain))
    error = float(difference.std(ddof=1)) / np.sqrt(trials)
    carried = gain >= LEAST_GAIN and bool(difference.mean() > SIGNIFICANT * error)
    return Season(_index(ratio, calendar) if carried else np.ones(YEAR), carried, gain, trials)


def _need(used: ArrayLike, days_out: ArrayLike, days: ArrayLike) -> tuple[Floats, Floats]:
    """Each month's use as it would have been with stock on every day; and the mean of the twelve months before it."""
    amounts = np.asarray(used, dtype=np.float64)
    share = consumption.in_stock_share(days_out, days)
    enough = share >= consumption.IN_STOCK_AT_LEAST
    need = np.where(enough, amounts / np.where(enough, share, 1.0), np.nan)
    base = np.full(need.shape, np.nan)
    for t in range(YEAR, need.shape[1]):
        year = need[:, t - YEAR : t]
        count = (~np.isnan(year)).sum(axis=1)
        base[:, t] = np.where(count >= YEAR - 3, np.nansum(year, axis=1) / np.maximum(count, 1), np.nan)
    return need, base


def _index(ratio: Floats, calendar: NDArray[np.intp]) -> Floats:
    """The mean ratio of each calendar month, drawn towards 1 by how few years there are."""
    known = np.isfinite(ratio)
    total = np.bincount(calendar[known], ratio[known] - 1.0, minlength=YEAR)
    years = np.bincount(calendar[known], minlength=YEAR)
    return np.asarray(1.0 + total / (years + _PRIOR_YEARS))
