"""One value is changed in every column of every table that the audit vouches for: each is found, or is named here."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import small
import sqlalchemy as sa

from app import pipeline
from data import db, month_marks, programmes
from data.record import attachments, audit, counting, ledger
from data.record.counting import Found
from data.types import Kind, StockEvent
from geo import rolled

NOW = datetime.now(UTC).replace(microsecond=0)

#: What is not compared, and why.
UNSEEN = {
    # Counters and moments that no event says.
    ("position", "version"), ("position", "out_since"), ("alert", "id"), ("alert", "opened_at"),
}  # fmt: skip
#: What is null in every row here: no model was learnt, no month has ended, nobody resolved a difference or an alert.
EMPTY = {
    ("position", "learned_shift"), ("stock_month", "state"), ("stock_month", "expected"), ("stock_month", "counted_30"),
    ("stock_month", "within_30"), ("stock_month", "probability"), ("shipment", "resolution"),
    ("shipment", "resolved_at"), ("shipment", "resolved_by"), ("attachment", "actor_id"), ("alert", "resolved_at"),
}  # fmt: skip
TABLES = (
    "stock_event", "lot_balance", "lot", "position", "stock_month", "lot_month", "position_month", "shipment",
    "event_key", "attachment", "reader", "facility_status", "area_status", "alert",
)  # fmt: skip
#: How one value of a type is changed a little.
CHANGED = {
    "integer": "{} + 1", "bigint": "{} + 1", "smallint": "{} + 1", "real": "{} + 1", "double precision": "{} + 1",
    "numeric": "{} + 1", "date": "{} + 1", "boolean": "not {}",
    "text": "overlay({0} placing case right({0}, 1) when 'x' then 'y' else 'x' end from greatest(length({0}), 1))",
    "bytea": "set_byte({0}, length({0}) - 1, get_byte({0}, length({0}) - 1) # 1)",
    "timestamp with time zone": "{} + interval '1 microsecond'",
    "jsonb": "jsonb_set({}, '{{balance}}', '987654')",
    "real[]": "array_append({0}[2:], {0}[1])",
}  # fmt: skip
COLUMNS = sa.text(
    "select attname as name, format_type(atttypid, -1) as type from pg_attribute"
    " where attrelid = CAST(:table AS regclass) and attnum > 0 and not attisdropped and attgenerated = ''"
    " order by attnum"
)


def event(kind: Kind, doses: int, days: float, number: str, facility: str = "F-W1", **more: object) -> StockEvent:
    at = NOW - timedelta(days=days)
    return StockEvent(facility, "BCG", kind, doses, at, "test", number, **more)  # type: ignore[arg-type]


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    """A country in which no column of these tables is null everywhere."""
    engine = db.engine(database_url)
    far = (NOW + timedelta(days=700)).date()
    with db.transaction(engine) as conn:
        country = small.build(conn)
        programme = programmes.find(conn, "small")
        pipeline.refresh(conn, programme, programme.day(NOW), NOW, "a first day")
        paper, _ = attachments.keep(conn, programme.id, country.facilities["F-W1"], "note.pdf", b"%PDF-1.4 x", None)
        ledger.record(conn, programme.id, [
            event(Kind.RECEIPT, 200, 80, "r1", lot="A", expiry=far, note="by night", attachment=paper),
            event(Kind.RECEIPT, 400, 79, "r2", lot="B", expiry=far - timedelta(days=99)),
            event(Kind.ADMINISTERED, 60, 75, "u1", opened_vial=True),
            event(Kind.COUNT, 530, 70, "c1"),
            event(Kind.VVM, 0, 60, "v1", lot="A", stage=2),
            event(Kind.QUARANTINE, 0, 50, "q1", lot="A", reason="a warm fridge"),
            event(Kind.LOSS, 20, 45, "l1", reason="broken"),
            event(Kind.TRANSFER_OUT, 40, 40, "t1", partner="F-E1", document="WB-1"),
            event(Kind.TRANSFER_IN, 20, 39, "t2", "F-E1", partner="F-W1", document="WB-1"),
            event(Kind.TRANSFER_OUT, 20, 3, "t3", partner="F-W2b", document="WB-2"),
            event(Kind.RECEIPT, 160, 75, "r3", "F-W2a"),
            event(Kind.ADMINISTERED, 60, 65, "u3", "F-W2a"),
            event(Kind.ADMINISTERED, 40, 35, "u4", "F-W2a"),
            event(Kind.ADMINISTERED, 60, 3, "u2", "F-W2a"),
            event(Kind.RESERVE, 20, 2, "o1", order="PO-1"),
        ], actor_id=7)  # fmt: skip
        ledger.record(conn, programme.id, [event(Kind.ADMINISTERED, 20, 72, "late", opened_vial=True)])
        ledger.record(conn, programme.id, [event(Kind.REVERSAL, 0, 1, "back", reverses="l1", reason="a wrong place")])
    while pipeline.advance(engine, NOW).changes:
        pass
    with db.transaction(engine) as conn:
        pipeline.refresh(conn, programmes.find(conn, "small"), programme.day(NOW), NOW, "a new day")
    month_marks.keep(engine, programme, NOW)
    yield engine
    engine.dispose()


def found(conn: sa.Connection) -> bool:
    if audit.differences(conn, now=NOW):
        return True
    return any(True for p in programmes.every(conn) for _ in rolled.misrolled(conn, p.id))


@pytest.mark.parametrize("table", TABLES)
def test_a_value_that_was_changed_in_any_column_is_found(engine: sa.Engine, table: str) -> None:
    missed, empty = set(), set()
    with engine.connect() as conn, conn.begin() as transaction:
        assert not found(conn)
        conn.execute(sa.text("set local session_replication_role = replica"))  # the record refuses to be changed
        for column in conn.execute(COLUMNS, {"table": table}).all():
            filled = f"{column.name} is not null" + (
                f" and length({column.name}) > 0" if column.type == "bytea" else ""
            )
            changed = CHANGED[column.type].format(column.name)
            statement = (  # every name in it is of the schema
                f"update {table} set {column.name} = {changed} where (tableoid, ctid) in"  # noqa: S608
                f" (select tableoid, ctid from {table} where {filled} order by tableoid, ctid limit 1)"
            )
            with conn.begin_nested() as undone:
                try:
                    with conn.begin_nested():
                        done = conn.execute(sa.text(statement)).rowcount
                except sa.exc.IntegrityError:
                    done = None  # a constraint found it
                if done == 0:
                    empty.add((table, column.name))
                elif done and not found(conn):
                    missed.add((table, column.name))
                undone.rollback()
        transaction.rollback()
    assert missed <= UNSEEN
    assert empty == {(t, c) for t, c in EMPTY if t == table}


def test_an_event_without_its_answer_is_found(engine: sa.Engine) -> None:
    """Without its key the same submission would be recorded again."""
    with engine.connect() as conn, conn.begin() as transaction:
        conn.execute(sa.text("delete from event_key where source_id = 'u1'"))
        [gone] = audit.differences(conn, now=NOW)
        assert (gone.check, gone.place, gone.stands) == (audit.ANSWERS, "test / u1", "no answer is kept")
        transaction.rollback()


@pytest.mark.parametrize("column", ["counted", "counted_at"])
def test_a_count_that_says_something_else_than_its_events_is_found(engine: sa.Engine, column: str) -> None:
    with db.transaction(engine) as conn:
        programme = programmes.find(conn, "small")
        opened = counting.open(conn, programme.id, "F-W2b", ["BCG"], 1, NOW)
        counting.save(conn, programme.id, opened.number, [Found("BCG", 0)], 1, NOW)
        counting.submit(conn, programme.id, opened.number, 1, NOW)
    with engine.connect() as conn, conn.begin() as transaction:
        assert [d for d in audit.differences(conn, now=NOW) if d.check == audit.COUNTS] == []
        changed = {"counted": "counted + 1", "counted_at": "counted_at + interval '1 second'"}[column]
        conn.execute(sa.text(f"update stock_count_line set {column} = {changed}"))  # noqa: S608  # of the schema
        assert [d.check for d in audit.differences(conn, now=NOW) if d.check == audit.COUNTS] == [audit.COUNTS]
        transaction.rollback()
