"""Which four numbers stand over the map? Out of stock, at risk, reporting, and how fresh the data is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, datetime
from operator import attrgetter

from dash import html

from app.components import parts, spark, words
from app.components.ids import Id
from geo.areas import Headline, Numbers


def render(
    headline: Headline,
    at: datetime,
    area_seat: int,
    product_seat: int,
    month: date | None = None,
    day: date | None = None,
) -> html.Section:
    """The strip; a click on a cell colours the map by it.

    The browser writes pushes into the numbers of `data-seat` and `data-product`, so a past month does not name its
    product, and React gets a new key each time: it must not believe that it still knows the texts.
    """
    numbers = headline.now
    marks: parts.Attributes = {
        "aria-label": _when(month, day),
        "data-seat": str(area_seat),
    } | ({"data-product": str(product_seat)} if month is None else {"data-month": f"{month:%Y-%m}"})
    of_reporting = f"of {words.short(numbers.reporting)} reporting"
    of_handling = f"{words.short(numbers.reporting)} of {words.short(numbers.handling)} facilities"
    return html.Section(
        [
            _cell("out", "Out of stock", words.short(numbers.out), of_reporting, "state", headline),
            _cell("risk", "At risk", words.short(numbers.at_risk), of_reporting, "risk", headline),
            _cell("reporting", "Reporting", _share(numbers), of_handling, "reporting", headline),
            _fresh(headline.newest, at, month, day),
        ],
        id=Id.HEADLINE,
        className="headline",
        key=at.isoformat(),
        **marks,
    )


def _when(month: date | None, day: date | None) -> str:
    if day is not None:
        return f"At the end of {words.full_day(day)}"
    return "Now" if month is None else f"At the end of {words.month(month)}"


_COUNT = {"out": "out", "risk": "at_risk", "reporting": "reporting"}


#: What a number is of, whatever the map is looked at through.
_MEANS = {
    "out": "Less than one vial that may be used, where there is demand",
    "risk": "Out of stock, or will be before the next delivery",
    "reporting": "Reported within the reporting interval and its days of grace",
}


def _cell(name: str, label: str, value: str, detail: str, colour: str, headline: Headline) -> html.Button:
    marks: parts.Attributes = {"data-colour": colour, "title": _MEANS[name]}
    count = attrgetter(_COUNT[name])
    series = [None if s is None else int(count(s)) for s in headline.series]
    before = None if headline.before is None else int(count(headline.before))
    trend = [_delta(int(count(headline.now)), before, more_is_worse=name != "reporting"), _spark(series, label)]
    return html.Button(
        [
            html.Span(label, className="label"),
            html.Span(value, className="value"),
            html.Span(detail, className="detail"),
            html.Span([t for t in trend if t is not None], className="trend"),
        ],
        id=f"{Id.HEADLINE}-{name}",
        className="headline-cell",
        type="button",
        **marks,
    )


def _fresh(newest: datetime | None, at: datetime, month: date | None, day: date | None) -> html.Button:
    marks: parts.Attributes = {} if newest is None else {"data-at": newest.isoformat()}
    label, value, detail = "Newest report", "None", "nothing reported yet"
    if day is not None:
        label, value, detail = "As of", words.day(day, at.date()), "the end of the day"
    elif month is not None:
        label, value, detail = "As of", words.month_short(month), "the end of the month"
    elif newest is not None:
        value, detail = words.age(newest, at), "since the last report"
    return html.Button(
        [
            html.Span(label, className="label"),
            html.Span(value, className="value"),
            html.Span(detail, className="detail"),
        ],
        id=f"{Id.HEADLINE}-fresh",
        className="headline-cell",
        type="button",
        **marks,
    )


def _share(numbers: Numbers) -> str:
    """A whole percentage, by the rule of the roll-ups: what is not nothing is never shown as 0."""
    if numbers.handling == 0:
        return "no data"
    share = 100 * numbers.reporting / numbers.handling
    # Halves up, as PostgreSQL rounds them; Python's own round would say 12 of 12.5 and a push 13.
    return f"{max(1, math.floor(share + 0.5)) if numbers.reporting else 0} %"


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
