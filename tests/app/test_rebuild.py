"""All that is kept beside the record comes from it: rebuilt, what is right stays as it is, what is broken is mended."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import small
import sqlalchemy as sa
from keys import KEY

from app import __main__ as commands
from app import pipeline, rebuild
from data import db, errors, month_marks, programmes
from data.record import audit, ledger
from data.types import Kind, StockEvent

NOW = datetime.now(UTC).replace(microsecond=0)
TABLES = {
    "lot_balance": "facility_id, product_id, lot_id, doses, vvm_stage, first_received_at, quarantined",
    "position": "facility_id, product_id, usable, total, reserved, state, probability, cover_p10, cover_p50, cover_p90,"
    " amc, learned_shift, last_received_on, next_delivery_on, last_event_at, out_since, chain",
    "stock_month": "*",
    "shipment": "*",
    "facility_status": "*",
    "area_status": "*",
    "area_month": "*",
    "alert": "facility_id, product_id, kind, opened_at, resolved_at",
    "lot_month": "programme_id, month, block, facility_id, product_id, lot_id, doses",
    "position_month": "programme_id, month, block, facility_id, product_id, amc, event_day, received_day",
}
KINDS = [
    Kind.RECEIPT, Kind.RECEIPT, Kind.RECEIPT, Kind.ADMINISTERED, Kind.ISSUE, Kind.LOSS, Kind.COUNT, Kind.ADJUSTMENT,
    Kind.VVM, Kind.QUARANTINE, Kind.RELEASE, Kind.RESERVE, Kind.TRANSFER_OUT, Kind.TRANSFER_IN, Kind.REVERSAL,
]  # fmt: skip


def kept(engine: sa.Engine) -> dict[str, list[Any]]:
    """Everything that is kept beside the record, as text."""
    with db.transaction(engine) as conn:
        return {
            table: sorted(str(tuple(row)) for row in conn.execute(sa.text(f"select {columns} from {table}")))  # noqa: S608
            for table, columns in TABLES.items()
        }


def busy(conn: sa.Connection, programme_id: int, chance: random.Random, count: int) -> int:
    """Somebody records this and that, late or not; returns how much of it was possible."""
    done: list[StockEvent] = []
    for number in range(count):
        kind = chance.choice(KINDS)
        here, there = chance.sample(["F-E1", "F-W1", "F-W2a"], 2)
        lot = chance.choice([None, "A", "B"])
        more: dict[str, Any] = {}
        doses = chance.choice([20, 40, 60])
        if lot or kind in (Kind.VVM, Kind.QUARANTINE, Kind.RELEASE):
            more = {"lot": lot or "A", "expiry": date(NOW.year + 2, 1, 1)}
        if kind in (Kind.VVM, Kind.QUARANTINE, Kind.RELEASE):
            doses, more = 0, more | {"reason": "test"}
            more |= {"stage": chance.randint(1, 4)} if kind is Kind.VVM else {}
        elif kind is Kind.REVERSAL:
            if not done:
                continue
            back = done.pop(chance.randrange(len(done)))
            here, doses, more = back.facility, 0, {"reverses": back.source_id, "reason": "test"}
        elif kind in (Kind.TRANSFER_OUT, Kind.TRANSFER_IN):
            more |= {"partner": there, "document": f"WB-{number // 5}"}
        elif kind is Kind.RESERVE:
            more = {"order": "PO-1"}
        elif kind in (Kind.LOSS, Kind.ADJUSTMENT):
            more["reason"] = "other"
        at = NOW - timedelta(days=chance.choice([0, 1, 5, 40, 80]), minutes=chance.randint(1, 1000))
        event = StockEvent(here, "BCG", kind, doses, at, "test", str(number), **more)
        try:
            with conn.begin_nested():
                ledger.record(conn, programme_id, [event], now=NOW)
        except errors.DataError:
            continue
        if kind is not Kind.REVERSAL:
            done.append(event)
    return len(done)


@pytest.fixture(params=[1, 2, 3])
def engine(database_url: str, request: pytest.FixtureRequest) -> Iterator[sa.Engine]:
    """A country in which much has happened, assessed and closed as the worker does."""
    engine = db.engine(database_url)
    with db.transaction(engine) as conn:
        country = small.build(conn)
        programme = programmes.find(conn, "small")
        start = programme.day(NOW - timedelta(days=100))
        pipeline.refresh(conn, programme, start, NOW - timedelta(days=100), "a first day")
        assert busy(conn, country.programme_id, random.Random(request.param), 120) > 20
        pipeline.refresh(conn, programmes.find(conn, "small"), programme.day(NOW), NOW, "a new day")
    month_marks.keep(engine, programme, NOW)
    yield engine
    engine.dispose()


def test_a_healthy_database_stays_as_it_is(engine: sa.Engine) -> None:
    before = kept(engine)
    said: list[str] = []
    rebuild.rebuild(engine, "small", said.append)
    after = kept(engine)
    for table in TABLES:
        assert after[table] == before[table], table
    assert "Replayed 4 of 4 facilities." in said


def test_what_was_broken_is_as_it_was_before(engine: sa.Engine) -> None:
    before = kept(engine)
    with db.transaction(engine) as conn:
        for statement in (
            "update lot_balance set doses = doses + 7, vvm_stage = 4, quarantined = not quarantined,"
            " first_received_at = null",
            "delete from lot_balance where facility_id = (select min(facility_id) from lot_balance)",
            "insert into lot_balance (facility_id, product_id, lot_id, doses) select f.id, p.id, null, 99"
            " from facility f, product p where f.code = 'F-W2b' and p.code = 'MR'",
            "update position set usable = 1, total = 3, reserved = 5, last_event_at = null, last_received_on = null,"
            " chain = 'x', state = 0, amc = 5",
            "update stock_month set opening = 1, closing = 2, received = received + 1, used = used + 2",
            "update shipment set sent = 1, received = 2",
            "update facility_status set state = 1",
            "delete from area_status",
            "delete from area_month",
            "update lot_month set doses = facility_id",
            "update position_month set event_day = received_day",
            "update alert set resolved_at = null, kind = 'other'",
        ):
            conn.execute(sa.text(statement))
        assert audit.differences(conn) != []
        conn.execute(sa.text("delete from alert where kind = 'other'"))
    rebuild.rebuild(engine, None, lambda _: None)
    after = kept(engine)
    for table in set(TABLES) - {"alert", "position"}:
        assert after[table] == before[table], table
    with db.transaction(engine) as conn:
        assert audit.differences(conn) == []


def test_reported_months_keep_what_was_reported(engine: sa.Engine) -> None:
    with db.transaction(engine) as conn:
        conn.execute(sa.text(
            "insert into stock_month (facility_id, product_id, month, opening, received, used, closing, days_out)"
            " select f.id, p.id, date '2019-03-01', 10, 40, 30, 20, 3 from facility f, product p"
        ))  # fmt: skip
    before = kept(engine)
    rebuild.rebuild(engine, "small", lambda _: None)
    assert kept(engine)["stock_month"] == before["stock_month"]


def test_the_command_refuses_a_programme_that_is_not_there(
    database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setenv("SECRET_KEY", KEY)
    assert commands.main(["rebuild", "nowhere"]) == 1
    assert "no programme called nowhere" in capsys.readouterr().err
