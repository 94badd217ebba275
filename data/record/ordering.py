"""How does stock get from one facility to another that asks for it? It is ordered, promised, shipped, received.

Approving holds the doses at the supplier: one RESERVE for each line. Shipping takes them off its shelves, first expired
first out, under a delivery note, to the facility that ordered; what is given up is no longer held. Each step is one
transaction with what it puts into the record, under the order's row: who comes second finds what the first has done.
Events are of source `order`; the id of the first reservation of a line is `<number>/<line>`, that of every other event
ends with the number of its posting.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

import sqlalchemy as sa

from data import errors
from data.record import ledger, orders, recorded, rules, submission
from data.record.orders import SQL, InvalidOrder, Order, OrderLine, Status
from data.record.submission import CLOCK_SKEW, Facility, Product
from data.types import Kind, StockEvent

#: The name under which the events of orders are in the record.
SOURCE = "order"
#: An order has no more lines.
MOST_LINES = 500
_ASK_AGAIN = "Look at the order as it is now, and decide again."
_WAITING = "This can be done while an order waits for a decision."


@dataclass(frozen=True, slots=True)
class Wanted:
    """Doses of one product."""

    product: str
    doses: int


@dataclass(frozen=True, slots=True)
class Asked:
    """What a facility asks for. Without a supplier the one that usually supplies it is asked.

    `reference` is the sender's own id of it: the same again is the same order.
    """

    facility: str
    lines: Sequence[Wanted]
    supplier: str | None = None
    reference: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something with an order, when, and what they saw before: the etag of it, or None for whatever it is."""

    user_id: int | None
    now: datetime
    seen: str | None = None


def place(conn: sa.Connection, programme_id: int, asked: Asked, by: Actor) -> tuple[Order, bool]:
    """Place an order; whether it is new. The same reference again answers with the first.

    Raises `UnknownFacility`, `UnknownProduct`, `InvalidOrder`, or `OtherReference`.
    """
    facility, supplier = _ends(conn, programme_id, asked)
    known = submission.products(conn, programme_id, [w.product for w in asked.lines])
    _check_lines(asked.lines, known)
    conn.execute(SQL["one_at_a_time"], {"programme_id": programme_id})
    if asked.reference is not None:
        named = {"facility_id": facility.id, "reference": asked.reference}
        number = conn.execute(SQL["referred"], named).scalar_one_or_none()
        if number is not None:
            return _same(orders.read(conn, programme_id, number), asked, supplier), False
    number = _number(conn, programme_id, facility, by.now)
    order_id = conn.execute(SQL["place"], {
        "programme_id": programme_id, "number": number, "facility_id": facility.id, "supplier_id": supplier.id,
        "reference": asked.reference, "note": asked.note, "user_id": by.user_id, "now": by.now,
    }).scalar_one()  # fmt: skip
    conn.execute(SQL["add_lines"], {
        "order_id": order_id,
        "product_ids": [known[w.product].id for w in asked.lines],
        "vials": [known[w.product].doses_per_vial for w in asked.lines],
        "ordered": [w.doses for w in asked.lines],
    })  # fmt: skip
    return orders.read(conn, programme_id, number), True


def _ends(conn: sa.Connection, programme_id: int, asked: Asked) -> tuple[Facility, Facility]:
    """Who orders, and who is asked."""
    facility = _facility(conn, programme_id, asked.facility, "facility")
    code = asked.supplier or recorded.supplier(conn, facility.id)
    if not code:
        _refuse("supplier", f"nobody is known to supply {facility.name}", "Name the facility that is asked.")
    supplier = _facility(conn, programme_id, code, "supplier")
    if supplier.id == facility.id:
        _refuse("supplier", "a facility cannot ask itself", "Name the facility that is asked.")
    return facility, supplier


def _facility(conn: sa.Connection, programme_id: int, code: str, field: str) -> Facility:
    found = submission.facilities(conn, programme_id, [code]).get(code)
    if found is None:
        raise errors.UnknownFacility(field, "Search for it by name to find its code.", value=code)
    if not found.open:
        _refuse(field, f"{found.name} is closed", "Reopen it in the registry, or name another.")
    return found


def _check_lines(lines: Sequence[Wanted], known: Mapping[str, Product]) -> None:
    if not 1 <= len(lines) <= MOST_LINES:
        reason = f"it has {len(lines):,} lines" if lines else "nothing is asked for"
        _refuse("lines", reason, f"Send 1 to {MOST_LINES} products, each once.")
    if len({w.product for w in lines}) < len(lines):
        _refuse("lines", "a product is there twice", "Add the two amounts up.")
    for index, wanted in enumerate(lines):
        product = known.get(wanted.product)
        if product is None:
            remedy = "The programme's products are listed under registry."
            raise errors.UnknownProduct("product", remedy, value=wanted.product, index=index)
        _check_amount(wanted, product.name, product.doses_per_vial, 1, rules.MOST_DOSES, index)


