"""Doubted values and seasons of a history that is longer than a year."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
import small
import sqlalchemy as sa

from data import doubts, forecasts, monthly, nation, programmes, seasons
from data.programmes import Programme

TODAY = date(2026, 5, 10)
UNTIL = monthly.number(TODAY)


@pytest.fixture
def country(conn: sa.Connection) -> small.Small:
    return small.build(conn)


@pytest.fixture
def programme(conn: sa.Connection, country: small.Small) -> Programme:
    return programmes.find(conn, country.code)


def report(conn: sa.Connection, country: small.Small, facility: str, used: list[float], product: str = "BCG") -> None:
    """Full months that end with the one before today, each received as it was used."""
    rows = [
        {"f": country.facilities[facility], "p": country.products[product], "u": round(u),
         "m": monthly.first_day(UNTIL - len(used) + i)}
        for i, u in enumerate(used)
    ]  # fmt: skip
    conn.execute(
        sa.text("insert into stock_month (facility_id, product_id, month, opening, received, used, lost, adjusted,"
                " closing, days_out) values (:f, :p, :m, 50, :u, :u, 0, 0, 50, 0)"), rows,
    )  # fmt: skip


def flags(conn: sa.Connection, programme: Programme) -> list[tuple[str, int]]:
    found = doubts.listed(conn, programme.id, judged=True)
    return [(f.kind, UNTIL - monthly.number(f.month)) for f in found]


def test_earlier_months_are_looked_at_once_and_later_ones_with_demand(conn, country, programme):
    used = [100.0 + i % 3 for i in range(30)]
    used[5], used[27] = 1500, 1600
    report(conn, country, "F-W1", used)
    nation.refresh(conn, programme, TODAY)
    assert flags(conn, programme) == [("jump", 3)]
    assert doubts.find_earlier(conn, programme, TODAY) == 2
    assert flags(conn, programme) == [("jump", 3), ("jump", 25)]
    # Neither takes away what the other found.
    nation.refresh(conn, programme, TODAY)
    assert flags(conn, programme) == [("jump", 3), ("jump", 25)]


def test_a_flag_goes_with_its_reason_unless_somebody_judged_it(conn, country, programme):
    used = [100.0 + i % 3 for i in range(12)]
    used[3], used[8] = 1500, 1600
    report(conn, country, "F-W1", used)
    nation.refresh(conn, programme, TODAY)
    [later, earlier] = doubts.listed(conn, programme.id)
    doubts.judge(conn, programme.id, later.id, "wrong", None, 1, programme.midnight(TODAY))
    conn.execute(sa.text("update stock_month set used = 100"))
    nation.refresh(conn, programme, TODAY)
    assert [f.id for f in doubts.listed(conn, programme.id, judged=True)] == [later.id]
    assert doubts.count(conn, programme.id) == 0
    with pytest.raises(doubts.UnknownFlag):
        doubts.place(conn, programme.id, earlier.id)


def test_a_verdict_has_demand_worked_out_anew(conn, country, programme):
    report(conn, country, "F-W1", [100.0 + i % 3 + (i == 6) * 1400 for i in range(12)])
    nation.refresh(conn, programme, TODAY)
    [flag] = doubts.listed(conn, programme.id)

    def amc() -> float:
        asked = {"f": country.facilities["F-W1"], "p": country.products["BCG"]}
        statement = "select amc from position where facility_id = :f and product_id = :p"
        return float(conn.execute(sa.text(statement), asked).scalar_one())

    assert amc() == pytest.approx(113, abs=2)
    doubts.judge(conn, programme.id, flag.id, "right", "A measles campaign", 1, programme.midnight(TODAY))
    nation.refresh(conn, programme, TODAY, demand=False)
    assert amc() == pytest.approx(217.6, abs=1)


def test_only_a_product_that_follows_the_seasons_has_one(conn, country, programme):
    rng = np.random.default_rng(4)
    wave = 1 + 0.5 * np.sin(2 * np.pi * np.arange(48) / 12)
    for facility in country.facilities:
        report(conn, country, facility, (120 * wave * rng.normal(1, 0.04, 48)).tolist())
        report(conn, country, facility, (120 * rng.normal(1, 0.2, 48)).tolist(), "MR")
    assert seasons.learn(conn, programme, TODAY) == ["BCG"]
    index = conn.execute(sa.text("select season from product where code = 'BCG'")).scalar_one()
    read = forecasts.read(conn, programme, "F-W1", "BCG", TODAY)
    assert read.seasonal
    # May is the thirteenth month after a year that began in May.
    assert read.forecasts[0].monthly == pytest.approx(120 * index[4], rel=0.05)
    assert not forecasts.read(conn, programme, "F-W1", "MR", TODAY).seasonal
    # With a year of history the season is given up.
    conn.execute(sa.text("delete from stock_month where month < :m"), {"m": monthly.first_day(UNTIL - 12)})
    assert seasons.learn(conn, programme, TODAY) == []
