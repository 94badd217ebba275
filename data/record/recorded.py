"""What became of one submission? Looked up by its source and source_id, as it was answered the first time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import sqlalchemy as sa

from data import errors, queries
from data.types import Kind

SQL = queries.read(Path(__file__).parent / "sql" / "recorded.sql")


@dataclass(frozen=True, slots=True)
class Taken:
    """What it did to one lot, in doses; number and expiry are None where no lot is known."""

    lot: str | None
    expiry: date | None
    doses: int


@dataclass(frozen=True, slots=True)
class Became:
    """An event on record, and the usable doses after it as they were answered. `takes_back`: it is a reversal."""

    source: str
    source_id: str
    kind: Kind
    facility: str
    facility_name: str
    product: str
    product_name: str
    unit: str
    doses_per_vial: int
    occurred_at: datetime
    recorded_at: datetime
    document: str | None
    partner_name: str | None
    reason: str | None
    balance: int
    takes_back: bool
    taken_back: bool
    lots: Sequence[Taken]


class UnknownEvent(errors.DataError):
    """There is no event {value} on record."""


def read(conn: sa.Connection, programme_id: int, source: str, source_id: str) -> Became:
    """What a submission became; raises `UnknownEvent`."""
    asked = {"programme_id": programme_id, "source": source, "source_id": source_id}
    rows = conn.execute(SQL["became"], asked).all()
    if not rows:
        raise UnknownEvent("source_id", "Look it up on the bin card.", value=source_id)
    r = rows[0]
    return Became(
        source, source_id, Kind(r.kind), r.facility, r.facility_name, r.product, r.product_name, r.unit,
        r.doses_per_vial, r.occurred_at, r.recorded_at, r.document, r.partner_name, r.reason, r.balance, r.takes_back,
        r.taken_back, [Taken(row.lot, row.expiry, row.doses) for row in rows],
    )  # fmt: skip


def supplies(conn: sa.Connection, facility_id: int) -> list[tuple[str, str]]:
    """Code and name of the facilities that a place supplies, by name."""
    return [(r.code, r.name) for r in conn.execute(SQL["below"], {"facility_id": facility_id})]


def supplier(conn: sa.Connection, facility_id: int) -> str:
    """The code of the store that supplies a place; empty where there is none."""
    return str(conn.execute(SQL["above"], {"facility_id": facility_id}).scalar_one_or_none() or "")
