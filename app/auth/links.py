"""How does somebody get a new password? By a link that is good once and not for long, or with the one they have."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from app.auth import passwords, personal
from app.auth.sealed import Box
from app.auth.sessions import token_hash
from data import errors, queries

SQL = queries.read(Path(__file__).parent / "sql" / "links.sql")
#: Hours that a link is good: one that is sent on request, and one that an administrator hands out.
ASKED, HANDED = 1, 72


@dataclass(frozen=True, slots=True)
class Owner:
    """Who chooses a new password with a link."""

    id: int
    name: str
    email: str


class LinkGone(errors.DataError):
    """This link is not good any more: it was used, or it is too old."""


def make(conn: sa.Connection, user_id: int, hours: int) -> str:
    """The path of a new link for somebody; whoever holds it chooses their password."""
    token = secrets.token_urlsafe(32)
    conn.execute(SQL["make"], {"token_hash": token_hash(token), "user_id": user_id, "hours": hours})
    return f"/reset/{token}"


def owner(conn: sa.Connection, box: Box, token: str) -> Owner:
    """Whose link it is. Raises `LinkGone`."""
    found = conn.execute(SQL["owner"], {"token_hash": token_hash(token)}).one_or_none()
    if found is None:
        raise LinkGone(remedy="Ask for another one.")
    return Owner(found.id, personal.read_name(box, found.name), found.email)


def use(conn: sa.Connection, token: str, hashed: str) -> None:
    """Take a link for a new password's hash; every session ends. Raises `LinkGone`."""
    spent = conn.execute(SQL["spend"], {"token_hash": token_hash(token)}).scalar_one_or_none()
    if spent is None:
        raise LinkGone(remedy="Ask for another one.")
    change(conn, spent, hashed)


def change(conn: sa.Connection, user_id: int, hashed: str, *, keep: bytes | None = None) -> None:
    """Store a new password's hash, end the links and the sessions in browsers; `keep` is the one it came from."""
    conn.execute(SQL["change"], {"user_id": user_id, "password_hash": hashed})
    conn.execute(SQL["end_links"], {"user_id": user_id})
    conn.execute(SQL["end_sessions"], {"user_id": user_id, "keep": keep})


def twice(password: str, again: str) -> None:
    """Raise where the second time it was typed is another word."""
    if password != again:
        raise passwords.WeakPassword("password", "Type both again.", reason="it was typed in two ways")