def _check_amount(wanted: Wanted, name: str, doses_per_vial: int, least: int, most: int, index: int) -> None:
    if not least <= wanted.doses <= most:
        reason = f"{wanted.doses:,} doses of {name} cannot be meant"
        _refuse("doses", reason, f"Send {least} to {most:,}.", index=index)
    below, above = rules.whole_vials(wanted.doses, doses_per_vial)
    if below != above:
        reason = f"{wanted.doses:,} doses of {name} are no whole number of vials of {doses_per_vial}"
        _refuse("doses", reason, f"Send {f'{below:,} or ' if below else ''}{above:,}.", index=index)


def _same(first: Order, asked: Asked, supplier: Facility) -> Order:
    """The order of this reference, if it says the same."""
    said = {line.product: line.ordered for line in first.lines}
    again = {w.product: w.doses for w in asked.lines}
    if (said, first.supplier_id, first.note) != (again, supplier.id, asked.note):
        raise orders.OtherReference(
            "reference", "Send a new reference for another order, or the first content again.",
            reference=asked.reference, number=first.number,
        )  # fmt: skip
    return first


def _number(conn: sa.Connection, programme_id: int, facility: Facility, now: datetime) -> str:
    """The next free number of a facility and its local day; it is part of addresses, so it has plain letters only."""
    code = re.sub(r"[^A-Za-z0-9]+", "-", facility.code).strip("-")
    prefix = f"ORD-{code}-{facility.day(now):%Y%m%d}-"
    taken = conn.execute(SQL["numbered"], {"programme_id": programme_id, "prefix": prefix}).scalar_one()
    return f"{prefix}{taken + 1}"


def approve(
    conn: sa.Connection, programme_id: int, number: str, amounts: Sequence[Wanted], by: Actor, note: str | None = None
) -> Order:
    """Promise an order, or of some lines less (0: nothing), as another person; what is promised is held at once.

    The same approval again is answered as it is. Raises `NotAnother`, `NotNow`, `InvalidOrder`, `OrderChanged`, and
    `TooLittle` with what is available of each product of which there is too little; then nothing may be committed.
    """
    order = _hold(conn, programme_id, number)
    granted = _amounts(order, amounts, {line.product: line.ordered for line in order.lines})
    mine = order.approved_by is not None and order.approved_by == by.user_id and order.ended_at is None
    if mine and granted == {line.product: line.approved for line in order.lines}:
        return order
    _demand(order, order.status is Status.PLACED, _WAITING)
    if by.user_id is not None and by.user_id == order.placed_by:
        raise orders.NotAnother("approved_by", "Ask another officer who may approve here.", number=number)
    _check_seen(order, by)
    if not any(granted.values()):
        _refuse("lines", "nothing of it is approved", "Refuse it, and say why.")
    asked = {"order_id": order.id, "user_id": by.user_id, "now": by.now}
    conn.execute(SQL["approve"], asked | {"note": note})
    lines = {"ids": [x.id for x in order.lines], "approved": [granted[x.product] for x in order.lines]}
    conn.execute(SQL["approve_lines"], lines)
    held = [
        _event(order, line, Kind.RESERVE, granted[line.product], f"{number}/{line.id}", _now(order, by), order=number)
        for line in order.lines
        if granted[line.product]
    ]
    _promise(conn, programme_id, order, held, by)
    return orders.read(conn, programme_id, number)


def _promise(conn: sa.Connection, programme_id: int, order: Order, events: Sequence[StockEvent], by: Actor) -> None:
    """Hold these doses, all of them or none; the shelves themselves say of which there is too little."""

    def refuse(_: int, error: errors.DataError) -> NoReturn:
        raise error

    entries = submission.resolve(conn, programme_id, events, by.now, refuse, actor_id=by.user_id)
    answers = ledger.keep(conn, programme_id, entries, by.now, partial=True)
    failed = [(e, a) for e, a in zip(entries, answers, strict=True) if isinstance(a, errors.DataError)]
    short = []
    for entry, error in failed:
        if not isinstance(error, errors.Overdraw):
            raise error
        available = max(int(str(error.details.get("balance", 0))), 0)
        whole = rules.whole_vials(available, entry.product.doses_per_vial)[0]
        short.append({"product": entry.product.code, "name": entry.product.name, "asked": entry.event.doses,
                      "available": whole})  # fmt: skip
    if short:
        said = ", ".join(f"{s['available']:,} of {s['asked']:,} doses of {s['name']}" for s in short)
        raise orders.TooLittle(
            "lines", "Approve no more than that, or wait for its next delivery.", supplier=order.supplier_name,
            number=order.number, short=said, lines=short,
        )  # fmt: skip


