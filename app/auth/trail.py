"""Who did this just now? The log for auditors, with the person and the address of the request at hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import sqlalchemy as sa
from flask import Response, request

from app import services
from app.auth.sessions import address_of
from data.record import trail
from data.record.trail import Action, Actor


def taken(answer: Response) -> Response:
    """Log a file that is taken away, whichever route gave it; what cannot be logged is not given."""
    named = request.view_args or {}
    code = named.get("programme") or named.get("code")
    # 206 too: a part of a file, which may be all of it.
    given = answer.status_code in {200, 206} and request.method == "GET"
    if given and answer.headers.get("Content-Disposition", "").startswith("attachment"):
        of = {grant.programme_id for grant in services.principal().grants if grant.programme == code}
        with services.transaction() as conn:
            note(conn, of, Action.EXPORTED, request.path, request.args.to_dict())
    return answer


def address() -> str:
    """Where this request came from."""
    return address_of(request.environ)


def actor() -> Actor:
    """Who asks, from where."""
    who = services.principal()
    return Actor(who.user_id, who.email, address())


def note(
    conn: sa.Connection,
    programmes: Iterable[int],
    action: Action,
    object: str = "",
    details: Mapping[str, object] | None = None,
) -> None:
    """Log, in these programmes, what the one who asks has seen or changed; the last that a transaction writes."""
    trail.write(conn, programmes, actor(), action, object, details)


def mine(conn: sa.Connection, action: Action, object: str = "", details: Mapping[str, object] | None = None) -> None:
    """Log what the one who asks did to their own account, in every programme that they have to do with."""
    note(conn, trail.programmes_of(conn, services.principal().user_id), action, object, details)
