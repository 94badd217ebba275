"""What tests share: a private PostgreSQL and Redis for the session, and a clone of a database where commits matter."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import redis as redis_client
import small
import sqlalchemy as sa

from app.local import servers
from data import db, migrate

# How long an example takes says what else the machine does.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

PROJECT = Path(__file__).resolve().parent.parent
_TEMPLATE = "template_migrated"
_REDIS_DATABASES = 64
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """A folder of this session's own; those of sessions that were killed are removed."""
    above = PROJECT / ".local" / "test"
    above.mkdir(parents=True, exist_ok=True)
    for old in above.iterdir():
        if not Path("/proc", old.name).exists():
            servers.remove(old)
    folder = above / str(os.getpid())
    folder.mkdir()
    yield folder
    servers.remove(folder)


@pytest.fixture(scope="session")
def postgres(server_folder: Path) -> Iterator[servers.Server]:
    """A private PostgreSQL that nothing is flushed to disk for."""
    server = servers.start_postgres(server_folder, durable=False)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def redis_server(server_folder: Path) -> Iterator[servers.Server]:
    """A private Redis."""
    server = servers.start_redis(server_folder, databases=_REDIS_DATABASES)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def administration(postgres: servers.Server) -> Iterator[sa.Engine]:
    """An engine for statements about whole databases."""
    engine = sa.create_engine(_named(postgres.url, "postgres"), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def template(postgres: servers.Server, administration: sa.Engine) -> str:
    """The name of a database that is migrated and empty but for the months of a year; nobody stays connected to it."""
    _sql(administration, f"create database {_TEMPLATE}")
    migrate.upgrade(_named(postgres.url, _TEMPLATE, driver=False))
    engine = db.engine(_named(postgres.url, _TEMPLATE))
    with db.transaction(engine) as conn:
        small.months(conn)
    engine.dispose()
    return _TEMPLATE


@pytest.fixture
def database_url(postgres: servers.Server, administration: sa.Engine, template: str) -> Iterator[str]:
    """The address of a migrated, empty database of this test's own, for code that commits."""
    name = f"test_{next(_numbers)}"
    _clone(administration, name, template)
    yield _named(postgres.url, name, driver=False)
    _sql(administration, f"drop database {name} with (force)")


@pytest.fixture(scope="session")
def _shared_engine(postgres: servers.Server, administration: sa.Engine, template: str) -> Iterator[sa.Engine]:
    _clone(administration, "shared", template)
    engine = db.engine(_named(postgres.url, "shared", driver=False))
    yield engine
    engine.dispose()


@pytest.fixture
def conn(_shared_engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection to a migrated, empty database, inside a transaction that is rolled back after the test."""
    with _shared_engine.connect() as connection, connection.begin() as transaction:
        yield connection
        transaction.rollback()


@pytest.fixture
def redis_url(redis_server: servers.Server) -> str:
    """The address of an empty Redis database; 63 tests later its number is used again, emptied."""
    number = 1 + next(_numbers) % (_REDIS_DATABASES - 1)
    url = redis_server.url.replace("db=0", f"db={number}")
    with redis_client.Redis.from_url(url) as client:
        client.flushdb()
    return url


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real data beside the project."""
    folder = PROJECT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real data is not here: ../shared/data is missing")
    return folder


def _named(url: str, database: str, *, driver: bool = True) -> str:
    """The same server, another database."""
    moved = url.replace(f"/{servers.NAME}?", f"/{database}?")
    return db.connect_url(moved) if driver else moved


def _clone(engine: sa.Engine, name: str, template: str) -> None:
    # Copying files takes 25 ms where the default, going through the log, takes 150: nothing here outlives the session.
    _sql(engine, f"create database {name} template {template} strategy file_copy")


def _sql(engine: sa.Engine, statement: str) -> None:
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
