"""What is known of an area for its panel and for the strip over the map?"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

import sqlalchemy as sa

from app import past, shortfall
from app.components import headline, panel_area
from app.lens import PLAIN
from data.insight.ahead import HORIZONS
from data.lens import Lens
from data.programmes import Programme
from data.record.past import AsOf
from data.stock import Product
from data.types import AT_RISK, WORST
from geo import areas, parts
from geo import lens as through
from geo import past as past_areas
from geo.areas import Area, Headline, Numbers, Worst
from geo.lens import View
from geo.past import Nation
from geo.reach import Reach

#: Facilities in the list of the worst, and places in that of the next 30 days.
WORST_FACILITIES = 10
FIRST_AHEAD = 5


def panel(
    conn: sa.Connection,
    programme: Programme,
    area: Area,
    product: Product | None,
    now: datetime,
    reach: Reach,
    *,
    month: date | None = None,
    lens: Lens = PLAIN,
    seen: View | None = None,
) -> Any:
    """The panel of an area for one product, or (None) for the worst of all.

    `seen` is what lies within the reach, through the lens.
    """
    seat = WORST if product is None else product.seat
    if seen is None:
        own, below = parts.status(conn, reach, area, seat, month)
    else:
        own, below = through.area(seen, area)
        below = [b for b in below if reach.has_area(b.code)]
    part = reach.part(area.code)
    ahead = None
    if month is None:
        ahead = shortfall.first(conn, programme, area, product, FIRST_AHEAD)
    asked = {"area": area.code if area.level else "", "vaccine": "" if product is None else product.code}
    return panel_area.render(
        now,
        area,
        own,
        below,
        _worst(conn, programme, area, seat, month, lens, reach),
        programme.level_names,
        product_name=None if product is None else product.name,
        month=month,
        notice=programme.notice if programme.simulated else None,
        lens=lens,
        ahead=ahead,
        ahead_href=f"/{programme.code}/next?{urlencode({k: v for k, v in asked.items() if v})}",
        part=part,
    )


def _worst(
    conn: sa.Connection, programme: Programme, area: Area, seat: int, month: date | None, lens: Lens, reach: Reach
) -> list[Worst]:
    """The worst facilities as they are seen: with the chance of the horizon; who is low depends on the preset."""
    found = areas.worst_facilities(conn, programme.id, area.id, seat, month, WORST_FACILITIES, reach.facility_ids)
    if lens.preset is not None:
        return [w for w in found if w.state in AT_RISK]
    if lens.horizon is not None:
        place = HORIZONS.index(lens.horizon)
        return [replace(w, probability=None if w.within is None else w.within[place]) for w in found]
    return found


def panel_then(
    conn: sa.Connection,
    programme: Programme,
    area: Area,
    product: Product | None,
    then: Nation,
    now: datetime,
    as_of: AsOf,
    reach: Reach,
) -> Any:
    """The panel of an area as it was; `then` is cut to the reach already."""
    seat = WORST if product is None else product.seat
    own, below = past_areas.area(then, area)
    below = [b for b in below if reach.has_area(b.code)]
    return panel_area.render(
        now,
        area,
        own,
        below,
        past_areas.worst_facilities(conn, programme, then, area, seat, WORST_FACILITIES),
        programme.level_names,
        product_name=None if product is None else product.name,
        month=programme.day(as_of.moment).replace(day=1),
        then=past.sentence(programme, as_of),
        notice=programme.notice if programme.simulated else None,
        part=reach.part(area.code),
    )


def strip_then(
    programme: Programme, area: Area, product: Product | None, then: Nation, now: datetime, as_of: AsOf
) -> Any:
    """The four numbers of an area as they were; what they were before that is not worked out."""
    own, _ = past_areas.area(then, area)
    numbers = Numbers(own.handling, own.reporting, own.out, own.at_risk)
    day = programme.day(as_of.moment)
    seat = WORST if product is None else product.seat
    return headline.render(Headline(numbers, None, [numbers], None), now, area.seat, seat, day.replace(day=1), day)


def strip(
    conn: sa.Connection, programme: Programme, area: Area, product: Product | None, now: datetime, month: date | None,
    reach: Reach,
) -> Any:  # fmt: skip
    """The four numbers of an area."""
    seat = WORST if product is None else product.seat
    numbers = parts.headline(conn, programme.id, reach, area, seat, month)
    return headline.render(numbers, now, area.seat, seat, month)
