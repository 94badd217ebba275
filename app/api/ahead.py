"""GET .../next: the places where most children would be missed in the next 30 days. GET .../calibration: past ones."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, jsonify, make_response, request

from app import services, shortfall
from app.api.bin_cards import FILES
from app.api.reads import partly, plain
from app.auth import naming, rights
from app.errors import InvalidBody
from app.pages import ahead, calibration
from app.reports import shortfall as reports
from data.insight.calibration import Score

blueprint = Blueprint("ahead", __name__, url_prefix="/api/v1")

#: Nobody writes so many paragraphs on paper.
_KINDS = ("csv", "xlsx")


@blueprint.get("/<programme>/next")
@blueprint.get("/<programme>/next.<kind>")
@rights.needs("see", rights.Where.PROGRAMME)
def next_days(programme: str, kind: str = "json") -> Response:
    """Of an `area` and a `vaccine`, or all; `skip` of them and up to `limit`, or a file with up to `shortfall.MOST`."""
    if kind != "json" and kind not in _KINDS:
        raise InvalidBody("format", "Send one of: json, csv, xlsx.", reason="format is none that this list comes in")
    if kind != "json":
        rights.check(rights.Rule("export", rights.Where.PROGRAMME), {"programme": programme})
    now = services.now()
    area, vaccine = (request.args.get(name) or None for name in ("area", "vaccine"))
    most, skip = (shortfall.MOST, 0) if kind != "json" else (_number("limit", 100, 500), _number("skip", 0, 10**6))
    with services.transaction() as conn:
        found = services.programme(conn, programme)
        reach = services.reach(found)
        place, product, _ = ahead.asked(conn, found, reach, area, vaccine)
        part = reach.part(place.code)
        shown = shortfall.read(conn, found, place, product, now, limit=most, skip=skip, part=part is not None)
    if kind == "json":
        return jsonify(_json(shown) | partly(part) | {"programme": found.code, "simulated": found.simulated})
    report = reports.report(found, shown, naming.maker(), now, part)
    media_type, make = FILES[kind]
    answer = make_response(make(report))
    answer.headers["Content-Type"] = media_type
    answer.headers["Content-Disposition"] = f'attachment; filename="{report.file_name}.{kind}"'
    return answer


def _number(name: str, default: int, most: int) -> int:
    text = request.args.get(name)
    if text is None:
        return default
    if not text.isdecimal() or len(text) > 9:
        raise InvalidBody(name, f"Send a whole number up to {most}.", reason=f"{name} is not a number")
    return min(int(text), most)


def _json(shown: shortfall.Shown) -> dict[str, Any]:
    rows = [
        asdict(row.place) | {"why": list(row.why), "help": None if row.help is None else asdict(row.help)}
        for row in shown.rows
    ]
    return {
        "area": shown.area.code,
        "vaccine": None if shown.product is None else shown.product.code,
        "day": shown.today.isoformat(),
        "total": asdict(shown.total),
        "places": plain(rows),
    }


@blueprint.get("/<programme>/calibration")
@rights.needs("see", rights.Where.PROGRAMME)
def predictions(programme: str) -> Response:
    """The scores of past predictions: all, of places with stock, by vaccine and by month."""
    parts, now = services.services(), services.now()
    with services.transaction() as conn:
        found = services.programme(conn, programme)
        scope = services.principal().scope("see", found.id)
        seen = calibration.read(conn, found, scope, parts.cache, found.day(now))
        codes = ahead.codes(conn, found)
    return jsonify(
        {
            "programme": found.code,
            "simulated": found.simulated,
            "all": _score(seen.every),
            "with_stock": _score(seen.stocked),
            "learned": _score(seen.learned),
            "counted_alone": _score(seen.alone),
            "by_product": {codes[seat]: _score(score) for seat, score in seen.by_product.items()},
            "by_month": {f"{month:%Y-%m}": _score(score) for month, score in seen.by_month.items()},
            "without_outcome": seen.unknown,
        }
        | partly(services.reach(found).of_all)
    )


def _score(score: Score) -> dict[str, Any]:
    return asdict(score)
