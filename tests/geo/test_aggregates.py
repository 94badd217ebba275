"""Roll-ups by area: the rule itself, and that single moves lead to what a rebuild makes."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
import small
import sqlalchemy as sa
import world
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.types import AT_RISK, WORST_FIRST, State
from geo import aggregates, registry

S = State


def stored(conn: sa.Connection, table: str = "area_status") -> list[Any]:
    return list(conn.execute(sa.text(f"select * from {table} order by area_id, product_seat")))  # noqa: S608


def of(conn: sa.Connection, code: str, seat: int) -> Any:
    return conn.execute(
        sa.text(
            "select s.* from area_status s join area a on a.id = s.area_id"
            " where a.code = :code and product_seat = :seat"
        ),
        {"code": code, "seat": seat},
    ).one()


def put(conn: sa.Connection, country: small.Small, states: dict[tuple[str, str], State]) -> None:
    for (facility, product), state in states.items():
        conn.execute(
            sa.text(
                "insert into position (facility_id, product_id, state) values (:facility, :product, :state)"
                " on conflict (facility_id, product_id) do update set state = excluded.state"
            ),
            {"facility": country.facilities[facility], "product": country.products[product], "state": state},
        )
    world.settle(conn)


def everywhere(state: State) -> dict[tuple[str, str], State]:
    return {(f, p): state for f in ("F-E1", "F-W1", "F-W2a", "F-W2b") for p in ("BCG", "MR")}


def test_an_area_counts_its_facilities_by_state_and_their_children_by_risk(conn: sa.Connection) -> None:
    country = small.build(conn)
    put(
        conn,
        country,
        everywhere(S.ADEQUATE)
        | {("F-W1", "BCG"): S.STOCKOUT, ("F-W2a", "BCG"): S.CRITICAL, ("F-W2b", "BCG"): S.NO_REPORT},
    )
    aggregates.rebuild(conn, country.programme_id)
    west, nation = of(conn, "W", 1), of(conn, "SM", 1)
    assert (west.stockout, west.critical, west.no_report, west.adequate) == (1, 1, 1, 0)
    # F-W1 stands for 200 children, F-W2a for 300; F-W2b's 400 are left out because nobody knows.
    assert (west.children, west.children_at_risk, west.children_out) == (500, 500, 200)
    assert (west.risk_share, west.out_share, west.reporting_share) == (100, 40, 67)
    assert (nation.children, nation.risk_share, nation.out_share) == (600, 83, 33)
    # For the worst of all, a facility that says nothing of BCG still says that it has MR.
    assert (of(conn, "W", 0).children, of(conn, "W", 0).adequate) == (900, 1)


def test_a_share_that_is_not_nothing_is_never_shown_as_nothing(conn: sa.Connection) -> None:
    country = small.build(conn)
    conn.execute(sa.text("update facility set catchment = 100000 where code <> 'F-E1'"))
    conn.execute(sa.text("update facility set catchment = 1 where code = 'F-E1'"))
    put(conn, country, everywhere(S.ADEQUATE) | {("F-E1", "BCG"): S.STOCKOUT})
    aggregates.rebuild(conn, country.programme_id)
    assert (of(conn, "SM", 1).risk_share, of(conn, "SM", 2).risk_share) == (1, 0)


@pytest.mark.parametrize("silent", [S.NO_REPORT, S.INACTIVE])
def test_an_area_where_nobody_reports_or_uses_it_has_no_share(conn: sa.Connection, silent: State) -> None:
    country = small.build(conn)
    put(conn, country, everywhere(silent))
    aggregates.rebuild(conn, country.programme_id)
    found = of(conn, "SM", 1)
    assert (found.risk_share, found.out_share) == (255, 255)
    assert found.reporting_share == (0 if silent is S.NO_REPORT else 100)


def test_an_area_without_facilities_says_no_data(conn: sa.Connection) -> None:
    country = small.build(conn)
    conn.execute(sa.text("update facility set open = false where code = 'F-E1'"))
    put(conn, country, everywhere(S.ADEQUATE))
    aggregates.rebuild(conn, country.programme_id)
    found = of(conn, "E1", 1)
    assert (found.risk_share, found.out_share, found.reporting_share) == (255, 255, 255)


def test_stores_that_serve_no_children_are_not_counted(conn: sa.Connection) -> None:
    country = small.build(conn)
    conn.execute(sa.text("update facility set catchment = null, tier = 'state' where code = 'F-W2b'"))
    put(conn, country, everywhere(S.STOCKOUT))
    aggregates.rebuild(conn, country.programme_id)
    assert (of(conn, "SM", 1).stockout, of(conn, "SM", 1).children) == (3, 600)


def test_where_no_catchment_is_known_all_facilities_count_alike(conn: sa.Connection) -> None:
    country, other = small.build(conn), small.build(conn, "other")
    conn.execute(sa.text("update facility set catchment = null where programme_id = :id"), {"id": country.programme_id})
    put(conn, country, everywhere(S.ADEQUATE) | {("F-E1", "BCG"): S.STOCKOUT})
    aggregates.rebuild(conn, country.programme_id)
    aggregates.rebuild(conn, other.programme_id)
    own = conn.execute(
        sa.text("select * from area_status where area_id = :area and product_seat = 1"), {"area": country.areas["SM"]}
    ).one()
    assert (own.children, own.children_out, own.out_share) == (4, 1, 25)


def test_at_risk_and_the_order_of_the_worst_are_those_of_the_record() -> None:
    assert set(aggregates._STATES["at_risk"]) == AT_RISK
    assert sorted(WORST_FIRST) == sorted(State) == list(range(7))


def test_a_move_tells_the_areas_as_they_are_now(conn: sa.Connection) -> None:
    country = small.build(conn)
    put(conn, country, everywhere(S.ADEQUATE))
    aggregates.rebuild(conn, country.programme_id)
    put(conn, country, {("F-W1", "MR"): S.CRITICAL})
    change = SimpleNamespace(facility_id=country.facilities["F-W1"], product_seat=2, old=S.ADEQUATE, new=S.CRITICAL)
    assert aggregates.move(conn, [change]) == [
        aggregates.AreaLine(0, 2, 20, 0, 100, 4, 4, 0, 1),
        aggregates.AreaLine(2, 2, 22, 0, 100, 3, 3, 0, 1),
        aggregates.AreaLine(4, 2, 100, 0, 100, 1, 1, 0, 1),
    ]
    assert aggregates.move(conn, []) == []


def test_many_children_come_into_risk_while_few_begin_to_be_counted(conn: sa.Connection) -> None:
    country = small.build(conn)
    conn.execute(sa.text("update facility set catchment = 100000 where code = 'F-W2a'"))
    conn.execute(sa.text("update facility set catchment = 1 where code = 'F-W1'"))
    put(conn, country, everywhere(S.ADEQUATE) | {("F-W1", "BCG"): S.NO_REPORT})
    aggregates.rebuild(conn, country.programme_id)
    put(conn, country, {("F-W1", "BCG"): S.STOCKOUT, ("F-W2a", "BCG"): S.STOCKOUT})
    aggregates.move(
        conn,
        [
            SimpleNamespace(facility_id=country.facilities[f], product_seat=1, old=old, new=S.STOCKOUT)
            for f, old in (("F-W1", S.NO_REPORT), ("F-W2a", S.ADEQUATE))
        ],
    )
    assert (of(conn, "W", 1).children, of(conn, "W", 1).children_at_risk) == (100401, 100001)
    assert of(conn, "W", 1).risk_share == 100


def test_areas_of_which_no_number_moved_can_be_left_out(conn: sa.Connection) -> None:
    country = small.build(conn)
    put(conn, country, everywhere(S.ADEQUATE))
    aggregates.rebuild(conn, country.programme_id)
    put(conn, country, {("F-W1", "MR"): S.CRITICAL})
    changes = [
        SimpleNamespace(facility_id=country.facilities["F-W1"], product_seat=2, old=S.ADEQUATE, new=S.CRITICAL),
        SimpleNamespace(facility_id=country.facilities["F-E1"], product_seat=2, old=S.ADEQUATE, new=S.ADEQUATE),
    ]
    lines = aggregates.move(conn, changes, only_moved=True)
    # The nation and the states always tell of their newest event.
    assert [line.seat for line in lines] == [0, 1, 2, 4]


steps = st.lists(
    st.lists(
        st.tuples(
            st.sampled_from(["F-E1", "F-W1", "F-W2a", "F-W2b"]),
            st.sampled_from(["BCG", "MR"]),
            st.sampled_from(list(State)),
        ),
        min_size=1,
        max_size=4,
        unique_by=lambda step: step[:2],
    ),
    max_size=8,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps, st.booleans())
def test_moves_lead_to_what_a_rebuild_makes(
    conn: sa.Connection, batches: list[list[tuple[str, str, State]]], born_empty: bool
) -> None:
    """Also for positions that did not exist when the roll-up was made, and for a store that is not counted."""
    with conn.begin_nested() as savepoint:
        country = small.build(conn)
        conn.execute(sa.text("update facility set catchment = null where code = 'F-E1'"))
        if born_empty:
            conn.execute(sa.text("delete from position"))
        world.settle(conn)
        aggregates.rebuild(conn, country.programme_id)
        for number, batch in enumerate(batches):
            before = states(conn)
            put(conn, country, {(f, p): state for f, p, state in batch})
            conn.execute(
                sa.text("update position set last_event_at = timestamptz '2026-01-01' + :n * interval '1 day' where"
                        " (facility_id, product_id) in (select * from unnest(cast(:f as int[]), cast(:p as int[])))"),
                {
                    "n": number,
                    "f": [country.facilities[f] for f, _, _ in batch],
                    "p": [country.products[p] for _, p, _ in batch],
                },
            )  # fmt: skip
            after = states(conn)
            touched = {country.facilities[f] for f, _, _ in batch}
            changed = [key for key in after if key[0] in touched and (before.get(key) != after[key] or key[1] == 0)]
            changed += [
                (country.facilities[f], 1 if p == "BCG" else 2)
                for f, p, _ in batch
                if (country.facilities[f], 1 if p == "BCG" else 2) not in changed
            ]
            aggregates.move(
                conn,
                [
                    SimpleNamespace(facility_id=key[0], product_seat=key[1], old=before.get(key, 0), new=after[key])
                    for key in changed
                ],
            )
        moved = stored(conn)
        aggregates.rebuild(conn, country.programme_id)
        assert stored(conn) == moved
        savepoint.rollback()


def states(conn: sa.Connection) -> dict[tuple[int, int], int]:
    rows = conn.execute(
        sa.text(
            "select n.facility_id, d.seat, n.state from position n join product d on d.id = n.product_id"
            " union all select facility_id, 0, state from facility_status"
        )
    )
    return {(row[0], row[1]): row[2] for row in rows}


def test_months_are_rolled_up_with_the_worst_tracer_of_each_facility(conn: sa.Connection) -> None:
    country = small.build(conn)
    conn.execute(sa.text("update product set tracer = false where code = 'MR'"))
    put(conn, country, everywhere(S.ADEQUATE))
    aggregates.rebuild(conn, country.programme_id)
    conn.execute(
        sa.text(
            "insert into stock_month (facility_id, product_id, month, state) values"
            " (:w1, :bcg, '2016-05-01', 2), (:w1, :mr, '2016-05-01', 6), (:e1, :bcg, '2016-05-01', 4),"
            " (:e1, :mr, '2016-05-01', 2), (:e1, :bcg, '2016-06-01', 6), (:w1, :bcg, '2016-07-01', null)"
        ),
        {
            "w1": country.facilities["F-W1"], "e1": country.facilities["F-E1"],
            "bcg": country.products["BCG"], "mr": country.products["MR"],
        },
    )  # fmt: skip
    aggregates.rebuild_months(conn, country.programme_id)
    found = {
        (row.month, row.product_seat): row
        for row in conn.execute(
            sa.text("select m.* from area_month m where area_id = :nation"), {"nation": country.areas["SM"]}
        )
    }
    may = found[date(2016, 5, 1), 0]
    assert (may.stockout, may.low, may.no_report) == (1, 1, 2)
    assert (may.children, may.children_out, may.out_share, may.reporting_share) == (300, 200, 67, 50)
    assert found[date(2016, 5, 1), 2].stockout == 1
    assert found[date(2016, 6, 1), 0].adequate == 1
    # Nothing is known at the end of a month that was never assessed.
    assert {month for month, _ in found} == {date(2016, 5, 1), date(2016, 6, 1)}
    assert registry.read(conn, "small")["months"] == ["2016-05", "2016-06"]


def test_months_can_be_rolled_up_again_from_one_on(conn: sa.Connection) -> None:
    country = small.build(conn)
    put(conn, country, everywhere(S.ADEQUATE))
    aggregates.rebuild(conn, country.programme_id)
    conn.execute(
        sa.text(
            "insert into stock_month (facility_id, product_id, month, state)"
            " select facility_id, product_id, m, 6 from position, unnest(array[date '2016-05-01', date '2016-06-01']) m"
        )
    )
    aggregates.rebuild_months(conn, country.programme_id)
    before = stored(conn, "area_month")
    conn.execute(sa.text("update stock_month set state = 2"))
    aggregates.rebuild_months(conn, country.programme_id, date(2016, 6, 1))
    after = stored(conn, "area_month")
    assert [row for row in after if row.month.month == 5] == [row for row in before if row.month.month == 5]
    assert {row.risk_share for row in after if row.month.month == 6} == {100}
