"""Which values travel between the parts? Frozen, without I/O; every word here is the field's word."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import IntEnum, StrEnum, unique


@unique
class State(IntEnum):
    """The state of a facility for one product; the number is the byte in a value vector.

    DOMAIN section 3: the first that applies, in this order.
    """

    NO_REPORT = 0
    INACTIVE = 1
    STOCKOUT = 2
    CRITICAL = 3
    LOW = 4
    OVERSTOCK = 5
    ADEQUATE = 6


#: A state that counts as "at risk": nothing left, or nothing left before the next delivery arrives.
AT_RISK = frozenset({State.STOCKOUT, State.CRITICAL})

#: A facility takes the worst of its tracers; the first of this order that any of them is in.
WORST_FIRST = (
    State.STOCKOUT,
    State.CRITICAL,
    State.LOW,
    State.OVERSTOCK,
    State.ADEQUATE,
    State.INACTIVE,
    State.NO_REPORT,
)

#: Seat 0 of every product list: "the worst of all tracer products".
WORST = 0

#: The byte that stands for "no probability" where a decile 0..9 would stand.
NO_PROBABILITY = 255


@unique
class Kind(StrEnum):
    """What can happen to stock."""

    RECEIPT = "receipt"
    ISSUE = "issue"
    ADMINISTERED = "administered"
    LOSS = "loss"
    COUNT = "count"
    ADJUSTMENT = "adjustment"


@unique
class Loss(StrEnum):
    """Why doses were lost."""

    EXPIRED = "expired"
    HEAT = "heat"
    FROZEN = "frozen"
    VVM = "vvm"
    BROKEN = "broken"
    OPENED = "opened"
    MISSING = "missing"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class StockEvent:
    """One thing that happened to the stock of one product at one facility, as somebody reports it.

    `doses` is never negative, except for an adjustment, where it is the signed difference; a count says what
    was found. `occurred_at` is aware.
    """

    facility: str
    product: str
    kind: Kind
    doses: int
    occurred_at: datetime
    source: str
    source_id: str
    lot: str | None = None
    expiry: date | None = None
    reason: str | None = None
    document: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the ledger answers: which events stand for the submission, and the balance after it, in doses.

    `repeated` says that the same (source, source_id) had been recorded before and nothing was changed now.
    """

    event_ids: tuple[int, ...]
    lots: tuple[tuple[str | None, int], ...]
    balance: int
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the outbox: this position was touched, by this event, at this time."""

    seq: int
    programme_id: int
    facility_id: int
    product_id: int
    payload: dict[str, object]
