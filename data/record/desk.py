"""What becomes of one position while a submission is worked on? In order of occurrence, whatever the order of arrival.

Pure: what is on record is handed in. An event after all others is folded in. One that comes late is put where it
belongs: the shelf is taken back to its moment, everything since happens again, and what comes out differently (the
difference of a count, the lots of an issue that named none) becomes rows of revision. What would be impossible then is
refused.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from data import errors
from data.record import rules
from data.record.rules import Line, Said, Shelf
from data.record.submission import Entry
from data.types import Entry as Why
from data.types import Kind

#: What a shelf says no with.
_IMPOSSIBLE = (errors.Overdraw, errors.Overfull)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the record as it will be appended: the event that it belongs to, and its effect on one lot."""

    why: Why
    said: Said
    line: Line
    #: The event that is being recorded and made this row; what is copied from it or from `recalled`.
    entry: Entry
    recalled: Recalled | None = None

    @property
    def shipment_id(self) -> int | None:
        """The shipment that it sends or receives."""
        return self.recalled.shipment_id if self.recalled is not None else self.entry.shipment_id


@dataclass(slots=True)
class Recalled:
    """An event on record: what was said, its effect so far by lot, and the columns that its revisions repeat."""

    said: Said
    first_id: int
    shipment_id: int | None
    columns: dict[str, Any]
    net: dict[int | None, Line] = field(default_factory=dict)
    reversed: bool = False

    def add(self, lot_id: int | None, doses: int, reserved: int) -> None:
        """Count a row of it."""
        before = self.net.get(lot_id, Line(lot_id, 0))
        self.net[lot_id] = Line(lot_id, before.doses + doses, before.reserved + reserved)


class Past:
    """What a position was before a moment, and what has happened since."""

    def __init__(self, shelf: Shelf, since: Sequence[Recalled]) -> None:
        self.shelf = shelf
        self.since = since


class Desk:
    """One position: the shelf now, and what the submission adds to its record."""

    def __init__(
        self, facility_id: int, product_id: int, shelf: Shelf, last_event_at: datetime | None, version: int,
        chain: bytes, *, usable: int, reserved: int,
    ) -> None:  # fmt: skip
        self.facility_id = facility_id
        self.product_id = product_id
        self.shelf = shelf
        self.last_event_at = last_event_at
        self.version = version
        self.chain = chain
        #: As they stand before the submission.
        self.usable = usable
        self.reserved = reserved
        self.rows: list[Row] = []
        self.done: list[Entry] = []
        self._again_all = False

    @property
    def touched(self) -> set[int | None]:
        """The lots that have to be written: of all of them, what happened again may have changed the state."""
        if self._again_all:
            return set(self.shelf.held)
        return {row.line.lot_id for row in self.rows if row.said.kind not in rules.RESERVES}

    def comes_late(self, entries: Sequence[Entry]) -> datetime | None:
        """The moment back to which the record is needed for these entries; None where all come after it."""
        first = min(e.said.moment for e in entries)
        return first if self.last_event_at is not None and first <= self.last_event_at else None

    def work(self, entries: Sequence[Entry], past: Past | None, today: date, refuse: Callable[[Entry], None]) -> None:
        """Take entries in; those that cannot be get their `error` and are handed to `refuse`."""
        in_order = sorted(entries, key=lambda e: e.said.place)
        if past is None:
            self._follow(in_order, today, refuse)
        else:
            self._insert(in_order, past, refuse)
            for entry in self.done:
                entry.balance = self.shelf.usable_on(today)

    def _follow(self, entries: Sequence[Entry], today: date, refuse: Callable[[Entry], None]) -> None:
        for entry in entries:
            try:
                entry.lines = self.shelf.apply(entry.said, entry.lots)
            except _IMPOSSIBLE as error:
                entry.error = error
                refuse(entry)
                continue
            entry.balance = self.shelf.usable_on(today)
            self._note(entry)

    def _note(self, entry: Entry) -> None:
        self.done.append(entry)
        self.rows += [Row(Why.EVENT, entry.said, line, entry) for line in entry.lines]

    def _insert(self, entries: Sequence[Entry], past: Past, refuse: Callable[[Entry], None]) -> None:
        try:
            accepted, (shelf, lines) = list(entries), self._again(entries, past)
        except _IMPOSSIBLE:
            # One of them is impossible: which?
            accepted, (shelf, lines) = [], self._again([], past)
            for entry in entries:
                try:
                    shelf, lines = self._again([*accepted, entry], past)
                except _IMPOSSIBLE as error:
                    entry.error = error
                    refuse(entry)
                else:
                    accepted.append(entry)
        self.shelf, self._again_all = shelf, bool(accepted)
        for entry in accepted:
            if entry.event.kind is Kind.REVERSAL:
                self._reverse(entry, past)
            else:
                entry.lines = lines[entry.key]
                self._note(entry)
        if accepted:
            self._revise(past, lines, accepted[0])

    def _again(self, entries: Sequence[Entry], past: Past) -> tuple[Shelf, dict[tuple[str, str], list[Line]]]:
        """Everything since, with these entries where they belong; what is impossible is raised with the day."""
        gone = {e.target.first_id for e in entries if e.target is not None}
        steps: list[tuple[Said, Entry | None]] = [
            (r.said, None) for r in past.since if not r.reversed and r.first_id not in gone
        ]
        steps += [(e.said, e) for e in entries if e.event.kind is not Kind.REVERSAL]
        shelf, lines = past.shelf.copy(), {}
        for said, entry in sorted(steps, key=lambda step: step[0].place):
            try:
                lines[said.key] = shelf.apply(said, entry.lots if entry else past.shelf.held)
            except _IMPOSSIBLE as error:
                if entry is not None:
                    raise
                if isinstance(error, errors.Overfull):
                    raise errors.Overfull(
                        remedy=f"Recording it would leave too much after the {said.kind} of {said.doses:,} on"
                        f" {said.day:%d %b %Y} ({said.key[0]} / {said.key[1]}).",
                        balance=error.details["balance"],
                    ) from error
                details: dict[str, Any] = error.details
                raise errors.Overdraw(
                    remedy=f"Recording it would leave too little for the {said.kind} of {said.doses:,} on"
                    f" {said.day:%d %b %Y} ({said.key[0]} / {said.key[1]}).",
                    balance=details["balance"],
                    doses=details["doses"],
                    breaks=f"{said.key[0]} / {said.key[1]}",
                    day=said.day.isoformat(),
                ) from error
        return shelf, lines

    def _reverse(self, entry: Entry, past: Past) -> None:
        target = next(r for r in past.since if entry.target is not None and r.first_id == entry.target.first_id)
        target.reversed = True
        entry.lines = [Line(n.lot_id, -n.doses, -n.reserved) for n in target.net.values()]
        self.done.append(entry)
        self.rows += [Row(Why.REVERSAL, target.said, line, entry, target) for line in entry.lines]
        target.net = {}

    def _revise(self, past: Past, lines: dict[tuple[str, str], list[Line]], cause: Entry) -> None:
        for recalled in past.since:
            if recalled.reversed:
                continue
            now: dict[int | None, Line] = {}
            for line in lines[recalled.said.key]:
                before = now.get(line.lot_id, Line(line.lot_id, 0))
                now[line.lot_id] = Line(line.lot_id, before.doses + line.doses, before.reserved + line.reserved)
            for lot_id in {**recalled.net, **now}:
                was, is_now = recalled.net.get(lot_id, Line(lot_id, 0)), now.get(lot_id, Line(lot_id, 0))
                moved = Line(lot_id, is_now.doses - was.doses, is_now.reserved - was.reserved)
                if moved.doses or moved.reserved:
                    self.rows.append(Row(Why.REVISION, recalled.said, moved, cause, recalled))


