"""What can be read? Programmes, their registry, what changed since, search, areas and facilities."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from enum import IntEnum
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, Response, jsonify, request

from app import past, push, services
from app.auth import rights
from app.errors import InvalidBody
from data import errors, lens, programmes, stock
from data.types import WORST
from geo import areas, network, parts, places, registry
from geo import lens as lens_areas
from geo import past as past_areas
from geo.reach import Part

blueprint = Blueprint("reads", __name__, url_prefix="/api/v1")


@blueprint.get("/programmes")
@rights.needs("", rights.Where.SIGNED_IN)
def mine() -> Response:
    """The programmes that the one who asks may see."""
    seen = services.principal().programmes
    with services.transaction() as conn:
        found = [p for p in programmes.every(conn) if p.code in seen]
    return jsonify({"programmes": [{"code": p.code, "name": p.name, "simulated": p.simulated} for p in found]})


@blueprint.get("/<programme>/registry")
@rights.needs("see", rights.Where.PROGRAMME)
def registry_of(programme: str) -> Response:
    """What a browser starts from: version, seats, partitions, months."""
    with services.transaction() as conn:
        found = services.programme(conn, programme)
    # Which months there are is known of the nation, and no secret of it.
    with services.whole(found.id) as conn:
        return jsonify(registry.read(conn, programme))


@blueprint.get("/<programme>/changes")
@rights.needs("see", rights.Where.PROGRAMME)
def changes(programme: str) -> Response:
    """The pushes after a number, or that everything is to be read again."""
    since = request.args.get("since", "")
    if not since.isdecimal() or len(since) > 18:
        raise InvalidBody("since", "Send the seq of the last push you have, 0 or more.", reason="since is not a number")
    with services.transaction() as conn:
        found = services.programme(conn, programme)
    with services.whole(found.id) as conn:
        return jsonify(push.catch_up(conn, found.id, int(since), services.reach(found)))


@blueprint.get("/<programme>/search")
@rights.needs("see", rights.Where.PROGRAMME)
def search(programme: str) -> Response:
    """Areas and facilities by a part of their name or code, at most 20, the closest first."""
    with services.transaction() as conn:
        found = services.programme(conn, programme)
    reach = services.reach(found)
    with services.registry() as conn:
        hits = places.search(
            conn, found.id, request.args.get("q", "")[:100], facilities=reach.facility_ids, areas=reach.every_area
        )
    return jsonify({"results": [plain(asdict(hit)) | {"where": hit.place} for hit in hits]})


@blueprint.get("/<programme>/areas/<code>")
@rights.needs("see", rights.Where.AREA)
def area(programme: str, code: str) -> Response:
    """An area's roll-up for a vaccine (or the worst of all), the areas below it and its worst facilities."""
    with services.transaction() as conn:
        found = services.programme(conn, programme)
        seat = _seat(conn, found.id, request.args.get("vaccine"))
        reach = services.reach(found)
        place = areas.area(conn, found.id, code)
        as_of = past.asked(conn, found, request.args, services.now())
        through = lens.asked(request.args.get("preset"), request.args.get("horizon"), now=as_of is None)
        if as_of is None:
            if through is None:
                own, below = parts.status(conn, reach, place, seat)
            else:
                seen = lens_areas.part(services.services().lenses.view(found, seat, through), reach)
                own, below = lens_areas.area(seen, place)
                below = [b for b in below if reach.has_area(b.code)]
            worst = areas.worst_facilities(conn, found.id, place.id, seat, seen=reach.facility_ids)
        else:
            then = past_areas.part(services.services().pasts.nation(found, seat, as_of), reach)
            own, below = past_areas.area(then, place)
            below = [b for b in below if reach.has_area(b.code)]
            worst = past_areas.worst_facilities(conn, found, then, place, seat)
    answer = past.told(as_of) | {"area": asdict(place), "status": asdict(own), "below": [asdict(b) for b in below]}
    answer |= partly(reach.part(code))
    return jsonify(plain(answer | {"worst": [asdict(w) for w in worst], "simulated": found.simulated}))


@blueprint.get("/<programme>/facilities/<code>")
@rights.needs("see", rights.Where.FACILITY)
def facility(programme: str, code: str) -> Response:
    """What a facility holds, vaccine by vaccine and lot by lot, its year, and the stores that supply it."""
    with services.transaction() as conn:
        found = services.programme(conn, programme)
        place = stock.facility(conn, found.id, code)
        as_of = past.asked(conn, found, request.args, services.now())
        if as_of is not None:
            return jsonify(plain(past.facility(conn, found, place, as_of) | {"simulated": found.simulated}))
        held = []
        for position in stock.positions(conn, place.id):
            lots = stock.lots(conn, place.id, position.product_id)
            months = stock.months(conn, place.id, position.product_id, found.day(services.now()))
            held.append(asdict(position) | {"lots": [asdict(x) for x in lots], "months": [asdict(m) for m in months]})
        chain = network.supply(conn, place.id)
    answer = {"facility": asdict(place), "positions": held, "supply": [asdict(s) for s in chain]}
    return jsonify(plain(answer | {"simulated": found.simulated}))


def _seat(conn: sa.Connection, programme_id: int, code: str | None) -> int:
    if not code:
        return WORST
    found = next((p for p in stock.products(conn, programme_id) if p.code == code), None)
    if found is None:
        raise errors.UnknownProduct("vaccine", "The programme's products are listed under registry.", value=code)
    return found.seat


def partly(part: Part | None) -> dict[str, Any]:
    """Whether numbers are of a part only, and of how much: what every answer with numbers of an area says."""
    if part is None:
        return {"partial": False}
    return {"partial": True, "part": {"facilities": part.own, "of": part.of}}


def plain(value: Any) -> Any:
    """Values as JSON says them: ISO dates, states by name, and none of our own row ids."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items() if k != "id" and not k.endswith("_id")}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, IntEnum):
        return value.name.lower()
    return value.isoformat() if isinstance(value, date | datetime) else value
