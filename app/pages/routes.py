"""At which addresses are the plain pages? Beside the map, which is Dash's: alerts, and the page about the data."""

from __future__ import annotations

from flask import Blueprint, request

from app import services
from app.auth.routes import form_token
from app.pages import about, alerts, plain

#: No list is longer; it keeps what an address can ask for small.
_MOST_PAGES = 100_000

blueprint = Blueprint("pages", __name__)


@blueprint.get("/<programme>/alerts")
def open_alerts(programme: str) -> str:
    """The open alerts."""
    asked = request.args.get("page", 1, type=int)
    with services.transaction() as conn:
        found = services.programme(conn, programme)
        return alerts.page(conn, found, person(programme), min(max(asked, 1), _MOST_PAGES))


@blueprint.get("/<programme>/about")
def about_the_data(programme: str) -> str:
    """Sources, findings, presets and definitions."""
    with services.transaction() as conn:
        found = services.programme(conn, programme)
        return about.page(conn, found, person(programme))


def person(programme: str) -> plain.Person:
    """Who is signed in, as the bar of every page shows it."""
    who = services.principal()
    return plain.Person(who.name, who.role_words(programme), form_token())
