"""What a panel and a headline read of an area."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
import small
import sqlalchemy as sa
import world

from data.errors import UnknownArea
from data.types import State
from geo import aggregates, areas


@pytest.fixture
def country(conn: sa.Connection) -> small.Small:
    made = small.build(conn)
    world.grow(conn, made, 120)
    aggregates.rebuild(conn, made.programme_id)
    return made


def month_before(conn: sa.Connection, back: int) -> date:
    return conn.execute(
        sa.text(
            "select cast(date_trunc('month', now() at time zone 'Africa/Lagos') - :n * interval '1 month' as date)"
        ),
        {"n": back},
    ).scalar_one()


def test_an_area_knows_the_way_to_it_and_the_box_around_it(conn: sa.Connection, country: small.Small) -> None:
    found = areas.area(conn, country.programme_id, "W2")
    assert found.way == [("SM", "Area SM", 0), ("W", "Area W", 1), ("W2", "Area W2", 2)]
    assert found.bounds == (0, 1, 2, 2)
    assert areas.area(conn, country.programme_id).code == "SM"
    with pytest.raises(UnknownArea):
        areas.area(conn, country.programme_id, "nowhere")


def test_the_areas_below_come_with_the_most_endangered_first(conn: sa.Connection, country: small.Small) -> None:
    own, below = areas.status(conn, country.areas["W"], 1)
    assert own.code == "W"
    assert {status.code for status in below} == {"W1", "W2"}
    assert below[0].risk_share >= below[1].risk_share
    assert own.handling == sum(status.handling for status in below)
    assert own.children_at_risk == sum(status.children_at_risk for status in below)
    with pytest.raises(UnknownArea):
        areas.status(conn, -1, 1)


def test_the_headline_compares_with_the_month_before_and_goes_back_a_year(
    conn: sa.Connection, country: small.Small
) -> None:
    last, older = month_before(conn, 1), month_before(conn, 3)
    conn.execute(
        sa.text(
            "insert into stock_month (facility_id, product_id, month, state)"
            " select facility_id, product_id, m, 2 from position, unnest(cast(:months as date[])) m"
        ),
        {"months": [last, older]},
    )
    aggregates.rebuild_months(conn, country.programme_id)
    found = areas.headline(conn, country.programme_id, 0, 1)
    own, _ = areas.status(conn, country.areas["SM"], 1)
    assert found.now == areas.Numbers(own.handling, own.reporting, own.out, own.at_risk)
    assert found.before == areas.Numbers(own.handling, own.handling, own.handling, own.handling)
    assert len(found.series) == 12
    assert found.series[-1] == found.now
    assert [at for at, numbers in enumerate(found.series) if numbers is not None] == [8, 10, 11]
    newest = conn.scalar(
        sa.text(
            "select max(n.last_event_at) from position n join counted using (facility_id) where n.product_id = :product"
        ),
        {"product": country.products["BCG"]},
    )
    assert found.newest == newest
    past = areas.headline(conn, country.programme_id, 0, 1, older)
    assert past.now == found.before
    assert (past.before, past.newest) == (None, None)


def test_a_headline_of_nothing_is_nought_and_not_an_error(conn: sa.Connection) -> None:
    empty = small.build(conn)
    found = areas.headline(conn, empty.programme_id, 0, 1)
    assert found.now == areas.Numbers(0, 0, 0, 0)
    assert found.series[:-1] == [None] * 11
    with pytest.raises(UnknownArea):
        areas.headline(conn, empty.programme_id, 99, 1)


@pytest.mark.parametrize("seat", [0, 1])
def test_the_worst_facilities_are_in_the_area_and_in_order(
    conn: sa.Connection, country: small.Small, seat: int
) -> None:
    found = areas.worst_facilities(conn, country.programme_id, country.areas["W"], seat, most=500)
    expected = conn.execute(
        sa.text(
            "select count(*) from facility f join area a on a.id = f.area_id"
            " left join facility_status w on w.facility_id = f.id"
            " left join position n on n.facility_id = f.id and n.product_id = :product"
            " where a.lineage @> array[cast(:area as int)]"
            " and case when :seat = 0 then w.state else n.state end in (2, 3, 4)"
        ),
        {"product": country.products["BCG"], "area": country.areas["W"], "seat": seat},
    ).scalar_one()
    assert len(found) == expected > 10
    assert {one.area_name for one in found} == {"Area W1", "Area W2"}
    order = [(one.state, -(one.probability if one.probability is not None else -1)) for one in found]
    assert [state for state, _ in order] == sorted(state for state, _ in order)
    if seat:
        assert order == sorted(order)
        assert {one.product for one in found} == {"BCG"}
    assert areas.worst_facilities(conn, country.programme_id, country.areas["W"], seat, most=3) == found[:3]


def test_the_worst_of_a_month_are_those_of_then(conn: sa.Connection, country: small.Small) -> None:
    conn.execute(
        sa.text(
            "insert into stock_month (facility_id, product_id, month, state, probability, closing) values"
            " (:w1, :bcg, '2016-05-01', 4, 0.2, 8), (:w1, :mr, '2016-05-01', 2, null, 0),"
            " (:e1, :bcg, '2016-05-01', 2, null, 0), (:w2, :bcg, '2016-05-01', 6, 0, 90)"
        ),
        {
            "w1": country.facilities["F-W1"], "w2": country.facilities["F-W2a"], "e1": country.facilities["F-E1"],
            "bcg": country.products["BCG"], "mr": country.products["MR"],
        },
    )  # fmt: skip
    may = date(2016, 5, 1)
    everything = areas.worst_facilities(conn, country.programme_id, country.areas["SM"], 0, may)
    assert {(one.code, one.product, one.state) for one in everything} == {
        ("F-W1", "MR", State.STOCKOUT),
        ("F-E1", "BCG", State.STOCKOUT),
    }
    (low,) = areas.worst_facilities(conn, country.programme_id, country.areas["W"], 1, may)
    assert (low.code, low.state, low.usable) == ("F-W1", State.LOW, 8)


def test_whoever_has_been_out_keeps_since_when(conn: sa.Connection, country: small.Small) -> None:
    since = datetime(2026, 1, 5, 8, tzinfo=UTC)
    conn.execute(sa.text("update position set state = 6"))
    conn.execute(
        sa.text("update position set state = 2, out_since = :since where facility_id = :f and product_id = :p"),
        {"since": since, "f": country.facilities["F-W1"], "p": country.products["MR"]},
    )
    world.settle(conn)
    (one,) = areas.worst_facilities(conn, country.programme_id, country.areas["SM"], 0)
    assert (one.code, one.product, one.since) == ("F-W1", "MR", since)
