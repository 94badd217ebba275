"""Which places will lack a vaccine in the next 30 days, why, and who nearby can help? One page of them, or a file.

The page, the panel of an area, the API and the files all read it here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from app.components import words
from data import missed
from data.insight import policy, reasons
from data.missed import Missed, Total
from data.programmes import Programme
from data.stock import Product
from data.types import State
from geo import network
from geo.areas import Area
from geo.network import Need, Neighbour

#: Places on one page, and in one file; who can help is looked up for so many of them, the worst.
PER_PAGE = 25
MOST = 5_000
HELPED = 500

#: Help from nearby is offered from a week's need on.
_WEEKS_A_MONTH = policy.DAYS_PER_MONTH / 7


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A place, why it will lack the product, and the nearest who can spare enough for a week."""

    place: Missed
    why: Sequence[str]
    help: Neighbour | None


@dataclass(frozen=True, slots=True)
class Shown:
    """Some of the places of an area, all of them counted, and what was asked for."""

    area: Area
    product: Product | None
    total: Total
    rows: Sequence[Shortfall]
    today: date


def read(
    conn: sa.Connection, programme: Programme, area: Area, product: Product | None, now: datetime, *,
    limit: int = PER_PAGE, skip: int = 0, part: bool = False,
) -> Shown:  # fmt: skip
    """The places of an area for one product or all, the most children first; `part`: only some of it is seen."""
    nation = area.level == 0
    zone = ZoneInfo(programme.timezone)
    found = missed.places(
        conn, programme.id, area_id=None if nation else area.id, product=product, limit=limit, skip=skip
    )
    helpers = network.nearest_spare(conn, [_need(programme, p) for p in found[:HELPED]])
    today = programme.day(now)
    return Shown(
        area,
        product,
        missed.total(conn, programme.id, area.id, product, nation=nation, part=part),
        [Shortfall(p, _why(programme, p, today, zone), helpers.get(i)) for i, p in enumerate(found)],
        today,
    )


def first(conn: sa.Connection, programme: Programme, area: Area, product: Product | None, limit: int) -> list[Missed]:
    """The places of an area at which most children would be missed, and nothing further about them."""
    return missed.places(conn, programme.id, area_id=area.id if area.level else None, product=product, limit=limit)


def band(programme: Programme, p: Missed) -> tuple[float, float] | None:
    """Minimum and maximum in force at a place."""
    if not p.amc:
        return None
    name = policy.NAMES[p.preset] if p.preset is not None else policy.STORES if p.supplies else programme.preset
    low, high = policy.bands(name, p.amc, p.lead_time_days, p.delivery_interval_days)
    return float(low), float(high)


def _need(programme: Programme, p: Missed) -> Need:
    levels, amc = band(programme, p), p.amc or 0.0
    # Who helps keeps what would be its own maximum here.
    keep = 0.0 if levels is None or not amc else levels[1] / amc
    return Need(p.facility_id, p.product_id, keep, max(p.doses_per_vial, math.ceil(amc / _WEEKS_A_MONTH)))


def _why(programme: Programme, p: Missed, today: date, zone: ZoneInfo) -> list[str]:
    levels = band(programme, p)
    return reasons.explain(
        reasons.Facts(
            state=p.state,
            product=p.product_name,
            today=today,
            unit=p.unit,
            usable=p.usable,
            doses_per_vial=p.doses_per_vial,
            out_since=_day(p.out_since, zone),
            cover_days=p.cover_p50,
            next_delivery_on=p.next_delivery_on,
            minimum=None if levels is None else levels[0],
            maximum=None if levels is None else levels[1],
            expiring=None if p.expiring is None else round(p.expiring),
            amc=p.amc,
            last_report_on=_day(p.last_event_at, zone),
            report_interval_days=p.report_interval_days,
            coming=p.coming,
            coming_on=p.coming_on,
        )
    )


def _day(moment: datetime | None, zone: ZoneInfo) -> date | None:
    return None if moment is None else moment.astimezone(zone).date()


def runs_out(p: Missed, today: date) -> str:
    """When the last dose is gone, in the middle of what may happen: `out since 14 Nov`, `by 3 Dec`."""
    if p.state == State.STOCKOUT:
        return "out now" if p.out_since is None else f"out since {words.day(p.out_since.date(), today)}"
    if p.cover_p50 is None:
        return words.UNKNOWN
    return f"by {words.day(today + timedelta(days=round(p.cover_p50)), today)}"


def sentence(total: Total, product: Product | None) -> str:
    """What will happen, counted: children, places of how many, doses."""
    what = "their vaccines" if product is None else product.name
    if total.places == 0:
        return f"Of {words.counted(total.of, 'place')} that report, none is expected to be short of {what}."
    children = words.counted(round(total.missed), "child")
    places = f"{words.number(total.likely)} of {words.counted(total.of, 'place')} that report"
    each = "" if product is not None else ", each counted once for every vaccine"
    return (
        f"{words.opening(children)} may be missed{each}: {words.counted(round(total.short), 'dose')} short."
        f" {places} are more likely than not to run out."
    )
