"""Who has to be told? One open alert per facility, product and kind, opened and resolved by the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

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
    asked = {
        "programme_id": programme_id,
        "facility_ids": [p[0] for p in pairs],
        "product_ids": [p[1] for p in pairs],
        "at": at,
        **_STATES,
    }
    return _moved(conn, asked, "open", "resolve", most=None)


def rebuild(conn: sa.Connection, programme_id: int, at: datetime, *, most: int) -> list[Alert]:
    """The same for a whole programme; returns at most so many of what changed, the newest first."""
    return _moved(conn, {"programme_id": programme_id, "at": at, **_STATES}, "open_all", "resolve_all", most=most)


def _moved(conn: sa.Connection, asked: dict[str, Any], opens: str, resolves: str, *, most: int | None) -> list[Alert]:
    ids = {row.id: True for row in conn.execute(SQL[opens], asked)}
    ids |= {row.id: False for row in conn.execute(SQL[resolves], asked)}
    chosen = sorted(ids, reverse=True)[:most]
    if not chosen:
        return []
    rows = conn.execute(SQL["named"], {"ids": chosen})
    return [Alert(opened=ids[r.id], at=asked["at"], **r._mapping) for r in rows]


_STATES = {"stockout": int(State.STOCKOUT), "no_report": int(State.NO_REPORT), "kind": STOCKOUT}
