"""Days out of stock of a month that is over are those of its bin card: expired, discarded and set aside is no stock."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import small
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from data import bincard, days_out, errors, programmes, stock
from data.record import ledger
from data.types import Kind, StockEvent

LAGOS = ZoneInfo("Africa/Lagos")
TODAY = datetime.now(LAGOS).date()
NOW = datetime.now(UTC)
THIS = TODAY.replace(day=1)
MONTH = (THIS - timedelta(days=1)).replace(day=1)
BEFORE = (MONTH - timedelta(days=1)).replace(day=1)
_ids = itertools.count()

#: What happens on which day since BEFORE began, at which hour, to which lot.
STEPS = st.lists(
    st.tuples(
        st.sampled_from([
            Kind.RECEIPT, Kind.RECEIPT, Kind.ADMINISTERED, Kind.COUNT, Kind.LOSS, Kind.VVM, Kind.QUARANTINE,
            Kind.RELEASE, Kind.REVERSAL,
        ]),
        st.integers(0, 58), st.sampled_from([0, 0, 8, 17]), st.sampled_from(["A", "B", "C"]),
        st.sampled_from([0, 20, 40]),
    ),
    min_size=1, max_size=9,
)  # fmt: skip
#: The day on which a lot expires, since BEFORE began.
EXPIRIES = st.fixed_dictionaries({lot: st.integers(20, 70) for lot in "ABC"})


def record(
    conn: sa.Connection, programme_id: int, steps: list[tuple[Kind, int, int, str, int]], ends: dict[str, int]
) -> None:
    done: list[StockEvent] = []
    for kind, day, hour, lot, doses in steps:
        at = datetime.combine(BEFORE + timedelta(days=day), time(hour), LAGOS)
        more: dict[str, object] = {"lot": lot, "expiry": BEFORE + timedelta(days=ends[lot])}
        if kind is Kind.REVERSAL:
            if not done:
                continue
            more, at = {"reverses": done.pop().source_id, "reason": "test"}, at
        elif kind is Kind.ADMINISTERED:
            more = {}
        elif kind in (Kind.VVM, Kind.QUARANTINE, Kind.RELEASE):
            more |= {"reason": "test"} | ({"stage": 1 + doses // 10 % 4 + (doses > 0)} if kind is Kind.VVM else {})
        elif kind is Kind.LOSS:
            more["reason"] = "other"
        amount = 0 if kind in (Kind.VVM, Kind.QUARANTINE, Kind.RELEASE, Kind.REVERSAL) else doses
        said = StockEvent("F-W1", "BCG", kind, amount, at, "test", str(next(_ids)), **more)  # type: ignore[arg-type]
        try:
            with conn.begin_nested():
                ledger.record(conn, programme_id, [said], now=NOW)
        except errors.DataError:
            continue
        if kind is not Kind.REVERSAL:
            done.append(said)


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(steps=STEPS, ends=EXPIRIES)
@example(steps=[(Kind.RECEIPT, 3, 8, "A", 40)], ends={"A": 40, "B": 60, "C": 60})
@example(steps=[(Kind.RECEIPT, 3, 8, "A", 40), (Kind.QUARANTINE, 35, 8, "A", 0)], ends={"A": 70, "B": 60, "C": 60})
@example(steps=[(Kind.RECEIPT, 3, 8, "A", 40), (Kind.VVM, 35, 8, "A", 20)], ends={"A": 70, "B": 60, "C": 60})
def test_the_month_and_the_bin_card_count_the_same_days(
    conn: sa.Connection, steps: list[tuple[Kind, int, int, str, int]], ends: dict[str, int]
) -> None:
    with conn.begin_nested() as undone:
        country = small.build(conn)
        record(conn, country.programme_id, steps, ends)
        programme = programmes.find(conn, "small")
        for first, following in ((BEFORE, MONTH), (MONTH, THIS)):
            days_out.fold(conn, programme, first, following)
            card = bincard.read(
                conn, programme, country.facilities["F-W1"], stock.products(conn, programme.id)[0],
                bincard.Asked(first, following - timedelta(days=1)), NOW,
            )  # fmt: skip
            folded = conn.execute(_DAYS, {"month": first}).scalar_one_or_none()
            assert folded in (None, card.days_out)
            assert folded is not None or not card.lines
        undone.rollback()


_DAYS = sa.text(
    "select m.days_out from stock_month m join facility f on f.id = m.facility_id join product p on p.id = m.product_id"
    " where f.code = 'F-W1' and p.code = 'BCG' and m.month = :month"
)


def days(conn: sa.Connection, *steps: tuple[Kind, int, int, str, int], ends: int = 70) -> int:
    country = small.build(conn)
    record(conn, country.programme_id, list(steps), dict.fromkeys("ABC", ends))
    # The month has a row once something happened in it.
    conn.execute(sa.text(
        "insert into stock_month (facility_id, product_id, month, opening) select p.facility_id, p.product_id, :month,"
        " p.total from position p on conflict do nothing"
    ), {"month": MONTH})  # fmt: skip
    days_out.fold(conn, programmes.find(conn, "small"), MONTH, THIS)
    return int(conn.execute(_DAYS, {"month": MONTH}).scalar_one())


def test_days_after_the_only_lot_expired_are_out(conn: sa.Connection) -> None:
    length = (MONTH - BEFORE).days
    expires = length + 9  # the tenth of the month
    assert days(conn, (Kind.RECEIPT, 3, 8, "A", 40), ends=expires) == (THIS - MONTH).days - 10


def test_days_in_quarantine_are_out_and_those_of_its_beginning_and_end_are_not(conn: sa.Connection) -> None:
    length = (MONTH - BEFORE).days
    steps = ((Kind.QUARANTINE, length + 4, 8, "A", 0), (Kind.RELEASE, length + 9, 17, "A", 0))
    assert days(conn, (Kind.RECEIPT, 3, 8, "A", 40), *steps) == 4


def test_days_from_the_first_midnight_to_the_refill_are_out_where_the_month_before_used_it_up(
    conn: sa.Connection,
) -> None:
    length = (MONTH - BEFORE).days
    used_up = ((Kind.RECEIPT, 3, 8, "A", 40), (Kind.ADMINISTERED, 9, 8, "A", 40))
    assert days(conn, *used_up, (Kind.RECEIPT, length + 4, 8, "B", 40)) == 4


def test_a_place_that_never_held_a_product_is_not_out_of_it(conn: sa.Connection) -> None:
    assert days(conn) == 0


def test_what_was_reported_of_days_out_stays(conn: sa.Connection) -> None:
    small.build(conn)
    conn.execute(sa.text(
        "insert into stock_month (facility_id, product_id, month, opening, days_out) select facility_id, product_id,"
        " :month, 0, 7 from position"
    ), {"month": MONTH})  # fmt: skip
    days_out.fold(conn, programmes.find(conn, "small"), MONTH, THIS)
    assert conn.execute(_DAYS, {"month": MONTH}).scalar_one() == 7
