"""Which alerts are open? One page of the list, newest first."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from app.pages import plain
from data import stock
from data.programmes import Programme
from geo.reach import Reach

PER_PAGE = 50


def page(
    conn: sa.Connection,
    programme: Programme,
    person: plain.Person,
    number: int,
    reach: Reach,
    *,
    now: datetime | None = None,
) -> str:
    """The list's page of that number, from 1, as far as the reader sees the programme."""
    seen = reach.facility_ids
    count = stock.open_alert_count(conn, programme.id, seen=seen)
    return plain.framed(
        "alerts.html",
        "Alerts",
        programme,
        person,
        now=(now or datetime.now(UTC)).astimezone(ZoneInfo(programme.timezone)),
        alerts=stock.open_alerts(conn, programme.id, skip=(number - 1) * PER_PAGE, limit=PER_PAGE, seen=seen),
        part=reach.of_all,
        count=count,
        page=number,
        pages=max(1, -(-count // PER_PAGE)),
    )
