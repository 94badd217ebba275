"""Which small pieces does every panel use? Links of the view, badges, moments, probabilities, facts and tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from dash import html

from app.components import words
from data.insight import formula as formulas
from data.insight import policy
from data.insight.formula import Formula
from data.lens import Lens
from data.types import State

#: Whatever Dash renders: a component, words, or several of them.
Node = Any

#: `data-*` and `aria-*`, which Dash takes as further keywords.
Attributes = dict[str, Any]


def link(text: Node, **view: str) -> html.A:
    """A real link that changes only the view: `link("Kano", area="NG020")`; an empty value takes one away."""
    marks: Attributes = {"data-view": ""}
    return html.A(text, href=query(**view), **marks)


def query(**view: str) -> str:
    """The address of such a link; codes may hold anything that a source calls a place by."""
    return f"?{urlencode(view)}"


def crumbs(places: Sequence[tuple[str, str, int]], current: str | None = None) -> html.Nav:
    """The way from the nation down: (code, name, level) of each; the last is where the reader is, unless told."""
    above = places if current is not None else places[:-1]
    steps: list[Node] = [link(name, area=code if level else "") for code, name, level in above]
    here: Attributes = {"aria-current": "page"}
    name: Attributes = {"aria-label": "Where"}
    current = current if current is not None else places[-1][1]
    return html.Nav([*steps, html.Span(current, **here)], className="crumbs", **name)


def badge(state: State) -> html.Span:
    """The state in a word, with the colour and icon that its class gives it."""
    name = state.name.lower().replace("_", "-")
    return html.Span(words.STATE[state], className=f"badge state-{name}", title=words.STATE_MEANING[state])


def simulated(notice: str) -> html.Span:
    """The mark of data that nobody counted; on every page and panel of a simulated programme."""
    return html.Span(
        "Simulated data", className="badge simulated", title=notice or "Facilities and stock are simulated."
    )


def past(month: date, then: str | None = None) -> html.Div:
    """The mark of a month that is over, or of the moment that `then` is a sentence of, with the way back to now."""
    said = then or f"As it was at the end of {words.month(month)}."
    return html.Div([f"{said} ", link("Show now", month="", as_of="", sense="")], className="callout quiet")


def seen_through(lens: Lens) -> list[Node]:
    """What the numbers are looked at through, with the way back to what is kept; nothing where that is it."""
    if lens.horizon is not None:
        said, back = (
            f"Chances are of running out {words.within(lens.horizon)}.",
            link("Show the chance before the next delivery", horizon=""),
        )
    elif lens.preset is not None:
        levels = policy.PRESETS[lens.preset]
        said, back = f"States by {levels.name}: {levels.formula}.", link("Show the programme's own", preset="")
    else:
        return []
    return [html.Div([f"{said} ", back], className="callout quiet")]


def moment(value: datetime | None, now: datetime) -> Node:
    """A time as people say it, with the exact one on hover; the browser keeps it current."""
    if value is None:
        return "never"
    zone = now.tzinfo if isinstance(now.tzinfo, ZoneInfo) else ZoneInfo("UTC")
    return html.Time(words.ago(value, now), dateTime=value.isoformat(), title=words.exact(value, zone))


def chance(probability: float | None) -> Node:
    """A probability with a small bar of its length."""
    if probability is None:
        return html.Span(words.UNKNOWN, className="muted")
    return html.Span(words.percent(probability), className="chance", style={"--p": f"{probability:.3f}"})


def share(percent: int) -> Node:
    """A share of an area in whole percent, as roll-ups keep it: 255 where there is nothing to take a share of."""
    if percent > 100:
        return html.Span("no data", className="muted")
    return html.Span(f"{percent} %", className="chance", style={"--p": f"{percent / 100:.2f}"})


def explained(label: Node, formula: Formula | None) -> Node:
    """A number's name with a mark that opens its formula, with this place's own figures put in."""
    if formula is None:
        return label
    mark: Attributes = {"aria-hidden": "true"}
    hidden = html.Span(": how it is worked out", className="sr-only")
    said = [html.P(f"{words.opening(formula.text)}.", className="note")]
    if formula.worked:
        result = "" if formula.value is None else f" = {formulas.amount(formula.value, formula.unit)}"
        said.append(html.P(f"Here: {formula.worked}{result}.", className="note"))
    if formula.note:
        said.append(html.P(f"{words.opening(formula.note)}.", className="note"))
    said.append(html.P(f"Source: {formula.source}.", className="note"))
    return html.Details(
        [
            html.Summary([label, hidden, html.I("=", className="mark", **mark)]),
            html.Div(said, className="worked"),
        ],
        className="formula",
    )


class Head(NamedTuple):
    """The head of a column; `definition` says what its numbers are; a mark opens it with each row's figures."""

    text: str
    number: bool = False
    definition: str = ""


