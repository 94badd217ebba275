"""What is kept of a few facilities, by position, and all their rows as columns: what the audit compares."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.record import audit_marks, past

Pair = tuple[int, int]
ARRIVALS = frozenset(("receipt", "transfer_in"))


@dataclass(slots=True)
class Kept:
    """What is kept of some facilities, by position."""

    lots: dict[Pair, list[Any]]
    positions: dict[Pair, list[Any]]
    months: dict[Pair, list[Any]]

    def pairs(self) -> list[Pair]:
        """The positions that no row was found for."""
        return sorted({*self.lots, *self.positions, *self.months})


def by_position(rows: Iterable[Any]) -> dict[Pair, list[Any]]:
    """Rows by facility and product, in their order."""
    found: dict[Pair, list[Any]] = {}
    for r in rows:
        found.setdefault((r.facility_id, r.product_id), []).append(r)
    return found


class Moved:
    """The rows of some facilities as columns: what was before any month is a sum of some of them."""

    def __init__(self) -> None:
        self._parts = [np.empty((0, 7))]

    def add(self, rows: Iterable[Any]) -> None:
        """Rows of one position."""
        self._parts.append(
            np.array([(r[0], r[1], r[4] or 0, r[9], r[2], r[17].timestamp(), r[7] in ARRIVALS) for r in rows])
        )

    def before(self, starts: datetime, last_id: int) -> past.Piece:
        """What moved before a moment by rows up to an id."""
        columns = self._columns()
        among = (columns[:, 5] < starts.timestamp()) & (columns[:, 4] <= last_id)
        facility, product, lot, doses = columns[among, :4].astype(np.int64).T
        return facility, product, lot, doses

    def rows(self) -> audit_marks.Rows:
        """All of them."""
        facility, product, _, _, number, at, received = self._columns().T
        facility_id, product_id, row_id = (column.astype(np.int64) for column in (facility, product, number))
        return audit_marks.Rows(facility_id, product_id, row_id, at, received > 0)

    def _columns(self) -> NDArray[np.float64]:
        if len(self._parts) > 1:
            self._parts = [np.concatenate(self._parts)]
        return self._parts[0]
