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
    """What can happen to stock; data.record.rules says what each of them does."""

    RECEIPT = "receipt"
    ISSUE = "issue"
    ADMINISTERED = "administered"
    RETURN = "return"
    TRANSFER_OUT = "transfer_out"
    TRANSFER_IN = "transfer_in"
    COUNT = "count"
    ADJUSTMENT = "adjustment"
    LOSS = "loss"
    VVM = "vvm"
    QUARANTINE = "quarantine"
    RELEASE = "release"
    RESERVE = "reserve"
    UNRESERVE = "unreserve"
    REVERSAL = "reversal"


@unique
class Entry(StrEnum):
    """Why a row of the record is there: it was said, a late event changed what follows from it, or it was reversed."""

    EVENT = "event"
    REVISION = "revision"
    REVERSAL = "reversal"


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


@unique
class Unit(StrEnum):
    """What an amount is given in; doses are what is recorded."""

    DOSE = "dose"
    VIAL = "vial"
    PACK = "pack"


@dataclass(frozen=True, slots=True)
class StockEvent:
    """One thing that happened to the stock of one product at one facility, as somebody reports it.

    `doses` is never negative, except for an adjustment, where it is the signed difference; a count says what
    was found. `occurred_at` is aware. A reversal takes the event `reverses` of the same source back,
    at that event's moment.
    """

    facility: str
    product: str
    kind: Kind
    doses: int
    occurred_at: datetime
    source: str
    source_id: str
    #: What `doses` counts until it is resolved: doses, vials or packs of the product.
    unit: Unit = Unit.DOSE
    lot: str | None = None
    #: Only doses of no known lot are meant; without it, an event that names no lot takes or counts all lots.
    without_lot: bool = False
    expiry: date | None = None
    reason: str | None = None
    document: str | None = None
    note: str | None = None
    #: The facility at the other end of a movement between two.
    partner: str | None = None
    #: The order that doses are reserved or shipped for.
    order: str | None = None
    #: The stage that a vaccine vial monitor was found at, 1 to 4.
    stage: int | None = None
    #: Doses that are no whole number of vials are those of an opened one.
    opened_vial: bool = False
    #: The source_id of the event that is taken back.
    reverses: str | None = None
    #: The id of a paper that was attached.
    attachment: int | None = None
    #: The version of the position that the sender has seen; a later one refuses the event.
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the ledger answers: which rows stand for the submission, by lot, and the usable doses after it.

    `version` is that of the position then. `repeated` says that the same (source, source_id) had been recorded before
    and nothing was changed now.
    """

    event_ids: tuple[int, ...]
    lots: tuple[tuple[str | None, int], ...]
    balance: int
    version: int = 0
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the outbox: this position was touched, by this event, at this time."""

    seq: int
    programme_id: int
    facility_id: int
    product_id: int
    payload: dict[str, object]
