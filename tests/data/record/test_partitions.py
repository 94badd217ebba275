"""Partitions of the record are made once, before they are needed, by whoever needs them first."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
import small
import sqlalchemy as sa

from app import pipeline
from app.worker import Worker
from data import db
from data.record import ledger, partitions
from data.types import Kind, StockEvent


def test_months_run_over_the_turn_of_the_year() -> None:
    assert partitions.months(date(2023, 11, 30), date(2024, 2, 1)) == [
        date(2023, 11, 1), date(2023, 12, 1), date(2024, 1, 1), date(2024, 2, 1),
    ]  # fmt: skip


def test_a_partition_is_made_once_and_takes_the_events_of_its_utc_month(conn: sa.Connection) -> None:
    assert partitions.ensure_partitions(conn, date(1999, 12, 5), date(2000, 1, 5)) == [
        "stock_event_1999_12", "stock_event_2000_01",
    ]  # fmt: skip
    assert partitions.ensure_partitions(conn, date(1999, 12, 1), date(1999, 12, 31)) == []
    small.build(conn)
    conn.exec_driver_sql(
        "insert into stock_event (programme_id, facility_id, product_id, kind, doses, occurred_at, source, source_id,"
        " digest)"
        " select f.programme_id, p.facility_id, p.product_id, 'count', 0, at, 't', at::text, ''"
        " from (select * from position order by 1, 2 limit 1) p join facility f on f.id = p.facility_id,"
        " unnest('{1999-12-31 23:59:59.999999+00, 2000-01-01 00:00+00}'::timestamptz[]) at"
    )
    there = conn.exec_driver_sql("select tableoid::regclass::text as month, id from stock_event order by occurred_at")
    found = there.all()
    assert [row.month for row in found] == ["stock_event_1999_12", "stock_event_2000_01"]
    assert found[0].id != found[1].id


def test_a_partition_has_the_keys_and_checks_of_the_record(conn: sa.Connection) -> None:
    partitions.ensure_partitions(conn, date(1998, 1, 1), date(1998, 1, 1))
    for kind in ("pg_index where indrelid", "pg_constraint where contype = 'c' and conrelid"):
        counts = f"select count(*) from {kind} = CAST('{{}}' AS regclass)"  # noqa: S608
        mine, all_of_it = (
            conn.exec_driver_sql(counts.format(t)).scalar_one() for t in ("stock_event_1998_01", "stock_event")
        )
        assert mine == all_of_it >= 6
    keys = "select conname from pg_constraint where conrelid = CAST('{}' AS regclass) and contype = 'f' order by 1"
    named = conn.exec_driver_sql(keys.format("stock_event_1998_01")).scalars().all()
    assert named == conn.exec_driver_sql(keys.format("stock_event")).scalars().all()
    assert len(named) == 5
    triggers = "select tgname from pg_trigger where tgrelid = 'stock_event_1998_01'::regclass and not tgisinternal"
    assert conn.exec_driver_sql(triggers).scalars().all() == ["append_only"]


def test_two_that_need_the_same_month_at_once_both_get_it(database_url: str) -> None:
    engine = db.engine(database_url, pool_size=4)

    def need(_: int) -> int:
        with db.transaction(engine) as conn:
            return len(partitions.ensure_partitions(conn, date(2001, 1, 1), date(2001, 3, 1)))

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(need, range(4)))
    engine.dispose()
    assert sorted(made) == [0, 0, 0, 3]


def receipt(number: int, days: int) -> StockEvent:
    at = datetime.now(UTC) - timedelta(days=days)
    return StockEvent("F-W1", "BCG", Kind.RECEIPT, 20, at, "test", str(number))


def test_the_months_of_late_events_are_made_but_none_that_would_be_refused(database_url: str) -> None:
    engine, now = db.engine(database_url), datetime.now(UTC)
    far = [receipt(1, 2000), receipt(2, 365 * 20), receipt(3, -90)]
    partitions.make_late(engine, far, now)
    with db.transaction(engine) as conn:
        names = "select relname from pg_class where relname ~ '^stock_event_[0-9_]+$' and relkind = 'r'"
        there = set(conn.exec_driver_sql(names).scalars())
    engine.dispose()
    wanted = [partitions.name(e.occurred_at.date()) in there for e in far]
    assert wanted == [True, False, False]


def test_a_month_that_cannot_be_made_now_holds_nobody_up(database_url: str) -> None:
    """A load that writes positions may take minutes: who needs a new month is told to try again, and others go on."""
    engine = db.engine(database_url, pool_size=4)
    with db.transaction(engine) as conn:
        country = small.build(conn)
    pipeline.refresh_due(engine)
    now = datetime.now(UTC)
    with db.transaction(engine) as load:
        load.execute(
            sa.text("update position set missed = 1 where facility_id = :f"), {"f": country.facilities["F-E1"]}
        )
        with pytest.raises(partitions.Busy, match="Try again in a moment; nothing was recorded"):
            partitions.make(engine, date(2015, 1, 1), date(2015, 1, 1), tries=2)
        with db.transaction(engine) as conn:
            ledger.record(conn, country.programme_id, [receipt(2, 1)])
        worker = Worker(engine, None, lambda *_: None, lambda _: None)  # type: ignore[arg-type]
        worker.keep_house()
        assert _months(engine, now) == 0
    worker.keep_house()
    assert _months(engine, now) == 1
    engine.dispose()


def test_who_records_while_months_are_made_never_waits_in_a_circle(database_url: str) -> None:
    """Each needs what the other holds: the one makes months, the others record new lots and shipments."""
    engine = db.engine(database_url, pool_size=8)
    with db.transaction(engine) as conn:
        country = small.build(conn)
    numbers, problems, made = iter(range(10_000)), list[BaseException](), 0
    ended = threading.Event()

    def record(place: int) -> None:
        while not ended.is_set():
            number = next(numbers)
            facility, other = ("F-E1", "F-W1") if place % 2 else ("F-W1", "F-E1")
            at, expiry = datetime.now(UTC), date(2090, 1, 1)
            events = [
                StockEvent(facility, product, Kind.RECEIPT, 20, at, "test", f"{number}/{product}", lot=f"L{number}",
                           expiry=expiry, partner=other, document=f"D{number}")
                for product in ("BCG", "MR")
            ]  # fmt: skip
            try:
                with db.transaction(engine) as conn:
                    ledger.record(conn, country.programme_id, events)
            except BaseException as problem:
                problems.append(problem)

    writers = [threading.Thread(target=record, args=(place,)) for place in range(4)]
    for writer in writers:
        writer.start()
    try:
        for year in range(1990, 1994):
            made += len(partitions.make(engine, date(year, 1, 1), date(year, 6, 1), tries=400))
    finally:
        ended.set()
        for writer in writers:
            writer.join()
    engine.dispose()
    assert problems == []
    assert made == 24


def _later(now: datetime, months: int) -> date:
    return partitions.months(now.date(), now.date() + timedelta(days=31 * months))[-1]


def _months(engine: sa.Engine, now: datetime) -> int:
    with db.transaction(engine) as conn:
        there = "select count(*) from pg_class where relname = :name"
        return int(conn.execute(sa.text(there), {"name": partitions.name(_later(now, 3))}).scalar_one())
