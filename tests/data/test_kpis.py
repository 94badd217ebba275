"""Indicators are sums of what they say: of the places of the map, of months with demand, of vials by their fate."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
import small
import sqlalchemy as sa
from small import Small

from data import kpis, monthly, programmes
from data.kpis import Indicators
from data.record import ledger
from data.types import Kind, State, StockEvent

LAGOS = ZoneInfo("Africa/Lagos")
TODAY = datetime.now(LAGOS).date()
RUNNING = monthly.number(TODAY)
LAST = monthly.first_day(RUNNING - 1)
_ids = itertools.count()


@pytest.fixture
def country(conn: sa.Connection) -> Small:
    """All four serve children but the last, which is a store; they are counted as the map counts them."""
    built = small.build(conn)
    conn.execute(sa.text("update facility set catchment = null where id = :id"), {"id": built.facilities["F-W2b"]})
    conn.execute(
        sa.text("insert into counted (facility_id, weight, seats) select id, catchment, '{0,1,2}' from facility"
                " where catchment > 0"),
    )  # fmt: skip
    return built


def month(conn: sa.Connection, country: Small, facility: str, state: State, ago: int = 1, **said: int | None) -> None:
    """A month of BCG at a place."""
    told = {
        "opening": 50,
        "received": 100,
        "used": 100,
        "lost": 0,
        "closing": 50,
        "days_out": 0,
        "expected": 100,
    } | said
    conn.execute(
        sa.text("insert into stock_month (facility_id, product_id, month, opening, received, used, lost, closing,"
                " days_out, expected, state) values (:facility, :product, :month, :opening, :received, :used, :lost,"
                " :closing, :days_out, :expected, :state)"),
        told | {"facility": country.facilities[facility], "product": country.products["BCG"],
                "month": monthly.first_day(RUNNING - ago), "state": int(state)},
    )  # fmt: skip


def read(conn: sa.Connection, country: Small, first: date = LAST, last: date = LAST) -> Indicators:
    programme = programmes.find(conn, country.code)
    return kpis.read(conn, programme, (country.areas["SM"], "SM", "All"), first, last, TODAY)


def figures(found: Indicators, code: str, product: str | None = "BCG") -> list[float | None]:
    """Numerator and denominator."""
    [told] = [m.formula for m in found.measures if (m.code, m.product) == (code, product)]
    return [f.value for f in told.figures]


def test_a_place_without_demand_was_not_out_and_a_store_serves_nobody(conn: sa.Connection, country: Small) -> None:
    month(conn, country, "F-E1", State.ADEQUATE)
    month(conn, country, "F-W1", State.STOCKOUT, closing=0, days_out=12)
    # Never had any: nothing on the shelf on all of its days is no stockout.
    month(conn, country, "F-W2a", State.INACTIVE, opening=0, received=0, used=0, closing=0, days_out=30, expected=None)
    month(conn, country, "F-W2b", State.STOCKOUT, closing=0, days_out=20)
    found = read(conn, country)
    assert figures(found, "stockout_period") == [1, 3]
    assert figures(found, "stockout_days") == [12, 3]
    assert figures(found, "according_to_plan") == [1, 2]
    assert figures(found, "full_availability", None) == [1, 2]
    # What lies idle was reported all the same, and a store's report is expected of nobody here.
    assert figures(found, "reporting_rate") == [3, 3]
    # Doses pass the store, too: what was managed and lost is of all places.
    assert figures(found, "closed_vial_wastage") == [0, 450]
    assert figures(found, "uptake") == [200, 300]


@pytest.mark.parametrize(
    ("state", "closing", "planned"),
    [
        # NPHCDA: from a quarter to five quarters of the 100 that are expected, both included.
        (State.ADEQUATE, 25, 1), (State.ADEQUATE, 125, 1), (State.LOW, 24, 0), (State.OVERSTOCK, 126, 0),
        # Whoever has enough for less time than the delivery takes is critical, and between minimum and maximum all the
        # same; so is whoever is over only because some of it will expire.
        (State.CRITICAL, 60, 1), (State.OVERSTOCK, 90, 1),
        # What is on the shelf may not be given.
        (State.STOCKOUT, 60, 0),
    ],
)  # fmt: skip
def test_a_month_end_is_in_plan_by_its_balance(
    conn: sa.Connection, country: Small, state: State, closing: int, planned: int
) -> None:
    month(conn, country, "F-E1", state, closing=closing)
    assert figures(read(conn, country), "according_to_plan") == [planned, 1]


def test_what_was_expected_is_held_against_what_was_used(conn: sa.Connection, country: Small) -> None:
    days = (monthly.first_day(RUNNING) - LAST).days
    # Half of the month out: 60 in half of it is 120 in all of it; two days with stock are too few to say anything.
    month(conn, country, "F-E1", State.ADEQUATE, used=60, days_out=days // 2)
    month(conn, country, "F-W1", State.ADEQUATE, used=3, days_out=days - 2)
    month(conn, country, "F-W2a", State.ADEQUATE, used=0)
    need = 60 * days / (days - days // 2)
    found = read(conn, country)
    assert figures(found, "forecast_ratio") == [pytest.approx(need), 100]
    assert figures(found, "forecast_error") == [pytest.approx(need - 100), pytest.approx(need)]
    assert figures(found, "forecast_bias") == [pytest.approx(100 - need), pytest.approx(need)]
    conn.execute(
        sa.text("insert into campaign (programme_id, product_id, area_id, first_day, last_day)"
                " values (:programme, :product, :area, :first, :last)"),
        {"programme": country.programme_id, "product": country.products["BCG"], "area": country.areas["E"],
         "first": LAST + timedelta(days=20), "last": LAST + timedelta(days=24)},
    )  # fmt: skip
    assert figures(read(conn, country), "forecast_ratio") == [None, None]


def test_days_out_that_nobody_reported_are_not_taken_for_none(conn: sa.Connection, country: Small) -> None:
    month(conn, country, "F-E1", State.ADEQUATE, days_out=None, lost=None)
    month(conn, country, "F-W1", State.STOCKOUT, closing=0, days_out=12, lost=None)
    found = read(conn, country)
    assert figures(found, "stockout_days") == [12, 2]
    of = {m.code: m.formula for m in found.measures if m.product == "BCG"}
    assert of["stockout_days"].note == "the days of 1 of 2 months are not known: it is at least so many"
    # Losses that were not reported are not none either, and a place that never reported did not report.
    assert (of["closed_vial_wastage"].value, of["closed_vial_wastage"].note) == (None, "not known: doses lost")
    assert figures(found, "reporting_rate", "MR") == [0, 3]
    [expiry] = [m.formula for m in found.measures if m.code == "expiry_share"]
    assert expiry.value is None


def record(conn: sa.Connection, country: Small, kind: Kind, doses: int, day: int, **more: object) -> str:
    at = datetime.combine(LAST + timedelta(days=day), time(9), LAGOS)
    said = StockEvent("F-E1", "BCG", kind, doses, at, "test", str(next(_ids)), **more)  # type: ignore[arg-type]
    ledger.record(conn, country.programme_id, [said], now=datetime.now(UTC))
    return said.source_id


def test_vials_that_were_opened_are_not_lost_as_closed_ones(conn: sa.Connection, country: Small) -> None:
    record(conn, country, Kind.RECEIPT, 400, 1, lot="A", expiry=date(TODAY.year + 2, 1, 1))
    record(conn, country, Kind.ADMINISTERED, 120, 3)
    record(conn, country, Kind.LOSS, 40, 4, reason="opened")
    record(conn, country, Kind.LOSS, 60, 5, reason="broken")
    mistake = record(conn, country, Kind.LOSS, 80, 6, reason="opened")
    record(conn, country, Kind.REVERSAL, 0, 6, reverses=mistake, reason="entered twice")
    found = read(conn, country)
    assert figures(found, "closed_vial_wastage") == [60, 400]
    # 120 given and 40 left over of 160 opened.
    assert figures(found, "open_vial_wastage") == [40, 160]
    conn.execute(
        sa.text("insert into session_month (facility_id, product_id, month, administered) values (:f, :p, :m, 100)"),
        {"f": country.facilities["F-E1"], "p": country.products["BCG"], "m": LAST},
    )
    # Where sessions say what they gave, all else that was opened is wasted.
    assert figures(read(conn, country), "open_vial_wastage") == [60, 160]
    [total] = [m.formula for m in read(conn, country).measures if m.code == "total_wastage"]
    assert total.value == pytest.approx(1 - (1 - 60 / 400) * (1 - 60 / 160))


def test_a_delivery_that_was_due_and_did_not_come_is_none_on_time(conn: sa.Connection, country: Small) -> None:
    def ship(number: int, sent: int, received: int, days: int | None) -> None:
        sent_at = datetime.combine(LAST + timedelta(days=2), time(9), LAGOS)
        conn.execute(
            sa.text("insert into shipment (programme_id, document, product_id, sender_id, receiver_id, sent, received,"
                    " sent_at, received_at) values (:programme, :document, :product, :sender, :receiver, :sent,"
                    " :received, :sent_at, :received_at)"),
            {"programme": country.programme_id, "document": f"D{number}", "product": country.products["BCG"],
             "sender": country.facilities["F-W2b"], "receiver": country.facilities["F-E1"], "sent": sent,
             "received": received, "sent_at": sent_at,
             "received_at": None if days is None else sent_at + timedelta(days=days)},
        )  # fmt: skip

    [lead] = conn.execute(sa.text("select distinct lead_time_days from facility")).scalars()
    ship(1, 100, 100, lead)
    ship(2, 100, 100, lead + 1)
    ship(3, 100, 90, 1)
    ship(4, 100, 0, None)
    assert figures(read(conn, country), "otif", None) == [1, 4]


def test_the_months_to_choose_from_are_those_on_record_however_old(conn: sa.Connection, country: Small) -> None:
    assert kpis.months(conn, country.programme_id, TODAY) == [monthly.first_day(RUNNING - n) for n in (3, 2, 1)]
    for day in (date(2016, 11, 1), date(2016, 12, 1), TODAY.replace(day=1)):
        conn.execute(
            sa.text("insert into area_month (area_id, product_seat, month, no_report, inactive, stockout, critical,"
                    " low, overstock, adequate, children, children_at_risk, children_out)"
                    " values (:area, 0, :month, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0)"),
            {"area": country.areas["SM"], "month": day},
        )  # fmt: skip
    known = kpis.months(conn, country.programme_id, TODAY)
    assert known == [date(2016, 11, 1), date(2016, 12, 1)]
    assert kpis.period_of(known) == (date(2016, 10, 1), date(2016, 12, 1))
