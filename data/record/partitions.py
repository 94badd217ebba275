"""Which months can the record take? One partition of stock_event per month, made before it is needed."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import psycopg
import sqlalchemy as sa

from data import db, errors
from data.types import StockEvent

#: How many months ahead of today are kept ready.
AHEAD = 3
#: What is older than this may be of a month that nobody has made yet.
KEPT = timedelta(days=31)
#: Records are kept seven years (DOMAIN section 7); nothing older is taken in.
OLDEST = timedelta(days=7 * 366)


class Busy(errors.DatabaseUnavailable):
    """A month cannot be opened just now, because a country is being loaded."""


def months(first: date, last: date) -> list[date]:
    """The first days of the months from that of `first` to that of `last`, both included."""
    start, end = first.year * 12 + first.month - 1, last.year * 12 + last.month - 1
    return [date(m // 12, m % 12 + 1, 1) for m in range(start, end + 1)]


def name(month: date) -> str:
    """The partition that holds a month (UTC)."""
    return f"stock_event_{month:%Y_%m}"


def make(engine: sa.Engine, first: date, last: date, *, tries: int = 40) -> list[str]:
    """Make the partitions of `first` to `last` in a transaction of their own; returns their names. Raises `Busy`.

    Whoever makes one needs all to pause who write what it names, and they may hold what it waits for: so it never waits
    long, lets go of all, and tries again.
    """
    for left in reversed(range(tries)):
        try:
            with db.transaction(engine) as conn:
                return ensure_partitions(conn, first, last)
        except sa.exc.OperationalError as error:
            if not isinstance(error.orig, psycopg.errors.LockNotAvailable):
                raise
            if left:
                time.sleep(random.uniform(0.02, 0.1))  # so that two do not try in step
    raise Busy(remedy="Try again in a moment; nothing was recorded.")


def make_late(engine: sa.Engine, events: Iterable[StockEvent], now: datetime) -> None:
    """Make the months that late events need, before anything of them is recorded. Raises `Busy`."""
    late = [e.occurred_at for e in events if now - OLDEST <= e.occurred_at < now - KEPT]
    if late:
        make(engine, *(at.astimezone(UTC).date() for at in (min(late), max(late))))


def ensure_partitions(conn: sa.Connection, first: date, last: date) -> list[str]:
    """Make the partitions of `first` to `last` (UTC months) that are not there yet; returns their names.

    A new partition is built apart and then attached: that lock lets readers go on, where `create table ... partition
    of` would stop them all until the transaction ends. Its foreign keys are made with it: whoever writes positions,
    lots or shipments waits until this transaction ends, and it for theirs, but only 0.1 s. So where others write, it is
    to be one of its own: `make`. PostgreSQL does it as the owner: who records owns nothing.
    """
    wanted = {name(month): month for month in months(first, last)}
    there = set(
        conn.execute(
            sa.text("select relname from pg_class where relname = any(CAST(:names AS text[])) and relkind = 'r'"),
            {"names": list(wanted)},
        ).scalars()
    )
    if missing := {n: m for n, m in wanted.items() if n not in there}:
        # Two that need the same month at once: the second waits, and then finds it made.
        conn.execute(sa.text("select pg_advisory_xact_lock(hashtext('stock_event partitions'))"))
    made = []
    for table, month in missing.items():
        if conn.scalar(sa.text("select to_regclass(:name)"), {"name": table}) is not None:
            continue
        conn.execute(sa.text("select make_stock_event_partition(CAST(:month AS date))"), {"month": month})
        made.append(table)
    return made
