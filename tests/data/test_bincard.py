"""The bin card: a running ledger that adds up, says what came late or was taken back, and marks days out of stock."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import small
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from data import bincard, errors, programmes, shelf_days, stock
from data.bincard import Asked, Card
from data.record import ledger
from data.shelf_days import OnShelf, Spell
from data.types import Entry, Kind, Recorded, StockEvent

LAGOS = ZoneInfo("Africa/Lagos")
NOW = datetime.now(UTC).replace(microsecond=0)
TODAY = NOW.astimezone(LAGOS).date()
FAR = date(NOW.year + 3, 1, 31)
_ids = itertools.count()


def at(days_ago: int, hour: float) -> datetime:
    """A local hour of a day before today."""
    return datetime.combine(TODAY - timedelta(days=days_ago), time(), LAGOS) + timedelta(hours=hour)


def event(kind: Kind, doses: int, moment: datetime, **more: Any) -> StockEvent:
    fields = {"facility": "F-W1", "product": "BCG", "source": "test", "source_id": f"b{next(_ids)}"} | more
    return StockEvent(kind=kind, doses=doses, occurred_at=moment, opened_vial=True, **fields)


class Place:
    """Somebody who records, and reads the card."""

    def __init__(self, conn: sa.Connection) -> None:
        self.conn = conn
        self.country = small.build(conn)
        self.programme = programmes.find(conn, "small")
        self.product = stock.products(conn, self.programme.id)[0]

    def record(self, *events: StockEvent, now: datetime = NOW) -> list[Recorded]:
        return ledger.record(self.conn, self.programme.id, events, now=now)

    def card(self, days: int = 60, *, last: date = TODAY, most: int = bincard.MOST_LINES, **more: Any) -> Card:
        asked = Asked(last - timedelta(days=days), last, **more)
        place = self.country.facilities["F-W1"]
        return bincard.read(self.conn, self.programme, place, self.product, asked, NOW, most=most)


@pytest.fixture
def place(conn: sa.Connection) -> Place:
    return Place(conn)


def adds_up(card: Card) -> None:
    """What every card does, whatever happened."""
    assert card.opening + card.received - card.issued + card.adjusted == card.closing
    balance = card.opening
    for line in card.lines:
        balance += line.doses
        moved = (line.received or 0) - (line.issued or 0) + (line.adjusted or 0)
        assert (line.balance, moved) == (balance, line.doses)


def test_a_card_begins_with_what_there_was_and_ends_with_what_there_is(place: Place) -> None:
    place.record(
        event(Kind.RECEIPT, 200, at(40, 9), lot="A", expiry=FAR),
        event(Kind.ADMINISTERED, 30, at(39, 9)),
        event(Kind.RECEIPT, 100, at(9, 9), document="WB-7", partner="F-E1"),
        event(Kind.ADMINISTERED, 20, at(8, 9), note="outreach"),
        event(Kind.LOSS, 5, at(7, 9), reason="broken"),
        event(Kind.COUNT, 240, at(6, 9)),
    )
    card = place.card(30)
    assert (card.opening, card.received, card.issued, card.adjusted, card.closing) == (170, 100, 25, -5, 240)
    assert [(line.kind, line.doses, line.balance) for line in card.lines] == [
        (Kind.RECEIPT, 100, 270), (Kind.ADMINISTERED, -20, 250), (Kind.LOSS, -5, 245), (Kind.COUNT, -5, 240),
    ]  # fmt: skip
    receipt, session, loss, count = card.lines
    assert (receipt.document, receipt.partner, receipt.partner_name) == ("WB-7", "F-E1", "Health post F-E1")
    assert (session.note, loss.reason, count.counted) == ("outreach", "broken", 240)
    assert (card.total, card.usable, card.closing) == (240, 240, 240)
    adds_up(card)
    empty = place.card(0)
    assert (empty.opening, empty.closing, list(empty.lines)) == (240, 240, [])


def test_a_lot_has_its_own_card_and_so_have_doses_of_no_lot_known(place: Place) -> None:
    place.record(
        event(Kind.RECEIPT, 100, at(9, 9), lot="A", expiry=FAR),
        event(Kind.RECEIPT, 60, at(8, 9), lot="B", expiry=FAR - timedelta(days=90)),
        event(Kind.RECEIPT, 40, at(7, 9)),
        event(Kind.ADMINISTERED, 80, at(6, 9)),
    )
    a, b, none = place.card(lot="A"), place.card(lot="B"), place.card(lot=bincard.NO_LOT)
    assert [(line.doses, line.balance) for line in b.lines] == [(60, 60), (-60, 0)]
    assert (a.closing, b.closing, none.closing, place.card().closing) == (80, 0, 40, 120)
    assert [lot.number for lot in a.lots] == ["A", "B"]
    for card in (a, b, none, place.card()):
        adds_up(card)
    assert b.days_out == 0, "days out of stock are of the whole product"
    with pytest.raises(errors.UnknownLot, match="no lot C"):
        place.card(lot="C")


def test_what_a_late_entry_changed_stands_beside_what_was_said_first(place: Place) -> None:
    place.record(event(Kind.RECEIPT, 100, at(9, 9)), event(Kind.COUNT, 70, at(5, 9)))
    before = place.card()
    assert [(line.entry, line.doses) for line in before.lines] == [(Entry.EVENT, 100), (Entry.EVENT, -30)]
    place.record(event(Kind.ADMINISTERED, 20, at(7, 9)), now=NOW + timedelta(seconds=9))
    card = place.card()
    assert [(line.kind, line.entry, line.doses, line.balance) for line in card.lines] == [
        (Kind.RECEIPT, Entry.EVENT, 100, 100),
        (Kind.ADMINISTERED, Entry.EVENT, -20, 80),
        (Kind.COUNT, Entry.EVENT, -30, 50),
        (Kind.COUNT, Entry.REVISION, 20, 70),
    ]
    adds_up(card)
    known_then = place.card(as_of=NOW + timedelta(seconds=1))
    assert [(line.entry, line.balance) for line in known_then.lines] == [
        (line.entry, line.balance) for line in before.lines
    ]


def test_a_reversal_names_what_it_takes_back_at_the_moment_of_it(place: Place) -> None:
    place.record(
        event(Kind.RECEIPT, 100, at(9, 9), source_id="wrong"),
        event(Kind.RECEIPT, 40, at(9, 9), source_id="right"),
        event(Kind.ADMINISTERED, 10, at(8, 9)),
    )
    place.record(event(Kind.REVERSAL, 0, at(1, 9), reverses="wrong", reason="typed twice", source_id="undo"))
    card = place.card()
    assert [(line.source_id, line.entry, line.received, line.balance) for line in card.lines][:3] == [
        ("right", Entry.EVENT, 40, 40), ("wrong", Entry.EVENT, 100, 140), ("undo", Entry.REVERSAL, -100, 40),
    ]  # fmt: skip
    right, wrong, undo, _ = card.lines
    assert (undo.takes_back, undo.reason, undo.taken_back) == ("wrong", "typed twice", False)
    assert (wrong.taken_back, right.taken_back) == (True, False)
    adds_up(card)


def test_at_one_moment_what_adds_comes_before_what_takes_whatever_came_first(place: Place) -> None:
    moment = at(5, 9)
    place.record(event(Kind.ADMINISTERED, 10, moment), event(Kind.RECEIPT, 40, moment), event(Kind.COUNT, 25, moment))
    kinds = [line.kind for line in place.card().lines]
    assert kinds == [Kind.RECEIPT, Kind.ADMINISTERED, Kind.COUNT]
    assert min(line.balance for line in place.card().lines) == 25


def test_the_days_it_ran_out_and_was_refilled_are_no_days_out_of_stock(place: Place) -> None:
    place.record(
        event(Kind.RECEIPT, 40, at(30, 9)),
        event(Kind.ADMINISTERED, 40, at(20, 9)),
        event(Kind.COUNT, 0, at(18, 9)),
        event(Kind.RECEIPT, 40, at(15, 9)),
        event(Kind.ADMINISTERED, 40, at(3, 9)),
    )
    card = place.card()
    assert [(s.first, s.last, s.days, s.going_on) for s in card.spells] == [
        (TODAY - timedelta(days=19), TODAY - timedelta(days=16), 4, False),
        (TODAY - timedelta(days=2), TODAY - timedelta(days=1), 2, True),
    ], "today is not over"
    assert card.days_out == 6
    kinds = [type(each).__name__ if isinstance(each, Spell) else each.kind.value for each in bincard.interleaved(card)]
    assert kinds == ["receipt", "administered", "Spell", "count", "receipt", "administered", "Spell"]
    later = place.card(17, last=TODAY - timedelta(days=10))
    assert [(s.days, s.going_on) for s in later.spells] == [(4, False)]
    within = place.card(1, last=TODAY - timedelta(days=17))
    assert (within.days_out, within.spells[0].going_on) == (2, True)


def test_what_may_not_be_given_is_no_stock(place: Place) -> None:
    soon = TODAY - timedelta(days=20)
    place.record(
        event(Kind.RECEIPT, 40, at(30, 9), lot="SOON", expiry=soon),
        event(Kind.RECEIPT, 40, at(15, 9), lot="WARM", expiry=FAR),
        event(Kind.QUARANTINE, 0, at(10, 9), lot="WARM", reason="it was warm", source_id="q1"),
        event(Kind.RELEASE, 0, at(5, 9), lot="WARM"),
        event(Kind.VVM, 0, at(2, 9), lot="WARM", stage=3),
    )
    days = [(s.first, s.last) for s in place.card().spells]
    assert days == [
        (soon + timedelta(days=1), TODAY - timedelta(days=16)),
        (TODAY - timedelta(days=9), TODAY - timedelta(days=6)),
        (TODAY - timedelta(days=1), TODAY - timedelta(days=1)),
    ], "a lot may be used until its expiry day ends"
    assert place.card(7).days_out == 3, "what was said of a lot before the period holds in it"
    place.record(event(Kind.REVERSAL, 0, at(1, 9), reverses="q1", reason="a mistake"))
    assert place.card(7).days_out == 1
    assert place.card().days_out == 5


def test_a_place_that_never_held_a_product_is_not_out_of_it(place: Place) -> None:
    assert place.card().days_out == 0
    place.record(event(Kind.COUNT, 0, at(20, 9)))
    assert place.card().days_out == 0
    place.record(event(Kind.RECEIPT, 40, at(10, 9)), event(Kind.LOSS, 40, at(9, 9), reason="frozen"))
    assert place.card().days_out == 8
    assert place.card(5).days_out == 5


def test_a_month_that_was_reported_otherwise_is_said_beside_the_lines(place: Place) -> None:
    """A report of a month says how many days it was out, and no line can say which."""
    place.record(event(Kind.RECEIPT, 40, at(100, 9)))
    full = (TODAY.replace(day=1) - timedelta(days=1)).replace(day=1)
    report = sa.text(
        "insert into stock_month (facility_id, product_id, month, days_out, days_counted)"
        " select f.id, p.id, :month, :days, false from facility f, product p where f.code = 'F-W1' and p.code = 'BCG'"
        " on conflict (facility_id, product_id, month) do update set days_out = excluded.days_out"
    )
    before = (full - timedelta(days=1)).replace(day=1)
    place.conn.execute(report, {"month": full, "days": 12})
    place.conn.execute(report, {"month": before, "days": 0})
    card = place.card(days=100)
    assert card.days_out == 0
    assert card.reported == [bincard.Reported(full, 12, 0)]
    assert place.card(days=3).reported == [], "only of months that are asked for as a whole"
    assert place.card(days=100, as_of=NOW).reported == [], "what was reported is not known of a moment"


def test_what_is_promised_and_in_transit_stands_on_the_card(place: Place) -> None:
    place.record(
        event(Kind.RECEIPT, 200, at(9, 9)),
        event(Kind.RESERVE, 60, at(8, 9), order="PO-1"),
        event(Kind.TRANSFER_OUT, 40, at(7, 9), partner="F-E1", document="WB-1"),
    )
    card = place.card()
    assert [(p.order, p.doses) for p in card.promised] == [("PO-1", 60)]
    assert (card.usable, card.reserved) == (160, 60)
    [way] = card.in_transit
    assert (way.document, way.in_transit, way.receiver) == ("WB-1", 40, "F-E1")
    adds_up(card)


def test_a_period_with_too_many_lines_is_refused_and_a_page_shows_the_newest(place: Place) -> None:
    place.record(event(Kind.RECEIPT, 200, at(30, 9)), *[event(Kind.ADMINISTERED, 1, at(20, n)) for n in range(9)])
    with pytest.raises(bincard.TooLong, match="more than 5 lines"):
        place.card(most=5)
    whole = place.card()
    page = bincard.page(whole, 4)
    assert [line.id for line in page.lines] == [line.id for line in whole.lines[-4:]]
    assert (page.opening, page.closing, page.issued) == (195, 191, 9)
    assert bincard.page(whole, 10) is whole


def test_the_usual_period_is_this_month_and_the_eleven_before_it() -> None:
    assert bincard.usual(date(2026, 11, 20)) == (date(2025, 12, 1), date(2026, 11, 20))
    assert bincard.usual(date(2026, 12, 1)) == (date(2026, 1, 1), date(2026, 12, 1))


# -- the days, against a calendar that is asked hour by hour ------------------------------------------------------

_START = datetime(2026, 3, 2, tzinfo=LAGOS)
_HOURS = 24 * 12
_moves = st.lists(st.tuples(st.integers(0, _HOURS - 1), st.sampled_from([None, 1, 2]), st.integers(1, 3)), max_size=14)
_EXPIRIES = {None: None, 1: date(2026, 3, 6), 2: date(2026, 3, 9)}


def _rows(moves: Sequence[tuple[int, int | None, int]]) -> list[Any]:
    """Rows that fill and empty three lots in turn, at whole hours."""
    held = dict.fromkeys(_EXPIRIES, 0)
    rows = []
    for number, (hour, lot, doses) in enumerate(sorted(moves, key=lambda move: move[0])):
        signed = -held[lot] if held[lot] else doses
        held[lot] += signed
        rows.append(SimpleNamespace(
            id=number, occurred_at=_START + timedelta(hours=hour), lot_id=lot, expiry=_EXPIRIES[lot], doses=signed,
            kind=Kind.RECEIPT.value if signed > 0 else Kind.ISSUE.value, entry="event", reverses_id=None, stage=None,
        ))  # fmt: skip
    return rows


def _days_by_the_hour(rows: Sequence[Any], last_hour: int) -> list[date]:
    """Full days on which no hour's end had a usable dose, after there had been one."""
    out = []
    for day in range(last_hour // 24):
        hours = range(day * 24, day * 24 + 24)
        if all(_empty(rows, _START + timedelta(hours=hour)) for hour in hours):
            out.append((_START + timedelta(days=day)).date())
    return out


def _empty(rows: Sequence[Any], moment: datetime) -> bool:
    before = [r for r in rows if r.occurred_at <= moment]
    usable = sum(r.doses for r in before if r.expiry is None or r.expiry >= moment.date())
    return bool(before) and usable == 0


@settings(max_examples=300, deadline=None)
@given(_moves, st.integers(0, _HOURS))
def test_days_out_are_those_that_a_calendar_finds_hour_by_hour(
    moves: list[tuple[int, int | None, int]], last_hour: int
) -> None:
    rows = [r for r in _rows(moves) if r.occurred_at < _START + timedelta(hours=last_hour)]
    found = shelf_days.spells({}, False, rows, _START, _START + timedelta(hours=last_hour), LAGOS.key)
    days = [s.first + timedelta(days=n) for s in found for n in range(s.days)]
    assert days == _days_by_the_hour(rows, last_hour)


def test_a_spell_that_began_before_the_period_is_counted_from_its_first_day() -> None:
    shelf = {1: OnShelf(5, date(2026, 2, 1))}
    [spell] = shelf_days.spells(shelf, True, [], _START, _START + timedelta(days=3), LAGOS.key)
    assert (spell.first, spell.days, spell.going_on) == (date(2026, 3, 2), 3, True)
