"""What follows from one change, end to end? A newcomer who opens one file opens this one.

    ledger.record -> outbox -> advance -> push -> publish -> browsers

`advance` is one transaction: what events touched is assessed, rolled up, turned into alerts and pushes, and the cursor
moves. `publish` comes after the commit: Redis and browsers follow the pushes. A crash before the commit repeats the
work; a crash after it repeats only the telling, and everybody drops what they have.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import structlog

from app import push
from app.live import Emit, facility_room, room
from data import assess, columns, db, month_marks, nation, programmes, queries
from data.programmes import Programme
from data.record import alerts, outbox
from data.types import Change
from geo import aggregates, values
from geo.cache import Link

SQL = queries.read(Path(__file__).parent / "sql" / "pipeline.sql")
log = structlog.get_logger()

#: The names of positions by facility and product id.
Names = dict[tuple[int, int], sa.Row[Any]]

READER = outbox.ASSESSES
#: At most so many changes are worked on in one transaction: who is far behind catches up in few large steps, which cost
#: a fraction of many small ones. So many lines of a batch reach the ticker.
BATCH = 5_000
LINES = 5
#: A batch that touches more positions than this tells only of facilities and areas that look different now; where even
#: of those there are more than `MOST_TOLD`, everything is read again.
QUIET = 500
MOST_TOLD = 5_000
#: Of the alerts of a new day so many are told one by one; all of them are in the list.
MOST_ALERTS = 50


@dataclass(frozen=True, slots=True)
class Told:
    """How a batch ended: how many changes it took, what was stored to be pushed, and whose panels are to be read again.

    `pushes` by programme id, with its code; `facilities` by programme code.
    """

    changes: int
    pushes: dict[int, tuple[str, list[push.Stored]]] = field(default_factory=dict)
    facilities: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


def advance(engine: sa.Engine, now: datetime | None = None) -> Told:
    """Take the next batch of changes through assessment, roll-ups, alerts and pushes; one transaction."""
    with db.transaction(engine) as conn:
        return follow(conn, now or datetime.now(UTC))


def follow(conn: sa.Connection, now: datetime) -> Told:
    """The same within a transaction of the caller's."""
    told = Told(0)
    changes = outbox.read(conn, READER, BATCH)
    by_programme: dict[int, list[Change]] = defaultdict(list)
    for change in changes:
        by_programme[change.programme_id].append(change)
    for programme_id, own in sorted(by_programme.items()):
        programme = push.lock(conn, programme_id)
        touched = dict.fromkeys((c.facility_id, c.product_id) for c in own)
        names = _hold(conn, list(touched | dict.fromkeys(_receivers(conn, list(touched)))))
        told.pushes[programme_id] = (programme.code, _follow(conn, programme, own, names, now))
        facilities = {n.facility: n for n in names.values()}
        told.facilities[programme.code] = [
            {"facility": code, "ordinal": n.ordinal, "product": n.product} for code, n in facilities.items()
        ]
    return replace(told, changes=len(changes))


def _follow(
    conn: sa.Connection, programme: Programme, changes: Sequence[Change], names: Names, now: datetime
) -> list[push.Stored]:
    today = programme.day(now)
    transitions = assess.touched(conn, programme, list(names), today)
    quiet = len(names) > QUIET
    areas = aggregates.move(conn, transitions, only_moved=quiet)
    shown = [t for t in transitions if t.recoloured or not quiet]
    told: list[push.Push] = [_map_update(shown, areas, now), _stock_update(changes, names)]
    # An alert follows the state: where that stays, there is nothing to open or to resolve.
    moved = {(t.facility_id, t.product_seat) for t in transitions if t.old != t.new}
    pairs = [pair for pair, n in names.items() if (n.facility_id, n.seat) in moved]
    told += [_alert(a) for a in alerts.follow(conn, programme.id, pairs, now)]
    over = programme.midnight(today.replace(day=1))
    if any(datetime.fromisoformat(str(c.payload["occurred_at"])) < over for c in changes):
        nation.mark(conn, programme.id)
    return push.append(conn, programme.id, told)


def _map_update(shown: Sequence[assess.Transition], areas: list[aggregates.AreaLine], now: datetime) -> push.Push:
    if len(shown) + len(areas) > MOST_TOLD:
        return push.MapReload(reason="much changed at once")
    return push.MapUpdate(at=now, facilities=[(t.ordinal, t.product_seat, t.new, t.decile) for t in shown], areas=areas)


def refresh(
    conn: sa.Connection,
    programme: Programme,
    today: date,
    now: datetime,
    reason: str,
    *,
    most_alerts: int = MOST_ALERTS,
) -> None:
    """Work out a whole programme from what is stored, for a local day: demand, states, roll-ups, alerts.

    Its pushes are the alerts that follow, and to read everything again.
    """
    push.lock(conn, programme.id)
    done = _refreshed(conn, programme, today, demand=True)
    aggregates.rebuild(conn, programme.id)
    if done.closed is not None:
        aggregates.rebuild_months(conn, programme.id, done.closed)
    told = [_alert(a) for a in alerts.rebuild(conn, programme.id, now, most=most_alerts)]
    push.append(conn, programme.id, [*told, push.MapReload(reason=reason)])


