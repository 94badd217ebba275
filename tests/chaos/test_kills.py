"""Whatever is killed, whenever: nothing that was acknowledged is lost or doubled, and everything agrees afterwards.

Each round kills once; CHAOS_ROUNDS=100 kills as often.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import small
import sqlalchemy as sa
import watching

from app import pipeline
from app.local import children, servers
from app.local.children import Child, Command
from data import db, errors, migrate, programmes
from data.record import ledger
from data.types import Kind, StockEvent
from geo import cache, registry, values

PROJECT = Path(__file__).resolve().parents[2]
ROUNDS = int(os.environ.get("CHAOS_ROUNDS", "2"))
FACILITIES = ["F-E1", "F-W1", "F-W2a", "F-W2b"]


def worker(folder: Path, database_url: str, redis_url: str) -> Child:
    env = os.environ | {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "SECRET_KEY": "k" * 32}
    return Child(Command("worker", [sys.executable, "-m", "app", "worker"], cwd=PROJECT, env=env), folder)


def prepare(engine: sa.Engine) -> int:
    now = datetime.now(UTC)
    with db.transaction(engine) as conn:
        programme_id = small.build(conn).programme_id
        programme = programmes.find(conn, "small")
        pipeline.refresh(conn, programme, programme.day(now), now, "a first day")
    return programme_id


class Writer(threading.Thread):
    """Somebody who records one event after the other and repeats what was not acknowledged, as every client does."""

    def __init__(self, engine: sa.Engine, programme_id: int, number: int) -> None:
        super().__init__()
        self._engine = engine
        self._programme_id = programme_id
        self._number = number
        self._done = threading.Event()
        self.acknowledged: list[str] = []
        self.repeats = 0

    def run(self) -> None:
        chance = random.Random(self._number)
        while not self._done.is_set():
            kind = chance.choice([Kind.RECEIPT, Kind.ADMINISTERED, Kind.COUNT])
            doses = 0 if kind is Kind.COUNT and chance.random() < 0.5 else chance.choice([20, 40])
            event = StockEvent(
                chance.choice(FACILITIES), chance.choice(["BCG", "MR"]), kind, doses, datetime.now(UTC),
                f"writer {self._number}", str(len(self.acknowledged)),
            )  # fmt: skip
            self._insist(event)
            time.sleep(chance.random() / 50)

    def _insist(self, event: StockEvent) -> None:
        while True:
            try:
                with db.transaction(self._engine) as conn:
                    ledger.record(conn, self._programme_id, [event])
            except errors.Overdraw:
                return
            except (errors.DatabaseUnavailable, sa.exc.SQLAlchemyError):
                self.repeats += 1
                time.sleep(0.05)
            else:
                self.acknowledged.append(event.source_id)
                return

    def goes_on(self) -> None:
        """Wait until something more is acknowledged."""
        before = len(self.acknowledged)
        assert children.wait_until(lambda: len(self.acknowledged) > before, 20)

    def finish(self) -> None:
        self._done.set()
        self.join()


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    engine = db.engine(database_url)
    yield engine
    engine.dispose()


def test_a_worker_that_is_killed_again_and_again_loses_and_doubles_nothing(
    engine: sa.Engine, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    chance = random.Random()
    programme_id = prepare(engine)
    away = watching.Browser(engine)
    with db.transaction(engine) as conn:
        link = cache.connect(redis_url, cache.prefix(conn, "dev"))
        found = registry.registries(conn)["small"]
    cached = values.Values(engine, link)
    writers = [Writer(engine, programme_id, n) for n in range(2)]
    for writer in writers:
        writer.start()
    try:
        for _ in range(ROUNDS):
            killed = worker(tmp_path, database_url, redis_url)
            killed.start()
            before = head(engine)
            assert children.wait_until(lambda at=before: head(engine) > at, 60, every=0.05), killed.last_words()
            cached.areas(found, 0)
            time.sleep(chance.random() / 2)
            os.kill(killed.pid or 0, signal.SIGKILL)
            killed.finish(time.monotonic() + 5)
    finally:
        for writer in writers:
            writer.finish()
    last = worker(tmp_path, database_url, redis_url)
    last.start()
    try:
        everything_followed(engine, last)
        assert children.wait_until(lambda: values.followed(link, programme_id) == head(engine), 10)
    finally:
        children.stop([last])

    assert watching.wrong(engine) == []
    assert recorded(engine) == {(f"writer {n}", i): 1 for n, w in enumerate(writers) for i in w.acknowledged}
    fresh = watching.Browser(engine)
    away.catch_up()
    assert away.shown() == fresh.shown()
    cells = bytes(fresh.cells["areas", 0])
    assert cached.areas(found, 0).body == b"".join(cells[i::4] for i in (1, 2, 3))
    with db.transaction(engine) as conn:
        assert conn.execute(_TOLD_TWICE).all() == []


def test_a_killed_postgresql_loses_nothing_that_was_acknowledged(redis_url: str, tmp_path: Path) -> None:
    chance = random.Random()
    server = servers.start_postgres(tmp_path)
    migrate.upgrade(server.url)
    engine = db.engine(server.url)
    programme_id = prepare(engine)
    follower = worker(tmp_path, server.url, redis_url)
    follower.start()
    writers = [Writer(engine, programme_id, n) for n in range(3)]
    for writer in writers:
        writer.start()
    try:
        assert children.wait_until(lambda: head(engine) > 1, 60), follower.last_words()
        for _ in range(max(1, ROUNDS // 3)):
            time.sleep(1 + chance.random())
            os.killpg(server.child.pid or 0, signal.SIGKILL)
            server.child.finish(time.monotonic() + 5)
            server = servers.start_postgres(tmp_path)
            for writer in writers:
                writer.goes_on()
        for writer in writers:
            writer.finish()
        everything_followed(engine, follower)
        assert follower.running(), "the worker found back by itself"
        assert sum(w.repeats for w in writers) > 0, "nobody was interrupted"
        assert recorded(engine) == {(f"writer {n}", i): 1 for n, w in enumerate(writers) for i in w.acknowledged}
        assert watching.wrong(engine) == []
    finally:
        for writer in writers:
            writer.finish()
        children.stop([follower])
        engine.dispose()
        server.stop()
        servers.remove(tmp_path)


def head(engine: sa.Engine) -> int:
    with db.transaction(engine) as conn:
        return int(conn.execute(sa.text("select coalesce(max(seq), 0) from push")).scalar_one())


def everything_followed(engine: sa.Engine, follower: Child) -> None:
    assert children.wait_until(lambda: not pipeline.waiting(engine), 60), follower.last_words(40)


def recorded(engine: sa.Engine) -> dict[tuple[str, str], int]:
    """How often each event was recorded, by who recorded it and their number; one event may take from several lots."""
    with db.transaction(engine) as conn:
        rows = conn.execute(
            sa.text("select source, source_id, count(distinct (occurred_at, kind)) from stock_event group by 1, 2")
        )
        return {(r[0], r[1]): r[2] for r in rows}


#: Lines of the ticker that were told in two pushes; every event here has a moment of its own.
_TOLD_TWICE = sa.text(
    "select line->>'at', line->>'facility', line->>'product', count(*)"
    " from push, jsonb_array_elements(payload->'lines') as line where event = 'stock:update'"
    " group by 1, 2, 3 having count(*) > 1"
)
