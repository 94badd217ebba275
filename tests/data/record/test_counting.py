"""A stock count from opening it to its document in the record: what is refused, and what goes on meanwhile."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import small
import sqlalchemy as sa

from data import db, errors
from data.record import audit, counting, counts, ledger
from data.record.counting import Found
from data.record.counts import Count
from data.types import Kind, StockEvent

NOW = datetime.now(UTC).replace(microsecond=0)
FAR = date(NOW.year + 3, 1, 31)
COUNTER, OFFICER = 101, 102
_ids = itertools.count()


class Place:
    """A facility with a lot A and a lot B of BCG, somebody who counts it, and an officer."""

    def __init__(self, conn: sa.Connection) -> None:
        self.conn = conn
        self.country = small.build(conn)
        self.programme_id = self.country.programme_id
        for user_id, name in ((COUNTER, "amina"), (OFFICER, "bola")):
            conn.execute(
                sa.text(
                    "insert into app_user (id, email, name, password_hash) overriding system value"
                    " values (:id, :email, :name, '')"
                ),
                {"id": user_id, "email": f"{name}@example.org", "name": f"gAAAAA{name}"},
            )
        self.record(Kind.RECEIPT, 100, lot="A", expiry=FAR, hours=48)
        self.record(Kind.RECEIPT, 40, lot="B", expiry=FAR + timedelta(days=90), hours=47)

    def record(self, kind: Kind, doses: int, *, hours: float = 1, now: datetime | None = None, **more: Any) -> None:
        fields = {"facility": "F-W1", "product": "BCG", "source": "test", "source_id": f"c{next(_ids)}"} | more
        event = StockEvent(kind=kind, doses=doses, occurred_at=NOW - timedelta(hours=hours), opened_vial=True, **fields)
        ledger.record(self.conn, self.programme_id, [event], now=now)

    def open(self, *products: str) -> Count:
        return counting.open(self.conn, self.programme_id, "F-W1", products or None, COUNTER, NOW)

    def save(self, count: Count, *found: Found, user: int = COUNTER, at: datetime = NOW) -> Count:
        with self.conn.begin_nested():
            return counting.save(self.conn, self.programme_id, count.number, found, user, at)

    def found(
        self, count: Count, lot: str | None, counted: int | None, reason: str | None = None, **more: Any
    ) -> Found:
        line = next((x for x in count.lines if x.product == "BCG" and x.lot == lot), None)
        return Found("BCG", counted, lot, reason=reason, version=line.version if line else 0, **more)

    def submit(self, count: Count, **more: Any) -> Count:
        with self.conn.begin_nested():
            return counting.submit(self.conn, self.programme_id, count.number, COUNTER, NOW, **more)

    def approve(self, count: Count, user: int = OFFICER, **more: Any) -> Count:
        with self.conn.begin_nested():
            return counting.approve(self.conn, self.programme_id, count.number, user, NOW, **more)

    def rows(self, count: Count) -> list[sa.Row[Any]]:
        return list(
            self.conn.execute(
                sa.text(
                    "select e.kind, t.number as lot, e.doses, e.counted, e.source, e.document, e.reason, e.actor_id"
                    " from stock_event e left join lot t on t.id = e.lot_id where e.document = :d and entry = 'event'"
                    " order by e.id"
                ),
                {"d": count.number},
            )
        )

    def lots(self) -> dict[str | None, int]:
        rows = self.conn.execute(
            sa.text(
                "select t.number, b.doses from lot_balance b join product p on p.id = b.product_id"
                " left join lot t on t.id = b.lot_id where b.facility_id = :f and p.code = 'BCG' and b.doses > 0"
            ),
            {"f": self.country.facilities["F-W1"]},
        )
        return {r.number: r.doses for r in rows}

    def limits(self, share: float, value: float) -> None:
        self.conn.execute(
            sa.text("update programme set count_approval_share = :s, count_approval_value = :v"),
            {"s": share, "v": value},
        )

    def wrong(self) -> list[audit.Difference]:
        return [d for d in audit.differences(self.conn) if "assess" not in d.check and "tracer" not in d.check]


@pytest.fixture
def place(conn: sa.Connection) -> Place:
    return Place(conn)


def test_a_count_lists_the_lots_on_record_and_what_has_none(place: Place) -> None:
    count = place.open()
    assert count.number == f"CNT-F-W1-{NOW.astimezone(tz=None):%Y%m%d}-1" or count.number.startswith("CNT-F-W1-")
    assert [(x.product, x.lot, x.opening, x.counted) for x in count.lines] == [
        ("BCG", "A", 100, None), ("BCG", "B", 40, None), ("MR", None, 0, None),
    ]  # fmt: skip
    assert counts.read(place.conn, place.programme_id, count.number) == count


def test_a_product_is_in_one_count_of_a_facility_at_a_time(place: Place) -> None:
    first = place.open("MR")
    assert place.open("BCG").number.endswith("-2")
    with pytest.raises(counts.AlreadyCounted, match=r"MR is being counted at Health post F-W1 already, in CNT"):
        place.open()
    counting.cancel(place.conn, place.programme_id, first.number, COUNTER, "opened by mistake", NOW)
    assert place.open("MR").status == "open"
    with pytest.raises(sa.exc.IntegrityError, match="uq_stock_count_product_active"), place.conn.begin_nested():
        place.conn.execute(sa.text("update stock_count_product set active = true"))


def test_what_cannot_be_counted_is_refused_with_what_to_do(place: Place) -> None:
    with pytest.raises(errors.UnknownFacility):
        counting.open(place.conn, place.programme_id, "F-NONE", None, COUNTER, NOW)
    with pytest.raises(errors.UnknownProduct):
        place.open("XYZ")
    count = place.open("BCG")
    for found, words in [
        (Found("MR", 1), "MR is no product of this count"),
        (Found("BCG", -1, "A"), "-1 is not a number of doses"),
        (Found("BCG", 10, "C"), "lot C is new and its expiry is not given"),
        (Found("BCG", 10, "A" * 21, FAR), "1 to 20 characters"),
        (Found("BCG", 10, "A", reason="stolen"), "Send one of: use not recorded"),
        (Found("BCG", 10, "A", reason="other"), "another reason needs a word"),
    ]:
        with pytest.raises(counts.InvalidCount, match=words):
            place.save(count, found)
    with pytest.raises(counts.UnknownCount, match="no stock count CNT-1"):
        counts.read(place.conn, place.programme_id, "CNT-1")


def test_what_agrees_is_posted_at_once_as_one_document(place: Place) -> None:
    count = place.open("BCG")
    with pytest.raises(counts.InvalidCount, match=r"not yet counted: BCG \(lot A\), BCG \(lot B\)"):
        place.submit(count)
    count = place.save(count, place.found(count, "A", 100), place.found(count, "B", 40))
    posted = place.submit(count)
    assert (posted.status, posted.approved_by, posted.counted_at) == ("posted", None, NOW)
    assert [tuple(r) for r in place.rows(count)] == [
        ("count", "A", 0, 100, "count", count.number, None, COUNTER),
        ("count", "B", 0, 40, "count", count.number, None, COUNTER),
    ]
    assert place.submit(count) == posted
    assert len(place.rows(count)) == 2
    assert place.wrong() == []
    assert place.open("BCG").number.endswith("-2")


def test_a_difference_needs_its_reason_and_a_large_one_another_person(place: Place) -> None:
    count = place.open("BCG")
    count = place.save(count, place.found(count, "A", 70), place.found(count, "B", 40))
    assert (count.variance, count.value, count.unpriced) == (-30, None, ["BCG"])
    with pytest.raises(counts.InvalidCount, match="lot A, differs by -30 doses and nobody says why"):
        place.submit(count)
    count = place.save(count, place.found(count, "A", 70, "missing"))
    waiting = place.submit(count)
    assert waiting.status == "submitted"
    assert waiting.approval == ["BCG differs by 30 doses from the 140 on record, more than 5 % of them."]
    assert place.rows(count) == []
    with pytest.raises(counts.NotOpen, match="waiting for approval"):
        place.save(count, place.found(count, "A", 100))
    with pytest.raises(counts.NotAnother, match="needs another person"):
        place.approve(count, COUNTER)
    posted = place.approve(count, note="seen on site")
    assert (posted.status, posted.approver, posted.approval_note) == ("posted", f"{OFFICER} gAAAAAbola", "seen on site")
    assert place.approve(count) == posted
    assert [(r.lot, r.doses, r.reason) for r in place.rows(count)] == [("A", -30, "missing"), ("B", 0, None)]
    assert place.lots() == {"A": 70, "B": 40}
    assert place.wrong() == []


def test_the_database_itself_refuses_an_approval_by_who_submitted(place: Place) -> None:
    count = place.open("BCG")
    count = place.save(count, place.found(count, "A", 70, "missing"), place.found(count, "B", 40))
    place.submit(count)
    with pytest.raises(sa.exc.IntegrityError, match="approved_by_another"), place.conn.begin_nested():
        place.conn.execute(sa.text("update stock_count set approved_by = submitted_by"))


def test_the_value_decides_where_there_are_prices(place: Place) -> None:
    place.limits(0.5, 50)
    place.conn.execute(sa.text("update product set price = 2.5, currency = 'USD' where code = 'BCG'"))
    count = place.open("BCG")
    count = place.save(count, place.found(count, "A", 80, "missing"), place.found(count, "B", 40))
    assert (count.value, count.currency, count.approval, count.unpriced) == (Decimal("-50"), "USD", [], [])
    count = place.save(count, place.found(count, "A", 79, "missing"))
    assert count.approval == ["What differs is worth 52.50 USD, more than 50.00."]
    assert place.submit(count).status == "submitted"
    [summary] = counts.listed(place.conn, place.programme_id, statuses=["submitted"])
    assert (summary.difference, summary.value, summary.person) == (-21, Decimal("-52.5"), f"{COUNTER} gAAAAAamina")


def test_what_is_too_much_of_one_lot_does_not_make_up_for_what_is_missing_of_another(place: Place) -> None:
    count = place.open("BCG")
    count = place.save(count, place.found(count, "A", 80), place.found(count, "B", 60))
    assert (count.variance, [t.gross for t in count.tallies]) == (0, [40])
    assert count.approval != []


def test_a_lot_that_is_found_is_counted_and_comes_into_the_record(place: Place) -> None:
    count = place.open("BCG")
    count = place.save(count, Found("BCG", 20, "C", FAR, "receipt not recorded"), Found("BCG", 5, reason="missing"))
    assert [(x.lot, x.found, x.variance) for x in count.lines if x.found] == [("C", True, 20), (None, True, 5)]
    count = place.save(count, place.found(count, None, None))
    assert [x.lot for x in count.lines] == ["A", "B", "C"]
    place.record(Kind.RECEIPT, 20, facility="F-E1", lot="X", expiry=FAR)
    with pytest.raises(counts.InvalidCount, match=f"lot X is on record as expiring {FAR}, not 2020-01-31"):
        place.save(count, Found("BCG", 1, "X", date(2020, 1, 31)))
    with pytest.raises(counts.InvalidCount, match="one lot is there twice"):
        place.save(count, Found("BCG", 1, "X"), Found("BCG", 2, "X"))
    count = place.save(count, place.found(count, "A", 100), place.found(count, "B", 40))
    place.submit(count)
    place.approve(count)
    assert place.lots() == {"A": 100, "B": 40, "C": 20}


def test_doses_of_no_known_lot_are_counted_apart_from_the_lots(place: Place) -> None:
    place.record(Kind.RECEIPT, 60, hours=40)
    count = place.open("BCG")
    assert [(x.lot, x.opening) for x in count.lines] == [("A", 100), ("B", 40), (None, 60)]
    count = place.save(
        count, place.found(count, "A", 100), place.found(count, "B", 40),
        place.found(count, None, 15, "recorded under another lot"),
        Found("BCG", 45, "C", FAR, "recorded under another lot"),
    )  # fmt: skip
    place.submit(count)
    place.approve(count)
    assert place.lots() == {"A": 100, "B": 40, "C": 45, None: 15}
    # A late receipt comes before the count, which found it: the count stands, for that lot alone.
    place.record(Kind.RECEIPT, 20, hours=30)
    place.record(Kind.RECEIPT, 20, hours=30, lot="A")
    assert place.lots() == {"A": 100, "B": 40, "C": 45, None: 15}
    assert place.wrong() == []


def test_what_happens_while_and_after_it_is_counted_stays_right(place: Place) -> None:
    count = place.open("BCG")
    counted = NOW - timedelta(hours=3)
    count = place.save(count, place.found(count, "A", 90, "missing"), place.found(count, "B", 40), at=counted)
    place.record(Kind.ADMINISTERED, 25, hours=2)
    place.record(Kind.RECEIPT, 200, lot="D", expiry=FAR, hours=1)
    count = counts.read(place.conn, place.programme_id, count.number)
    assert (count.variance, count.changed) == (-10, ("BCG",))
    place.submit(count)
    place.approve(count)
    assert place.lots() == {"A": 65, "B": 40, "D": 200}
    assert place.wrong() == []


def test_what_is_recorded_late_is_said_with_both_numbers_before_it_is_posted(place: Place) -> None:
    count = place.open("BCG")
    count = place.save(count, place.found(count, "A", 90, "missing"), place.found(count, "B", 40))
    place.record(Kind.ADMINISTERED, 10, hours=5)
    with pytest.raises(counts.Moved, match="lot A, was 100 doses on record, and is 90 now") as said:
        place.submit(count)
    assert said.value.details["lines"] == [{"product": "BCG", "lot": "A", "counted": 90, "seen": 100, "now": 90}]
    assert place.rows(count) == []
    seen = counts.read(place.conn, place.programme_id, count.number)
    assert (seen.variance, seen.lines[0].moved) == (0, True)
    with pytest.raises(counts.Moved):
        place.submit(count, seen=count.etag)
    assert place.submit(count, seen=seen.etag).status == "posted"


def test_an_approver_is_told_of_what_was_recorded_since_it_was_submitted(place: Place) -> None:
    count = place.open("BCG")
    count = place.save(count, place.found(count, "A", 70, "missing"), place.found(count, "B", 40))
    place.submit(count)
    place.record(Kind.ADMINISTERED, 10, hours=5)
    with pytest.raises(counts.Moved, match="was 100 doses on record, and is 90 now"):
        place.approve(count)
    place.record(Kind.RECEIPT, 20, lot="E", expiry=FAR, hours=5)
    looked = counts.read(place.conn, place.programme_id, count.number)
    with pytest.raises(counts.Moved, match="lot E, was 0 doses on record, and is 20 now"):
        place.approve(count, seen=looked.etag)
    back = counting.refuse(place.conn, place.programme_id, count.number, OFFICER, "count lot E as well", NOW)
    assert (back.status, back.refusal, back.refuser) == ("open", "count lot E as well", f"{OFFICER} gAAAAAbola")
    with pytest.raises(counts.InvalidCount, match=r"not yet counted: BCG \(lot E\)"), place.conn.begin_nested():
        counting.submit(place.conn, place.programme_id, count.number, COUNTER, NOW)


def test_two_people_who_save_the_same_line_see_both_numbers(place: Place) -> None:
    count = place.open("BCG")
    mine, theirs = place.found(count, "A", 90), place.found(count, "A", 95)
    place.save(count, theirs, user=OFFICER)
    with pytest.raises(counts.SavedByAnother, match="they counted 95, you counted 90") as said:
        place.save(count, mine)
    assert (said.value.details["theirs"], said.value.details["yours"], said.value.details["version"]) == (95, 90, 1)
    again = place.save(count, theirs)
    assert (again.lines[0].counted, again.lines[0].version) == (95, 1)
    count = place.save(again, place.found(again, "A", 90))
    assert (count.lines[0].counted, count.lines[0].counter) == (90, f"{COUNTER} gAAAAAamina")


def test_a_sheet_that_is_entered_later_counts_from_when_it_was_filled_in(place: Place) -> None:
    count = place.open("BCG")
    filled = NOW - timedelta(hours=6)
    place.record(Kind.ADMINISTERED, 25, hours=2)
    for wrong in (NOW + timedelta(hours=1), NOW - timedelta(days=32)):
        with pytest.raises(counts.InvalidCount, match="in the future or more than 31 days ago"):
            counting.set_time(place.conn, place.programme_id, count.number, wrong, NOW)
    counting.set_time(place.conn, place.programme_id, count.number, filled, NOW)
    count = place.save(count, place.found(count, "A", 100), place.found(count, "B", 40))
    assert (count.variance, count.lines[0].counted_at) == (0, filled)
    assert place.submit(count).counted_at == filled
    assert place.lots() == {"A": 75, "B": 40}


def test_a_count_that_would_make_the_past_impossible_is_refused_whole(place: Place) -> None:
    count = place.open("BCG")
    counting.set_time(place.conn, place.programme_id, count.number, NOW - timedelta(hours=6), NOW)
    place.record(Kind.ADMINISTERED, 130, hours=2)
    count = place.save(count, place.found(count, "A", 20, "missing"), place.found(count, "B", 40))
    place.submit(count)
    with pytest.raises(errors.Overdraw, match="would leave too little"):
        place.approve(count)
    assert counts.read(place.conn, place.programme_id, count.number).status == "submitted"
    assert place.rows(count) == []


def test_a_count_that_is_given_up_leaves_nothing_in_the_record(place: Place) -> None:
    count = place.open("BCG")
    place.save(count, place.found(count, "A", 1))
    with pytest.raises(counts.InvalidCount, match="not said why"):
        counting.cancel(place.conn, place.programme_id, count.number, COUNTER, " ", NOW)
    given_up = counting.cancel(place.conn, place.programme_id, count.number, COUNTER, "the fridge was moved", NOW)
    assert (given_up.status, given_up.cancel_reason, given_up.lines[0].counted) == (
        "cancelled", "the fridge was moved", 1,
    )  # fmt: skip
    assert place.rows(count) == []
    with pytest.raises(counts.NotOpen, match="is cancelled"):
        place.submit(count)


def test_two_approvals_at_once_post_one_document(database_url: str) -> None:
    engine = db.engine(database_url)
    with db.transaction(engine) as conn:
        place = Place(conn)
        count = place.open("BCG")
        count = place.save(count, place.found(count, "A", 70, "missing"), place.found(count, "B", 40))
        place.submit(count)
    with engine.connect() as first, engine.connect() as second:
        with first.begin():
            counting.approve(first, place.programme_id, count.number, OFFICER, NOW)
            second.execute(sa.text("set lock_timeout = '200ms'"))
            with pytest.raises(sa.exc.OperationalError, match="lock timeout"):
                counting.approve(second, place.programme_id, count.number, OFFICER, NOW)
            second.rollback()
        with second.begin():
            assert counting.approve(second, place.programme_id, count.number, OFFICER, NOW).status == "posted"
            assert Place.rows(_on(place, second), count) != []
            assert len(Place.rows(_on(place, second), count)) == 2
    engine.dispose()


def _on(place: Place, conn: sa.Connection) -> Place:
    place.conn = conn
    return place
