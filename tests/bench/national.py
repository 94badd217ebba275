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
from data.lens import Lens
from data.types import WORST
from geo import lens
from tests.bench import fleet
from tests.bench.figures import Line, middle
from tests.bench.stack import Stack

#: The budget is for 50,000 facilities with 15 products each; a smaller country gets its share of it.
BUDGET_S, POSITIONS, MEMORY_MB = 3.0, 50_000 * 15, 1000
#: The same for the map under another preset or within another horizon.
LENS_S = 2.6
ROUNDS = 2


def measure(stack: Stack) -> list[Line]:
    """A new day, and everything worked out from full months on, beside writing every position once without thinking."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as own:
        count, written, day, everything, writing, memory = own.submit(refresh, stack.database_url).result(180)
        views = own.submit(through_lenses, stack.database_url).result(180)
    with ProcessPoolExecutor(1, mp_context=spawn) as own:
        nation, one, fleet_memory = own.submit(fleet.look_ahead).result(180)
    budget, lens_s = BUDGET_S * count / POSITIONS, LENS_S * count / POSITIONS
    return (
        [
            Line(
                f"{what}, {count:,} positions",
                f"{thinking:.2f} s",
                f"bare UPDATE {writing:.2f} s",
                f"{thinking / writing:.1f}x",
                f"<= {budget:.2f} s ({BUDGET_S:.0f} s at {POSITIONS:,})",
                thinking <= budget,
            )
            for what, thinking in (("a new day", day), ("national recompute, with demand and roll-ups", everything))
        ]
        + [
            Line("    rows that a new day writes", f"{written:,}", f"of {count:,}", f"{written / count:.0%}"),
            Line(
                f"all horizons with expiry and deliveries, {fleet.POSITIONS:,} positions",
                f"{nation:.2f} s CPU",
                budget=f"<= {BUDGET_S:.0f} s",
                met=nation <= BUDGET_S,
            ),
            Line("    memory", f"{fleet_memory:.0f} MB", budget=f"<= {MEMORY_MB} MB", met=fleet_memory <= MEMORY_MB),
            Line("    one position", f"{one:.2f} ms CPU", budget="<= 2 ms", met=one <= 2),
            *(
                Line(
                    f"the map through a lens, {what}", f"{took:.2f} s", budget=f"<= {lens_s:.2f} s", met=took <= lens_s
                )
                for what, took in views.items()
            ),
        ]
        + [
            Line(
                "    memory of the recompute", f"{memory:.0f} MB", budget=f"<= {MEMORY_MB} MB", met=memory <= MEMORY_MB
            )
        ]
    )


def refresh(url: str) -> tuple[int, int, float, float, float, float]:
    """Positions, and those that a new day writes; median seconds of a new day, of a whole refresh and of a bare update.

    Then megabytes at most.
    """
    engine = db.engine(url, application="bench")
    now = datetime.now(UTC)
    with engine.connect() as conn:
        count = int(conn.execute(sa.text("select count(*) from position")).scalar_one())
        programme = programmes.every(conn)[0]
        conn.rollback()
        tomorrow = now + timedelta(days=1)

        def median(work: Callable[[], object]) -> float:
            return middle([_timed(conn, work) for _ in range(ROUNDS)])

        pipeline.new_day(conn, programme, programme.day(tomorrow), tomorrow)
        written = int(conn.execute(sa.text(_WRITTEN)).scalar_one())
        conn.rollback()
        day = median(lambda: pipeline.new_day(conn, programme, programme.day(tomorrow), tomorrow))
        whole = median(lambda: pipeline.refresh(conn, programme, programme.day(now), now, "measured"))
        writing = median(lambda: conn.execute(sa.text("update position set probability = probability")))
    engine.dispose()
    return count, written, day, whole, writing, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


_WRITTEN = "select count(*) from position where xmin = pg_current_xact_id()::xid"


def through_lenses(url: str) -> dict[str, float]:
    """Seconds to make the map for the worst of all, under another preset and within another horizon."""
    engine = db.engine(url, application="bench")
    with engine.connect() as conn:
        programme = programmes.every(conn)[0]
        conn.rollback()

        def take(through: Lens) -> float:
            return middle([_timed(conn, lambda: lens.view(conn, programme, WORST, through)) for _ in range(ROUNDS + 1)])

        found = {"preset WHO-EPI": take(Lens(preset="WHO-EPI")), "30 days": take(Lens(horizon=30))}
    engine.dispose()
    return found


def _timed(conn: sa.Connection, work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    took = time.perf_counter() - began
    conn.rollback()
    return took
