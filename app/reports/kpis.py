"""How are indicators taken away? Each with its value, its formula with the figures put in, and whose it is."""

from __future__ import annotations

from datetime import datetime

from app.components import words
from app.reports.report import Cell, Column, Report, Row, file_name
from data.insight import formula
from data.kpis import Indicators, Measure
from data.programmes import Programme
from geo.reach import Part

_HEADS = (
    "Product", "Indicator", "Value", "Worked out", "Number", "Unit", "Divided", "Divided by", "Note", "Definition",
    "Source",
)  # fmt: skip


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
    rows = [Row(_cells(m), "sum" if m.product is None else "line") for m in found.measures]
    return Report(
        title=f"Indicators of {found.name}, {period}",
        mark=mark,
        facts=[*facts, ("Data", mark)] if mark else facts,
        columns=[Column(head) for head in _HEADS],
        rows=rows,
        made_at=made_at,
        file_name=file_name("indicators", found.area, f"{found.first:%Y-%m}", f"{found.last:%Y-%m}"),
        sheet="Indicators",
    )


def _cells(m: Measure) -> list[Cell]:
    """An indicator in words, and as numbers to go on with: a share in percent, and what was divided by what."""
    f = m.formula
    number = None if f.value is None else 100 * f.value if f.unit == "%" else f.value
    divided = [figure.value for figure in f.figures] if len(f.figures) == 2 else [None, None]
    return [
        m.product or "All tracers", f.name, formula.amount(f.value, f.unit), f.worked, number, f.unit, *divided, f.note,
        f.text, f.source,
    ]  # fmt: skip
