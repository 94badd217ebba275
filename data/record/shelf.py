"""What is on one shelf while a submission is worked on? Lots held, and what happened after a late event's moment.

A late event is judged against the shelf as it was then, and has to leave everything that followed possible.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import sqlalchemy as sa

from data import errors, queries
from data.record import rules
from data.types import StockEvent

SQL = queries.read(Path(__file__).parent / "sql" / "ledger.sql")


class Shelf:
    """The lots of one position, with the lines of the submission so far folded in."""

    def __init__(self, conn: sa.Connection, facility_id: int, product_id: int, last_event_at: datetime | None) -> None:
        self._conn = conn
        self._facility_id = facility_id
        self._product_id = product_id
        self._last_event_at = last_event_at
        self._held: dict[int | None, rules.Held] = {}
        #: The lots that have a row in lot_balance.
        self.on_record: set[int | None] = set()
        self._added: list[tuple[datetime, rules.Line]] = []

    def put(self, held: rules.Held) -> None:
        """Put a lot on the shelf, as it is on record."""
        self.on_record.add(held.lot_id)
        self._held[held.lot_id] = held

    @property
    def total(self) -> int:
        """Doses on the shelf, usable or not."""
        return rules.total(list(self._held.values()))

    def usable_on(self, day: date) -> int:
        """Doses that may be given on that local day."""
        return rules.usable(list(self._held.values()), day)

    def number(self, lot_id: int | None) -> str | None:
        """The number of a lot that is on the shelf; None for "no lot known"."""
        return self._held[lot_id].number if lot_id is not None else None

    def take(self, event: StockEvent, lot_id: int | None, day: date) -> Sequence[rules.Line]:
        """Fold an event in and return its lines; raises `Overdraw` where the shelf, then or later, held too little."""
        moment = event.occurred_at
        later = self._later(moment)
        then = self._as_of(later)
        lines = rules.lines(
            list(then.values()), event.kind, event.doses, day,
            named=event.lot is not None, lot_id=lot_id, reason=event.reason,
        )  # fmt: skip
        if later:
            self._check_what_followed(then, lines, later)
        for line in lines:
            self._fold(event, line)
            self._added.append((moment, line))
        if self._last_event_at is None or moment > self._last_event_at:
            self._last_event_at = moment
        return lines

    def _fold(self, event: StockEvent, line: rules.Line) -> None:
        held = self._held.get(line.lot_id)
        if held is None:
            number = event.lot if line.lot_id is not None else None
            held = rules.Held(line.lot_id, number, event.expiry if number else None, 0, 1, event.occurred_at)
        self._held[line.lot_id] = replace(held, doses=held.doses + line.doses)

    def _later(self, moment: datetime) -> list[tuple[datetime, rules.Line]]:
        """What happened after that moment, on record or in this submission, in order; nothing for an event in order."""
        if self._last_event_at is None or moment >= self._last_event_at:
            return []
        asked = {"facility_id": self._facility_id, "product_id": self._product_id, "moment": moment}
        known = [(r.occurred_at, rules.Line(r.lot_id, r.doses)) for r in self._conn.execute(SQL["later_lines"], asked)]
        return sorted(known + [a for a in self._added if a[0] > moment], key=lambda a: a[0])

    def _as_of(self, later: Sequence[tuple[datetime, rules.Line]]) -> dict[int | None, rules.Held]:
        then = dict(self._held)
        for _, line in later:
            if line.lot_id in then:
                then[line.lot_id] = replace(then[line.lot_id], doses=then[line.lot_id].doses - line.doses)
        return then

    def _check_what_followed(
        self,
        then: dict[int | None, rules.Held],
        lines: Sequence[rules.Line],
        later: Sequence[tuple[datetime, rules.Line]],
    ) -> None:
        doses: dict[int | None, int] = defaultdict(int, {lot: held.doses for lot, held in then.items()})
        for line in lines:
            doses[line.lot_id] += line.doses
        for when, line in later:
            before = doses[line.lot_id]
            doses[line.lot_id] += line.doses
            if doses[line.lot_id] < 0:
                raise errors.Overdraw(
                    remedy=f"Recording it would leave too little for what happened on {when:%d %b %Y}.",
                    balance=before,
                    doses=-line.doses,
                )
