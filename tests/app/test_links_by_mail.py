"""A link for a new password that is sent: to a real SMTP server in this test, and only to somebody who exists."""

from __future__ import annotations

import re
import socketserver
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from app import create_app, mail
from app.auth import users
from app.local import children
from data import db
from tests.app.people import PASSWORD, Somebody, close
from tests.keys import BOX

NEW = "nine otters under a bridge"


class Letters(socketserver.StreamRequestHandler):
    """Takes e-mails as RFC 5321 says, and keeps them."""

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline():
            word = line[:4].upper()
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                letter = b"".join(iter(self.rfile.readline, b".\r\n"))
                self.server.letters.append(letter.decode())  # type: ignore[attr-defined]
            elif word == b"QUIT":
                break
            self.wfile.write(b"250 ok\r\n")
        self.wfile.write(b"221 bye\r\n")


@pytest.fixture(scope="module")
def post(site: Any) -> Iterator[Any]:
    """An SMTP server, and an application that sends through it."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Letters) as server:
        server.letters = []  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = SecretStr(f"smtp://127.0.0.1:{server.server_address[1]}")
        told = {"smtp_url": address, "public_url": "https://stock.example.org", "mail_from": "stock@example.org"}
        server.app = create_app(site.settings.model_copy(update=told))  # type: ignore[attr-defined]
        yield server
        close(server.app)  # type: ignore[attr-defined]
        server.shutdown()


def _body(letter: str) -> str:
    return letter.split("\r\n\r\n", 1)[1].replace("=\r\n", "").replace("=3D", "=")


def test_somebody_who_asks_gets_a_link_and_nobody_else_does(site: Any, post: Any) -> None:
    email = "forgetful@example.org"
    users.add(site.engine, BOX, email, "Ngozi Eze", PASSWORD)
    users.grant(site.engine, email, "analyst", "small")
    somebody = Somebody(site, email, app=post.app)
    answers = [somebody.send("/forgot", email=asked).text for asked in ("nobody@example.org", f" {email.upper()} ")]
    assert "a link is on its way" in answers[0]
    assert answers[0] == answers[1], "it is not said who exists"
    assert children.wait_until(lambda: post.letters, 10)
    [letter] = post.letters
    assert f"To: {email}" in letter
    assert "From: stock@example.org" in letter
    [path] = re.findall(r"https://stock\.example\.org(/reset/[\w-]+)", _body(letter))
    assert somebody.send(path, password=NEW, again=NEW).status_code == 303
    assert somebody.sign_in(NEW).status_code == 303
    with db.transaction(site.engine) as conn:
        logged = str(conn.execute(sa.text("select * from audit_log where actor = :e"), {"e": email}).all())
    assert "link for a new password made" in logged
    assert path.rsplit("/", 1)[1] not in logged


def test_the_link_leads_to_our_own_address_whatever_host_was_asked(site: Any, post: Any) -> None:
    post.letters.clear()
    email = "targeted@example.org"
    users.add(site.engine, BOX, email, "Target", PASSWORD)
    somebody = Somebody(site, email, app=post.app)
    token = somebody.token("/forgot")
    answer = somebody.client.post(
        "/forgot",
        data={"csrf_token": token, "email": email},
        headers={"X-Forwarded-Host": "evil.example"},
        environ_base={"REMOTE_ADDR": "192.0.2.55"},
    )
    assert answer.status_code == 200
    assert children.wait_until(lambda: post.letters, 10)
    assert "evil.example" not in post.letters[0]


def test_asking_for_links_is_slowed_down(site: Any, post: Any) -> None:
    somebody = Somebody(site, "flood@example.org", "203.0.113.200", app=post.app)
    codes = [somebody.send("/forgot", email="nobody@example.org").status_code for _ in range(11)]
    assert codes == [200] * 10 + [429]


def test_a_mail_server_that_is_away_is_no_error_of_the_one_who_asks(site: Any) -> None:
    told = site.settings.model_copy(update={"smtp_url": SecretStr("smtp://127.0.0.1:1"), "public_url": "https://x.org"})
    mail.send(told, "a@example.org", "A subject", "Words.")
