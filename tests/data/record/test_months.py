"""Months as they are folded, event by event and in any order, against all events at once."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
import small
import sqlalchemy as sa

from data import errors, programmes
from data.record import audit, ledger, rebuild
from data.types import Kind, Recorded, StockEvent

_WRONG = sa.text(
    "select m.month, m.opening, m.closing, e.*"
    " from stock_month m"
    " cross join lateral ("
    "   select coalesce(sum(doses) filter (where happened < m.month), 0) as before,"
    "          coalesce(sum(doses) filter (where happened < m.month + interval '1 month'), 0) as after,"
    "          coalesce(sum(doses) filter (where kind = 'receipt' and date_trunc('month', happened) = m.month), 0)"
    "              as received,"
    # What is used is what sessions say; where only counts were made, what these found missing.
    "          case count(*) filter (where kind = 'administered' and date_trunc('month', happened) = m.month) when 0"
    "          then (select coalesce(-sum(least(doses, 0)), 0) from (select sum(doses) as doses from stock_event c"
    "              where c.facility_id = m.facility_id and c.product_id = m.product_id and c.kind = 'count'"
    "              and date_trunc('month', c.occurred_at at time zone 'Africa/Lagos') = m.month"
    "              group by source_id) n)"
    "          else coalesce(-sum(doses) filter (where kind = 'administered'"
    "              and date_trunc('month', happened) = m.month), 0) end as used"
    "   from (select *, occurred_at at time zone 'Africa/Lagos' as happened from stock_event) s"
    "   where s.facility_id = m.facility_id and s.product_id = m.product_id"
    " ) e"
    " where (m.opening, m.closing, m.received, m.used) <> (e.before, e.after, e.received, e.used)"
)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_month_opens_and_closes_with_what_its_events_say(conn: sa.Connection, seed: int) -> None:
    chance = random.Random(seed)
    country = small.build(conn)
    # The clock stands a minute before a local month ends: a fast clock reports from the next one already.
    first = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0) - timedelta(hours=1)
    now = first - timedelta(minutes=1)
    refused = 0
    for number in range(60):
        ago = chance.choice([timedelta(minutes=-3), timedelta(), timedelta(days=chance.randint(0, 100))])
        kind = chance.choice([Kind.RECEIPT, Kind.RECEIPT, Kind.ADMINISTERED, Kind.COUNT])
        event = StockEvent(
            "F-W1", "BCG", kind, chance.choice([10, 20, 30]), now - ago, "test", str(number), opened_vial=True
        )
        try:
            with conn.begin_nested():
                ledger.record(conn, country.programme_id, [event], now=now)
        except errors.Overdraw:
            refused += 1
    assert refused < 40
    assert conn.execute(_WRONG).all() == []
    assert conn.scalar(sa.text("select count(*) from stock_month")) >= 4
    assert [d for d in audit.differences(conn) if "sum_of_its" in d.check] == []


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_months_that_were_added_to_are_the_months_that_a_replay_folds(conn: sa.Connection, seed: int) -> None:
    chance = random.Random(seed)
    country = small.build(conn)
    programme = programmes.find(conn, "small")
    now = datetime.now(UTC)
    recorded: list[str] = []
    for number in range(60):
        events = []
        for part in range(chance.choice([1, 1, 3])):
            kind = chance.choice([Kind.RECEIPT, Kind.RECEIPT, Kind.ADMINISTERED, Kind.LOSS, Kind.COUNT, Kind.REVERSAL])
            back = chance.choice(recorded) if kind is Kind.REVERSAL and recorded else None
            if kind is Kind.REVERSAL and back is None:
                continue
            events.append(StockEvent(
                "F-W1", "BCG", kind, 0 if back else chance.choice([10, 20, 30]),
                now - timedelta(days=chance.choice([0, 0, 1, 20, 50, 80]), minutes=1), "test", f"{number}/{part}",
                reason="other", opened_vial=True, reverses=back,
            ))  # fmt: skip
        answers = ledger.record_each(conn, country.programme_id, events, now=now)
        recorded += [
            event.source_id
            for event, answer in zip(events, answers, strict=True)
            if isinstance(answer, Recorded) and event.kind is not Kind.REVERSAL
        ]
    added = _months(conn)
    rebuild.facilities(conn, programme, list(country.facilities.values()), programme.day(now))
    assert len(recorded) > 20
    assert len(added) >= 3
    assert _months(conn) == added


def _months(conn: sa.Connection) -> list[tuple[object, ...]]:
    rows = conn.execute(sa.text(
        "select facility_id, product_id, month, opening, received, used, lost, adjusted, closing"
        " from stock_month order by 1, 2, 3"
    ))  # fmt: skip
    return [tuple(row) for row in rows]
