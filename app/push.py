"""What are browsers told? The closed set of pushes, and their one gap-free sequence per programme.

A push is stored in the transaction that changes what it tells; only then is it sent.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict

from data import queries
from data.programmes import Programme
from geo import cut, parts
from geo.aggregates import AreaLine
from geo.reach import Reach

SQL = queries.read(Path(__file__).parent / "sql" / "push.sql")

#: How long a browser may have been away and still catch up push by push, in days.
KEPT_DAYS = 2
#: More pushes than this are slower to replay than to read everything again.
MOST_MISSED = 2_000


class Push(BaseModel):
    """A push; `event` is its name on the socket."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    event: ClassVar[str]


class MapUpdate(Push):
    """Facilities and areas that changed colour or count; see docs/architecture.md for the order of each entry."""

    event: ClassVar[str] = "map:update"
    at: datetime
    facilities: list[tuple[int, int, int, int]]
    areas: list[AreaLine]


class Line(BaseModel):
    """One line of the ticker."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    at: datetime
    facility: str
    facility_name: str
    area_name: str
    product: str
    kind: str
    doses: int
    balance: int
    unit: str
    text: str


class StockUpdate(Push):
    """What happened to stock, newest last."""

    event: ClassVar[str] = "stock:update"
    lines: list[Line]


class Alert(Push):
    """An alert that opened or was resolved."""

    id: int
    kind: str
    facility: str
    facility_name: str
    area_name: str
    product: str
    product_name: str
    at: datetime
    text: str


class AlertNew(Alert):
    """A facility needs somebody's attention."""

    event: ClassVar[str] = "alert:new"


class AlertResolved(Alert):
    """The data say that it no longer does."""

    event: ClassVar[str] = "alert:resolved"


class MapReload(Push):
    """So much changed at once that everything is read again."""

    event: ClassVar[str] = "map:reload"
    reason: str


@dataclass(frozen=True, slots=True)
class Head:
    """How far a programme's sequence has come; 0 before its first push."""

    programme_id: int
    code: str
    seq: int


@dataclass(frozen=True, slots=True)
class Stored:
    """A push with its number."""

    seq: int
    event: str
    payload: dict[str, Any]


def lock(conn: sa.Connection, programme_id: int) -> Programme:
    """Queue for a programme's sequence, until commit; returns the programme.

    Before any position is held, by everybody: who waits for the other in turn waits for ever.
    """
    return Programme(*conn.execute(SQL["lock"], {"programme_id": programme_id}).one())


def append(conn: sa.Connection, programme_id: int, pushes: Sequence[Push]) -> list[Stored]:
    """Give pushes the next numbers of the programme, which the caller has locked."""
    if not pushes:
        return []
    payloads = [p.model_dump(mode="json") for p in pushes]
    rows = conn.execute(
        SQL["append"],
        {
            "programme_id": programme_id,
            "events": [p.event for p in pushes],
            "payloads": [json.dumps(payload) for payload in payloads],
        },
    )
    numbers = sorted(rows.scalars())
    return [Stored(seq, p.event, payload) for seq, p, payload in zip(numbers, pushes, payloads, strict=True)]


def heads(conn: sa.Connection) -> list[Head]:
    """How far every programme has come."""
    return [Head(*row) for row in conn.execute(SQL["heads"])]


def between(conn: sa.Connection, programme_id: int, after: int, last: int) -> list[Stored] | None:
    """The pushes after a number up to another; None where reading everything again is right."""
    if not 0 <= after <= last or last - after > MOST_MISSED:
        return None
    rows = conn.execute(SQL["between"], {"programme_id": programme_id, "after": after, "last": last}).all()
    if len(rows) < last - after:
        return None
    return [Stored(r.seq, r.event, r.payload) for r in rows]


def catch_up(conn: sa.Connection, programme_id: int, seq: int, reach: Reach) -> dict[str, Any]:
    """What a browser at `seq` is answered: the pushes it missed, or that it is to read everything again.

    Of a part, what lies within `reach` is left of each; the areas above have the numbers that they have now.
    """
    last = int(conn.execute(SQL["newest"], {"programme_id": programme_id}).scalar_one())
    missed = between(conn, programme_id, seq, last)
    if missed is None:
        return {"seq": last, "reload": True}
    if not reach.whole:
        missed = cut_to(conn, reach, missed)
    return {"seq": last, "changes": [{"seq": m.seq, "event": m.event, "payload": m.payload} for m in missed]}


def says_enough(reach: Reach, each: Stored) -> bool:
    """Whether a push can be cut without asking PostgreSQL: of most parts it says what becomes of the areas above."""
    return each.event != MapUpdate.event or cut.above(reach, each.payload) is not None or not cut.touched(
        reach, each.payload
    )  # fmt: skip


def cut_to(conn: sa.Connection | None, reach: Reach, pushes: Sequence[Stored]) -> list[Stored]:
    """What is left of pushes for somebody who sees a part; each keeps its number.

    The areas above are told as they are now, with the last push that touches any of them. Without a connection they
    are not, where the push itself does not say it.
    """
    updates = [each for each in pushes if each.event == MapUpdate.event]
    above: dict[int, list[list[int]]] = {}
    for each in updates:
        if (said := cut.above(reach, each.payload)) is not None:
            above[each.seq] = said
    if updates and updates[-1].seq not in above:
        touched = {each.seq: cut.touched(reach, each.payload) for each in updates}
        seats = sorted(set().union(*touched.values()))
        if seats and conn is not None:
            last = max(seq for seq, found in touched.items() if found)
            above[last] = [list(line) for line in parts.lines(conn, reach, seats)]
    return [Stored(p.seq, *cut.push(reach, p.event, p.payload, above.get(p.seq))) for p in pushes]


def sweep(conn: sa.Connection) -> int:
    """Delete the pushes that nobody catches up from any more, but never a programme's newest."""
    return conn.execute(SQL["sweep"], {"days": KEPT_DAYS}).rowcount
