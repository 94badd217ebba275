"""How many events are recorded in a second, in batches and one by one, beside bare commits on the same disk?"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Sequence

import psycopg
import sqlalchemy as sa

from data import db
from tests.bench.asking import Asker
from tests.bench.figures import Line
from tests.bench.stack import Stack
from tests.bench.traffic import Position, event

BATCHED, SINGLE = 5000, 300
BATCH, BATCHES, CONNECTIONS, SECONDS = 1000, 6, 8, 4.0

_SHELVES = sa.text("""
    select g.code as programme, f.code as facility, r.code as product, p.usable
    from position p
    join facility f on f.id = p.facility_id and f.open
    join product r on r.id = p.product_id
    join programme g on g.id = f.programme_id
    where g.id = :programme_id and p.usable >= 50
    order by md5(f.code || r.code)
    limit 4000
""")


def measure(stack: Stack) -> list[Line]:
    """Batches of a thousand over one connection; then single events over eight."""
    with db.transaction(stack.engine) as conn:
        rows = conn.execute(_SHELVES, {"programme_id": stack.programme.id}).mappings()
        shelves = [Position(**row) for row in rows]
    batched, copied = _batches(stack, shelves), _copies(stack)
    single, commits = _one_by_one(stack, shelves), _commits(stack)
    return [
        Line(
            f"recording, batches of {BATCH:,}",
            f"{batched:,.0f} events/s",
            f"bare INSERTs of {BATCH:,} rows {copied:,.0f}/s",
            f"{batched / copied:.3f}",
            f">= {BATCHED:,}/s",
            batched >= BATCHED,
        ),
        Line(
            f"recording one by one, {CONNECTIONS} connections",
            f"{single:,.0f} events/s",
            f"bare commits {commits:,.0f}/s",
            f"{single / commits:.3f}",
            f">= {SINGLE}/s",
            single >= SINGLE,
        ),
    ]


def _batches(stack: Stack, shelves: Sequence[Position]) -> float:
    asker = _asker(stack)
    places = itertools.cycle(shelves)
    began = time.perf_counter()
    for number in range(BATCHES):
        events = [event(next(places), 1, f"batch-{number}-{place}") for place in range(BATCH)]
        for each in events:
            each.pop("programme")
        answer = asker.ask("/api/v1/stock-events", {"programme": stack.programme.code, "events": events})
        assert answer.status == 201, answer.content[:500]
    taken = time.perf_counter() - began
    asker.close()
    return BATCH * BATCHES / taken


def _one_by_one(stack: Stack, shelves: Sequence[Position]) -> float:
    def worker(number: int) -> Callable[[], None]:
        asker = _asker(stack)
        places = itertools.cycle(shelves[number::CONNECTIONS])

        def send() -> None:
            answer = asker.ask("/api/v1/stock-events", event(next(places), 1, f"single-{number}"))
            assert answer.status == 201, answer.content[:500]

        return send

    return _rate([worker(number) for number in range(CONNECTIONS)])


def _commits(stack: Stack) -> float:
    """Transactions of one small row each, as durable as ours."""
    table = "create table if not exists bench_commit (id bigint generated always as identity, note text)"
    connections = [psycopg.connect(stack.database_url, autocommit=True) for _ in range(CONNECTIONS)]
    connections[0].execute(table)

    def worker(connection: psycopg.Connection[tuple[object, ...]]) -> Callable[[], None]:
        return lambda: _insert(connection, 1)

    try:
        return _rate([worker(connection) for connection in connections])
    finally:
        connections[0].execute("drop table bench_commit")
        for connection in connections:
            connection.close()


def _copies(stack: Stack) -> float:
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        connection.execute("create table bench_commit (id bigint generated always as identity, note text)")
        began = time.perf_counter()
        for _ in range(BATCHES):
            _insert(connection, BATCH)
        taken = time.perf_counter() - began
        connection.execute("drop table bench_commit")
    return BATCH * BATCHES / taken


def _insert(connection: psycopg.Connection[tuple[object, ...]], rows: int) -> None:
    connection.execute("insert into bench_commit (note) select 'administered' from generate_series(1, %s)", [rows])


def _rate(workers: Sequence[Callable[[], None]]) -> float:
    """How often a second they run, all at once, each in a thread of its own."""
    done, ended = [0] * len(workers), threading.Event()
    wrong: list[BaseException] = []

    def work(number: int) -> None:
        try:
            while not ended.is_set():
                workers[number]()
                done[number] += 1
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(workers))]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    ended.wait(SECONDS)
    ended.set()
    for thread in threads:
        thread.join()
    if wrong:
        raise wrong[0]
    return sum(done) / (time.perf_counter() - began)


def _asker(stack: Stack) -> Asker:
    return Asker(stack.front, {"Authorization": f"Bearer {stack.product.token}"})
