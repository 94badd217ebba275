"""At which addresses is one event recorded by hand? Plain forms of the server, for who may record at that facility."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import Blueprint, Response, make_response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from app import bin_cards, errors, recorder, services
from app.auth import csrf, rights
from app.auth.routes import form_token
from app.errors import InvalidBody, NotAllowed
from app.pages import record as pages
from app.pages.plain import Person
from data import errors as data_errors
from data import stock
from data.programmes import Programme
from data.record import attachments, recorded, submission
from data.types import Kind, StockEvent, Unit

blueprint = Blueprint("record_pages", __name__, url_prefix="/<programme>/record")

#: The source of what is recorded here.
SOURCE = "form"
#: What the address of a form may say already: what a delivery that is expected is known by.
_KNOWN_BEFORE = ("partner", "document")


@blueprint.get("")
@rights.needs("record", rights.Where.INSIDE)
def ask(programme: str) -> Response:
    """What happened? And once that is known, the form of just that."""
    said = request.args
    with services.transaction() as conn:
        found = services.programme(conn, programme)
        now = services.now()
        place = _place(conn, found, said)
        if said.get("kind") == Kind.REVERSAL:
            of = recorded.read(conn, found.id, said.get("source", ""), said.get("reverses", ""))
            return make_response(pages.take_back(found, _person(programme), place, of, _new(), None, now))
        kind = _kind(said)
        if place.product is None or kind is None:
            return make_response(pages.choose(found, _person(programme), place, now))
        local = now.astimezone(ZoneInfo(found.timezone))
        typed = _new() | {"since": now.isoformat(), "at": f"{local:%Y-%m-%dT%H:%M}"}
        typed |= {name: said[name] for name in _KNOWN_BEFORE if name in said}
        return make_response(pages.form(found, _person(programme), place, kind, typed, None, now))


@blueprint.post("")
@csrf.checked_by_itself
@rights.needs("record", rights.Where.INSIDE)
def record(programme: str) -> AnyResponse:
    """Record it, and go to what became of it; where it is refused, the form again with all that was typed."""
    typed = dict(request.form)
    error: data_errors.DataError | None = None
    try:
        csrf.check("Nothing is lost: look over it, and send it again.")
        if request.files.get("file"):
            typed["attachment"] = str(_attach(programme, typed))
        with services.transaction() as conn:
            event = _event(services.programme(conn, programme), typed)
        services.services().recorder.record(recorder.Job(services.principal(), programme, [event]))
        return redirect(f"/{programme}/record/done?{urlencode({'source': event.source, 'id': event.source_id})}", 303)
    except data_errors.ConflictingRepeat:
        # The form was sent, gone back to, and sent with something else: what was recorded first stands.
        said = {"source": typed.get("source") or SOURCE, "id": typed.get("id", "")}
        return redirect(f"/{programme}/record/done?{urlencode(said)}", 303)
    except (data_errors.UnknownProgramme, NotAllowed):
        raise
    except data_errors.DataError as refused:
        error = refused
    with services.transaction() as conn:
        found, now = services.programme(conn, programme), services.now()
        place = _place(conn, found, typed)
        if typed.get("kind") == Kind.REVERSAL:
            of = recorded.read(conn, found.id, typed.get("source", ""), typed.get("reverses", ""))
            page = pages.take_back(found, _person(programme), place, of, _new() | typed, error, now)
        elif place.product is not None and (kind := _kind(typed)) is not None:
            page = pages.form(found, _person(programme), place, kind, _new() | typed, error, now)
        else:
            page = pages.choose(found, _person(programme), place, now)
    return make_response(page, errors.status(error))


@blueprint.get("/done")
@rights.needs("see", rights.Where.PROGRAMME)
def done(programme: str) -> str:
    """What was recorded: of which lots, and what is left."""
    with services.transaction() as conn:
        found = services.programme(conn, programme)
        became = recorded.read(conn, found.id, request.args.get("source", ""), request.args.get("id", ""))
        return pages.done(found, _person(programme), became, services.now())


def _new() -> dict[str, str]:
    """The id of a form that has not been sent: the same form sent twice is one event."""
    return {"id": secrets.token_urlsafe(12)}


def _kind(said: Mapping[str, str]) -> Kind | None:
    return next((kind for kind in pages.FORMS if kind == said.get("kind")), None)


def _place(conn: sa.Connection, programme: Programme, said: Mapping[str, str]) -> pages.Place:
    """Where it happened, and what lies there; raises `NotAllowed` to who may not record there."""
    facility = stock.facility(conn, programme.id, said.get("facility", ""))
    at = submission.facilities(conn, programme.id, [facility.code])[facility.code]
    if not services.principal().may("record", programme.id, at.id, at.lineage):
        remedy = f"You may not record stock at {facility.name}. Ask its officer, or sign in with a role that may."
        raise NotAllowed("facility", remedy)
    handled = stock.positions(conn, facility.id)
    place = pages.Place(facility, [(p.code, p.name) for p in handled])
    if not said.get("product"):
        return place
    product = bin_cards.product_of(conn, programme, said["product"])
    pack = submission.products(conn, programme.id, [product.code])[product.code].vials_per_pack
    usable = next((p.usable for p in handled if p.code == product.code), 0)
    return replace(
        place, product=product, usable=usable or 0, lots=stock.lots(conn, facility.id, product.product_id),
        vials_per_pack=pack, below=recorded.supplies(conn, facility.id), above=recorded.supplier(conn, facility.id),
    )  # fmt: skip


def _attach(programme: str, typed: Mapping[str, str]) -> int:
    """Keep the paper, also where the event is refused afterwards: it is sent only once over a slow link."""
    file = request.files["file"]
    content = file.stream.read(attachments.MOST_BYTES + 1)
    with services.transaction() as conn:
        found = services.programme(conn, programme)
        place = _place(conn, found, typed)
        kept, _ = attachments.keep(
            conn, found.id, place.facility.id, file.filename or "", content, services.principal().user_id
        )
    return kept


def _event(programme: Programme, typed: Mapping[str, str]) -> StockEvent:
    """The event that the form says; raises the error that names the field that cannot be used."""
    said = {name: text for name in typed if (text := _text(typed, name)) is not None}
    if said.get("kind") == Kind.REVERSAL:
        return StockEvent(
            said.get("facility", ""), said.get("product", ""), Kind.REVERSAL, 0, services.now(),
            said.get("source", SOURCE), said.get("id", ""), reason=said.get("reason"),
            reverses=said.get("reverses", ""),
        )  # fmt: skip
    kind = _kind(said)
    if kind is None:
        raise InvalidBody("kind", "Choose what happened.", reason="it does not say what happened")
    form = pages.FORMS[kind]
    typed_lot = said.get("other") if said.get("lot") == pages.OTHER_LOT else said.get("lot")
    unit = Unit(said["unit"]) if said.get("unit") in set(Unit) else Unit.DOSE
    amount = _whole(said.get("amount"), "amount") if form.amount else 0
    expiry = _day(said.get("expiry")) if kind in pages.ARRIVES or said.get("lot") == pages.OTHER_LOT else None
    return StockEvent(
        said.get("facility", ""), said.get("product", ""), kind, -amount if said.get("sign") == "-" else amount,
        _moment(programme, said), SOURCE, said.get("id", ""), unit=unit, lot=typed_lot, expiry=expiry,
        reason=said.get("reason"), document=said.get("document"), note=said.get("note"), partner=said.get("partner"),
        stage=_whole(said.get("stage"), "stage") if form.stage else None, opened_vial=said.get("opened") == "1",
        attachment=_whole(said["attachment"], "file") if "attachment" in said else None,
    )  # fmt: skip


def _whole(said: str | None, field: str) -> int:
    text = (said or "").replace(",", "")
    if not (text.isascii() and text.isdecimal()) or len(text) > 9:
        raise InvalidBody(field, "Enter a number of 1 or more, in digits.", reason="it is not a whole number")
    return int(text)


def _day(said: str | None) -> date | None:
    try:
        return None if said is None else date.fromisoformat(said)
    except ValueError as error:
        raise InvalidBody("expiry", "Enter it as 2027-05-31.", reason="the expiry is not a date") from error


def _moment(programme: Programme, said: Mapping[str, str]) -> datetime:
    """The local time that was typed. Left as it was shown it is the very moment at which the form was opened.

    A whole minute would lie before what was recorded a few seconds ago.
    """
    if "at" not in said:
        return services.now()
    zone = ZoneInfo(programme.timezone)
    try:
        at = datetime.fromisoformat(said["at"])
        since = datetime.fromisoformat(said["since"]).astimezone(zone) if "since" in said else None
    except ValueError as error:
        raise InvalidBody("at", "Enter it as 2027-05-31T09:30.", reason="it is not a time") from error
    if since is not None and f"{since:%Y-%m-%dT%H:%M}" == f"{at:%Y-%m-%dT%H:%M}":
        return since
    return at.replace(tzinfo=zone)


def _text(typed: Mapping[str, str], name: str) -> str | None:
    """A field without the blanks around it; None where nothing is left."""
    said = typed[name].strip()
    if len(said) > 1000 or any((c < " " and c not in "\t\n\r") or "\ud800" <= c <= "\udfff" for c in said):
        raise InvalidBody(name, "Write it in a few plain words.", reason="it is too long or cannot be printed")
    return said or None


def _person(programme: str) -> Person:
    who = services.principal()
    return Person(who.name, who.role_words(programme), form_token())
