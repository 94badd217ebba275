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
from app.auth.sessions import Sessions
from app.errors import NotSignedIn
from app.recorder import Recorder
from app.settings import Settings
from data import db, errors, programmes
from data.programmes import Programme
from geo.cache import Cache
from geo.lens import Lenses
from geo.past import Pasts

NAME = "vaxtrace"


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of one process."""

    settings: Settings
    engine: sa.Engine
    cache: Cache
    sessions: Sessions
    recorder: Recorder
    pasts: Pasts
    lenses: Lenses


def services() -> Services:
    """The parts of this process."""
    return cast(Services, current_app.extensions[NAME])


@contextmanager
def transaction() -> Iterator[sa.Connection]:
    """A transaction of this request."""
    with db.transaction(services().engine) as conn:
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
        raise errors.UnknownProgramme(
            "programme", "Start from the map to see yours; systems ask GET /api/v1/programmes.", value=code
        )
    return programmes.find(conn, code)
