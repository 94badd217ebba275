"""How are indicators taken away? Each with its value, its formula with the figures put in, and whose it is."""

from __future__ import annotations

from datetime import datetime

from app.components import words
from app.reports.report import Column, Report, Row, file_name
from data.insight import formula
from data.kpis import Indicators
from data.programmes import Programme
from geo.reach import Part


def report(
    programme: Programme, found: Indicators, made_by: str, made_at: datetime, part: Part | None = None
) -> Report:
    """The report of an area and a period, or of the `part` of it that is seen; `made_at` is local."""
    period = words.month(found.first)
    if found.last != found.first:
        period += f" to {words.month(found.last)}"
    facts = [
        ("Programme", programme.name), ("Area", found.name), *words.partly(part), ("Period", period),
        ("Made", f"{made_at:%Y-%m-%d %H:%M} by {made_by}"),
        *((f"Not carried by the data: {m.name}", f"needs {m.needs}") for m in found.missing),
    ]  # fmt: skip
    mark = "Simulated data" if programme.simulated else ""
    rows = [
        Row(
            (
                m.product or "All tracers", m.formula.name, formula.amount(m.formula.value, m.formula.unit),
                m.formula.worked or m.formula.note, m.formula.text, m.formula.source,
            ),
            "sum" if m.product is None else "line",
        )
        for m in found.measures
    ]  # fmt: skip
    return Report(
        title=f"Indicators of {found.name}, {period}",
        mark=mark,
        facts=[*facts, ("Data", mark)] if mark else facts,
        columns=[Column(head) for head in ("Product", "Indicator", "Value", "Worked out", "Definition", "Source")],
        rows=rows,
        made_at=made_at,
        file_name=file_name("indicators", found.area, f"{found.first:%Y-%m}", f"{found.last:%Y-%m}"),
        sheet="Indicators",
    )
