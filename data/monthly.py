"""What did places report, month by month? Full months of a programme as grids of positions x months."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from data import columns, queries
from data.columns import Floats, Ints

SQL = queries.read(Path(__file__).parent / "sql" / "monthly.sql")

AMOUNTS = ("opening", "received", "used", "lost", "adjusted", "closing", "days_out")


@dataclass(frozen=True, slots=True)
class Span:
    """Whole months from one to another: numbers as `number` gives them, the second not included."""

    since: int
    until: int

    @property
    def first(self) -> date:
        """The first day."""
        return first_day(self.since)

    @property
    def end(self) -> date:
        """The first day after it."""
        return first_day(self.until)

    @property
    def days(self) -> Floats:
        """The length of each month."""
        return np.array(
            [(first_day(m + 1) - first_day(m)).days for m in range(self.since, self.until)], dtype=np.float64
        )


def number(day: date) -> int:
    """The number of a month, counted through the years."""
    return day.year * 12 + day.month - 1


def first_day(month: int) -> date:
    """The first day of a month by its number."""
    return date(month // 12, month % 12 + 1, 1)


@dataclass(frozen=True, slots=True)
class Rows:
    """Cells of a grid: which position (facility and product ids) and month, and the amounts there, NaN where blank."""

    facility_id: Ints
    product_id: Ints
    month: NDArray[np.intp]
    amounts: dict[str, Floats]

    def grid(self, name: str, row: NDArray[np.intp], known: NDArray[np.bool_], shape: tuple[int, int]) -> Floats:
        """One amount as positions x months; `row` are the positions of those cells that are `known`."""
        values = np.full(shape, np.nan)
        values[row, self.month[known]] = self.amounts[name][known]
        return values


def reports(conn: sa.Connection, programme_id: int, span: Span, *, first: int, last: int) -> Rows:
    """What is on record of these months, of the facilities from one id to another."""
    return _rows(conn, "reports", programme_id, span, first, last, AMOUNTS)


def sessions(conn: sa.Connection, programme_id: int, span: Span, *, first: int, last: int) -> Rows:
    """What sessions reported of these months: doses administered."""
    return _rows(conn, "sessions", programme_id, span, first, last, ("administered",))


def earliest(conn: sa.Connection, programme_id: int) -> date | None:
    """The first month on record."""
    found: date | None = conn.execute(SQL["earliest"], {"programme_id": programme_id}).scalar_one()
    return found


def ended(conn: sa.Connection, programme_id: int, today: date) -> list[date]:
    """The months on record that were over by a day, oldest first."""
    return list(conn.execute(SQL["ended"], {"programme_id": programme_id, "running": today.replace(day=1)}).scalars())


def _rows(
    conn: sa.Connection, statement: str, programme_id: int, span: Span, first: int, last: int, names: tuple[str, ...]
) -> Rows:
    asked: dict[str, Any] = {"programme_id": programme_id, "first": first, "last": last}
    found = columns.read(
        conn.execute(SQL[statement], asked | {"since": span.first, "until": span.end}).one(), frozenset()
    )
    month = np.searchsorted(np.cumsum(span.days), found["first_day"], side="right")
    return Rows(
        found["facility_id"], found["product_id"], month.astype(np.intp),
        {name: columns.nullable(found[name]) for name in names},
    )  # fmt: skip
