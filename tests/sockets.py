"""A person with a socket: signs in as a browser does, and hears what is pushed."""

from __future__ import annotations

import queue
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar
from typing import Any

import pytest
import socketio

from app.auth.demo import PASSWORD


class Person:
    """Somebody who signed in with a browser; `cookies` is what the browser sends with every request."""

    def __init__(self, address: str, role: str = "national") -> None:
        self.address = address
        self._jar = CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._jar))
        form = {"email": f"{role}@demo.example", "password": PASSWORD, "csrf_token": self._token("/login"), "next": "/"}
        self._post("/login", form)

    @property
    def cookies(self) -> str:
        return "; ".join(f"{c.name}={c.value}" for c in self._jar)

    def sign_out(self) -> None:
        self._post("/logout", {"csrf_token": self._token("/small/about")})

    def _token(self, page: str) -> str:
        with self._opener.open(self.address + page, timeout=20) as answer:
            found = re.search(r'name="csrf_token" value="([^"]+)"', answer.read().decode())
        assert found, f"{page} has no form"
        return found[1]

    def _post(self, path: str, form: dict[str, str]) -> None:
        self._opener.open(self.address + path, urllib.parse.urlencode(form).encode(), timeout=20).close()


def handshake(address: str, cookies: str, **headers: str) -> tuple[int, str]:
    """What the first request of a socket is answered, without WebSocket."""
    asked = urllib.request.Request(
        f"{address}/socket.io/?EIO=4&transport=polling", headers={"Cookie": cookies} | headers
    )
    try:
        with urllib.request.urlopen(asked, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


class Refused(Exception):
    """The server did not let the socket in; its words are the message."""


class Socket:
    """A socket that keeps what it hears, in order; `missed` is what its first subscription was answered."""

    def __init__(self, address: str, cookies: str = "", programme: str | None = "small", since: int = 0) -> None:
        self.heard: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue()
        self.client = socketio.Client(reconnection=False)
        self.client.on("*", lambda event, payload: self.heard.put((event, payload)))
        said: list[Any] = []
        self.client.on("connect_error", said.append)
        try:
            self.client.connect(address, headers={"Cookie": cookies}, transports=["websocket"], wait_timeout=10)
        except socketio.exceptions.ConnectionError as error:
            raise Refused(said, handshake(address, cookies)) from error
        self.missed = self.ask("subscribe", programme=programme, since=since) if programme else None

    def ask(self, event: str, **asked: object) -> Any:
        return self.client.call(event, asked, timeout=10)

    def until(self, wanted: str, *, seconds: float = 20, **fields: object) -> list[tuple[str, dict[str, Any]]]:
        """What is heard until an event of this name (with these fields) arrives, which is the last."""
        heard: list[tuple[str, dict[str, Any]]] = []
        deadline = time.monotonic() + seconds
        while True:
            try:
                heard.append(self.heard.get(timeout=max(0.0, deadline - time.monotonic())))
            except queue.Empty:
                pytest.fail(f"{wanted} {fields} was not heard within {seconds} s, but {[e for e, _ in heard]}")
            event, payload = heard[-1]
            if event == wanted and all(payload.get(k) == v for k, v in fields.items()):
                return heard

    def close(self) -> None:
        self.client.disconnect()
        self.client.eio.wait()