def refuse(conn: sa.Connection, programme_id: int, number: str, reason: str, by: Actor) -> Order:
    """Say, with a word, that nothing of it is sent."""
    order = _hold(conn, programme_id, number)
    if order.status is Status.REFUSED:
        return order
    _demand(order, order.status is Status.PLACED, _WAITING)
    _check_seen(order, by)
    _with_reason(reason)
    asked = {"order_id": order.id, "user_id": by.user_id, "reason": reason, "now": by.now}
    conn.execute(SQL["refuse"], asked)
    return orders.read(conn, programme_id, number)


def end(conn: sa.Connection, programme_id: int, number: str, reason: str, by: Actor) -> Order:
    """Give up what is not shipped: it is no longer held. Once more is answered as it is.

    Where a shipment was taken back after that, its doses are held again, and this releases them.
    """
    order = _hold(conn, programme_id, number)
    if order.ended_at is not None and not order.reserved:
        return order
    _demand(order, order.refused_at is None and (order.status is Status.PLACED or bool(order.left or order.reserved)),
            "This can be done while something of it is not shipped.")  # fmt: skip
    if order.ended_at is None:
        _check_seen(order, by)
        _with_reason(reason)
        asked = {"order_id": order.id, "user_id": by.user_id, "reason": reason, "now": by.now}
        conn.execute(SQL["end"], asked)
    posting, at = _posting(conn, order), _now(order, by)
    _post(conn, programme_id, by, [
        _event(order, line, Kind.UNRESERVE, line.reserved, f"{number}/{line.id}/{posting}", at, order=number,
               opened_vial=True)
        for line in order.lines
        if line.reserved > 0
    ])  # fmt: skip
    return orders.read(conn, programme_id, number)


def ship(
    conn: sa.Connection,
    programme_id: int,
    number: str,
    amounts: Sequence[Wanted],
    by: Actor,
    *,
    document: str | None = None,
    at: datetime | None = None,
) -> Order:
    """Send what was approved, or (`amounts`) a part of it, under a delivery note: the order's number if none is named.

    The same under the same note again is answered as it is. Raises `NotNow`, `InvalidOrder`, `DocumentUsed`,
    `OrderChanged`, and what the ledger raises where the stock is not there.
    """
    order = _hold(conn, programme_id, number)
    paper = document or number
    before = {x.product: d.sent for x in order.lines for d in x.deliveries if d.document == paper}
    if before:
        asked = {w.product: w.doses for w in amounts if w.doses}
        if asked in ({}, before):
            return order
        said = ", ".join(f"{doses:,} doses of {product}" for product, doses in before.items())
        raise orders.DocumentUsed("document", "Give the next part of it another number.", document=paper, use=said)
    _demand(order, order.left > 0, "This can be done while something was approved and is not shipped.")
    _check_seen(order, by)
    sending = _amounts(order, amounts, {line.product: line.left for line in order.lines}, rest=0 if amounts else None)
    if not any(sending.values()):
        _refuse("lines", "nothing of it is sent", "Send an amount of at least one product.")
    moment = _moment(order, at, by)
    _check_document(conn, programme_id, order, paper)
    posting, kind = _posting(conn, order), Kind.ISSUE if order.regular else Kind.TRANSFER_OUT
    _post(conn, programme_id, by, [
        _event(order, line, kind, sending[line.product], f"{number}/{line.id}/{posting}", moment, order=number,
               partner=order.facility, document=paper)
        for line in order.lines
        if sending[line.product]
    ])  # fmt: skip
    return orders.read(conn, programme_id, number)


def _moment(order: Order, at: datetime | None, by: Actor) -> datetime:
    """When it left: not before it was approved, or it would not be what is held that was sent."""
    if at is None:
        return _now(order, by)
    if order.approved_at is None or not order.approved_at <= at <= by.now + CLOCK_SKEW:
        _refuse("occurred_at", "it lies in the future or before the approval", "Send the time at which it left.")
    return at


def _now(order: Order, by: Actor) -> datetime:
    """The moment of a step: never before the one that it follows, whichever clock is behind."""
    return max(by.now, order.approved_at or order.placed_at)


