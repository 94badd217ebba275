"""What came in, what went out, what is left? The bin card as a page: one table to read, print and take away."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from app import bin_cards, explained
from app.auth.naming import Names
from app.errors import InvalidBody, status
from app.pages import plain
from app.reports import bincard as reports
from data import bincard, errors, stock
from data.insight import formula
from data.programmes import Programme
from data.record import orders
from data.shelf_days import Spell

#: Lines on one page; the downloads hold all of them.
MOST_SHOWN = 1_000
#: What an address may ask for.
FIELDS = ("product", "lot", "from", "to", "as_of")


def page(
    conn: sa.Connection, programme: Programme, person: plain.Person, said: Mapping[str, str], now: datetime, *,
    records: bool, called: Names,
) -> tuple[str, HTTPStatus]:  # fmt: skip
    """The page of a card and its status; what cannot be asked is said above the form that asked it.

    `records` says that the reader may record at this facility, and so say why a shipment differs; `called` is what
    those who recorded are called to them.
    """
    asked = {name: said[name] for name in FIELDS if said.get(name)}
    facility = stock.facility(conn, programme.id, said["facility"]) if said.get("facility") else None
    products = stock.positions(conn, facility.id) if facility is not None else []
    shown, wrong, code = None, "", HTTPStatus.OK
    if facility is not None and asked.get("product"):
        try:
            shown = bin_cards.read(conn, programme, facility.code, asked, now)
        except (InvalidBody, errors.UnknownProduct, errors.UnknownLot, bincard.TooLong) as error:
            wrong, code = error.message, status(error)
    card = None if shown is None else bincard.page(shown.card, MOST_SHOWN)
    made = plain.framed(
        "bincard.html", "Bin card", programme, person,
        zone=ZoneInfo(programme.timezone), now=now.astimezone(ZoneInfo(programme.timezone)),
        facility=facility, products=products, asked=asked, wrong=wrong, shown=shown, card=card, records=records,
        rows=[] if card is None else list(bincard.interleaved(card)),
        hidden=0 if shown is None or card is None else len(shown.card.lines) - len(card.lines),
        said={} if shown is None else explained.card(shown.card, shown.product.unit), figure=formula.amount,
        is_spell=lambda row: isinstance(row, Spell), reports=reports, called=called, no_lot=bincard.NO_LOT,
        base="" if facility is None else f"/api/v1/{quote(programme.code)}/facilities/{quote(facility.code, safe='')}",
        ours=frozenset() if card is None else orders.known(conn, programme.id, [p.order for p in card.promised]),
        download=urlencode(asked), today=programme.day(now).isoformat(),
    )  # fmt: skip
    return made, code
