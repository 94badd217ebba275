"""Single events that arrive together share a transaction, and each of them is answered for itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import small
import sqlalchemy as sa

from app.auth.principal import Grant, Principal
from app.local import children
from app.recorder import Job, Recorder
from data import db, errors
from data.record import ledger
from data.types import Kind, Recorded, StockEvent

WRITERS = 6


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    engine = db.engine(database_url)
    yield engine
    engine.dispose()


def _event(doses: int, source_id: str) -> StockEvent:
    kind, reason = (Kind.RECEIPT, None) if doses > 0 else (Kind.LOSS, "heat")
    at = datetime.now(UTC)
    return StockEvent("F-W1", "BCG", kind, abs(doses), at, "test", source_id, reason=reason, opened_vial=True)


class Writer(threading.Thread):
    """Records one event after another, and keeps what was answered."""

    def __init__(self, recorder: Recorder, principal: Principal, name: str, doses: list[int]) -> None:
        super().__init__()
        self._recorder = recorder
        self._jobs = [Job(principal, "small", [_event(each, f"{name}-{number}")]) for number, each in enumerate(doses)]
        self.answers: list[object] = []

    def run(self) -> None:
        for job in self._jobs:
            try:
                self.answers += self._recorder.record(job)
            except errors.DataError as error:
                self.answers.append(error)


def _setting(engine: sa.Engine) -> tuple[Recorder, Principal]:
    with db.transaction(engine) as conn:
        programme_id = small.build(conn).programme_id
    grant = Grant(programme_id, "small", "national", None, None)
    return Recorder(engine), Principal(1, "A", "a@example.org", b"", (grant,), frozenset({"small"}))


def test_who_waits_goes_into_the_next_commit_and_what_is_wrong_of_one_is_answered_to_that_one(
    engine: sa.Engine,
) -> None:
    recorder, principal = _setting(engine)
    first = Writer(recorder, principal, "first", [100])
    others = [Writer(recorder, principal, str(number), [-10 * number]) for number in range(1, WRITERS)]
    with db.transaction(engine) as conn:
        held = {
            "facility_ids": list(conn.execute(sa.text("select id from facility where code = 'F-W1'")).scalars()),
            "product_ids": list(conn.execute(sa.text("select id from product where code = 'BCG'")).scalars()),
        }
        conn.execute(ledger.SQL["open_positions"], held)
        conn.execute(ledger.SQL["lock_positions"], held)
        first.start()
        assert children.wait_until(lambda: not recorder._waiting["small"] and "small" in recorder._led, 20)
        for writer in others:
            writer.start()
        assert children.wait_until(lambda: len(recorder._waiting["small"]) == len(others), 20)
    for writer in (first, *others):
        writer.join(20)
    answers = [answer for writer in (first, *others) for answer in writer.answers]
    refused = [answer for answer in answers if isinstance(answer, errors.Overdraw)]
    # 100 less 10, 20, 30 and 40 are none left for 50; whoever came first.
    assert len(answers) == WRITERS
    assert refused
    with db.transaction(engine) as conn:
        assert conn.scalar(sa.text("select count(distinct txid) from outbox")) == 2
        left = conn.scalar(sa.text("select sum(doses) from stock_event"))
        kept = conn.scalar(sa.text("select count(*) from event_key"))
    assert kept == WRITERS - len(refused)
    assert 0 <= left < 50


def test_many_who_record_again_and_again_are_all_answered(engine: sa.Engine) -> None:
    recorder, principal = _setting(engine)
    writers = [Writer(recorder, principal, str(number), [10] * 20) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert not writer.is_alive()
    assert all(isinstance(answer, Recorded) for writer in writers for answer in writer.answers)
    with db.transaction(engine) as conn:
        assert conn.scalar(sa.text("select sum(doses) from stock_event")) == WRITERS * 20 * 10
        assert conn.scalar(sa.text("select count(distinct txid) from outbox")) < WRITERS * 20
    assert recorder._led == set()
