"""Whose name may the one who asks read? By right at the place that it is about, else initials and a number.

Files and the API carry the masked form to everybody. A page on which names of others were opened is in the log, once a
request.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

from flask import Response, g, request

from app import services
from app.auth import personal, trail
from app.auth.principal import Principal
from data.record.trail import Action

#: From somebody's id and sealed name, as `data` reads them, to what they are called in this answer.
Names = Callable[[str | None], str | None]


def by_right(programme_id: int, facility_id: int, lineage: Sequence[int]) -> Names:
    """What people are called on a page about a facility: by name to who may see personal data there, and to oneself."""
    who = services.principal()
    return _names(who, programme_id, openly=who.may("personal", programme_id, facility_id, tuple(lineage)))


def masked() -> Names:
    """What people are called in files and in the API: never by name."""
    return _names(None, 0, openly=False)


def maker() -> str:
    """What a file calls the one who made it."""
    who = services.principal()
    return personal.masked_name(who.user_id, who.name)


def seen(answer: Response) -> Response:
    """Log that names of others were opened for the page that goes out; what cannot be logged is not given.

    No browser keeps such a page: who goes back to it after somebody has signed out is asked to sign in.
    """
    for programme_id, others in g.pop("names_opened", {}).items():
        with services.transaction() as conn:
            trail.note(conn, [programme_id], Action.PERSONAL_SEEN, request.path, {"people": sorted(others)})
        answer.headers["Cache-Control"] = "no-store"
    return answer


def _names(who: Principal | None, programme_id: int, *, openly: bool) -> Names:
    box = services.services().box

    @cache
    def call(of: str | None) -> str | None:
        if of is None:
            return None
        number, _, sealed = of.partition(" ")
        user_id = int(number)
        read = personal.read_name(box, sealed)
        own = who is not None and user_id == who.user_id
        if read == personal.UNREADABLE or not (openly or own):
            return personal.masked_name(user_id, read)
        if not own:
            g.setdefault("names_opened", {}).setdefault(programme_id, set()).add(user_id)
        return read

    return call
