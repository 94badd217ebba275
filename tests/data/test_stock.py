"""What a person reads of a facility: positions, lots, months, bin card, alerts."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
import small
import sqlalchemy as sa

from data import errors, stock
from data.record import ledger
from data.types import Entry, Kind, State, StockEvent

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def country(conn: sa.Connection) -> small.Small:
    return small.build(conn)


def _event(kind: Kind, doses: int, hours_ago: int, **more: object) -> StockEvent:
    fields: dict[str, object] = {
        "facility": "F-W1",
        "product": "BCG",
        "source": "test",
        "source_id": f"{kind}{hours_ago}",
    }
    when = NOW - timedelta(hours=hours_ago)
    return StockEvent(kind=kind, doses=doses, occurred_at=when, **({"opened_vial": True} | fields | more))  # type: ignore[arg-type]


def _month(conn: sa.Connection, country: small.Small, month: date, closing: int | None, **more: object) -> None:
    values = {"facility": country.facilities["F-W1"], "product": country.products["BCG"], "month": month}
    conn.execute(
        sa.text(
            "insert into stock_month (facility_id, product_id, month, used, closing, state)"
            " values (:facility, :product, :month, 10, :closing, :state)"
        ),
        {"state": None} | values | {"closing": closing} | more,
    )


def test_a_facility_comes_with_the_areas_it_lies_in_from_the_nation_down(
    conn: sa.Connection, country: small.Small
) -> None:
    found = stock.facility(conn, country.programme_id, "F-W1")
    assert [(a.code, a.level) for a in found.lineage] == [("SM", 0), ("W", 1), ("W1", 2)]
    assert (found.lon, found.lat) == (1.0, 0.5)
    assert found.state == State.NO_REPORT
    assert found.last_event_at is None


def test_a_facility_that_is_not_in_the_programme_is_unknown(conn: sa.Connection, country: small.Small) -> None:
    other = small.build(conn, "other")
    assert stock.facility(conn, other.programme_id, "F-W1").id != stock.facility(conn, country.programme_id, "F-W1").id
    with pytest.raises(errors.UnknownFacility, match="F-NONE"):
        stock.facility(conn, country.programme_id, "F-NONE")


def test_positions_are_in_screen_order_with_what_was_recorded(conn: sa.Connection, country: small.Small) -> None:
    ledger.record(conn, country.programme_id, [_event(Kind.RECEIPT, 200, 3), _event(Kind.ADMINISTERED, 15, 1)])
    bcg, mr = stock.positions(conn, country.facilities["F-W1"])
    assert (bcg.code, bcg.total, bcg.doses_per_vial) == ("BCG", 185, 20)
    assert (mr.code, mr.total) == ("MR", 0)
    found = stock.facility(conn, country.programme_id, "F-W1")
    assert found.last_event_at == NOW - timedelta(hours=1)


def test_a_past_month_shows_its_closing_balance_and_only_what_was_reported(
    conn: sa.Connection, country: small.Small
) -> None:
    _month(conn, country, date(2016, 5, 1), 340, state=int(State.LOW))
    _month(conn, country, date(2016, 6, 1), None)
    [may] = stock.positions(conn, country.facilities["F-W1"], date(2016, 5, 1))
    assert (may.code, may.usable, may.state, may.cover_p50) == ("BCG", 340, State.LOW, None)
    [june] = stock.positions(conn, country.facilities["F-W1"], date(2016, 6, 1))
    assert (june.usable, june.state) == (None, State.NO_REPORT)
    assert stock.positions(conn, country.facilities["F-W1"], date(2016, 7, 1)) == []


def test_lots_are_in_the_order_in_which_they_are_to_be_issued(conn: sa.Connection, country: small.Small) -> None:
    day = NOW.date()
    received = [("LATE", 300), ("SOON", 40), ("TURNED", 500)]
    ledger.record(
        conn,
        country.programme_id,
        [
            _event(Kind.RECEIPT, 50, 5, lot=lot, expiry=day + timedelta(days=left), source_id=lot)
            for lot, left in received
        ]
        + [_event(Kind.RECEIPT, 5, 4)],
    )
    conn.execute(
        sa.text("update lot_balance set vvm_stage = 2 where lot_id = (select id from lot where number = 'TURNED')")
    )
    held = stock.lots(conn, country.facilities["F-W1"], country.products["BCG"])
    assert [(lot.number, lot.doses, lot.vvm_stage) for lot in held] == [
        ("TURNED", 50, 2), ("SOON", 50, 1), ("LATE", 50, 1), (None, 5, 1),
    ]  # fmt: skip


def test_a_lot_that_is_used_up_is_no_longer_held(conn: sa.Connection, country: small.Small) -> None:
    ledger.record(conn, country.programme_id, [_event(Kind.RECEIPT, 50, 5), _event(Kind.ADMINISTERED, 50, 4)])
    assert stock.lots(conn, country.facilities["F-W1"], country.products["BCG"]) == []


def test_twelve_months_end_with_the_one_asked_for_and_gaps_stay_gaps(conn: sa.Connection, country: small.Small) -> None:
    for month in (date(2015, 5, 1), date(2015, 6, 1), date(2015, 9, 1), date(2016, 5, 1), date(2016, 6, 1)):
        _month(conn, country, month, 100)
    found = stock.months(conn, country.facilities["F-W1"], country.products["BCG"], date(2016, 5, 1))
    assert [m.month for m in found] == [date(2015, 6, 1), date(2015, 9, 1), date(2016, 5, 1)]


def test_every_line_of_the_bin_card_carries_the_balance_after_it(conn: sa.Connection, country: small.Small) -> None:
    ledger.record(
        conn,
        country.programme_id,
        [
            _event(Kind.RECEIPT, 200, 9),
            _event(Kind.ADMINISTERED, 15, 8),
            _event(Kind.LOSS, 5, 7, reason="broken"),
            _event(Kind.COUNT, 176, 6),
        ],
    )
    lines = stock.lines(conn, country.facilities["F-W1"], country.products["BCG"], total=176)
    assert [(line.kind, line.doses, line.balance) for line in lines] == [
        (Kind.COUNT, -4, 176),
        (Kind.LOSS, -5, 180),
        (Kind.ADMINISTERED, -15, 185),
        (Kind.RECEIPT, 200, 200),
    ]
    shorter = stock.lines(conn, country.facilities["F-W1"], country.products["BCG"], total=176, limit=2)
    assert [line.balance for line in shorter] == [176, 180]


def test_a_line_of_the_bin_card_says_that_it_takes_something_back(conn: sa.Connection, country: small.Small) -> None:
    ledger.record(conn, country.programme_id, [_event(Kind.RECEIPT, 200, 9, source_id="wrong")])
    ledger.record(conn, country.programme_id, [_event(Kind.REVERSAL, 0, 1, reverses="wrong", reason="typed twice")])
    lines = stock.lines(conn, country.facilities["F-W1"], country.products["BCG"], total=0)
    assert [(line.entry, line.kind, line.doses, line.balance) for line in lines] == [
        (Entry.REVERSAL, Kind.RECEIPT, -200, 0), (Entry.EVENT, Kind.RECEIPT, 200, 200),
    ]  # fmt: skip


def test_open_alerts_come_newest_first_by_pages_and_resolved_ones_not_at_all(
    conn: sa.Connection, country: small.Small
) -> None:
    for hours, (facility, product) in enumerate([("F-E1", "BCG"), ("F-W1", "BCG"), ("F-W1", "MR"), ("F-W2a", "MR")], 1):
        conn.execute(
            sa.text(
                "insert into alert (programme_id, facility_id, product_id, kind, opened_at, resolved_at)"
                " values (:programme, :facility, :product, 'stockout', :at, :resolved)"
            ),
            {
                "programme": country.programme_id, "facility": country.facilities[facility],
                "product": country.products[product], "at": NOW - timedelta(hours=hours),
                "resolved": NOW if hours == 4 else None,
            },
        )  # fmt: skip
    assert stock.open_alert_count(conn, country.programme_id) == 3
    first = stock.open_alerts(conn, country.programme_id, limit=2)
    assert [(a.facility, a.product, a.area_code) for a in first] == [("F-E1", "BCG", "E1"), ("F-W1", "BCG", "W1")]
    rest = stock.open_alerts(conn, country.programme_id, skip=2, limit=2)
    assert [(a.facility, a.product) for a in rest] == [("F-W1", "MR")]
    assert stock.open_alerts(conn, small.build(conn, "other").programme_id) == []


def test_findings_start_with_what_was_refused(conn: sa.Connection, country: small.Small) -> None:
    for severity, count in (("kept", 900), ("flagged", 3), ("refused", 1), ("refused", 40)):
        conn.execute(
            sa.text(
                "insert into finding (programme_id, severity, subject, reason, count)"
                " values (:programme, :severity, 'facilities', 'why', :count)"
            ),
            {"programme": country.programme_id, "severity": severity, "count": count},
        )
    found = stock.findings(conn, country.programme_id)
    assert [(f.severity, f.count) for f in found] == [("refused", 40), ("refused", 1), ("flagged", 3), ("kept", 900)]


def test_what_suppliers_hold_is_read_at_once_and_only_where_they_handle_it(
    conn: sa.Connection, country: small.Small
) -> None:
    ids = [country.facilities["F-W1"], country.facilities["F-E1"]]
    conn.execute(sa.text("update position set usable = 70 where facility_id = :id"), {"id": ids[0]})
    conn.execute(sa.text("delete from position where facility_id = :id"), {"id": ids[1]})
    assert stock.usable(conn, ids, country.products["BCG"]) == {ids[0]: 70}
