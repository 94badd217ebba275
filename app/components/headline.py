"""Which four numbers stand over the map? Out of stock, at risk, reporting, and how fresh the data is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from dash import html

from app.components import parts, spark, words
from app.components.ids import Id


@dataclass(frozen=True, slots=True)
class Numbers:
    """Facilities of an area for one product seat, now or at the end of a month; the same a month before."""

    handling: int
    reporting: int
    out: int
    at_risk: int


@dataclass(frozen=True, slots=True)
class Headline:
    """The numbers, those of a month ago (None where unknown), and the twelve months before by number's name."""

    now: Numbers
    before: Numbers | None
    series: Sequence[Numbers | None]
    newest: datetime | None


def render(
    headline: Headline, at: datetime, area_seat: int, product_seat: int, month: date | None = None
) -> html.Section:
    """The strip; a click on a cell colours the map by it. The browser keeps the numbers current."""
    numbers, before = headline.now, headline.before
    marks: parts.Attributes = {
        "aria-label": "Now" if month is None else f"At the end of {words.month(month)}",
        "data-seat": str(area_seat),
        "data-product": str(product_seat),
    }
    if month is not None:
        marks["data-month"] = f"{month:%Y-%m}"
    of_reporting = f"of {words.short(numbers.reporting)} reporting"
    reporting = f"{words.short(numbers.reporting)} of {words.short(numbers.handling)} facilities"
    return html.Section(
        [
            _cell("out", "Out of stock", words.short(numbers.out), of_reporting, "state", [
                _delta(numbers.out, before and before.out, more_is_worse=True),
                _spark([s and s.out for s in headline.series], "Facilities out of stock"),
            ]),
            _cell("risk", "At risk", words.short(numbers.at_risk), of_reporting, "risk", [
                _delta(numbers.at_risk, before and before.at_risk, more_is_worse=True),
                _spark([s and s.at_risk for s in headline.series], "Facilities at risk"),
            ]),
            _cell("reporting", "Reporting", _share(numbers), reporting, "reporting", [
                _delta(numbers.reporting, before and before.reporting, more_is_worse=False),
                _spark([s and s.reporting for s in headline.series], "Facilities reporting"),
            ]),
            _fresh(headline.newest, at),
        ],
        id=Id.HEADLINE,
        className="headline",
        **marks,
    )  # fmt: skip


def _cell(name: str, label: str, value: str, detail: str, colour: str, more: Sequence[parts.Node]) -> html.Button:
    marks: parts.Attributes = {"data-colour": colour}
    return html.Button(
        [
            html.Span(label, className="label"),
            html.Span(value, className="value"),
            html.Span(detail, className="detail"),
            html.Span([m for m in more if m is not None], className="trend"),
        ],
        id=f"{Id.HEADLINE}-{name}",
        className="headline-cell",
        type="button",
        **marks,
    )


def _fresh(newest: datetime | None, at: datetime) -> html.Button:
    marks: parts.Attributes = {} if newest is None else {"data-at": newest.isoformat()}
    return html.Button(
        [
            html.Span("Newest report", className="label"),
            html.Span("None" if newest is None else words.age(newest, at), className="value"),
            html.Span("nothing reported yet" if newest is None else "since the last report", className="detail"),
        ],
        id=f"{Id.HEADLINE}-fresh",
        className="headline-cell",
        type="button",
        **marks,
    )


def _share(numbers: Numbers) -> str:
    return words.percent(numbers.reporting / numbers.handling) if numbers.handling else "no data"


def _delta(now: int, before: int | None, *, more_is_worse: bool) -> html.Span | None:
    if before is None:
        return None
    said = words.change(now, before)
    way = "flat" if now == before else "up" if now > before else "down"
    worse = now != before and (now > before) == more_is_worse
    return html.Span(
        said, className=f"delta {way}{' worse' if worse else ''}", title=f"{words.number(before)} a month before"
    )


def _spark(values: Sequence[int | None], what: str) -> html.Span | None:
    known = [v for v in values if v is not None]
    if len(known) < 2:
        return None
    return spark.line(
        values, f"{what} over {len(values)} months: from {words.number(known[0])} to {words.number(known[-1])}"
    )
