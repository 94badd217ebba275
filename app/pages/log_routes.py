"""At which addresses do auditors read the log? A page, and a file to take away; both are logged themselves."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import Blueprint, Response, make_response, request

from app.auth import naming, rights
from app.auth import trail as log
from app.errors import InvalidBody, NotAllowed
from app.pages import plain
from app.pages.account import device
from app.pages.routes import person
from app.reports import files
from app.services import principal, transaction
from app.services import programme as find
from data.programmes import Programme
from data.record import trail
from data.record.trail import Action, Entry

blueprint = Blueprint("log", __name__)
blueprint.after_app_request(log.taken)
blueprint.after_app_request(naming.seen)

#: Entries on a page, and in a file: who needs more asks for fewer days at a time.
ON_A_PAGE, IN_A_FILE = 100, 100_000
_COLUMNS = ("number", "at", "actor_id", "actor", "action", "object", "details", "address", "digest")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is looked for, as it was typed."""

    who: str
    what: str
    first: str
    last: str

    def moment(self, said: str, programme: Programme, days: int = 0) -> datetime | None:
        """The midnight of a day that was typed; raises `InvalidBody`."""
        try:
            return programme.midnight(date.fromisoformat(said) + timedelta(days=days)) if said else None
        except (ValueError, OverflowError) as error:
            raise InvalidBody("from", "Write days as 2026-03-04.", reason="it names a day that is none") from error


@blueprint.get("/<programme>/log")
@rights.needs("export", rights.Where.PROGRAMME)
def page(programme: str) -> Response:
    """The newest entries, or those before a number."""
    with transaction() as conn:
        found, asked = _auditors(conn, programme), _asked()
        entries = _entries(conn, found, asked, ON_A_PAGE + 1, request.args.get("before", type=int))
        kept = urlencode({"who": asked.who, "what": asked.what, "from": asked.first, "to": asked.last})
        made = plain.framed(
            "log.html", "Log", found, person(programme), entries=entries[:ON_A_PAGE], more=len(entries) > ON_A_PAGE,
            asked=asked, actions=[a.value for a in Action], kept=kept, zone=ZoneInfo(found.timezone), device=device,
        )  # fmt: skip
        log.note(conn, [found.id], Action.PERSONAL_SEEN, "the log")
    answer = make_response(made)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@blueprint.get("/<programme>/log.csv")
@rights.needs("export", rights.Where.PROGRAMME)
def file(programme: str) -> Response:
    """The entries as CSV, the newest first, each with its digest."""
    with transaction() as conn:
        found, asked = _auditors(conn, programme), _asked()
        entries = _entries(conn, found, asked, IN_A_FILE, None)
    answer = make_response(_csv(entries))
    answer.headers["Content-Type"] = "text/csv; charset=utf-8"
    answer.headers["Content-Disposition"] = f'attachment; filename="log-{found.code}.csv"'
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _auditors(conn: sa.Connection, programme: str) -> Programme:
    """The programme, for who may take files away and manage users in all of it."""
    found = find(conn, programme)
    if not all(principal().scope(right, found.id).whole for right in ("users", "export")):
        raise NotAllowed(remedy="The log is read by administrators of the whole programme.")
    return found


def _asked() -> Asked:
    said = request.args
    return Asked(said.get("who", "").strip(), said.get("what", ""), said.get("from", ""), said.get("to", ""))


def _entries(conn: sa.Connection, found: Programme, asked: Asked, most: int, before: int | None) -> Sequence[Entry]:
    return trail.entries(
        conn, found.id, before=before, actor=asked.who or None, action=asked.what or None, most=most,
        since=asked.moment(asked.first, found), until=asked.moment(asked.last, found, 1),
    )  # fmt: skip


def _csv(entries: Sequence[Entry]) -> str:
    out = io.StringIO()
    lines = csv.writer(out)
    lines.writerow(_COLUMNS)
    for e in entries:
        details = json.dumps(e.details, ensure_ascii=False) if e.details else ""
        row = [e.number, e.at.isoformat(), e.actor_id, e.actor, e.action, e.object, details, e.address, e.digest.hex()]
        lines.writerow([files.harmless(cell) if isinstance(cell, str) else cell for cell in row])
    return out.getvalue()
