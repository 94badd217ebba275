"""Who has to be told? One open alert per facility, product and kind, opened and resolved by the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from data import queries
from data.types import State

SQL = queries.read(Path(__file__).parent / "sql" / "alerts.sql")

STOCKOUT = "stockout"


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert that opened or was resolved just now, with the names a person reads."""

    id: int
    kind: str
    opened: bool
    facility: str
    facility_name: str
    area_name: str
    product: str
    product_name: str
    at: datetime


def follow(conn: sa.Connection, programme_id: int, pairs: Sequence[tuple[int, int]], at: datetime) -> list[Alert]:
    """Open and resolve the alerts of these positions (facility, product) by their state; returns what changed.

    A place that stops reporting keeps its alert: silence does not bring vaccine.
    """
    if not pairs:
        return []
    asked = {
        "programme_id": programme_id,
        "facility_ids": [p[0] for p in pairs],
        "product_ids": [p[1] for p in pairs],
        "at": at,
        **_STATES,
    }
    return [Alert(at=at, **r._mapping) for r in conn.execute(SQL["follow"], asked)]


def rebuild(conn: sa.Connection, programme_id: int, at: datetime, *, most: int) -> list[Alert]:
    """The same for a whole programme; returns at most so many of what changed, the newest."""
    asked = {"programme_id": programme_id, "at": at, "most": most, **_STATES}
    return [Alert(at=at, **r._mapping) for r in conn.execute(SQL["rebuild"], asked)]


_STATES = {"stockout": int(State.STOCKOUT), "no_report": int(State.NO_REPORT), "kind": STOCKOUT}
