"""On which days was there nothing to give? Pure: what was on the shelf, what happened, and the days that follow.

A day out of stock is a full local day without a usable dose at any moment of it (DOMAIN section 2): the day it ran out
and the day it was refilled do not count. It is of the product's whole stock, so that an empty lot beside a full one is
none; what is expired, past its discard point or quarantined may not be given, so that it is no stock.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from data.record import rules
from data.types import Kind

_LOT_STATES = frozenset(kind.value for kind in rules.LOT_STATES)


@dataclass(frozen=True, slots=True)
class Spell:
    """Without usable stock from one moment to another; `first` and `last` are the full days of it, both included.

    `going_on` says that it had not ended when the period, or what is known, did. A spell without a full day is none.
    """

    since: datetime
    until: datetime
    first: date
    last: date
    going_on: bool

    @property
    def days(self) -> int:
        """How many full days out of stock."""
        return (self.last - self.first).days + 1


@dataclass(slots=True)
class OnShelf:
    """Doses of one lot, and what was said of it; `doses` that may not be given count for nothing."""

    doses: int
    expiry: date | None
    stage: int = 1
    quarantined: bool = False
    expired: bool = False

    @property
    def usable(self) -> int:
        """The doses of it that may be given."""
        return 0 if self.expired or self.quarantined or self.stage > rules.LAST_USABLE_STAGE else self.doses


def spells(
    shelf: Mapping[int | None, OnShelf], had: bool, rows: Iterable[Any], starts: datetime, ends: datetime, timezone: str
) -> list[Spell]:
    """The spells of a period, in order.

    `shelf` is what there was at its start and `had` whether there ever had been anything: a place that never held a
    product is not out of it. `rows` are of the record, in order. `ends` is the moment up to which things are known.
    """
    walk = _Walk(ZoneInfo(timezone), had)
    for lot_id, lot in shelf.items():
        walk.put(lot_id, lot, starts)
    rows = list(rows)
    gone = {r.reverses_id for r in rows if r.reverses_id is not None}
    walk.look(starts)
    at = starts
    for r in rows:
        if r.occurred_at != at:
            walk.look(at)
            at = r.occurred_at
            walk.expire(at)
        if r.kind not in _LOT_STATES:
            if r.doses:
                walk.move(r.lot_id, r.expiry, r.doses, at)
        elif r.reverses_id is None and r.id not in gone:
            walk.mark(r.lot_id, r.expiry, r.kind, r.stage, at)
    walk.look(at)
    walk.expire(ends)
    if walk.empty_since is not None:
        walk.end(ends, going_on=True)
    return walk.found


def mark(lot: OnShelf, kind: str, stage: int | None) -> None:
    """What an event of its state makes of a lot."""
    if kind == Kind.VVM:
        lot.stage = stage or lot.stage
    else:
        lot.quarantined = kind == Kind.QUARANTINE


class _Walk:
    """From moment to moment: the doses that may be given, and since when there are none."""

    def __init__(self, zone: ZoneInfo, had: bool) -> None:
        self.found: list[Spell] = []
        self.empty_since: datetime | None = None
        self._zone = zone
        self._had = had
        self._usable = 0
        self._lots: dict[int | None, OnShelf] = {}
        #: The ends of the expiry days that are to come, the next one first.
        self._ends: list[tuple[datetime, int]] = []

    def put(self, lot_id: int | None, lot: OnShelf, at: datetime) -> None:
        """A lot that the shelf has not held before."""
        self._lots[lot_id] = lot
        if lot.expiry is not None and lot_id is not None:
            following = min(lot.expiry, date.max - timedelta(days=1)) + timedelta(days=1)
            end = datetime(following.year, following.month, following.day, tzinfo=self._zone)
            lot.expired = end <= at
            if not lot.expired:
                heapq.heappush(self._ends, (end, lot_id))
        self._usable += lot.usable

    def move(self, lot_id: int | None, expiry: date | None, doses: int, at: datetime) -> None:
        """Doses come to a lot or leave it."""
        lot = self._at(lot_id, expiry, at)
        before = lot.usable
        lot.doses += doses
        self._usable += lot.usable - before
        self._had = self._had or doses > 0

    def mark(self, lot_id: int | None, expiry: date | None, kind: str, stage: int | None, at: datetime) -> None:
        """Something is said of a lot's state."""
        lot = self._at(lot_id, expiry, at)
        before = lot.usable
        mark(lot, kind, stage)
        self._usable += lot.usable - before

    def expire(self, until: datetime) -> None:
        """The days on which lots expired, up to a moment."""
        while self._ends and self._ends[0][0] <= until:
            end, lot_id = heapq.heappop(self._ends)
            lot = self._lots[lot_id]
            self._usable -= lot.usable
            lot.expired = True
            self.look(end)

    def look(self, at: datetime) -> None:
        """What a moment left, once all that happened at it has."""
        if self._usable <= 0:
            if self.empty_since is None and self._had:
                self.empty_since = at
        elif self.empty_since is not None:
            self.end(at, going_on=False)

    def end(self, at: datetime, *, going_on: bool) -> None:
        """A spell is over, or what is known of it is."""
        if self.empty_since is not None:
            self.found += _spell(self.empty_since, at, self._zone, going_on=going_on)
        self.empty_since = None

    def _at(self, lot_id: int | None, expiry: date | None, at: datetime) -> OnShelf:
        if lot_id not in self._lots:
            self.put(lot_id, OnShelf(0, expiry), at)
        return self._lots[lot_id]


def _spell(since: datetime, until: datetime, zone: ZoneInfo, *, going_on: bool) -> list[Spell]:
    begin, end = since.astimezone(zone), until.astimezone(zone)
    at_midnight = begin.timetz().replace(tzinfo=None) == datetime.min.time()
    first = begin.date() if at_midnight else begin.date() + timedelta(days=1)
    last = end.date() - timedelta(days=1)
    return [Spell(since, until, first, last, going_on)] if last >= first else []
