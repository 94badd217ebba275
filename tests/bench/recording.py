"""How many events are recorded in a second, in batches and one by one, beside the same rows as plain INSERTs?"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

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

#: All that a recorded event writes: its row of the record, its key with the answer, its line in the outbox; and its
#: lot, its position and its month as they stand then. Rows of each that were recorded a moment ago go into tables with
#: the same columns, checks and indexes, one plain INSERT each, by as many writers and as many to a commit. Where a row
#: is there already it is written over, as recording does. Nothing is read, checked or worked out, and these tables hold
#: nothing but the rows written, so that they are quicker than ours.
_RECENT = {
    "stock_event": "select * from stock_event where source = 'bench' limit %s",
    "event_key": "select * from event_key where source = 'bench' limit %s",
    "outbox": "select * from outbox where payload ->> 'source' = 'bench' limit %s",
    "lot_balance": "select * from lot_balance where (facility_id, product_id) in ({positions}) and doses > 0 limit %s",
    "position": "select * from position where (facility_id, product_id) in ({positions}) limit %s",
    "stock_month": "select * from stock_month where (facility_id, product_id) in ({positions})"
    " and month = date_trunc('month', now()) limit %s",
}
_POSITIONS = "select facility_id, product_id from stock_event where source = 'bench'"
#: What makes a row another one; the others are written over by their key.
_NUMBERED = {"stock_event": 0, "event_key": 2, "outbox": 0}
_KEYS = {
    "lot_balance": "facility_id, product_id, lot_id",
    "position": "facility_id, product_id",
    "stock_month": "facility_id, product_id, month",
}
_LIKE = "create table floor.{table} (like {like} including all excluding identity)"
_INSERT = "insert into floor.{table} values ({values})"
_OVER = " on conflict ({key}) do update set {columns}"
_COLUMNS = (
    "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped order by attnum"
)


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
    """Events a second, where each is only plain INSERTs and `size` of them share a commit."""
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        connection.execute("drop schema if exists floor cascade")
        connection.execute("create schema floor")
        statements = [_plain(connection, table) for table in _RECENT]
    try:
        return size * _rate([_inserter(stack, statements, number, size) for number in range(WRITERS)])
    finally:
        with psycopg.connect(stack.database_url, autocommit=True) as connection:
            connection.execute("drop schema floor cascade")


def _plain(connection: psycopg.Connection, table: str) -> _Plain:
    """A table like one of ours, the statement that puts a row into it, and the rows."""
    like = table
    if table == "stock_event":
        newest = connection.execute(
            "select inhrelid::regclass::text from pg_inherits where inhparent = 'stock_event'::regclass"
            " and inhrelid::regclass::text <= to_char(now(), '\"stock_event_\"YYYY_MM') order by 1 desc limit 1"
        ).fetchone()
        assert newest is not None
        [like] = newest
    connection.execute(_LIKE.format(table=table, like=like))
    columns = [name for (name,) in connection.execute(_COLUMNS, [table])]
    rows = connection.execute(_RECENT[table].format(positions=_POSITIONS), [8 * BATCH]).fetchall()
    statement = _INSERT.format(table=table, values=", ".join(["%s"] * len(columns)))
    if table in _KEYS:
        written = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in _KEYS[table].split(", "))
        statement += _OVER.format(key=_KEYS[table], columns=written)
        with connection.cursor() as cursor:
            cursor.executemany(statement, rows)
    return _Plain(table, statement, rows)


@dataclass(frozen=True, slots=True)
class _Plain:
    """What is written to one table."""

    table: str
    statement: str
    rows: Sequence[tuple[object, ...]]


def _inserter(stack: Stack, tables: Sequence[_Plain], writer: int, size: int) -> Callable[[], None]:
    connection = psycopg.connect(stack.database_url)
    numbers = itertools.count(writer * 10_000_000)
    # Each writer has rows of its own, so that none waits for another.
    rows = {t.table: itertools.cycle(t.rows[writer::WRITERS]) for t in tables}

    def fresh(table: str, row: tuple[object, ...]) -> list[object]:
        new = [psycopg.types.json.Jsonb(v) if isinstance(v, dict) else v for v in row]
        if table in _NUMBERED:
            new[_NUMBERED[table]] = f"floor-{next(numbers)}" if table == "event_key" else next(numbers)
        return new

    def insert() -> None:
        for each in tables:
            parameters = [fresh(each.table, next(rows[each.table])) for _ in range(size)]
            with connection.cursor() as cursor:
                if size > 1:
                    cursor.executemany(each.statement, parameters)
                else:
                    cursor.execute(each.statement, parameters[0])
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
