"""GET .../areas/<code>/kpis: the indicators of an area and a period, as JSON or as a file to take away."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, jsonify, make_response, request

from app import services
from app.api.reads import partly
from app.auth import naming, rights
from app.errors import InvalidBody
from app.reports import files
from app.reports import kpis as reports
from data import kpis
from geo import areas

blueprint = Blueprint("kpis", __name__, url_prefix="/api/v1")

_FILES = {
    "csv": ("text/csv; charset=utf-8", files.as_csv),
    "xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", files.as_xlsx),
}


@blueprint.get("/<programme>/areas/<code>/kpis")
@blueprint.get("/<programme>/areas/<code>/kpis.<kind>")
@rights.needs("see", rights.Where.AREA)
def indicators(programme: str, code: str, kind: str | None = None) -> Response:
    """The indicators `from` a month `to` a month (YYYY-MM or a day of it); without them, the last three full months."""
    kind = kind or request.args.get("format") or "json"
    if kind != "json" and kind not in _FILES:
        raise InvalidBody("format", "Send one of: json, csv, xlsx.", reason="format is none that indicators come in")
    if kind != "json":
        rights.check(rights.Rule("export", rights.Where.AREA), {"programme": programme, "code": code})
    now = services.now()
    with services.transaction() as conn:
        found = services.programme(conn, programme)
        place = areas.area(conn, found.id, code)
        today = found.day(now)
        default = kpis.period_of(kpis.months(conn, found.id, today))
        first, last = (_month(name, day) for name, day in zip(("from", "to"), default, strict=True))
        read = kpis.read(conn, found, (place.id, place.code, place.name), first, last, today)
        part = services.reach(found).part(place.code)
    if kind == "json":
        return jsonify({
            "programme": found.code, "simulated": found.simulated, "area": {"code": read.area, "name": read.name},
            "from": f"{read.first:%Y-%m}", "to": f"{read.last:%Y-%m}", "indicators": kpis.flat(read.measures),
            "missing": [asdict(m) for m in read.missing],
        } | partly(part))  # fmt: skip
    made_at = now.astimezone(ZoneInfo(found.timezone))
    report = reports.report(found, read, naming.maker(), made_at, part)
    media_type, make = _FILES[kind]
    answer = make_response(make(report))
    answer.headers["Content-Type"] = media_type
    answer.headers["Content-Disposition"] = f'attachment; filename="{report.file_name}.{kind}"'
    return answer


def _month(name: str, default: date) -> date:
    said = request.args.get(name)
    if not said:
        return default
    try:
        return date.fromisoformat(said if len(said) > len("YYYY-MM") else f"{said}-01")
    except ValueError as error:
        raise InvalidBody(name, "Send a month such as 2026-03.", reason=f"{name} is not a month") from error
