"""What was a position judged by when a month began? Its demand, its last event and its last receipt, kept for the past.

To estimate demand takes twelve months of every position, which a nation cannot be asked for each time somebody looks at
a past moment. The rule is that of `data.past`: the place's own full months. What is true of a moment is so the mark of
its month, what has happened since, and, for the few places of which something came late, their months read again. A
mark of which much came late is made again beside the first, which stays: it is what was known when the month began.

Without a mark the answers are the same, and take longer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from data import columns, db, monthly, queries
from data.columns import NULL, Floats, Ints
from data.insight import demand
from data.insight.history import WINDOW_MONTHS
from data.monthly import Span
from data.programmes import Programme
from data.record import past
from data.record.past import AsOf, Sense

SQL = queries.read(Path(__file__).parent / "sql" / "month_marks.sql")

_EVER = "-infinity"
#: So many blocks of facilities are worked on together.
_BLOCKS = 4
#: So many months are marked together: what has to be held is then that of two years.
_MONTHS = 12
#: A mark is made again when more rows than this have come late. Reports of a month come in the days after it.
MOST_LATE = 500
#: Of so many months it is looked whether much came late.
_LOOKED_AT = 3


@dataclass(frozen=True, slots=True)
class Mark:
    """What positions were judged by when a month began, sorted by facility and product.

    `amc` is NaN where no month says it; days are local ones since 1970, `NULL` where there was nothing.
    """

    month: date
    last_id: int
    facility_id: Ints
    product_id: Ints
    amc: Floats
    event_day: Ints
    received_day: Ints


def own_demand(used: Floats, days_out: Floats, opening: Floats, received: Floats, days: Floats) -> demand.Demand:
    """The demand of positions by their own full months alone; all are [n, months] as reported, NaN where not."""
    out = demand.days_out_at_least(days_out, opening, received, days, used=used)
    # Each is a group of its own: its months speak for it, and nobody else's.
    return demand.estimate(used, out, ~np.isnan(used), days, group=np.arange(len(used)))


# -- reading -----------------------------------------------------------------------------------------------------


def find(conn: sa.Connection, programme: Programme, as_of: AsOf) -> Mark | None:
    """The mark of the month of a moment, as far as it was known then; None where there is none."""
    month = programme.day(as_of.moment).replace(day=1)
    asked = {"programme_id": programme.id, "month": month}
    last_id = conn.execute(SQL["held"], asked | {"known": as_of.known}).scalar_one_or_none()
    return None if last_id is None else read(conn, programme.id, month, last_id)


def read(conn: sa.Connection, programme_id: int, month: date, last_id: int, first: int = 0, last: int = 2**21) -> Mark:
    """A mark, or what it says of some blocks of facilities."""
    asked = {"programme_id": programme_id, "month": month, "last_id": last_id, "first": first, "last": last}
    rows = conn.execute(SQL["blocks"], asked).all()

    def column(name: str, kind: str) -> NDArray[Any]:
        return np.frombuffer(b"".join(r._mapping[name] for r in rows), dtype=kind)

    facility_id, product_id, event_day, received_day = (
        column(name, ">i4").astype(np.int64) for name in ("facility_id", "product_id", "event_day", "received_day")
    )
    amc = column("amc", ">f8").astype(np.float64)
    return Mark(month, last_id, facility_id, product_id, amc, event_day, received_day)


def late(conn: sa.Connection, programme: Programme, mark: Mark, sense: Sense) -> tuple[Ints, Ints]:
    """Facility and product of those whose months a mark does not know as they are known now.

    None in what was known then: the mark says what was known of the months before it.
    """
    if sense is Sense.RECORDED:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    asked = {"programme_id": programme.id, "starts": programme.midnight(mark.month), "last_id": mark.last_id}
    found = columns.read(conn.execute(SQL["late"], asked).one(), frozenset())
    return found["facility_id"], found["product_id"]


# -- making ------------------------------------------------------------------------------------------------------


def keep(engine: sa.Engine, programme: Programme, now: datetime) -> list[date]:
    """Mark the beginnings of months that have no mark yet, or one that lacks much; returns them. Nobody waits for it.

    The lots' own marks (`data.record.past`) are made first: what is read since a mark of theirs is then never too
    little for one of these.
    """
    past.keep(engine, programme, now)
    with db.transaction(engine) as conn:
        wanted = due(conn, programme, now)
    last_id = past.settled(engine) if wanted else None
    if last_id is None:
        return []
    with db.transaction(engine) as conn:
        conn.execute(SQL["one_at_a_time"], {"programme_id": programme.id})
        wanted = due(conn, programme, now)
        make(conn, programme, wanted, last_id)
    return wanted


def due(conn: sa.Connection, programme: Programme, now: datetime) -> list[date]:
    """The months to be marked, oldest first: those of which much came late, and those without a mark up to `now`."""
    asked = {"programme_id": programme.id}
    heads = conn.execute(SQL["heads"], asked).one()
    after = heads.marked or (None if heads.first_at is None else programme.day(heads.first_at))
    if after is None:
        return []
    missing = range(monthly.number(after) + 1, monthly.number(programme.day(now)) + 1)
    again = []
    for r in conn.execute(SQL["newest"], asked | {"before": date.max, "most": _LOOKED_AT}).all():
        lacks = asked | {"starts": programme.midnight(r.month), "last_id": r.last_id, "many": MOST_LATE}
        if conn.execute(SQL["much_came_late"], lacks).scalar_one():
            again.append(r.month)
    return [*sorted(again), *(monthly.first_day(m) for m in missing)]


def make(conn: sa.Connection, programme: Programme, months: Sequence[date], last_id: int) -> None:
    """Keep what positions were judged by when these months began, by all rows up to `last_id` at least.

    None of these may be committed later. What has come after it may be in: whoever reads adds it once more, which
    changes nothing.
    """
    past.plan_anew(conn)
    ids = columns.read(conn.execute(SQL["facilities"], {"programme_id": programme.id}).one(), frozenset())["id"]
    blocks = np.unique(ids >> past.BLOCK_BITS)
    for together in (months[k : k + _MONTHS] for k in range(0, len(months), _MONTHS)):
        before = conn.execute(
            SQL["newest"], {"programme_id": programme.id, "before": together[0], "most": 1}
        ).one_or_none()
        for k in range(0, blocks.size, _BLOCKS):
            first, last = int(blocks[k]), int(blocks[min(k + _BLOCKS, blocks.size) - 1])
            _make(conn, programme, together, last_id, before, (first, last))
    for month in months:
        conn.execute(SQL["drop_between"], {"programme_id": programme.id, "month": month, "last_id": last_id})


def _make(
    conn: sa.Connection, programme: Programme, months: Sequence[date], last_id: int, before: sa.Row[Any] | None,
    blocks: tuple[int, int],
) -> None:  # fmt: skip
    """These months of the facilities from one block to another."""
    numbers = [monthly.number(month) for month in months]
    span = Span(numbers[0] - WINDOW_MONTHS, numbers[-1])
    facilities = {"first": blocks[0] << past.BLOCK_BITS, "last": (blocks[1] + 1 << past.BLOCK_BITS) - 1}
    # What is heard is read after the months: so there is nothing in these that `recorded_until` does not cover.
    told = monthly.reports(conn, programme.id, span, **facilities)
    heard = _heard(conn, programme, months, before, blocks, facilities)
    key = np.unique(np.concatenate([_key(told.facility_id, told.product_id), heard.key]))
    row, known = np.searchsorted(key, _key(told.facility_id, told.product_id)), np.ones(told.month.size, dtype=bool)
    grids = [
        told.grid(name, row, known, (key.size, numbers[-1] - span.since))
        for name in ("used", "days_out", "opening", "received")
    ]
    place = np.searchsorted(key, heard.key)
    for column, (month, number) in enumerate(zip(months, numbers, strict=True)):
        window = slice(number - WINDOW_MONTHS - span.since, number - span.since)
        used, days_out, opening, received = (grid[:, window] for grid in grids)
        amc = own_demand(used, days_out, opening, received, span.days[window]).amc
        days = [np.full(key.size, NULL) for _ in range(2)]
        for values, of in zip(days, (heard.event_day, heard.received_day), strict=True):
            values[place] = of[:, column]
        mark = Mark(month, last_id, key >> 32, key & 2**32 - 1, amc, *days)
        _store(conn, programme.id, mark, heard.recorded[column])


@dataclass(frozen=True, slots=True)
class _Heard:
    """When positions last had an event and a receipt before each of some months, [n, months]; `recorded` [months]."""

    key: Ints
    event_day: Ints
    received_day: Ints
    recorded: list[datetime | None]


def _heard(
    conn: sa.Connection, programme: Programme, months: Sequence[date], before: sa.Row[Any] | None,
    blocks: tuple[int, int], facilities: dict[str, int],
) -> _Heard:  # fmt: skip
    asked = facilities | {"programme_id": programme.id, "timezone": programme.timezone}
    asked |= {"starts": _EVER, "last_id": 0, "ends": programme.midnight(months[-1])}
    empty = np.empty(0, dtype=np.int64)
    mark, until = Mark(months[0], 0, empty, empty, np.empty(0), empty, empty), None
    if before is not None:
        asked |= {"starts": programme.midnight(before.month).astimezone(UTC).isoformat(), "last_id": before.last_id}
        mark = read(conn, programme.id, before.month, before.last_id, *blocks)
        until = _recorded_until(conn, programme.id, before, blocks)
    packed = conn.execute(SQL["heard"], asked).one()._mapping
    rows = columns.read_packed({n: v for n, v in packed.items() if n != "recorded"}, frozenset())
    recorded = np.frombuffer(packed["recorded"] or b"", dtype=">i8").astype(np.int64)
    row_key, mark_key = _key(rows["facility_id"], rows["product_id"]), _key(mark.facility_id, mark.product_id)
    key = np.unique(np.concatenate([row_key, mark_key]))
    # A row counts for the months that begin after it; what the mark before them knew counts for all.
    column = np.searchsorted([monthly.number(m) for m in months], rows["month"], side="right")
    days = []
    for name in ("event_day", "received_day"):
        values = np.full((key.size, len(months)), NULL)
        values[np.searchsorted(key, mark_key), 0] = getattr(mark, name)
        within = column < len(months)
        np.maximum.at(values, (np.searchsorted(key, row_key)[within], column[within]), rows[name][within])
        days.append(np.maximum.accumulate(values, axis=1))
    last = np.full(len(months), NULL if until is None else int(until.timestamp() * 1000) + 1)
    np.maximum.at(last, column[within], recorded[within])
    ends = [_moment(ms) for ms in np.maximum.accumulate(last).tolist()]
    return _Heard(key, days[0], days[1], ends)


def _moment(milliseconds: int) -> datetime | None:
    return None if milliseconds == NULL else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)


def _recorded_until(
    conn: sa.Connection, programme_id: int, before: sa.Row[Any], blocks: tuple[int, int]
) -> datetime | None:
    asked = {"programme_id": programme_id, "month": before.month, "last_id": before.last_id}
    rows = conn.execute(SQL["blocks"], asked | {"first": blocks[0], "last": blocks[1]})
    return max((r.recorded_until for r in rows if r.recorded_until is not None), default=None)


def _store(conn: sa.Connection, programme_id: int, mark: Mark, until: datetime | None) -> None:
    for block, part in _by_block(mark):
        packed = {
            "facility_id": mark.facility_id[part].astype(">i4").tobytes(),
            "product_id": mark.product_id[part].astype(">i4").tobytes(),
            "amc": mark.amc[part].astype(">f8").tobytes(),
            "event_day": mark.event_day[part].astype(">i4").tobytes(),
            "received_day": mark.received_day[part].astype(">i4").tobytes(),
        }
        told = {"programme_id": programme_id, "month": mark.month, "last_id": mark.last_id, "recorded_until": until}
        conn.execute(SQL["keep"], {"block": block, **told, **packed})


def _by_block(mark: Mark) -> Iterator[tuple[int, slice]]:
    blocks, first, count = np.unique(mark.facility_id >> past.BLOCK_BITS, return_index=True, return_counts=True)
    for block, start, size in zip(blocks.tolist(), first.tolist(), count.tolist(), strict=True):
        yield block, slice(start, start + size)


def _key(facility_ids: Ints, product_ids: Ints) -> Ints:
    return facility_ids << 32 | product_ids
