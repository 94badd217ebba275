"""What does one place hold, and what has happened there? Reads of stock for a person: nothing here writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from data import errors, queries
from data.insight import policy
from data.insight.demand import Source
from data.scope import EVERYTHING
from data.types import Entry, Kind, State

SQL = queries.read(Path(__file__).parent / "sql" / "stock.sql")


@dataclass(frozen=True, slots=True)
class Product:
    """A product of the programme; `seat` is its place on screen and in vectors."""

    product_id: int
    code: str
    name: str
    seat: int
    unit: str
    doses_per_vial: int
    tracer: bool
    given_at: str
    open_vial_wastage: float | None
    cm3_per_dose: float | None
    doses_per_child: float | None


@dataclass(frozen=True, slots=True)
class Place:
    """One area of a lineage."""

    code: str
    name: str
    level: int
    seat: int


@dataclass(frozen=True, slots=True)
class Facility:
    """A facility, with the worst of its tracers and the areas it lies in, from the nation down."""

    id: int
    code: str
    name: str
    tier: str
    lineage: list[Place]
    lon: float | None
    lat: float | None
    catchment: int | None
    supplies: bool
    delivery_interval_days: int
    lead_time_days: int
    report_interval_days: int
    open: bool
    flags: list[str]
    state: State
    probability: float | None
    last_event_at: datetime | None


@dataclass(frozen=True, slots=True)
class Position:
    """What a facility holds of one product, in doses; for a past month `usable` is its closing balance, or None."""

    product_id: int
    code: str
    name: str
    seat: int
    unit: str
    doses_per_vial: int
    usable: int | None
    total: int | None
    amc: float | None
    state: State
    probability: float | None
    cover_p10: float | None
    cover_p50: float | None
    cover_p90: float | None
    next_delivery_on: date | None
    last_event_at: datetime | None
    out_since: datetime | None
    #: How a month's demand varies around `amc`, and how unsure that is itself; the name of the preset whose levels hold
    #: here, and where the demand comes from. None for a past month.
    dispersion: float | None = None
    uncertainty: float | None = None
    preset: str | None = None
    demand_source: str | None = None
    #: P(running out within each of `data.insight.ahead.HORIZONS`); doses short and children missed in the next 30 days;
    #: doses that will expire unused; doses on their way, and when the first is expected. None where it is not judged.
    within: list[float] | None = None
    short: float | None = None
    missed: float | None = None
    expiring: float | None = None
    coming: int = 0
    coming_on: date | None = None
    #: How far, in log odds, what was learnt lies from what is counted; None where the count model answers alone.
    learned_shift: float | None = None


@dataclass(frozen=True, slots=True)
class LotHeld:
    """Doses of one lot held; number and expiry are None where stock is not kept by lot."""

    number: str | None
    expiry: date | None
    doses: int
    vvm_stage: int
    first_received_at: datetime | None


@dataclass(frozen=True, slots=True)
class Month:
    """A month as it was reported or folded from events, in doses; None is not reported, never zero."""

    month: date
    opening: int | None
    received: int | None
    used: int | None
    lost: int | None
    adjusted: int | None
    closing: int | None
    days_out: int | None
    state: int | None
    probability: float | None
    #: P(running out within the 30 days after it), as in force at its end; and what the count model alone said, where a
    #: learned one was in force.
    within_30: float | None = None
    counted_30: float | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the bin card: one event and the balance of the product after it."""

    id: int
    kind: Kind
    doses: int
    counted: int | None
    reason: str | None
    occurred_at: datetime
    recorded_at: datetime
    source: str
    document: str | None
    lot: str | None
    balance: int
    entry: Entry = Entry.EVENT


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """An alert that nothing has resolved yet."""

    id: int
    kind: str
    opened_at: datetime
    facility: str
    facility_name: str
    tier: str
    area_code: str
    area_name: str
    product: str
    product_name: str


@dataclass(frozen=True, slots=True)
class Found:
    """One finding of the last load: what was kept, refused or flagged, and why."""

    severity: str
    subject: str
    reason: str
    count: int
    remedy: str
    examples: list[str]
    created_at: datetime


