"""What would a position be if all that was said of it happened again, from nothing? Pure: rows in, by the rules.

What the record says that an event did to each lot is compared with what the rules make of it at its place in time.
What was said of a position is its rows (data.record.desk reads them so); what a delivery brought is what was sent.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from data import errors
from data.record import desk, rules
from data.record.desk import Recalled
from data.record.rules import Held, Line, Shelf
from data.types import Entry, Kind

#: A row of stock_event with the number and expiry of its lot, by column.
Row = Mapping[str, Any]

#: Of a pack's rows any that adds is the arrival of its lot, since reports of months name no deliveries.
PACK = "pack"
_NOTHING = Line(None, 0)


@dataclass(frozen=True, slots=True)
class Unlike:
    """An event of which the record says something else than the rules: at one lot, or (None) that it can be at all."""

    key: tuple[str, str]
    lot: str | None
    stands: str
    should: str


@dataclass(frozen=True, slots=True)
class Replayed:
    """A position after all of it. `packed` says when a pack brought a lot whose arrival it does not name."""

    shelf: Shelf
    packed: dict[int | None, datetime]
    unlike: list[Unlike]


def position(rows: Sequence[Row], day_of: Callable[[datetime], date]) -> Replayed:
    """All rows of a position, in the order of their ids, happen again in the order of their moments."""
    lots = {r["lot_id"]: Held(r["lot_id"], r["lot"], r["expiry"], 0) for r in rows}
    shelf, packed, unlike = Shelf(), dict[int | None, datetime](), list[Unlike]()
    said = {(r["source"], r["source_id"]) for r in rows if r["entry"] == Entry.EVENT}
    events = desk.recall(rows, day_of)
    for event in events:
        if event.said.key not in said and not event.reversed:
            unlike.append(Unlike(event.said.key, None, "what became of an event", "the event itself before it"))
            _force(shelf, event, lots)
    for event in sorted((e for e in events if e.said.key in said), key=lambda e: e.said.place):
        now: dict[int | None, Line] = {}
        if not event.reversed:
            try:
                for line in shelf.apply(event.said, lots):
                    now[line.lot_id] = _sum(now.get(line.lot_id), line)
            except (errors.Overdraw, errors.Overfull) as error:
                unlike.append(Unlike(event.said.key, None, "recorded", f"impossible: {error.details['balance']} left"))
                _force(shelf, event, lots)
                continue
        unlike += _compared(event, now, lots)
        if event.said.key[0] == PACK:
            for line in now.values():
                if line.doses > 0:
                    packed.setdefault(line.lot_id, event.said.moment)
    return Replayed(shelf, packed, unlike)


def _sum(before: Line | None, line: Line) -> Line:
    if before is None:
        return line
    return Line(line.lot_id, before.doses + line.doses, before.reserved + line.reserved)


def _compared(event: Recalled, now: Mapping[int | None, Line], lots: Mapping[int | None, Held]) -> Iterable[Unlike]:
    for lot_id in {**event.net, **now}:
        was, is_now = event.net.get(lot_id, _NOTHING), now.get(lot_id, _NOTHING)
        if (was.doses, was.reserved) != (is_now.doses, is_now.reserved):
            number = lots[lot_id].number if lot_id in lots else None
            yield Unlike(event.said.key, number or "no lot known", _text(was), _text(is_now))


def _text(line: Line) -> str:
    return f"{line.doses:+,}" + (f", {line.reserved:+,} reserved" if line.reserved else "")


def _force(shelf: Shelf, event: Recalled, lots: Mapping[int | None, Held]) -> None:
    """What could not be goes on as it stands, so that only it is reported and not all that came later."""
    for line in event.net.values():
        held = shelf.held.get(line.lot_id) or lots[line.lot_id]
        shelf.held[line.lot_id] = replace(held, doses=held.doses + line.doses)
        if event.said.order is not None:
            shelf.reserved[event.said.order] = shelf.reserved.get(event.said.order, 0) + line.reserved


@dataclass(slots=True)
class Month:
    """What happened in a local month, in doses; `folded` says that somebody recorded in it, and not only a pack.

    `closing` is what all rows up to its end leave. A month that only a pack reports keeps the amounts reported.
    """

    received: int = 0
    used: int = 0
    lost: int = 0
    adjusted: int = 0
    moved: int = 0
    closing: int = 0
    folded: bool = False
    missing: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))

    @property
    def amounts(self) -> tuple[int, int, int, int, int, int, int]:
        """Opening, received, used, lost, adjusted and closing, as the ledger folds them; of these, found missing.

        Where no use is recorded and stock is only counted, what a count finds missing was used.
        """
        gone = -sum(min(doses, 0) for doses in self.missing.values()) if not self.used else 0
        return (
            self.closing - self.moved, self.received, self.used + gone, self.lost, self.adjusted + gone, self.closing,
            gone,
        )  # fmt: skip


_COLUMN = {
    **dict.fromkeys((kind.value for kind in rules.ADDS), "received"),
    Kind.ADMINISTERED.value: "used", Kind.ISSUE.value: "used", Kind.LOSS.value: "lost",
    **dict.fromkeys((k.value for k in (Kind.COUNT, Kind.ADJUSTMENT, Kind.TRANSFER_OUT, Kind.RETURN)), "adjusted"),
}  # fmt: skip


def months(rows: Iterable[Row], day_of: Callable[[datetime], date]) -> dict[date, Month]:
    """The months that anything happened in, oldest first."""
    found: dict[date, Month] = {}
    for r in rows:
        first = day_of(r["occurred_at"]).replace(day=1)
        month = found.setdefault(first, Month())
        kind, doses = r["kind"], r["doses"]
        month.folded = month.folded or r["source"] != PACK or r["entry"] != Entry.EVENT
        month.moved += doses
        if column := _COLUMN.get(kind):
            setattr(month, column, getattr(month, column) + (-doses if column in ("used", "lost") else doses))
        if kind == Kind.COUNT:
            month.missing[r["source"], r["source_id"]] += doses
    closing = 0
    ordered = dict(sorted(found.items()))
    for month in ordered.values():
        closing += month.moved
        month.closing = closing
    return ordered
