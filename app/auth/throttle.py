"""May this be tried again already? Guessing is slowed down by who guesses, never by whom they guess.

A password is counted by account and address together, and by address: whoever guesses somebody's password waits, and
the one whose password it is signs in from elsewhere as ever. A second factor is counted by account: whoever gets that
far has the password already.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from app.auth import emails
from data import db, errors, queries

SQL = queries.read(Path(__file__).parent / "sql" / "throttle.sql")

#: The first wait, in seconds, after the free attempts; each further failure doubles it, up to the last.
FIRST, LAST = 15, 900


class TooOften(errors.DataError):
    """Too many attempts from here."""

    @property
    def seconds(self) -> int:
        """How long to wait."""
        return int(str(self.details["seconds"]))


@dataclass(frozen=True, slots=True)
class Key:
    """What attempts are counted by, and how many failures are free; `own` counts belong to one account."""

    name: str
    free: int
    own: bool

    @property
    def digest(self) -> bytes:
        """What is stored: no e-mail stands in the table."""
        return hashlib.sha256(self.name.encode(errors="replace")).digest()


def of_password(email: str, address: str) -> tuple[Key, ...]:
    """What an attempt with a password is counted by."""
    where = place(address)
    return (
        Key(f"account {emails.written(email)} from {where}", 5, own=True),
        Key(f"passwords from {where}", 50, own=False),
    )


def of_code(user_id: int) -> tuple[Key, ...]:
    """What an attempt with a second factor is counted by."""
    return (Key(f"second factor of {user_id}", 5, own=True),)


def of_link(address: str) -> tuple[Key, ...]:
    """What asking for a link is counted by."""
    return (Key(f"links from {place(address)}", 10, own=False),)


def attempt(engine: sa.Engine, keys: Sequence[Key]) -> None:
    """Count an attempt before it is made, so that many at once are counted too; raises `TooOften`, counting nothing."""
    digests = {key.digest: key for key in keys}
    with db.transaction(engine) as conn:
        waits = [
            min(LAST, FIRST * 2 ** min(row.failures - digests[bytes(row.key)].free, 10)) - float(row.age)
            for row in conn.execute(SQL["held"], {"keys": list(digests)})
            if row.failures >= digests[bytes(row.key)].free
        ]
        wait = max(waits, default=0.0)
        if wait > 0:
            seconds = int(wait) + 1
            raise TooOften(remedy=f"Try again in {seconds} seconds.", seconds=seconds)
        conn.execute(SQL["count"], {"keys": list(digests)})


def succeeded(engine: sa.Engine, keys: Sequence[Key]) -> None:
    """It was right."""
    _take_back(engine, keys, [key.digest for key in keys if key.own])


def not_made(engine: sa.Engine, keys: Sequence[Key]) -> None:
    """It came to nothing, and says nothing about who tried."""
    _take_back(engine, keys, [])


def _take_back(engine: sa.Engine, keys: Sequence[Key], cleared: list[bytes]) -> None:
    with db.transaction(engine) as conn:
        conn.execute(SQL["take_back"], {"keys": [key.digest for key in keys], "cleared": cleared})


def place(address: str) -> str:
    """An address, or the network of 64 bits that one connection has of IPv6."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else str(found)
