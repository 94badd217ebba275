"""What will happen in the next 30 days? The places where most children would be missed, page by page."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from app import explained, services, shortfall
from app.pages import plain
from data import errors, stock
from data.insight import formula
from data.missed import Missed
from data.programmes import Programme
from data.stock import Product
from geo import areas
from geo.areas import Area
from geo.reach import Reach


def page(
    conn: sa.Connection, programme: Programme, person: plain.Person, reach: Reach, area: str | None,
    vaccine: str | None, number: int, now: datetime,
) -> str:  # fmt: skip
    """The list's page of that number, from 1, of one area and vaccine or of all. Raises `UnknownArea` or `-Product`."""
    place, chosen, products = asked(conn, programme, reach, area, vaccine)
    skip = (number - 1) * shortfall.PER_PAGE
    shown = shortfall.read(conn, programme, place, chosen, now, skip=skip, part=reach.part(place.code) is not None)
    kept = {name: value for name, value in (("area", area), ("vaccine", vaccine)) if value}
    return plain.framed(
        "ahead.html", "Ahead", programme, person,
        now=now.astimezone(ZoneInfo(programme.timezone)), shown=shown, shortfall=shortfall, amount=formula.amount,
        formulas=lambda p: explained.shortfall(p, _maximum(programme, p), shown.today),
        places=choices(conn, programme.id, place, reach), part=reach.part(place.code), products=products,
        kept=kept, download=urlencode(kept),
        page=number, pages=max(1, -(-shown.total.places // shortfall.PER_PAGE)),
        level=programme.level_names[1] if len(programme.level_names) > 1 else "Area",
    )  # fmt: skip


def _maximum(programme: Programme, p: Missed) -> float | None:
    """What a delivery fills up to at a place."""
    band = shortfall.band(programme, p)
    return None if band is None else band[1]


def asked(
    conn: sa.Connection, programme: Programme, reach: Reach, area: str | None, vaccine: str | None
) -> tuple[Area, Product | None, list[Product]]:
    """The area and the product that an address names, None for all products, and all there are."""
    products = stock.products(conn, programme.id)
    chosen = next((p for p in products if p.code == vaccine), None)
    if vaccine and chosen is None:
        raise errors.UnknownProduct("vaccine", "Choose one from the list of vaccines.", value=vaccine)
    return located(conn, programme, reach, area), chosen, products


def located(conn: sa.Connection, programme: Programme, reach: Reach, area: str | None) -> Area:
    """The area of this code, or the whole; raises `UnknownArea` where none of it is within the reach."""
    found = areas.area(conn, programme.id, area)
    if area and not reach.has_area(found.code):
        raise errors.UnknownArea("area", services.ELSEWHERE, value=area)
    return found


def choices(conn: sa.Connection, programme_id: int, here: Area, reach: Reach) -> list[tuple[str, str]]:
    """The areas to choose from: the whole, the first level, and the one that is open, as (code, name)."""
    nation = areas.area(conn, programme_id)
    _, below = areas.status(conn, nation.id, 0)
    listed = [
        ("", nation.name),
        *sorted(((a.code, a.name) for a in below if reach.has_area(a.code)), key=lambda a: a[1]),
    ]
    if here.level and here.code not in {code for code, _ in listed}:
        listed.append((here.code, here.name))
    return listed


def codes(conn: sa.Connection, programme: Programme) -> dict[int, str]:
    """The codes of the programme's products by their seats."""
    return {p.seat: p.code for p in stock.products(conn, programme.id)}
