"""What was reported of every position, month by month? The one table that the learned model reads and is tested on.

Pure. Months are columns, oldest first, without gaps; what was not reported is NaN, never zero.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
Places = NDArray[np.intp]

#: Amounts of a month, in doses (or pieces), and the full days out of stock.
AMOUNTS = ("opening", "received", "used", "adjusted", "closing", "ordered", "days_out")


@dataclass(frozen=True, slots=True)
class History:
    """Monthly reports of n positions in m months: amounts are [n, m], the numbers of groups [n], counted from 0.

    `first` is the number of the first month, year x 12 + month - 1. A position is a facility and a product; `area` is
    the area in which the facility lies, `vial` [n] how many doses a vial of the product holds.
    """

    first: int
    opening: Floats
    received: Floats
    used: Floats
    adjusted: Floats
    closing: Floats
    ordered: Floats
    days_out: Floats
    facility: Places
    product: Places
    area: Places
    vial: Floats

    @property
    def months(self) -> int:
        """How many months there are."""
        return int(self.closing.shape[1])

    @property
    def last(self) -> int:
        """The number of the last month."""
        return self.first + self.months - 1

    def until(self, month: int, most: int | None = None) -> History:
        """The history as it was known at the end of a month, nothing of a later one; and no more months than `most`."""
        end = month - self.first + 1
        start = 0 if most is None else max(0, end - most)
        return replace(self, first=self.first + start, **{name: getattr(self, name)[:, start:end] for name in AMOUNTS})

    def without(self, *names: str) -> History:
        """The same, with these amounts as if nobody had reported them."""
        nothing = np.full_like(self.closing, np.nan)
        return replace(self, **dict.fromkeys(names, nothing))  # type: ignore[arg-type]  # names are names of amounts

    def some(self, rows: slice | NDArray[np.intp]) -> History:
        """The history of some positions."""
        return replace(self, **{f.name: getattr(self, f.name)[rows] for f in fields(self) if f.name != "first"})


def empty(history: History) -> Bools:
    """Where a month ended in a stockout [n, m]: it closed below one vial, or any full day out of it was reported."""
    # What was not reported is NaN, which is not below anything.
    return np.asarray((history.closing < history.vial[:, None]) | (~np.isnan(history.closing) & (history.days_out > 0)))


def filled(history: History) -> History:
    """The same, with opening, received and used as the balances imply them where they were left out.

    A month opens with what the month before closed with; what is more at its end than can be explained came in, and
    what is less was used: both are lower bounds. What nothing implies stays unknown.
    """
    before = np.full_like(history.closing, np.nan)
    before[:, 1:] = history.closing[:, :-1]
    opening = np.where(np.isnan(history.opening), before, history.opening)
    used, received = np.nan_to_num(history.used), np.nan_to_num(history.received)
    more = history.closing - opening
    return replace(
        history,
        opening=opening,
        received=np.where(np.isnan(history.received), np.maximum(more + used, 0), history.received),
        used=np.where(np.isnan(history.used), np.maximum(received - more, 0), history.used),
    )
