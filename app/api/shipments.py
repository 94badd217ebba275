"""What is on its way, and what arrived differently: the list, and saying why."""

from __future__ import annotations

from dataclasses import asdict

from flask import Blueprint, Response, jsonify, request

from app import services, shipping
from app.api.bodies import json_object
from app.api.reads import plain
from app.auth import rights
from app.errors import InvalidBody
from data import stock
from data.record import shipments

blueprint = Blueprint("shipments", __name__, url_prefix="/api/v1")

_FIELDS = ("document", "product", "reason")


@blueprint.get("/<programme>/shipments")
@rights.needs("see", rights.Where.PROGRAMME)
def under_way(programme: str) -> Response:
    """Shipments in transit or arrived differently, to or from a `facility` or in the whole programme; oldest first."""
    code = request.args.get("facility")
    with services.transaction() as conn:
        found = services.programme(conn, programme)
        place = None if not code else stock.facility(conn, found.id, services.facility(found, code)).id
        ways = shipments.open_for(conn, found.id, place, seen=services.reach(found).facility_ids)
    return jsonify({"shipments": [plain(asdict(w)) for w in ways], "simulated": found.simulated})


@blueprint.post("/<programme>/shipments/resolve")
@rights.needs("record", rights.Where.INSIDE)
def resolve(programme: str) -> Response:
    """Say why what arrived is not what was sent; nothing of it is in transit any more."""
    body = json_object()
    if set(body) != set(_FIELDS) or not all(isinstance(v, str) for v in body.values()):
        raise InvalidBody(
            remedy="Send {document, product, reason}, all of them text.", reason="it is not such a JSON object"
        )
    with services.transaction() as conn:
        found = services.programme(conn, programme)
        shipping.resolve(
            conn, found, services.principal(), body["document"], body["product"], body["reason"], services.now()
        )
    return jsonify({"resolved": body["document"]})
