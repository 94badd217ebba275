"""How long does a whole programme take to be made from its record again, and a nation to be seen at a past moment?"""

from __future__ import annotations

import multiprocessing
import os
import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial

import sqlalchemy as sa

from app import audit, rebuild
from data import db
from data.record import past
from data.record.past import AsOf, Sense
from data.types import WORST
from geo import past as maps
from tests.bench import cpu
from tests.bench.figures import Line, middle
from tests.bench.stack import Stack, say

#: The budgets: 5 million events in five minutes, 50,000 facilities with 15 products at a moment in two seconds.
REBUILD_S, EVENTS, MEMORY_MB = 300.0, 5_000_000, 1000
MOMENT_S, POSITIONS = 2.0, 50_000 * 15
_PLAIN = sa.text(
    "select count(*) from (select facility_id, product_id, lot_id, sum(doses) from stock_event"
    " where occurred_at <= :moment group by 1, 2, 3) s"
)


def measure(stack: Stack) -> list[Line]:
    """A rebuild in a process of its own, as the command does it; then a past moment in both senses."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as own:
        events, taken, memory = own.submit(rebuilt, stack.database_url).result(600)
    began = time.perf_counter()
    wrong = len(audit.differences(stack.database_url, None, most=100))
    audited = time.perf_counter() - began
    positions, moments, plain = _moments(stack)
    budget = REBUILD_S * events / EVENTS
    lines = [
        Line(
            f"rebuild, {events:,} events",
            f"{taken:.0f} s",
            f"afterwards the audit finds {wrong}",
            budget=f"<= {budget:.0f} s ({REBUILD_S:.0f} s at {EVENTS:,})",
            met=taken <= budget and not wrong,
        ),
        Line("    memory", f"{memory:.0f} MB", budget=f"<= {MEMORY_MB} MB", met=memory <= MEMORY_MB),
        Line(f"audit: {events:,} events replayed from nothing", f"{audited:.0f} s"),
    ]
    allowed = MOMENT_S * positions / POSITIONS
    for sense, (seconds, used) in moments.items():
        lines.append(
            Line(
                f"{sense}, {positions:,} positions",
                f"{seconds:.2f} s, CPU {used:.2f} s",
                f"the plain sum of the record {plain:.2f} s",
                f"{seconds / plain:.2f}x",
                f"<= {allowed:.2f} s ({MOMENT_S:.0f} s at {POSITIONS:,})",
                seconds <= allowed,
            )
        )
    return lines


def rebuilt(url: str) -> tuple[int, float, float]:
    """Events on record; seconds; megabytes of this process at most."""
    engine = db.engine(url, pool_size=1, application="bench")
    with db.transaction(engine) as conn:
        events = int(conn.execute(sa.text("select count(*) from stock_event")).scalar_one())
    began = time.perf_counter()
    rebuild.rebuild(engine, None, lambda text: say(f"    {text}"))
    taken = time.perf_counter() - began
    engine.dispose()
    return events, taken, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _moments(stack: Stack) -> tuple[int, dict[str, tuple[float, float]], float]:
    """Positions; seconds, and those of CPU, of each moment; and seconds for the plain sum that it stands for."""
    moment = datetime.now(UTC) - timedelta(days=25)
    with db.transaction(stack.engine) as conn:
        backend = int(conn.execute(sa.text("select pg_backend_pid()")).scalar_one())
        positions = int(conn.execute(sa.text("select count(*) from position")).scalar_one())
        taken = {}
        for as_of in (AsOf(moment, sense) for sense in Sense):
            read = partial(past.read, conn, stack.programme, as_of)
            taken[f"a past moment as {as_of.sense}"] = _both(read, backend)
            shown = partial(maps.nation, conn, stack.programme, WORST, as_of)
            taken[f"the map of the worst of all as {as_of.sense}"] = _both(shown, backend)
        plain = middle([_timed(lambda: conn.execute(_PLAIN, {"moment": moment}).all()) for _ in range(3)])
    return positions, taken, plain


def _both(work: Callable[[], object], backend: int) -> tuple[float, float]:
    """Seconds, and those of CPU that this process and PostgreSQL's take for it, of the middle of three runs."""
    taken, used = [], []
    for _ in range(3):
        began = cpu.seconds((os.getpid(), backend))
        taken.append(_timed(work))
        used.append(cpu.seconds((os.getpid(), backend)) - began)
    return middle(taken), middle(used)


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
