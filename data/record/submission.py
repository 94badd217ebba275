"""What does a submission say? Names become rows and every field is checked, before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from data import errors, queries
from data.binary import texts
from data.record import attachments, rules
from data.record.partitions import OLDEST
from data.record.rules import Held, Line, Said
from data.types import Kind, Loss, StockEvent, Unit

SQL = queries.read(Path(__file__).parent / "sql" / "ledger.sql")

#: Clocks of phones run fast; an event may be this far ahead of ours.
CLOCK_SKEW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Facility:
    """A facility as the ledger needs it."""

    id: int
    code: str
    name: str
    open: bool
    lineage: tuple[int, ...]
    timezone: ZoneInfo

    def day(self, moment: datetime) -> date:
        """The local day of a moment."""
        return moment.astimezone(self.timezone).date()


@dataclass(frozen=True, slots=True)
class Product:
    """A product as the ledger needs it."""

    id: int
    code: str
    name: str
    unit: str
    doses_per_vial: int
    vials_per_pack: int | None


@dataclass(frozen=True, slots=True)
class Target:
    """An event that is to be reversed: its first row, its kind, and where and when it was."""

    first_id: int
    kind: Kind
    facility_id: int
    product_id: int
    occurred_at: datetime
    reversed: bool


def facilities(conn: sa.Connection, programme_id: int, codes: Sequence[str]) -> dict[str, Facility]:
    """The facilities with these codes; codes that nobody has are left out."""
    rows = SQL.run(conn, "facilities", {"programme_id": programme_id, "codes": texts(list(set(codes)))})
    return {r.code: Facility(r.id, r.code, r.name, r.open, tuple(r.lineage), ZoneInfo(r.timezone)) for r in rows}


def products(conn: sa.Connection, programme_id: int, codes: Sequence[str]) -> dict[str, Product]:
    """The products with these codes; codes that nobody has are left out."""
    rows = SQL.run(conn, "products", {"programme_id": programme_id, "codes": texts(list(set(codes)))})
    return {r.code: Product(*r) for r in rows}


@dataclass(slots=True)
class Entry:
    """One event on its way: as given, whom it concerns, and the lines it becomes, or why it is refused."""

    index: int
    event: StockEvent
    facility: Facility
    product: Product
    partner: Facility | None = None
    actor_id: int | None = None
    target: Target | None = None
    lot: Held | None = None
    shipment_id: int | None = None
    fixed: tuple[Line, ...] = ()
    #: Number and expiry of the lots that it may bring to a shelf.
    lots: dict[int | None, Held] = field(default_factory=dict)
    error: errors.DataError | None = None
    said: Said = field(init=False)
    lines: Sequence[Line] = ()
    balance: int = 0
    ids: list[int] = field(default_factory=list)
    digest: bytes = b""
    #: What is answered, as it is stored.
    result: dict[str, Any] = field(default_factory=dict)

    def say(self) -> None:
        """Put together what the rules need, as soon as the lot, the target and what was sent are known."""
        event = self.event
        if self.lot is not None:
            self.lots[self.lot.lot_id] = self.lot
        moment = self.target.occurred_at if self.target else event.occurred_at
        self.said = Said(
            key=self.key, kind=event.kind, doses=event.doses, moment=moment, day=self.facility.day(moment),
            named=event.lot is not None or event.without_lot, lot_id=self.lot.lot_id if self.lot else None,
            reason=event.reason, order=event.order, stage=event.stage, fixed=self.fixed,
        )  # fmt: skip

    @property
    def key(self) -> tuple[str, str]:
        """What makes it the same submission again."""
        return (self.event.source, self.event.source_id)

    @property
    def position(self) -> tuple[int, int]:
        """Facility and product, the lock that it needs."""
        return (self.facility.id, self.product.id)

    @property
    def day(self) -> date:
        """The local day on which it happened."""
        return self.said.day

    @property
    def document(self) -> str | None:
        """The number of the paper that goes with it; a movement between two facilities always has one."""
        return self.event.document or (self.event.source_id if self.partner is not None else None)


Refused = Callable[[int, errors.DataError], None]


def resolve(
    conn: sa.Connection,
    programme_id: int,
    events: Sequence[StockEvent],
    now: datetime,
    refuse: Refused,
    *,
    actor_id: int | None = None,
) -> list[Entry]:
    """Entries for the events that can be used, in order; the others are handed to `refuse` with their index."""
    named = [code for e in events for code in (e.facility, e.partner) if code is not None]
    known_facilities = facilities(conn, programme_id, named)
    known_products = products(conn, programme_id, [e.product for e in events])
    attached = attachments.places(conn, programme_id, [e.attachment for e in events if e.attachment is not None])
    entries = []
    for index, event in enumerate(events):
        try:
            facility = _known(known_facilities, event.facility, "facility", index)
            product = known_products.get(event.product)
            if product is None:
                raise errors.UnknownProduct(
                    "product", "The programme's products are listed under registry.", value=event.product, index=index
                )
            if event.unit is not Unit.DOSE:
                event = replace(event, doses=_in_doses(event, product, index), unit=Unit.DOSE)
            partner = _known(known_facilities, event.partner, "partner", index) if event.partner is not None else None
            _check(event, facility, product, partner, now, index)
            if event.attachment is not None and attached.get(event.attachment) != facility.id:
                reason = f"no attachment {event.attachment} is on record at {facility.name}"
                raise errors.InvalidEvent("attachment", "Send the file there first.", reason=reason, index=index)
        except errors.DataError as error:
            refuse(index, error)
        else:
            entries.append(Entry(index, event, facility, product, partner, actor_id))
    return entries


def _known(known: dict[str, Facility], code: str, name: str, index: int) -> Facility:
    if code not in known:
        raise errors.UnknownFacility(name, "Search for it by name to find its code.", value=code, index=index)
    return known[code]


def _in_doses(event: StockEvent, product: Product, index: int) -> int:
    """The amount in doses, through the product's packaging."""
    if event.unit is Unit.PACK and product.vials_per_pack is None:
        reason = f"it is not on record how many vials a pack of {product.name} has"
        raise errors.InvalidEvent("packs", "Send vials or doses.", reason=reason, index=index)
    per_vial = 1 if event.unit is Unit.DOSE else product.doses_per_vial
    return event.doses * per_vial * (product.vials_per_pack or 1 if event.unit is Unit.PACK else 1)


