"""Which bin card is asked for? Addresses become a card, in the same way for the page, the API and every download."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NoReturn

import sqlalchemy as sa

from app.errors import InvalidBody
from data import bincard, errors, stock
from data.bincard import Asked, Card
from data.programmes import Programme
from data.stock import Facility, Product

#: Years that a day of a card may lie in.
YEARS = range(1990, 2101)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class Shown:
    """A card, and whose it is."""

    programme: Programme
    facility: Facility
    product: Product
    card: Card


def read(conn: sa.Connection, programme: Programme, facility: str, said: Mapping[str, str], now: datetime) -> Shown:
    """The card that `product`, `lot`, `from`, `to` and `as_of` ask for; raises the error that names what is wrong."""
    asked = parse(programme, said, now)
    place = stock.facility(conn, programme.id, facility)
    product = product_of(conn, programme, said.get("product", ""))
    return Shown(programme, place, product, bincard.read(conn, programme, place.id, product, asked, now))


def product_of(conn: sa.Connection, programme: Programme, code: str) -> Product:
    """The product with this code; raises `UnknownProduct`."""
    if not code:
        _refuse("product", "it names no product", "Send product=, with a code that is listed under registry.")
    found = next((p for p in stock.products(conn, programme.id) if p.code == code), None)
    if found is None:
        raise errors.UnknownProduct("product", "The programme's products are listed under registry.", value=code)
    return found


def parse(programme: Programme, said: Mapping[str, str], now: datetime) -> Asked:
    """Period, lot and moment; what is left out is the usual period, all lots, and now."""
    last = _day(said, "to") or programme.day(now)
    first = _day(said, "from") or bincard.usual(last)[0]
    if first > last:
        _refuse("from", f"from ({first}) is after to ({last})", "Exchange them.")
    return Asked(first, last, said.get("lot") or None, _as_of(programme, said.get("as_of", "")))


def _day(said: Mapping[str, str], field: str) -> date | None:
    text = said.get(field, "")
    if not text:
        return None
    try:
        day = date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None or day.year not in YEARS:
        _refuse(field, f"{field} is not a day", "Send it as 2026-03-04.")
    return day


def _as_of(programme: Programme, text: str) -> datetime | None:
    """A moment with its offset, or a local day, which stands for its end."""
    if not text:
        return None
    if _DAY.fullmatch(text):
        day = _day({"as_of": text}, "as_of")
        return None if day is None else programme.midnight(day + timedelta(days=1))
    try:
        # A plus sign that was not encoded arrives as a blank.
        moment = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or moment.year not in YEARS:
        _refuse("as_of", "as_of is neither a day nor a moment with its offset", "Send it as 2026-03-04T09:30:00+01:00.")
    return moment


def _refuse(field: str, reason: str, remedy: str) -> NoReturn:
    raise InvalidBody(field, remedy, reason=reason)
