"""Is there anything to show, and may anybody see it? The demo country where there is none, and the demo's logins."""

from __future__ import annotations

from dataclasses import dataclass

from app.auth import demo, personal, sealed
from app.settings import Settings
from data import db, migrate, programmes
from geo import cache, tiles


@dataclass(frozen=True, slots=True)
class Access:
    """What to tell the person who started the demo: its logins and its API token."""

    logins: list[demo.Login]
    token: str


def newest_tables(settings: Settings) -> bool:
    """Migrate the database; returns whether it holds a country, and no demo country that was left half made."""
    database_url = settings.database_url.get_secret_value()
    people = settings.web_database_url
    migrate.upgrade(database_url, None if people is None else people.get_secret_value())
    engine = db.engine(database_url)
    try:
        personal.seal_plain(engine, sealed.box(settings))
        with db.transaction(engine) as conn:
            found = programmes.every(conn)
        return bool(found) and all(p.assessed_on is not None for p in found if p.simulated)
    finally:
        engine.dispose()


def access(settings: Settings) -> Access:
    """Create the demo's users where they are missing; the token is the same at every start."""
    engine = db.engine(settings.database_url.get_secret_value())
    try:
        logins = demo.ensure(engine, sealed.box(settings))
        return Access(logins, demo.api_token(engine, settings.secret_key.get_secret_value()))
    finally:
        engine.dispose()


def warm(settings: Settings) -> None:
    """Make the tiles of every country's first view, so that the first person does not wait for them."""
    engine = db.engine(settings.database_url.get_secret_value())
    try:
        with db.transaction(engine) as conn:
            link = cache.connect(settings.redis_url.get_secret_value(), cache.prefix(conn, settings.release))
            found = programmes.every(conn)
        for programme in found:
            tiles.warm(engine, cache.Cache(link), programme.id)
    finally:
        engine.dispose()
