"""The supply chain above a facility, and who is near."""

from __future__ import annotations

import pytest
import small
import sqlalchemy as sa

from geo import network


def supplied_by(conn: sa.Connection, country: small.Small, links: dict[str, str]) -> None:
    for facility, supplier in links.items():
        conn.execute(
            sa.text("update facility set supplier_id = :supplier where id = :facility"),
            {"facility": country.facilities[facility], "supplier": country.facilities[supplier]},
        )


def test_the_chain_goes_up_step_by_step_with_the_distance_of_each(conn: sa.Connection) -> None:
    country = small.build(conn)
    supplied_by(conn, country, {"F-W2a": "F-W2b", "F-W2b": "F-E1"})
    first, second = network.supply(conn, country.facilities["F-W2a"])
    assert (first.code, first.area_name, second.code) == ("F-W2b", "Area W2", "F-E1")
    # One degree of longitude at 1.5 degrees north on the ellipsoid.
    assert first.km == pytest.approx(111.28, abs=0.05)
    assert network.supply(conn, country.facilities["F-E1"]) == []


def test_a_chain_that_runs_in_a_circle_ends(conn: sa.Connection) -> None:
    country = small.build(conn)
    supplied_by(conn, country, {"F-W2a": "F-W2b", "F-W2b": "F-W2a"})
    assert [store.code for store in network.supply(conn, country.facilities["F-W2a"])] == ["F-W2b"]


def test_a_place_without_coordinates_has_no_distance(conn: sa.Connection) -> None:
    country = small.build(conn)
    supplied_by(conn, country, {"F-W2a": "F-W2b"})
    conn.execute(sa.text("update facility set point = null where code = 'F-W2b'"))
    (store,) = network.supply(conn, country.facilities["F-W2a"])
    assert store.km is None


def test_neighbours_give_only_what_they_do_not_need_themselves(conn: sa.Connection) -> None:
    country = small.build(conn)
    conn.execute(sa.text("update position set amc = 100, usable = 100"))
    conn.execute(
        sa.text("update position set usable = 500 where product_id = :bcg and facility_id = any(:rich)"),
        {"bcg": country.products["BCG"], "rich": [country.facilities["F-W2b"], country.facilities["F-E1"]]},
    )

    def near(product: str, km: float) -> list[tuple[str, int]]:
        found = network.spare(
            conn, country.facilities["F-W2a"], country.products[product], keep_months=2, least=50, km=km
        )
        return [(one.code, one.doses) for one in found]

    assert near("BCG", 150) == [("F-W2b", 300)]
    assert near("BCG", 400) == [("F-W2b", 300), ("F-E1", 300)]
    assert near("BCG", 50) == near("MR", 400) == []
