"""Which version has the database? Brings it to the newest one, through Alembic, without an alembic.ini."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from data import db, walls

MIGRATIONS = Path(__file__).parent / "migrations"


def config(url: str) -> Config:
    """Alembic's configuration for a database address."""
    made = Config()
    made.set_main_option("script_location", str(MIGRATIONS))
    made.attributes["url"] = db.connect_url(url)
    return made


def upgrade(url: str, people: str | None = None) -> None:
    """Migrate to the newest version, with its walls; safe to run by several processes at once (a lock queues them).

    `people` is the address at which web and live connect, whose login is made where it is missing.
    """
    engine = sa.create_engine(db.connect_url(url), poolclass=sa.NullPool)
    with engine.connect() as conn:
        conn.execute(sa.text("select pg_advisory_lock(hashtext('vaxtrace migrate'))"))
        command.upgrade(config(url), "head")
        walls.build(conn)
        if people is not None:
            walls.let_in(conn, people)
        conn.commit()
        conn.execute(sa.text("select pg_advisory_unlock(hashtext('vaxtrace migrate'))"))
    engine.dispose()
