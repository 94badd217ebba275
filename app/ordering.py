"""Who may do what with an order? The rights are asked here, for the API and the pages alike.

Ordering, giving up and receiving are of the facility that orders; approving, refusing, shipping and releasing of its
supplier. Both ends see it, and nobody else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

import sqlalchemy as sa

from app import services
from app.auth import trail
from app.errors import NotAllowed
from data import errors
from data.programmes import Programme
from data.record import ordering, orders, submission
from data.record.ordering import Actor, Asked, Wanted
from data.record.orders import Order
from data.record.trail import Action

_REMEDIES = {
    "order": "You may not order stock for {name}. Ask its officer, or sign in with a role that may.",
    "approve": "What {name} is asked for is approved by an officer above it.",
    "record": "You may not record stock at {name}. Ask its officer, or sign in with a role that may.",
}


@contextmanager
def changing(code: str) -> Iterator[tuple[sa.Connection, Programme]]:
    """A transaction for one step of an order. It sees all of the programme, for the other end lies elsewhere.

    What may be seen and done of it is asked below, of whoever asks, before anything is changed.
    """
    programme_id = services.principal().programme_id(code)
    if programme_id is None:
        raise services.unknown_programme(code)
    with services.whole(programme_id) as conn:
        yield conn, services.programme(conn, code)


def place(conn: sa.Connection, programme: Programme, asked: Asked) -> tuple[Order, bool]:
    """Place an order, and whether it is new; raises `NotAllowed` and what `ordering.place` raises."""
    at = submission.facilities(conn, programme.id, [asked.facility]).get(asked.facility)
    if at is None or not services.reach(programme).has_facility(asked.facility):
        raise errors.UnknownFacility("facility", services.ELSEWHERE, value=asked.facility)
    _demand("order", programme, at.id, at.lineage, at.name)
    return ordering.place(conn, programme.id, asked, _actor(None))


def approve(
    conn: sa.Connection,
    programme: Programme,
    number: str,
    amounts: Sequence[Wanted],
    note: str | None = None,
    seen: str | None = None,
) -> Order:
    """Promise it, or less of it."""
    before = _of_supplier("approve", conn, programme, number)
    order = ordering.approve(conn, programme.id, number, amounts, _actor(seen), note)
    if before.approved_at is None:
        lines = {line.product: line.approved for line in order.lines}
        _note(conn, programme, Action.ORDER_APPROVED, order, approved=lines)
    return order


def refuse(conn: sa.Connection, programme: Programme, number: str, reason: str, seen: str | None = None) -> Order:
    """Say that nothing of it is sent."""
    before = _of_supplier("approve", conn, programme, number)
    order = ordering.refuse(conn, programme.id, number, reason, _actor(seen))
    if before.refused_at is None:
        _note(conn, programme, Action.ORDER_REFUSED, order, reason=reason)
    return order


def ship(
    conn: sa.Connection,
    programme: Programme,
    number: str,
    amounts: Sequence[Wanted],
    document: str | None = None,
    at: datetime | None = None,
    seen: str | None = None,
) -> Order:
    """Send it, or a part of it."""
    _of_supplier("record", conn, programme, number)
    return ordering.ship(conn, programme.id, number, amounts, _actor(seen), document=document, at=at)


def release(conn: sa.Connection, programme: Programme, number: str, reason: str, seen: str | None = None) -> Order:
    """Say, as the supplier, that what is not shipped will not be."""
    order = _of_supplier("approve", conn, programme, number)
    if order.approved_at is None:
        remedy = "Refuse it instead, and say why."
        raise orders.NotNow("number", remedy, number=number, status=order.status)
    return ordering.end(conn, programme.id, number, reason, _actor(seen))


def cancel(conn: sa.Connection, programme: Programme, number: str, reason: str, seen: str | None = None) -> Order:
    """Say, as who ordered, that what is not shipped is not needed any more."""
    _of_facility("order", conn, programme, number)
    return ordering.end(conn, programme.id, number, reason, _actor(seen))


def receive(conn: sa.Connection, programme: Programme, number: str, document: str, seen: str | None = None) -> Order:
    """Say that all that was sent under a delivery note has arrived."""
    _of_facility("record", conn, programme, number)
    return ordering.receive(conn, programme.id, number, document, _actor(seen))


def read(conn: sa.Connection, programme: Programme, number: str) -> Order:
    """The order with this number, if the one who asks may see either end; raises `UnknownOrder`."""
    order = orders.read(conn, programme.id, number)
    reach = services.reach(programme)
    if not (reach.has_facility(order.facility) or reach.has_facility(order.supplier)):
        raise orders.UnknownOrder("number", services.ELSEWHERE, value=number)
    return order


def may_at_facility(right: str, programme: Programme, order: Order) -> bool:
    """Whether the one who asks has this right where the order comes from."""
    return services.principal().may(right, programme.id, order.facility_id, order.lineage)


def may_at_supplier(right: str, programme: Programme, order: Order) -> bool:
    """Whether the one who asks has this right at the one who is asked."""
    return services.principal().may(right, programme.id, order.supplier_id, order.supplier_lineage)


def _of_supplier(right: str, conn: sa.Connection, programme: Programme, number: str) -> Order:
    order = read(conn, programme, number)
    _demand(right, programme, order.supplier_id, order.supplier_lineage, order.supplier_name)
    return order


def _of_facility(right: str, conn: sa.Connection, programme: Programme, number: str) -> Order:
    order = read(conn, programme, number)
    _demand(right, programme, order.facility_id, order.lineage, order.facility_name)
    return order


def _demand(right: str, programme: Programme, facility_id: int, lineage: tuple[int, ...], name: str) -> None:
    if not services.principal().may(right, programme.id, facility_id, lineage):
        raise NotAllowed("facility", _REMEDIES[right].format(name=name))


def _actor(seen: str | None) -> Actor:
    return Actor(services.principal().user_id, services.now(), seen)


def _note(conn: sa.Connection, programme: Programme, action: Action, order: Order, **details: object) -> None:
    said = {"facility": order.facility, "supplier": order.supplier} | details
    trail.note(conn, [programme.id], action, order.number, said)
