"""What would everything kept beside the record be, made from the record alone? A few facilities are replayed at once.

Each part is a transaction of its own that holds the positions of its facilities: who records there waits for that part,
everybody else goes on. Only what differs is written, so a database that is right stays as it is.

A month that was only reported keeps the amounts that were reported: no event explains them. So do reported days out of
stock, states and the moment since when a place is out, which were true when they were written.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from data import days_out, db, queries
from data.programmes import Programme
from data.record import rules

SQL = queries.read(Path(__file__).parent / "sql" / "rebuild.sql")

#: So many facilities are held at once: well under a second of work.
FACILITIES = 100
SHIPMENTS = 10_000
#: In their order.
_STEPS = ("open_positions", "hold", "take", "lots", "no_lots", "positions", "months", "closings")


def replay(engine: sa.Engine, programme: Programme, today: date, say: Callable[[str], None]) -> None:
    """Make balances, positions, months and shipments of a programme again; what follows from them comes after."""
    with db.transaction(engine) as conn:
        ids = list(conn.execute(SQL["facilities"], {"programme_id": programme.id}).scalars())
    for start in range(0, len(ids), FACILITIES):
        with db.transaction(engine) as conn:
            facilities(conn, programme, ids[start : start + FACILITIES], today)
        done = min(start + FACILITIES, len(ids))
        if done == len(ids) or done % (FACILITIES * 10) == 0:
            say(f"Replayed {done:,} of {len(ids):,} facilities.")
    _shipments(engine, programme)
    with db.transaction(engine) as conn:
        conn.execute(SQL["forget_marks"], {"programme_id": programme.id})


def facilities(conn: sa.Connection, programme: Programme, facility_ids: list[int], today: date) -> None:
    """Make what is kept of these facilities again, in the caller's transaction."""
    conn.execute(SQL["stage"])
    asked = {
        "facility_ids": facility_ids,
        "timezone": programme.timezone,
        "today": today,
        "last_usable_stage": rules.LAST_USABLE_STAGE,
    }
    for step in _STEPS:
        conn.execute(SQL[step], asked)
    days_out.recount(conn, ZoneInfo(programme.timezone), days_out.counted(conn, facility_ids), today.replace(day=1))


def _shipments(engine: sa.Engine, programme: Programme) -> None:
    after = 0
    while True:
        with db.transaction(engine) as conn:
            asked = {"programme_id": programme.id, "after": after, "most": SHIPMENTS}
            ids = list(conn.execute(SQL["hold_shipments"], asked).scalars())
            if not ids:
                return
            conn.execute(SQL["shipments"], {"ids": ids})
            after = ids[-1]
