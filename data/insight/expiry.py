"""How much will expire before it can be used, and when? Lots are used first expired, first out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Lots:
    """Lots as rows, sorted by place and then by expiry.

    `place` is the row of the position that a lot belongs to, `days_left` the days on which it may still be used, NaN
    (and last of its place) where it has no expiry; `outlives` the doses of its place that expire later or never.
    """

    place: NDArray[np.intp]
    days_left: NDArray[np.float32]
    outlives: NDArray[np.float32]

    def dated(self) -> Lots:
        """Those that have an expiry."""
        which = ~np.isnan(self.days_left)
        return self if which.all() else Lots(self.place[which], self.days_left[which], self.outlives[which])

    def part(self, rows: slice, first: int) -> Lots:
        """A slice of them, with `first` as place 0."""
        return Lots(self.place[rows] - first, self.days_left[rows], self.outlives[rows])

    def of(self, rows: NDArray[np.intp], n: int) -> Lots:
        """Those of some places in ascending order, which are then 0, 1, ...; `n` places are there."""
        if rows.size == n:
            return self
        at = np.full(n, -1, dtype=np.intp)
        at[rows] = np.arange(rows.size)
        place = at[self.place]
        which = place >= 0
        return Lots(place[which], self.days_left[which], self.outlives[which])


def lots(place: ArrayLike, doses: ArrayLike, days_left: ArrayLike) -> Lots:
    """Lots of positions, sorted as `Lots` wants them."""
    where, amount = np.asarray(place, dtype=np.intp), np.asarray(doses, dtype=np.float64)
    upto, _, ends = _sums(where, amount)
    later = (upto[ends] if where.size else upto) - upto
    return Lots(where, np.asarray(days_left, dtype=np.float32), later.astype(np.float32))


#: Of a nation without lots.
NONE = Lots(np.empty(0, dtype=np.intp), np.empty(0, dtype=np.float32), np.empty(0, dtype=np.float32))


def expiring(position: ArrayLike, doses: ArrayLike, days_left: ArrayLike, daily: ArrayLike) -> Floats:
    """Doses of each position that will expire before use at the mean demand.

    Lots are rows, sorted by position and then by expiry: `position` [l] is the row of `daily` [n] that a lot belongs
    to, `days_left` [l] the days on which it may still be used, NaN where it has no expiry. The answer is NaN where no
    lot of a position has an expiry, or its demand is not known; without demand everything with an expiry expires.

    Of what expires up to a day, at most the demand until then is used; the day with the largest rest says how much is
    lost in all.
    """
    where, amount = np.asarray(position, dtype=np.intp), np.asarray(doses, dtype=np.float64)
    left, rate = np.asarray(days_left, dtype=np.float64), np.asarray(daily, dtype=np.float64)
    lost = np.full(rate.size, np.nan)
    if where.size:
        upto, firsts, _ = _sums(where, amount)
        rest = np.where(np.isnan(left), -np.inf, upto - rate[where] * left)
        most = np.maximum.reduceat(rest, firsts)
        # Lots with an expiry come first, so that a place whose first has none has none at all.
        known = ~np.isnan(left[firsts])
        lost[where[firsts]] = np.where(known, np.maximum(most, 0.0), np.nan)
    return np.where(np.isnan(rate), np.nan, lost)


def _sums(where: NDArray[np.intp], amount: Floats) -> tuple[Floats, NDArray[np.intp], NDArray[np.intp]]:
    """Doses of each place up to and with each lot; where each place begins; and for each lot the last of its place."""
    if not where.size:
        return amount, where, where
    firsts = np.flatnonzero(np.r_[True, where[1:] != where[:-1]])
    counts = np.diff(np.r_[firsts, where.size])
    total = np.cumsum(amount)
    upto = total - np.repeat(total[firsts] - amount[firsts], counts)
    return upto, firsts, np.repeat(firsts + counts - 1, counts)
