"""What follows as time passes: months close, lots expire, and what was only counted was used."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
import small
import sqlalchemy as sa

from data import assess, nation, programmes
from data.programmes import Programme
from data.record import ledger, outbox, partitions
from data.types import Kind, State, StockEvent

TODAY = date(2026, 6, 1)


@pytest.fixture
def country(conn: sa.Connection) -> small.Small:
    made = small.build(conn)
    partitions.ensure_partitions(conn, date(2025, 12, 1), date(2026, 8, 1))
    return made


def happened(conn: sa.Connection, country: small.Small, kind: Kind, doses: int, day: date, **more: object) -> None:
    """One event at noon of a day, recorded as if it were told the same evening."""
    at = datetime(day.year, day.month, day.day, 11, tzinfo=UTC)
    fields: dict[str, object] = {"facility": "F-W1", "product": "BCG", "source": "test", "source_id": f"{kind}{at}"}
    event = StockEvent(kind=kind, doses=doses, occurred_at=at, **({"opened_vial": True} | fields | more))  # type: ignore[arg-type]
    ledger.record(conn, country.programme_id, [event], now=at + timedelta(hours=6))


def refreshed(conn: sa.Connection, country: small.Small, day: date) -> Programme:
    nation.refresh(conn, programmes.find(conn, country.code), day)
    return programmes.find(conn, country.code)


def month(conn: sa.Connection, first: date, facility: str = "F-W1") -> sa.Row[tuple[object, ...]] | None:
    return conn.execute(
        sa.text(
            "select m.* from stock_month m join facility f on f.id = m.facility_id"
            " join product p on p.id = m.product_id where f.code = :facility and p.code = 'BCG' and m.month = :first"
        ),
        {"facility": facility, "first": first},
    ).one_or_none()


def position(conn: sa.Connection) -> sa.Row[tuple[object, ...]]:
    return conn.execute(
        sa.text(
            "select n.* from position n join facility f on f.id = n.facility_id join product p on p.id = n.product_id"
            " where f.code = 'F-W1' and p.code = 'BCG'"
        )
    ).one()


def test_a_month_without_events_closes_with_what_was_there(conn: sa.Connection, country: small.Small) -> None:
    happened(conn, country, Kind.RECEIPT, 100, date(2026, 5, 20))
    refreshed(conn, country, date(2026, 5, 25))
    refreshed(conn, country, date(2026, 7, 1))
    may, june = month(conn, date(2026, 5, 1)), month(conn, date(2026, 6, 1))
    assert may is not None
    assert june is not None
    assert (june.opening, june.closing, june.used) == (100, 100, None)
    assert june.state == may.state is not None


def test_a_place_that_is_silent_gets_no_month(conn: sa.Connection, country: small.Small) -> None:
    refreshed(conn, country, date(2026, 5, 25))
    refreshed(conn, country, date(2026, 6, 2))
    assert month(conn, date(2026, 5, 1)) is None


def test_who_only_counts_and_receives_has_demand_and_runs_out(conn: sa.Connection, country: small.Small) -> None:
    for number in range(2, 6):
        happened(conn, country, Kind.RECEIPT, 100, date(2026, number, 2))
        happened(conn, country, Kind.COUNT, 20 if number < 5 else 0, date(2026, number, 28))
    refreshed(conn, country, TODAY)
    found = position(conn)
    assert found.amc > 60
    assert found.state == State.STOCKOUT


@pytest.mark.parametrize(
    ("moves", "days"),
    [
        # In stock to the end.
        ([(Kind.RECEIPT, 50, 1)], 0),
        # Out at noon of the 10th, refilled at noon of the 14th: the 11th, 12th and 13th.
        ([(Kind.RECEIPT, 50, 1), (Kind.ADMINISTERED, 50, 10), (Kind.RECEIPT, 50, 14)], 3),
        # Out on the 10th and for the rest of May: the 11th to the 31st.
        ([(Kind.RECEIPT, 50, 1), (Kind.ADMINISTERED, 50, 10)], 21),
        # A count of nothing in an empty spell does not part it.
        ([(Kind.RECEIPT, 50, 1), (Kind.ADMINISTERED, 50, 10), (Kind.COUNT, 0, 12), (Kind.RECEIPT, 9, 14)], 3),
        # Used up in April, and empty from the first midnight until the 5th: the 1st to the 4th.
        ([(Kind.RECEIPT, 50, 5)], 4),
        # Out and refilled within a day.
        ([(Kind.RECEIPT, 50, 1), (Kind.ADMINISTERED, 50, 10), (Kind.RECEIPT, 50, 11)], 0),
    ],
)
def test_days_out_are_full_local_days(
    conn: sa.Connection, country: small.Small, moves: list[tuple[Kind, int, int]], days: int
) -> None:
    stocked = moves[0][2] == 1
    if stocked:
        happened(conn, country, Kind.RECEIPT, 1, date(2026, 4, 20))
    else:
        happened(conn, country, Kind.RECEIPT, 9, date(2026, 4, 20))
        happened(conn, country, Kind.ADMINISTERED, 9, date(2026, 4, 25))
    for number, (kind, doses, day) in enumerate(moves):
        amount = doses + 1 if stocked and kind is Kind.ADMINISTERED else doses
        happened(conn, country, kind, amount, date(2026, 5, day), source_id=str(number))
    refreshed(conn, country, date(2026, 5, 31))
    refreshed(conn, country, TODAY)
    may = month(conn, date(2026, 5, 1))
    assert may is not None
    assert may.days_out == days


def test_a_place_is_not_out_of_what_it_never_had(conn: sa.Connection, country: small.Small) -> None:
    happened(conn, country, Kind.RECEIPT, 50, date(2026, 5, 5))
    refreshed(conn, country, date(2026, 5, 31))
    refreshed(conn, country, TODAY)
    may = month(conn, date(2026, 5, 1))
    assert may is not None
    assert may.days_out == 0


def test_a_place_is_out_from_the_day_after_its_last_lot_expired(conn: sa.Connection, country: small.Small) -> None:
    for number in range(2, 5):
        happened(conn, country, Kind.RECEIPT, 60, date(2026, number, 2))
        happened(conn, country, Kind.ADMINISTERED, 60, date(2026, number, 20))
    happened(conn, country, Kind.RECEIPT, 80, date(2026, 5, 2), lot="OLD", expiry=date(2026, 5, 20))
    refreshed(conn, country, date(2026, 5, 15))
    assert position(conn).out_since is None
    refreshed(conn, country, TODAY)
    found = position(conn)
    assert found.state == State.STOCKOUT
    assert found.usable == 0
    assert found.out_since == datetime(2026, 5, 20, 23, tzinfo=UTC)


def test_what_was_read_before_an_event_is_not_written_over_it(conn: sa.Connection, country: small.Small) -> None:
    happened(conn, country, Kind.RECEIPT, 80, date(2026, 5, 2))
    found = position(conn)
    programme = programmes.find(conn, country.code)
    answer = assess.Answer(
        *(np.array([n]) for n in (3, State.STOCKOUT, 1.0, 0.0, 0.0, 0.0, 4.0)),
        within=np.ones((1, 5)), **{name: np.array([n]) for name, n in (
            ("short", 7), ("missed", 7), ("expiring", np.nan), ("coming", 0), ("coming_due", np.nan),
        )},
    )  # fmt: skip
    where = (np.array([found.facility_id]), np.array([found.product_id]))
    nobody = np.array([], dtype=np.int64)
    for version, usable in ((found.version - 1, 80), (found.version, 3)):
        assess.store(conn, programme, TODAY, *where, np.array([version]), answer, nobody, nobody, nobody)
        assert position(conn).usable == usable
    assert position(conn).next_delivery_on == TODAY + timedelta(days=4)


def test_a_database_restored_into_a_younger_server_goes_on_where_it_was(
    conn: sa.Connection, country: small.Small
) -> None:
    happened(conn, country, Kind.RECEIPT, 80, date(2026, 5, 2))
    conn.execute(sa.text("update outbox set txid = txid + 1000000000"))
    conn.execute(sa.text("insert into outbox (programme_id, facility_id, product_id, payload, txid)"
                         " select programme_id, facility_id, product_id, payload, txid + 1 from outbox"))  # fmt: skip
    conn.execute(
        sa.text("update reader set (txid, seq) = (select txid, seq from outbox order by seq limit 1)")
    )  # the first of the two was read before the restore
    outbox.add_reader(conn, "pipeline")
    rows = conn.execute(sa.text("select txid from outbox")).scalars().all()
    assert rows == [0]
    assert len(outbox.read(conn, "pipeline", 10)) == 1
    assert outbox.read(conn, "pipeline", 10) == []
