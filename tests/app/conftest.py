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
from werkzeug.test import Client, TestResponse

from app import create_app, pipeline
from app.auth import sessions, users
from app.local.servers import NAME, Server
from app.settings import Settings
from data import db, programmes

PASSWORD = "a password for tests"
#: Who may do what: the role and where it holds.
PEOPLE = {
    "national": ("national", {}),
    "area": ("area", {"area": "E"}),
    "facility": ("facility", {"facility": "F-W1"}),
    "analyst": ("analyst", {}),
    "administrator": ("administrator", {}),
    "machine": ("machine", {}),
}
_numbers = itertools.count()
_ids = itertools.count()


class Site:
    """Two programmes, `small` and `other`, and a person of each role in the first; `elsewhere` only sees the second."""

    def __init__(self, settings: Settings, engine: sa.Engine) -> None:
        self.settings = settings
        self.engine = engine
        self.app = create_app(settings)
        self.tokens = {name: users.token(engine, f"{name}@example.org", "test", 1) for name in [*PEOPLE, "elsewhere"]}

    def post(self, body: Any, who: str = "machine", query: str = "", **headers: str) -> TestResponse:
        """What POST /api/v1/stock-events answers."""
        address = f"/api/v1/stock-events?{query}"
        return Client(self.app).post(address, json=body, headers=self.signed(who) | headers)

    def get(self, path: str, who: str | None = "machine", **headers: str) -> TestResponse:
        return Client(self.app).get(path, headers=self.signed(who) | headers)

    def signed(self, who: str | None) -> dict[str, str]:
        return {} if who is None else {"Authorization": f"Bearer {self.tokens[who]}"}

    def browser(self, who: str) -> Client:
        """A browser in which somebody has signed in."""
        client = Client(self.app)
        with db.transaction(self.engine) as conn:
            user = conn.scalar(sa.text("select id from app_user where email = :e"), {"e": f"{who}@example.org"})
        client.set_cookie(sessions.COOKIE, sessions.Sessions(self.engine, BOX, demo=False).open(user, strong=True))
        return client

    def recorded(self) -> list[int]:
        """How much is on record: events, keys, changes, months, lots, doses held."""
        tables = ("stock_event", "event_key", "outbox", "stock_month", "lot")
        with db.transaction(self.engine) as conn:
            counts = [conn.execute(sa.text(f"select count(*) from {t}")).scalar_one() for t in tables]  # noqa: S608
            return [*counts, conn.execute(sa.text("select coalesce(sum(doses), 0) from lot_balance")).scalar_one()]


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
    settings = Settings(database_url=url, redis_url=redis_server.url, secret_key=KEY)  # type: ignore[arg-type]
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
