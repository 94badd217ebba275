"""Do the areas agree with their facilities? Every roll-up counted again, from the ground up, and compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from data import queries
from data.types import AT_RISK, State

SQL = queries.read(Path(__file__).parent / "sql" / "aggregates.sql")


@dataclass(slots=True)
class Sum:
    """The facilities of an area by state; children where reports come in, where they are at risk, where nothing is."""

    facilities: list[int] = field(default_factory=lambda: [0] * len(State))
    children: list[int] = field(default_factory=lambda: [0, 0, 0])
    last_event_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Misrolled:
    """An area that tells something else of a product seat than its facilities do."""

    area: str
    product_seat: int
    stands: str
    should: str


def misrolled(conn: sa.Connection, programme_id: int) -> Iterator[Misrolled]:
    """Areas whose kept roll-up is not the sum of the facilities in it. Writes nothing."""
    asked = {"programme_id": programme_id}
    areas = {r.id: r for r in conn.execute(SQL["above"], asked)}
    sums: dict[tuple[int, int], Sum] = {}
    for r in conn.execute(SQL["counted"], asked):
        for above in areas[r.area_id].lineage:
            _add(sums.setdefault((above, r.product_seat), Sum()), r)
    for r in conn.execute(SQL["kept"], asked):
        should = sums.pop((r.area_id, r.product_seat), Sum())
        stands = Sum(list(r.facilities), list(r.children), r.last_event_at)
        if stands != should:
            yield Misrolled(areas[r.area_id].code, r.product_seat, _words(stands), _words(should))
    for (area_id, seat), should in sums.items():
        yield Misrolled(areas[area_id].code, seat, "nothing", _words(should))


def _add(to: Sum, r: sa.Row[tuple[int, int, int, int, int, datetime]]) -> None:
    to.facilities[r.state] += r.facilities
    for place, counts in enumerate((r.state > State.INACTIVE, r.state in AT_RISK, r.state == State.STOCKOUT)):
        to.children[place] += int(r.weight) if counts else 0
    to.last_event_at = max(filter(None, (to.last_event_at, r.last_event_at)), default=None)


def _words(of: Sum) -> str:
    states = ", ".join(
        f"{n:,} {s.name.lower().replace('_', ' ')}" for s, n in zip(State, of.facilities, strict=True) if n
    )
    children, at_risk, out = of.children
    newest = "never" if of.last_event_at is None else f"{of.last_event_at:%Y-%m-%d %H:%M:%S}"
    return f"{states or 'no facility'}; {children:,} children, {at_risk:,} at risk, {out:,} without; newest {newest}"
