"""The ledger: what is recorded, what is refused, and that nothing is recorded twice."""

from __future__ import annotations

import itertools
import threading
from datetime import UTC, date, datetime, timedelta

import pytest
import small
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data import db, errors
from data.record import ledger
from data.types import Kind, StockEvent

NOW = datetime.now(UTC).replace(microsecond=0)


def event(kind: Kind, doses: int, source_id: str, *, ago: timedelta = timedelta(hours=1), **more: object) -> StockEvent:
    fields: dict[str, object] = {
        "facility": "F-W1",
        "product": "BCG",
        "source": "test",
        "occurred_at": NOW - ago,
        # Amounts here are what is easy to follow; whole vials have tests of their own.
        "opened_vial": True,
    } | more
    return StockEvent(kind=kind, doses=doses, source_id=source_id, **fields)  # type: ignore[arg-type]


@pytest.fixture
def country(conn: sa.Connection) -> small.Small:
    return small.build(conn)


def balances(conn: sa.Connection) -> dict[str | None, int]:
    rows = conn.execute(
        sa.text("select l.number, b.doses from lot_balance b left join lot l on l.id = b.lot_id where b.doses > 0")
    )
    return {r.number: r.doses for r in rows}


def test_a_receipt_raises_the_balance_and_tells_the_outbox(conn: sa.Connection, country: small.Small) -> None:
    [answer] = ledger.record(conn, country.programme_id, [event(Kind.RECEIPT, 200, "1")])
    assert answer.balance == 200
    assert not answer.repeated
    assert len(answer.event_ids) == 1
    payload = conn.scalar(sa.text("select payload from outbox"))
    assert (payload["kind"], payload["doses"], payload["balance"]) == ("receipt", 200, 200)


def test_a_repeated_delivery_is_recorded_once(conn: sa.Connection, country: small.Small) -> None:
    [first] = ledger.record(conn, country.programme_id, [event(Kind.RECEIPT, 200, "1")])
    [again] = ledger.record(conn, country.programme_id, [event(Kind.RECEIPT, 200, "1")])
    assert again.repeated
    assert (again.event_ids, again.balance) == (first.event_ids, first.balance)
    assert balances(conn) == {None: 200}


def test_the_same_id_with_other_content_is_a_conflict(conn: sa.Connection, country: small.Small) -> None:
    ledger.record(conn, country.programme_id, [event(Kind.RECEIPT, 200, "1")])
    with pytest.raises(errors.ConflictingRepeat, match="other content"):
        ledger.record(conn, country.programme_id, [event(Kind.RECEIPT, 201, "1")])
    with pytest.raises(errors.ConflictingRepeat):
        ledger.record(conn, country.programme_id, [event(Kind.RECEIPT, 5, "2"), event(Kind.RECEIPT, 6, "2")])


def test_an_overdraw_names_place_product_and_balance(conn: sa.Connection, country: small.Small) -> None:
    ledger.record(conn, country.programme_id, [event(Kind.RECEIPT, 30, "1", ago=timedelta(hours=2))])
    with pytest.raises(errors.Overdraw) as refused:
        ledger.record(conn, country.programme_id, [event(Kind.ADMINISTERED, 31, "2")])
    assert "Health post F-W1 holds 30 usable doses of BCG, fewer than the 31" in refused.value.message


def test_an_issue_without_a_lot_takes_the_earliest_expiry_and_never_an_expired_lot(
    conn: sa.Connection, country: small.Small
) -> None:
    day = NOW.date()
    stock = [("LATE", 300), ("SOON", 30), ("GONE", -1)]
    ledger.record(
        conn,
        country.programme_id,
        [
            event(Kind.RECEIPT, 50, lot, lot=lot, expiry=day + timedelta(days=days), ago=timedelta(days=3))
            for lot, days in stock
        ],
    )
    [answer] = ledger.record(conn, country.programme_id, [event(Kind.ISSUE, 70, "out")])
    assert answer.lots == (("SOON", -50), ("LATE", -20))
    assert answer.balance == 30
    with pytest.raises(errors.Overdraw):
        ledger.record(conn, country.programme_id, [event(Kind.ISSUE, 31, "more")])
    [lost] = ledger.record(conn, country.programme_id, [event(Kind.LOSS, 50, "loss", reason="expired")])
    assert lost.lots == (("GONE", -50),)


def test_a_count_sets_the_balance_and_records_the_difference(conn: sa.Connection, country: small.Small) -> None:
    ledger.record(conn, country.programme_id, [event(Kind.RECEIPT, 100, "1", ago=timedelta(hours=3))])
    [answer] = ledger.record(conn, country.programme_id, [event(Kind.COUNT, 94, "2")])
    assert (answer.balance, answer.lots) == (94, ((None, -6),))
    [same] = ledger.record(conn, country.programme_id, [event(Kind.COUNT, 94, "3", ago=timedelta(minutes=1))])
    assert same.lots == ((None, 0),)
    assert conn.scalar(sa.text("select counted from stock_event where source_id = '3'")) == 94


