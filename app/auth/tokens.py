"""What does a connected system come in with? A token that somebody made, or one that it fetches anew all the time.

A token is shown once and kept as a hash. It may do some of what its user may do, in one programme or one area of it.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from app.auth import sessions
from app.auth.principal import RIGHT_WORDS
from app.auth.sessions import ALL, Scope, token_hash
from data import errors, programmes, queries

SQL = queries.read(Path(__file__).parent / "sql" / "tokens.sql")
_USERS = queries.read(Path(__file__).parent / "sql" / "users.sql")
_DAY = 24 * 3600
#: A token works for so many days at most, and hours beside the one that takes its place.
MOST_DAYS, OVERLAP_HOURS = 365, 24
#: Seconds that a fetched token works, and days in which a new one can be fetched with the refresh token.
ACCESS_SECONDS, REFRESH_DAYS = 900, 30


class InvalidToken(errors.DataError):
    """The field {field} of this token cannot be used: {reason}."""


class UnknownSession(errors.DataError):
    """There is no such session or token of yours."""


class InvalidClient(errors.DataError):
    """This system is not known, or its secret is another one."""


class InvalidGrant(errors.DataError):
    """This refresh token is not good any more."""


@dataclass(frozen=True, slots=True)
class Client:
    """A connected system; its user's id, and what its tokens may do at most."""

    id: int
    user_id: int
    email: str
    scope: Scope


@dataclass(frozen=True, slots=True)
class Pair:
    """What a connected system fetches: a token, and what it fetches the next one with."""

    access: str
    refresh: str
    rights: tuple[str, ...] | None


def scope(
    conn: sa.Connection, rights: Sequence[str] | None, programme: str | None = None, area: str | None = None
) -> Scope:
    """What a token may do at most, from codes; raises where something is unknown."""
    unknown = [right for right in rights or () if right not in RIGHT_WORDS]
    if unknown:
        raise InvalidToken(
            "rights", f"Take some of: {', '.join(RIGHT_WORDS)}.", reason=f"there is no right {unknown[0]}"
        )
    if rights is not None and not rights:
        raise InvalidToken("rights", "Choose at least one.", reason="it could do nothing")
    if programme is None:
        if area is not None:
            raise InvalidToken("area", "Choose the programme that it lies in.", reason="no programme is chosen")
        return Scope(None if rights is None else tuple(rights))
    found = programmes.find(conn, programme)
    area_id = None
    if area is not None:
        area_id = conn.execute(_USERS["area"], {"programme_id": found.id, "code": area}).scalar()
        if area_id is None:
            raise errors.UnknownArea("area", "Search for it by name to find its code.", value=area)
    return Scope(None if rights is None else tuple(rights), found.id, area_id)


def make(conn: sa.Connection, user_id: int, label: str, days: int, may: Scope = ALL) -> str:
    """A token of somebody, shown once."""
    if not 1 <= days <= MOST_DAYS:
        raise InvalidToken(
            "days", f"Take 1 to {MOST_DAYS} days; a token is easily rotated.", reason="it is too long or short"
        )
    return sessions.opened(conn, user_id, kind="token", label=label.strip()[:200], seconds=days * _DAY, scope=may)


def rotate(conn: sa.Connection, user_id: int, token_id: int) -> tuple[str, str]:
    """Another token like this one, and its label; the old one goes on for a day. Raises `UnknownSession`."""
    made = secrets.token_urlsafe(32)
    asked = {"id": token_id, "user_id": user_id, "token_hash": token_hash(made), "overlap": OVERLAP_HOURS}
    label = conn.execute(SQL["rotate"], asked).scalar_one_or_none()
    if label is None:
        raise UnknownSession
    return made, label


def end(conn: sa.Connection, user_id: int, session_id: int) -> tuple[str, str]:
    """End a session or token of somebody; returns its kind and label. Raises `UnknownSession`."""
    ended = conn.execute(SQL["end_one"], {"id": session_id, "user_id": user_id}).one_or_none()
    if ended is None:
        raise UnknownSession
    return ended.kind, ended.label


def of(conn: sa.Connection, user_id: int) -> Sequence[sa.Row[Any]]:
    """The sessions and tokens of somebody."""
    return conn.execute(SQL["sessions_of"], {"user_id": user_id}).all()


def add_client(conn: sa.Connection, user_id: int, label: str, may: Scope = ALL) -> tuple[str, str]:
    """A connected system that acts for somebody; returns its name and its secret, which is shown once."""
    name, secret = f"vt-{secrets.token_hex(6)}", secrets.token_urlsafe(32)
    conn.execute(SQL["add_client"], {
        "name": name, "secret_hash": token_hash(secret), "user_id": user_id, "label": label.strip()[:200],
        "rights": None if may.rights is None else list(may.rights), "programme_id": may.programme_id,
        "area_id": may.area_id,
    })  # fmt: skip
    return name, secret


def client(conn: sa.Connection, name: str, secret: str, *, demo: bool) -> Client:
    """The connected system with this name and secret; raises `InvalidClient`."""
    row = conn.execute(SQL["client"], {"name": name, "demo": demo}).one_or_none()
    kept = bytes(row.secret_hash) if row is not None else b""
    if not hmac.compare_digest(kept, token_hash(secret)) or row is None:
        raise InvalidClient(remedy="Send client_id and client_secret as they were given.")
    rights = None if row.rights is None else tuple(row.rights)
    return Client(row.id, row.user_id, row.email, Scope(rights, row.programme_id, row.area_id))


def begin(conn: sa.Connection, of_client: Client) -> Pair:
    """The first tokens of a line."""
    return _pair(conn, of_client, conn.execute(SQL["add_family"], {"client_id": of_client.id}).scalar_one())


def refresh(conn: sa.Connection, of_client: Client, token: str) -> Pair | None:
    """New tokens for a refresh token, which is spent; None where it was spent before, and its whole line has ended.

    Raises `InvalidGrant` for one that is not of this system, or too old.
    """
    asked = {"token_hash": token_hash(token), "client_id": of_client.id}
    family_id = conn.execute(SQL["use_refresh"], asked).scalar_one_or_none()
    if family_id is not None:
        return _pair(conn, of_client, family_id)
    if conn.execute(SQL["stolen"], asked).rowcount:
        return None
    raise InvalidGrant(remedy="Ask anew with grant_type=client_credentials.")


def _pair(conn: sa.Connection, of_client: Client, family_id: int) -> Pair:
    access = sessions.opened(
        conn, of_client.user_id, kind="access", seconds=ACCESS_SECONDS, scope=of_client.scope, family_id=family_id
    )
    fresh = secrets.token_urlsafe(32)
    kept = {"token_hash": token_hash(fresh), "family_id": family_id, "seconds": REFRESH_DAYS * _DAY}
    conn.execute(SQL["add_refresh"], kept)
    return Pair(access, fresh, of_client.scope.rights)
