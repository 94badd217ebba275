"""An order from placing it to its arrival: what is held, what is shipped, what is refused, and what two do at once."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import small
import sqlalchemy as sa

from data import db, errors
from data.record import audit, ledger, ordering, orders
from data.record.ordering import Actor, Asked, Wanted
from data.record.orders import Order, Status
from data.types import Kind, StockEvent

NOW = datetime.now(UTC).replace(microsecond=0)
FAR = date(NOW.year + 3, 1, 31)
IN_CHARGE, OFFICER, KEEPER = 101, 102, 103
_ids = itertools.count()


class Place:
    """A store F-E1 that supplies F-W1, with a lot A and an earlier lot B of BCG and some MR, and who works there."""

    def __init__(self, conn: sa.Connection) -> None:
        self.conn = conn
        self.country = small.build(conn)
        self.programme_id = self.country.programme_id
        conn.execute(
            sa.text("update facility set supplier_id = :s where code <> 'F-E1'"), {"s": self.country.facilities["F-E1"]}
        )
        for user_id, name in ((IN_CHARGE, "amina"), (OFFICER, "bola"), (KEEPER, "chidi")):
            conn.execute(
                sa.text(
                    "insert into app_user (id, email, name, password_hash) overriding system value"
                    " values (:id, :email, :name, '')"
                ),
                {"id": user_id, "email": f"{name}@example.org", "name": f"gAAAAA{name}"},
            )
        self.record(Kind.RECEIPT, 100, lot="A", expiry=FAR, hours=48)
        self.record(Kind.RECEIPT, 40, lot="B", expiry=FAR - timedelta(days=90), hours=47)
        self.record(Kind.RECEIPT, 50, product="MR", lot="M", expiry=FAR, hours=47)

    def record(self, kind: Kind, doses: int, *, hours: float = 0, **more: Any) -> None:
        fields = {"facility": "F-E1", "product": "BCG", "source": "test", "source_id": f"o{next(_ids)}"} | more
        event = StockEvent(kind=kind, doses=doses, occurred_at=NOW - timedelta(hours=hours), **fields)
        with self.conn.begin_nested():
            ledger.record(self.conn, self.programme_id, [event])

    def place(self, bcg: int = 60, mr: int | None = None, *, by: Actor | None = None, **more: Any) -> Order:
        lines = [Wanted("BCG", bcg), *([] if mr is None else [Wanted("MR", mr)])]
        asked = Asked(**({"facility": "F-W1", "lines": lines} | more))
        with self.conn.begin_nested():
            return ordering.place(self.conn, self.programme_id, asked, by or Actor(IN_CHARGE, NOW))[0]

    def do(self, step: Callable[..., Order], order: Order, *said: Any, by: Actor | None = None, **more: Any) -> Order:
        with self.conn.begin_nested():
            return step(self.conn, self.programme_id, order.number, *said, by or Actor(OFFICER, NOW), **more)

    def approved(self, bcg: int = 60, mr: int | None = None) -> Order:
        return self.do(ordering.approve, self.place(bcg, mr), [])

    def position(self, facility: str = "F-E1", product: str = "BCG") -> tuple[int, int]:
        return tuple(  # type: ignore[return-value]
            self.conn.execute(
                sa.text("select usable, reserved from position where facility_id = :f and product_id = :p"),
                {"f": self.country.facilities[facility], "p": self.country.products[product]},
            ).one()
        )

    def rows(self, order: Order) -> list[tuple[Any, ...]]:
        found = self.conn.execute(
            sa.text(
                "select f.code, e.kind, t.number, e.doses, e.reserved, e.document, e.actor_id from stock_event e"
                " join facility f on f.id = e.facility_id left join lot t on t.id = e.lot_id"
                " where e.source = 'order' and starts_with(e.source_id, :n || '/') order by e.id"
            ),
            {"n": order.number},
        )
        return [tuple(r) for r in found]

    def wrong(self) -> list[audit.Difference]:
        return [d for d in audit.differences(self.conn) if "assess" not in d.check and "tracer" not in d.check]


@pytest.fixture
def place(conn: sa.Connection) -> Place:
    return Place(conn)


def test_an_order_goes_from_asking_to_the_shelf_it_was_asked_for(place: Place) -> None:
    order = place.place(60, 20, note="before the campaign")
    assert order.number.startswith("ORD-F-W1-")
    assert order.number.endswith("-1")
    assert (order.status, order.supplier, order.regular, order.placer) == (
        Status.PLACED, "F-E1", True, f"{IN_CHARGE} gAAAAAamina",
    )  # fmt: skip
    assert place.position() == (140, 0), "who asks holds nothing yet"
    order = place.do(ordering.approve, order, [Wanted("MR", 10)], note="less measles, for now")
    assert order.status is Status.APPROVED
    assert [(x.product, x.ordered, x.approved, x.reserved) for x in order.lines] == [
        ("BCG", 60, 60, 60), ("MR", 20, 10, 10),
    ]  # fmt: skip
    assert place.position() == (140, 60)
    order = place.do(ordering.ship, order, [Wanted("BCG", 40), Wanted("MR", 10)], by=Actor(KEEPER, NOW))
    assert order.status is Status.SHIPPED
    assert [(x.product, x.shipped, x.left, x.reserved, x.under_way) for x in order.lines] == [
        ("BCG", 40, 20, 20, 40), ("MR", 10, 0, 0, 10),
    ]  # fmt: skip
    assert place.position() == (100, 20)
    [picked, _] = orders.picked(place.conn, order).values()
    assert [(p.lot, p.doses) for p in picked] == [("B", 40)], "first expired, first out"
    order = place.do(ordering.ship, order, [], document="DN-2")
    assert order.documents == [order.number, "DN-2"]
    for document in order.documents:
        order = place.do(ordering.receive, order, document, by=Actor(IN_CHARGE, NOW))
    assert (order.status, [x.received for x in order.lines]) == (Status.CLOSED, [60, 10])
    assert place.position("F-W1") == (60, 0)
    assert place.position("F-W1", "MR") == (10, 0)
    assert [r[:4] for r in place.rows(order) if r[2] in ("A", "B")] == [
        ("F-E1", "issue", "B", -40), ("F-E1", "issue", "A", -20), ("F-W1", "receipt", "B", 40),
        ("F-W1", "receipt", "A", 20),
    ]  # fmt: skip
    assert place.wrong() == []


def test_what_cannot_be_ordered_is_refused_with_what_to_do(place: Place) -> None:
    for asked, words in [
        (Asked("F-W1", []), "nothing is asked for"),
        (Asked("F-W1", [Wanted("BCG", 20)] * 2), "a product is there twice"),
        (Asked("F-W1", [Wanted("BCG", 0)]), "0 doses of BCG cannot be meant. Send 1 to 100,000,000"),
        (Asked("F-W1", [Wanted("BCG", 30)]), "no whole number of vials of 20. Send 20 or 40"),
        (Asked("F-E1", [Wanted("BCG", 20)]), "nobody is known to supply Health post F-E1"),
        (Asked("F-W1", [Wanted("BCG", 20)], "F-W1"), "a facility cannot ask itself"),
    ]:
        with pytest.raises(orders.InvalidOrder, match=words):
            ordering.place(place.conn, place.programme_id, asked, Actor(IN_CHARGE, NOW))
    for asked, error in [
        (Asked("F-NONE", [Wanted("BCG", 20)]), errors.UnknownFacility),
        (Asked("F-W1", [Wanted("BCG", 20)], "F-NONE"), errors.UnknownFacility),
        (Asked("F-W1", [Wanted("XYZ", 20)]), errors.UnknownProduct),
    ]:
        with pytest.raises(error):
            ordering.place(place.conn, place.programme_id, asked, Actor(IN_CHARGE, NOW))
    place.conn.execute(sa.text("update facility set open = false where code = 'F-E1'"))
    with pytest.raises(orders.InvalidOrder, match="Health post F-E1 is closed"):
        place.place()
    with pytest.raises(orders.UnknownOrder, match="no order ORD-1"):
        orders.read(place.conn, place.programme_id, "ORD-1")


def test_the_same_reference_is_the_same_order(place: Place) -> None:
    first = place.place(60, reference="phone-7")
    assert place.place(60, reference="phone-7") == first
    assert place.place(60).number.endswith("-2")
    with pytest.raises(orders.OtherReference, match=f"phone-7 is the order {first.number} already"):
        place.place(80, reference="phone-7")
    other = place.place(80, reference="phone-7", facility="F-W2a")
    assert other.number != first.number, "another facility has references of its own"


def test_where_there_is_too_little_it_is_said_of_what_and_less_can_be_approved(place: Place) -> None:
    first, second = place.approved(100), place.place(60, 60)
    with pytest.raises(orders.TooLittle) as refused:
        place.do(ordering.approve, second, [])
    assert refused.value.message.startswith(
        f"Health post F-E1 has too little available for {second.number}: 40 of 60 doses of BCG, 50 of 60 doses of MR."
    )
    assert [(x["product"], x["asked"], x["available"]) for x in refused.value.details["lines"]] == [  # type: ignore[attr-defined]
        ("BCG", 60, 40), ("MR", 60, 50),
    ]  # fmt: skip
    assert orders.read(place.conn, place.programme_id, second.number).status is Status.PLACED
    assert place.position() == (140, 100), "nothing of it is held"
    less = place.do(ordering.approve, second, [Wanted("BCG", 40), Wanted("MR", 0)])
    assert [(x.approved, x.reserved) for x in less.lines] == [(40, 40), (0, 0)]
    with pytest.raises(errors.Overdraw, match="140 doses are reserved for orders"):
        place.record(Kind.ISSUE, 20, partner="F-W2a")
    shipped = place.do(ordering.ship, first, [])
    assert (shipped.lines[0].shipped, place.position()) == (100, (40, 40))
    assert place.wrong() == []


def test_who_ordered_cannot_approve_and_the_database_says_so_too(place: Place) -> None:
    order = place.place()
    with pytest.raises(orders.NotAnother, match="needs another person"):
        place.do(ordering.approve, order, [], by=Actor(IN_CHARGE, NOW))
    for statement, name in [
        ("update stock_order set approved_by = placed_by", "approved_by_another"),
        ("update stock_order set supplier_id = facility_id", "between_two"),
        ("update stock_order set ended_at = now()", "ended_with_a_reason"),
        ("update stock_order set refused_at = now(), refusal = 'x', approved_at = now()", "decided_once"),
        ("update stock_order_line set ordered = 0", "ordered_positive"),
        ("update stock_order_line set ordered = 30", "whole_vials"),
        ("update stock_order_line set approved = 80", "approved_of_ordered"),
    ]:
        with pytest.raises(sa.exc.IntegrityError, match=name), place.conn.begin_nested():
            place.conn.execute(sa.text(statement))


def test_the_same_step_again_changes_nothing(place: Place) -> None:
    order = place.approved(60)
    assert place.do(ordering.approve, order, []) == order
    with pytest.raises(orders.NotNow, match="is approved"):
        place.do(ordering.approve, order, [], by=Actor(KEEPER, NOW))
    with pytest.raises(orders.NotNow, match="is approved"):
        place.do(ordering.refuse, order, "no")
    half = place.do(ordering.ship, order, [Wanted("BCG", 20)], document="DN-1")
    assert place.do(ordering.ship, half, [Wanted("BCG", 20)], document="DN-1") == half
    with pytest.raises(orders.DocumentUsed, match="DN-1 is on record already: 20 doses of BCG"):
        place.do(ordering.ship, half, [Wanted("BCG", 40)], document="DN-1")
    there = place.do(ordering.receive, half, "DN-1", by=Actor(IN_CHARGE, NOW))
    assert place.do(ordering.receive, half, "DN-1", by=Actor(IN_CHARGE, NOW)) == there
    ended = place.do(ordering.end, there, "the rest comes next month")
    assert (ended.status, ended.reserved) == (Status.CLOSED, 0)
    assert place.do(ordering.end, ended, "again") == ended
    assert [r[1] for r in place.rows(order)] == ["reserve", "issue", "receipt", "unreserve"]
    refused = place.do(ordering.refuse, place.place(), "nothing left")
    assert place.do(ordering.refuse, refused, "again") == refused
    with pytest.raises(orders.NotNow, match="is refused"):
        place.do(ordering.end, refused, "x")


def test_what_was_not_shipped_is_free_again(place: Place) -> None:
    asked = place.place()
    assert place.do(ordering.end, asked, "a mistake", by=Actor(IN_CHARGE, NOW)).status is Status.CANCELLED
    held = place.approved(60)
    gone = place.do(ordering.end, held, "not needed any more", by=Actor(IN_CHARGE, NOW))
    assert (gone.status, gone.end_reason, gone.reserved) == (Status.CANCELLED, "not needed any more", 0)
    assert place.position() == (140, 0)
    with pytest.raises(orders.NotNow, match="is cancelled"):
        place.do(ordering.ship, gone, [])
    with pytest.raises(orders.InvalidOrder, match="not said why"):
        place.do(ordering.end, place.place(), " ")
    assert place.wrong() == []


def test_no_more_is_shipped_than_was_approved(place: Place) -> None:
    order = place.approved(60)
    for wanted, words in [
        ([Wanted("BCG", 80)], "80 doses of BCG cannot be meant. Send 0 to 60"),
        ([Wanted("BCG", 10)], "no whole number of vials of 20"),
        ([Wanted("BCG", 0)], "nothing of it is sent"),
        ([Wanted("MR", 10)], "MR is no product of this order"),
    ]:
        with pytest.raises(orders.InvalidOrder, match=words):
            place.do(ordering.ship, order, wanted)
    with pytest.raises(orders.InvalidOrder, match="before the approval"):
        place.do(ordering.ship, order, [], at=NOW - timedelta(hours=1))
    with pytest.raises(orders.NotNow, match="is placed"):
        place.do(ordering.ship, place.place(), [])
    later = place.do(ordering.ship, order, [], by=Actor(KEEPER, NOW + timedelta(hours=3)), at=NOW + timedelta(hours=1))
    assert later.lines[0].deliveries[0].sent_at == NOW + timedelta(hours=1)
    with pytest.raises(orders.NotNow, match="is shipped"):
        place.do(ordering.ship, later, [], document="DN-2")


def test_a_delivery_note_is_of_one_order(place: Place) -> None:
    first, second = place.approved(20), place.approved(20)
    place.do(ordering.ship, first, [], document="DN-9")
    with pytest.raises(orders.DocumentUsed, match="DN-9 is on record already: BCG from Health post F-E1"):
        place.do(ordering.ship, second, [], document="DN-9")
    with pytest.raises(orders.InvalidOrder, match="nothing was sent for it under DN-9"):
        place.do(ordering.receive, second, "DN-9")
    with pytest.raises(orders.InvalidOrder, match="1 to 200 characters"):
        place.do(ordering.ship, second, [], document="DN-8 ")


def test_what_is_sent_between_two_that_do_not_supply_each_other_is_a_transfer(place: Place) -> None:
    place.record(Kind.RECEIPT, 40, facility="F-W2b", lot="C", expiry=FAR, hours=5)
    order = place.place(20, supplier="F-W2b")
    assert not order.regular
    order = place.do(ordering.ship, place.do(ordering.approve, order, []), [])
    order = place.do(ordering.receive, order, order.number)
    assert [r[:4] for r in place.rows(order)] == [
        ("F-W2b", "reserve", None, 0), ("F-W2b", "transfer_out", "C", -20), ("F-W1", "transfer_in", "C", 20),
    ]  # fmt: skip


def test_an_order_follows_what_the_record_says_whoever_recorded_it(place: Place) -> None:
    order = place.do(ordering.ship, place.approved(60), [], document="DN-3")
    # What arrives is recorded by hand, and is less than was sent.
    place.record(Kind.RECEIPT, 40, facility="F-W1", partner="F-E1", document="DN-3")
    order = orders.read(place.conn, place.programme_id, order.number)
    [delivery] = order.lines[0].deliveries
    assert (order.status, delivery.differs, order.lines[0].under_way) == (Status.SHIPPED, True, 20)
    place.conn.execute(sa.text("update shipment set resolved_at = now(), resolution = 'broken on the way'"))
    order = orders.read(place.conn, place.programme_id, order.number)
    assert (order.status, order.lines[0].received) == (Status.CLOSED, 40)
    # A shipment that is taken back is held again, also where the rest was given up meanwhile.
    other = place.do(ordering.ship, place.approved(60), [Wanted("BCG", 20)], document="DN-4")
    place.do(ordering.end, other, "no more")
    [line] = other.lines
    place.record(Kind.REVERSAL, 0, source="order", source_id="back", reverses=f"{other.number}/{line.id}/1",
                 reason="the wrong truck")  # fmt: skip
    other = orders.read(place.conn, place.programme_id, other.number)
    assert (other.status, other.reserved, other.documents) == (Status.CANCELLED, 20, [])
    assert place.do(ordering.end, other, "").reserved == 0
    assert place.wrong() == []


def test_who_saw_something_else_is_told(place: Place) -> None:
    order = place.approved(60)
    place.do(ordering.ship, order, [Wanted("BCG", 20)], document="DN-1")
    with pytest.raises(orders.OrderChanged, match="is shipped now") as refused:
        place.do(ordering.ship, order, [Wanted("BCG", 40)], document="DN-2", by=Actor(KEEPER, NOW, order.etag))
    seen = str(refused.value.details["etag"])
    done = place.do(ordering.ship, order, [Wanted("BCG", 40)], document="DN-2", by=Actor(KEEPER, NOW, seen))
    assert done.lines[0].shipped == 60


def test_lists_have_those_that_wait_first_and_the_sums_of_their_lines(place: Place) -> None:
    closed = place.do(ordering.end, place.place(), "x")
    sent = place.do(ordering.ship, place.approved(40, 10), [Wanted("BCG", 20)])
    held, asked = place.approved(20), place.place(20, facility="F-W2a")

    def numbers(**chosen: Any) -> list[str]:
        return [s.number for s in orders.listed(place.conn, place.programme_id, **chosen)]

    assert numbers() == [asked.number, held.number, sent.number, closed.number]
    assert numbers(status=Status.SHIPPED) == [sent.number]
    assert numbers(facility_id=place.country.facilities["F-W2a"]) == [asked.number]
    assert len(numbers(facility_id=place.country.facilities["F-E1"], most=3)) == 3
    here = place.country.facilities["F-W2a"]
    assert numbers(seen=f"{{[{here},{here}]}}") == [asked.number]
    [summary] = orders.listed(place.conn, place.programme_id, status=Status.SHIPPED)
    assert (summary.lines, summary.ordered, summary.approved, summary.shipped, summary.left_over, summary.under_way,
            summary.reserved) == (2, 50, 50, 20, 30, 20, 30)  # fmt: skip
    assert orders.awaited(place.conn, place.country.facilities["F-W1"], NOW) == {
        place.country.products["BCG"]: 40, place.country.products["MR"]: 10,
    }  # fmt: skip
    assert orders.known(place.conn, place.programme_id, ["PO-1", held.number]) == {held.number}


# -- two at once -----------------------------------------------------------------------------------------------------


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    engine = db.engine(database_url)
    yield engine
    engine.dispose()


def _together(engine: sa.Engine, *steps: Callable[[sa.Connection], object]) -> list[object]:
    """What came of steps that begin at the same moment, each in a transaction of its own."""
    start, came = threading.Barrier(len(steps)), [object()] * len(steps)

    def run(place: int, step: Callable[[sa.Connection], object]) -> None:
        start.wait()
        try:
            with db.transaction(engine) as conn:
                came[place] = step(conn)
        except Exception as error:
            came[place] = error

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(steps)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return came


@pytest.mark.parametrize("_round", range(5))
def test_two_approvals_at_once_never_promise_the_same_doses(engine: sa.Engine, _round: int) -> None:
    with db.transaction(engine) as conn:
        place = Place(conn)
        numbers = [place.place(80, 30).number, place.place(80, 30, facility="F-W2a").number]

    def approve(number: str) -> Callable[[sa.Connection], Order]:
        return lambda conn: ordering.approve(conn, place.programme_id, number, [], Actor(OFFICER, NOW))

    came = _together(engine, *(approve(number) for number in numbers))
    assert {type(c) for c in came} == {Order, orders.TooLittle}
    with db.transaction(engine) as conn:
        place.conn = conn
        assert place.position() == (140, 80)
        assert place.position(product="MR") == (50, 30)
        assert sorted(orders.read(conn, place.programme_id, n).status for n in numbers) == ["approved", "placed"]
        assert place.wrong() == []


@pytest.mark.parametrize("_round", range(5))
def test_what_is_shipped_while_it_is_cancelled_is_either(engine: sa.Engine, _round: int) -> None:
    with db.transaction(engine) as conn:
        place = Place(conn)
        order = place.approved(60)
    came = _together(
        engine,
        lambda c: ordering.ship(c, place.programme_id, order.number, [Wanted("BCG", 40)], Actor(KEEPER, NOW)),
        lambda c: ordering.end(c, place.programme_id, order.number, "not needed", Actor(IN_CHARGE, NOW)),
        lambda c: ordering.ship(c, place.programme_id, order.number, [Wanted("BCG", 40)], Actor(OFFICER, NOW)),
    )
    assert isinstance(came[1], Order), came
    with db.transaction(engine) as conn:
        place.conn = conn
        after = orders.read(conn, place.programme_id, order.number)
        shipped = after.lines[0].shipped
        assert shipped in (0, 40), "never both, never twice"
        assert (after.reserved, place.position()) == (0, (140 - shipped, 0))
        assert (after.status is Status.CANCELLED) is (shipped == 0)
        assert [isinstance(c, orders.NotNow) for c in (came[0], came[2])] == [shipped == 0] * 2
        assert place.wrong() == []


@pytest.mark.parametrize("_round", range(3))
def test_an_order_sent_twice_at_once_is_placed_once(engine: sa.Engine, _round: int) -> None:
    with db.transaction(engine) as conn:
        place = Place(conn)
    asked = Asked("F-W1", [Wanted("BCG", 20)], reference="twice")

    def send(conn: sa.Connection) -> str:
        return ordering.place(conn, place.programme_id, asked, Actor(IN_CHARGE, NOW))[0].number

    assert len(set(_together(engine, send, send, send))) == 1
