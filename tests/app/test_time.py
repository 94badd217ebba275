"""Time itself changes risk: a lot expires, a delivery is missed, a place falls silent, and nobody records anything."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import small
import sqlalchemy as sa

from app import pipeline
from data import db, programmes
from data.record import ledger, partitions
from data.types import Kind, State, StockEvent

#: Noon in Lagos.
NOW = datetime(2026, 6, 10, 11, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    """F-W1 uses a dose of BCG a day, in vials of one; what it holds is up to the test."""
    engine = db.engine(database_url)
    with db.transaction(engine) as conn:
        country = small.build(conn)
        partitions.ensure_partitions(conn, date(2025, 6, 1), date(2026, 9, 1))
        conn.execute(sa.text("update product set doses_per_vial = 1"))
        conn.execute(
            sa.text(
                "insert into stock_month (facility_id, product_id, month, opening, received, used, closing, days_out)"
                " select :f, :p, m, 60, 30, 30, 60, 0 from generate_series(CAST('2025-06-01' AS date), '2026-05-01',"
                " interval '1 month') m"
            ),
            {"f": country.facilities["F-W1"], "p": country.products["BCG"]},
        )
    yield engine
    engine.dispose()


def receive(engine: sa.Engine, doses: int, at: datetime, expiry: date) -> None:
    with db.transaction(engine) as conn:
        event = StockEvent("F-W1", "BCG", Kind.RECEIPT, doses, at, "test", "1", lot="A", expiry=expiry)
        ledger.record(conn, programmes.find(conn, "small").id, [event], now=at + timedelta(minutes=1))
    with db.transaction(engine) as conn:
        pipeline.refresh(conn, programmes.find(conn, "small"), NOW.date(), NOW, "a load")
    pipeline.advance(engine, NOW)


def found(engine: sa.Engine) -> sa.Row[Any]:
    with db.transaction(engine) as conn:
        return conn.execute(
            sa.text(
                "select n.* from position n join facility f on f.id = n.facility_id join product p"
                " on p.id = n.product_id where f.code = 'F-W1' and p.code = 'BCG'"
            )
        ).one()


def passes(engine: sa.Engine, days: int) -> list[str]:
    """Let time pass to noon of another day, and answer what browsers are told of it."""
    with db.transaction(engine) as conn:
        seq = conn.execute(sa.text("select coalesce(max(seq), 0) from push")).scalar_one()
    assert pipeline.refresh_due(engine, NOW + days * DAY) == ["small"]
    with db.transaction(engine) as conn:
        rows = conn.execute(sa.text("select event from push where seq > :seq order by seq"), {"seq": seq})
        return list(rows.scalars())


def test_a_lot_that_expires_leaves_an_empty_shelf_an_alert_and_a_map_that_reads_again(engine: sa.Engine) -> None:
    receive(engine, 60, NOW - DAY, expiry=date(2026, 6, 12))
    before = found(engine)
    # It may be used until the end of the twelfth, which is three days.
    assert (before.state, before.usable) == (State.OVERSTOCK, 60)
    assert before.within[0] > 0.9
    assert passes(engine, 2) == ["map:reload"]
    assert found(engine).usable == 60
    assert passes(engine, 3) == ["alert:new", "map:reload"]
    after = found(engine)
    assert (after.state, after.usable, after.probability) == (State.STOCKOUT, 0, 1)
    # From midnight in Lagos.
    assert after.out_since == datetime(2026, 6, 12, 23, tzinfo=UTC)


def test_a_delivery_that_is_missed_makes_a_place_critical(engine: sa.Engine) -> None:
    """Received 29 days ago, every 30 days; six days of cover bridge the day to the delivery and not a late one."""
    receive(engine, 6, NOW - 29 * DAY, expiry=date(2028, 1, 1))
    before = found(engine)
    assert before.state == State.LOW
    passes(engine, 1)
    due = found(engine)
    assert (due.state, due.next_delivery_on) == (State.LOW, date(2026, 6, 11))
    assert passes(engine, 2) == ["map:reload"]
    missed = found(engine)
    assert missed.state == State.CRITICAL
    # The nearer a delivery, the less can go wrong; one that did not come takes that back.
    assert before.probability >= due.probability
    assert missed.probability > before.probability
    with db.transaction(engine) as conn:
        area = conn.execute(
            sa.text(
                "select s.critical from area_status s join area a on a.id = s.area_id"
                " join product p on p.seat = s.product_seat where a.code = 'SM' and p.code = 'BCG'"
            )
        ).scalar_one()
    assert area == 1


def test_a_place_that_falls_silent_is_not_reporting_from_the_day_after_its_grace(engine: sa.Engine) -> None:
    receive(engine, 90, NOW - 10 * DAY, expiry=date(2028, 1, 1))
    # 31 days, and 15 of grace.
    passes(engine, 36)
    assert found(engine).state != State.NO_REPORT
    passes(engine, 37)
    silent = found(engine)
    assert silent.state == State.NO_REPORT
    assert (silent.probability, silent.within, silent.missed) == (None, None, None)


def test_a_day_is_carried_on_once(engine: sa.Engine) -> None:
    receive(engine, 60, NOW - DAY, expiry=date(2028, 1, 1))
    passes(engine, 1)
    assert pipeline.refresh_due(engine, NOW + DAY + timedelta(hours=3)) == []
