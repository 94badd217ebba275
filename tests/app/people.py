"""Somebody with a browser of their own and an address that they come from, for tests of signing in."""

from __future__ import annotations

import base64
import re
import time
from typing import Any

import sqlalchemy as sa
from werkzeug.test import Client, TestResponse

from app.auth import totp
from data import db

PASSWORD = "seven herons cross the delta"
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


class Somebody:
    """A person with a browser."""

    def __init__(self, site: Any, email: str, address: str = "192.0.2.1", app: Any = None) -> None:
        self.site, self.email, self.address = site, email, address
        self.client = Client(app or site.app)
        self.secret = b""

    def elsewhere(self, address: str = "198.51.100.7") -> Somebody:
        """The same person, or somebody who says so, before another device."""
        other = Somebody(self.site, self.email, address)
        other.secret = self.secret
        return other

    @property
    def id(self) -> int:
        with db.transaction(self.site.engine) as conn:
            return int(conn.scalar(sa.text("select id from app_user where email = :e"), {"e": self.email}))

    def get(self, path: str) -> TestResponse:
        return self.client.get(path, headers=HTML, environ_base={"REMOTE_ADDR": self.address})

    def token(self, page: str) -> str:
        """The form token of a page."""
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.get(page).text)
        assert found, page
        return found[1]

    def send(self, path: str, page: str | None = None, **form: Any) -> TestResponse:
        """Fill in the form of a page and send it."""
        data = {"csrf_token": self.token(page or path)} | form
        return self.client.post(path, data=data, environ_base={"REMOTE_ADDR": self.address})

    def sign_in(self, password: str = PASSWORD, **more: str) -> TestResponse:
        return self.send("/login", email=self.email, password=password, **more)

    def set_up(self, at: int = 0) -> TestResponse:
        """Set a second factor up, with the code of now or of some steps beside it."""
        page = self.get("/account/second-factor").text
        key = re.search(r'<code class="key">([A-Z2-7 ]+)</code>', page)
        hidden = re.search(r'name="secret" value="([^"]+)"', page)
        token = re.search(r'name="csrf_token" value="([^"]+)"', page)
        assert key
        assert hidden
        assert token
        self.secret = base64.b32decode(key[1].replace(" ", ""))
        form = {"csrf_token": token[1], "secret": hidden[1], "code": self.code(at)}
        return self.client.post("/account/second-factor", data=form)

    def code(self, at: int = 0) -> str:
        """What the app shows, now or some steps beside it."""
        return totp.code(self.secret, totp.step(time.time()) + at)

    @property
    def inside(self) -> bool:
        """Whether the session in this browser still sees the programme."""
        answer = self.client.get("/api/v1/programmes")
        return answer.status_code == 200 and bool(answer.get_json()["programmes"])


def close(app: Any) -> None:
    """Close the connections of a process that only this test has; there may be several engines."""
    for name in ("_engine", "_public"):
        if hasattr(app, name):
            getattr(app, name).dispose()


def recovery_codes(answer: TestResponse) -> list[str]:
    """The codes that a page shows once."""
    return re.findall(r"<li><code>([A-Z2-7-]{19})</code>", answer.text)
