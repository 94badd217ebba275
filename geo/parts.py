"""How is the part of an area that somebody sees? Roll-ups of what lies within a reach, for the areas above it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from data import queries
from data.types import AT_RISK, WORST_FIRST, State
from geo import areas, rollup
from geo.aggregates import AreaLine
from geo.areas import Area, Headline, Numbers, Status
from geo.reach import Reach

SQL = queries.read(Path(__file__).parent / "sql" / "parts.sql")


def lines(conn: sa.Connection, reach: Reach, product_seats: Sequence[int], month: date | None = None) -> list[AreaLine]:
    """The areas above a reach as `map:update` tells them, for some product seats: now, or at the end of a month."""
    return [
        AreaLine(s.seat, seat, s.risk_share, s.out_share, s.reporting_share, s.handling, s.reporting, s.out, s.at_risk)
        for seat, s in _of(conn, reach, product_seats, month)
    ]


def status(
    conn: sa.Connection, reach: Reach, area: Area, product_seat: int, month: date | None = None
) -> tuple[Status, list[Status]]:
    """The roll-up of an area as far as it is within, and of the areas right below it of which at least a part is.

    Of an area that is wholly within it is that of `geo.areas.status`.
    """
    own, below = areas.status(conn, area.id, product_seat, month)
    if reach.part(area.code) is None:
        return own, below
    found = {s.code: s for _, s in _of(conn, reach, [product_seat], month)}
    seen = [found.get(b.code, none(b)) if b.code in reach.parts else b for b in below if reach.has_area(b.code)]
    return found.get(area.code, none(own)), rollup.worst_first(seen)


def headline(
    conn: sa.Connection, programme_id: int, reach: Reach, area: Area, product_seat: int, month: date | None = None
) -> Headline:
    """The numbers over the map for an area as far as it is within."""
    asked = areas.headline_months(conn, programme_id, month)
    if reach.part(area.code) is None:
        return areas.headline(conn, programme_id, area.seat, product_seat, month)
    known = {m: s for m, s in _months(conn, reach, product_seat, asked) if s.code == area.code}
    series = [_numbers(known.get(m)) for m in asked]
    if month is not None:
        return Headline(series[-1] or Numbers(0, 0, 0, 0), series[-2], series[-areas.SERIES :], None)
    now = next((s for _, s in _read(conn, reach, [product_seat]) if s.code == area.code), None)
    series.append(_numbers(now))
    newest = None if now is None else now.last_event_at
    return Headline(series[-1] or Numbers(0, 0, 0, 0), series[-2], series[-areas.SERIES :], newest)


def none(area: Status) -> Status:
    """An area without a number."""
    return replace(
        area, no_report=0, inactive=0, stockout=0, critical=0, low=0, overstock=0, adequate=0, children=0,
        children_at_risk=0, children_out=0, risk_share=255, out_share=255, reporting_share=255, last_event_at=None,
    )  # fmt: skip


def _of(
    conn: sa.Connection, reach: Reach, product_seats: Sequence[int], month: date | None
) -> list[tuple[int, Status]]:
    if month is None:
        return _read(conn, reach, product_seats)
    return [(seat, s) for seat in product_seats for _, s in _months(conn, reach, seat, [month])]


def _read(conn: sa.Connection, reach: Reach, product_seats: Sequence[int]) -> list[tuple[int, Status]]:
    asked = _asked(reach) | {"product_seats": list(product_seats)}
    return [(row.product_seat, _status(row)) for row in conn.execute(SQL["now"], asked)]


def _months(conn: sa.Connection, reach: Reach, product_seat: int, months: Sequence[date]) -> list[tuple[date, Status]]:
    order = {"worst_first": [int(state) for state in WORST_FIRST]}
    asked = _asked(reach) | order | {"product_seat": product_seat, "months": list(months)}
    return [(row.month, _status(row)) for row in conn.execute(SQL["months"], asked)]


def _asked(reach: Reach) -> dict[str, Any]:
    return {"roots": list(reach.roots), "loose": list(reach.loose), "at_risk": sorted(AT_RISK)}


def _status(row: sa.Row[Any]) -> Status:
    states = [int(getattr(row, state.name.lower())) for state in sorted(State)]
    children = [int(row.children), int(row.children_at_risk), int(row.children_out)]
    return rollup.status(row, [*states, *children], row.last_event_at)


def _numbers(found: Status | None) -> Numbers | None:
    return None if found is None else Numbers(found.handling, found.reporting, found.out, found.at_risk)
