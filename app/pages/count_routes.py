"""At which addresses is stock counted? Plain forms, one product after the other, that work without JavaScript."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import Blueprint, Response, make_response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from app import counting, errors, services
from app.auth import rights
from app.auth.routes import form_token
from app.pages import counts as pages
from app.pages.plain import Person
from data import errors as data_errors
from data import stock
from data.programmes import Programme
from data.record import counts
from data.record.counting import Found
from data.record.counts import Count, CountLine, InvalidCount

blueprint = Blueprint("count_pages", __name__, url_prefix="/<programme>/counts")


@blueprint.get("")
@rights.needs("see", rights.Where.PROGRAMME)
def listed(programme: str) -> str:
    """The counts: those that wait for approval, those under way, the newest."""
    with services.transaction() as conn:
        found = services.programme(conn, programme)
        facility = request.args.get("facility") or None
        if facility is not None:
            services.facility(found, facility)
        rows = counts.listed(conn, found.id, facility=facility, seen=services.reach(found).facility_ids)
        return pages.listed(found, _person(programme), rows, facility, services.now())


@blueprint.get("/new")
@rights.needs("see", rights.Where.INSIDE)
def new(programme: str) -> str:
    """What is to be counted at a facility?"""
    with services.transaction() as conn:
        return _new(conn, services.programme(conn, programme), request.args.get("facility", ""), None)


@blueprint.post("")
@rights.needs("count", rights.Where.INSIDE)
def open_one(programme: str) -> AnyResponse:
    """Open a count and go to it."""
    facility = request.form.get("facility", "")
    chosen = None if request.form.get("which") == "all" else request.form.getlist("product")
    try:
        with services.transaction() as conn:
            if chosen == []:
                raise InvalidCount("products", "Tick at least one, or count everything.", reason="no vaccine is chosen")
            count = counting.open(conn, services.programme(conn, programme), facility, chosen)
    except data_errors.DataError as error:
        with services.transaction() as conn:
            return _refused(error, _new(conn, services.programme(conn, programme), facility, error))
    return redirect(f"/{programme}/counts/{count.number}", 303)


@blueprint.get("/<number>")
@rights.needs("see", rights.Where.INSIDE)
def overview(programme: str, number: str) -> str:
    """A count: what is counted, what is left, what differs, and what can be done with it."""
    with services.transaction() as conn:
        found = services.programme(conn, programme)
        return _overview(found, counting.read(conn, found, number), None)


@blueprint.get("/<number>/sheet")
@rights.needs("see", rights.Where.INSIDE)
def sheet(programme: str, number: str) -> str:
    """The lots on record with empty boxes, for paper."""
    with services.transaction() as conn:
        found = services.programme(conn, programme)
        return pages.sheet(found, _person(programme), counting.read(conn, found, number), services.now())


@blueprint.get("/<number>/products/<product>")
@rights.needs("see", rights.Where.INSIDE)
def one(programme: str, number: str, product: str) -> str:
    """The form of one product."""
    with services.transaction() as conn:
        found = services.programme(conn, programme)
        return _one(found, counting.read(conn, found, number), product, None)


@blueprint.post("/<number>/products/<product>")
@rights.needs("count", rights.Where.INSIDE)
def save(programme: str, number: str, product: str) -> AnyResponse:
    """Keep what was entered of one product; then the next, unless something of this one is left to say."""
    try:
        with services.transaction() as conn:
            found = services.programme(conn, programme)
            lines = _lines(counting.read(conn, found, number), product)
            count = counting.save(conn, found, number, lines)
    except data_errors.DataError as error:
        with services.transaction() as conn:
            found = services.programme(conn, programme)
            return _refused(error, _one(found, counting.read(conn, found, number), product, error))
    base = f"/{programme}/counts/{number}"
    mine = [line for line in count.lines if line.product == product]
    if request.form.get("then") == "stay" or any(line.unexplained for line in mine):
        return redirect(f"{base}/products/{product}", 303)
    left = pages.following(count, product)
    return redirect(base if left is None else f"{base}/products/{left.product}", 303)


@blueprint.post("/<number>/time")
@rights.needs("count", rights.Where.INSIDE)
def set_time(programme: str, number: str) -> AnyResponse:
    """Say when a paper sheet was filled in."""
    return _act(programme, number, lambda conn, found: counting.set_time(conn, found, number, _moment(found)))


@blueprint.post("/<number>/submit")
@rights.needs("count", rights.Where.INSIDE)
def submit(programme: str, number: str) -> AnyResponse:
    """It is complete."""
    return _act(programme, number, lambda conn, found: counting.submit(conn, found, number, _text("seen")))


@blueprint.post("/<number>/approve")
@rights.needs("approve", rights.Where.INSIDE)
def approve(programme: str, number: str) -> AnyResponse:
    """Another person agrees."""
    return _act(
        programme, number, lambda conn, found: counting.approve(conn, found, number, _text("note"), _text("seen"))
    )


@blueprint.post("/<number>/refuse")
@rights.needs("approve", rights.Where.INSIDE)
def refuse(programme: str, number: str) -> AnyResponse:
    """Back, to be counted again."""
    return _act(programme, number, lambda conn, found: counting.refuse(conn, found, number, _text("reason") or ""))


@blueprint.post("/<number>/cancel")
@rights.needs("count", rights.Where.INSIDE)
def cancel(programme: str, number: str) -> AnyResponse:
    """Give it up."""
    return _act(programme, number, lambda conn, found: counting.cancel(conn, found, number, _text("reason") or ""))


def _act(programme: str, number: str, work: Callable[[sa.Connection, Programme], Count]) -> AnyResponse:
    """Do something with a count and show it; where it cannot be done, with the reason on top."""
    try:
        with services.transaction() as conn:
            work(conn, services.programme(conn, programme))
    except data_errors.DataError as error:
        with services.transaction() as conn:
            found = services.programme(conn, programme)
            return _refused(error, _overview(found, counting.read(conn, found, number), error))
    return redirect(f"/{programme}/counts/{number}", 303)


def _refused(error: data_errors.DataError, page: str) -> Response:
    return make_response(page, errors.status(error))


def _new(conn: sa.Connection, programme: Programme, code: str, error: data_errors.DataError | None) -> str:
    facility = stock.facility(conn, programme.id, services.facility(programme, code))
    under_way = counts.listed(conn, programme.id, statuses=["open", "submitted"], facility=code)
    handled = [(p.code, p.name) for p in stock.positions(conn, facility.id)]
    return pages.new(programme, _person(programme.code), facility, handled, under_way, error, services.now())


def _overview(programme: Programme, count: Count, error: data_errors.DataError | None) -> str:
    user = services.principal().user_id
    rights = pages.Rights(
        count=counting.may("count", programme, count),
        approve=counting.may("approve", programme, count),
        another=user not in count.counters,
    )
    return pages.overview(programme, _person(programme.code), count, rights, error, services.now())


def _one(programme: Programme, count: Count, product: str, error: data_errors.DataError | None) -> str:
    tally = next((t for t in count.tallies if t.product == product), None)
    if tally is None:
        raise data_errors.UnknownProduct("product", "Choose one of this count.", value=product)
    typed = request.form if error is not None else {}
    mine = counting.may("count", programme, count) and count.status == "open"
    return pages.one(programme, _person(programme.code), count, tally, typed, error, services.now(), mine=mine)


def _lines(count: Count, product: str) -> list[Found]:
    """What the form of one product says. What was left blank and was never counted is left alone."""
    of = [line for line in count.lines if line.product == product]
    per_vial = of[0].doses_per_vial if of else 1
    by_id = {str(line.id): line for line in of}
    found = []
    for key in request.form.getlist("line"):
        line = by_id.get(key)
        if line is None:
            raise InvalidCount("line", "Open this vaccine again.", reason="a line of this page is no longer there")
        found.append(_of_line(line, key, per_vial))
    if (lot := _text("new.lot")) or _amount("new", per_vial) is not None:
        found.append(Found(product, _amount("new", per_vial) or 0, lot, _expiry(), version=0))
    return found


def _of_line(line: CountLine, key: str, per_vial: int) -> Found:
    version = request.form.get(f"version.{key}", "")
    return Found(
        line.product, _amount(key, per_vial), line.lot, None, _text(f"reason.{key}"), _text(f"note.{key}"),
        int(version) if version.isdecimal() and len(version) < 10 else 0,
    )  # fmt: skip


def _amount(key: str, per_vial: int) -> int | None:
    """Vials and loose doses as doses; None where both were left blank."""
    vials, doses = (_whole(f"{unit}.{key}") for unit in ("vials", "doses"))
    return None if vials is None and doses is None else (vials or 0) * per_vial + (doses or 0)


def _whole(name: str) -> int | None:
    said = request.form.get(name, "").strip().replace(",", "")
    if not said:
        return None
    if not (said.isascii() and said.isdecimal()) or len(said) > 9:
        raise InvalidCount(name, "Enter 0 or more, in digits.", reason=f"{said[:20]} is not a whole number")
    return int(said)


def _expiry() -> date | None:
    said = _text("new.expiry")
    try:
        return None if said is None else date.fromisoformat(said)
    except ValueError as error:
        raise InvalidCount("expiry", "Enter it as 2027-05-31.", reason="the expiry is not a date") from error


def _moment(programme: Programme) -> datetime | None:
    said = _text("counted_at")
    try:
        return None if said is None else datetime.fromisoformat(said).replace(tzinfo=ZoneInfo(programme.timezone))
    except ValueError as error:
        raise InvalidCount("counted_at", "Enter it as 2027-05-31T09:30.", reason="it is not a time") from error


def _text(name: str) -> str | None:
    """A field without the blanks around it; None where nothing is left."""
    said = request.form.get(name, "").strip()
    if len(said) > 1000 or any((c < " " and c not in "\t\n\r") or "\ud800" <= c <= "\udfff" for c in said):
        raise InvalidCount(name, "Write it in a few plain words.", reason="it is too long or cannot be printed")
    return said or None


def _person(programme: str) -> Person:
    who = services.principal()
    return Person(who.name, who.role_words(programme), form_token())