def test_a_late_count_is_judged_against_what_was_there_then(conn: sa.Connection, country: small.Small) -> None:
    ledger.record(
        conn,
        country.programme_id,
        [
            event(Kind.RECEIPT, 100, "1", ago=timedelta(days=4)),
            event(Kind.ADMINISTERED, 40, "2", ago=timedelta(days=1)),
        ],
    )
    [answer] = ledger.record(conn, country.programme_id, [event(Kind.COUNT, 90, "3", ago=timedelta(days=2))])
    assert answer.lots == ((None, -10),)
    assert answer.balance == 50


def test_a_late_event_that_breaks_a_later_day_is_refused_with_the_day(
    conn: sa.Connection, country: small.Small
) -> None:
    ledger.record(
        conn,
        country.programme_id,
        [
            event(Kind.RECEIPT, 100, "1", ago=timedelta(days=4)),
            event(Kind.ADMINISTERED, 90, "2", ago=timedelta(days=2)),
            event(Kind.RECEIPT, 500, "3", ago=timedelta(days=1)),
        ],
    )
    with pytest.raises(errors.Overdraw, match=f"{NOW - timedelta(days=2):%d %b %Y}"):
        ledger.record(conn, country.programme_id, [event(Kind.ADMINISTERED, 20, "4", ago=timedelta(days=3))])


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        (event(Kind.RECEIPT, 0, "1"), "doses"),
        (event(Kind.ADMINISTERED, -5, "1"), "doses"),
        (event(Kind.RECEIPT, 5, "1", ago=-timedelta(hours=1)), "occurred_at"),
        (event(Kind.RECEIPT, 5, "1", ago=timedelta(days=3000)), "occurred_at"),
        (event(Kind.LOSS, 5, "1"), "reason"),
        (event(Kind.LOSS, 5, "1", reason="eaten"), "reason"),
        (event(Kind.ADJUSTMENT, 5, "1"), "reason"),
        (event(Kind.RECEIPT, 5, "1", lot="L1"), "expiry"),
        (event(Kind.RECEIPT, 5, " "), "source_id"),
    ],
)
def test_a_field_that_cannot_be_is_named_with_its_remedy(
    conn: sa.Connection, country: small.Small, sent: StockEvent, field: str
) -> None:
    with pytest.raises(errors.InvalidEvent) as refused:
        ledger.record(conn, country.programme_id, [sent])
    assert refused.value.field == field
    assert refused.value.remedy
    assert refused.value.details["index"] == 0


def test_unknown_places_and_products_are_named(conn: sa.Connection, country: small.Small) -> None:
    with pytest.raises(errors.UnknownFacility, match="no facility with the code F-9"):
        ledger.record(conn, country.programme_id, [event(Kind.RECEIPT, 5, "1", facility="F-9")])
    with pytest.raises(errors.UnknownProduct, match="no product with the code Pfizer"):
        ledger.record(conn, country.programme_id, [event(Kind.RECEIPT, 5, "1", product="Pfizer")])


def test_another_programmes_facility_does_not_exist_here(conn: sa.Connection, country: small.Small) -> None:
    small.build(conn, "other")
    conn.execute(
        sa.text(
            "update facility set code = 'THEIRS' where code = 'F-W1'"
            " and programme_id = (select id from programme where code = 'other')"
        )
    )
    with pytest.raises(errors.UnknownFacility):
        ledger.record(conn, country.programme_id, [event(Kind.RECEIPT, 5, "1", facility="THEIRS")])


def test_a_lot_keeps_its_first_expiry(conn: sa.Connection, country: small.Small) -> None:
    ledger.record(conn, country.programme_id, [event(Kind.RECEIPT, 5, "1", lot="L1", expiry=date(2030, 1, 31))])
    with pytest.raises(errors.InvalidEvent, match="on record as expiring 2030-01-31"):
        ledger.record(conn, country.programme_id, [event(Kind.RECEIPT, 5, "2", lot="L1", expiry=date(2031, 1, 31))])


def test_months_are_folded_in_local_time_and_late_events_move_what_follows(
    conn: sa.Connection, country: small.Small
) -> None:
    first = (NOW.replace(day=1) - timedelta(days=40)).replace(day=10, hour=12)
    late = first + timedelta(days=3)
    ledger.record(
        conn,
        country.programme_id,
        [
            event(Kind.RECEIPT, 100, "1", ago=NOW - first),
            event(Kind.ADMINISTERED, 30, "2", ago=timedelta(minutes=5)),
        ],
    )
    ledger.record(conn, country.programme_id, [event(Kind.ADMINISTERED, 20, "3", ago=NOW - late)])
    rows = conn.execute(sa.text("select opening, received, used, closing from stock_month order by month")).all()
    assert [tuple(r) for r in rows] == [(0, 100, 20, 80), (80, 0, 30, 50)]


