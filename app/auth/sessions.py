"""Which session is this? Server-side sessions and machine tokens; only hashes are stored.

Each process remembers a session for one second, so that a closed one is out everywhere within two.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from app.auth import personal
from app.auth.principal import Grant, Principal
from app.auth.sealed import Box
from data import db, queries

SQL = queries.read(Path(__file__).parent / "sql" / "sessions.sql")
COOKIE = "vaxtrace_session"
LIFETIME = 12 * 3600
REMEMBER = 1.0
_MOST = 10_000


def token_hash(token: str) -> bytes:
    """What is stored of a token."""
    return hashlib.sha256(token.encode()).digest()


def cookie(name: str, *, secure: bool) -> str:
    """What a cookie of ours is called: behind TLS so that browsers take it from this very host only, and no other one
    of its domain can put one in its place."""
    return f"__Host-{name}" if secure else name


def is_token(environ: Mapping[str, Any]) -> bool:
    """Whether a request names itself by a token in its header, which no browser adds by itself, and not by a cookie."""
    return str(environ.get("HTTP_AUTHORIZATION", "")).startswith("Bearer ")


def token_of(environ: Mapping[str, Any], *, secure: bool = False) -> str | None:
    """The token a WSGI request carries: `Authorization: Bearer`, or else the session cookie."""
    header = environ.get("HTTP_AUTHORIZATION", "")
    if header.startswith("Bearer "):
        return str(header[7:]).strip() or None
    # Not SimpleCookie: it takes as long as all else that a tile needs, and a token has no character to unquote.
    wanted = cookie(COOKIE, secure=secure)
    for pair in environ.get("HTTP_COOKIE", "").split(";"):
        name, _, value = pair.partition("=")
        if name.strip() == wanted:
            return value.strip() or None
    return None


def address_of(environ: Mapping[str, Any]) -> str:
    """The address that a request came from."""
    return str(environ.get("REMOTE_ADDR") or "")


@dataclass(frozen=True, slots=True)
class Scope:
    """What a token may do at most: some of its user's rights, in one programme, in one area of it. None is no limit."""

    rights: tuple[str, ...] | None = None
    programme_id: int | None = None
    area_id: int | None = None


ALL = Scope()


def opened(
    conn: sa.Connection,
    user_id: int,
    *,
    kind: str = "browser",
    label: str = "",
    seconds: int = LIFETIME,
    token: str | None = None,
    strong: bool = False,
    address: str = "",
    scope: Scope = ALL,
    family_id: int | None = None,
) -> str:
    """Open a session in this transaction and return its token."""
    token = token or secrets.token_urlsafe(32)
    conn.execute(SQL["open"], {
        "token_hash": token_hash(token), "user_id": user_id, "kind": kind, "label": label, "seconds": seconds,
        "strong": strong, "address": address, "rights": None if scope.rights is None else list(scope.rights),
        "programme_id": scope.programme_id, "area_id": scope.area_id, "family_id": family_id,
    })  # fmt: skip
    return token


class Sessions:
    """Sessions of one process, remembered for a second each."""

    def __init__(self, engine: sa.Engine, box: Box, *, demo: bool, proxied: bool = False, secure: bool = False) -> None:
        self._engine = engine
        self._box = box
        self._demo = demo
        self._secure = secure
        #: Behind proxies of ours an address is only known where their word was looked at already.
        self._proxied = proxied
        self._known: dict[bytes, tuple[float, Principal | None]] = {}
        self._lock = threading.Lock()

    def current(self, environ: Mapping[str, Any]) -> Principal | None:
        """Who sent this request; None for strangers and for sessions that have ended."""
        token = token_of(environ, secure=self._secure)
        if token is None:
            return None
        key = token_hash(token)
        known = self._known.get(key)
        now = time.monotonic()
        if known and known[0] > now:
            return known[1]
        principal = self._find(key, self._address(environ))
        with self._lock:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[key] = (now + REMEMBER, principal)
        return principal

    def _address(self, environ: Mapping[str, Any]) -> str:
        return "" if self._proxied and "werkzeug.proxy_fix.orig" not in environ else address_of(environ)

    def _find(self, key: bytes, address: str) -> Principal | None:
        with db.single(self._engine) as conn:
            rows = conn.execute(SQL["find"], {"token_hash": key}).all()
            if not rows or (rows[0].demo and not self._demo):
                return None
            if rows[0].unseen:
                conn.execute(SQL["touch"], {"token_hash": key, "address": address})
        first = rows[0]
        only = None if first.rights is None else frozenset(first.rights)
        grants = tuple(
            Grant(r.programme_id, r.programme, r.role, r.area_id, r.facility_id, only) for r in rows if r.programme_id
        )
        name = personal.read_name(self._box, first.name)
        return Principal(
            first.user_id, name, first.email, key, grants, frozenset(g.programme for g in grants),
            session_id=first.session_id, kind=first.kind, unproved=first.unproved,
        )  # fmt: skip

    def alive(self, token_hashes: Sequence[bytes]) -> dict[bytes, frozenset[str]]:
        """Which of these sessions have not ended, with the programmes that each may see; one question for all."""
        if not token_hashes:
            return {}
        with db.transaction(self._engine) as conn:
            rows = conn.execute(SQL["alive"], {"token_hashes": list(set(token_hashes))})
            return {bytes(r.token_hash): frozenset(r.programmes) for r in rows}

    def open(
        self,
        user_id: int,
        *,
        kind: str = "browser",
        label: str = "",
        seconds: int = LIFETIME,
        token: str | None = None,
        strong: bool = False,
    ) -> str:
        """Open a session and return its token, which is shown to its owner once and never stored.

        `strong`: a second factor was given.
        """
        with db.transaction(self._engine) as conn:
            return opened(conn, user_id, kind=kind, label=label, seconds=seconds, token=token, strong=strong)

    def close(self, principal: Principal) -> None:
        """End this session, here at once and everywhere within a second."""
        with db.transaction(self._engine) as conn:
            conn.execute(SQL["close"], {"token_hash": principal.token_hash})
        self.forget(principal.token_hash)

    def forget(self, key: bytes | None) -> None:
        """Look this session up again when it is used next in this process: something of it has changed."""
        with self._lock:
            self._known.pop(key or b"", None)