def facts(pairs: Sequence[tuple[Node, Node]]) -> html.Dl:
    """Names and values in two columns."""
    return html.Dl([html.Div([html.Dt(name), html.Dd(value)]) for name, value in pairs], className="facts")


def cell(
    value: Node, below: Node = None, *, sort: float | str | None = None, number: bool = True, worked: str = ""
) -> html.Td:
    """A cell with a second, smaller line; `sort` is what a column is sorted by where the text is not.

    `worked` is the definition of the column with this row's figures in place, shown once the mark in its head is open.
    """
    lines: list[Node] = [value]
    if below is not None and below != "":
        lines.append(html.Small(below, className="below"))
    if worked:
        lines.append(html.Small(f"= {worked}", className="worked-out"))
    extra: Attributes = {} if sort is None else {"data-sort": str(sort)}
    return html.Td(lines if len(lines) > 1 else value, className="num" if number else "", **extra)


def table(
    heads: Sequence[tuple[str, bool] | Head], rows: Sequence[html.Tr], caption: str, *, sortable: bool = False
) -> html.Div:
    """A table that scrolls inside itself: heads are (text, is a number); the caption is for those who listen."""
    named = [Head(*head) for head in heads]
    header = html.Tr([_head(head, place) for place, head in enumerate(named)])
    said = [
        html.P(f"{head.text}: {head.definition}.", className=f"note definition c{place}")
        for place, head in enumerate(named)
        if head.definition
    ]
    drawn = html.Table(
        [html.Caption(caption, className="sr-only"), html.Thead(header), html.Tbody(list(rows))],
        className="table sortable" if sortable else "table",
    )
    return html.Div([*said, drawn] if said else drawn, className="table-wrap")


def _head(head: Head, place: int) -> html.Th:
    content: Node = head.text
    if head.definition:
        mark: Attributes = {"aria-hidden": "true"}
        said = html.Span("how it is worked out", className="sr-only")
        summary = html.Summary([said, html.I("=", className="mark", **mark)])
        content = [head.text, html.Details([summary], className=f"formula of-column c{place}")]
    return html.Th(content, scope="col", className="num" if head.number else "")


def row(cells: Sequence[Node], href: str | None = None, *, selected: bool = False) -> html.Tr:
    """A row; with `href` all of it follows the link that one of its cells holds."""
    extra: Attributes = {} if href is None else {"data-view-href": href}
    for place, td in enumerate(cells):
        for line in td.children if isinstance(td.children, list) else []:
            if getattr(line, "className", None) == "worked-out":
                line.className = f"worked-out c{place}"
    if selected:
        extra["aria-selected"] = "true"
    return html.Tr(list(cells), **extra)


def empty(*sentences: str) -> html.Div:
    """Nothing to show, in words."""
    return html.Div([html.P(s) for s in sentences], className="empty")


def failure(heading: str, *sentences: Node) -> html.Div:
    """Something that could not be shown: what happened, and what to do."""
    return html.Div([html.H1(heading), *[html.P(s) for s in sentences]], className="error", role="alert")
