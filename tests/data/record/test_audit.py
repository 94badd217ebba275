"""The audit finds one stored byte that was changed, wherever it is kept, and a change that a reader left out."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
import small
import sqlalchemy as sa

from app import pipeline
from data import db, month_marks, programmes
from data.record import attachments, audit, ledger, ordering, outbox
from data.types import Kind, StockEvent

NOW = datetime.now(UTC).replace(microsecond=0)
FAR = date(NOW.year + 2, 1, 1)


def event(kind: Kind, doses: int, days: float, number: str, facility: str = "F-W1", **more: object) -> StockEvent:
    at = NOW - timedelta(days=days)
    return StockEvent(facility, "BCG", kind, doses, at, "test", number, **more)  # type: ignore[arg-type]


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    """A country in which all that is kept has something in it; everything was followed and assessed."""
    engine = db.engine(database_url)
    with db.transaction(engine) as conn:
        country = small.build(conn)
        programme = programmes.find(conn, "small")
        pipeline.refresh(conn, programme, programme.day(NOW), NOW, "a first day")
        ledger.record(conn, country.programme_id, [
            event(Kind.RECEIPT, 200, 80, "r1", lot="A", expiry=FAR),
            event(Kind.RECEIPT, 400, 79, "r2", lot="B", expiry=FAR - timedelta(days=99)),
            event(Kind.ADMINISTERED, 60, 75, "u1", opened_vial=True),
            event(Kind.COUNT, 530, 70, "c1"),
            event(Kind.VVM, 0, 60, "v1", lot="A", stage=2),
            event(Kind.QUARANTINE, 0, 50, "q1", lot="A", reason="a warm fridge"),
            event(Kind.LOSS, 20, 45, "l1", reason="broken"),
            event(Kind.TRANSFER_OUT, 20, 40, "t1", partner="F-E1", document="WB-1"),
            event(Kind.TRANSFER_IN, 20, 39, "t2", "F-E1", partner="F-W1", document="WB-1"),
            event(Kind.RECEIPT, 160, 75, "r3", "F-W2a"),
            event(Kind.ADMINISTERED, 60, 65, "u3", "F-W2a"),
            event(Kind.ADMINISTERED, 40, 35, "u4", "F-W2a"),
            event(Kind.ADMINISTERED, 60, 3, "u2", "F-W2a"),
            event(Kind.RESERVE, 20, 2, "o1", order="PO-1"),
        ])  # fmt: skip
        ledger.record(conn, country.programme_id, [event(Kind.ADMINISTERED, 20, 72, "late", opened_vial=True)])
        for number in (1, 2):
            asked = ordering.Asked("F-E1", [ordering.Wanted("BCG", 20)], "F-W1")
            order, _ = ordering.place(conn, country.programme_id, asked, ordering.Actor(None, NOW))
            ordering.approve(conn, country.programme_id, order.number, [], ordering.Actor(number, NOW))
        ordering.end(conn, country.programme_id, order.number, "not needed", ordering.Actor(2, NOW))
        attachments.keep(conn, country.programme_id, country.facilities["F-W1"], "note.pdf", b"%PDF-1.4 note", None)
    while pipeline.advance(engine, NOW).changes:
        pass
    with db.transaction(engine) as conn:
        pipeline.refresh(conn, programmes.find(conn, "small"), programme.day(NOW), NOW, "a new day")
    month_marks.keep(engine, programme, NOW)
    yield engine
    engine.dispose()


def wrong(engine: sa.Engine) -> list[audit.Difference]:
    with db.transaction(engine) as conn:
        conn.execute(sa.text("set transaction read only"))
        return audit.differences(conn, now=NOW)


def test_nothing_is_found_where_nothing_was_changed(engine: sa.Engine) -> None:
    assert wrong(engine) == []


ONE = "facility_id = (select id from facility where code = 'F-W1')"
DAMAGE = {
    "a row's doses": ("update stock_event set doses = doses - 1 where source_id = 'u1'", audit.LINKS),
    "a row's lot": ("update stock_event set lot_id = (select max(id) from lot) where source_id = 'q1'", audit.LINKS),
    "a row's note": ("update stock_event set note = 'x' where source_id = 'l1'", audit.LINKS),
    "a row that is gone": ("delete from stock_event where source_id = 'c1'", audit.LINKS),
    "the last row that is gone": ("delete from stock_event where source_id = 'o1'", audit.LINKS),
    "a row's programme": ("update stock_event set programme_id = 99 where source_id = 'u2'", audit.STRAYS),
    "a row's shipment": ("update stock_event set shipment_id = null where source_id = 't2'", audit.SHIPMENTS),
    "what was approved of an order": ("update stock_order_line set approved = 0", audit.ORDERS),
    "the approval of an order": ("update stock_order set approved_at = null, approved_by = null where ended_at is null",
                                 audit.ORDERS),
    "the end of an order": ("update stock_order set ended_at = now(), end_reason = 'x' where ended_at is null",
                            audit.ORDERS),
    "a lot's expiry": ("update lot set expiry = expiry + 1 where number = 'A'", audit.LINKS),
    "doses of a lot": ("update lot_balance set doses = doses + 1 where HERE and vvm_stage = 2", audit.SUMS),
    "a lot that is gone": ("delete from lot_balance where HERE and vvm_stage = 2", audit.LOTS),
    "a lot too many": ("insert into lot_balance (facility_id, product_id, doses) select facility_id, product_id, 5"
                       " from position where HERE and total = 0", audit.SUMS),
    "the stage of a lot": ("update lot_balance set vvm_stage = 1 where HERE and vvm_stage = 2", audit.LOTS),
    "the quarantine of a lot": ("update lot_balance set quarantined = false where HERE", audit.LOTS),
    "the arrival of a lot": ("update lot_balance set first_received_at = first_received_at + interval '1 second'"
                             " where HERE", audit.LOTS),
    "a position's total": ("update position set total = total + 1 where HERE and total > 0", audit.TOTALS),
    "what may be used": ("update position set usable = usable + 1 where HERE and total > 0", audit.POSITIONS),
    "what is reserved": ("update position set reserved = 19 where HERE and total > 0", audit.POSITIONS),
    "the last event": ("update position set last_event_at = last_event_at + interval '1 second' where HERE",
                       audit.POSITIONS),
    "the last receipt": ("update position set last_received_on = last_received_on + 1 where HERE", audit.POSITIONS),
    "the end of the chain": ("update position set chain = '\\x00' where HERE and total > 0", audit.LINKS),
    **{
        f"{column} of a month": (
            "update stock_month set COLUMN = COLUMN + 1 where HERE and month = (select min(month) from stock_month"
            " where closing > 0)".replace("COLUMN", column),
            audit.MONTHS,
        )
        for column in ("opening", "received", "used", "lost", "adjusted", "closing")
    },
    "a month that is gone": (
        "delete from stock_month where month = (select min(month) from stock_month where closing > 0)", audit.MONTHS,
    ),
    "doses of a mark": (
        "update lot_month set doses = set_byte(doses, 3, (get_byte(doses, 3) + 1) % 256)"
        " where month = (select max(month) from lot_month)", audit.MARKS,
    ),
    "a lot of a mark": (
        "update lot_month set lot_id = set_byte(lot_id, 3, (get_byte(lot_id, 3) + 9) % 256)"
        " where month = (select max(month) from lot_month)", audit.MARKS,
    ),
    "the demand of a mark": (
        "update position_month set amc = set_byte(amc, 1, (get_byte(amc, 1) + 1) % 256)"
        " where month = (select max(month) from position_month)", audit.JUDGED,
    ),
    "the last event of a mark": (
        "update position_month set event_day = set_byte(event_day, 3, (get_byte(event_day, 3) + 1) % 256)"
        " where month = (select max(month) from position_month)", audit.JUDGED,
    ),
    "the last receipt of a mark": (
        "update position_month set received_day = set_byte(received_day, 3, (get_byte(received_day, 3) + 255) % 256)"
        " where month = (select max(month) from position_month)", audit.JUDGED,
    ),
    "what was sent": ("update shipment set sent = sent + 1", audit.SHIPMENTS),
    "what arrived": ("update shipment set received = received + 1", audit.SHIPMENTS),
    "an answer": ("update event_key set result = jsonb_set(result, '{event_ids,0}', '999999')"
                  " where source_id = 'u1'", audit.ANSWERS),
    "a paper": ("update attachment set content = set_byte(content, 2, 1)", audit.SEALED),
    "a state": ("update position set state = 5 - state / 5 where HERE and total > 0", audit.ASSESSED),
    "a probability": ("update position set probability = probability + 0.0001 where HERE", audit.ASSESSED),
    "days of cover": ("update position set cover_p50 = cover_p50 + 1 where HERE", audit.ASSESSED),
    "the next delivery": ("update position set next_delivery_on = next_delivery_on + 1 where HERE", audit.ASSESSED),
    "demand": ("update position set amc = amc + 1 where HERE", audit.ASSESSED),
    "a facility's state": ("update facility_status set state = 6 - state where HERE", audit.ASSESSED),
    "a facility's probability": ("update facility_status set probability = 0.77 where HERE", audit.ASSESSED),
    "an alert that is gone": ("update alert set resolved_at = now()", audit.ALERTS),
    "a reader's cursor": ("update reader set txid = txid + 1000000", audit.READERS),
}  # fmt: skip


def test_one_value_that_was_changed_is_found_wherever_it_is_kept(engine: sa.Engine) -> None:
    missed = {}
    with engine.connect() as conn, conn.begin():
        conn.execute(sa.text("set local session_replication_role = replica"))  # the record refuses to be changed
        for kind, (statement, check) in DAMAGE.items():
            with conn.begin_nested() as undone:
                changed = conn.execute(sa.text(statement.replace("HERE", ONE))).rowcount
                found = {d.check for d in audit.differences(conn, now=NOW)}
                if not changed or check not in found:
                    missed[kind] = (changed, found)
                undone.rollback()
    assert missed == {}


def test_a_difference_names_place_product_and_lot(engine: sa.Engine) -> None:
    with engine.connect() as conn, conn.begin() as transaction:
        conn.execute(sa.text(DAMAGE["doses of a lot"][0].replace("HERE", ONE)))
        [found] = [d for d in audit.differences(conn, now=NOW) if d.check == audit.SUMS]
        assert found.place == "F-W1 / BCG / A"
        assert int(found.stands) == int(found.should) + 1
        transaction.rollback()


def test_an_event_that_the_rules_would_not_have_is_found_though_every_sum_and_digest_holds(engine: sa.Engine) -> None:
    """Somebody wrote past the ledger: an issue took the lot that expires later."""
    with engine.connect() as conn, conn.begin() as transaction:
        lots = dict(conn.execute(sa.text("select number, id from lot")).all())
        ledger.record(conn, 1, [event(Kind.RECEIPT, 40, 1.9, "r8", "F-E1", lot="C", expiry=FAR - timedelta(days=200))])
        ledger.record(conn, 1, [event(Kind.ADMINISTERED, 20, 1.8, "u8", "F-E1")])
        [row] = conn.execute(sa.text("select facility_id, lot_id from stock_event where source_id = 'u8'"))
        assert row.lot_id not in (lots["A"], lots["B"])
        conn.execute(sa.text("set local session_replication_role = replica"))
        conn.execute(sa.text("update stock_event set lot_id = :lot where source_id = 'u8'"), {"lot": lots["B"]})
        found = [d for d in audit.differences(conn, now=NOW) if d.check == audit.EVENTS]
        assert {(d.place, d.stands, d.should) for d in found} == {
            ("F-E1 / BCG / B / test / u8", "-20", "+0"), ("F-E1 / BCG / C / test / u8", "+0", "-20"),
        }  # fmt: skip
        transaction.rollback()


def test_a_change_that_a_reader_left_out_is_found_and_named(engine: sa.Engine) -> None:
    with db.transaction(engine) as conn:
        ledger.record(conn, 1, [event(Kind.ADMINISTERED, 10, 0.01, "skipped", opened_vial=True)])
        ledger.record(conn, 1, [event(Kind.RECEIPT, 20, 0.01, "read", "F-E1")])
    assert wrong(engine) == [], "what waits is not wrong"
    with db.transaction(engine) as conn:
        # What a reader with a cursor on a bare number does when two transactions end the other way round.
        conn.execute(sa.text(
            "update reader set (txid, seq) = (select txid, seq from outbox order by txid, seq offset"
            " (select count(*) from outbox where (txid, seq) <= (reader.txid, reader.seq)) limit 1)"
        ))  # fmt: skip
    while pipeline.advance(engine, NOW).changes:
        pass
    found = wrong(engine)
    [skipped] = [d for d in found if d.check == audit.READERS]
    assert skipped.place.startswith("reader pipeline: F-W1 / BCG, administered of ")
    assert {d.place for d in found if d.check == audit.ASSESSED} >= {"F-W1 / BCG"}


def test_a_reader_still_agrees_after_what_it_has_read_was_swept(engine: sa.Engine) -> None:
    with db.transaction(engine) as conn:
        conn.execute(sa.text("update outbox set created_at = now() - interval '8 days' where seq < 9"))
        assert outbox.sweep(conn, 7) == 8
    assert wrong(engine) == []
    with db.transaction(engine) as conn:
        conn.execute(sa.text("update reader set taken = taken - 1"))
    assert [d.check for d in wrong(engine)] == [audit.READERS]


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_is_recorded_in_whatever_order_the_replay_agrees(conn: sa.Connection, seed: int) -> None:
    from tests.app import test_rebuild as busy_country

    country = small.build(conn)
    assert busy_country.busy(conn, country.programme_id, random.Random(seed), 120) > 20
    assert audit.differences(conn) == []
