"""What is known of an area for its panel and for the strip over the map?"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from app.components import headline, panel_area
from data.programmes import Programme
from data.stock import Product
from data.types import WORST
from geo import areas
from geo.areas import Area

#: Facilities in the list of the worst.
WORST_FACILITIES = 10


def panel(
    conn: sa.Connection,
    programme: Programme,
    area: Area,
    product: Product | None,
    now: datetime,
    *,
    month: date | None = None,
) -> Any:
    """The panel of an area for one product, or (None) for the worst of all."""
    seat = WORST if product is None else product.seat
    own, below = areas.status(conn, area.id, seat, month)
    return panel_area.render(
        now,
        area,
        own,
        below,
        areas.worst_facilities(conn, programme.id, area.id, seat, month, WORST_FACILITIES),
        programme.level_names,
        product_name=None if product is None else product.name,
        month=month,
        notice=programme.notice if programme.simulated else None,
    )


def strip(
    conn: sa.Connection, programme: Programme, area: Area, product: Product | None, now: datetime, month: date | None
) -> Any:
    """The four numbers of an area."""
    seat = WORST if product is None else product.seat
    return headline.render(areas.headline(conn, programme.id, area.seat, seat, month), now, area.seat, seat, month)
