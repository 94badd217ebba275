"""Who may open a socket? Asked before there is one: a stranger holds none, and nobody holds very many.

What comes through an open one, and what it may hear, is said in app/live.py.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.auth.principal import Principal
from app.errors import NotSignedIn, TooManyRequests, body, status
from data import errors

log = structlog.get_logger()
#: A socket without WebSocket is a row of requests that nobody sees the end of: it counts for so many seconds.
POLLING = 60.0


class Handshakes:
    """The WSGI function in front of Socket.IO: lets those begin who carry a session, each session so many at once."""

    def __init__(
        self,
        behind: WSGIApplication,
        who: Callable[[Mapping[str, Any]], Principal | None],
        most: int,
        later: Callable[[float, Callable[[], None]], None],
    ) -> None:
        self._behind = behind
        self._who = who
        self._most = most
        self._later = later
        self._open: Counter[bytes] = Counter()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request; that of a WebSocket lasts as long as the socket."""
        if not _begins(environ):
            return self._behind(environ, start_response)
        try:
            key = self._admitted(environ)
        except errors.DataError as error:
            return _refused(error, start_response)
        except SQLAlchemyError as error:
            log.error("socket.failed", error=type(error).__name__)
            return _refused(errors.DatabaseUnavailable(remedy="Try again in a moment."), start_response)
        self._open[key] += 1
        lasts = environ.get("HTTP_UPGRADE", "").lower() == "websocket"
        try:
            return self._behind(environ, start_response)
        finally:
            if lasts:
                self._closed(key)
            else:
                self._later(POLLING, lambda: self._closed(key))

    def _admitted(self, environ: WSGIEnvironment) -> bytes:
        who = self._who(environ)
        if who is None:
            raise NotSignedIn(remedy="Sign in first.")
        if self._open[who.token_hash] >= self._most:
            remedy = "Close some of the pages that are open."
            raise TooManyRequests(remedy=remedy, value=f"{self._most} sockets", seconds=int(POLLING))
        return who.token_hash

    def _closed(self, key: bytes) -> None:
        self._open[key] -= 1
        if self._open[key] <= 0:
            del self._open[key]


def _begins(environ: WSGIEnvironment) -> bool:
    """Whether a request is the first of a socket: it names the protocol, and no socket yet."""
    asked = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    return "EIO" in asked and "sid" not in asked


def _refused(error: errors.DataError, start_response: StartResponse) -> Iterable[bytes]:
    code: HTTPStatus = status(error)
    content = json.dumps(body(error), default=str).encode()
    headers = [
        ("Content-Type", "application/json"), ("Content-Length", str(len(content))), ("Cache-Control", "no-store"),
    ]  # fmt: skip
    if "seconds" in error.details:
        headers.append(("Retry-After", str(error.details["seconds"])))
    start_response(f"{code.value} {code.phrase}", headers)
    return [content]
