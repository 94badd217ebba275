"""The cache, with a real Redis, also one that is stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.local import servers
from data import db
from geo import cache
from geo.cache import Cache, Key


@dataclass(frozen=True, slots=True)
class Sum(Key):
    """A sum of two numbers. Never stale."""

    a: int
    b: int


class Load:
    """A function that counts how often it runs."""

    def __init__(self, value: bytes = b"made", gate: threading.Event | None = None) -> None:
        self.runs = 0
        self._value = value
        self._gate = gate
        self._lock = threading.Lock()

    def __call__(self) -> bytes:
        with self._lock:
            self.runs += 1
        if self._gate:
            self._gate.wait(5)
        return self._value


def refused() -> bytes:
    pytest.fail("it should not have been made again")


def opened(redis_url: str, prefix: str = "test", **more: int) -> Cache:
    return Cache(cache.connect(redis_url, prefix), **more)


def test_what_was_made_is_not_made_again_also_not_by_another_process(redis_url: str) -> None:
    load, first = Load(), opened(redis_url)
    assert [first.read(Sum(1, 2), load) for _ in range(3)] == [b"made"] * 3
    assert load.runs == 1
    assert opened(redis_url).read(Sum(1, 2), refused) == b"made"


def test_nothing_is_a_value_too(redis_url: str) -> None:
    first = opened(redis_url)
    assert first.read(Sum(0, 0), lambda: b"") == b""
    assert first.read(Sum(0, 0), refused) == b""
    assert opened(redis_url).read(Sum(0, 0), refused) == b""


def test_keys_with_other_fields_or_of_another_release_are_other_keys(redis_url: str) -> None:
    kept = opened(redis_url)
    kept.read(Sum(1, 2), lambda: b"three")
    assert kept.read(Sum(2, 1), lambda: b"also three") == b"also three"
    assert opened(redis_url, "next").read(Sum(1, 2), lambda: b"anew") == b"anew"


def test_a_hundred_simultaneous_misses_are_one_making(redis_url: str) -> None:
    gate = threading.Event()
    load = Load(gate=gate)
    processes = [opened(redis_url) for _ in range(4)]
    ready = threading.Barrier(101)

    def ask(number: int) -> bytes:
        ready.wait()
        return processes[number % 4].read(Sum(3, 4), load)

    with ThreadPoolExecutor(100) as threads:
        answers = [threads.submit(ask, number) for number in range(100)]
        ready.wait()
        gate.set()
        assert {answer.result() for answer in answers} == {b"made"}
    assert load.runs == 1


def test_an_error_reaches_everyone_who_waits_and_is_not_kept(redis_url: str) -> None:
    kept, started, gate = opened(redis_url), threading.Event(), threading.Event()

    def fail() -> bytes:
        started.set()
        gate.wait(5)
        raise KeyError("broken")

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(kept.read, Sum(5, 5), fail)
        started.wait(5)
        second = threads.submit(kept.read, Sum(5, 5), fail)
        gate.set()
        for answer in (first, second):
            with pytest.raises(KeyError):
                answer.result()
    assert kept.read(Sum(5, 5), lambda: b"well") == b"well"


def test_the_lock_of_a_process_that_died_is_waited_for_only_until_it_expires(redis_url: str) -> None:
    kept = opened(redis_url)
    kept.link.client.set(kept.link.key("Sum", 6, 6, "lock"), "dead", px=300)
    assert kept.read(Sum(6, 6), Load()) == b"made"


def test_the_lock_that_another_process_took_over_is_left_to_it(redis_url: str) -> None:
    kept = opened(redis_url)
    lock = kept.link.key("Sum", 7, 7, "lock")

    def overtaken() -> bytes:
        kept.link.client.set(lock, "another")
        return b"late"

    assert kept.read(Sum(7, 7), overtaken) == b"late"
    assert kept.link.client.get(lock) == b"another"


def test_a_process_keeps_no_more_than_it_was_given_room_for(redis_url: str) -> None:
    kept = opened(redis_url, most=10_000)
    for number in range(20):
        kept.read(Sum(number, 0), lambda: b"x" * 1_000)
        assert kept.held(Sum(0, 0)) is not None
    held = [number for number in range(20) if kept.held(Sum(number, 0)) is not None]
    assert held == [0, *range(14, 20)]


@pytest.fixture
def stoppable(tmp_path: Path) -> servers.Server:
    return servers.start_redis(tmp_path, databases=1)


def test_without_redis_everything_is_answered_and_it_is_asked_again_later(
    stoppable: servers.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = opened(stoppable.url)
    kept.read(Sum(1, 1), lambda: b"two")
    stoppable.stop()
    assert kept.read(Sum(1, 1), refused) == b"two"
    assert kept.read(Sum(2, 2), lambda: b"four") == b"four"
    # Within the pause Redis is not even tried.
    asked: list[str] = []
    tried: Callable[[object], None] = lambda client: asked.append("tried")  # noqa: E731
    with pytest.raises(cache.Down):
        kept.link.do(tried)
    assert asked == []
    monkeypatch.setattr(kept.link, "_until", 0.0)
    again = servers.start_redis(tmp_path, databases=1)
    try:
        assert kept.read(Sum(3, 3), lambda: b"six") == b"six"
        assert opened(again.url).read(Sum(3, 3), refused) == b"six"
    finally:
        again.stop()


def test_redis_that_stops_while_something_is_made_does_not_lose_it(stoppable: servers.Server) -> None:
    kept = opened(stoppable.url)

    def load() -> bytes:
        stoppable.stop()
        return b"made"

    assert kept.read(Sum(8, 8), load) == b"made"
    assert kept.read(Sum(8, 8), refused) == b"made"


def test_another_database_never_meets_the_keys_of_this_one(database_url: str, conn: sa.Connection) -> None:
    engine = db.engine(database_url)
    with db.transaction(engine) as theirs:
        assert cache.prefix(theirs, "1.0") == cache.prefix(theirs, "1.0")
        assert len({cache.prefix(theirs, "1.0"), cache.prefix(theirs, "1.1"), cache.prefix(conn, "1.0")}) == 3
    engine.dispose()
