"""What do new rows of the record make of the months they fall in, and of those after them?

A month's amounts are sums of its rows, so most new rows are simply added. Where a count says what was used, or a month
was only reported so far, it is folded from all its events.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from data import days_out, queries
from data.binary import bools, days, ints, moments
from data.record import rules
from data.record.desk import Desk, Row
from data.record.submission import CLOCK_SKEW, Facility
from data.types import Kind

SQL = queries.read(Path(__file__).parent / "sql" / "ledger.sql")

#: Where the doses of a kind are counted; transfers and returns are no consumption.
_COUNTED_AS = {
    **dict.fromkeys(rules.ADDS, "received"),
    Kind.ADMINISTERED: "used",
    Kind.ISSUE: "used",
    Kind.LOSS: "lost",
    **dict.fromkeys((Kind.COUNT, Kind.ADJUSTMENT, Kind.TRANSFER_OUT, Kind.RETURN), "adjusted"),
}


@dataclass(slots=True)
class _Month:
    """What new rows bring to one month of one position; `anew` where it has to be folded from all its events."""

    facility_id: int
    product_id: int
    month: date
    starts: datetime
    ends: datetime
    received: int = 0
    used: int = 0
    lost: int = 0
    adjusted: int = 0
    doses: int = 0
    anew: bool = False

    def add(self, row: Row) -> None:
        """Count a row of this month."""
        kind, doses = row.said.kind, row.line.doses
        self.doses += doses
        self.anew = self.anew or kind is Kind.COUNT
        name = _COUNTED_AS.get(kind)
        if name is not None:
            setattr(self, name, getattr(self, name) + (-doses if name in ("used", "lost") else doses))


def follow(conn: sa.Connection, rows: Sequence[tuple[Desk, Row]], now: datetime) -> None:
    """Bring the months of these rows up to date, after they, their positions and lots were saved."""
    months: dict[tuple[int, int, date], _Month] = {}
    of_position: dict[tuple[int, int], _Month] = {}
    for at, row in rows:
        first = row.said.day.replace(day=1)
        month = months.get((at.facility_id, at.product_id, first))
        if month is None:
            month = _Month(at.facility_id, at.product_id, first, *_span(first, row.entry.facility.timezone))
            months[at.facility_id, at.product_id, first] = month
            other = of_position.setdefault((at.facility_id, at.product_id), month)
            if other is not month:
                # One opens with what the other brings.
                month.anew = other.anew = True
        month.add(row)
    every = list(months.values())
    asked = {
        "facility_ids": ints([m.facility_id for m in every]),
        "product_ids": ints([m.product_id for m in every]),
        "months": days([m.month for m in every]),
        "doses": ints([m.doses for m in every]),
    }
    flows = {name: ints([getattr(m, name) for m in every]) for name in ("received", "used", "lost", "adjusted")}
    known = [at.last_event_at for at, _ in rows if at.last_event_at is not None]
    SQL.run(conn, "fold_months", asked | flows | {
        "anew": bools([m.anew for m in every]),
        "starts": moments([m.starts for m in every]), "ends": moments([m.ends for m in every]),
        "earliest": min(m.starts for m in every), "latest": max([*known, *(row.said.moment for _, row in rows)]),
    })  # fmt: skip
    if over := [m for m in every if m.ends <= now + CLOCK_SKEW]:
        SQL.run(conn, "shift_months", asked)
        _count_days(conn, over, rows[0][1].entry.facility, now)


def _count_days(conn: sa.Connection, over: Sequence[_Month], facility: Facility, now: datetime) -> None:
    """What came late for months that are over may have changed on which days there was nothing."""
    since: dict[tuple[int, int], date] = {}
    for m in over:
        pair = (m.facility_id, m.product_id)
        since[pair] = min(m.month, since.get(pair, m.month))
    days_out.recount(conn, facility.timezone, since, facility.day(now).replace(day=1))


@lru_cache(maxsize=1000)
def _span(first: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """When a local month begins and ends."""
    following = (first + timedelta(days=32)).replace(day=1)
    return (
        datetime(first.year, first.month, 1, tzinfo=zone),
        datetime(following.year, following.month, 1, tzinfo=zone),
    )
