"""What does an event do to the lots held? Pure: lots and an event in, signed lines by lot out.

| kind | lots named | no lot named |
| --- | --- | --- |
| receipt | adds to the lot | adds to "no lot known" |
| issue, administered | takes from the lot, which must be usable | takes from usable lots, in the order of issue |
| loss | takes from the lot | takes expired lots first when that is the reason, then by expiry |
| adjustment | adds to or takes from the lot | adds to "no lot known", or takes as a loss does |
| count | sets the lot | sets the total: a surplus has no lot known, a shortfall is taken as a loss is |

Order of issue: VVM stage 2 before 1, then the earliest expiry, then the oldest receipt (DOMAIN section 1).
Stage 3 or 4 of the vaccine vial monitor and expired lots are not usable.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from data import errors
from data.types import Kind, Loss

#: The highest stage of the vaccine vial monitor at which a vial may still be used.
LAST_USABLE_STAGE = 2


@dataclass(frozen=True, slots=True)
class Held:
    """Doses of one lot at one facility; `lot_id` None is "no lot known", which never expires by itself."""

    lot_id: int | None
    number: str | None
    expiry: date | None
    doses: int
    vvm_stage: int = 1
    first_received_at: datetime | None = None

    def usable_on(self, day: date) -> bool:
        """Whether these doses may be given on that local day; a lot may be used until its expiry day ends."""
        return self.vvm_stage <= LAST_USABLE_STAGE and (self.expiry is None or self.expiry >= day)


@dataclass(frozen=True, slots=True)
class Line:
    """The signed effect on one lot."""

    lot_id: int | None
    doses: int


Order = Callable[[Held], tuple[int, date, datetime, int]]


def usable(held: Sequence[Held], day: date) -> int:
    """Doses that may be given on that local day."""
    return sum(h.doses for h in held if h.usable_on(day))


def total(held: Sequence[Held]) -> int:
    """Doses on the shelf, usable or not."""
    return sum(h.doses for h in held)


def lines(
    held: Sequence[Held], kind: Kind, doses: int, day: date, *, named: bool, lot_id: int | None, reason: str | None
) -> list[Line]:
    """The signed lines of one event, in the order in which lots are taken.

    `doses` is what the event says: an amount, a signed adjustment, or what was counted; for a count `held` is what was
    there at that moment. Raises `Overdraw` (without names; the ledger adds them) where there is too little.
    """
    if kind is Kind.RECEIPT:
        return [Line(lot_id, doses)]
    if kind is Kind.COUNT:
        found = sum(h.doses for h in held if h.lot_id == lot_id) if named else total(held)
        return _difference(held, doses - found, day, named=named, lot_id=lot_id, reason=None)
    if kind is Kind.ADJUSTMENT:
        return _difference(held, doses, day, named=named, lot_id=lot_id, reason=reason)
    choice = [h for h in held if not named or h.lot_id == lot_id]
    if kind is not Kind.LOSS:
        choice = [h for h in choice if h.usable_on(day)]
    return _take(choice, doses, _order(kind, day, reason))


def _difference(
    held: Sequence[Held], difference: int, day: date, *, named: bool, lot_id: int | None, reason: str | None
) -> list[Line]:
    if difference >= 0:
        return [Line(lot_id, difference)]
    choice = [h for h in held if not named or h.lot_id == lot_id]
    return _take(choice, -difference, _order(Kind.LOSS, day, reason))


def _order(kind: Kind, day: date, reason: str | None) -> Order:
    """The sort key of the lots to take from; what has no date comes last."""
    late, old = date.max, datetime(9999, 1, 1, tzinfo=UTC)

    def of_issue(h: Held) -> tuple[int, date, datetime, int]:
        received = h.first_received_at or old
        return (-h.vvm_stage, h.expiry or late, received, h.lot_id or 0)

    def of_loss(h: Held) -> tuple[int, date, datetime, int]:
        gone = h.expiry is not None and h.expiry < day
        return (int(reason != Loss.EXPIRED or not gone), h.expiry or late, old, h.lot_id or 0)

    return of_loss if kind is Kind.LOSS else of_issue


def _take(choice: Sequence[Held], doses: int, order: Order) -> list[Line]:
    available = total(choice)
    if available < doses:
        raise errors.Overdraw(balance=available, doses=doses)
    taken = []
    for h in sorted(choice, key=order):
        part = min(h.doses, doses)
        if part:
            taken.append(Line(h.lot_id, -part))
            doses -= part
        if not doses:
            break
    return taken