def test_several_late_events_at_once_all_move_what_follows(conn: sa.Connection, country: small.Small) -> None:
    start = NOW.replace(day=1, hour=12) - timedelta(days=100)
    ledger.record(
        conn,
        country.programme_id,
        [event(Kind.RECEIPT, 100, "1", ago=NOW - start), event(Kind.ADMINISTERED, 5, "2", ago=timedelta(minutes=5))],
    )
    late = [
        event(Kind.ADMINISTERED, 10 + n, f"late{n}", ago=NOW - start - timedelta(days=31 * n + 1)) for n in range(2)
    ]
    ledger.record(conn, country.programme_id, late)
    rows = conn.execute(sa.text("select opening, closing from stock_month order by month")).all()
    assert [r.closing for r in rows][-1] == 100 - 10 - 11 - 5
    assert all(later.opening == earlier.closing for earlier, later in itertools.pairwise(rows))


def test_a_batch_is_recorded_whole_or_not_at_all(database_url: str) -> None:
    engine = db.engine(database_url)
    with engine.begin() as conn:
        country = small.build(conn)
    with pytest.raises(errors.Overdraw) as refused, engine.begin() as conn:
        ledger.record(
            conn, country.programme_id, [event(Kind.RECEIPT, 10, "1"), event(Kind.ISSUE, 11, "2", ago=timedelta(0))]
        )
    assert refused.value.details["index"] == 1
    with engine.begin() as conn:
        assert conn.scalar(sa.text("select count(*) from stock_event")) == 0
        assert conn.scalar(sa.text("select count(*) from event_key")) == 0
    engine.dispose()


def test_concurrent_issues_never_overdraw(database_url: str) -> None:
    engine = db.engine(database_url, pool_size=8)
    with engine.begin() as conn:
        country = small.build(conn)
        ledger.record(conn, country.programme_id, [event(Kind.RECEIPT, 50, "in", ago=timedelta(days=1))])
    taken: list[int] = []

    def take(number: int) -> None:
        for turn in range(5):
            try:
                with engine.begin() as conn:
                    ledger.record(conn, country.programme_id, [event(Kind.ADMINISTERED, 3, f"{number}-{turn}")])
                taken.append(3)
            except errors.Overdraw:
                pass

    threads = [threading.Thread(target=take, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with engine.begin() as conn:
        left = conn.scalar(sa.text("select usable from position where usable > 0"))
        events = conn.scalar(sa.text("select sum(doses) from stock_event"))
    engine.dispose()
    assert (sum(taken), left, events) == (48, 2, 2)


def test_the_same_event_sent_at_once_by_many_is_recorded_once(database_url: str) -> None:
    engine = db.engine(database_url, pool_size=8)
    with engine.begin() as conn:
        country = small.build(conn)
    answers = []

    def send() -> None:
        with engine.begin() as conn:
            answers.extend(ledger.record(conn, country.programme_id, [event(Kind.RECEIPT, 10, "same")]))

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    engine.dispose()
    assert sorted(a.repeated for a in answers) == [False] + [True] * 7
    assert len({a.event_ids for a in answers}) == 1


MOVES = st.lists(
    st.tuples(
        st.sampled_from([Kind.RECEIPT, Kind.ADMINISTERED, Kind.LOSS, Kind.COUNT, Kind.ADJUSTMENT]),
        st.integers(1, 60),
        st.integers(0, 40),
        st.sampled_from([None, "A", "B"]),
    ),
    max_size=12,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=MOVES)
def test_whatever_happens_the_balance_is_the_sum_of_events_and_never_negative(
    conn: sa.Connection, moves: list[tuple[Kind, int, int, str | None]]
) -> None:
    with conn.begin_nested() as savepoint:
        country = small.build(conn)
        for number, (kind, doses, days, lot) in enumerate(moves):
            sent = event(
                kind,
                doses if kind is not Kind.ADJUSTMENT else doses - 30 or 1,
                str(number),
                ago=timedelta(days=days, hours=1),
                lot=lot,
                expiry=date(2031, 1, 1) if lot else None,
                reason="other",
            )
            try:
                with conn.begin_nested():
                    ledger.record(conn, country.programme_id, [sent])
            except errors.Overdraw:
                pass
        differing = conn.execute(
            sa.text(
                "select lot_id, sum(doses) from stock_event group by lot_id except"
                " select lot_id, doses from lot_balance"
            )
        ).all()
        running = conn.scalar(
            sa.text(
                "select min(balance) from (select sum(doses) over (partition by lot_id order by occurred_at)"
                " balance from stock_event) b"
            )
        )
        closing = conn.execute(
            sa.text(
                "select (select sum(doses) from stock_event),"
                " (select closing from stock_month order by month desc limit 1)"
            )
        ).one()
        savepoint.rollback()
    assert differing == []
    assert running is None or running >= 0
    assert closing[0] == closing[1]
