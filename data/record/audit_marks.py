"""Is what positions were judged by when a month began what their rows and months say? Checks data.month_marks.

Only what a mark can know is held against it: a row that came after its `last_id` may be in it or not, and where one
did, the months that its demand is from are others now. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from data import month_marks, monthly
from data.columns import NULL, Floats, Ints
from data.insight.history import WINDOW_MONTHS
from data.monthly import Span
from data.programmes import Programme
from data.record import past

_EPOCH = date(1970, 1, 1)
#: Demand is worked out by the same code from the same numbers; sums of other lengths may differ in the last digits.
_ALIKE = 1e-9


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of the record as columns; `at` in seconds since 1970, `received` where it was a receipt."""

    facility_id: Ints
    product_id: Ints
    id: Ints
    at: Floats
    received: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Off:
    """A position whose mark of a month is not what it should be, in words."""

    facility_id: int
    product_id: int
    month: date
    stands: str
    should: str


def off(
    conn: sa.Connection,
    programme: Programme,
    marks: Sequence[tuple[date, int]],
    facility_ids: Sequence[int],
    rows: Rows,
) -> Iterator[Off]:
    """What is wrong in these marks (month, last id) of some facilities, given all of their rows."""
    ids = np.array(sorted(facility_ids), dtype=np.int64)
    numbers = [monthly.number(month) for month, _ in marks]
    span = Span(min(numbers) - WINDOW_MONTHS, max(numbers))
    told = monthly.reports(conn, programme.id, span, first=int(ids[0]), last=int(ids[-1]))
    row_key, told_key = _key(rows.facility_id, rows.product_id), _key(told.facility_id, told.product_id)
    day = past.local_days(programme, rows.at)
    for (month, last_id), number in zip(marks, numbers, strict=True):
        mark = month_marks.read(
            conn, programme.id, month, last_id, int(ids[0]) >> past.BLOCK_BITS, int(ids[-1]) >> past.BLOCK_BITS
        )
        mine = np.isin(mark.facility_id, ids)
        mark_key = _key(mark.facility_id, mark.product_id)[mine]
        key = np.unique(np.concatenate([mark_key, told_key, row_key]))
        place, at = np.searchsorted(key, mark_key), np.searchsorted(key, row_key)
        before = rows.at < programme.midnight(month).timestamp()
        known = before & (rows.id <= last_id)
        wrong = np.zeros(key.size, dtype=bool)
        stand, should = [], []
        for name, which in (("event_day", before), ("received_day", before & rows.received)):
            least, most = (_last(key.size, at, day, among) for among in (which & known, which))
            stands = _placed(key.size, place, getattr(mark, name)[mine])
            wrong |= (stands < least) | (stands > most)
            stand.append(stands)
            should.append(least)
        amc = np.full(key.size, np.nan)
        amc[place] = mark.amc[mine]
        column = slice(number - WINDOW_MONTHS - span.since, number - span.since)
        own = _demand(told, np.searchsorted(key, told_key), (key.size, span.until - span.since), span, column)
        changed = np.zeros(key.size, dtype=bool)
        changed[at[before & ~known]] = True
        wrong |= ~changed & ~np.isclose(amc, own, rtol=_ALIKE, atol=0.0, equal_nan=True)
        for k in np.flatnonzero(wrong).tolist():
            said = (_words(a, e[k], r[k]) for a, (e, r) in ((amc[k], stand), (own[k], should)))
            yield Off(int(key[k]) >> 32, int(key[k]) & 2**32 - 1, month, *said)


def _demand(told: monthly.Rows, row: Ints, shape: tuple[int, int], span: Span, column: slice) -> Floats:
    every = np.ones(row.size, dtype=bool)
    used, days_out, opening, received = (
        told.grid(name, row, every, shape)[:, column] for name in ("used", "days_out", "opening", "received")
    )
    return month_marks.own_demand(used, days_out, opening, received, span.days[column]).amc


def _last(size: int, at: Ints, day: Ints, among: NDArray[np.bool_]) -> Ints:
    last = np.full(size, NULL, dtype=np.int64)
    np.maximum.at(last, at[among], day[among])
    return last


def _placed(size: int, place: Ints, values: Ints) -> Ints:
    found = np.full(size, NULL, dtype=np.int64)
    found[place] = values
    return found


def _words(amc: float, event_day: int, received_day: int) -> str:
    days = (
        "nothing" if d == NULL else f"{_EPOCH + timedelta(days=int(d)):%Y-%m-%d}" for d in (event_day, received_day)
    )
    need = "not known" if np.isnan(amc) else f"{amc:,.6g} a month"
    return "demand {}, last event {}, last receipt {}".format(need, *days)


def _key(facility_ids: Ints, product_ids: Ints) -> Ints:
    return facility_ids << 32 | product_ids
