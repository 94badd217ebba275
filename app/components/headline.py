"""Which four numbers stand over the map? Out of stock, at risk, reporting, and how fresh the data is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta

from dash import html

from app import explained
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
    since = (month or at.date()).replace(day=1) - timedelta(days=1)
    marks: parts.Attributes = {
        "aria-label": _when(month, day),
        "data-seat": str(area_seat),
    } | ({"data-product": str(product_seat)} if month is None else {"data-month": f"{month:%Y-%m}"})
    of_reporting = f"of {words.short(numbers.reporting)} reporting"
    of_handling = f"{words.short(numbers.reporting)} of {words.short(numbers.handling)} facilities"
    return html.Section(
        [
            _slot("out", "Out of stock", words.short(numbers.out), of_reporting, "state", headline, since),
            _slot("risk", "At risk", words.short(numbers.at_risk), of_reporting, "risk", headline, since),
            _slot("reporting", "Reporting", _share(numbers), of_handling, "reporting", headline, since),
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


_VALUE: dict[str, Callable[[Numbers], int | None]] = {
    "out": lambda n: n.out,
    "risk": lambda n: n.at_risk,
    "reporting": lambda n: _whole(n),
}


#: What a number is of, whatever the map is looked at through.
_MEANS = {
    "out": "Less than one vial that may be used, where there is demand",
    "risk": "Out of stock, or will be before the next delivery",
    "reporting": "Reported within the reporting interval and its days of grace",
}


def _slot(name: str, label: str, value: str, detail: str, colour: str, headline: Headline, since: date) -> html.Div:
    """A number of the strip and, beside it, the mark that opens its formula with these figures."""
    hidden = html.Span(label, className="sr-only")
    mark = parts.explained(hidden, explained.strip(headline.now)[name])
    return html.Div([_cell(name, label, value, detail, colour, headline, since), mark], className="headline-slot")


def _cell(name: str, label: str, value: str, detail: str, colour: str, headline: Headline, since: date) -> html.Button:
    """A number with its change since a month end, in the number's own unit, and a year of month ends."""
    marks: parts.Attributes = {"data-colour": colour, "title": _MEANS[name]}
    of = _VALUE[name]
    series = [None if s is None else of(s) for s in headline.series]
    before = None if headline.before is None else of(headline.before)
    unit = " %" if name == "reporting" else ""
    drawn = [_spark(series, label, unit), _delta(of(headline.now), before, unit, since)]
    return html.Button(
        [
            html.Span(label, className="label"),
            html.Span(value, className="value"),
            html.Span(detail, className="detail"),
            *[d for d in drawn if d is not None],
        ],
        id=f"{Id.HEADLINE}-{name}",
        className="headline-cell",
        type="button",
        **marks,
    )


def _fresh(newest: datetime | None, at: datetime, month: date | None, day: date | None) -> html.Div:
    marks: parts.Attributes = {} if newest is None else {"data-at": newest.isoformat()}
    label, value, detail = "Last report", "None", "nothing reported yet"
    if day is not None:
        label, value, detail = "As of", words.day(day, at.date()), "the end of the day"
    elif month is not None:
        label, value, detail = "As of", words.month_short(month), "the end of the month"
    elif newest is not None:
        value = words.age(newest, at)
        detail = "just arrived" if value == "Now" else "ago"
    # No way to colour the map: nothing to press.
    return html.Div(
        [
            html.Span(label, className="label"),
            html.Span(value, className="value"),
            html.Span(detail, className="detail"),
        ],
        id=f"{Id.HEADLINE}-fresh",
        className="headline-cell",
        **marks,
    )


def _share(numbers: Numbers) -> str:
    share = _whole(numbers)
    return "no data" if share is None else f"{share} %"


def _whole(numbers: Numbers) -> int | None:
    """Who reports in whole percent, by the rule of the roll-ups: what is not nothing is never shown as 0."""
    if numbers.handling == 0:
        return None
    share = 100 * numbers.reporting / numbers.handling
    # Halves up, as PostgreSQL rounds them; Python's own round would say 12 of 12.5 and a push 13.
    return max(1, math.floor(share + 0.5)) if numbers.reporting else 0


def _delta(now: int | None, before: int | None, unit: str, since: date) -> html.Span | None:
    """The change since a month end; of a share in points, since percent of percent would be something else."""
    if now is None or before is None:
        return None
    change = words.change(now, before)
    said = f"{change} {words.plural('point', abs(now - before))}" if unit and now != before else change
    way = "flat" if now == before else "up" if now > before else "down"
    worse = now != before and (now > before) == (not unit)
    return html.Span(
        [said, html.Span(f" since {words.month_alone(since)}", className="since")],
        className=f"delta {way}{' worse' if worse else ''}",
        title=f"{words.number(before)}{unit} at the end of {words.month(since)}",
    )


def _spark(values: Sequence[int | None], what: str, unit: str) -> html.Span | None:
    known = [v for v in values if v is not None]
    if len(known) < 2:
        return None
    first, last = (f"{words.number(v)}{unit}" for v in (known[0], known[-1]))
    return spark.line(values, f"{what} over {len(values)} months: from {first} to {last}")
