"""Who can sign in to a demo? One user for each role, in every programme loaded, with a password that is published."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from app.auth import passwords, personal, sessions
from app.auth.principal import ROLE_WORDS
from app.auth.sealed import Box
from data import db, queries

SQL = queries.read(Path(__file__).parent / "sql" / "demo.sql")
PASSWORD = "vaccines-for-all"
ROLES = ("national", "area", "facility", "analyst", "administrator", "machine")
_YEAR = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Login:
    """A published demo login."""

    role: str
    email: str
    password: str


def logins() -> list[Login]:
    """The demo logins that people (not machines) use."""
    return [Login(ROLE_WORDS[role], f"{role}@demo.example", PASSWORD) for role in ROLES if role != "machine"]


def ensure(engine: sa.Engine, box: Box) -> list[Login]:
    """Create the demo users where they are missing, and grant them every programme; safe to repeat."""
    with db.transaction(engine) as conn:
        for role in ROLES:
            email = f"{role}@demo.example"
            if conn.execute(SQL["known"], {"email": email}).first() is None:
                conn.execute(
                    SQL["add"],
                    {
                        "email": email,
                        "name": personal.name(box, f"Demo: {ROLE_WORDS[role]}"),
                        "password_hash": passwords.hashed(PASSWORD),
                    },
                )
        conn.execute(SQL["grant"])
    return logins()


def api_token(engine: sa.Engine, secret_key: str) -> str:
    """The demo's API token: derived from this installation's secret key, so that every start prints the same one."""
    token = hmac.new(secret_key.encode(), b"demo api token", hashlib.sha256).hexdigest()
    with db.transaction(engine) as conn:
        user = conn.execute(SQL["known"], {"email": "machine@demo.example"}).one()
        return sessions.opened(conn, user.id, kind="token", label="demo", seconds=_YEAR, token=token)