def _refreshed(conn: sa.Connection, programme: Programme, today: date, *, demand: bool) -> nation.Refreshed:
    done = nation.refresh(conn, programme, today, demand=demand)
    if done.trouble:
        log.warning("model.not_asked", programme=programme.code, why=done.trouble)
    return done


def new_day(conn: sa.Connection, programme: Programme, today: date, now: datetime) -> None:
    """Bring a programme that is rolled up already to another local day: what the day changes is carried on."""
    push.lock(conn, programme.id)
    done = _refreshed(conn, programme, today, demand=False)
    aggregates.move(conn, done.transitions)
    if done.closed is not None:
        aggregates.rebuild_months(conn, programme.id, done.closed)
    told = [_alert(a) for a in alerts.follow(conn, programme.id, done.pairs, now)][-MOST_ALERTS:]
    push.append(conn, programme.id, [*told, push.MapReload(reason="a new day")])


def refresh_due(engine: sa.Engine, now: datetime | None = None) -> list[str]:
    """Bring every programme whose local day has changed to its new one; returns their codes."""
    now = now or datetime.now(UTC)
    done = []
    with db.transaction(engine) as conn:
        due = [p.code for p in programmes.every(conn) if p.assessed_on is None or p.assessed_on < p.day(now)]
    for code in due:
        with db.transaction(engine) as conn:
            # What a day changes is carried on once: another worker waits here, and finds it done.
            programme = push.lock(conn, programmes.find(conn, code).id)
            today = programme.day(now)
            if programme.assessed_on is None:
                refresh(conn, programme, today, now, "a new day")
            elif programme.assessed_on < today:
                new_day(conn, programme, today, now)
        month_marks.keep(engine, programme, now)
        done.append(code)
    return done


def publish(engine: sa.Engine, link: Link, emit: Emit) -> None:
    """Bring Redis and browsers up to the newest push of every programme; raises `Down` when Redis is away.

    Redis remembers the last push that was sent: what could not be sent is sent next time. Where it has forgotten, only
    the newest is sent: a browser that sees a gap asks for what it missed.
    """
    with db.transaction(engine) as conn:
        heads = [head for head in push.heads(conn) if head.seq]
    for head, sent in zip(heads, _sent(link, [head.programme_id for head in heads]), strict=True):
        after = sent if sent is not None and sent <= head.seq else head.seq - 1
        if after < head.seq:
            with db.transaction(engine) as conn:
                missed = push.between(conn, head.programme_id, after, head.seq)
            if missed is None:
                values.forget(link, head.programme_id, head.seq)
                emit("seq", {"seq": head.seq}, room(head.code))
                _mark(link, head.programme_id, head.seq)
            else:
                _send(link, emit, head.programme_id, head.code, missed)


def publish_told(link: Link, emit: Emit, told: Told) -> bool:
    """Send what a batch has just stored, without reading it again; returns whether nothing before it was missing.

    Where something was, nothing is sent: `publish` sends all of it. Raises `Down` as that does.
    """
    whole = True
    for (programme_id, (code, stored)), sent in zip(told.pushes.items(), _sent(link, list(told.pushes)), strict=True):
        if sent == stored[0].seq - 1:
            _send(link, emit, programme_id, code, stored)
        else:
            whole = False
    return whole


def _sent(link: Link, programme_ids: Sequence[int]) -> list[int | None]:
    if not programme_ids:
        return []
    keys = [link.key("sent", programme_id) for programme_id in programme_ids]
    return [None if sent is None else int(sent) for sent in link.do(lambda client: client.mget(keys))]


def _send(link: Link, emit: Emit, programme_id: int, code: str, pushes: Sequence[push.Stored]) -> None:
    for each in pushes:
        _apply(link, programme_id, each)
        emit(each.event, {"seq": each.seq, **each.payload}, room(code))
    _mark(link, programme_id, pushes[-1].seq)


def _mark(link: Link, programme_id: int, seq: int) -> None:
    link.do(lambda client: client.set(link.key("sent", programme_id), seq))


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


def _hold(conn: sa.Connection, pairs: Sequence[tuple[int, int]]) -> Names:
    """Hold the positions until commit, so that what is assessed is what is written; returns their names."""
    asked = {
        "facility_ids": columns.ints([p[0] for p in pairs]),
        "product_ids": columns.ints([p[1] for p in pairs]),
    }
    return {(r.facility_id, r.product_id): r for r in conn.execute(SQL["hold"], asked)}


def _receivers(conn: sa.Connection, pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Who waits for what these positions have sent: what is on the way changes what is ahead of them."""
    asked = {
        "facility_ids": columns.ints([p[0] for p in pairs]),
        "product_ids": columns.ints([p[1] for p in pairs]),
    }
    return [(r.facility_id, r.product_id) for r in conn.execute(SQL["receivers"], asked)]


def _stock_update(changes: Sequence[Change], names: Names) -> push.StockUpdate:
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