def _check_document(conn: sa.Connection, programme_id: int, order: Order, document: str) -> None:
    """A delivery note is of one order: what arrives under it is what was sent for it."""
    if not 1 <= len(document) <= 200 or document != document.strip() or not document.isprintable():
        _refuse("document", "the number of a delivery note is 1 to 200 characters", "Copy it from the paper.")
    mine = [d.shipment_id for line in order.lines for d in line.deliveries]
    asked = {"programme_id": programme_id, "document": document, "shipment_ids": mine}
    other = conn.execute(SQL["other_use"], asked).first()
    if other is not None:
        use = f"{other.product} from {other.sender} to {other.receiver}"
        raise orders.DocumentUsed("document", "Give this delivery a number of its own.", document=document, use=use)


def receive(conn: sa.Connection, programme_id: int, number: str, document: str, by: Actor) -> Order:
    """Say that all which is under way under a delivery note has arrived as it was sent, lot by lot.

    Where nothing is under way any more it is answered as it is. Raises `InvalidOrder` for a note that is none of it.
    """
    order = _hold(conn, programme_id, number)
    if document not in order.documents:
        _refuse("document", f"nothing was sent for it under {document}", "Choose one of its delivery notes.")
    arriving = [(line, d) for line in order.lines for d in line.deliveries if d.document == document and d.under_way]
    if not arriving:
        return order
    _check_seen(order, by)
    posting, kind = _posting(conn, order), Kind.RECEIPT if order.regular else Kind.TRANSFER_IN
    events = []
    for line, delivery in arriving:
        source_id = f"{number}/{line.id}/{posting}"
        events.append(_event(order, line, kind, delivery.under_way, source_id, by.now, facility=order.facility,
                             partner=order.supplier, document=document, opened_vial=True))  # fmt: skip
    _post(conn, programme_id, by, events)
    return orders.read(conn, programme_id, number)


def _amounts(
    order: Order, amounts: Sequence[Wanted], most: Mapping[str, int], rest: int | None = None
) -> dict[str, int]:
    """Doses by product: what was said, and of the others `rest`, or (None) the most."""
    lines = {line.product: line for line in order.lines}
    said: dict[str, int] = {}
    for index, wanted in enumerate(amounts):
        line = lines.get(wanted.product)
        if line is None:
            reason = f"{wanted.product} is no product of this order"
            _refuse("product", reason, "Name one of its products.", index=index)
        if wanted.product in said:
            _refuse("lines", "a product is there twice", "Add the two amounts up.", index=index)
        _check_amount(wanted, line.product_name, line.doses_per_vial, 0, most[wanted.product], index)
        said[wanted.product] = wanted.doses
    return {product: said.get(product, most[product] if rest is None else rest) for product in lines}


def _hold(conn: sa.Connection, programme_id: int, number: str) -> Order:
    """The order, which nobody else changes until commit."""
    conn.execute(SQL["hold"], {"programme_id": programme_id, "number": number})
    return orders.read(conn, programme_id, number)


def _demand(order: Order, possible: bool, remedy: str) -> None:
    if not possible:
        raise orders.NotNow("number", remedy, number=order.number, status=order.status)


def _check_seen(order: Order, by: Actor) -> None:
    if by.seen is not None and by.seen != order.etag:
        raise orders.OrderChanged("number", _ASK_AGAIN, number=order.number, status=order.status, etag=order.etag)


def _with_reason(reason: str) -> None:
    if not reason.strip():
        _refuse("reason", "it is not said why", "Say it in a few words.")


def _posting(conn: sa.Connection, order: Order) -> int:
    return int(conn.execute(SQL["posting"], {"order_id": order.id}).scalar_one())


def _post(conn: sa.Connection, programme_id: int, by: Actor, events: Sequence[StockEvent]) -> None:
    """Put these into the record, all of them or none."""
    ledger.record(conn, programme_id, events, actor_id=by.user_id, now=by.now)


def _event(
    order_: Order, line: OrderLine, kind: Kind, doses: int, source_id: str, at: datetime, *,
    facility: str | None = None, **more: Any,
) -> StockEvent:  # fmt: skip
    return StockEvent(
        facility=facility or order_.supplier, product=line.product, kind=kind, doses=doses, occurred_at=at,
        source=SOURCE, source_id=source_id, **more,
    )  # fmt: skip


def _refuse(name: str, reason: str, remedy: str, **details: Any) -> NoReturn:
    raise InvalidOrder(name, remedy, reason=reason, **details)