def products(conn: sa.Connection, programme_id: int) -> list[Product]:
    """The products of a programme in screen order."""
    return [Product(**r._asdict()) for r in conn.execute(SQL["products"], {"programme_id": programme_id})]


def facility(conn: sa.Connection, programme_id: int, code: str) -> Facility:
    """The facility with this code; raises `UnknownFacility`."""
    row = conn.execute(SQL["facility"], {"programme_id": programme_id, "code": code}).one_or_none()
    if row is None:
        raise errors.UnknownFacility(field="facility", value=code, remedy="Search for it by name.")
    values: dict[str, Any] = row._asdict()
    places = conn.execute(SQL["lineage"], {"ids": values.pop("lineage")})
    state = values.pop("state")
    return Facility(
        **values,
        lineage=[Place(**p._asdict()) for p in places],
        state=State.NO_REPORT if state is None else State(state),
    )


def positions(conn: sa.Connection, facility_id: int, month: date | None = None) -> list[Position]:
    """Every product that the facility handles, in screen order: now, or at the end of a month (its first day)."""
    statement = SQL["positions"] if month is None else SQL["positions_at"]
    rows = conn.execute(statement, {"facility_id": facility_id} | ({} if month is None else {"month": month}))
    return [Position(**(r._asdict() | {"state": State(r.state)} | _judged_by(r))) for r in rows]


def _judged_by(row: sa.Row[Any]) -> dict[str, str | None]:
    """Preset and source of demand by their names."""
    source, preset = row._mapping.get("demand_source"), row._mapping.get("preset")
    return {
        "demand_source": None if source is None else Source(source).name.lower(),
        "preset": None if preset is None else policy.NAMES[preset],
    }


def usable(conn: sa.Connection, facility_ids: Sequence[int], product_id: int) -> dict[int, int]:
    """The usable doses of one product at facilities that handle it, by facility id."""
    rows = conn.execute(SQL["usable"], {"facility_ids": list(facility_ids), "product_id": product_id})
    return {r.facility_id: r.usable for r in rows}


def lots(conn: sa.Connection, facility_id: int, product_id: int) -> list[LotHeld]:
    """The lots held now, in order of issue: VVM stage, then expiry, then receipt."""
    rows = conn.execute(SQL["lots"], {"facility_id": facility_id, "product_id": product_id})
    return [LotHeld(**r._asdict()) for r in rows]


def months(conn: sa.Connection, facility_id: int, product_id: int, until: date, count: int = 12) -> list[Month]:
    """The months known among the `count` that end with `until` (a first day), oldest first; gaps stay gaps."""
    rows = conn.execute(
        SQL["months"],
        {"facility_id": facility_id, "product_id": product_id, "until": until, "months": count},
    )
    return [Month(**r._asdict()) for r in rows]


def lines(conn: sa.Connection, facility_id: int, product_id: int, total: int, limit: int = 10) -> list[Line]:
    """The newest lines of the bin card, newest first; `total` is the position's balance now."""
    rows = conn.execute(
        SQL["lines"],
        {"facility_id": facility_id, "product_id": product_id, "total": total, "limit": limit},
    )
    return [Line(**(r._asdict() | {"kind": Kind(r.kind), "entry": Entry(r.entry)})) for r in rows]


def open_alerts(
    conn: sa.Connection, programme_id: int, *, skip: int = 0, limit: int = 50, seen: str = EVERYTHING
) -> list[OpenAlert]:
    """A page of the open alerts, newest first; `seen` are the ids of the facilities that count, as a multirange."""
    rows = conn.execute(SQL["alerts"], {"programme_id": programme_id, "skip": skip, "limit": limit, "seen": seen})
    return [OpenAlert(**r._asdict()) for r in rows]


def open_alert_count(conn: sa.Connection, programme_id: int, *, seen: str = EVERYTHING) -> int:
    """How many alerts are open; `seen` as above."""
    return int(conn.execute(SQL["alert_count"], {"programme_id": programme_id, "seen": seen}).scalar_one())


def findings(conn: sa.Connection, programme_id: int) -> list[Found]:
    """What the check of the last load found: refused first, then flagged, then kept."""
    return [Found(**r._asdict()) for r in conn.execute(SQL["findings"], {"programme_id": programme_id})]
