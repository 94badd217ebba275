"""How long does assessing a whole nation take, and how much memory? In a process of its own, rolled back at the end."""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from app import pipeline
from data import db, programmes
from tests.bench.figures import Line, middle
from tests.bench.stack import Stack

#: The budget is for 50,000 facilities with 15 products each; a smaller country gets its share of it.
BUDGET_S, POSITIONS, MEMORY_MB = 3.0, 50_000 * 15, 1000
ROUNDS = 2


def measure(stack: Stack) -> list[Line]:
    """A new day, and everything worked out from full months on, beside writing every position once without thinking."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as own:
        count, day, everything, writing, memory = own.submit(refresh, stack.database_url).result(180)
    budget = BUDGET_S * count / POSITIONS
    return [
        Line(
            f"{what}, {count:,} positions",
            f"{thinking:.2f} s",
            f"bare UPDATE {writing:.2f} s",
            f"{thinking / writing:.1f}x",
            f"<= {budget:.2f} s ({BUDGET_S:.0f} s at {POSITIONS:,})",
            thinking <= budget,
        )
        for what, thinking in (("a new day", day), ("national recompute, with demand and roll-ups", everything))
    ] + [Line("    memory", f"{memory:.0f} MB", budget=f"<= {MEMORY_MB} MB", met=memory <= MEMORY_MB)]


def refresh(url: str) -> tuple[int, float, float, float, float]:
    """Positions; median seconds of a new day, of a whole refresh and of a bare update; megabytes at most."""
    engine = db.engine(url, application="bench")
    now = datetime.now(UTC)
    with engine.connect() as conn:
        count = int(conn.execute(sa.text("select count(*) from position")).scalar_one())
        programme = programmes.every(conn)[0]
        conn.rollback()
        tomorrow = now + timedelta(days=1)

        def median(work: Callable[[], object]) -> float:
            return middle([_timed(conn, work) for _ in range(ROUNDS)])

        day = median(lambda: pipeline.new_day(conn, programme, programme.day(tomorrow), tomorrow))
        whole = median(lambda: pipeline.refresh(conn, programme, programme.day(now), now, "measured"))
        writing = median(lambda: conn.execute(sa.text("update position set probability = probability")))
    engine.dispose()
    return count, day, whole, writing, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _timed(conn: sa.Connection, work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    took = time.perf_counter() - began
    conn.rollback()
    return took
