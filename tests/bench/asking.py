"""How does one ask over HTTP, on a connection that stays open?"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, and the wall clock when it was complete."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    seconds: float
    at: float


class Asker:
    """One kept-alive connection to `host:port`, with the same headers in every request."""

    def __init__(self, address: str, headers: Mapping[str, str]) -> None:
        host, _, port = address.partition(":")
        self._connection = http.client.HTTPConnection(host, int(port), timeout=30)
        self._headers = {"Accept-Encoding": "gzip", **headers}

    def ask(self, path: str, body: object = None, *, raw: str | None = None) -> Answer:
        """GET, or POST where there is a body: as JSON, or `raw` as it is."""
        content = raw if raw is not None else None if body is None else json.dumps(body)
        headers = self._headers if content is None else self._headers | {"Content-Type": "application/json"}
        began = time.perf_counter()
        self._connection.request("GET" if content is None else "POST", path, content, headers)
        response = self._connection.getresponse()
        read = response.read()
        taken = time.perf_counter() - began
        return Answer(response.status, dict(response.headers), read, taken, time.time())

    def json(self, path: str) -> Any:
        """What a GET answers, parsed; raises `AssertionError` where it is not a 200."""
        plain, self._headers = self._headers, self._headers | {"Accept-Encoding": "identity"}
        try:
            answer = self.ask(path)
        finally:
            self._headers = plain
        assert answer.status == 200, f"{path}: {answer.status} {answer.content[:300]!r}"
        return json.loads(answer.content)

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()
