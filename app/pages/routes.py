"""At which addresses are the plain pages? Beside the map, which is Dash's: alerts, bin cards, about the data."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

from flask import Blueprint, Response, make_response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from app import flagging, services, shipping
from app.auth import naming, rights
from app.auth.routes import form_token
from app.pages import about, alerts, bincard, plain, quality
from data.record import submission

#: No list is longer; it keeps what an address can ask for small.
_MOST_PAGES = 100_000

blueprint = Blueprint("pages", __name__)


@blueprint.get("/<programme>/alerts")
@rights.needs("see", rights.Where.PROGRAMME)
def open_alerts(programme: str) -> str:
    """The open alerts."""
    asked = request.args.get("page", 1, type=int)
    with services.transaction() as conn:
        found = services.programme(conn, programme)
        return alerts.page(conn, found, person(programme), min(max(asked, 1), _MOST_PAGES), services.reach(found))


@blueprint.get("/<programme>/about")
@rights.needs("see", rights.Where.PROGRAMME)
def about_the_data(programme: str) -> str:
    """Sources, findings, presets and definitions."""
    with services.transaction() as conn:
        found = services.programme(conn, programme)
        return about.page(conn, found, person(programme), examples=services.reach(found).whole)


@blueprint.get("/<programme>/bin-card")
@rights.needs("see", rights.Where.INSIDE)
def bin_card(programme: str) -> Response:
    """The bin card of a facility and a product."""
    with services.transaction() as conn:
        found = services.programme(conn, programme)
        if code := request.args.get("facility", ""):
            services.facility(found, code)
        place = submission.facilities(conn, found.id, [code]).get(code)
        records = place is not None and services.principal().may("record", found.id, place.id, place.lineage)
        called = naming.masked() if place is None else naming.by_right(found.id, place.id, place.lineage)
        made, status = bincard.page(
            conn, found, person(programme), request.args, services.now(), records=records, called=called
        )
    return make_response(made, status)


@blueprint.get("/<programme>/quality")
@rights.needs("see", rights.Where.PROGRAMME)
def data_quality(programme: str) -> str:
    """The values that are doubted."""
    asked = request.args.get("page", 1, type=int)
    with services.transaction() as conn:
        found = services.programme(conn, programme)
        return quality.page(
            conn, found, person(programme), services.principal(), services.reach(found),
            min(max(asked, 1), _MOST_PAGES), request.args.get("area") or None,
            judged=request.args.get("judged") == "true",
        )  # fmt: skip


@blueprint.post("/<programme>/quality/<int:number>")
@rights.needs("record", rights.Where.INSIDE)
def judge(programme: str, number: int) -> AnyResponse:
    """Say what a doubted value is, and go back to the list."""
    who, said = services.principal(), request.form
    note = said.get("note", "").strip()[: flagging.MOST_WORDS]
    with services.transaction() as conn:
        found = services.programme(conn, programme)
        flagging.judge(conn, found, who, number, said.get("verdict", ""), note or None, services.now())
    back = dict(parse_qsl(said.get("back", "")))
    return redirect(f"/{programme}/quality?{urlencode(back)}", 303)


@blueprint.post("/<programme>/bin-card/resolve")
@rights.needs("record", rights.Where.INSIDE)
def resolve(programme: str) -> AnyResponse:
    """Say why what arrived is not what was sent, and go back to the bin card."""
    who, said = services.principal(), request.form
    document, product, reason = (said.get(name, "") for name in ("document", "product", "reason"))
    with services.transaction() as conn:
        found = services.programme(conn, programme)
        shipping.resolve(conn, found, who, document, product, reason, services.now())
    back = urlencode({"facility": said.get("facility", ""), "product": product})
    return redirect(f"/{programme}/bin-card?{back}", 303)


def person(programme: str) -> plain.Person:
    """Who is signed in, as the bar of every page shows it."""
    who = services.principal()
    return plain.Person(who.name, who.role_words(programme), form_token())
