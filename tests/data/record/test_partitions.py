"""Partitions of the record are made once, before they are needed, by whoever needs them first."""

from __future__ import annotations

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
    named = "select count(*) from pg_index where indrelid = 'stock_event_1998_01'::regclass and indisvalid"
    assert conn.exec_driver_sql(named).scalar() == 6
    checks = "select count(*) from pg_constraint where conrelid = 'stock_event_1998_01'::regclass and contype = 'c'"
    assert conn.exec_driver_sql(checks).scalar() == 6
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


def test_an_event_of_years_ago_makes_its_month_before_it_holds_anything(conn: sa.Connection) -> None:
    country = small.build(conn)
    at = datetime.now(UTC) - timedelta(days=2000)
    receipt = StockEvent("F-W1", "BCG", Kind.RECEIPT, 20, at, "test", "old")
    ledger.record(conn, country.programme_id, [receipt])
    where = "select tableoid::regclass::text from stock_event"
    assert conn.exec_driver_sql(where).scalar_one() == partitions.name(at.date())


def test_a_month_that_cannot_be_made_now_holds_nobody_up_for_long(database_url: str) -> None:
    """A load that writes positions may take minutes: who needs a new month is told to try again, and others go on."""
    engine = db.engine(database_url, pool_size=4)
    with db.transaction(engine) as conn:
        country = small.build(conn)
    pipeline.refresh_due(engine)
    now = datetime.now(UTC)

    def receipt(number: int, days: int) -> StockEvent:
        at = now - timedelta(days=days)
        return StockEvent("F-W1", "BCG", Kind.RECEIPT, 20, at, "test", str(number))

    with db.transaction(engine) as load:
        load.execute(
            sa.text("update position set missed = 1 where facility_id = :f"), {"f": country.facilities["F-E1"]}
        )
        with pytest.raises(sa.exc.OperationalError, match="lock timeout"), db.transaction(engine) as conn:
            ledger.record(conn, country.programme_id, [receipt(1, 2000)])
        with db.transaction(engine) as conn:
            ledger.record(conn, country.programme_id, [receipt(2, 1)])
        worker = Worker(engine, None, lambda *_: None, lambda _: None)  # type: ignore[arg-type]
        worker.keep_house()
        assert _months(engine, now) == 0
    worker.keep_house()
    assert _months(engine, now) == 1
    engine.dispose()


def _later(now: datetime, months: int) -> date:
    return partitions.months(now.date(), now.date() + timedelta(days=31 * months))[-1]


def _months(engine: sa.Engine, now: datetime) -> int:
    with db.transaction(engine) as conn:
        there = "select count(*) from pg_class where relname = :name"
        return int(conn.execute(sa.text(there), {"name": partitions.name(_later(now, 3))}).scalar_one())
