"""What follows from one change, end to end? A newcomer who opens one file opens this one.

    ledger.record -> outbox -> advance -> push -> publish -> browsers

`advance` is one transaction: what events touched is assessed, rolled up, turned into alerts and pushes, and the cursor
moves. `publish` comes after the commit: Redis and browsers follow the pushes. A crash before the commit repeats the
work; a crash after it repeats only the telling, and everybody drops what they have.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import structlog

from app import push
from app.live import Emit, facility_room, room
from data import assess, db, programmes, queries
from data.programmes import Programme
from data.record import alerts, outbox, past
from data.types import Change
from geo import aggregates, values
from geo.cache import Link

SQL = queries.read(Path(__file__).parent / "sql" / "pipeline.sql")
log = structlog.get_logger()

READER = "pipeline"
#: So many changes are worked on in one transaction, and so many lines of a batch reach the ticker.
BATCH = 500
LINES = 5
#: Of the alerts of a new day so many are told one by one; all of them are in the list.
MOST_ALERTS = 50


@dataclass(frozen=True, slots=True)
class Told:
    """How a batch ended: how many changes it took, and which facilities' panels are to be read again."""

    changes: int
    facilities: dict[str, list[dict[str, Any]]]


def advance(engine: sa.Engine, now: datetime | None = None) -> Told:
    """Take the next batch of changes through assessment, roll-ups, alerts and pushes; one transaction."""
    now = now or datetime.now(UTC)
    touched: dict[str, list[dict[str, Any]]] = {}
    with db.transaction(engine) as conn:
        changes = outbox.read(conn, READER, BATCH)
        by_programme: dict[int, list[Change]] = defaultdict(list)
        for change in changes:
            by_programme[change.programme_id].append(change)
        for programme in programmes.every(conn):
            if programme.id in by_programme:
                touched[programme.code] = _follow(conn, programme, by_programme[programme.id], now)
    return Told(len(changes), touched)


def _follow(
    conn: sa.Connection, programme: Programme, changes: Sequence[Change], now: datetime
) -> list[dict[str, Any]]:
    pairs = list(dict.fromkeys((c.facility_id, c.product_id) for c in changes))
    names = _hold(conn, pairs)
    transitions = assess.touched(conn, programme, pairs, programme.day(now))
    areas = aggregates.move(conn, transitions)
    told: list[push.Push] = [
        push.MapUpdate(
            at=now,
            facilities=[(t.ordinal, t.product_seat, t.new, t.decile) for t in transitions],
            areas=areas,
        ),
        _stock_update(changes, names),
    ]
    told += [_alert(a) for a in alerts.follow(conn, programme.id, pairs, now)]
    push.append(conn, programme.id, told)
    return [{"facility": n.facility, "ordinal": n.ordinal, "product": n.product} for n in names.values()]


def refresh(
    conn: sa.Connection,
    programme: Programme,
    today: date,
    now: datetime,
    reason: str,
    *,
    most_alerts: int = MOST_ALERTS,
) -> None:
    """Assess a whole programme for a local day; its pushes are the alerts that follow, and to read everything again."""
    closed = assess.refresh(conn, programme, today)
    aggregates.rebuild(conn, programme.id)
    if closed is not None:
        aggregates.rebuild_months(conn, programme.id, closed)
    told = [_alert(a) for a in alerts.rebuild(conn, programme.id, now, most=most_alerts)]
    push.append(conn, programme.id, [*told, push.MapReload(reason=reason)])


def refresh_due(engine: sa.Engine, now: datetime | None = None) -> list[str]:
    """Refresh every programme whose local day has changed; returns their codes."""
    now = now or datetime.now(UTC)
    done = []
    with db.transaction(engine) as conn:
        due = [p for p in programmes.every(conn) if p.assessed_on is None or p.assessed_on < p.day(now)]
    for programme in due:
        with db.transaction(engine) as conn:
            refresh(conn, programme, programme.day(now), now, "a new day")
        past.keep(engine, programme, now)
        done.append(programme.code)
    return done


def publish(engine: sa.Engine, link: Link, emit: Emit) -> None:
    """Bring Redis and browsers up to the newest push of every programme; raises `Down` when Redis is away.

    Redis remembers the last push that was sent: what could not be sent is sent next time. Where it has forgotten, only
    the newest is sent: a browser that sees a gap asks for what it missed.
    """
    with db.transaction(engine) as conn:
        heads = [head for head in push.heads(conn) if head.seq]
    if not heads:
        return
    keys = [link.key("sent", head.programme_id) for head in heads]
    for head, key, sent in zip(heads, keys, link.do(lambda client: client.mget(keys)), strict=True):
        after = int(sent) if sent is not None and int(sent) <= head.seq else head.seq - 1
        if after < head.seq:
            _send(engine, link, emit, head, after)
            _mark(link, key, head.seq)


