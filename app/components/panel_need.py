"""What does a facility's panel say of need? The views of it side by side, with the errors they made before; doubts."""

from __future__ import annotations

import math
from collections.abc import Sequence

from dash import html

from app.components import parts, words
from app.components.parts import Head, Node
from data.doubts import Flag
from data.forecasts import Reading
from data.insight import formula
from data.insight.forecast import Forecast
from data.insight.formula import Formula

_NAMES = {"consumption": "What it used", "sessions": "What its sessions gave", "population": "What its children need"}

_HEADS = (
    Head("View", False),
    Head("A month", True, "what the view says that the next month needs"),
    Head(
        "MASE",
        True,
        "mean |foretold - used| / mean step from one month to the next; below 1 is better than as last month",
    ),
    Head("MAPE", True, "mean of |foretold - used| / used, weighted by doses; months without use are left out"),
    Head("Bias", True, "mean of (foretold - used) / used, weighted by doses; above 0 too much was foretold"),
)


def views(reading: Reading) -> list[Node]:
    """Every view of need with its error over the months before, and which is in force and why."""
    rows = [_row(f, said, reading) for f, said in zip(reading.forecasts, reading.formulas, strict=True)]
    tried = max(f.trials for f in reading.forecasts)
    note = (
        f"Each month from {words.month(reading.first)} on was foretold from those before it: up to"
        f" {words.counted(tried, 'month')} can be judged. Months out of stock (nearly) throughout and those of"
        " campaigns judge nobody."
        if tried
        else "No month can be judged yet: it takes three months before it."
    )
    return [
        html.H2("Need, view by view"),
        html.P(reading.why),
        parts.table(_HEADS, rows, "Views of need with their errors"),
        html.P(note, className="note"),
    ]


def _row(found: Forecast, said: Formula, reading: Reading) -> html.Tr:
    name: list[Node] = [_NAMES[found.view.value]]
    if found.view is reading.in_force:
        name += [" ", html.Span("in force", className="badge")]
    if found.view is reading.best:
        name += [" ", html.Span("erred least", className="badge")]
    judged = "" if found.trials == 0 else f"over {words.counted(found.trials, 'month')}"
    return parts.row([
        parts.cell(name, number=False),
        parts.cell(_doses(found.monthly, reading.unit), worked=said.worked or said.note),
        parts.cell(_figure(found.mase), worked=judged),
        parts.cell(_share(found.mape), worked=judged),
        parts.cell(_share(found.bias, signed=True), worked=judged),
    ])  # fmt: skip


def _doses(value: float, unit: str) -> str:
    return words.UNKNOWN if math.isnan(value) else words.amount(round(value), unit)


def _figure(value: float) -> str:
    return words.UNKNOWN if math.isnan(value) else f"{value:.2f}"


def _share(value: float, *, signed: bool = False) -> str:
    if math.isnan(value):
        return words.UNKNOWN
    return f"{words.signed(round(100 * value)) if signed else round(100 * value)} %"


def doubts(flags: Sequence[Flag], href: str) -> list[Node]:
    """The months of this place that are doubted, with how much each still counts."""
    if not flags:
        return []
    said = [
        html.Li([
            html.Strong(f"{words.month_short(f.month)}: "), f.words, " ",
            html.Small(_counts(f), className="below"),
        ])
        for f in flags
    ]  # fmt: skip
    return [
        html.H2("Doubted months"),
        html.Ul(said, className="list said"),
        html.P(html.A("Judge them", href=href, className="button")),
    ]


def _counts(flag: Flag) -> str:
    how = "in full" if flag.weight == 1 else "for nothing" if flag.weight == 0 else formula.amount(flag.weight, "%")
    return f"The month counts {how} in demand."
