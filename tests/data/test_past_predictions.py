"""What was predicted at a month's end, against what the next month brought."""

from __future__ import annotations

from datetime import date

import pytest
import small
import sqlalchemy as sa

from data import calibration

TODAY = date(2026, 11, 20)


@pytest.fixture
def country(conn: sa.Connection) -> small.Small:
    return small.build(conn)


def _month(
    conn: sa.Connection, country: small.Small, facility: str, month: date, *, within: float | None = None,
    closing: int | None = 100, days_out: int | None = None, product: str = "BCG",
) -> None:  # fmt: skip
    conn.execute(
        sa.text(
            "insert into stock_month (facility_id, product_id, month, closing, days_out, within_30)"
            " values (:facility, :product, :month, :closing, :days_out, :within)"
        ),
        {
            "facility": country.facilities[facility], "product": country.products[product], "month": month,
            "closing": closing, "days_out": days_out, "within": within,
        },
    )  # fmt: skip


def test_a_prediction_is_held_against_the_month_that_followed(conn: sa.Connection, country: small.Small) -> None:
    august, september = date(2026, 8, 1), date(2026, 9, 1)
    for facility, within, closing, days_out in (
        ("F-E1", 0.65, 0, None),  # nothing left
        ("F-W1", 0.62, 19, None),  # less than a vial of 20
        ("F-W2a", 0.68, 400, 3),  # refilled, but out on three days
        ("F-W2b", 0.10, 20, 0),  # a vial is left
    ):
        _month(conn, country, facility, august, within=within)
        _month(conn, country, facility, september, closing=closing, days_out=days_out)
    found = calibration.read(conn, country.programme_id, TODAY)
    assert (found.every.count, found.every.happened) == (4, 3)
    assert [(b.low, b.count, round(b.predicted, 6), b.happened) for b in found.every.bins] == [
        (0.1, 1, 0.1, 0.0),
        (0.6, 3, 0.65, 1.0),
    ]
    assert found.every.auc == 1
    assert found.every.brier == pytest.approx((0.35**2 + 0.38**2 + 0.32**2 + 0.1**2) / 4, rel=1e-5)
    assert list(found.by_month) == [august]
    assert list(found.by_product) == [1]
    assert found.unknown == 0


def test_places_that_were_out_already_are_also_told_apart(conn: sa.Connection, country: small.Small) -> None:
    july, august = date(2026, 7, 1), date(2026, 8, 1)
    _month(conn, country, "F-E1", july, within=1.0, closing=0)
    _month(conn, country, "F-E1", august, closing=0)
    _month(conn, country, "F-W1", july, within=0.2, closing=500)
    _month(conn, country, "F-W1", august, closing=300)
    found = calibration.read(conn, country.programme_id, TODAY)
    assert found.every.count == 2
    assert (found.stocked.count, found.stocked.happened) == (1, 0)


def test_what_nobody_reported_is_counted_apart_and_never_a_miss(conn: sa.Connection, country: small.Small) -> None:
    _month(conn, country, "F-E1", date(2026, 8, 1), within=0.5)
    _month(conn, country, "F-W1", date(2026, 8, 1), within=0.5)
    _month(conn, country, "F-W1", date(2026, 9, 1), closing=None)
    found = calibration.read(conn, country.programme_id, TODAY)
    assert found.every.count == 0
    assert found.unknown == 2


def test_the_running_month_and_another_programme_are_left_out(conn: sa.Connection, country: small.Small) -> None:
    other = small.build(conn, "other")
    for place in (country, other):
        _month(conn, place, "F-E1", date(2026, 10, 1), within=0.5)
        _month(conn, place, "F-E1", date(2026, 11, 1), closing=0)
    _month(conn, other, "F-W1", date(2026, 8, 1), within=0.5)
    _month(conn, other, "F-W1", date(2026, 9, 1), closing=0)
    assert calibration.read(conn, country.programme_id, TODAY).every.count == 0
    assert calibration.read(conn, other.programme_id, TODAY).every.count == 1
    assert calibration.read(conn, country.programme_id, date(2026, 12, 1)).every.count == 1


def test_a_history_that_ended_long_ago_is_judged_by_its_own_last_months(
    conn: sa.Connection, country: small.Small
) -> None:
    for day, closing in ((date(2018, 11, 1), 100), (date(2018, 12, 1), 0)):
        _month(conn, country, "F-E1", day, within=0.5, closing=closing)
        conn.execute(
            sa.text("insert into area_month (area_id, product_seat, month, no_report, inactive, stockout, critical,"
                    " low, overstock, adequate, children, children_at_risk, children_out)"
                    " values (:area, 0, :month, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0)"),
            {"area": country.areas["SM"], "month": day},
        )  # fmt: skip
    found = calibration.read(conn, country.programme_id, TODAY)
    assert (found.every.count, found.every.happened) == (1, 1)
    assert list(found.by_month) == [date(2018, 11, 1)]
