"""The engine: connections that were closed meanwhile, and plans."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
import small
import sqlalchemy as sa

from data import db, errors
from data.record import ledger
from data.types import Kind, StockEvent

PID = sa.text("select pg_backend_pid()")
CLOSE = sa.text("select pg_terminate_backend(pid, 5000) from unnest(cast(:pids as int[])) pid")


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    engine = db.engine(database_url, pool_size=3)
    yield engine
    engine.dispose()


def open_three(engine: sa.Engine) -> list[int]:
    """Three connections at once, which then lie in the pool; their processes."""
    conns = [engine.connect() for _ in range(3)]
    pids = [conn.execute(PID).scalar_one() for conn in conns]
    for conn in conns:
        conn.close()
    return pids


def test_connections_that_postgresql_has_closed_are_opened_again_silently(engine: sa.Engine, database_url: str) -> None:
    old, other = open_three(engine), db.engine(database_url)
    with db.transaction(other) as conn:
        assert all(conn.execute(CLOSE, {"pids": old}).scalars())
    other.dispose()
    new = open_three(engine)
    assert not set(old) & set(new)
    with db.single(engine) as conn:
        assert conn.execute(PID).scalar_one() in new


def test_the_connection_used_last_is_used_next(engine: sa.Engine) -> None:
    open_three(engine)
    pids = set()
    for _ in range(6):
        with db.single(engine) as conn:
            pids.add(conn.execute(PID).scalar_one())
    assert len(pids) == 1


def test_many_threads_get_their_connections_while_some_are_closed(engine: sa.Engine, database_url: str) -> None:
    failures: list[BaseException] = []
    done = threading.Event()

    def work() -> None:
        while not done.is_set():
            try:
                with db.transaction(engine) as conn:
                    conn.execute(PID)
            except errors.DatabaseUnavailable:
                pass  # it was closed in the middle of the work, which is said
            except BaseException as error:
                failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    other = db.engine(database_url, application="closer")
    for _ in range(20):
        with db.transaction(other) as conn:
            conn.execute(
                sa.text(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where datname = current_database() and application_name = 'vaxtrace'"
                )
            )
    done.set()
    for thread in threads:
        thread.join()
    other.dispose()
    assert failures == []


def test_a_statement_is_planned_once_for_a_connection(engine: sa.Engine) -> None:
    with db.single(engine) as conn:
        for number in range(12):
            conn.execute(sa.text("select :n + 1"), {"n": number}).scalar_one()
        [(generic, custom)] = conn.execute(
            sa.text("select generic_plans, custom_plans from pg_prepared_statements where statement like '%+ 1%'")
        ).all()
    assert generic > 0
    assert custom == 0


WRONG = {
    "there is no position": "update stock_event set facility_id = (select id from facility where code = 'F-E1')",
    "a lot that its product does not have": "update stock_event set lot_id = (select id from lot where number = 'M')",
    "at its other end that is not there": "update stock_event set partner_id = -1",
    "an attachment that is not there": "update stock_event set attachment_id = -1",
    "a shipment that is not there": "update stock_event set shipment_id = -1",
    "a balance is of a lot": "update lot_balance set lot_id = (select id from lot where number = 'M')",
    "campaigns of one product in one area overlap": "insert into campaign (programme_id, product_id, area_id,"
    " first_day, last_day) select p.programme_id, p.id, a.id, day, day + 9 from product p, area a, unnest("
    " '{2026-03-01, 2026-03-10}'::date[]) day where p.code = 'MR' and a.code = 'W'",
}  # fmt: skip


@pytest.mark.parametrize("reason", WRONG)
def test_what_a_constraint_refuses_is_said_in_words_and_nothing_is_kept(engine: sa.Engine, reason: str) -> None:
    with db.transaction(engine) as conn:
        country = small.build(conn)
        at = datetime.now(UTC) - timedelta(days=1)
        far = date(at.year + 2, 1, 1)
        for product, lot in (("BCG", "B"), ("MR", "M")):
            receipt = StockEvent("F-W1", product, Kind.RECEIPT, 20, at, "test", lot, lot=lot, expiry=far)
            ledger.record(conn, country.programme_id, [receipt])
        conn.execute(sa.text("alter table stock_event disable trigger append_only"))
        conn.execute(sa.text("delete from position where facility_id = :f"), {"f": country.facilities["F-E1"]})
    of_bcg = " where product_id = (select id from product where code = 'BCG')" if "update" in WRONG[reason] else ""
    with pytest.raises(errors.Contradicted, match=reason), db.transaction(engine) as conn:
        conn.execute(sa.text(WRONG[reason] + of_bcg))


def test_campaigns_of_one_product_follow_each_other_and_those_of_two_overlap(engine: sa.Engine) -> None:
    with db.transaction(engine) as conn:
        small.build(conn)
        conn.execute(sa.text(
            "insert into campaign (programme_id, product_id, area_id, first_day, last_day) select p.programme_id, p.id,"
            " a.id, day, day + 8 from product p, area a, unnest('{2026-03-01, 2026-03-10}'::date[]) day"
        ))  # fmt: skip
        assert conn.execute(sa.text("select count(*) from campaign")).scalar_one() == 24
