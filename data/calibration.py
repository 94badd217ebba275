"""How good were the predictions on record? What each month's end foretold against what the next month brought."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from data import queries
from data.insight import calibration
from data.insight.calibration import Cases, Score

SQL = queries.read(Path(__file__).parent / "sql" / "calibration.sql")

#: As many months are looked back.
MONTHS = 24

_SUMS = ("places", "predicted", "happened", "squared")


@dataclass(frozen=True, slots=True)
class Calibration:
    """Scores of all cases, of those that had stock when the prediction was made, and by vaccine and by month.

    `unknown` are predictions whose next month nobody has reported. `by_product` goes by seat, `by_month` by the month
    at whose end the prediction was made, oldest first.
    """

    every: Score
    stocked: Score
    by_product: dict[int, Score]
    by_month: dict[date, Score]
    unknown: int


@dataclass(frozen=True, slots=True)
class Count:
    """Predictions of one product and month, of places with stock or without, by hundredth; `fine` None: no outcome."""

    seat: int
    month: date
    stocked: bool
    fine: int | None
    places: int
    predicted: float
    happened: int
    squared: float


def count(conn: sa.Connection, programme_id: int, today: date) -> list[Count]:
    """The predictions whose next month is over, of the last `MONTHS` months, counted."""
    running = today.replace(day=1)
    since = running.year * 12 + running.month - 1 - MONTHS
    asked = {"programme_id": programme_id, "since": _month(since), "until": _month(since + MONTHS - 1)}
    return [Count(*row) for row in conn.execute(SQL["cases"], asked)]


def read(conn: sa.Connection, programme_id: int, today: date) -> Calibration:
    """The scores of the predictions on record."""
    return of(count(conn, programme_id, today))


def of(counts: Sequence[Count]) -> Calibration:
    """The scores of what was counted."""
    known = [c for c in counts if c.fine is not None]
    cases = Cases(
        np.array([c.fine for c in known], dtype=np.int64),
        *(np.array([getattr(c, name) for c in known], dtype=np.float64) for name in _SUMS),
    )
    seats, months = np.array([c.seat for c in known]), np.array([c.month for c in known], dtype="datetime64[D]")
    stocked = np.array([c.stocked for c in known], dtype=bool)
    return Calibration(
        every=calibration.score(cases),
        stocked=calibration.score(cases.where(stocked)),
        by_product={seat: calibration.score(cases.where(seats == seat)) for seat in np.unique(seats).tolist()},
        by_month={month: calibration.score(cases.where(months == month)) for month in np.unique(months).tolist()},
        unknown=sum(c.places for c in counts if c.fine is None),
    )


def _month(number: int) -> date:
    return date(number // 12, number % 12 + 1, 1)