def _check(
    event: StockEvent, facility: Facility, product: Product, partner: Facility | None, now: datetime, index: int
) -> None:
    def refuse(field: str, reason: str, remedy: str) -> None:
        raise errors.InvalidEvent(field, remedy, reason=reason, index=index)

    _check_amount(event, product, refuse)
    _check_moment(event, now, refuse)
    if event.kind is Kind.LOSS and event.reason not in set(Loss):
        refuse("reason", "a loss needs its reason", f"Send one of: {', '.join(Loss)}.")
    if event.kind in (Kind.ADJUSTMENT, Kind.QUARANTINE, Kind.REVERSAL) and not (event.reason or "").strip():
        refuse("reason", f"{_named(event.kind)} needs its reason", "Say in a few words why.")
    if event.lot is not None and not 1 <= len(event.lot.strip()) <= 20:
        refuse("lot", "a lot number has 1 to 20 characters", "Copy it from the vial's label.")
    if event.without_lot and event.lot is not None:
        refuse("without_lot", "a lot is named", "Send either the lot or without_lot: true.")
    if event.without_lot and event.kind not in rules.CHOOSES:
        refuse("without_lot", f"{_named(event.kind)} chooses no lot", "Leave it out.")
    if event.kind in rules.LOT_STATES and event.lot is None:
        refuse("lot", f"{_named(event.kind)} is of one lot", "Send the lot number from the label.")
    if event.kind is Kind.VVM and event.stage not in (1, 2, 3, 4):
        refuse("stage", "a vaccine vial monitor has the stages 1 to 4", "Send the stage that was seen.")
    if event.kind is not Kind.VVM and event.stage is not None:
        refuse("stage", f"{_named(event.kind)} has no stage", "Send an event of kind vvm for the stage.")
    if not event.source.strip() or not event.source_id.strip():
        refuse("source_id", "it is empty", "Send your own id of this event, so that a repeat is harmless.")
    if not facility.open:
        refuse("facility", f"{facility.name} is closed", "Reopen it in the registry, or name another.")
    _check_movement(event, facility, partner, refuse)


def _check_amount(event: StockEvent, product: Product, refuse: Callable[[str, str, str], None]) -> None:
    if event.kind in (*rules.LOT_STATES, Kind.REVERSAL):
        if event.doses:
            refuse("doses", f"{_named(event.kind)} moves no doses of its own", "Leave the amount out.")
        return
    least = {Kind.COUNT: 0, Kind.ADJUSTMENT: -rules.MOST_DOSES}.get(event.kind, 1)
    if not least <= event.doses <= rules.MOST_DOSES or (event.kind is Kind.ADJUSTMENT and event.doses == 0):
        remedy = f"Send a whole number of doses, from {max(least, 0)} to {rules.MOST_DOSES:,}."
        refuse("doses", f"{event.doses:,} is not an amount for {event.kind}", remedy)
    opened = event.opened_vial or (event.kind is Kind.LOSS and event.reason == Loss.OPENED)
    below, above = rules.whole_vials(event.doses, product.doses_per_vial)
    if event.kind in rules.WHOLE_VIALS and below != above and not opened:
        refuse(
            "doses",
            f"{event.doses:,} doses are no whole number of vials of {product.doses_per_vial}",
            f"Send {f'{below:,} or ' if below else ''}{above:,}, or opened_vial: true where an opened vial is meant.",
        )


def _check_moment(event: StockEvent, now: datetime, refuse: Callable[[str, str, str], None]) -> None:
    if event.kind is Kind.REVERSAL:
        return  # It has the moment of what it takes back.
    if event.occurred_at > now + CLOCK_SKEW:
        refuse("occurred_at", "it lies in the future", "Send the time at which it happened.")
    if event.occurred_at < now - OLDEST:
        refuse("occurred_at", "it is more than seven years ago", "Check the year.")


def _check_movement(
    event: StockEvent, facility: Facility, partner: Facility | None, refuse: Callable[[str, str, str], None]
) -> None:
    transfer = event.kind in (Kind.TRANSFER_OUT, Kind.TRANSFER_IN)
    if transfer and partner is None:
        refuse("partner", "a transfer is between two facilities", "Send the code of the other one.")
    if transfer and event.document is None:
        refuse("document", "a transfer needs its number", "Send the number of the delivery note: both ends name it.")
    if partner is not None and event.kind not in rules.SENDS | rules.ADDS:
        refuse("partner", f"{_named(event.kind)} has no other end", "Leave it out.")
    if partner is not None and partner.id == facility.id:
        refuse("partner", "it is the facility itself", "Name the other facility.")
    if event.order is not None and event.kind not in rules.SHIPS | rules.RESERVES:
        refuse("order", f"{_named(event.kind)} is for no order", "Leave it out.")
    if event.kind in rules.RESERVES and event.order is None:
        refuse("order", "a reservation is for an order", "Send the order's number.")
    if (event.kind is Kind.REVERSAL) != (event.reverses is not None):
        refuse("reverses", "a reversal, and only a reversal, names the event it takes back", "Send its source_id.")


def _named(kind: Kind) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind.replace('_', ' ')}"
