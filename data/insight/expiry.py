"""How much will expire before it can be used? Lots are used first expired, first out, at the mean demand."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def expiring(position: ArrayLike, doses: ArrayLike, days_left: ArrayLike, daily: ArrayLike) -> Floats:
    """Doses of each position that will expire before use.

    Lots are rows, sorted by position and then by expiry: `position` [l] is the row of `daily` [n] that a lot belongs
    to, `days_left` [l] the days on which it may still be used, NaN where it has no expiry. The answer is NaN where no
    lot of a position has an expiry, or its demand is not known; without demand everything with an expiry expires.
    """
    where = np.asarray(position, dtype=np.intp)
    amount, left = np.asarray(doses, dtype=np.float64), np.asarray(days_left, dtype=np.float64)
    rate = np.asarray(daily, dtype=np.float64)
    n = rate.size
    dated = ~np.isnan(left)
    lost, used = np.zeros(n), np.zeros(n)
    starts = np.flatnonzero(np.r_[True, where[1:] != where[:-1]]) if where.size else np.empty(0, dtype=np.intp)
    rank = np.arange(where.size) - np.repeat(starts, np.diff(np.r_[starts, where.size]))
    for turn in range(int(rank.max(initial=-1)) + 1):
        lot = np.flatnonzero((rank == turn) & dated)
        at = where[lot]
        use = np.clip(rate[at] * left[lot] - used[at], 0.0, amount[lot])
        used[at] += use
        lost[at] += amount[lot] - use
    known = np.bincount(where[dated], minlength=n) > 0
    return np.where(known & ~np.isnan(rate), lost, np.nan)
