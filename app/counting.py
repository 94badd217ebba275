"""Who may do what with a stock count? The rights are asked here, for the API and the pages alike."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from app import services
from app.auth import trail
from app.auth.principal import Principal
from app.errors import NotAllowed
from data import errors
from data.programmes import Programme
from data.record import counting, counts, submission
from data.record.counting import Found
from data.record.counts import Count
from data.record.trail import Action

_REMEDIES = {
    "count": "You may not count stock at {name}. Ask its officer, or sign in with a role that may.",
    "approve": "A count at {name} is approved by an officer above the facility.",
}


def open(conn: sa.Connection, programme: Programme, facility: str, products: Sequence[str] | None) -> Count:
    """Open a count; raises `NotAllowed` and what `counting.open` raises."""
    place = submission.facilities(conn, programme.id, [facility]).get(facility)
    if place is None or not services.reach(programme).has_facility(facility):
        raise errors.UnknownFacility("facility", "Search for it by name to find its code.", value=facility)
    _demand("count", programme, place.id, place.lineage, place.name)
    who = services.principal()
    return counting.open(conn, programme.id, facility, products, who.user_id, services.now())


def save(conn: sa.Connection, programme: Programme, number: str, found: Sequence[Found]) -> Count:
    """Keep what was found."""
    who = _may("count", conn, programme, number)
    return counting.save(conn, programme.id, number, found, who.user_id, services.now())


def set_time(conn: sa.Connection, programme: Programme, number: str, moment: datetime | None) -> Count:
    """Say when a paper sheet was filled in."""
    _may("count", conn, programme, number)
    return counting.set_time(conn, programme.id, number, moment, services.now())


def submit(conn: sa.Connection, programme: Programme, number: str, seen: str | None) -> Count:
    """Say that a count is complete."""
    who = _may("count", conn, programme, number)
    return counting.submit(conn, programme.id, number, who.user_id, services.now(), seen=seen)


def approve(conn: sa.Connection, programme: Programme, number: str, note: str | None, seen: str | None) -> Count:
    """Agree, and post it."""
    who = _may("approve", conn, programme, number)
    count = counting.approve(conn, programme.id, number, who.user_id, services.now(), note=note, seen=seen)
    trail.note(conn, [programme.id], Action.COUNT_APPROVED, number, {"facility": count.facility})
    return count


def refuse(conn: sa.Connection, programme: Programme, number: str, reason: str) -> Count:
    """Send it back to be counted again."""
    who = _may("approve", conn, programme, number)
    count = counting.refuse(conn, programme.id, number, who.user_id, reason, services.now())
    trail.note(conn, [programme.id], Action.COUNT_REFUSED, number, {"facility": count.facility, "reason": reason})
    return count


def cancel(conn: sa.Connection, programme: Programme, number: str, reason: str) -> Count:
    """Give it up."""
    who = _may("count", conn, programme, number)
    return counting.cancel(conn, programme.id, number, who.user_id, reason, services.now())


def read(conn: sa.Connection, programme: Programme, number: str) -> Count:
    """The count with this number, if the one who asks may see its facility; raises `UnknownCount`."""
    count = counts.read(conn, programme.id, number)
    if not services.reach(programme).has_facility(count.facility):
        raise counts.UnknownCount("number", services.ELSEWHERE, value=number)
    return count


def may(right: str, programme: Programme, count: Count) -> bool:
    """Whether the one who asks has this right at the facility of a count."""
    return services.principal().may(right, programme.id, count.facility_id, count.lineage)


def _may(right: str, conn: sa.Connection, programme: Programme, number: str) -> Principal:
    count = read(conn, programme, number)
    _demand(right, programme, count.facility_id, count.lineage, count.facility_name)
    return services.principal()


def _demand(right: str, programme: Programme, facility_id: int, lineage: tuple[int, ...], name: str) -> None:
    if not services.principal().may(right, programme.id, facility_id, lineage):
        raise NotAllowed("facility", _REMEDIES[right].format(name=name))
