"""Who visits the web application in a test: a person of each role, by token and in a browser, on a small country."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from keys import BOX
from werkzeug.test import Client, TestResponse

from app import create_app
from app.auth import sessions, users
from app.settings import Settings
from data import db

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


class Site:
    """Two programmes, `small` and `other`, and a person of each role in the first; `elsewhere` only sees the second."""

    def __init__(self, settings: Settings, engine: sa.Engine) -> None:
        self.settings = settings
        self.engine = engine
        self.app = create_app(settings)
        self.tokens = {name: users.token(engine, f"{name}@example.org", "test", 1) for name in [*PEOPLE, "elsewhere"]}

    @property
    def owners(self) -> str:
        """The address at which commands work on the database, as its owner; `settings` has that of the web process."""
        return self.engine.url.render_as_string(hide_password=False)

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
