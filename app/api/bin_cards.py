"""GET .../bin-card: the running ledger of a position, as JSON or as a file to take away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, jsonify, make_response, request

from app import bin_cards, services
from app.api.reads import plain
from app.auth import naming, rights
from app.auth.naming import Names
from app.bin_cards import Shown
from app.errors import InvalidBody
from app.reports import bincard as reports
from app.reports import files, pdf
from app.reports.report import Report
from data.bincard import Line

blueprint = Blueprint("bin_cards", __name__, url_prefix="/api/v1")

#: Lines that are put on paper: 150 pages, and as many seconds as anybody waits.
MOST_ON_PAPER = 5_000

#: The media type of each kind of file, and how it is made.
FILES: dict[str, tuple[str, Callable[[Report], bytes]]] = {
    "csv": ("text/csv; charset=utf-8", files.as_csv),
    "xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", files.as_xlsx),
    "pdf": ("application/pdf", pdf.as_pdf),
}


@blueprint.get("/<programme>/facilities/<code>/bin-card")
@blueprint.get("/<programme>/facilities/<code>/bin-card.<kind>")
@rights.needs("see", rights.Where.FACILITY)
def bin_card(programme: str, code: str, kind: str | None = None) -> Response:
    """The bin card of `product`, for one `lot` or all, `from` a day `to` a day, `as_of` now or a moment before."""
    kind = kind or request.args.get("format") or "json"
    if kind != "json" and kind not in FILES:
        known = ", ".join(["json", *FILES])
        raise InvalidBody("format", f"Send one of: {known}.", reason="format is none that a bin card comes in")
    if kind != "json":
        rights.check(rights.Rule("export", rights.Where.FACILITY), {"programme": programme, "code": code})
    now = services.now()
    with services.transaction() as conn:
        found = services.programme(conn, programme)
        shown = bin_cards.read(conn, found, code, request.args, now)
    if kind == "json":
        return jsonify(_json(shown))
    if kind == "pdf" and len(shown.card.lines) > MOST_ON_PAPER:
        reason = f"{len(shown.card.lines):,} lines are more than the {MOST_ON_PAPER:,} that are put on paper"
        raise InvalidBody("format", "Ask for a shorter period, or for a workbook.", reason=reason)
    report = reports.report(shown, naming.maker(), now, naming.masked())
    media_type, make = FILES[kind]
    answer = make_response(make(report))
    answer.headers["Content-Type"] = media_type
    answer.headers["Content-Disposition"] = f'attachment; filename="{report.file_name}.{kind}"'
    return answer


def _json(shown: Shown) -> dict[str, Any]:
    card, asked = shown.card, shown.card.asked
    names = naming.masked()
    base = f"/api/v1/{quote(shown.programme.code)}/facilities/{quote(shown.facility.code)}/attachments"
    return {
        "programme": shown.programme.code,
        "simulated": shown.programme.simulated,
        "facility": {"code": shown.facility.code, "name": shown.facility.name},
        "product": {name: getattr(shown.product, name) for name in ("code", "name", "unit", "doses_per_vial")},
        "lot": asked.lot,
        "from": asked.first.isoformat(),
        "to": asked.last.isoformat(),
        "as_of": None if asked.as_of is None else asked.as_of.isoformat(),
        "timezone": shown.programme.timezone,
        **{name: getattr(card, name) for name in ("opening", "received", "issued", "adjusted", "closing", "days_out")},
        "lines": [_line(line, base, names) for line in card.lines],
        "reported": [{"month": f"{r.month:%Y-%m}", "days": r.days, "by_lines": r.by_lines} for r in card.reported],
        "spells": [plain(asdict(s) | {"days": s.days}) for s in card.spells],
        "lots": [plain(asdict(lot)) for lot in card.lots],
        "now": {
            "usable": card.usable,
            "total": card.total,
            "reserved": card.reserved,
            "available": card.usable - card.reserved,
            "promised": [asdict(p) for p in card.promised],
            "in_transit": [plain(asdict(w)) for w in card.in_transit],
        },
    }


#: What a line says in JSON, as it is; the rest is put into words of JSON first.
_AS_IS = (
    "kind", "entry", "doses", "received", "issued", "adjusted", "balance", "counted", "reserved", "stage", "lot",
    "reason", "document", "partner", "partner_name", "order", "note", "source", "source_id", "takes_back",
    "taken_back",
)  # fmt: skip


def _line(line: Line, base: str, names: Names) -> dict[str, Any]:
    said = {name: getattr(line, name) for name in _AS_IS}
    said["who"] = names(line.who)
    said["occurred_at"] = line.occurred_at.isoformat()
    said["recorded_at"] = line.recorded_at.isoformat()
    said["expiry"] = None if line.expiry is None else line.expiry.isoformat()
    said["attachment"] = (
        None if line.attachment is None else {"name": line.attachment_name, "href": f"{base}/{line.attachment}"}
    )
    return said
