"""Any past moment, as it was true and as it was known: always the plain sum of the record."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import small
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data import db, errors, programmes
from data.record import ledger, past
from data.record.past import AsOf, Sense
from data.types import Kind, StockEvent

NOW = datetime.now(UTC).replace(microsecond=0)
FAR = date(NOW.year + 3, 1, 31)
_ids = itertools.count()

_PLAIN = sa.text("""
    select facility_id, product_id, coalesce(lot_id, 0), sum(doses)
    from stock_event
    where occurred_at <= :moment and (:sense = 'occurred' or recorded_at <= :moment)
    group by 1, 2, 3 having sum(doses) <> 0 order by 1, 2, 3
""")


def event(kind: Kind, doses: int, at: datetime, **more: object) -> StockEvent:
    fields = {"facility": "F-W1", "product": "BCG", "source": "test", "source_id": f"p{next(_ids)}"} | more
    return StockEvent(kind=kind, doses=doses, occurred_at=at, opened_vial=True, **fields)  # type: ignore[arg-type]


def lots(conn: sa.Connection, as_of: AsOf, ids: Sequence[int] | None = None) -> list[tuple[int, ...]]:
    held = past.read(conn, programmes.find(conn, "small"), as_of, ids)
    return list(zip(*(c.tolist() for c in (held.facility_id, held.product_id, held.lot_id, held.doses)), strict=True))


def plain(conn: sa.Connection, as_of: AsOf) -> list[tuple[int, ...]]:
    rows = conn.execute(_PLAIN, {"moment": as_of.moment, "sense": as_of.sense})
    return [tuple(int(v) for v in row) for row in rows]


#: When it happened and when it was recorded, in days ago; a mark is made of all months begun when `kind` is None.
STEPS = st.lists(
    st.tuples(
        st.sampled_from([
            None, Kind.RECEIPT, Kind.RECEIPT, Kind.ADMINISTERED, Kind.ISSUE, Kind.LOSS, Kind.COUNT, Kind.ADJUSTMENT,
            Kind.VVM, Kind.QUARANTINE, Kind.REVERSAL,
        ]),
        st.integers(1, 60), st.integers(0, 150), st.integers(0, 150), st.sampled_from([None, "A", "B"]),
        st.sampled_from(["F-W1", "F-E1"]),
    ),
    min_size=3, max_size=14,
)  # fmt: skip


@settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
@given(steps=STEPS, moments=st.lists(st.integers(0, 150), min_size=1, max_size=3))
def test_any_moment_is_the_plain_sum_of_the_record_whatever_was_marked_when(
    conn: sa.Connection, steps: list[tuple[Kind | None, int, int, int, str | None, str]], moments: list[int]
) -> None:
    with conn.begin_nested() as undone:
        country = small.build(conn, "small")
        done: list[StockEvent] = []
        for kind, doses, happened, told, lot, facility in steps:
            if kind is None:
                mark_all(conn)
                continue
            at = NOW - timedelta(days=max(happened, told), hours=doses)
            more: dict[str, object] = {"facility": facility, "lot": lot, "expiry": FAR if lot else None}
            if kind is Kind.REVERSAL:
                if not done:
                    continue
                back = done[doses % len(done)]
                more = {"facility": back.facility, "reverses": back.source_id, "reason": "test"}
            elif kind in (Kind.VVM, Kind.QUARANTINE):
                more |= {"lot": lot or "A", "expiry": FAR, "reason": "test"}
                more |= {"stage": doses % 4 + 1} if kind is Kind.VVM else {}
            elif kind in (Kind.LOSS, Kind.ADJUSTMENT):
                more["reason"] = "other"
            amount = 0 if kind in (Kind.VVM, Kind.QUARANTINE, Kind.REVERSAL) else doses
            said = event(kind, amount, at, **more)
            try:
                with conn.begin_nested():
                    ledger.record(conn, country.programme_id, [said], now=NOW - timedelta(days=told))
            except (errors.Overdraw, errors.InvalidEvent):
                continue
            if kind is not Kind.REVERSAL:
                done.append(said)
        for days, sense in itertools.product([*moments, 0], Sense):
            as_of = AsOf(NOW - timedelta(days=days), sense)
            assert lots(conn, as_of) == plain(conn, as_of)
            one = country.facilities["F-W1"]
            assert lots(conn, as_of, [one]) == [lot for lot in plain(conn, as_of) if lot[0] == one]
        undone.rollback()


def mark_all(conn: sa.Connection) -> None:
    programme = programmes.find(conn, "small")
    last_id = conn.scalar(sa.text("select coalesce(max(id), 0) from stock_event"))
    for month in past.months(conn, programme, NOW):
        past.mark(conn, programme, month, last_id)


def test_what_was_known_is_not_what_was_true(conn: sa.Connection) -> None:
    country = small.build(conn)
    day = timedelta(days=1)
    first = [event(Kind.RECEIPT, 100, NOW - 50 * day), event(Kind.ADMINISTERED, 20, NOW - 40 * day)]
    ledger.record(conn, country.programme_id, first, now=NOW - 40 * day)
    ledger.record(conn, country.programme_id, [event(Kind.LOSS, 30, NOW - 45 * day, reason="heat")], now=NOW - 10 * day)
    then = NOW - 30 * day
    assert [lot[3] for lot in lots(conn, AsOf(then, Sense.OCCURRED))] == [50]
    assert [lot[3] for lot in lots(conn, AsOf(then, Sense.RECORDED))] == [80]
    mark_all(conn)
    assert [lot[3] for lot in lots(conn, AsOf(then, Sense.OCCURRED))] == [50]
    assert [lot[3] for lot in lots(conn, AsOf(then, Sense.RECORDED))] == [80]


def test_a_lot_is_as_usable_as_it_was_then(conn: sa.Connection) -> None:
    country = small.build(conn)
    programme = programmes.find(conn, "small")
    day = timedelta(days=1)
    soon = programme.day(NOW - 20 * day)
    bad = event(Kind.QUARANTINE, 0, NOW - 40 * day, lot="A", reason="it was warm")
    for said, told in (
        (event(Kind.RECEIPT, 100, NOW - 50 * day, lot="A", expiry=soon), 50),
        (bad, 40),
        (event(Kind.RELEASE, 0, NOW - 35 * day, lot="A"), 35),
        (event(Kind.VVM, 0, NOW - 25 * day, lot="A", stage=3), 25),
        (event(Kind.VVM, 0, NOW - 24 * day, lot="A", stage=2), 15),
    ):
        ledger.record(conn, country.programme_id, [said], now=NOW - told * day)

    def usable(days: float, sense: Sense = Sense.OCCURRED) -> list[bool]:
        return list(past.read(conn, programme, AsOf(NOW - days * day, sense)).usable.tolist())

    assert usable(45) == [True]
    assert usable(38) == [False], "it was in quarantine"
    assert usable(30) == [True], "it was released"
    assert usable(24.5) == [False], "its monitors had turned"
    assert usable(22) == [True], "they had not, as was found later"
    assert usable(22, Sense.RECORDED) == [False], "but nobody knew that then"
    assert usable(20) == [True], "its last day"
    assert usable(18) == [False], "it had expired"
    ledger.record(conn, country.programme_id, [
        event(Kind.REVERSAL, 0, NOW, reverses=bad.source_id, reason="another lot")])  # fmt: skip
    assert usable(38) == [True], "it never was in quarantine"
    assert usable(38, Sense.RECORDED) == [False]


def test_a_mark_waits_for_who_records_at_that_moment(database_url: str) -> None:
    engine = db.engine(database_url)
    at = NOW - timedelta(days=70)
    with db.transaction(engine) as conn:
        country = small.build(conn)
        ledger.record(conn, country.programme_id, [event(Kind.RECEIPT, 100, at)], now=at)
        programme = programmes.find(conn, "small")
    marking = threading.Thread(target=past.keep, args=(engine, programme, NOW))
    with db.transaction(engine) as conn:
        # It has its id, and will be on record only when it is committed.
        ledger.record(conn, country.programme_id, [event(Kind.RECEIPT, 20, at, facility="F-E1")], now=NOW)
        marking.start()
        marking.join(0.5)
        assert marking.is_alive()
    marking.join()
    with db.transaction(engine) as conn:
        assert conn.scalar(sa.text("select count(*) from lot_month")) in (2, 3)
        assert lots(conn, AsOf(NOW)) == plain(conn, AsOf(NOW))
        assert len(lots(conn, AsOf(NOW))) == 2
    engine.dispose()


def test_marks_are_made_for_every_month_once(database_url: str) -> None:
    engine = db.engine(database_url)
    with db.transaction(engine) as conn:
        country = small.build(conn)
        at = NOW - timedelta(days=70)
        ledger.record(conn, country.programme_id, [event(Kind.RECEIPT, 100, at)], now=at)
        programme = programmes.find(conn, "small")
    made = past.keep(engine, programme, NOW)
    assert len(made) in (2, 3)
    assert made[-1] == programme.day(NOW).replace(day=1)
    assert past.keep(engine, programme, NOW) == []
    with db.transaction(engine) as conn:
        stored = conn.execute(sa.text("select count(*), max(last_id) from lot_month")).one()
        assert tuple(stored) == (len(made), 1)
        assert [lot[3] for lot in lots(conn, AsOf(NOW))] == [100]
    engine.dispose()
