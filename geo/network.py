"""Who supplies whom, and how far is it? Straight lines over the ellipsoid; roads are longer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from data import queries
from data.scope import EVERYTHING

SQL = queries.read(Path(__file__).parent / "sql" / "network.sql")


@dataclass(frozen=True, slots=True)
class Store:
    """A supplier; `km` from the place that it supplies, None where either has no coordinates."""

    id: int
    code: str
    name: str
    tier: str
    area_name: str
    km: float | None


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A place nearby that can spare doses of a product, `km` away."""

    id: int
    code: str
    name: str
    tier: str
    area_name: str
    km: float
    doses: int


@dataclass(frozen=True, slots=True)
class Need:
    """A place that lacks a product: help is `least` doses or more, of who keeps so many months of its own need."""

    facility_id: int
    product_id: int
    keep_months: float
    least: int


def supply(conn: sa.Connection, facility_id: int) -> list[Store]:
    """The stores above a facility: its own supplier first, the national store last."""
    return [Store(*row) for row in conn.execute(SQL["supply"], {"facility_id": facility_id})]


def spare(
    conn: sa.Connection,
    facility_id: int,
    product_id: int,
    *,
    keep_months: float,
    least: int,
    km: float = 60,
    most: int = 3,
    seen: str = EVERYTHING,
) -> list[Neighbour]:
    """Who within `km` could give at least `least` doses and still keep `keep_months` of its own need, nearest first.

    `seen` are the ids of those that may be asked, as a multirange.
    """
    asked = {"facility_id": facility_id, "product_id": product_id, "keep_months": keep_months, "least": least}
    return [Neighbour(*row) for row in conn.execute(SQL["spare"], {**asked, "km": km, "most": most, "seen": seen})]


def nearest_spare(conn: sa.Connection, needs: Sequence[Need], km: float = 60) -> dict[int, Neighbour]:
    """For each of many places the nearest within `km` that can help, by its number in `needs`; none where none can."""
    if not needs:
        return {}
    asked = {
        "facility_ids": [n.facility_id for n in needs],
        "product_ids": [n.product_id for n in needs],
        "keep_months": [n.keep_months for n in needs],
        "least": [n.least for n in needs],
        "km": km,
    }
    return {place: Neighbour(*rest) for place, *rest in conn.execute(SQL["nearest_spare"], asked)}
