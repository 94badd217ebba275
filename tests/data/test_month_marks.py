"""What positions were judged by when a month began: the map of a past moment is the same with it and without it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import small
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app import countries
from data import db, errors, month_marks, past, programmes
from data.packs import demo
from data.programmes import Programme
from data.record import ledger
from data.record import past as lots
from data.record.past import AsOf, Sense
from data.types import Kind, State, StockEvent

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
_ids = itertools.count()


def event(kind: Kind, doses: int, at: datetime, facility: str = "F-W1", **more: object) -> StockEvent:
    return StockEvent(facility, "BCG", kind, doses, at, "test", f"m{next(_ids)}", opened_vial=True, **more)  # type: ignore[arg-type]


def products(conn: sa.Connection) -> list[int]:
    return list(conn.execute(sa.text("select id from product order by id")).scalars())


@contextmanager
def without_marks(conn: sa.Connection) -> Iterator[None]:
    """As if no month had ever been marked."""
    with conn.begin_nested() as undone:
        conn.execute(sa.text("delete from position_month"))
        yield
        undone.rollback()


def mark_all(conn: sa.Connection, programme: Programme) -> None:
    last_id = conn.scalar(sa.text("select coalesce(max(id), 0) from stock_event"))
    for month in lots.months(conn, programme, NOW):
        lots.mark(conn, programme, month, last_id)
    month_marks.make(conn, programme, month_marks.due(conn, programme, NOW), last_id)


def same(conn: sa.Connection, programme: Programme, as_of: AsOf) -> past.Then:
    """The states of a moment by its mark, which are those without it."""
    assert month_marks.find(conn, programme, as_of) is not None, "there is no mark: this test says nothing of it"
    kept = past.read(conn, programme, as_of, products(conn))
    with without_marks(conn):
        worked_out = past.read(conn, programme, as_of, products(conn))
    for name in ("facility_id", "product_id", "usable", "total", "state"):
        assert getattr(kept, name).tolist() == getattr(worked_out, name).tolist(), name
    reported = kept.state != State.NO_REPORT
    assert np.array_equal(kept.amc[reported], worked_out.amc[reported], equal_nan=True)
    return kept


#: When it happened and when it was recorded, in days ago; what is there by then is marked when `kind` is None.
STEPS = st.lists(
    st.tuples(
        st.sampled_from([None, Kind.RECEIPT, Kind.RECEIPT, Kind.ADMINISTERED, Kind.COUNT, Kind.LOSS, Kind.REVERSAL]),
        st.integers(1, 60), st.integers(0, 150), st.integers(0, 150), st.sampled_from(["F-W1", "F-E1"]),
    ),
    min_size=4, max_size=16,
)  # fmt: skip


@settings(deadline=None, max_examples=30, suppress_health_check=list(HealthCheck))
@given(steps=STEPS, moments=st.lists(st.integers(0, 150), min_size=1, max_size=3), most_late=st.sampled_from([0, 500]))
def test_what_was_true_is_the_same_with_and_without_marks_whatever_came_late(
    conn: sa.Connection, steps: list[tuple[Kind | None, int, int, int, str]], moments: list[int], most_late: int
) -> None:
    with conn.begin_nested() as undone, pytest.MonkeyPatch.context() as patched:
        patched.setattr(month_marks, "MOST_LATE", most_late)
        country = small.build(conn, "small")
        programme = programmes.find(conn, "small")
        done = [event(Kind.RECEIPT, 40, NOW - 155 * DAY)]
        ledger.record(conn, country.programme_id, done, now=NOW - 155 * DAY)
        for kind, doses, happened, told, facility in [*steps, (None, 0, 0, 0, "")]:
            if kind is None:
                mark_all(conn, programme)
                continue
            at = NOW - timedelta(days=max(happened, told), hours=doses)
            more: dict[str, object] = {}
            if kind is Kind.REVERSAL:
                back = done[doses % len(done)]
                facility, more = back.facility, {"reverses": back.source_id, "reason": "test"}
            elif kind is Kind.LOSS:
                more["reason"] = "other"
            said = event(kind, 0 if kind is Kind.REVERSAL else doses, at, facility, **more)
            try:
                with conn.begin_nested():
                    ledger.record(conn, country.programme_id, [said], now=NOW - timedelta(days=told))
            except (errors.Overdraw, errors.InvalidEvent):
                continue
            if kind is not Kind.REVERSAL:
                done.append(said)
        for days in [*moments, 0]:
            same(conn, programme, AsOf(NOW - timedelta(days=min(days, 120))))
        undone.rollback()


def used_to_the_full(conn: sa.Connection, programme: Programme, country: small.Small) -> None:
    """A place that uses 100 doses a month and says so as each month ends."""
    for month in range(8, 2, -1):
        at = NOW - 30 * month * DAY
        for facility in ("F-W1", "F-E1"):
            told = [event(Kind.RECEIPT, 100, at, facility), event(Kind.ADMINISTERED, 90, at + 20 * DAY, facility)]
            ledger.record(conn, country.programme_id, told, now=at + 20 * DAY)


def test_what_was_known_stays_as_it_was_whatever_is_recorded_later(
    conn: sa.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    country, programme = small.build(conn), programmes.find(conn, "small")
    used_to_the_full(conn, programme, country)
    mark_all(conn, programme)
    known, true = AsOf(NOW - 45 * DAY, Sense.RECORDED), AsOf(NOW - 45 * DAY)
    before = past.read(conn, programme, known, products(conn))
    assert before.state.tolist() == same(conn, programme, true).state.tolist()
    much = [event(Kind.RECEIPT, 8_000, NOW - 200 * DAY), event(Kind.ADMINISTERED, 7_990, NOW - 190 * DAY)]
    ledger.record(conn, country.programme_id, much, now=NOW - DAY)
    monkeypatch.setattr(month_marks, "MOST_LATE", 0)
    for _ in range(2):
        assert past.read(conn, programme, known, products(conn)).amc.tolist() == pytest.approx(
            before.amc.tolist(), nan_ok=True
        )
        at = before.facility_id.tolist().index(country.facilities["F-W1"])
        assert same(conn, programme, true).amc[at] > 5 * before.amc[at]
        mark_all(conn, programme)


def test_a_mark_that_lacks_much_is_made_again_and_the_first_stays(
    conn: sa.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    country, programme = small.build(conn), programmes.find(conn, "small")
    used_to_the_full(conn, programme, country)
    mark_all(conn, programme)
    count = sa.text("select count(distinct last_id), min(last_id), max(last_id) from position_month where month = :m")
    month = {"m": programme.day(NOW).replace(day=1)}
    _, first, _ = conn.execute(count, month).one()
    monkeypatch.setattr(month_marks, "MOST_LATE", 2)
    for number in range(3):
        assert month_marks.due(conn, programme, NOW) == []
        for _ in range(3):
            late = event(Kind.RECEIPT, 10, NOW - 40 * DAY)
            ledger.record(conn, country.programme_id, [late], now=NOW - DAY)
        assert len(month_marks.due(conn, programme, NOW)) >= 1
        mark_all(conn, programme)
        marks, least, most = conn.execute(count, month).one()
        assert (marks, least) == (2, first), number
        assert most > first
    same(conn, programme, AsOf(NOW))


def test_a_reader_of_a_part_sees_no_mark_and_the_same_states(conn: sa.Connection) -> None:
    country, programme = small.build(conn), programmes.find(conn, "small")
    used_to_the_full(conn, programme, country)
    mark_all(conn, programme)
    one = country.facilities["F-W1"]
    every = past.read(conn, programme, AsOf(NOW - 60 * DAY), products(conn))
    part = past.read(conn, programme, AsOf(NOW - 60 * DAY), products(conn), [one])
    assert part.state.tolist() == every.state[every.facility_id == one].tolist()
    assert State.NO_REPORT in every.state
    assert set(part.state.tolist()) - {State.NO_REPORT}


def test_the_demo_country_is_the_same_with_and_without_marks(database_url: str) -> None:
    engine = db.engine(database_url)
    country = demo.build(today=NOW.date(), facilities=20, states=("Ekiti",))
    countries.bring_in(engine, country, digest="small", say=lambda _: None, demo_of=None)
    with db.transaction(engine) as conn:
        [programme] = programmes.every(conn)
        for days in (0, 25, 70, 200):
            then = same(conn, programme, AsOf(NOW - days * DAY))
            assert len(set(then.state.tolist())) > 3
    engine.dispose()
