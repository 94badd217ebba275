"""Is there anything to show, and may anybody see it? The demo country where there is none, and the demo's logins."""

from __future__ import annotations

from dataclasses import dataclass

from app.auth import demo
from data import db, migrate, programmes


@dataclass(frozen=True, slots=True)
class Access:
    """What to tell the person who started the demo: its logins and its API token."""

    logins: list[demo.Login]
    token: str


def newest_tables(database_url: str) -> bool:
    """Migrate the database; returns whether it holds a country, and no demo country that was left half made."""
    migrate.upgrade(database_url)
    engine = db.engine(database_url)
    try:
        with db.transaction(engine) as conn:
            found = programmes.every(conn)
        return bool(found) and all(p.assessed_on is not None for p in found if p.simulated)
    finally:
        engine.dispose()


def access(database_url: str, secret_key: str) -> Access:
    """Create the demo's users where they are missing; the token is the same at every start."""
    engine = db.engine(database_url)
    try:
        logins = demo.ensure(engine)
        return Access(logins, demo.api_token(engine, secret_key))
    finally:
        engine.dispose()
