"""What has been committed since I last looked? Readers with cursors that never skip a commit.

`seq` alone cannot be a cursor: a transaction may take a lower number and commit later. So the cursor is (txid, seq),
and only rows of transactions older than every one still running are read.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from data import queries
from data.types import Change

#: The reader whose changes are assessed (app.pipeline).
ASSESSES = "pipeline"
#: All of them: nobody else has a cursor.
READERS = (ASSESSES,)

SQL = queries.read(Path(__file__).parent / "sql" / "outbox.sql")


def read(conn: sa.Connection, name: str, most: int) -> list[Change]:
    """The next changes for this reader, at most so many, and its cursor moved past them.

    The cursor moves in the caller's transaction: what is read is done, or read again. The reader's row is locked, so
    that a second process of the same name waits.
    """
    return [Change(*row) for row in conn.execute(SQL["next"], {"name": name, "most": most})]


def add_reader(conn: sa.Connection, name: str) -> None:
    """Make a reader that starts at the beginning; nothing happens where it exists.

    A database that was restored into another server counts its transactions anew: what nobody has read yet is then
    put before everything that is to come.
    """
    conn.execute(SQL["add_reader"], {"name": name})
    if conn.execute(SQL["restored"]).scalar_one():
        for name_of in ("forget_passed", "recount_rows", "recount_readers"):
            conn.execute(SQL[name_of])


def sweep(conn: sa.Connection, days: int) -> int:
    """Delete what every reader has passed and is older than so many days; returns how many."""
    return int(conn.execute(SQL["sweep"], {"days": days}).scalar_one())
