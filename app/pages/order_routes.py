"""At which addresses is stock ordered? Plain forms that work without JavaScript, for both ends of an order."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import Blueprint, Response, make_response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from app import errors, ordering, services
from app import lens as lenses
from app.api import bodies
from app.api.orders import facility_id
from app.auth import rights
from app.auth.routes import form_token
from app.components import words
from app.pages import orders as pages
from app.pages.plain import Person
from data import errors as data_errors
from data import stock
from data.insight import formula
from data.programmes import Programme
from data.record import orders, submission
from data.record.ordering import Asked, Wanted
from data.record.orders import InvalidOrder, Order
from data.stock import Facility
from geo import network

blueprint = Blueprint("order_pages", __name__, url_prefix="/<programme>/orders")


@blueprint.get("")
@rights.needs("see", rights.Where.PROGRAMME)
def listed(programme: str) -> str:
    """The orders: those that wait for a decision, that are to be shipped, to arrive, the newest."""
    with services.transaction() as conn:
        found = services.programme(conn, programme)
        code = request.args.get("facility") or None
        rows = orders.listed(
            conn, found.id, facility_id=facility_id(conn, found, code), seen=services.reach(found).facility_ids
        )
        place = None if code is None else stock.facility(conn, found.id, code)
        return pages.listed(found, _person(programme), rows, place, services.now())


@blueprint.get("/new")
@rights.needs("see", rights.Where.INSIDE)
def new(programme: str) -> str:
    """What does a facility ask for? With what would fill it up."""
    with services.transaction() as conn:
        found = services.programme(conn, programme)
        return _new(conn, found, request.args.get("facility", ""), {"reference": secrets.token_urlsafe(12)}, None)


@blueprint.post("")
@rights.needs("order", rights.Where.INSIDE)
def place(programme: str) -> AnyResponse:
    """Place an order and go to it; the same form sent twice is one order."""
    typed = request.form
    try:
        with ordering.changing(programme) as (conn, found):
            facility = stock.facility(conn, found.id, services.facility(found, typed.get("facility", "")))
            vials = {p.code: p.doses_per_vial for p in stock.positions(conn, facility.id)}
            lines = _amounts("vials", vials)
            asked = Asked(
                facility.code, [w for w in lines if w.doses], _text("supplier"), _text("reference"), _text("note")
            )
            order, _ = ordering.place(conn, found, asked)
    except data_errors.DataError as error:
        with services.transaction() as conn:
            found = services.programme(conn, programme)
            return _refused(error, _new(conn, found, typed.get("facility", ""), typed, error))
    return redirect(f"/{programme}/orders/{order.number}", 303)


@blueprint.get("/<number>")
@rights.needs("see", rights.Where.INSIDE)
def one(programme: str, number: str) -> str:
    """An order: how far it is, and what can be done about it."""
    with services.transaction() as conn:
        return _one(conn, services.programme(conn, programme), number, None)


@blueprint.post("/<number>/approve")
@rights.needs("approve", rights.Where.INSIDE)
def approve(programme: str, number: str) -> AnyResponse:
    """Promise it, or less of it."""
    return _act(
        programme, number,
        lambda conn, found, of: ordering.approve(conn, found, number, _lines(of), _text("note"), _text("seen")),
    )  # fmt: skip


@blueprint.post("/<number>/refuse")
@rights.needs("approve", rights.Where.INSIDE)
def refuse(programme: str, number: str) -> AnyResponse:
    """Nothing of it is sent."""
    return _act(
        programme, number,
        lambda conn, found, _: ordering.refuse(conn, found, number, _text("reason") or "", _text("seen")),
    )  # fmt: skip


@blueprint.post("/<number>/ship")
@rights.needs("record", rights.Where.INSIDE)
def ship(programme: str, number: str) -> AnyResponse:
    """It leaves, or a part of it."""
    return _act(
        programme, number,
        lambda conn, found, of: ordering.ship(
            conn, found, number, _lines(of), _text("document"), _moment(found), _text("seen")
        ),
    )  # fmt: skip


@blueprint.post("/<number>/receive")
@rights.needs("record", rights.Where.INSIDE)
def receive(programme: str, number: str) -> AnyResponse:
    """A delivery has arrived as it was sent."""
    return _act(
        programme, number,
        lambda conn, found, _: ordering.receive(conn, found, number, _text("document") or "", _text("seen")),
    )  # fmt: skip


@blueprint.post("/<number>/cancel")
@rights.needs("order", rights.Where.INSIDE)
def cancel(programme: str, number: str) -> AnyResponse:
    """What is not shipped is not needed."""
    return _act(
        programme, number,
        lambda conn, found, _: ordering.cancel(conn, found, number, _text("reason") or "", _text("seen")),
    )  # fmt: skip


@blueprint.post("/<number>/release")
@rights.needs("approve", rights.Where.INSIDE)
def release(programme: str, number: str) -> AnyResponse:
    """What is not shipped will not be."""
    return _act(
        programme, number,
        lambda conn, found, _: ordering.release(conn, found, number, _text("reason") or "", _text("seen")),
    )  # fmt: skip


def _act(programme: str, number: str, work: Callable[[sa.Connection, Programme, Order], Order]) -> AnyResponse:
    """Do something with an order and show it; where it cannot be done, with the reason on top."""
    try:
        with ordering.changing(programme) as (conn, found):
            work(conn, found, ordering.read(conn, found, number))
    except data_errors.DataError as error:
        with services.transaction() as conn:
            return _refused(error, _one(conn, services.programme(conn, programme), number, error))
    return redirect(f"/{programme}/orders/{number}", 303)


def _refused(error: data_errors.DataError, page: str) -> Response:
    return make_response(page, errors.status(error))


def _new(
    conn: sa.Connection, programme: Programme, code: str, typed: Mapping[str, str], error: data_errors.DataError | None
) -> str:
    facility = stock.facility(conn, programme.id, services.facility(programme, code))
    now = services.now()
    at = submission.facilities(conn, programme.id, [code])[code]
    mine = services.principal().may("order", programme.id, at.id, at.lineage)
    under_way = [
        o for o in orders.listed(conn, programme.id, facility_id=facility.id)
        if o.facility == code and o.status in orders.ORDER
    ]  # fmt: skip
    return pages.new(
        programme, _person(programme.code), facility, _rows(conn, programme, facility, now),
        network.supply(conn, facility.id), under_way, typed, error, now, mine=mine,
    )  # fmt: skip


def _rows(conn: sa.Connection, programme: Programme, facility: Facility, now: datetime) -> list[pages.Row]:
    """Every product that is handled, with what is suggested of it."""
    awaited = orders.awaited(conn, facility.id, now)
    rows = []
    for p in stock.positions(conn, facility.id):
        waiting = awaited.get(p.product_id, 0)
        suggested = formula.to_order(
            lenses.preset_of(programme.preset, facility, p), p.amc, facility.lead_time_days,
            facility.delivery_interval_days, usable=p.usable or 0, coming=p.coming, awaited=waiting,
            doses_per_vial=p.doses_per_vial, unit=words.plural(p.unit, None),
        )  # fmt: skip
        rows.append(pages.Row(p.code, p.name, p.unit, p.doses_per_vial, p.usable or 0, p.coming, waiting, suggested))
    return rows


def _one(conn: sa.Connection, programme: Programme, number: str, error: data_errors.DataError | None) -> str:
    order, user = ordering.read(conn, programme, number), services.principal().user_id
    rights = pages.Rights(
        order=ordering.may_at_facility("order", programme, order),
        receive=ordering.may_at_facility("record", programme, order),
        approve=ordering.may_at_supplier("approve", programme, order),
        ship=ordering.may_at_supplier("record", programme, order),
        another=user != order.placed_by,
    )
    seen = pages.Seen({}, {})
    if services.reach(programme).has_facility(order.supplier):
        seen = pages.Seen(orders.available(conn, order), orders.picked(conn, order))
    typed = request.form if error is not None else {}
    return pages.one(programme, _person(programme.code), order, rights, seen, typed, error, services.now())


def _lines(order: Order) -> list[Wanted]:
    """The amounts of a form, of every line that may have one."""
    return _amounts("vials", {line.product: line.doses_per_vial for line in order.lines})


def _amounts(unit: str, doses_per_vial: Mapping[str, int]) -> list[Wanted]:
    """Vials as doses; what was left blank is none."""
    return [
        Wanted(product, _whole(f"{unit}.{product}") * vial)
        for product, vial in doses_per_vial.items()
        if f"{unit}.{product}" in request.form
    ]


def _whole(name: str) -> int:
    said = request.form.get(name, "").strip().replace(",", "")
    if said and (not (said.isascii() and said.isdecimal()) or len(said) > 9):
        raise InvalidOrder(name, "Enter 0 or more, in digits.", reason=f"{said[:20]} is not a whole number")
    return int(said or 0)


def _moment(programme: Programme) -> datetime | None:
    said = _text("at")
    try:
        return None if said is None else datetime.fromisoformat(said).replace(tzinfo=ZoneInfo(programme.timezone))
    except ValueError as error:
        raise InvalidOrder("at", "Enter it as 2027-05-31T09:30.", reason="it is not a time") from error


def _text(name: str) -> str | None:
    """A field without the blanks around it; None where nothing is left."""
    said = request.form.get(name, "").strip()
    if len(said) > 1000 or not bodies.printable(said):
        raise InvalidOrder(name, "Write it in a few plain words.", reason="it is too long or cannot be printed")
    return said or None


def _person(programme: str) -> Person:
    who = services.principal()
    return Person(who.name, who.role_words(programme), form_token())
