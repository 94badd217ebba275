"""Do the books agree, on a database that is in use? `python -m app audit`: what differs is printed; it exits 1 then.

One moment is looked at by all processes (PostgreSQL hands its snapshot on), nothing is written, and nobody waits: who
records goes on, and the worker too.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime

import sqlalchemy as sa

from data import db, programmes
from data.programmes import Programme
from data.record import audit
from data.record.audit import Difference, Findings, Share
from geo import rolled

AREAS = "area is the sum of its facilities"
CHECKS = (*audit.CHECKS, AREAS)
#: Fewer facilities than this are replayed before another process has started.
_FEW = 500


def lines(found: Sequence[Difference], most: int) -> Iterator[str]:
    """What is said of it: every check, and under it what differs."""
    for check in CHECKS:
        wrong = [d for d in found if d.check == check]
        yield f"{'ok   ' if not wrong else 'WRONG'}  {check}"
        for d in wrong[:most]:
            yield f"         {d.place}: stands {d.stands}; should be {d.should}"
        if len(wrong) >= most:
            yield f"         These are the first {most:,}; --most shows more."


def differences(url: str, processes: int | None, *, most: int) -> list[Difference]:
    """Everything that is not what it is made from, at one moment; by one process for each core, or so many."""
    engine, now = db.engine(url, pool_size=1, application="vaxtrace audit"), datetime.now(UTC)
    findings, found = Findings(most), list[Difference]()
    with _one_moment(engine) as conn:
        snapshot = conn.execute(sa.text("select pg_export_snapshot()")).scalar_one()
        for programme in programmes.every(conn):
            facilities = conn.execute(_COUNT, {"programme_id": programme.id}).scalar_one()
            shares = (processes or os.cpu_count() or 1) if facilities >= _FEW else 1
            told = [(url, snapshot, programme, (n, shares), most, now) for n in range(1, shares)]
            with ProcessPoolExecutor(max(len(told), 1), mp_context=multiprocessing.get_context("spawn")) as others:
                parts = [others.submit(_replay, *each) for each in told]
                found += audit.replay(conn, programme, (0, shares), most, now, _show).found
                found += [d for part in parts for d in part.result()]
            audit.assess(conn, programme, findings, now, _show)
            for area in rolled.misrolled(conn, programme.id):
                place = f"{programme.code} / {area.area} / product seat {area.product_seat}"
                findings.add(AREAS, place, area.stands, area.should)
        audit.sums(conn, findings, _show)
        _show("")
    engine.dispose()
    return audit.in_order([*found, *findings.found])


_COUNT = sa.text("select count(*) from facility where programme_id = :programme_id")


def _replay(url: str, snapshot: str, programme: Programme, share: Share, most: int, now: datetime) -> list[Difference]:
    """A share of a programme in a process of its own, at the moment of the first one."""
    engine = db.engine(url, pool_size=1, application="vaxtrace audit")
    with _one_moment(engine) as conn:
        # The name comes from PostgreSQL itself; SET takes no parameters.
        conn.execute(sa.text(f"set transaction snapshot '{snapshot}'"))
        found = audit.replay(conn, programme, share, most, now, lambda _: None).found
    engine.dispose()
    return found


@contextmanager
def _one_moment(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that sees one moment and may not write: it holds up no reader of the outbox."""
    with engine.connect().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True) as conn:
        yield conn


def _show(text: str) -> None:
    """How far it is, on one line of a terminal; a file gets none of it."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()
