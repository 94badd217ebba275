"""How does ordering stock look? The list, asking for it with what is suggested, and one order with what can be done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from app.auth import naming
from app.auth.naming import Names
from app.pages import plain
from app.pages.plain import Person
from data import errors
from data.insight import formula
from data.insight.formula import Formula
from data.programmes import Programme
from data.record import rules
from data.record.orders import Delivery, Order, OrderLine, Picked, Status, Summary
from data.stock import Facility
from geo.network import Store

HERE = "Orders"
STATUS = {
    Status.PLACED: "Waits for approval", Status.APPROVED: "Approved, held", Status.SHIPPED: "On its way",
    Status.CLOSED: "Closed", Status.REFUSED: "Refused", Status.CANCELLED: "Cancelled",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rights:
    """What the reader may do with an order; `another` says that they did not place it."""

    order: bool
    receive: bool
    approve: bool
    ship: bool
    another: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A product that can be ordered: what is there, on its way and asked for, and what is suggested, in doses."""

    product: str
    name: str
    unit: str
    doses_per_vial: int
    usable: int
    coming: int
    awaited: int
    formula: Formula

    @property
    def vials(self) -> int | None:
        """The suggestion in vials; None where nothing can be suggested."""
        return None if self.formula.value is None else round(self.formula.value) // self.doses_per_vial


@dataclass(frozen=True, slots=True)
class Seen:
    """What the reader may know of an order beside itself: what is available of its products at the supplier, by code,
    and the lots that were taken for its shipments, by their id. Both are empty for who does not see the supplier.
    """

    available: Mapping[str, int]
    picked: Mapping[int, Sequence[Picked]]


def listed(
    programme: Programme, person: Person, rows: Sequence[Summary], facility: Facility | None, now: datetime
) -> str:
    """The list, with those that wait first."""
    values = {"rows": rows, "facility": facility, "waiting": sum(r.status is Status.PLACED for r in rows)}
    return _page("orders.html", programme, person, now, called=_placer(programme), **values)


def new(
    programme: Programme,
    person: Person,
    facility: Facility,
    rows: Sequence[Row],
    stores: Sequence[Store],
    under_way: Sequence[Summary],
    typed: Mapping[str, str],
    error: errors.DataError | None,
    now: datetime,
    *,
    mine: bool,
) -> str:
    """What a facility asks for, if (`mine`) the reader may; `typed` is what was sent and could not be kept, with the id
    of the form.
    """
    return _page(
        "order_new.html", programme, person, now, facility=facility, rows=rows, stores=stores, under_way=under_way,
        typed=typed, error=error, amount=formula.amount, mine=mine,
    )  # fmt: skip


def one(
    programme: Programme,
    person: Person,
    order: Order,
    rights: Rights,
    seen: Seen,
    typed: Mapping[str, str],
    error: errors.DataError | None,
    now: datetime,
) -> str:
    """An order, how far it is, and what the reader can do about it."""
    at_facility = naming.by_right(programme.id, order.facility_id, order.lineage)
    at_supplier = naming.by_right(programme.id, order.supplier_id, order.supplier_lineage)
    return _page(
        "order.html", programme, person, now, order=order, rights=rights, seen=seen, typed=typed, error=error,
        at_facility=at_facility, at_supplier=at_supplier, deliveries=_deliveries(order),
        next_document=next_document(order), grant=lambda line: _grant(line, seen), zone=ZoneInfo(programme.timezone),
    )  # fmt: skip


def next_document(order: Order) -> str:
    """The delivery note that is offered for the next part: the order's own number, then that with a number behind."""
    made = [order.number, *(f"{order.number}-{n}" for n in range(2, len(order.documents) + 2))]
    return next(document for document in made if document not in order.documents)


def _deliveries(order: Order) -> list[tuple[str, list[tuple[OrderLine, Delivery]]]]:
    """What went under each delivery note, line by line."""
    return [
        (document, [(line, d) for line in order.lines for d in line.deliveries if d.document == document])
        for document in order.documents
    ]


def _grant(line: OrderLine, seen: Seen) -> int:
    """What is offered for approval: what was ordered, or as many whole vials of it as are available."""
    available = max(min(seen.available.get(line.product, 0), line.ordered), 0)
    return rules.whole_vials(available, line.doses_per_vial)[0]


def _placer(programme: Programme) -> Callable[[Summary], Names]:
    """What people are called in a list, by the facility that orders."""
    return lambda of: naming.by_right(programme.id, of.facility_id, of.lineage)


def _page(template: str, programme: Programme, person: Person, now: datetime, **values: object) -> str:
    local = now.astimezone(ZoneInfo(programme.timezone))
    return plain.framed(template, HERE, programme, person, status=STATUS, now=local, **values)
