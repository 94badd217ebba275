"""The engine: connections that were closed meanwhile, and plans."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from data import db, errors

PID = sa.text("select pg_backend_pid()")
CLOSE = sa.text("select pg_terminate_backend(pid, 5000) from unnest(cast(:pids as int[])) pid")


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    engine = db.engine(database_url, pool_size=3)
    yield engine
    engine.dispose()


def open_three(engine: sa.Engine) -> list[int]:
    """Three connections at once, which then lie in the pool; their processes."""
    conns = [engine.connect() for _ in range(3)]
    pids = [conn.execute(PID).scalar_one() for conn in conns]
    for conn in conns:
        conn.close()
    return pids


def test_connections_that_postgresql_has_closed_are_opened_again_silently(engine: sa.Engine, database_url: str) -> None:
    old, other = open_three(engine), db.engine(database_url)
    with db.transaction(other) as conn:
        assert all(conn.execute(CLOSE, {"pids": old}).scalars())
    other.dispose()
    new = open_three(engine)
    assert not set(old) & set(new)
    with db.single(engine) as conn:
        assert conn.execute(PID).scalar_one() in new


def test_the_connection_used_last_is_used_next(engine: sa.Engine) -> None:
    open_three(engine)
    pids = set()
    for _ in range(6):
        with db.single(engine) as conn:
            pids.add(conn.execute(PID).scalar_one())
    assert len(pids) == 1


def test_many_threads_get_their_connections_while_some_are_closed(engine: sa.Engine, database_url: str) -> None:
    failures: list[BaseException] = []
    done = threading.Event()

    def work() -> None:
        while not done.is_set():
            try:
                with db.transaction(engine) as conn:
                    conn.execute(PID)
            except errors.DatabaseUnavailable:
                pass  # it was closed in the middle of the work, which is said
            except BaseException as error:
                failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    other = db.engine(database_url, application="closer")
    for _ in range(20):
        with db.transaction(other) as conn:
            conn.execute(
                sa.text(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where datname = current_database() and application_name = 'vaxtrace'"
                )
            )
    done.set()
    for thread in threads:
        thread.join()
    other.dispose()
    assert failures == []


def test_a_statement_is_planned_once_for_a_connection(engine: sa.Engine) -> None:
    with db.single(engine) as conn:
        for number in range(12):
            conn.execute(sa.text("select :n + 1"), {"n": number}).scalar_one()
        [(generic, custom)] = conn.execute(
            sa.text("select generic_plans, custom_plans from pg_prepared_statements where statement like '%+ 1%'")
        ).all()
    assert generic > 0
    assert custom == 0
