"""Do the books agree? Every projection against what it is made from; what differs is listed, nothing is mended."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from data import queries

SQL = queries.read(Path(__file__).parent / "sql" / "audit.sql")


@dataclass(frozen=True, slots=True)
class Difference:
    """A balance that is not what it is made from: which check, where, what stands there and what should."""

    check: str
    place: str
    stands: str
    should: str


def differences(conn: sa.Connection, most: int = 100) -> list[Difference]:
    """What differs, at most so many of each check; an empty list is the proof that everything agrees."""
    return [
        Difference(name, *row) for name in SQL.names() for row in conn.execute(SQL[name], {"most": most})
    ]  # fmt: skip


def checks() -> list[str]:
    """The names of the checks, as sentences."""
    return [name.replace("_", " ") for name in SQL.names()]
