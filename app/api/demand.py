"""What is doubted of what was reported, and what will be needed? Flags and forecasts."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, jsonify, request

from app import flagging, services
from app.api.reads import partly, plain
from app.auth import naming, rights
from app.errors import InvalidBody
from data import doubts, forecasts
from geo import areas

blueprint = Blueprint("demand", __name__, url_prefix="/api/v1")

#: Flags that one answer holds.
MOST = 500


@blueprint.get("/<programme>/flags")
@rights.needs("see", rights.Where.PROGRAMME)
def flags(programme: str) -> Response:
    """The doubted values of an `area` or a `facility`, the newest month first; `judged=true` also those judged."""
    code, facility = request.args.get("area"), request.args.get("facility")
    judged = request.args.get("judged") == "true"
    page = min(max(request.args.get("page", 1, type=int), 1), 100_000)
    with services.transaction() as conn:
        found = services.programme(conn, programme)
        reach = services.reach(found)
        area_id = None if not code else areas.area(conn, found.id, services.area(found, code)).id
        if facility:
            services.facility(found, facility)
        rows = doubts.listed(
            conn, found.id, area_id=area_id, facility=facility or None, judged=judged,
            skip=(page - 1) * MOST, limit=MOST,
        )  # fmt: skip
        count = doubts.count(conn, found.id, area_id=area_id, facility=facility or None, judged=judged)
    names = naming.masked()
    said = [
        {name: v for name, v in plain(asdict(row)).items() if name != "lineage"}
        | {"id": row.id, "judged_by": names(row.judged_by)}
        for row in rows
    ]
    part = None if facility else reach.part(code) if code else reach.of_all
    return jsonify({"flags": said, "count": count, "page": page, "simulated": found.simulated} | partly(part))


@blueprint.post("/<programme>/flags/<int:number>")
@rights.needs("record", rights.Where.INSIDE)
def judge(programme: str, number: int) -> Response:
    """Say of a flag that it is known (`seen`), that its value is `right` after all, or that it is `wrong`."""
    body = request.get_json(silent=True)
    if not isinstance(body, dict) or not set(body) <= {"verdict", "note"} or not isinstance(body.get("verdict"), str):
        raise InvalidBody(remedy="Send {verdict, note}; the note may be left out.", reason="it is not such an object")
    note = body.get("note")
    if note is not None and (not isinstance(note, str) or len(note) > flagging.MOST_WORDS):
        raise InvalidBody("note", f"Send at most {flagging.MOST_WORDS} letters.", reason="the note is no such text")
    with services.transaction() as conn:
        found = services.programme(conn, programme)
        flagging.judge(conn, found, services.principal(), number, body["verdict"], note, services.now())
    return jsonify({"id": number, "verdict": body["verdict"]})


@blueprint.get("/<programme>/facilities/<code>/forecasts")
@rights.needs("see", rights.Where.FACILITY)
def forecast(programme: str, code: str) -> Response:
    """What a `product` will need by every view, how each erred before, and which is in force and why."""
    product = request.args.get("product")
    if not product:
        raise InvalidBody("product", "Send the code of a product.", reason="no product is named")
    with services.transaction() as conn:
        found = services.programme(conn, programme)
        read = forecasts.read(conn, found, code, product, found.day(services.now()))
    said: dict[str, Any] = asdict(read) | {
        "source": read.source.name.lower(),
        "forecasts": [
            {name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in asdict(f).items()}
            for f in read.forecasts
        ],
        "simulated": found.simulated,
    }
    return jsonify(plain(said))
