"""Places ranked by the children who would be missed, and all of them counted."""

from __future__ import annotations

import pytest
import small
import sqlalchemy as sa

from data import missed, stock
from geo import aggregates


@pytest.fixture
def country(conn: sa.Connection) -> small.Small:
    """Three posts that lack BCG, one of them MR too, a store that lacks some, and one that is closed."""
    country = small.build(conn)
    for facility, product, children in (
        ("F-E1", "BCG", 40), ("F-W1", "BCG", 120), ("F-W2a", "BCG", 80), ("F-W2a", "MR", 90), ("F-W2b", "MR", 0.4),
    ):  # fmt: skip
        conn.execute(
            sa.text(
                "update position set state = 3, missed = :missed, short = :missed * 2,"
                " within = '{0.1,0.2,0.6,0.7,0.8}', probability = 0.5, usable = 5, amc = 100"
                " where facility_id = :facility and product_id = :product"
            ),
            {
                "missed": children, "facility": country.facilities[facility], "product": country.products[product],
            },
        )  # fmt: skip
    aggregates.rebuild(conn, country.programme_id)
    return country


def _product(conn: sa.Connection, country: small.Small, code: str) -> stock.Product:
    return next(p for p in stock.products(conn, country.programme_id) if p.code == code)


def test_the_most_children_come_first_and_less_than_one_is_left_out(conn: sa.Connection, country: small.Small) -> None:
    found = missed.places(conn, country.programme_id)
    assert [(p.facility, p.product, p.missed) for p in found] == [
        ("F-W1", "BCG", 120), ("F-W2a", "MR", 90), ("F-W2a", "BCG", 80), ("F-E1", "BCG", 40),
    ]  # fmt: skip
    assert found[0].within_30 == pytest.approx(0.6)
    assert found[0].short == 240


def test_an_area_and_a_vaccine_narrow_the_list_and_its_sum_alike(conn: sa.Connection, country: small.Small) -> None:
    west, bcg = country.areas["W"], _product(conn, country, "BCG")
    found = missed.places(conn, country.programme_id, area_id=west, product=bcg)
    assert [p.facility for p in found] == ["F-W1", "F-W2a"]
    total = missed.total(conn, country.programme_id, west, bcg)
    assert (total.places, total.of, total.facilities, total.missed, total.short) == (2, 2, 2, 200, 400)
    every = missed.total(conn, country.programme_id, country.areas["SM"], nation=True)
    assert (every.places, every.of, every.facilities, every.missed) == (4, 5, 3, 330)


def test_pages_hold_each_place_once(conn: sa.Connection, country: small.Small) -> None:
    pages = [missed.places(conn, country.programme_id, limit=2, skip=skip) for skip in (0, 2, 4)]
    assert [len(page) for page in pages] == [2, 2, 0]
    assert len({(p.facility, p.product) for page in pages for p in page}) == 4


def test_closed_places_and_stores_are_not_counted(conn: sa.Connection, country: small.Small) -> None:
    conn.execute(sa.text("update facility set open = false where code = 'F-W1'"))
    conn.execute(sa.text("update facility set catchment = 0 where code = 'F-E1'"))
    aggregates.rebuild(conn, country.programme_id)
    assert [p.facility for p in missed.places(conn, country.programme_id)] == ["F-W2a", "F-W2a"]
