"""What does an event do to the lots held? Pure: a shelf and an event in, signed lines by lot out.

| kind | balance | in transit | reserved | lots, where none is named |
| --- | --- | --- | --- | --- |
| receipt | adds | less, where it names a delivery | | what was sent; otherwise "no lot known" |
| transfer_in | adds | less | | what was sent; otherwise "no lot known" |
| issue | takes usable | more, where it names a partner | less, where it names an order | order of issue |
| transfer_out | takes usable | more | less, where it names an order | order of issue |
| administered | takes usable | | | order of issue |
| return | takes; a lot that is named may be unusable | more, where it names a partner | | order of issue |
| loss | takes | | | expired first when that is the reason, then by expiry |
| adjustment | adds or takes | | | "no lot known", or as a loss |
| count | sets | | | the total: a surplus has no lot known, a shortfall is as a loss |
| vvm | | | | (a lot is named) sets the stage of its vials |
| quarantine, release | | | | (a lot is named) may not, or may again, be used |
| reserve | | | more | |
| unreserve | | | less | |
| reversal | as if the event had not happened | likewise | likewise | |

Usable: VVM stage 1 or 2, not expired, not quarantined. Available: usable less what is reserved for others' orders.
Order of issue: VVM stage 2 before 1, then the earliest expiry, then the oldest receipt (DOMAIN section 1).
What happened at the same moment is taken in the order in which it is possible: what adds, what changes the state of a
lot, what takes, what counts; then by the sender's own ids. So the order of arrival never matters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from types import MappingProxyType

from data import errors
from data.types import Kind, Loss

#: No place holds more: far above any store, and sums of it still fit the columns.
MOST_DOSES = 100_000_000

#: The highest stage of the vaccine vial monitor at which a vial may still be used.
LAST_USABLE_STAGE = 2

#: What brings doses to a shelf, what takes usable doses off it in the order of issue, and what takes any.
ADDS = frozenset({Kind.RECEIPT, Kind.TRANSFER_IN})
ISSUES = frozenset({Kind.ISSUE, Kind.TRANSFER_OUT, Kind.ADMINISTERED, Kind.RETURN})
#: What may not touch doses that are promised to somebody else.
SHIPS = frozenset({Kind.ISSUE, Kind.TRANSFER_OUT})
#: What goes from one facility to another.
SENDS = frozenset({Kind.ISSUE, Kind.TRANSFER_OUT, Kind.RETURN})
#: What changes a lot and no balance.
LOT_STATES = frozenset({Kind.VVM, Kind.QUARANTINE, Kind.RELEASE})
RESERVES = frozenset({Kind.RESERVE, Kind.UNRESERVE})
#: What chooses among the lots on the shelf where none is named; or takes, or counts, only doses without a known one.
CHOOSES = ISSUES | {Kind.LOSS, Kind.ADJUSTMENT, Kind.COUNT}
#: What comes in whole vials unless an opened one is meant.
WHOLE_VIALS = frozenset({*ADDS, *SHIPS, Kind.RETURN, Kind.LOSS, Kind.RESERVE, Kind.UNRESERVE})

_NEVER = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Held:
    """Doses of one lot at one facility; `lot_id` None is "no lot known", which never expires by itself."""

    lot_id: int | None
    number: str | None
    expiry: date | None
    doses: int
    vvm_stage: int = 1
    first_received_at: datetime | None = None
    quarantined: bool = False

    def usable_on(self, day: date) -> bool:
        """Whether these doses may be given on that local day; a lot may be used until its expiry day ends."""
        return (
            self.vvm_stage <= LAST_USABLE_STAGE and not self.quarantined and (self.expiry is None or self.expiry >= day)
        )


@dataclass(frozen=True, slots=True)
class Line:
    """The signed effect on one lot, and on what is reserved."""

    lot_id: int | None
    doses: int
    reserved: int = 0


@dataclass(frozen=True, slots=True)
class Said:
    """An event as the rules need it: what was said, not yet what follows from it.

    `doses` is an amount, a signed adjustment, or what was counted. `day` is local. `fixed` are the lines of what was
    sent, which do not depend on the shelf that they come to.
    """

    key: tuple[str, str]
    kind: Kind
    doses: int
    moment: datetime
    day: date
    named: bool = False
    lot_id: int | None = None
    reason: str | None = None
    order: str | None = None
    stage: int | None = None
    fixed: tuple[Line, ...] = ()

    @property
    def place(self) -> tuple[datetime, int, tuple[str, str]]:
        """Its place among everything that happened to a position."""
        return (self.moment, _RANK.get(self.kind, 0 if self.doses > 0 else 2), self.key)


# Ranks at the same moment; an adjustment adds or takes by its sign.
_RANK = {
    **dict.fromkeys(ADDS, 0), **dict.fromkeys(LOT_STATES, 1), **dict.fromkeys(RESERVES, 1),
    **dict.fromkeys((*ISSUES, Kind.LOSS), 2), Kind.COUNT: 3,
}  # fmt: skip


class Shelf:
    """The lots of one position at one moment, and what is reserved of them by order."""

    def __init__(self, held: Sequence[Held] = (), reserved: dict[str, int] | None = None) -> None:
        self.held = {h.lot_id: h for h in held}
        self.reserved = dict(reserved or {})

    def copy(self) -> Shelf:
        """Another shelf with the same on it."""
        return Shelf(tuple(self.held.values()), self.reserved)

    @property
    def total(self) -> int:
        """Doses on the shelf, usable or not."""
        return sum(h.doses for h in self.held.values())

    def usable_on(self, day: date) -> int:
        """Doses that may be given on that local day."""
        return sum(h.doses for h in self.held.values() if h.usable_on(day))

    @property
    def promised(self) -> int:
        """Doses reserved for all orders."""
        return sum(self.reserved.values())

    def apply(self, said: Said, lots: Mapping[int | None, Held] = MappingProxyType({})) -> list[Line]:
        """Fold an event in and return its lines; `lots` describes those that the shelf has not held before.

        Raises `Overdraw` where there is too little and `Overfull` where there would be too much, both without names,
        which the ledger adds; then nothing has changed.
        """
        lines = self._lines(said)
        gained = sum(line.doses for line in lines)
        if gained > 0 and self.total + gained > MOST_DOSES:
            raise errors.Overfull(balance=self.total + gained, doses=said.doses)
        for line in lines:
            held = self.held.get(line.lot_id) or lots.get(line.lot_id) or Held(line.lot_id, None, None, 0)
            came = said.moment if line.doses > 0 and said.kind in ADDS else None
            first = min(filter(None, (held.first_received_at, came)), default=None)
            self.held[line.lot_id] = replace(held, doses=held.doses + line.doses, first_received_at=first)
            if line.reserved and said.order is not None:
                self.reserved[said.order] = self.reserved.get(said.order, 0) + line.reserved
        if said.kind in LOT_STATES:
            self._mark(said)
        return lines

    def _mark(self, said: Said) -> None:
        held = self.held[said.lot_id]
        if said.kind is Kind.VVM:
            self.held[said.lot_id] = replace(held, vvm_stage=said.stage or held.vvm_stage)
        else:
            self.held[said.lot_id] = replace(held, quarantined=said.kind is Kind.QUARANTINE)

    def _lines(self, said: Said) -> list[Line]:
        kind, doses = said.kind, said.doses
        if kind in ADDS:
            return list(said.fixed) or [Line(said.lot_id, doses)]
        if kind in LOT_STATES:
            return [Line(said.lot_id, 0)]
        if kind in RESERVES:
            return [self._reserve(said)]
        if kind is Kind.COUNT:
            found = sum(h.doses for h in self.held.values() if not said.named or h.lot_id == said.lot_id)
            return self._difference(said, doses - found)
        if kind is Kind.ADJUSTMENT:
            return self._difference(said, doses)
        return self._take(said, doses)

    def _difference(self, said: Said, difference: int) -> list[Line]:
        if difference >= 0:
            return [Line(said.lot_id, difference)]
        return self._take(said, -difference)

    def _reserve(self, said: Said) -> Line:
        mine = self.reserved.get(said.order or "", 0)
        if said.kind is Kind.UNRESERVE:
            if said.doses > mine:
                raise errors.Overdraw(balance=mine, doses=said.doses, reserved=mine)
            return Line(None, 0, -said.doses)
        free = self.usable_on(said.day) - self.promised
        if said.doses > free:
            raise errors.Overdraw(balance=free, doses=said.doses, reserved=self.promised)
        return Line(None, 0, said.doses)

    def _take(self, said: Said, doses: int) -> list[Line]:
        choice = [h for h in self.held.values() if h.doses and (not said.named or h.lot_id == said.lot_id)]
        issued = said.kind in ISSUES
        if issued and not (said.kind is Kind.RETURN and said.named):
            choice = [h for h in choice if h.usable_on(said.day)]
        there = sum(h.doses for h in choice)
        mine = self.reserved.get(said.order, 0) if said.order is not None else 0
        others = self.promised - mine if said.kind in SHIPS else 0
        # What is promised is promised of all that is usable, whichever lot is named here.
        free = min(there, self.usable_on(said.day) - others) if others else there
        if free < doses:
            raise errors.Overdraw(balance=max(free, 0), doses=doses, reserved=others or None)
        choice.sort(key=lambda h: _of_issue(h, said.moment) if issued else _of_loss(h, said))
        lines, left = [], doses
        for h in choice:
            part = min(h.doses, left)
            lines.append(Line(h.lot_id, -part))
            left -= part
            if not left:
                break
        if mine and said.kind in SHIPS:
            lines[0] = replace(lines[0], reserved=-min(mine, doses))
        return lines


def _of_issue(h: Held, moment: datetime) -> tuple[int, date, datetime, str]:
    """The order of issue; what has no date comes last."""
    received = h.first_received_at
    known = received is not None and received <= moment
    return (-h.vvm_stage, h.expiry or date.max, received if known and received else _NEVER, h.number or "")


def _of_loss(h: Held, said: Said) -> tuple[int, date, datetime, str]:
    gone = h.expiry is not None and h.expiry < said.day
    return (int(said.reason != Loss.EXPIRED or not gone), h.expiry or date.max, _NEVER, h.number or "")


def whole_vials(doses: int, doses_per_vial: int) -> tuple[int, int]:
    """The amounts of whole vials next to an amount of doses, below and above."""
    below = doses - doses % doses_per_vial
    return below, below + (doses_per_vial if doses % doses_per_vial else 0)
