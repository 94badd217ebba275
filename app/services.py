"""What does a request work with? The parts that `create_app` opened, found again inside a request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

import sqlalchemy as sa
from flask import current_app, g, request

from app.auth.principal import Principal
from app.auth.sealed import Box
from app.auth.sessions import Sessions
from app.errors import NotSignedIn
from app.recorder import Recorder
from app.settings import Settings
from data import db, errors, programmes
from data.programmes import Programme
from geo.cache import Cache
from geo.lens import Lenses
from geo.past import Pasts
from geo.reach import Reach, Reaches

NAME = "vaxtrace"


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of one process. `engine` sees what a transaction is told, `public` the registry of everybody."""

    settings: Settings
    engine: sa.Engine
    public: sa.Engine
    cache: Cache
    sessions: Sessions
    recorder: Recorder
    pasts: Pasts
    lenses: Lenses
    reaches: Reaches
    box: Box


def services() -> Services:
    """The parts of this process."""
    return cast(Services, current_app.extensions[NAME])


@contextmanager
def transaction() -> Iterator[sa.Connection]:
    """A transaction of this request: it sees what the one who asks may see, and nothing where nobody asks."""
    s, who = services(), current()
    seen = db.NOTHING if who is None else s.reaches.seen(who.scopes("see"))
    with db.transaction(s.engine, seen) as conn:
        yield conn


@contextmanager
def whole(programme_id: int) -> Iterator[sa.Connection]:
    """A transaction that sees all of a programme, for what is the same for everybody or is cut before an answer."""
    s = services()
    with db.transaction(s.engine, s.reaches.whole(programme_id)) as conn:
        yield conn


@contextmanager
def registry() -> Iterator[sa.Connection]:
    """A transaction that sees shapes and names of every programme, and no stock."""
    with db.transaction(services().public) as conn:
        yield conn


def now() -> datetime:
    """The time of this request, aware."""
    return datetime.now(UTC)


def principal() -> Principal:
    """Who is asking; raises `NotSignedIn`."""
    found = current()
    if found is None:
        raise NotSignedIn(remedy="Sign in, or send Authorization: Bearer with a valid token.")
    return found


def current() -> Principal | None:
    """Who is asking, or None; looked up once a request."""
    if "principal" not in g:
        g.principal = services().sessions.current(request.environ)
    return cast("Principal | None", g.principal)


def programme(conn: sa.Connection, code: str) -> Programme:
    """The programme with this code, if the one who asks may see it; to everybody else it does not exist."""
    if code not in principal().programmes:
        raise unknown_programme(code)
    return programmes.find(conn, code)


def unknown_programme(code: str) -> errors.UnknownProgramme:
    """What is said of a programme that is not there, or not theirs."""
    return errors.UnknownProgramme(
        "programme", "Start from the map to see yours; systems ask GET /api/v1/programmes.", value=code
    )


def reach(found: Programme, right: str = "see") -> Reach:
    """What of a programme the one who asks has this right for: every reading is cut to it."""
    return services().reaches.find(principal().scope(right, found.id))


def facility(found: Programme, code: str) -> str:
    """The code of a facility, if the one who asks may see it; elsewhere is as if it were not there."""
    if not reach(found).has_facility(code):
        raise errors.UnknownFacility("facility", ELSEWHERE, value=code)
    return code


def area(found: Programme, code: str) -> str:
    """The code of an area, if the one who asks may see at least a part of it; elsewhere is as if it were not there."""
    if not reach(found).has_area(code):
        raise errors.UnknownArea("area", ELSEWHERE, value=code)
    return code


#: What is said of a place that is not there, or not yours.
ELSEWHERE = "It may lie outside your area: ask whoever gave you your role."