def recall(rows: Sequence[Mapping[str, Any]], day_of: Callable[[datetime], date]) -> list[Recalled]:
    """The events behind rows of the record, which are in the order of their ids."""
    found: dict[tuple[str, str], Recalled] = {}
    by_first: dict[int, Recalled] = {}
    amounts: dict[tuple[str, str], int] = defaultdict(int)
    for r in rows:
        key = (r["source"], r["source_id"])
        event = by_first.get(r["reverses_id"]) if r["entry"] == Why.REVERSAL else found.get(key)
        if event is None:
            event = found[key] = Recalled(_said(r, day_of), r["id"], r["shipment_id"], {c: r[c] for c in REPEATED})
            by_first[r["id"]] = event
        event.add(r["lot_id"], r["doses"], r["reserved"])
        event.reversed = event.reversed or r["entry"] == Why.REVERSAL
        if r["entry"] == Why.EVENT:
            amounts[key] += r["reserved"] if event.said.kind in rules.RESERVES else r["doses"]
    for key, event in found.items():
        event.said = _amount(event, amounts[key])
    return list(found.values())


#: The columns that a revision or reversal repeats of its event.
REPEATED = ("document", "partner_id", "reason", "lot_named")


def _said(r: Mapping[str, Any], day_of: Callable[[datetime], date]) -> Said:
    kind, named = Kind(r["kind"]), r["lot_named"]
    return Said(
        key=(r["source"], r["source_id"]),
        kind=kind,
        doses=r["counted"] if kind is Kind.COUNT else 0,
        moment=r["occurred_at"],
        day=day_of(r["occurred_at"]),
        named=named,
        lot_id=r["lot_id"] if named else None,
        reason=r["reason"],
        order=r["order_number"],
        stage=r["stage"],
    )


def _amount(event: Recalled, doses: int) -> Said:
    said = event.said
    if said.kind is Kind.COUNT:
        return said
    if said.kind in rules.ADDS:
        return replace(said, doses=doses, fixed=tuple(event.net.values()))
    return replace(said, doses=doses if said.kind is Kind.ADJUSTMENT else abs(doses))


def past(
    shelf: Shelf,
    rows: Sequence[Mapping[str, Any]],
    states: Mapping[int | None, tuple[int, bool]],
    moment: datetime,
    day_of: Callable[[datetime], date],
) -> Past:
    """The shelf as it was before a moment: without what these rows, all since, did to it.

    `states` are stage and quarantine of lots before it. Whatever was received since will be received again.
    """
    held = dict(shelf.held)
    reserved = dict(shelf.reserved)
    for r in rows:
        lot_id = r["lot_id"]
        before = held.get(lot_id) or rules.Held(lot_id, r["lot"], r["expiry"], 0)
        held[lot_id] = replace(before, doses=before.doses - r["doses"])
        if r["reserved"]:
            reserved[r["order_number"]] = reserved.get(r["order_number"], 0) - r["reserved"]
    for lot_id, lot in held.items():
        stage, quarantined = states.get(lot_id, (1, False))
        received = lot.first_received_at
        first = received if received is not None and received < moment else None
        held[lot_id] = replace(lot, vvm_stage=stage, quarantined=quarantined, first_received_at=first)
    return Past(Shelf(tuple(held.values()), reserved), recall(rows, day_of))
