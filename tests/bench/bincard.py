"""How long does one position's bin card over five years take, beside the bare statement that reads its rows?"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from data import bincard, stock
from data.bincard import Asked
from data.record import ledger
from data.types import Kind, StockEvent
from tests.bench.figures import Line, middle
from tests.bench.stack import Stack

BUDGET_MS = 50.0
YEARS, EVENTS, TIMES = 5, 3_000, 25
#: Of so many events one is a delivery.
_EVERY = 24

# A place without any history, which nobody else will ever see: all of it is rolled back.
_PLACE = sa.text("""
    insert into facility (programme_id, code, name, tier, area_id, partition_id, ordinal)
    select programme_id, 'bench bin card', name, tier, area_id, partition_id,
           (select max(ordinal) + 1 from facility where programme_id = :programme_id)
    from facility where programme_id = :programme_id and open order by id limit 1
    returning id, code
""")


def measure(stack: Stack) -> list[Line]:
    """Record five years of one position, read its card again and again, and take all of it back."""
    now = datetime.now(UTC)
    with stack.engine.connect() as conn, conn.begin() as transaction:
        place = conn.execute(_PLACE, {"programme_id": stack.programme.id}).one()
        product = stock.products(conn, stack.programme.id)[0]
        for part in _parts(_events(place.code, product.code, product.doses_per_vial, now)):
            ledger.record(conn, stack.programme.id, part, now=now)
        today = stack.programme.day(now)
        asked = Asked(today - timedelta(days=YEARS * 365), today)
        card = bincard.read(conn, stack.programme, place.id, product, asked, now)
        rows = {
            "facility_id": place.id, "product_id": product.product_id, "as_of": None, "most": bincard.MOST_LINES,
            "starts": stack.programme.midnight(asked.first),
            "ends": stack.programme.midnight(asked.last + timedelta(days=1)),
        }  # fmt: skip
        read = _ms(lambda: bincard.read(conn, stack.programme, place.id, product, asked, now))
        bare = _ms(lambda: conn.execute(bincard.SQL["rows"], rows).all())
        transaction.rollback()
    return [
        Line(
            f"bin card of {YEARS} years, {len(card.lines):,} lines",
            f"{read:.1f} ms",
            f"its rows, bare {bare:.1f} ms",
            f"{read / bare:.2f}",
            f"<= {BUDGET_MS:.0f} ms",
            read <= BUDGET_MS,
        )
    ]


def _events(facility: str, product: str, vial: int, now: datetime) -> list[StockEvent]:
    """Deliveries of a lot each, and sessions that use them up; oldest first."""
    step = timedelta(days=YEARS * 365 - 1) / EVENTS
    made = []
    for number in range(EVENTS):
        at = now - timedelta(days=YEARS * 365 - 1) + number * step
        session = StockEvent(facility, product, Kind.ADMINISTERED, vial, at, "bench", f"{number}")
        delivery = replace(
            session, kind=Kind.RECEIPT, doses=vial * _EVERY, lot=f"BENCH-{number}",
            expiry=(at + timedelta(days=500)).date(), document=f"WB-{number}",
        )  # fmt: skip
        made.append(session if number % _EVERY else delivery)
    return made


def _parts(events: list[StockEvent]) -> list[list[StockEvent]]:
    return [events[first : first + 500] for first in range(0, len(events), 500)]


def _ms(work: Callable[[], object]) -> float:
    """The median of what it takes, once it is warm."""
    taken = []
    for _ in range(TIMES):
        began = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began) * 1000)
    return middle(taken[TIMES // 5 :])
