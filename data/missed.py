"""Where will children go without a vaccine in the next 30 days? Places and products, ranked by how many."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import sqlalchemy as sa

from data import queries
from data.stock import Product
from data.types import State

SQL = queries.read(Path(__file__).parent / "sql" / "missed.sql")


@dataclass(frozen=True, slots=True)
class Missed:
    """One product at one facility: doses short and children missed in the next 30 days, and what it stands on."""

    facility_id: int
    facility: str
    facility_name: str
    tier: str
    area: str
    area_name: str
    delivery_interval_days: int
    lead_time_days: int
    report_interval_days: int
    supplies: bool
    product_id: int
    product: str
    product_name: str
    unit: str
    doses_per_vial: int
    state: State
    usable: int
    amc: float | None
    preset: int | None
    within_30: float | None
    short: float
    missed: float
    expiring: float | None
    cover_p10: float | None
    cover_p50: float | None
    cover_p90: float | None
    next_delivery_on: date | None
    coming: int
    coming_on: date | None
    out_since: datetime | None
    last_event_at: datetime | None


@dataclass(frozen=True, slots=True)
class Total:
    """Of all of them: places x products, of as many that report, at so many facilities; children and doses.

    A child counts once for each vaccine that it may miss. At `likely` places running out is likelier than not.
    """

    places: int
    likely: int
    of: int
    facilities: int
    missed: float
    short: float


def places(
    conn: sa.Connection,
    programme_id: int,
    *,
    area_id: int | None = None,
    product: Product | None = None,
    limit: int = 25,
    skip: int = 0,
) -> list[Missed]:
    """A page of the places where most children would be missed; `area_id` None is the whole programme."""
    asked = _asked(programme_id, area_id, product) | {"limit": limit, "skip": skip}
    rows = conn.execute(SQL["places_nation" if area_id is None else "places"], asked)
    return [Missed(**(r._asdict() | {"state": State(r.state)})) for r in rows]


def total(
    conn: sa.Connection, programme_id: int, area_id: int, product: Product | None = None, *, nation: bool = False,
    part: bool = False,
) -> Total:  # fmt: skip
    """The sum of them in an area; `nation` says that it is the whole programme, which is read faster.

    `part`: the connection sees only some of it, of which no roll-up is kept.
    """
    asked = _asked(programme_id, None if nation else area_id, product)
    row = conn.execute(SQL["total_nation" if nation else "total"], asked).one()
    seat = None if product is None else product.seat
    kept = {"area_id": area_id, "product_seat": seat}
    of = conn.execute(SQL["of_part"], asked).scalar_one() if part else conn.execute(SQL["of"], kept).scalar_one()
    return Total(row.places, row.likely, int(of), row.facilities, row.missed, row.short)


def _asked(programme_id: int, area_id: int | None, product: Product | None) -> dict[str, int | None]:
    return {
        "programme_id": programme_id,
        "area_id": area_id,
        "product_id": None if product is None else product.product_id,
    }