def _send(engine: sa.Engine, link: Link, emit: Emit, head: push.Head, after: int) -> None:
    with db.transaction(engine) as conn:
        missed = push.between(conn, head.programme_id, after, head.seq)
    if missed is None:
        values.forget(link, head.programme_id, head.seq)
        emit("seq", {"seq": head.seq}, room(head.code))
        return
    for each in missed:
        _apply(link, head.programme_id, each)
        emit(each.event, {"seq": each.seq, **each.payload}, room(head.code))


def _mark(link: Link, key: str, seq: int) -> None:
    link.do(lambda client: client.set(key, seq))


def beat(engine: sa.Engine, emit: Emit) -> bool:
    """Tell every room its newest number, so that who missed a push finds out; returns whether anybody heard it.

    The queue to the live processes is at-most-once: what they did not hear is not kept for them.
    """
    with db.transaction(engine) as conn:
        heads = push.heads(conn)
    return bool(min((emit("seq", {"seq": head.seq}, room(head.code)) for head in heads), default=0))


def tell_watchers(told: Told, emit: Emit) -> None:
    """Tell those who watch one facility that it changed; it carries no number, because nobody catches up on it."""
    for code, facilities in told.facilities.items():
        for one in facilities:
            emit("facility:update", one, facility_room(code, one["facility"]))


def waiting(engine: sa.Engine) -> bool:
    """Whether there are changes that `advance` has not taken, also those it may not read yet."""
    with db.transaction(engine) as conn:
        return bool(conn.execute(SQL["waiting"], {"name": READER}).scalar_one())


def _apply(link: Link, programme_id: int, each: push.Stored) -> None:
    if each.event == push.MapReload.event:
        values.forget(link, programme_id, each.seq)
        return
    changed = each.payload if each.event == push.MapUpdate.event else {"facilities": [], "areas": []}
    values.apply(link, programme_id, each.seq, facilities=changed["facilities"], areas=changed["areas"])


def _hold(conn: sa.Connection, pairs: Sequence[tuple[int, int]]) -> dict[tuple[int, int], sa.Row[Any]]:
    """Hold the positions until commit, so that what is assessed is what is written; returns their names."""
    asked = {"facility_ids": [p[0] for p in pairs], "product_ids": [p[1] for p in pairs]}
    return {(r.facility_id, r.product_id): r for r in conn.execute(SQL["hold"], asked)}


def _stock_update(changes: Sequence[Change], names: dict[tuple[int, int], sa.Row[Any]]) -> push.StockUpdate:
    return push.StockUpdate(
        lines=[_line(change, names[change.facility_id, change.product_id]) for change in changes[-LINES:]]
    )


_SENTENCE = {
    "receipt": "{name} received {doses} of {product}",
    "issue": "{name} issued {doses} of {product}",
    "administered": "{name} used {doses} of {product}",
    "loss": "{name} lost {doses} of {product}",
    "count": "{name} counted {balance} of {product}",
    "adjustment": "{name} corrected {product} by {sign}{doses}",
    "return": "{name} returned {doses} of {product}",
    "transfer_out": "{name} sent {doses} of {product} to another facility",
    "transfer_in": "{name} received {doses} of {product} from another facility",
    "vvm": "{name} read the vial monitors of a lot of {product}",
    "quarantine": "{name} put a lot of {product} into quarantine",
    "release": "{name} released a lot of {product} from quarantine",
    "reserve": "{name} reserved {product} for an order",
    "unreserve": "{name} reserved less {product} for an order",
    "reversal": "{name} took an entry of {product} back ({sign}{doses})",
}


def _line(change: Change, names: sa.Row[Any]) -> push.Line:
    payload: dict[str, Any] = change.payload
    doses, balance = int(payload["doses"]), int(payload["balance"])
    text = _SENTENCE[payload["kind"]].format(
        name=names.facility_name,
        product=names.product_name,
        sign="\N{MINUS SIGN}" if doses < 0 else "+",
        doses=_amount(abs(doses), names.unit),
        balance=_amount(balance, names.unit),
    )
    left = "nothing is left" if balance == 0 else f"{_amount(balance, names.unit)} left"
    return push.Line(
        at=payload["occurred_at"],
        facility=names.facility,
        facility_name=names.facility_name,
        area_name=names.area_name,
        product=names.product,
        kind=payload["kind"],
        doses=doses,
        balance=balance,
        unit=names.unit,
        text=f"{text}; {left}." if payload["kind"] != "count" else f"{text}.",
    )


def _amount(number: int, unit: str) -> str:
    return f"{number:,} {unit}" if number == 1 else f"{number:,} {unit}s"


def _alert(alert: alerts.Alert) -> push.Push:
    what = "is out of" if alert.opened else "has"
    tail = "." if alert.opened else " again."
    fields = {name: getattr(alert, name) for name in push.Alert.model_fields if name != "text"}
    text = f"{alert.facility_name} ({alert.area_name}) {what} {alert.product_name}{tail}"
    return (push.AlertNew if alert.opened else push.AlertResolved)(text=text, **fields)
