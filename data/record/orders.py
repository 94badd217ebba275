"""What does an order say, and how far is it? Its lines, what was decided, and what was done; nothing here writes.

Decisions are kept with the order. What is reserved for it, was shipped and has arrived are sums of the record, so that
an entry that is taken back, or made elsewhere under the order's number, is in them at once.

| status | |
| --- | --- |
| placed | it waits for a decision |
| approved | what was approved is held at the supplier, and nothing was shipped yet |
| shipped | something was shipped, and something is left to ship or on its way |
| closed | all that was shipped has arrived (or somebody said why not), and nothing is left to ship |
| refused | nothing of it is sent |
| cancelled | it was given up before anything was shipped |
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum, unique
from pathlib import Path

import sqlalchemy as sa

from data import errors, queries
from data.scope import EVERYTHING

SQL = queries.read(Path(__file__).parent / "sql" / "orders.sql")

#: A list looks through the newest so many of those that wait, and of the others.
LOOKED = 1_000
#: What was asked for longer ago is not waited for any more.
PATIENCE = timedelta(days=180)


class UnknownOrder(errors.DataError):
    """There is no order {value} in this programme."""


class InvalidOrder(errors.DataError):
    """This order cannot be kept: {reason}."""


class OtherReference(errors.DataError):
    """{reference} is the order {number} already, with other content."""


class NotNow(errors.DataError):
    """The order {number} is {status}."""


class NotAnother(errors.DataError):
    """Who ordered cannot approve: {number} needs another person."""


class TooLittle(errors.DataError):
    """{supplier} has too little available for {number}: {short}."""


class DocumentUsed(errors.DataError):
    """The delivery note {document} is on record already: {use}."""


class OrderChanged(errors.DataError):
    """The order {number} has changed since you looked at it: it is {status} now."""


@unique
class Status(StrEnum):
    """How far an order is."""

    PLACED = "placed"
    APPROVED = "approved"
    SHIPPED = "shipped"
    CLOSED = "closed"
    REFUSED = "refused"
    CANCELLED = "cancelled"


#: In the order in which somebody has to do something about them.
ORDER = (Status.PLACED, Status.APPROVED, Status.SHIPPED)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What of a line went under one document, in doses; `under_way` has not arrived and nobody has said why."""

    shipment_id: int
    document: str
    sent: int
    received: int
    under_way: int
    differs: bool
    sent_at: datetime | None
    received_at: datetime | None


@dataclass(frozen=True, slots=True)
class Picked:
    """Doses of one lot that were taken for a delivery; number and expiry are None where no lot is known."""

    lot: str | None
    expiry: date | None
    doses: int


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One product of an order, in doses; `approved` is None before it was approved."""

    id: int
    product_id: int
    product: str
    product_name: str
    unit: str
    doses_per_vial: int
    ordered: int
    approved: int | None
    reserved: int
    shipped: int
    deliveries: tuple[Delivery, ...] = ()

    @property
    def received(self) -> int:
        """Doses that have arrived."""
        return sum(d.received for d in self.deliveries)

    @property
    def under_way(self) -> int:
        """Doses that were shipped and have not arrived."""
        return sum(d.under_way for d in self.deliveries)

    @property
    def left(self) -> int:
        """Doses that were approved and are not shipped."""
        return max((self.approved or 0) - self.shipped, 0)


@dataclass(frozen=True, slots=True)
class Order:
    """An order as it stands. `lineage` and `supplier_lineage` are the areas that either end lies in.

    `regular` says that the supplier is the one that usually supplies the place. Those who worked on it are said by id
    and sealed name, which the application opens or masks.
    """

    id: int
    number: str
    facility_id: int
    facility: str
    facility_name: str
    lineage: tuple[int, ...]
    supplier_id: int
    supplier: str
    supplier_name: str
    supplier_lineage: tuple[int, ...]
    regular: bool
    reference: str | None
    note: str | None
    placed_at: datetime
    placed_by: int | None
    placer: str | None
    approved_at: datetime | None
    approved_by: int | None
    approver: str | None
    approval_note: str | None
    refused_at: datetime | None
    refuser: str | None
    refusal: str | None
    ended_at: datetime | None
    ender: str | None
    end_reason: str | None
    lines: tuple[OrderLine, ...]

    @property
    def status(self) -> Status:
        """How far it is."""
        shipped, left, under_way = (
            sum(v) for v in zip(*((x.shipped, x.left, x.under_way) for x in self.lines), strict=True)
        )
        return _status(self.approved_at, self.refused_at, self.ended_at, shipped, left, under_way)

    @property
    def left(self) -> int:
        """Doses that may still be shipped."""
        return 0 if self.ended_at is not None else sum(line.left for line in self.lines)

    @property
    def reserved(self) -> int:
        """Doses that are held for it."""
        return sum(line.reserved for line in self.lines)

    @property
    def documents(self) -> list[str]:
        """The delivery notes that something went under, the oldest first."""
        sent = sorted(
            (d for line in self.lines for d in line.deliveries), key=lambda d: (str(d.sent_at), d.shipment_id)
        )
        return list(dict.fromkeys(d.document for d in sent))

    @property
    def etag(self) -> str:
        """What it amounts to now: what somebody who decides has seen."""
        said = [(x.id, x.approved, x.reserved, x.shipped, x.received, x.under_way) for x in self.lines]
        return hashlib.sha256(repr((self.status, self.ended_at, said)).encode()).hexdigest()[:20]


@dataclass(frozen=True, slots=True)
class Summary:
    """An order in a list, with the sums of its lines; `placer` is somebody's id and sealed name."""

    number: str
    facility: str
    facility_name: str
    supplier: str
    supplier_name: str
    facility_id: int
    lineage: tuple[int, ...]
    placed_at: datetime
    approved_at: datetime | None
    refused_at: datetime | None
    ended_at: datetime | None
    placer: str | None
    lines: int
    ordered: int
    approved: int
    reserved: int
    shipped: int
    received: int
    left_over: int
    under_way: int

    @property
    def status(self) -> Status:
        """How far it is."""
        return _status(self.approved_at, self.refused_at, self.ended_at, self.shipped, self.left_over, self.under_way)


