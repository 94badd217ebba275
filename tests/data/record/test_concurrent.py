"""No schedule of concurrent writers overdraws or doubles: late events, reversals, reservations on the same shelves."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
import small
import sqlalchemy as sa

from data import db, errors
from data.record import audit, ledger
from data.types import Kind, Recorded, StockEvent

NOW = datetime.now(UTC).replace(microsecond=0)
FAR = date(NOW.year + 3, 1, 31)
WRITERS, EVENTS = 6, 40
KINDS = [
    Kind.RECEIPT, Kind.RECEIPT, Kind.RECEIPT, Kind.ADMINISTERED, Kind.ISSUE, Kind.ISSUE, Kind.LOSS, Kind.COUNT,
    Kind.RESERVE, Kind.UNRESERVE, Kind.TRANSFER_OUT, Kind.TRANSFER_IN, Kind.REVERSAL,
]  # fmt: skip


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    engine = db.engine(database_url)
    yield engine
    engine.dispose()


class Writer(threading.Thread):
    """Records what chance says; each submission is sent twice, by somebody else also at once."""

    def __init__(self, engine: sa.Engine, programme_id: int, seed: int, start: threading.Barrier) -> None:
        super().__init__()
        self._engine = engine
        self._programme_id = programme_id
        self._chance = random.Random(seed)
        self._together = start
        self.recorded: dict[tuple[str, str], tuple[int, ...]] = {}
        self.problems: list[BaseException] = []

    def run(self) -> None:
        self._together.wait()
        for number in range(EVENTS):
            events = [self._event(number) for _ in range(self._chance.choice([1, 1, 3]))]
            for _ in range(2):
                try:
                    with db.transaction(self._engine) as conn:
                        answers = ledger.record_each(conn, self._programme_id, events)
                except BaseException as problem:
                    self.problems.append(problem)
                    return
                for event, answer in zip(events, answers, strict=True):
                    if isinstance(answer, Recorded):
                        key = (event.source, event.source_id)
                        assert self.recorded.setdefault(key, answer.event_ids) == answer.event_ids
                    elif not isinstance(answer, errors.Overdraw | errors.InvalidEvent | errors.ConflictingRepeat):
                        self.problems.append(answer)

    def _event(self, number: int) -> StockEvent:
        chance = self._chance
        # Few ids for all writers: some of them send the very same thing at the same time.
        name = f"{number}/{chance.randint(0, 9)}"
        same = random.Random(name)
        kind, doses = same.choice(KINDS), same.choice([20, 40, 60])
        here, there = same.sample(["F-E1", "F-W1"], 2)
        at = NOW - timedelta(minutes=same.choice([0, 5, 600, 60 * 24 * 35]) + same.randint(0, 50))
        event = StockEvent(here, "BCG", kind, doses, at, "test", name)
        more: dict[str, object] = {}
        if kind is Kind.RECEIPT:
            lot = same.choice([None, "A", "B"])
            more = {"lot": lot, "expiry": FAR if lot else None}
        elif kind in (Kind.RESERVE, Kind.UNRESERVE):
            more = {"order": "PO-1"}
        elif kind in (Kind.TRANSFER_OUT, Kind.TRANSFER_IN):
            more = {"partner": there, "document": f"WB-{here}-{number // 4}"}
        elif kind is Kind.LOSS:
            more = {"reason": "broken"}
        elif kind is Kind.REVERSAL:
            more = {"reverses": f"{same.randint(0, max(number - 1, 0))}/{same.randint(0, 9)}", "reason": "test",
                    "doses": 0}  # fmt: skip
        return StockEvent(**{f: getattr(event, f) for f in event.__slots__} | more)


@pytest.mark.parametrize("seed", [1, 2])
def test_no_schedule_of_writers_overdraws_or_doubles(engine: sa.Engine, seed: int) -> None:
    with db.transaction(engine) as conn:
        programme_id = small.build(conn).programme_id
    together = threading.Barrier(WRITERS)
    writers = [Writer(engine, programme_id, seed * 100 + n, together) for n in range(WRITERS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
    assert [w.problems for w in writers] == [[]] * WRITERS
    answered: dict[tuple[str, str], set[tuple[int, ...]]] = {}
    for writer in writers:
        for key, ids in writer.recorded.items():
            answered.setdefault(key, set()).add(ids)
    assert len(answered) > 40, "too little was possible to tell"
    assert [key for key, ids in answered.items() if len(ids) > 1] == [], "one event, one answer"
    with db.transaction(engine) as conn:
        rows = conn.execute(sa.text("select source, source_id, id from stock_event where entry <> 'revision'")).all()
        assert Counter((r.source, r.source_id) for r in rows) == {
            k: len(next(iter(ids))) for k, ids in answered.items()
        }
        assert [d for d in audit.differences(conn) if "tracer" not in d.check] == []
        assert conn.execute(_BELOW_ZERO).all() == []


#: A lot that was ever below zero, by the record alone, at the end of a moment.
_BELOW_ZERO = sa.text("""
    select facility_id, lot_id, occurred_at, balance from (
        select facility_id, lot_id, occurred_at,
               sum(sum(doses)) over (partition by facility_id, product_id, lot_id order by occurred_at) as balance
        from stock_event group by facility_id, product_id, lot_id, occurred_at
    ) b where balance < 0
""")
