"""Statements by name: what the driver answers and refuses reaches the caller as SQLAlchemy would hand it on."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from data import db, errors, queries


@pytest.fixture
def sql(tmp_path: Path) -> queries.Statements:
    file = tmp_path / "some.sql"
    file.write_text(
        "-- numbers --\n-- Some.\nselect n as number, CAST(:word AS text) as word from generate_series(1, 2) n\n\n"
        "-- open --\n-- A position of nobody.\ninsert into position (facility_id, product_id) values (:facility, 1)\n\n"
        "-- quit --\n-- The server ends this connection.\nselect pg_terminate_backend(pg_backend_pid())\n",
        encoding="utf-8",
    )
    return queries.read(file)


def test_rows_are_named(conn: sa.Connection, sql: queries.Statements) -> None:
    rows = sql.run(conn, "numbers", {"word": "100 %"})
    assert [(row.number, row.word) for row in rows] == [(1, "100 %"), (2, "100 %")]


def test_a_broken_rule_is_named_without_what_was_sent(conn: sa.Connection, sql: queries.Statements) -> None:
    with pytest.raises(sa.exc.IntegrityError, match="fk_position_facility_id") as refused:
        sql.run(conn, "open", {"facility": -12345})
    assert "12345" not in str(refused.value.params)


def test_a_server_that_went_away_is_said_and_the_next_transaction_has_another_connection(
    database_url: str, sql: queries.Statements
) -> None:
    engine = db.engine(database_url)
    with pytest.raises(errors.DatabaseUnavailable), db.transaction(engine) as conn:
        sql.run(conn, "quit", {})
    with db.transaction(engine) as conn:
        assert len(sql.run(conn, "numbers", {"word": ""})) == 2
    engine.dispose()