def _status(
    approved_at: datetime | None, refused_at: datetime | None, ended_at: datetime | None, shipped: int, left: int,
    under_way: int,
) -> Status:  # fmt: skip
    """The one place where it is told how far an order is; see the module."""
    if refused_at is not None:
        return Status.REFUSED
    if approved_at is None:
        return Status.PLACED if ended_at is None else Status.CANCELLED
    if shipped == 0:
        return Status.APPROVED if ended_at is None else Status.CANCELLED
    return Status.SHIPPED if under_way or (left and ended_at is None) else Status.CLOSED


def read(conn: sa.Connection, programme_id: int, number: str) -> Order:
    """The order with this number; raises `UnknownOrder`."""
    row = conn.execute(SQL["find"], {"programme_id": programme_id, "number": number}).one_or_none()
    if row is None:
        raise UnknownOrder("number", "Look for it in the list of orders.", value=number)
    asked = {"order_id": row.id}
    deliveries: dict[int, list[Delivery]] = {}
    for product_id, *sent in conn.execute(SQL["deliveries"], asked):
        deliveries.setdefault(product_id, []).append(Delivery(*sent))
    lines = tuple(
        replace(line, deliveries=tuple(deliveries.get(line.product_id, ())))
        for line in (OrderLine(**r._mapping) for r in conn.execute(SQL["lines"], asked))
    )
    areas = {"lineage": tuple(row.lineage), "supplier_lineage": tuple(row.supplier_lineage)}
    return Order(**(dict(row._mapping) | areas), lines=lines)


def picked(conn: sa.Connection, order: Order) -> dict[int, list[Picked]]:
    """The lots that each of its shipments took, by the shipment's id; none for who does not see the supplier."""
    found: dict[int, list[Picked]] = {}
    ids = [d.shipment_id for line in order.lines for d in line.deliveries]
    for shipment_id, *lot in conn.execute(SQL["picked"], {"shipment_ids": ids, "supplier_id": order.supplier_id}):
        found.setdefault(shipment_id, []).append(Picked(*lot))
    return found


def listed(
    conn: sa.Connection,
    programme_id: int,
    *,
    status: Status | None = None,
    facility_id: int | None = None,
    most: int = 50,
    seen: str = EVERYTHING,
) -> list[Summary]:
    """The orders of a programme: those that wait for a decision, to be shipped, to arrive, then the newest.

    `facility_id` is either end; `seen` are the ids of the facilities of which at least one end has to be, as a
    multirange. Among the newest `LOOKED` of those that wait, and of the others.
    """
    conn.execute(SQL["plan_each"])
    rows = conn.execute(SQL["listed"], {
        "programme_id": programme_id, "facility_id": facility_id, "seen": seen, "looked": LOOKED,
        "pending": status in (None, Status.PLACED), "others": status is not Status.PLACED,
    })  # fmt: skip
    found = [Summary(**(dict(r._mapping) | {"lineage": tuple(r.lineage)})) for r in rows]
    found = sorted((s for s in found if status in (None, s.status)), key=lambda s: s.placed_at, reverse=True)
    rank = {s: place for place, s in enumerate(ORDER)}
    return sorted(found, key=lambda s: rank.get(s.status, len(rank)))[:most]


def known(conn: sa.Connection, programme_id: int, numbers: Sequence[str]) -> frozenset[str]:
    """Which of these numbers are orders of the programme; others keep their orders elsewhere."""
    if not numbers:
        return frozenset()
    return frozenset(conn.execute(SQL["known"], {"programme_id": programme_id, "numbers": list(numbers)}).scalars())


def awaited(conn: sa.Connection, facility_id: int, now: datetime) -> dict[int, int]:
    """Doses that a facility has asked for and nobody has shipped yet, by the id of the product."""
    asked = {"facility_id": facility_id, "since": now - PATIENCE}
    return {r.product_id: r.doses for r in conn.execute(SQL["awaited"], asked)}


def available(conn: sa.Connection, order: Order) -> dict[str, int]:
    """Doses that the supplier may use and has promised to nobody, by product."""
    asked = {"facility_id": order.supplier_id, "product_ids": [line.product_id for line in order.lines]}
    return {r.product: r.doses for r in conn.execute(SQL["available"], asked)}
