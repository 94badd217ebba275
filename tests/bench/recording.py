"""How many events are recorded in a second, in batches and one by one, beside the same rows as plain INSERTs?"""

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

BATCHED, SINGLE, SHARE = 5000, 300, 0.40
WRITERS, BATCH, SECONDS = 4, 1000, 6.0

_SHELVES = sa.text("""
    select g.code as programme, f.code as facility, r.code as product, p.usable
    from position p
    join facility f on f.id = p.facility_id and f.open
    join product r on r.id = p.product_id
    join programme g on g.id = f.programme_id
    where g.id = :programme_id and p.usable >= 50
    order by md5(f.code || r.code)
    limit 24000
""")

#: What an event writes at the least: its row of the record, its key with the answer, its line in the outbox. Into
#: tables with the same columns, checks and indexes go rows that were recorded a moment ago, one INSERT each.
_TABLES = ("stock_event", "event_key", "outbox")
_LIKE = "create table floor.{table} (like {like} including all excluding identity)"
_INSERT = "insert into floor.{table} values ({values})"
_RECENT = {
    "stock_event": "select * from stock_event where source = 'bench' limit %s",
    "event_key": "select * from event_key where source = 'bench' limit %s",
    "outbox": "select * from outbox where payload ->> 'source' = 'bench' limit %s",
}


def measure(stack: Stack) -> list[Line]:
    """Batches of a thousand by four writers, then single events by four; each beside its floor."""
    with db.transaction(stack.engine) as conn:
        rows = conn.execute(_SHELVES, {"programme_id": stack.programme.id}).mappings()
        shelves = [Position(**row) for row in rows]
    batched, single = _batches(stack, shelves), _one_by_one(stack, shelves)
    followed = _followed(stack)
    floor_batched, floor_single = _floor(stack, BATCH), _floor(stack, 1)
    return [
        *_lines(f"recording, batches of {BATCH:,}, {WRITERS} writers", batched, floor_batched, BATCHED),
        *_lines(f"recording one by one, {WRITERS} writers", single, floor_single, SINGLE),
        Line("    until the map had followed them all", f"{followed:.1f} s after the last"),
    ]


def _lines(what: str, rate: float, floor: float, budget: int) -> list[Line]:
    share = rate / floor
    return [
        Line(what, f"{rate:,.0f} events/s", f"plain INSERTs of the same rows {floor:,.0f}/s", f"{share:.2f}",
             f">= {budget:,}/s", rate >= budget),
        Line("    as a share of the plain INSERTs", f"{share:.0%}", budget=f">= {SHARE:.0%}", met=share >= SHARE),
    ]  # fmt: skip


def _batches(stack: Stack, shelves: Sequence[Position]) -> float:
    def worker(number: int) -> Callable[[], None]:
        asker = _asker(stack)
        places = itertools.cycle(shelves[number::WRITERS])

        def send() -> None:
            events = [event(next(places), 1, f"batch-{number}-{place}") for place in range(BATCH)]
            for each in events:
                each.pop("programme")
            answer = asker.ask("/api/v1/stock-events", {"programme": stack.programme.code, "events": events})
            assert answer.status == 201, answer.content[:500]

        return send

    return BATCH * _rate([worker(number) for number in range(WRITERS)])


def _one_by_one(stack: Stack, shelves: Sequence[Position]) -> float:
    def worker(number: int) -> Callable[[], None]:
        asker = _asker(stack)
        places = itertools.cycle(shelves[number::WRITERS])

        def send() -> None:
            answer = asker.ask("/api/v1/stock-events", event(next(places), 1, f"single-{number}"))
            assert answer.status == 201, answer.content[:500]

        return send

    return _rate([worker(number) for number in range(WRITERS)])


def _followed(stack: Stack) -> float:
    """Seconds until the worker has read everything."""
    began = time.monotonic()
    waiting = sa.text("select exists (select from outbox o, reader r where (o.txid, o.seq) > (r.txid, r.seq))")
    while time.monotonic() - began < 120:
        with db.transaction(stack.engine) as conn:
            if not conn.execute(waiting).scalar_one():
                break
        time.sleep(0.2)
    return time.monotonic() - began


def _floor(stack: Stack, size: int) -> float:
    """Events a second, where each is only three plain INSERTs and `size` of them share a commit."""
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        connection.execute("drop schema if exists floor cascade")
        connection.execute("create schema floor")
        newest = connection.execute(
            "select inhrelid::regclass::text from pg_inherits where inhparent = 'stock_event'::regclass"
            " and inhrelid::regclass::text <= to_char(now(), '\"stock_event_\"YYYY_MM') order by 1 desc limit 1"
        ).fetchone()
        assert newest is not None
        statements = []
        for table in _TABLES:
            like = newest[0] if table == "stock_event" else table
            connection.execute(_LIKE.format(table=table, like=like))
            rows = connection.execute(_RECENT[table], [8 * BATCH]).fetchall()
            statements.append((_INSERT.format(table=table, values=", ".join(["%s"] * len(rows[0]))), rows, table))
    try:
        return size * _rate([_inserter(stack, statements, number, size) for number in range(WRITERS)])
    finally:
        with psycopg.connect(stack.database_url, autocommit=True) as connection:
            connection.execute("drop schema floor cascade")


def _inserter(
    stack: Stack, statements: Sequence[tuple[str, list[tuple[object, ...]], str]], writer: int, size: int
) -> Callable[[], None]:
    connection = psycopg.connect(stack.database_url)
    numbers = itertools.count(writer * 10_000_000)
    rows = {table: itertools.cycle(found) for _, found, table in statements}

    def fresh(table: str, row: tuple[object, ...]) -> list[object]:
        number = next(numbers)
        new = [psycopg.types.json.Jsonb(v) if isinstance(v, dict) else v for v in row]
        if table == "event_key":
            new[2] = f"floor-{number}"
        else:
            new[0] = number
        return new

    def insert() -> None:
        for statement, _, table in statements:
            parameters = [fresh(table, next(rows[table])) for _ in range(size)]
            with connection.cursor() as cursor:
                if size > 1:
                    cursor.executemany(statement, parameters)
                else:
                    cursor.execute(statement, parameters[0])
        connection.commit()

    return insert


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
