"""How many days of a month was each place out of each product? As the bin card counts them: data.shelf_days.

Worked out when a month is over, for what nobody reported. Most places had something usable all the time, which one
statement sees; the others are walked through, so many at a time that memory stays flat for any nation. What comes late
changes which days these were: `recount`. Days that somebody reported are never counted here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from data import bincard, queries, shelf_days
from data.programmes import Programme

SQL = queries.read(Path(__file__).parent / "sql" / "days_out.sql")

#: So many positions are walked through at a time.
_CHUNK = 2_000

Pair = tuple[int, int]


def fold(conn: sa.Connection, programme: Programme, month: date, following: date) -> None:
    """Keep the days out of a month that is over; `following` is the first day of the next one."""
    zone = ZoneInfo(programme.timezone)
    asked = _asked(zone, month, following) | {"programme_id": programme.id}
    conn.execute(SQL["unaffected"], asked)
    _walk_all(conn, zone, asked, [(r.facility_id, r.product_id) for r in conn.execute(SQL["affected"], asked)])


def recount(conn: sa.Connection, zone: ZoneInfo, since: Mapping[Pair, date], running: date) -> None:
    """Count the days of positions anew, from a month on, in all that were counted before `running`, the month of today.

    The positions are held by the caller.
    """
    late = {
        "facility_ids": [p[0] for p in since], "product_ids": [p[1] for p in since], "months": list(since.values()),
    }  # fmt: skip
    rows = conn.execute(SQL["late"], late | {"running": running}).all()
    for month, of in groupby(rows, attrgetter("month")):
        following = (month + timedelta(days=31)).replace(day=1)
        _walk_all(conn, zone, _asked(zone, month, following), [(r.facility_id, r.product_id) for r in of])


def counted(conn: sa.Connection, facility_ids: Sequence[int]) -> dict[Pair, date]:
    """The first month of each position of these facilities whose days were counted."""
    rows = conn.execute(SQL["counted"], {"facility_ids": list(facility_ids)})
    return {(r.facility_id, r.product_id): r.month for r in rows}


def _asked(zone: ZoneInfo, month: date, following: date) -> dict[str, Any]:
    starts, ends = (datetime(day.year, day.month, day.day, tzinfo=zone) for day in (month, following))
    return {"month": month, "next_month": following, "starts": starts, "ends": ends}


def _walk_all(conn: sa.Connection, zone: ZoneInfo, asked: dict[str, Any], pairs: Sequence[Pair]) -> None:
    for start in range(0, len(pairs), _CHUNK):
        _walk(conn, zone, asked, pairs[start : start + _CHUNK])


def _walk(conn: sa.Connection, zone: ZoneInfo, asked: dict[str, Any], pairs: Sequence[Pair]) -> None:
    named = {"facility_ids": [p[0] for p in pairs], "product_ids": [p[1] for p in pairs]}
    shelves: dict[int, list[Any]] = {}
    for r in conn.execute(SQL["shelves"], asked | named):
        shelves.setdefault(r.place, []).append(r)
    rows = {place: list(of) for place, of in groupby(conn.execute(SQL["rows"], asked | named), attrgetter("place"))}
    days = []
    for place in range(1, len(pairs) + 1):
        lots = shelves.get(place, [])
        spells = shelf_days.spells(
            {r.lot_id: bincard.on_shelf(r) for r in lots}, any(r.had for r in lots),
            bincard.in_order(rows.get(place, [])), asked["starts"], asked["ends"], zone.key,
        )  # fmt: skip
        days.append(sum(s.days for s in spells))
    conn.execute(SQL["store"], {"month": asked["month"], "days": days, **named})
