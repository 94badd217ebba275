"""Which past moment does a request mean, and what did a facility hold then? `as_of` and `sense` become values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from data import errors, stock
from data import past as states
from data.programmes import Programme
from data.record import past
from data.record.past import AsOf, Sense
from data.stock import Facility, Position
from data.types import State


class InvalidMoment(errors.DataError):
    """{value} cannot be shown: {reason}."""


_FORMS = "Send as_of=2026-03-04T09:30:00+01:00, or a day such as 2026-03-04, which is its end."


def asked(conn: sa.Connection, programme: Programme, query: Mapping[str, str], now: datetime) -> AsOf | None:
    """The moment that a query asks for; None where it asks for now. Raises `InvalidMoment`."""
    text = query.get("as_of", "")
    if not text:
        return None
    as_of = AsOf(_moment(programme, text.replace(" ", "+"), now), _sense(query.get("sense", "")))
    if not past.anything(conn, programme.id, as_of):
        known = "nothing was on record yet" if as_of.sense is Sense.RECORDED else "it lies before the record"
        raise InvalidMoment("as_of", "Choose a later one.", value=text[:40], reason=known)
    return as_of


def _sense(text: str) -> Sense:
    try:
        return Sense(text or Sense.OCCURRED)
    except ValueError as error:
        raise InvalidMoment(
            "sense", "Send occurred or recorded.", value=text[:40], reason="it is neither sense"
        ) from error


def _moment(programme: Programme, text: str, now: datetime) -> datetime:
    def refuse(reason: str) -> InvalidMoment:
        return InvalidMoment("as_of", _FORMS, value=text[:40], reason=reason)

    try:
        if len(text) == len("2026-03-04"):
            day = date.fromisoformat(text)
            if day > programme.day(now):
                raise refuse("it lies in the future")
            return min(programme.midnight(day + timedelta(days=1)) - timedelta(microseconds=1), now)
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise refuse("it has no offset from UTC")
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise refuse("it is no moment in ISO 8601") from error
    if moment > now:
        raise refuse("it lies in the future")
    return moment


#: What is not kept of the past, and so is null there.
NOT_KNOWN = ("probability", "cover_p10", "cover_p50", "cover_p90", "next_delivery_on", "last_event_at", "since")


def told(as_of: AsOf | None) -> dict[str, Any]:
    """What an answer says of the moment that it is of; nothing where that is now."""
    if as_of is None:
        return {}
    return {"as_of": as_of.moment, "sense": as_of.sense, "not_known": list(NOT_KNOWN)}


def facility(conn: sa.Connection, programme: Programme, place: Facility, as_of: AsOf) -> dict[str, Any]:
    """What a facility held at a past moment, vaccine by vaccine and lot by lot, in screen order."""
    products = stock.products(conn, programme.id)
    then = states.read(conn, programme, as_of, [p.product_id for p in products], [place.id])
    lots = then.lots
    numbers = past.numbers(conn, sorted(set(lots.lot_id.tolist())))
    held: dict[int, list[dict[str, Any]]] = {}
    for k, product_id in enumerate(lots.product_id.tolist()):
        number, expiry = numbers.get(int(lots.lot_id[k]), (None, None))
        held.setdefault(product_id, []).append({
            "number": number, "expiry": expiry, "doses": int(lots.doses[k]), "vvm_stage": int(lots.stage[k]),
            "quarantined": bool(lots.quarantined[k]), "usable": bool(lots.usable[k]),
        })  # fmt: skip
    at = {int(product_id): k for k, product_id in enumerate(then.product_id)}
    positions = [
        {
            "code": p.code, "name": p.name, "seat": p.seat, "unit": p.unit, "doses_per_vial": p.doses_per_vial,
            "usable": int(then.usable[at[p.product_id]]), "total": int(then.total[at[p.product_id]]),
            "amc": _known(then.amc[at[p.product_id]]), "state": State(int(then.state[at[p.product_id]])),
            "probability": None, "lots": held.get(p.product_id, []),
        }
        for p in products if p.product_id in at
    ]  # fmt: skip
    known = asdict(place) | {"state": None, "probability": None, "last_event_at": None}
    return told(as_of) | {"facility": known, "positions": positions}


def positions(conn: sa.Connection, programme: Programme, place: Facility, as_of: AsOf) -> list[Position]:
    """What a facility held at a past moment as its panel shows it, in screen order; what is not known is None."""
    products = {p.product_id: p for p in stock.products(conn, programme.id)}
    then = states.read(conn, programme, as_of, list(products), [place.id])
    made = []
    for k, product_id in enumerate(then.product_id.tolist()):
        p = products[product_id]
        made.append(
            Position(
                product_id,
                p.code,
                p.name,
                p.seat,
                p.unit,
                p.doses_per_vial,
                int(then.usable[k]),
                int(then.total[k]),
                None,
                State(int(then.state[k])),
                None,
                None,
                None,
                None,
                None,
                None,
                None,
            )
        )
    return sorted(made, key=lambda position: position.seat)


def sentence(programme: Programme, as_of: AsOf) -> str:
    """What the banner of a panel says."""
    known = "known " if as_of.sense is Sense.RECORDED else ""
    moment = as_of.moment.astimezone(ZoneInfo(programme.timezone))
    return f"As it was {known}on {moment:%-d %B %Y} at {moment:%H:%M}."


def _known(value: float) -> float | None:
    return None if value != value else float(value)
