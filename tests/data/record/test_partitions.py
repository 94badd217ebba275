"""Partitions of the record are made once, before they are needed, by whoever needs them first."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date

import sqlalchemy as sa

from data import db
from data.record import partitions


def test_months_run_over_the_turn_of_the_year() -> None:
    assert partitions.months(date(2023, 11, 30), date(2024, 2, 1)) == [
        date(2023, 11, 1), date(2023, 12, 1), date(2024, 1, 1), date(2024, 2, 1),
    ]  # fmt: skip


def test_a_partition_is_made_once_and_takes_the_events_of_its_utc_month(conn: sa.Connection) -> None:
    assert partitions.ensure_partitions(conn, date(1999, 12, 5), date(2000, 1, 5)) == [
        "stock_event_1999_12", "stock_event_2000_01",
    ]  # fmt: skip
    assert partitions.ensure_partitions(conn, date(1999, 12, 1), date(1999, 12, 31)) == []
    conn.exec_driver_sql(
        "insert into stock_event (programme_id, facility_id, product_id, kind, doses, occurred_at, source, source_id,"
        " digest)"
        " values (1, 1, 1, 'count', 0, '1999-12-31 23:59:59.999999+00', 't', '1', ''),"
        " (1, 1, 1, 'count', 0, '2000-01-01 00:00+00', 't', '2', '')"
    )
    there = conn.exec_driver_sql("select tableoid::regclass::text, source_id, id from stock_event order by occurred_at")
    found = there.all()
    assert [row[:2] for row in found] == [("stock_event_1999_12", "1"), ("stock_event_2000_01", "2")]
    assert found[0].id != found[1].id


def test_a_partition_has_the_keys_and_checks_of_the_record(conn: sa.Connection) -> None:
    partitions.ensure_partitions(conn, date(1998, 1, 1), date(1998, 1, 1))
    named = "select count(*) from pg_index where indrelid = 'stock_event_1998_01'::regclass and indisvalid"
    assert conn.exec_driver_sql(named).scalar() == 6
    checks = "select count(*) from pg_constraint where conrelid = 'stock_event_1998_01'::regclass and contype = 'c'"
    assert conn.exec_driver_sql(checks).scalar() == 6
    triggers = "select tgname from pg_trigger where tgrelid = 'stock_event_1998_01'::regclass"
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
