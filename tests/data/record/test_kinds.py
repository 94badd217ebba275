"""What each kind of event does, in any order of arrival, and what is refused."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import small
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data import errors
from data.record import audit, ledger, rules, shipments
from data.types import Kind, Recorded, StockEvent

NOW = datetime.now(UTC).replace(microsecond=0)
FAR = date(NOW.year + 3, 1, 31)
_ids = itertools.count()


def event(kind: Kind, doses: int = 0, *, hours: float = 1, **more: Any) -> StockEvent:
    fields = {"facility": "F-W1", "product": "BCG", "source": "test", "source_id": f"k{next(_ids)}"} | more
    return StockEvent(kind=kind, doses=doses, occurred_at=NOW - timedelta(hours=hours), **fields)


class Place:
    """Somebody who records, and looks at what came of it."""

    def __init__(self, conn: sa.Connection) -> None:
        self.conn = conn
        self.programme_id = small.build(conn).programme_id

    def record(self, *events: StockEvent) -> list[Recorded]:
        with self.conn.begin_nested():
            return ledger.record(self.conn, self.programme_id, events)

    def lots(self, facility: str = "F-W1") -> dict[str | None, int]:
        rows = self.conn.execute(
            sa.text(
                "select l.number, b.doses from lot_balance b join facility f on f.id = b.facility_id"
                " left join lot l on l.id = b.lot_id where b.doses > 0 and f.code = :code"
            ),
            {"code": facility},
        )
        return {r.number: r.doses for r in rows}

    def position(self, facility: str = "F-W1") -> sa.Row[Any]:
        return self.conn.execute(
            sa.text(
                "select p.usable, p.total, p.reserved, p.version from position p"
                " join facility f on f.id = p.facility_id"
                " join product r on r.id = p.product_id where f.code = :code and r.code = 'BCG'"
            ),
            {"code": facility},
        ).one()

    def wrong(self) -> list[audit.Difference]:
        return [d for d in audit.differences(self.conn) if "assess" not in d.check and "tracer" not in d.check]


@pytest.fixture
def place(conn: sa.Connection) -> Place:
    return Place(conn)


def test_a_vial_that_does_not_divide_is_refused_unless_an_opened_one_is_meant(place: Place) -> None:
    with pytest.raises(errors.InvalidEvent, match="Send 40 or 60, or opened_vial: true"):
        place.record(event(Kind.RECEIPT, 50))
    with pytest.raises(errors.InvalidEvent, match=r"Send 20, or opened_vial"):
        place.record(event(Kind.RECEIPT, 7))
    place.record(event(Kind.RECEIPT, 60, hours=9))
    [used] = place.record(event(Kind.ADMINISTERED, 13, hours=8))
    assert used.balance == 47
    with pytest.raises(errors.InvalidEvent, match="no whole number of vials of 20"):
        place.record(event(Kind.LOSS, 7, reason="broken"))
    [lost] = place.record(event(Kind.LOSS, 7, reason="opened"))
    assert lost.balance == 40


def test_a_transfer_is_in_transit_until_it_arrives_with_its_lots(place: Place) -> None:
    place.record(
        event(Kind.RECEIPT, 100, lot="A", expiry=FAR, hours=9),
        event(Kind.RECEIPT, 100, lot="B", expiry=FAR - timedelta(days=90), hours=8),
        event(Kind.TRANSFER_OUT, 120, partner="F-E1", document="WB-1", hours=7),
    )
    [way] = shipments.open_for(place.conn, place.programme_id)
    assert (way.sender, way.receiver, way.sent, way.received, way.in_transit, way.differs) == (
        "F-W1", "F-E1", 120, 0, 120, False,
    )  # fmt: skip
    arrived = event(Kind.TRANSFER_IN, 120, facility="F-E1", partner="F-W1", document="WB-1")
    [answer] = place.record(arrived)
    assert answer.lots == (("B", 100), ("A", 20))
    assert shipments.open_for(place.conn, place.programme_id) == []
    assert place.lots("F-E1") == {"A": 20, "B": 100}
    assert place.lots() == {"A": 80}
    assert place.wrong() == []


def test_what_a_late_event_makes_of_another_keeps_its_own_other_end_and_document(place: Place) -> None:
    place.record(event(Kind.RECEIPT, 40, hours=9, lot="A", expiry=FAR), event(Kind.RECEIPT, 40, hours=9))
    place.record(event(Kind.TRANSFER_OUT, 40, hours=5, partner="F-E1", document="WB-1"))
    place.record(event(Kind.TRANSFER_OUT, 20, hours=7, partner="F-W2a", document="WB-2"))
    rows = place.conn.execute(sa.text(
        "select e.entry, e.document, f.code from stock_event e join facility f on f.id = e.partner_id order by e.id"
    )).all()  # fmt: skip
    assert {(r.document, r.code) for r in rows} == {("WB-1", "F-E1"), ("WB-2", "F-W2a")}
    assert "revision" in {r.entry for r in rows}
    assert place.wrong() == []


def test_a_shipment_left_with_the_first_and_came_with_the_last_whatever_was_told_first(place: Place) -> None:
    place.record(event(Kind.RECEIPT, 80, hours=9))
    place.record(
        event(Kind.TRANSFER_IN, 20, hours=2, facility="F-E1", partner="F-W1", document="WB-1"),
        event(Kind.TRANSFER_OUT, 20, hours=4, partner="F-E1", document="WB-1"),
    )
    place.record(event(Kind.TRANSFER_OUT, 20, hours=6, partner="F-E1", document="WB-1"))
    place.record(event(Kind.TRANSFER_IN, 20, hours=3, facility="F-E1", partner="F-W1", document="WB-1"))
    sent_at, received_at = place.conn.execute(sa.text("select sent_at, received_at from shipment")).one()
    assert (sent_at, received_at) == (NOW - timedelta(hours=6), NOW - timedelta(hours=2))


def test_what_arrives_differently_stays_open_until_somebody_says_why(place: Place) -> None:
    place.record(
        event(Kind.RECEIPT, 100, hours=9),
        event(Kind.ISSUE, 100, partner="F-E1", document="WB-2", hours=8),
        event(Kind.RECEIPT, 80, facility="F-E1", partner="F-W1", document="WB-2", hours=2),
    )
    [way] = shipments.open_for(place.conn, place.programme_id)
    assert (way.in_transit, way.differs) == (20, True)
    shipments.resolve(place.conn, place.programme_id, "WB-2", "BCG", "a box was left behind", None, NOW)
    assert shipments.open_for(place.conn, place.programme_id) == []
    with pytest.raises(shipments.UnknownShipment, match="no shipment WB-2"):
        shipments.resolve(place.conn, place.programme_id, "WB-2", "BCG", "again", None, NOW)


def test_the_receipt_of_a_transfer_may_be_recorded_before_its_dispatch(place: Place) -> None:
    place.record(event(Kind.TRANSFER_IN, 40, facility="F-E1", partner="F-W1", document="WB-3"))
    assert shipments.open_for(place.conn, place.programme_id) == []
    place.record(event(Kind.RECEIPT, 100, hours=9))
    place.record(event(Kind.TRANSFER_OUT, 60, partner="F-E1", document="WB-3", hours=5))
    [way] = shipments.open_for(place.conn, place.programme_id)
    assert (way.sent, way.received, way.differs) == (60, 40, True)
    with pytest.raises(errors.InvalidEvent, match="WB-3 is on record from Health post F-W1 to Health post F-E1"):
        place.record(event(Kind.TRANSFER_OUT, 20, partner="F-W2a", document="WB-3"))
    assert place.wrong() == []


def test_what_is_quarantined_or_past_its_discard_point_is_never_issued(place: Place) -> None:
    place.record(
        event(Kind.RECEIPT, 40, lot="A", expiry=FAR, hours=9),
        event(Kind.RECEIPT, 40, lot="B", expiry=FAR + timedelta(days=1), hours=9),
        event(Kind.RECEIPT, 40, lot="C", expiry=FAR + timedelta(days=2), hours=9),
        event(Kind.QUARANTINE, lot="A", reason="it was warm", hours=8),
        event(Kind.VVM, lot="B", stage=3, hours=8),
    )
    assert place.position().usable == 40
    [issued] = place.record(event(Kind.ISSUE, 20, hours=7))
    assert issued.lots == (("C", -20),)
    with pytest.raises(errors.Overdraw, match="holds 20 usable doses"):
        place.record(event(Kind.ISSUE, 40, hours=6))
    with pytest.raises(errors.Overdraw, match="holds 0 usable doses"):
        place.record(event(Kind.ISSUE, 20, lot="A", hours=6))
    place.record(event(Kind.RELEASE, lot="A", hours=5), event(Kind.VVM, lot="C", stage=2, hours=5))
    [issued] = place.record(event(Kind.ISSUE, 40, hours=4))
    assert issued.lots == (("C", -20), ("A", -20)), "stage 2 goes before stage 1, whatever expires first"
    [back] = place.record(event(Kind.RETURN, 40, lot="B", hours=3))
    assert back.lots == (("B", -40),), "what is spoilt may be sent back"
    assert place.wrong() == []


def test_what_is_reserved_for_an_order_goes_to_nobody_else(place: Place) -> None:
    place.record(
        event(Kind.RECEIPT, 100, hours=9),
        event(Kind.RESERVE, 60, order="PO-1", hours=8),
    )
    assert (place.position().usable, place.position().reserved) == (100, 60)
    with pytest.raises(errors.Overdraw, match=r"holds 40 usable doses .* 60 doses are reserved for orders"):
        place.record(event(Kind.ISSUE, 60, hours=7))
    with pytest.raises(errors.Overdraw):
        place.record(event(Kind.RESERVE, 60, order="PO-2", hours=7))
    place.record(event(Kind.ISSUE, 40, order="PO-1", hours=6))
    assert (place.position().usable, place.position().reserved) == (60, 20)
    place.record(event(Kind.UNRESERVE, 20, order="PO-1", hours=5))
    place.record(event(Kind.ISSUE, 60, hours=4))
    assert (place.position().usable, place.position().reserved) == (0, 0)
    assert place.wrong() == []


def test_a_reversal_makes_the_event_not_have_happened(place: Place) -> None:
    receipt = event(Kind.RECEIPT, 100, hours=9)
    used = event(Kind.ADMINISTERED, 30, hours=8)
    place.record(receipt, used, event(Kind.COUNT, 60, hours=6), event(Kind.ADMINISTERED, 10, hours=4))
    [back] = place.record(event(Kind.REVERSAL, reverses=used.source_id, reason="typed twice"))
    assert back.lots == ((None, 30),)
    assert back.balance == 50, "the count still says what was there"
    with pytest.raises(errors.InvalidEvent, match="reversed before"):
        place.record(event(Kind.REVERSAL, reverses=used.source_id, reason="again"))
    with pytest.raises(errors.InvalidEvent, match="a reversal itself"):
        place.record(event(Kind.REVERSAL, reverses=f"k{int(used.source_id[1:]) + 3}", reason="back again"))
    with pytest.raises(errors.InvalidEvent, match="no event nothing of test is on record here"):
        place.record(event(Kind.REVERSAL, reverses="nothing", reason="?"))
    assert place.wrong() == []


def test_a_receipt_that_was_used_cannot_be_reversed_and_the_event_that_needs_it_is_named(place: Place) -> None:
    receipt, used = event(Kind.RECEIPT, 40, hours=9), event(Kind.ADMINISTERED, 30, hours=8)
    place.record(receipt, used)
    with pytest.raises(errors.Overdraw, match=rf"the administered of 30 on .* \(test / {used.source_id}\)"):
        place.record(event(Kind.REVERSAL, reverses=receipt.source_id, reason="never came"))


def test_a_late_event_before_a_count_does_not_move_what_was_counted(place: Place) -> None:
    place.record(
        event(Kind.RECEIPT, 100, hours=9), event(Kind.COUNT, 60, hours=5), event(Kind.ADMINISTERED, 5, hours=3)
    )
    [late] = place.record(event(Kind.ADMINISTERED, 30, hours=7))
    assert late.balance == 55
    rows = place.conn.execute(sa.text("select entry, doses from stock_event where kind = 'count' order by id")).all()
    assert [tuple(row) for row in rows] == [("event", -40), ("revision", 30)]
    with pytest.raises(errors.Overdraw):
        place.record(event(Kind.ADMINISTERED, 80, hours=6))
    assert place.wrong() == []


def test_a_late_receipt_is_issued_first_where_it_expires_first(place: Place) -> None:
    place.record(event(Kind.RECEIPT, 60, lot="LATE", expiry=FAR, hours=9), event(Kind.ISSUE, 40, hours=5))
    place.record(event(Kind.RECEIPT, 20, lot="SOON", expiry=FAR - timedelta(days=30), hours=7))
    assert place.lots() == {"LATE": 40}
    assert place.wrong() == []


def test_an_event_with_a_version_that_is_no_longer_so_is_refused_with_both_values(place: Place) -> None:
    [first] = place.record(event(Kind.RECEIPT, 100, hours=9))
    seen = first.version
    place.record(event(Kind.COUNT, 90, hours=2, version=seen))
    with pytest.raises(errors.Changed, match="it holds 90 usable doses now") as refused:
        place.record(event(Kind.COUNT, 95, version=seen))
    assert refused.value.details["doses"] == 95
    assert refused.value.details["version"] == seen + 1


def test_the_good_of_a_batch_are_kept_and_the_others_say_why(place: Place) -> None:
    answers = ledger.record_each(place.conn, place.programme_id, [
        event(Kind.RECEIPT, 40, hours=9),
        event(Kind.ADMINISTERED, 50, hours=8),
        event(Kind.ADMINISTERED, 10, facility="nowhere"),
        event(Kind.LOSS, 20, hours=7),
        event(Kind.ADMINISTERED, 15, hours=6),
    ])  # fmt: skip
    kept = [a.balance if isinstance(a, Recorded) else type(a).__name__ for a in answers]
    assert kept == [40, "Overdraw", "UnknownFacility", "InvalidEvent", 25]
    assert [a.details["index"] for a in answers if isinstance(a, errors.DataError)] == [1, 2, 3]
    assert place.position().usable == 25


def test_nothing_on_record_can_be_changed_or_taken_out(place: Place) -> None:
    place.record(event(Kind.RECEIPT, 100))
    for statement in ("update stock_event set doses = 200", "delete from stock_event"):
        with pytest.raises(sa.exc.IntegrityError, match="append-only"), place.conn.begin_nested():
            place.conn.execute(sa.text(statement))


KINDS = st.sampled_from([
    Kind.RECEIPT, Kind.RECEIPT, Kind.ADMINISTERED, Kind.ISSUE, Kind.LOSS, Kind.COUNT, Kind.ADJUSTMENT, Kind.VVM,
    Kind.QUARANTINE, Kind.RELEASE, Kind.RESERVE, Kind.UNRESERVE,
])  # fmt: skip
MOVES = st.lists(
    st.tuples(KINDS, st.integers(1, 60), st.integers(0, 12), st.sampled_from([None, "A", "B"]), st.sampled_from("xy")),
    min_size=2, max_size=9,
)  # fmt: skip


def _moved(move: tuple[Kind, int, int, str | None, str], number: int, facility: str) -> StockEvent:
    kind, doses, hours, lot, order = move
    still = kind in (Kind.VVM, Kind.QUARANTINE, Kind.RELEASE)
    lot = lot or "A" if still else None if kind in (Kind.RESERVE, Kind.UNRESERVE) else lot
    expiry = {"A": FAR, "B": FAR + timedelta(days=40)}.get(lot or "")
    return event(
        kind, 0 if still else doses - 30 or 1 if kind is Kind.ADJUSTMENT else doses, hours=hours + 1,
        facility=facility, source_id=f"{facility} {number}", lot=lot, expiry=expiry, reason="other", opened_vial=True,
        stage=1 + doses % 4 if kind is Kind.VVM else None,
        order=order if kind in (Kind.RESERVE, Kind.UNRESERVE) or (kind is Kind.ISSUE and doses % 2) else None,
    )  # fmt: skip


def _insist(place: Place, events: list[StockEvent]) -> list[StockEvent]:
    """Record in this order, and again what was refused, until nothing more is taken; returns what was taken."""
    taken: list[StockEvent] = []
    while True:
        left = [e for e in events if e not in taken]
        before = len(taken)
        for each in left:
            try:
                place.record(each)
            except errors.Overdraw:
                continue
            taken.append(each)
        if len(taken) == before:
            return taken


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=MOVES, chance=st.randoms(use_true_random=False))
def test_any_order_of_arrival_gives_the_balances_of_the_order_of_occurrence(
    conn: sa.Connection, moves: list[tuple[Kind, int, int, str | None, str]], chance: Any
) -> None:
    with conn.begin_nested() as savepoint:
        place = Place(conn)
        numbers = list(range(len(moves)))
        chance.shuffle(numbers)
        taken = _insist(place, [_moved(moves[n], n, "F-W1") for n in numbers])
        again = sorted(int(e.source_id.split()[1]) for e in taken)
        twins = [_moved(moves[n], n, "F-E1") for n in again]
        for twin in twins:
            assert twin.source_id.split()[1] in {e.source_id.split()[1] for e in taken}
        ordered = ledger.record_each(conn, place.programme_id, twins)
        shown = [(place.lots(f), tuple(place.position(f))[:3]) for f in ("F-W1", "F-E1")]
        states = [
            conn.execute(sa.text(
                "select l.number, b.vvm_stage, b.quarantined from lot_balance b join facility f on f.id = b.facility_id"
                " join lot l on l.id = b.lot_id where f.code = :f and b.doses > 0 order by 1"
            ), {"f": f}).all()
            for f in ("F-W1", "F-E1")
        ]  # fmt: skip
        wrong = place.wrong()
        savepoint.rollback()
    assert [a for a in ordered if isinstance(a, errors.DataError)] == []
    assert shown[0] == shown[1]
    assert states[0] == states[1]
    assert wrong == []


@pytest.mark.parametrize(
    "mutation",
    [
        "update stock_event set note = 'b' where source_id = 'second'",
        "update stock_event set doses = doses + 1 where source_id = 'second'",
        "update stock_event set occurred_at = occurred_at + interval '1 microsecond' where source_id = 'first'",
        "update stock_event set digest = set_byte(digest, 7, get_byte(digest, 7) # 1) where source_id = 'second'",
        "update lot set number = 'LOT-B'",
        "update lot set expiry = expiry + 1",
        "delete from stock_event where source_id = 'third'",
        "delete from stock_event where source_id = 'second'",
        "delete from stock_event",
        "update lot_balance set doses = doses + 1",
        "update position set usable = usable, total = total + 1 where chain <> ''",
        "update position set chain = set_byte(chain, 31, get_byte(chain, 31) # 128) where chain <> ''",
        "update event_key set result = '{\"event_ids\": [999999999]}' where source_id = 'first'",
    ],
)
def test_a_single_byte_that_was_changed_is_found(place: Place, mutation: str) -> None:
    place.record(
        event(Kind.RECEIPT, 40, lot="LOT-A", expiry=FAR, hours=9, source_id="first"),
        event(Kind.ADMINISTERED, 10, hours=8, source_id="second", note="a"),
        event(Kind.COUNT, 29, hours=7, source_id="third"),
    )
    assert place.wrong() == []
    place.conn.execute(sa.text("alter table stock_event disable trigger append_only"))
    place.conn.execute(sa.text(mutation))
    assert place.wrong() != []


def test_a_receipt_that_was_taken_back_does_not_make_its_lot_the_oldest(place: Place) -> None:
    wrong = event(Kind.RECEIPT, 20, lot="A", expiry=FAR, hours=20)
    place.record(wrong)
    place.record(event(Kind.REVERSAL, reverses=wrong.source_id, reason="typed twice"))
    place.record(event(Kind.RECEIPT, 20, lot="B", expiry=FAR, hours=9))
    place.record(event(Kind.RECEIPT, 20, lot="A", expiry=FAR, hours=5))
    [issued] = place.record(event(Kind.ISSUE, 20, hours=1))
    assert issued.lots == (("B", -20),), "B is the oldest receipt that there was"


def test_doses_of_no_known_lot_are_counted_and_taken_by_themselves(conn: sa.Connection) -> None:
    place = Place(conn)
    place.record(
        event(Kind.RECEIPT, 100, hours=9, lot="A", expiry=FAR),
        event(Kind.RECEIPT, 60, hours=9),
        event(Kind.COUNT, 50, hours=8, without_lot=True),
        event(Kind.LOSS, 20, hours=7, without_lot=True, reason="broken"),
    )
    assert place.lots() == {"A": 100, None: 30}
    # What comes late finds the same doses again.
    place.record(event(Kind.RECEIPT, 20, hours=8.5, lot="A"), event(Kind.RECEIPT, 20, hours=8.5))
    assert place.lots() == {"A": 120, None: 30}
    with pytest.raises(errors.Overdraw):
        place.record(event(Kind.ADMINISTERED, 31, without_lot=True))
    assert place.wrong() == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": Kind.LOSS, "lot": "A", "expiry": FAR, "reason": "heat"},
        {"kind": Kind.RECEIPT},
        {"kind": Kind.RESERVE, "order": "1"},
    ],
    ids=["with a lot", "of a receipt", "of a reservation"],
)
def test_doses_of_no_known_lot_are_meant_only_where_lots_are_chosen(conn: sa.Connection, wrong: dict[str, Any]) -> None:
    place = Place(conn)
    with pytest.raises(errors.InvalidEvent) as refused:
        place.record(event(doses=20, without_lot=True, **wrong))
    assert refused.value.field == "without_lot"


def test_too_many_doses_refuse_their_own_event_only(conn: sa.Connection) -> None:
    place = Place(conn)
    most = rules.MOST_DOSES
    answers = ledger.record_each(
        conn, place.programme_id,
        [event(Kind.COUNT, most, hours=3), event(Kind.RECEIPT, 20, hours=2), event(Kind.LOSS, 20, reason="heat")],
    )  # fmt: skip
    assert [isinstance(answer, Recorded) for answer in answers] == [True, False, True]
    assert place.position().total == most - 20
    # Also where it would become so only later.
    [late] = ledger.record_each(conn, place.programme_id, [event(Kind.ADJUSTMENT, 10, hours=2.5, reason="found")])
    assert isinstance(late, errors.InvalidEvent)
    assert late.field == "doses"
    assert f"{most + 10:,} doses" in late.message
    assert place.wrong() == []
