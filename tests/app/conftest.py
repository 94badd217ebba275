"""The web application as its users reach it, on a small country of its own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import small
import sqlalchemy as sa
from keys import BOX, KEY
from visiting import PASSWORD, PEOPLE, Site

from app import pipeline
from app.auth import users
from app.local import servers
from app.local.servers import NAME, Server
from app.settings import Settings
from data import db, programmes, walls

_numbers = itertools.count()
_ids = itertools.count()


@pytest.fixture(scope="module")
def site(administration: sa.Engine, postgres: Server, redis_server: Server, template: str) -> Iterator[Site]:
    name = f"site_{next(_numbers)}"
    with administration.connect() as conn:
        conn.exec_driver_sql(f"create database {name} template {template} strategy file_copy")
    url = postgres.url.replace(f"/{NAME}?", f"/{name}?")
    engine = db.engine(url)
    now = datetime.now(UTC)
    with db.transaction(engine) as conn:
        for code in ("small", "other"):
            small.build(conn, code)
            programme = programmes.find(conn, code)
            pipeline.refresh(conn, programme, programme.day(now), now, "a first day")
    for person, (role, where) in PEOPLE.items():
        users.add(engine, BOX, f"{person}@example.org", person, PASSWORD)
        users.grant(engine, f"{person}@example.org", role, "small", **where)
    users.add(engine, BOX, "elsewhere@example.org", "elsewhere", PASSWORD)
    users.grant(engine, "elsewhere@example.org", "national", "other")
    with db.transaction(engine) as conn:
        walls.let_in(conn, servers.for_people(url))
    # As people reach it: whoever connects so owns nothing.
    settings = Settings(database_url=servers.for_people(url), redis_url=redis_server.url, secret_key=KEY)  # type: ignore[arg-type]
    opened = Site(settings, engine)
    yield opened
    opened.app.close()
    engine.dispose()
    with administration.connect() as conn:
        conn.exec_driver_sql(f"drop database {name} with (force)")


@pytest.fixture
def event() -> Callable[..., dict[str, Any]]:
    """Makes an event as it is sent, with an id of its own; a field that is None is left out."""

    def make(**changed: Any) -> dict[str, Any]:
        fields = {
            "programme": "small", "facility": "F-W1", "product": "BCG", "kind": "receipt", "doses": 100,
            "occurred_at": datetime.now(UTC).isoformat(), "source": "test", "source_id": f"event {next(_ids)}",
            "opened_vial": True,
        } | changed  # fmt: skip
        return {k: v for k, v in fields.items() if v is not None}

    return make
