"""How is the list of the next 30 days taken away? Its rows as a report, with every number unshortened."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from app.components import words
from app.reports.report import Cell, Column, Report, Row, file_name
from app.shortfall import HELPED, Shortfall, Shown
from data.programmes import Programme
from data.types import State
from geo.reach import Part

_COLUMNS = (
    Column("Rank"), Column("Facility", 50), Column("Facility code"), Column("Area", 30), Column("Area code"),
    Column("Vaccine", 25), Column("Vaccine code"), Column("State", 22), Column("Usable (doses)", 18),
    Column("Used a month (doses)", 18), Column("Children missed in 30 days", 20), Column("Doses short in 30 days", 20),
    Column("Chance of running out within 30 days (%)", 22), Column("Last dose used, likely by"),
    Column("Next delivery"), Column("On its way (doses)"), Column("Why", 60), Column("Who nearby can help", 40),
    Column("Its code"), Column("Distance (km)"), Column("Can spare (doses)"),
)  # fmt: skip


def report(programme: Programme, shown: Shown, made_by: str, made_at: datetime, part: Part | None = None) -> Report:
    """The report of a list, or of the `part` of it that is seen; `made_at` is aware."""
    what = "all vaccines" if shown.product is None else shown.product.name
    facts = [("Programme", f"{programme.name} ({programme.code})")]
    if programme.simulated:
        facts.append(("Simulated data", programme.notice or "Facilities and stock are simulated."))
    total = shown.total
    facts += [
        ("Area", f"{shown.area.name} ({shown.area.code})"),
        *words.partly(part),
        ("Vaccine", what),
        ("Days", f"{shown.today.isoformat()} to {(shown.today + timedelta(days=30)).isoformat()}"),
        ("Places short", f"{words.number(total.places)} of {words.number(total.of)} that report"),
        ("Places more likely than not to run out", words.number(total.likely)),
        ("Children who may be missed", f"{words.number(total.missed)}, each once for each vaccine"),
        ("Doses short", words.number(total.short)),
        ("Rows", f"{len(shown.rows)}: the places where most children would be missed"),
        ("Who can help", f"looked up for the first {HELPED}, within 60 km"),
        ("Made by", made_by),
        ("Made at", f"{made_at.astimezone(ZoneInfo(programme.timezone)):%Y-%m-%d %H:%M} ({programme.timezone})"),
    ]  # fmt: skip
    return Report(
        title=f"The next 30 days in {shown.area.name}: {what}",
        mark="Simulated data" if programme.simulated else "",
        facts=facts,
        columns=_COLUMNS,
        rows=[Row(_cells(rank, row, shown)) for rank, row in enumerate(shown.rows, 1)],
        made_at=made_at,
        file_name=file_name(
            "next-30-days", shown.area.code, *([shown.product.code] if shown.product else []), shown.today.isoformat()
        ),
        sheet="Next 30 days",
    )


def _cells(rank: int, row: Shortfall, shown: Shown) -> list[Cell]:
    p, near = row.place, row.help
    chance = None if p.within_30 is None else round(100 * p.within_30, 1)
    gone = None if p.cover_p50 is None or p.state == State.STOCKOUT else shown.today + timedelta(round(p.cover_p50))
    help_: list[Cell] = [None] * 4
    if near is not None:
        help_ = [near.name, near.code, round(near.km, 1), near.doses]
    return [
        rank, p.facility_name, p.facility, p.area_name, p.area, p.product_name, p.product, words.STATE[p.state],
        p.usable, None if p.amc is None else round(p.amc, 1), round(p.missed), round(p.short), chance, gone,
        p.next_delivery_on, p.coming, " ".join(row.why), *help_,
    ]  # fmt: skip
