"""What can be read? Programmes, their registry, what changed since, search, areas and facilities."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from app import push, services
from app.errors import InvalidBody
from data import programmes
from geo import registry

blueprint = Blueprint("reads", __name__, url_prefix="/api/v1")


@blueprint.get("/programmes")
def mine() -> Response:
    """The programmes that the one who asks may see."""
    seen = services.principal().programmes
    with services.transaction() as conn:
        found = [p for p in programmes.every(conn) if p.code in seen]
    return jsonify({"programmes": [{"code": p.code, "name": p.name, "simulated": p.simulated} for p in found]})


@blueprint.get("/<programme>/registry")
def registry_of(programme: str) -> Response:
    """What a browser starts from: version, seats, partitions, months."""
    with services.transaction() as conn:
        services.programme(conn, programme)
        return jsonify(registry.read(conn, programme))


@blueprint.get("/<programme>/changes")
def changes(programme: str) -> Response:
    """The pushes after a number, or that everything is to be read again."""
    since = request.args.get("since", "")
    if not since.isdecimal() or len(since) > 18:
        raise InvalidBody("since", "Send the seq of the last push you have, 0 or more.", reason="since is not a number")
    with services.transaction() as conn:
        found = services.programme(conn, programme)
        return jsonify(push.catch_up(conn, found.id, int(since)))
