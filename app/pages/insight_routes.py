"""At which addresses is what follows from the stock? What will happen, how good that was foretold, the indicators."""

from __future__ import annotations

from flask import Blueprint, request

from app import services
from app.auth import rights
from app.pages import ahead, calibration, kpis
from app.pages.routes import person

#: No list is longer; it keeps what an address can ask for small.
_MOST_PAGES = 100_000

blueprint = Blueprint("insight", __name__, url_prefix="/<programme>")


@blueprint.get("/next")
@rights.needs("see", rights.Where.PROGRAMME)
def next_days(programme: str) -> str:
    """The next 30 days: where most children would be missed."""
    asked = request.args.get("page", 1, type=int)
    area, vaccine = (request.args.get(name) or None for name in ("area", "vaccine"))
    with services.transaction() as conn:
        found = services.programme(conn, programme)
        number = min(max(asked, 1), _MOST_PAGES)
        return ahead.page(conn, found, person(programme), services.reach(found), area, vaccine, number, services.now())


@blueprint.get("/calibration")
@rights.needs("see", rights.Where.PROGRAMME)
def predictions(programme: str) -> str:
    """Past predictions, and what happened."""
    with services.transaction() as conn:
        found = services.programme(conn, programme)
        cache = services.services().cache
        return calibration.page(conn, found, person(programme), services.reach(found), cache, services.now())


@blueprint.get("/kpis")
@rights.needs("see", rights.Where.PROGRAMME)
def indicators(programme: str) -> str:
    """The indicators of an area and a period."""
    with services.transaction() as conn:
        found = services.programme(conn, programme)
        reach = services.reach(found)
        place = ahead.located(conn, found, reach, request.args.get("area") or None)
        return kpis.page(conn, found, person(programme), reach, place, request.args, services.now())
