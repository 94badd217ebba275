"""How good were the predictions on record? What each month's end foretold against what the next month brought."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from data import monthly, queries
from data.insight import calibration
from data.insight.calibration import Cases, Score

SQL = queries.read(Path(__file__).parent / "sql" / "calibration.sql")

#: As many months are looked back.
MONTHS = 24

#: Whose a prediction was: what was in force, by one model or the other, and what the count model alone said of the
#: places for which a learned model was in force.
COUNTED, LEARNED, ALONE = range(3)


@dataclass(frozen=True, slots=True)
class Calibration:
    """Scores of all cases, of those that had stock when the prediction was made, and by vaccine and by month.

    `learned` are those for which a learned model was in force, and `alone` what the count model said of the same cases.
    `unknown` are predictions whose next month nobody has reported. `by_product` goes by seat, `by_month` by the month
    at whose end the prediction was made, oldest first.
    """

    every: Score
    stocked: Score
    learned: Score
    alone: Score
    by_product: dict[int, Score]
    by_month: dict[date, Score]
    unknown: int


@dataclass(frozen=True, slots=True)
class Counts:
    """Predictions counted by product, month, whether there was stock, whose, and hundredth (-1: no outcome)."""

    seat: NDArray[np.int64]
    month: NDArray[np.datetime64]
    stocked: NDArray[np.bool_]
    whose: NDArray[np.int64]
    cases: Cases

    def columns(self) -> list[list[Any]]:
        """The same as plain lists, for a cache."""
        named = [self.seat, np.datetime_as_string(self.month), self.stocked, self.whose]
        return [values.tolist() for values in (*named, *(getattr(self.cases, n) for n in Cases.__slots__))]


def counts(columns: Sequence[Sequence[Any]]) -> Counts:
    """Counts out of `columns`."""
    seat, month, stocked, whose, fine, *sums = columns or [[]] * 9
    return Counts(
        np.array(seat, dtype=np.int64),
        np.array(month, dtype="datetime64[D]"),
        np.array(stocked, dtype=bool),
        np.array(whose, dtype=np.int64),
        Cases(np.array(fine, dtype=np.int64), *(np.array(values, dtype=np.float64) for values in sums)),
    )


def count(conn: sa.Connection, programme_id: int, today: date) -> Counts:
    """The predictions whose next month is over, of the last `MONTHS` months on record, counted."""
    ended = monthly.ended(conn, programme_id, today)
    since = (monthly.number(ended[-1]) + 1 if ended else monthly.number(today)) - MONTHS
    asked = {
        "programme_id": programme_id, "since": monthly.first_day(since), "until": monthly.first_day(since + MONTHS - 1),
    }  # fmt: skip
    return counts(list(zip(*conn.execute(SQL["cases"], asked), strict=True)))


def read(conn: sa.Connection, programme_id: int, today: date) -> Calibration:
    """The scores of the predictions on record."""
    return of(count(conn, programme_id, today))


def of(found: Counts) -> Calibration:
    """The scores of what was counted."""
    shown = found.whose != ALONE
    known = (found.cases.fine >= 0) & shown
    cases, seat, month = found.cases.where(known), found.seat[known], found.month[known]
    return Calibration(
        every=calibration.score(cases),
        stocked=calibration.score(cases.where(found.stocked[known])),
        learned=calibration.score(cases.where(found.whose[known] == LEARNED)),
        alone=calibration.score(found.cases.where((found.cases.fine >= 0) & ~shown)),
        by_product={each: calibration.score(cases.where(seat == each)) for each in np.unique(seat).tolist()},
        by_month={each: calibration.score(cases.where(month == each)) for each in np.unique(month).tolist()},
        unknown=int(found.cases.count[shown & ~known].sum()),
    )
