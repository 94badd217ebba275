"""What lay where at a past moment? As it was true then, with all that is known now; or as it was known then.

The record is append-only and says of each row when it happened and when it was recorded, so any past moment is a sum.
To keep that sum short, the beginning of each month has a mark: what lay where by all rows up to an id (`last_id`) that
happened before it. A mark is never wrong later: what comes late has a larger id, and is added when it is read.

    true at T  = mark + rows from the mark's month up to T + rows before it that the mark lacks
    known at T = the same of rows recorded up to T, from the newest mark that has none recorded after T

Without such a mark (there need not be any) it is the sum of all rows; of those recorded before a country was loaded
there are few, and an index on the moment of recording finds them.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum, unique
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from data import db, queries
from data.programmes import Programme
from data.record import rules

SQL = queries.read(Path(__file__).parent / "sql" / "past.sql")

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: Facilities with ids that are the same above so many bits share a row of a mark.
BLOCK_BITS = 10
#: A lot of no expiry, in days since 1970.
NEVER = 2**31 - 1
_EPOCH = date(1970, 1, 1)
#: When PostgreSQL's own time begins, in seconds since 1970.
_POSTGRES = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
_EVER, _ALWAYS = "-infinity", "infinity"
#: How long a mark waits for transactions that were under way, in seconds; the next day is soon enough.
_PATIENCE = 5.0
#: How often it looks meanwhile.
_LOOK = 0.05


@unique
class Sense(StrEnum):
    """What is asked of the past: what was true, with all that is known now, or what was known."""

    OCCURRED = "occurred"
    RECORDED = "recorded"


@dataclass(frozen=True, slots=True)
class AsOf:
    """A past moment, and in which sense it is meant."""

    moment: datetime
    sense: Sense = Sense.OCCURRED

    @property
    def known(self) -> str:
        """What was recorded up to then counts, as PostgreSQL reads it."""
        return self.moment.astimezone(UTC).isoformat() if self.sense is Sense.RECORDED else _ALWAYS


@dataclass(frozen=True, slots=True)
class Held:
    """Lots by facility and product, sorted by these; no balance is 0. `lot_id` 0 is no lot known.

    `expiry` is in days since 1970, `NEVER` where it has none; `usable` says that doses of it could be given that day.
    """

    facility_id: Ints
    product_id: Ints
    lot_id: Ints
    doses: Ints
    stage: Ints
    quarantined: Bools
    expiry: Ints
    usable: Bools


@dataclass(frozen=True, slots=True)
class Moved:
    """The rows since a mark, and those recorded after its `last_id`: local days since 1970, and which were receipts."""

    last_id: int
    facility_id: Ints
    product_id: Ints
    day: Ints
    received: Bools


def read(
    conn: sa.Connection,
    programme: Programme,
    as_of: AsOf,
    facility_ids: Sequence[int] | None = None,
    product_ids: Sequence[int] | None = None,
) -> Held:
    """What lay at these facilities, or (None) in the whole programme; of these products, or of all."""
    return look(conn, programme, as_of, facility_ids, product_ids)[0]


def look(
    conn: sa.Connection,
    programme: Programme,
    as_of: AsOf,
    facility_ids: Sequence[int] | None = None,
    product_ids: Sequence[int] | None = None,
) -> tuple[Held, Moved | None]:
    """The same, and of a whole programme the rows since its mark, read anyway; None where there is no mark."""
    plan_anew(conn)
    asked = {
        "programme_id": programme.id,
        "moment": as_of.moment,
        "known": as_of.known,
        "facility_ids": None if facility_ids is None else list(facility_ids),
        "product_ids": None if product_ids is None else list(product_ids),
    }
    day = programme.day(as_of.moment)
    pieces, moved = _pieces(conn, programme, asked, day.replace(day=1))
    keys, doses = _summed(pieces)
    there = doses != 0 if product_ids is None else (doses != 0) & np.isin(keys[1], list(product_ids))
    facility_id, product_id, lot_id = (part[there] for part in keys)
    stage, quarantined = _states(conn, asked, (facility_id, product_id, lot_id))
    expiry = _expiries(conn, programme.id, lot_id)
    usable = (stage <= rules.LAST_USABLE_STAGE) & ~quarantined & (expiry >= (day - _EPOCH).days)
    return Held(facility_id, product_id, lot_id, doses[there], stage, quarantined, expiry, usable), moved


def plan_anew(conn: sa.Connection) -> None:
    """Have statements planned for what they are asked, to the end of the transaction."""
    conn.execute(SQL["plan_anew"])


def anything(conn: sa.Connection, programme_id: int, as_of: AsOf) -> bool:
    """Whether the record reaches back to that moment."""
    plan_anew(conn)
    asked = {"programme_id": programme_id, "moment": as_of.moment, "known": as_of.known}
    return bool(conn.execute(SQL["anything"], asked).scalar_one())


def local_days(programme: Programme, at: NDArray[np.float64]) -> Ints:
    """The local days, since 1970, of moments in seconds since 1970."""
    if not at.size:
        return np.empty(0, dtype=np.int64)
    first, last = (programme.day(datetime.fromtimestamp(float(t), tz=UTC)) for t in (at.min(), at.max()))
    starts = [programme.midnight(first + timedelta(days=k)).timestamp() for k in range((last - first).days + 1)]
    return np.searchsorted(starts, at, side="right") - 1 + (first - _EPOCH).days


def numbers(conn: sa.Connection, lot_ids: Sequence[int]) -> dict[int, tuple[str, date]]:
    """Number and expiry of lots by their ids."""
    return {r.id: (r.number, r.expiry) for r in conn.execute(SQL["numbers"], {"ids": list(lot_ids)})}


# -- sums --------------------------------------------------------------------------------------------------------

_KEY = ("facility_id", "product_id", "lot_id")
Key = tuple[Ints, Ints, Ints]
Piece = tuple[Ints, Ints, Ints, Ints]


def _pieces(
    conn: sa.Connection, programme: Programme, asked: dict[str, Any], month: date
) -> tuple[list[Piece], Moved | None]:
    """The parts of the sum, and of a whole programme the rows of the last of them."""
    mark = conn.execute(SQL["mark"], asked | {"month": month}).one_or_none()
    asked = asked | {"starts": _EVER, "last_id": 0}
    pieces: list[Piece] = []
    if mark is not None:
        asked |= {"starts": programme.midnight(mark.month).astimezone(UTC).isoformat(), "last_id": mark.last_id}
        pieces += _marked(conn, programme.id, mark.month, asked["facility_ids"])
    if asked["facility_ids"] is not None:
        return [*pieces, piece(conn.execute(SQL["since_at"], asked).one())], None
    row = conn.execute(SQL["since"], asked).one()
    position, lot, at = (np.frombuffer(v or b"", dtype=">i8").astype(np.int64) for v in (row.position, row.lot, row.at))
    doses = lot.astype(np.int32).astype(np.int64)
    facility_id, product_id = position >> 32, (position & 2**32 - 1) >> 1
    day = local_days(programme, at / 1e6 + _POSTGRES)
    moved = Moved(asked["last_id"], facility_id, product_id, day, position & 1 > 0)
    return [*pieces, (facility_id, product_id, lot - doses >> 32, doses)], None if mark is None else moved


def _marked(conn: sa.Connection, programme_id: int, month: date, facility_ids: Sequence[int] | None) -> Iterator[Piece]:
    asked: dict[str, Any] = {"programme_id": programme_id, "month": month}
    if facility_ids is None:
        yield from (piece(row) for row in conn.execute(SQL["every_block"], asked))
        return
    wanted = np.array(sorted(facility_ids), dtype=np.int64)
    asked["blocks"] = np.unique(wanted >> BLOCK_BITS).tolist()
    for row in conn.execute(SQL["blocks"], asked):
        yield at_facilities([piece(row)], wanted)


def _ints(packed: bytes | None) -> Ints:
    return np.frombuffer(packed or b"", dtype=">i4").astype(np.int64)


def piece(row: sa.Row[Any]) -> Piece:
    """What lies or moved lot by lot, from packed columns."""
    return (_ints(row.facility_id), _ints(row.product_id), _ints(row.lot_id), _ints(row.doses))


def at_facilities(pieces: Sequence[Piece], facility_ids: Sequence[int] | Ints) -> Piece:
    """What pieces say of some facilities."""
    columns = [np.concatenate(column) for column in zip(*pieces, strict=True)] if pieces else [_ints(None)] * 4
    among = np.isin(columns[0], np.asarray(facility_ids))
    facility_id, product_id, lot_id, doses = (column[among] for column in columns)
    return facility_id, product_id, lot_id, doses


def off(stands: Piece, should: Piece) -> list[tuple[int, int, int, int, int]]:
    """Where two differ: facility, product, lot (0: none known), the doses of the one, and of the other."""
    both = [np.concatenate(pair) for pair in zip(stands, should, strict=True)]
    _, first, which = np.unique(_place((both[0], both[1], both[2])), return_index=True, return_inverse=True)
    own = np.arange(both[0].size) < stands[0].size
    sums = [np.bincount(which, weights=both[3] * side, minlength=first.size).astype(np.int64) for side in (own, ~own)]
    differs = sums[0] != sums[1]
    columns = (*(column[first][differs] for column in both[:3]), *(side[differs] for side in sums))
    return list(zip(*(column.tolist() for column in columns), strict=True))


def _place(key: Key) -> Ints:
    """One number for facility and lot: a lot is of one product; where none is known, the product stands for it."""
    facility_id, product_id, lot_id = key
    return facility_id << 32 | np.where(lot_id > 0, lot_id, product_id + 2**31)


def _summed(pieces: Iterable[Piece]) -> tuple[Key, Ints]:
    """The parts of a sum by facility, product and lot, in that order."""
    facility_id, product_id, lot_id, doses = (np.concatenate(column) for column in zip(*pieces, strict=True))
    _, first, which = np.unique(_place((facility_id, product_id, lot_id)), return_index=True, return_inverse=True)
    total = np.bincount(which, weights=doses, minlength=first.size).astype(np.int64)
    order = np.lexsort((lot_id[first], product_id[first], facility_id[first]))
    first = first[order]
    return (facility_id[first], product_id[first], lot_id[first]), total[order]


def _states(conn: sa.Connection, asked: dict[str, Any], of: Key) -> tuple[Ints, Bools]:
    said = conn.execute(SQL["lot_states"], asked).one()
    stage, quarantined = np.ones(of[0].size, dtype=np.int64), np.zeros(of[0].size, dtype=bool)
    key = _place((_ints(said.facility_id), _ints(said.product_id), _ints(said.lot_id)))
    if key.size and of[0].size:
        order = np.argsort(key)
        place = order[np.minimum(np.searchsorted(key, _place(of), sorter=order), key.size - 1)]
        named = key[place] == _place(of)
        stage[named] = _ints(said.stage)[place[named]]
        quarantined[named] = _ints(said.quarantined)[place[named]] > 0
    return stage, quarantined


def _expiries(conn: sa.Connection, programme_id: int, lot_ids: Ints) -> Ints:
    lots = conn.execute(SQL["lots"], {"programme_id": programme_id}).one()
    ids = _ints(lots.id)
    table = np.full(int(max(ids.max(initial=0), lot_ids.max(initial=0))) + 1, NEVER, dtype=np.int64)
    table[ids] = _ints(lots.expiry)
    return table[lot_ids]


# -- marks -------------------------------------------------------------------------------------------------------


def keep(engine: sa.Engine, programme: Programme, now: datetime) -> list[date]:
    """Mark the beginnings of months that have no mark yet, up to this one; returns them. Nobody waits for it."""
    with db.transaction(engine) as conn:
        missing = months(conn, programme, now)
    if not missing:
        return []
    last_id = settled(engine)
    if last_id is None:
        return []
    with db.transaction(engine) as conn:
        conn.execute(SQL["one_at_a_time"], {"programme_id": programme.id})
        missing = months(conn, programme, now)
        for month in missing:
            mark(conn, programme, month, last_id)
    return missing


def months(conn: sa.Connection, programme: Programme, now: datetime) -> list[date]:
    """The months without a mark, from the one after the first event or the last mark up to that of `now`."""
    heads = conn.execute(SQL["heads"], {"programme_id": programme.id}).one()
    after = heads.marked or (None if heads.first_at is None else programme.day(heads.first_at))
    if after is None:
        return []
    until = programme.day(now)
    first, last = after.year * 12 + after.month, until.year * 12 + until.month
    return [date(m // 12, m % 12 + 1, 1) for m in range(first, last)]


def settled(engine: sa.Engine) -> int | None:
    """An id up to which every row is committed or never will be; None where somebody takes too long.

    Who was given an id had begun before, so it is enough that all who had begun by then have ended.
    """
    with db.single(engine) as conn:
        last_id = int(conn.execute(SQL["last_id"]).scalar_one())
        following = conn.execute(SQL["following"]).scalar_one()
        deadline = time.monotonic() + _PATIENCE
        while conn.execute(SQL["oldest_running"]).scalar_one() < following:
            if time.monotonic() > deadline:
                return None
            time.sleep(_LOOK)
    return last_id


def mark(conn: sa.Connection, programme: Programme, month: date, last_id: int) -> None:
    """Keep what lay where when a month began, by the rows up to `last_id`, none of which may be committed later."""
    starts = programme.midnight(month)
    asked = {"programme_id": programme.id, "starts": starts, "last_id": last_id}
    until = conn.execute(SQL["recorded_until"], asked).scalar_one()
    key, doses = _summed(_pieces_up_to(conn, programme, month, last_id))
    there = doses != 0
    facility_id, product_id, lot_id = (part[there] for part in key)
    columns = dict(zip((*_KEY, "doses"), (facility_id, product_id, lot_id, doses[there]), strict=True))
    blocks, first, count = np.unique(facility_id >> BLOCK_BITS, return_index=True, return_counts=True)
    for block, start, stop in zip(blocks, first, first + count, strict=True):
        packed = {name: values[start:stop].astype(">i4").tobytes() for name, values in columns.items()}
        told = {"programme_id": programme.id, "month": month, "last_id": last_id, "recorded_until": until}
        conn.execute(SQL["add_mark"], {"block": int(block), **told, **packed})


def _pieces_up_to(conn: sa.Connection, programme: Programme, month: date, last_id: int) -> Iterator[Piece]:
    before = date(month.year - (month.month == 1), (month.month - 2) % 12 + 1, 1)
    said = {"programme_id": programme.id, "month": before, "known": _ALWAYS}
    found = conn.execute(SQL["mark"], said).one_or_none()
    asked = {"programme_id": programme.id, "ends": programme.midnight(month), "upto": last_id}
    asked |= {"starts": _EVER, "last_id": 0}
    if found is not None:
        asked |= {"starts": programme.midnight(found.month).astimezone(UTC).isoformat(), "last_id": found.last_id}
        yield from _marked(conn, programme.id, found.month, None)
    yield piece(conn.execute(SQL["to_mark"], asked).one())
