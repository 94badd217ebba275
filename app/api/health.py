"""GET /health: does this installation work? PostgreSQL and Redis are asked, now or half a second ago."""

from __future__ import annotations

import math
import time

import sqlalchemy as sa
from flask import Blueprint, Response, current_app, jsonify

from app.auth import rights
from app.services import services
from data import db, errors
from geo.cache import Down

blueprint = Blueprint("health", __name__)

#: Anybody may ask as often as they like: PostgreSQL and Redis are asked once in so many seconds.
FRESH = 0.5
_KEPT = "vaxtrace health"


@blueprint.get("/health")
@rights.open_to_all
def health() -> tuple[Response, int]:
    """200, or 503 without the database. Without Redis pages and recording go on: still 200, and it says so."""
    asked_at, checks = current_app.extensions.get(_KEPT, (-math.inf, {}))
    if time.monotonic() - asked_at > FRESH:
        checks = {"database": _database(), "redis": _redis()}
        current_app.extensions[_KEPT] = (time.monotonic(), checks)
    well = checks["database"] == "ok"
    return jsonify({"ok": well, **checks}), 200 if well else 503


def _database() -> str:
    try:
        with db.transaction(services().engine) as conn:
            conn.execute(sa.text("select 1 from programme limit 1"))
    except (errors.DatabaseUnavailable, sa.exc.SQLAlchemyError):
        return "does not answer"
    return "ok"


def _redis() -> str:
    try:
        services().cache.link.do(lambda client: client.ping())
    except Down:
        return "does not answer: live updates pause, everything else goes on from the database"
    return "ok"
