"""How well did supply work here? The indicators of an area and a period, each with its formula and its figures."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from urllib.parse import quote, urlencode

import sqlalchemy as sa

from app.errors import InvalidBody
from app.pages import ahead, plain
from data import kpis, stock
from data.insight import formula
from data.kpis import Measure
from data.programmes import Programme
from geo.areas import Area
from geo.reach import Reach


def page(
    conn: sa.Connection, programme: Programme, person: plain.Person, reach: Reach, place: Area,
    asked: Mapping[str, str], now: datetime,
) -> str:  # fmt: skip
    """The whole page of an area; `asked` may name `from` and `to`. Raises what the reading raises."""
    today = programme.day(now)
    known = kpis.months(conn, programme.id, today)
    default = kpis.period_of(known)
    first, last = (month(name, asked.get(name), day) for name, day in zip(("from", "to"), default, strict=True))
    found = kpis.read(conn, programme, (place.id, place.code, place.name), first, last, today)
    products = [p for p in stock.products(conn, programme.id) if any(m.product == p.code for m in found.measures)]
    return plain.framed(
        "kpis.html", "Indicators", programme, person,
        area=place, found=found, products=products, amount=formula.amount,
        overall=[m for m in found.measures if m.product is None], kinds=_kinds(found.measures),
        of={(m.product, m.code): m.formula for m in found.measures},
        texts={m.code: m.formula.text for m in found.measures},
        places=ahead.choices(conn, programme.id, place, reach), part=reach.part(place.code),
        months=known[::-1],
        level=programme.level_names[1] if len(programme.level_names) > 1 else "Area",
        base=f"/api/v1/{quote(programme.code)}/areas/{quote(place.code, safe='')}/kpis",
        download=urlencode({"from": f"{found.first:%Y-%m}", "to": f"{found.last:%Y-%m}"}),
    )  # fmt: skip


def _kinds(measures: list[Measure]) -> list[tuple[str, str]]:
    """The indicators that are told by product, as (code, name), in their order."""
    return list(dict.fromkeys((m.code, m.formula.name) for m in measures if m.product is not None))


def month(name: str, said: str | None, default: date) -> date:
    """A month or a day of it; raises `InvalidBody`."""
    if not said:
        return default
    try:
        return date.fromisoformat(said if len(said) > len("YYYY-MM") else f"{said}-01")
    except ValueError as error:
        raise InvalidBody(name, "Send a month such as 2026-03.", reason=f"{name} is not a month") from error
