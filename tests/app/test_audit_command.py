"""The command line's audit: by several processes at one moment, while others record; it says what differs and where."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import small
import sqlalchemy as sa
from keys import KEY

from app import __main__ as commands
from app import audit, pipeline
from data import db, programmes
from data.record import ledger
from data.types import Kind, StockEvent

NOW = datetime.now(UTC)


@pytest.fixture
def engine(database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[sa.Engine]:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setenv("SECRET_KEY", KEY)
    engine = db.engine(database_url)
    with db.transaction(engine) as conn:
        country = small.build(conn)
        programme = programmes.find(conn, "small")
        pipeline.refresh(conn, programme, programme.day(NOW), NOW, "a first day")
        ledger.record(conn, country.programme_id, [
            StockEvent(code, "BCG", Kind.RECEIPT, 40, NOW - timedelta(hours=n + 1), "test", code)
            for n, code in enumerate(country.facilities)
        ])  # fmt: skip
    while pipeline.advance(engine, NOW).changes:
        pass
    yield engine
    engine.dispose()


def test_a_healthy_database_passes_every_check(engine: sa.Engine, capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.main(["audit"]) == 0
    lines = capsys.readouterr().out.strip().splitlines()
    assert lines == [f"ok     {check}" for check in audit.CHECKS]


def test_two_processes_find_what_one_does(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(audit, "_FEW", 0)
    with db.transaction(engine) as conn:
        conn.execute(sa.text("update lot_balance set doses = doses + 1"))
        conn.execute(sa.text("update area_status set children = children + 1 where product_seat = 1"))
    assert commands.main(["audit", "--processes", "2"]) == 1
    said = capsys.readouterr().out
    for code in ("F-E1", "F-W1", "F-W2a", "F-W2b"):
        assert said.count(f"{code} / BCG / no lot known: stands 41; should be 40") == 1
    assert "WRONG  area is the sum of its facilities" in said
    assert "small / SM / product seat 1: stands" in said
    assert "ok     each row follows the one before it" in said


def test_no_more_is_printed_than_was_asked_for(engine: sa.Engine, capsys: pytest.CaptureFixture[str]) -> None:
    with db.transaction(engine) as conn:
        conn.execute(sa.text("update lot_balance set doses = doses + 1"))
    assert commands.main(["audit", "--most", "2"]) == 1
    said = capsys.readouterr().out
    assert said.count("stands 41; should be 40") == 2
    assert "These are the first 2; --most shows more." in said
