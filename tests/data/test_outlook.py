"""The balance of the last days and the range of the next, from the record."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import small
import sqlalchemy as sa

from app import pipeline
from data import outlook, programmes, stock
from data.outlook import Due, Outlook
from data.record import ledger
from data.types import Kind, StockEvent

NOW = datetime.now(UTC).replace(hour=11, minute=0, second=0, microsecond=0) - timedelta(days=1)


def _event(product: str, kind: Kind, doses: int, days_ago: int, **more: object) -> StockEvent:
    key = f"{product}{kind}{days_ago}{more.get('lot', '')}"
    at = NOW - timedelta(days=days_ago)
    return StockEvent("F-W1", product, kind, doses, at, source="test", source_id=key, opened_vial=True, **more)


@pytest.fixture
def country(conn: sa.Connection) -> small.Small:
    """One post that received 400 of BCG 40 days ago in two lots and used 100 twenty days ago."""
    country = small.build(conn)
    soon, later = (NOW.date() + timedelta(days=d) for d in (30, 600))
    ledger.record(
        conn,
        country.programme_id,
        [
            _event("BCG", Kind.RECEIPT, 150, 40, lot="A", expiry=soon),
            _event("BCG", Kind.RECEIPT, 250, 40, lot="B", expiry=later),
            _event("BCG", Kind.ADMINISTERED, 100, 20, lot="A"),
        ],
    )
    programme = programmes.find(conn, "small")
    pipeline.refresh(conn, programme, programme.day(NOW), NOW, "test")
    return country


def _read(conn: sa.Connection, maximum: float | None = 900.0, **changes: object) -> Outlook:
    programme = programmes.find(conn, "small")
    facility = stock.facility(conn, programme.id, "F-W1")
    conn.execute(
        sa.text(
            "update position set amc = 150, dispersion = 8, uncertainty = 0.3, state = 6,"
            " next_delivery_on = :due, coming = :coming, coming_on = :coming_on where facility_id = :facility"
        ),
        {"facility": facility.id, "due": NOW.date() + timedelta(days=10), "coming": 0, "coming_on": None} | changes,
    )
    position = stock.positions(conn, facility.id)[0]
    today = programme.day(NOW)
    months = stock.months(conn, facility.id, position.product_id, today.replace(day=1))
    return outlook.read(conn, programme, facility, position, months, maximum, today)


def test_history_is_the_balance_at_the_end_of_each_day_on_which_something_happened(
    conn: sa.Connection, country: small.Small
) -> None:
    seen = _read(conn)
    today = seen.today
    assert seen.stepped
    assert seen.history == [
        (today - timedelta(days=90), 0),
        (today - timedelta(days=40), 400),
        (today - timedelta(days=20), 300),
    ]


def test_the_range_starts_with_what_is_usable_and_knows_the_lots(conn: sa.Connection, country: small.Small) -> None:
    seen = _read(conn)
    assert seen.ahead is not None
    assert seen.alone is not None
    assert seen.ahead.p50[0] == 300
    assert seen.expiries == [(NOW.date() + timedelta(days=30), 50)]
    # Thirty days from now 50 doses of lot A have gone, used or not; the other 250 are used last.
    assert seen.alone.p90[31] <= 250


def test_deliveries_are_due_every_interval_and_what_was_sent_says_how_much(
    conn: sa.Connection, country: small.Small
) -> None:
    due = _read(conn).due
    assert due[0] == Due(NOW.date() + timedelta(days=10), None)
    assert due[1].day - due[0].day == timedelta(
        days=stock.facility(conn, country.programme_id, "F-W1").delivery_interval_days
    )
    sent = _read(conn, coming=200, coming_on=NOW.date() + timedelta(days=4))
    assert sent.due[0] == Due(NOW.date() + timedelta(days=4), 200)
    assert sent.ahead is not None
    assert sent.ahead.p90[10] > 300


def test_without_a_demand_or_a_report_nothing_is_foretold(conn: sa.Connection, country: small.Small) -> None:
    programme = programmes.find(conn, "small")
    facility = stock.facility(conn, programme.id, "F-W1")
    conn.execute(sa.text("update position set state = 0, amc = 150 where facility_id = :f"), {"f": facility.id})
    position = stock.positions(conn, facility.id)[0]
    seen = outlook.read(conn, programme, facility, position, [], None, programme.day(NOW))
    assert seen.ahead is None
    assert seen.history[-1][1] == 300


def test_months_stand_in_where_nothing_happened_lately(conn: sa.Connection, country: small.Small) -> None:
    facility_id, product_id = country.facilities["F-E1"], country.products["BCG"]
    first = (NOW.date().replace(day=1) - timedelta(days=1)).replace(day=1)
    conn.execute(
        sa.text("insert into stock_month (facility_id, product_id, month, closing) values (:f, :p, :m, 70)"),
        {"f": facility_id, "p": product_id, "m": first},
    )
    programme = programmes.find(conn, "small")
    facility = stock.facility(conn, programme.id, "F-E1")
    position = stock.positions(conn, facility.id)[0]
    months = stock.months(conn, facility.id, product_id, NOW.date().replace(day=1))
    seen = outlook.read(conn, programme, facility, position, months, None, programme.day(NOW))
    assert not seen.stepped
    assert seen.history == [(NOW.date().replace(day=1) - timedelta(days=1), 70)]
