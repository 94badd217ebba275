"""Which months can the record take? One partition of stock_event per month, made before it is needed."""

from __future__ import annotations

from datetime import date, timedelta

import sqlalchemy as sa

#: How many months ahead of today are kept ready.
AHEAD = 3
#: What is older than this may be of a month that nobody has made yet.
KEPT = timedelta(days=31)


def months(first: date, last: date) -> list[date]:
    """The first days of the months from that of `first` to that of `last`, both included."""
    start, end = first.year * 12 + first.month - 1, last.year * 12 + last.month - 1
    return [date(m // 12, m % 12 + 1, 1) for m in range(start, end + 1)]


def name(month: date) -> str:
    """The partition that holds a month (UTC)."""
    return f"stock_event_{month:%Y_%m}"


def ensure_partitions(conn: sa.Connection, first: date, last: date) -> list[str]:
    """Make the partitions of `first` to `last` (UTC months) that are not there yet; returns their names.

    A new partition is built apart and then attached: that lock lets readers go on, where `create table ... partition
    of` would stop them all until the transaction ends. Its foreign keys are made with it: whoever writes positions,
    lots or shipments waits for the end of this transaction, and it for theirs, at most 2 s. So it is to be a short one,
    or the first thing that a transaction does. PostgreSQL does it as the owner: who records owns nothing.
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
