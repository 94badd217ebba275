"""What is so in this area? Its numbers now or at the end of a month, the areas below it, and its worst facilities.

Only reads what geo.aggregates has rolled up and what data has assessed; computes nothing of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import sqlalchemy as sa

from data import queries
from data.errors import UnknownArea
from data.scope import EVERYTHING
from data.types import WORST, State

SQL = queries.read(Path(__file__).parent / "sql" / "areas.sql")

#: Points of a headline's series: the moment shown and the month ends before it.
SERIES = 12


@dataclass(frozen=True, slots=True)
class Area:
    """A place. `way` leads from the nation to it: (code, name, level); `bounds` are west, south, east, north."""

    id: int
    seat: int
    code: str
    name: str
    level: int
    population: int | None
    target_children: int | None
    way: Sequence[tuple[str, str, int]]
    bounds: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Status:
    """The roll-up of an area for a product seat: facilities by state, children a year, shares in percent or 255."""

    id: int
    seat: int
    code: str
    name: str
    no_report: int
    inactive: int
    stockout: int
    critical: int
    low: int
    overstock: int
    adequate: int
    children: int
    children_at_risk: int
    children_out: int
    risk_share: int
    out_share: int
    reporting_share: int
    last_event_at: datetime | None

    @property
    def handling(self) -> int:
        """Facilities that hold the product."""
        return self.no_report + self.reporting

    @property
    def reporting(self) -> int:
        """Those of them that report."""
        return self.inactive + self.stockout + self.critical + self.low + self.overstock + self.adequate

    @property
    def out(self) -> int:
        """Those of them without usable stock."""
        return self.stockout

    @property
    def at_risk(self) -> int:
        """Those without stock, or without enough until the next delivery."""
        return self.stockout + self.critical


@dataclass(frozen=True, slots=True)
class Numbers:
    """Facilities of an area at one moment: that hold the product, report, are out of it, are out or critical."""

    handling: int
    reporting: int
    out: int
    at_risk: int


@dataclass(frozen=True, slots=True)
class Headline:
    """The numbers over the map; `before` is the month end before, `series` ends with `now`; None where unknown.

    `newest` is the time of the last event now, and None for a past month.
    """

    now: Numbers
    before: Numbers | None
    series: Sequence[Numbers | None]
    newest: datetime | None


@dataclass(frozen=True, slots=True)
class Worst:
    """A facility among the worst of an area, with the product that it is worst for; cover is in days."""

    code: str
    name: str
    ordinal: int
    area_name: str
    product: str
    product_name: str
    state: State
    probability: float | None
    cover_p10: float | None
    cover_p50: float | None
    cover_p90: float | None
    usable: int | None
    since: datetime | None
    #: P(running out within each of `data.insight.ahead.HORIZONS`), of now.
    within: list[float] | None = None


def area(conn: sa.Connection, programme_id: int, code: str | None = None) -> Area:
    """The area with this code, or the whole nation; raises `UnknownArea`."""
    wanted = code or conn.execute(SQL["nation"], {"programme_id": programme_id}).scalar()
    row = conn.execute(SQL["area"], {"programme_id": programme_id, "code": wanted}).mappings().one_or_none()
    if row is None:
        raise UnknownArea(field="area", value=code or "nation", remedy="Search for it by name.")
    way = [(step[0], step[1], step[2]) for step in row["way"]]
    return Area(**{**row, "way": way, "bounds": tuple(row["bounds"])})


def status(
    conn: sa.Connection, area_id: int, product_seat: int, month: date | None = None
) -> tuple[Status, list[Status]]:
    """The roll-up of an area, and those of the areas right below it, the largest share of children at risk first."""
    rows = conn.execute(
        SQL["status_now" if month is None else "status_month"],
        {"area_id": area_id, "product_seat": product_seat, "month": month},
    ).all()
    if not rows:
        raise UnknownArea(field="area", value=area_id)
    own, *below = (Status(*row) for row in rows)
    return own, below


def headline(
    conn: sa.Connection, programme_id: int, area_seat: int, product_seat: int, month: date | None = None
) -> Headline:
    """The numbers of an area now, or at the end of a month, beside the month end before and a year of month ends."""
    rows = conn.execute(
        SQL["headline"],
        {
            "programme_id": programme_id,
            "area_seat": area_seat,
            "product_seat": product_seat,
            "month": month,
            "months": SERIES - 1,
        },
    ).all()
    if not rows:
        raise UnknownArea(field="area", value=area_seat)
    series = [_numbers(row) for row in rows][-SERIES:]
    return Headline(series[-1] or Numbers(0, 0, 0, 0), series[-2], series, rows[-1].last_event_at)


def headline_months(conn: sa.Connection, programme_id: int, month: date | None = None) -> list[date]:
    """The month ends of a headline's series, oldest first: up to a month, or to the last full local one."""
    asked = {"programme_id": programme_id, "month": month, "months": SERIES - 1}
    return list(conn.execute(SQL["headline_months"], asked).scalars())


def worst_facilities(
    conn: sa.Connection,
    programme_id: int,
    area_id: int,
    product_seat: int,
    month: date | None = None,
    most: int = 20,
    seen: str = EVERYTHING,
) -> list[Worst]:
    """Facilities of an area that are out, critical or low, the worst first: by state, probability, then catchment.

    `seen` are the ids of those that may be listed, as a multirange.
    """
    asked = {
        "programme_id": programme_id,
        "area_id": area_id,
        "product_seat": product_seat,
        "month": month,
        "most": most,
        "seen": seen,
    }
    name = f"worst_{'month_' if month else ''}{'of_all' if product_seat == WORST else 'product'}"
    rows = conn.execute(SQL[name], asked).mappings()
    return [Worst(**{**row, "state": State(row["state"])}) for row in rows]


def _numbers(row: sa.Row[tuple[object, ...]]) -> Numbers | None:
    if row.no_report is None:
        return None
    reporting = row.inactive + row.stockout + row.critical + row.low + row.overstock + row.adequate
    return Numbers(row.no_report + reporting, reporting, row.stockout, row.stockout + row.critical)
