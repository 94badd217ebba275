"""Which reported values are doubted? One page of the list, the newest month first, each to be judged by who may."""

from __future__ import annotations

import sqlalchemy as sa

from app import services
from app.auth import naming
from app.auth.principal import Principal
from app.pages import plain
from data import doubts
from data.programmes import Programme
from geo import areas
from geo.reach import Reach

PER_PAGE = 50

#: What a verdict says, as the buttons and the list put it.
VERDICTS = {"seen": "Seen", "right": "Right after all", "wrong": "Wrong"}
KINDS = {
    "repeated": "Repeated month",
    "blank": "Blank turned to zero",
    "jump": "Impossible jump",
    "negative": "More left than there was",
    "torn": "Opening is not the last closing",
}


def page(
    conn: sa.Connection, programme: Programme, person: plain.Person, who: Principal, reach: Reach, number: int,
    code: str | None, *, judged: bool,
) -> str:  # fmt: skip
    """The list's page of that number, from 1, for an area by its code or the whole programme."""
    place = areas.area(conn, programme.id, services.area(programme, code)) if code else None
    area_id = None if place is None else place.id
    count = doubts.count(conn, programme.id, area_id=area_id, judged=judged)
    rows = doubts.listed(
        conn, programme.id, area_id=area_id, judged=judged, skip=(number - 1) * PER_PAGE, limit=PER_PAGE
    )
    may = {row.id for row in rows if who.may("record", programme.id, row.facility_id, tuple(row.lineage))}
    called = {row.id: naming.by_right(programme.id, row.facility_id, row.lineage)(row.judged_by) for row in rows}
    return plain.framed(
        "quality.html",
        "Data quality",
        programme,
        person,
        flags=rows,
        called=called,
        may=may,
        count=count,
        area=place,
        areas=[(code, name) for code, name in doubts.areas(conn, programme.id) if reach.has_area(code)],
        part=reach.part(place.code) if place else reach.of_all,
        judged=judged,
        kinds=KINDS,
        verdicts=VERDICTS,
        page=number,
        pages=max(1, -(-count // PER_PAGE)),
    )
