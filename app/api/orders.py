"""/api/v1/<programme>/orders: stock that a facility asks another one for; placed, approved, shipped, received."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, TypeVar

import sqlalchemy as sa
from flask import Blueprint, Response, jsonify, request
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StrictInt, ValidationError

from app import ordering, services
from app.api.bodies import Text, Words, json_object, words_of, written
from app.auth import naming, rights
from app.errors import InvalidBody
from data.programmes import Programme
from data.record import orders, submission
from data.record.ordering import MOST_LINES, Asked, Wanted
from data.record.orders import InvalidOrder, Order, OrderLine, Status

blueprint = Blueprint("orders", __name__, url_prefix="/api/v1/<programme>/orders")

#: How many orders a list has at most.
MOST = 200

Note = Annotated[Words, Field(max_length=1000)]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Line(_Closed):
    """How much of a product: `doses`, or `vials`."""

    product: Text
    doses: StrictInt | None = None
    vials: StrictInt | None = None


Lines = Annotated[list[Line], Field(max_length=MOST_LINES)]


class Placing(_Closed):
    """What is asked for, of whom; without a supplier, of the one that usually supplies the facility."""

    facility: Text
    supplier: Text | None = None
    lines: Lines
    reference: Text | None = None
    note: Note | None = None


class Approving(_Closed):
    """How much of it is promised; what is not named is promised as it was ordered."""

    lines: Lines = []
    note: Note | None = None


class Shipping(_Closed):
    """What is sent, under which delivery note; without lines, all that is left."""

    lines: Lines = []
    document: Text | None = None
    occurred_at: Annotated[AwareDatetime, BeforeValidator(written)] | None = None


class Receiving(_Closed):
    """Which delivery has arrived as it was sent."""

    document: Text


class Word(_Closed):
    """Why."""

    reason: Annotated[Words, Field(min_length=1, max_length=1000)]


@blueprint.get("")
@rights.needs("see", rights.Where.PROGRAMME)
def listed(programme: str) -> Response:
    """The orders of a programme, those that wait first; `facility=` (either end) and `status=` choose among them."""
    with services.transaction() as conn:
        found = services.programme(conn, programme)
        rows = orders.listed(
            conn,
            found.id,
            status=_status(request.args.get("status")),
            facility_id=facility_id(conn, found, request.args.get("facility")),
            most=MOST,
            seen=services.reach(found).facility_ids,
        )
    names = naming.masked()
    return jsonify({"orders": [
        {
            "number": o.number, "status": o.status, "facility": o.facility, "facility_name": o.facility_name,
            "supplier": o.supplier, "supplier_name": o.supplier_name, "placed_at": _iso(o.placed_at),
            "placed_by": names(o.placer), "approved_at": _iso(o.approved_at), "refused_at": _iso(o.refused_at),
            "ended_at": _iso(o.ended_at), "lines": o.lines, "ordered": o.ordered, "approved": o.approved,
            "reserved": o.reserved, "shipped": o.shipped, "received": o.received, "in_transit": o.under_way,
        }
        for o in rows
    ]})  # fmt: skip


@blueprint.post("")
@rights.needs("order", rights.Where.INSIDE)
def place(programme: str) -> tuple[Response, int]:
    """Place an order; 201 with it, 200 where it is the first of the same reference again."""
    body = _read(Placing)
    with ordering.changing(programme) as (conn, found):
        lines = _wanted(conn, found, body.lines)
        asked = Asked(body.facility, lines, body.supplier, body.reference, body.note)
        order, new = ordering.place(conn, found, asked)
    answer = _answer(order)
    answer.headers["Location"] = f"/api/v1/{programme}/orders/{order.number}"
    return answer, 201 if new else 200


@blueprint.get("/<number>")
@rights.needs("see", rights.Where.INSIDE)
def read(programme: str, number: str) -> Response:
    """An order with its lines and deliveries; its ETag says what was seen."""
    with services.transaction() as conn:
        return _answer(ordering.read(conn, services.programme(conn, programme), number))


@blueprint.post("/<number>/approve")
@rights.needs("approve", rights.Where.INSIDE)
def approve(programme: str, number: str) -> Response:
    """Promise it as another person, or less of it; what is promised is held at once."""
    body = _read(Approving) if request.content_length else Approving()
    with ordering.changing(programme) as (conn, found):
        lines = _wanted(conn, found, body.lines)
        return _answer(ordering.approve(conn, found, number, lines, body.note, _seen()))


@blueprint.post("/<number>/refuse")
@rights.needs("approve", rights.Where.INSIDE)
def refuse(programme: str, number: str) -> Response:
    """Say, with a word, that nothing of it is sent."""
    reason = _read(Word).reason
    with ordering.changing(programme) as (conn, found):
        return _answer(ordering.refuse(conn, found, number, reason, _seen()))


@blueprint.post("/<number>/ship")
@rights.needs("record", rights.Where.INSIDE)
def ship(programme: str, number: str) -> Response:
    """Send all that is left of it, or a part, under a delivery note."""
    body = _read(Shipping) if request.content_length else Shipping()
    with ordering.changing(programme) as (conn, found):
        lines = _wanted(conn, found, body.lines)
        return _answer(ordering.ship(conn, found, number, lines, body.document, body.occurred_at, _seen()))


@blueprint.post("/<number>/receive")
@rights.needs("record", rights.Where.INSIDE)
def receive(programme: str, number: str) -> Response:
    """Say that a delivery has arrived as it was sent."""
    document = _read(Receiving).document
    with ordering.changing(programme) as (conn, found):
        return _answer(ordering.receive(conn, found, number, document, _seen()))


@blueprint.post("/<number>/cancel")
@rights.needs("order", rights.Where.INSIDE)
def cancel(programme: str, number: str) -> Response:
    """Give up, as who ordered, what is not shipped."""
    reason = _read(Word).reason
    with ordering.changing(programme) as (conn, found):
        return _answer(ordering.cancel(conn, found, number, reason, _seen()))


@blueprint.post("/<number>/release")
@rights.needs("approve", rights.Where.INSIDE)
def release(programme: str, number: str) -> Response:
    """Give up, as the supplier, what is not shipped."""
    reason = _read(Word).reason
    with ordering.changing(programme) as (conn, found):
        return _answer(ordering.release(conn, found, number, reason, _seen()))


def facility_id(conn: sa.Connection, programme: Programme, code: str | None) -> int | None:
    """The id of a facility that a list is asked about; one that nobody has, or that is not seen, has no orders."""
    if not code:
        return None
    known = submission.facilities(conn, programme.id, [services.facility(programme, code)])
    return known[code].id if code in known else -1


_Body = TypeVar("_Body", bound=BaseModel)


def _read(kind: type[_Body]) -> _Body:
    body = json_object()
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "order"
        raise InvalidOrder(name, "See docs/api.md for every field.", reason=words_of(first)) from error


def _status(said: str | None) -> Status | None:
    if said is not None and said not in set(Status):
        raise InvalidBody("status", f"Send one of: {', '.join(Status)}.", reason="status is none of ours")
    return None if said is None else Status(said)


def _wanted(conn: sa.Connection, programme: Programme, lines: Sequence[Line]) -> list[Wanted]:
    """Amounts in doses; raises `InvalidOrder` where a line does not say one amount."""
    known = submission.products(conn, programme.id, [line.product for line in lines])
    wanted = []
    for index, line in enumerate(lines):
        if (line.doses is None) == (line.vials is None):
            raise InvalidOrder(
                f"lines.{index}", "Send either of them.", reason="a line needs its amount once, as doses or as vials"
            )
        vial = known[line.product].doses_per_vial if line.product in known else 1
        wanted.append(Wanted(line.product, line.doses if line.doses is not None else (line.vials or 0) * vial))
    return wanted


def _seen() -> str | None:
    etag = request.headers.get("If-Match")
    return None if etag is None else etag.strip().removeprefix("W/").strip('"')


def _answer(order: Order) -> Response:
    names = naming.masked()
    response = jsonify({
        "number": order.number, "status": order.status, "facility": order.facility,
        "facility_name": order.facility_name, "supplier": order.supplier, "supplier_name": order.supplier_name,
        "reference": order.reference, "note": order.note,
        "placed_at": _iso(order.placed_at), "placed_by": names(order.placer),
        "approved_at": _iso(order.approved_at), "approved_by": names(order.approver),
        "approval_note": order.approval_note,
        "refused_at": _iso(order.refused_at), "refused_by": names(order.refuser), "refusal": order.refusal,
        "ended_at": _iso(order.ended_at), "ended_by": names(order.ender), "end_reason": order.end_reason,
        "lines": [_line(line, going_on=order.ended_at is None) for line in order.lines],
    })  # fmt: skip
    response.set_etag(order.etag)
    return response


def _line(line: OrderLine, *, going_on: bool) -> dict[str, Any]:
    return {
        "product": line.product, "name": line.product_name, "doses_per_vial": line.doses_per_vial,
        "ordered": line.ordered, "approved": line.approved, "reserved": line.reserved, "shipped": line.shipped,
        "left": line.left if going_on else 0, "received": line.received, "in_transit": line.under_way,
        "deliveries": [
            {
                "document": d.document, "sent": d.sent, "received": d.received, "in_transit": d.under_way,
                "differs": d.differs, "sent_at": _iso(d.sent_at), "received_at": _iso(d.received_at),
            }
            for d in line.deliveries
        ],
    }  # fmt: skip


def _iso(value: date | datetime | None) -> str | None:
    return None if value is None else value.isoformat()
