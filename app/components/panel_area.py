"""What does the panel of a nation, a state or an LGA say? What is so, which parts are worst, which facilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from dash import html

from app.components import parts, words
from app.components.parts import Node
from data.types import State


@dataclass(frozen=True, slots=True)
class Area:
    """An area and its roll-up for one product seat: facilities that handle it, that report, are out, are at risk.

    Children are those who depend on facilities that report, at risk and out of stock, in surviving infants a year.
    """

    code: str
    name: str
    handling: int
    reporting: int
    out: int
    at_risk: int
    children: int
    children_at_risk: int
    children_out: int


@dataclass(frozen=True, slots=True)
class Worst:
    """A facility among the worst of an area; cover and `since` belong to `product_name`."""

    code: str
    name: str
    area_name: str
    product: str
    product_name: str
    state: State
    probability: float | None
    cover_p10: float | None
    cover_p50: float | None
    cover_p90: float | None
    since: datetime | None


def render(
    now: datetime,
    area: Area,
    way: Sequence[tuple[str, str, int]],
    level_names: Sequence[str],
    children: Sequence[Area],
    worst: Sequence[Worst],
    *,
    product_name: str | None = None,
    population: int | None = None,
    month: date | None = None,
    notice: str | None = None,
) -> html.Div:
    """The whole panel; `way` leads from the nation to this area, `product_name` is None for the worst of all."""
    level = way[-1][2]
    below = level_names[level + 1] if children and level + 1 < len(level_names) else "area"
    return html.Div(
        [
            parts.crumbs(way),
            html.H1(area.name),
            _who(level_names[level] if level < len(level_names) else "", population, notice),
            *([] if month is None else [parts.past(month)]),
            html.P(finding(area, product_name, month), className="lead"),
            *([html.P(_spread(children, below, product_name), className="note")] if children else []),
            *_worst(worst, product_name, now, month),
            *_children(children, below, product_name),
        ]
    )


def finding(area: Area, product_name: str | None, month: date | None = None) -> str:
    """What is so in this area, in sentences that say their denominators."""
    what = product_name or "at least one vaccine"
    if area.handling == 0:
        return f"No facility here handles {product_name or 'any vaccine'}."
    if area.reporting == 0:
        none = f"None of {words.counted(area.handling, 'facility')} has reported {what}"
        return f"{none}: whether there is stock is not known."
    past = month is not None
    return " ".join(s for s in (_out(area, what, past=past), _near(area, past=past), _silent(area)) if s)


def _out(area: Area, what: str, *, past: bool) -> str:
    one, many = ("was", "were") if past else ("is", "are")
    if area.out == 0:
        return f"None of {words.counted(area.reporting, 'facility')} that report {one} out of {what}."
    said = (
        f"{words.of(area.out, area.reporting, 'facility')} that report {one if area.out == 1 else many} out of {what}"
    )
    if area.children_out == 0:
        return f"{said}."
    depend = "depends" if area.children_out == 1 else "depend"
    return (
        f"{said}; {words.counted(area.children_out, 'child')} a year {depend} on {'it' if area.out == 1 else 'them'}."
    )


def _near(area: Area, *, past: bool) -> str:
    more = area.at_risk - area.out
    if more <= 0:
        return ""
    return f"{words.number(more)} more {'could then' if past else 'may'} run out before the next delivery."


def _silent(area: Area) -> str:
    silent = area.handling - area.reporting
    return f"{words.of(silent, area.handling, 'facility')} did not report." if silent > 0 else ""


def _spread(children: Sequence[Area], noun: str, product_name: str | None) -> str:
    hit = sum(1 for c in children if c.out)
    return f"{words.of(hit, len(children), noun)} have a facility out of {product_name or 'at least one vaccine'}."


def _who(level_name: str, population: int | None, notice: str | None) -> html.P:
    said: list[Node] = [words.opening(level_name)]
    if population:
        said.append(f" · about {words.short(population)} people")
    if notice is not None:
        said += [" ", parts.simulated(notice)]
    return html.P(said, className="note")


def _worst(worst: Sequence[Worst], product_name: str | None, now: datetime, month: date | None) -> list[Node]:
    heading = html.H2("Worst facilities")
    if not worst:
        what = product_name or "any vaccine"
        return [heading, parts.empty(f"No facility here {'was' if month else 'is'} out of {what} or close to it.")]
    heads = [("Facility", False), ("State", False), ("Days of cover", True)]
    rows = [_worst_row(w, now, several=product_name is None) for w in worst]
    return [heading, parts.table(heads, rows, "Worst facilities, the worst first")]


def _worst_row(w: Worst, now: datetime, *, several: bool) -> html.Tr:
    about = " ".join(s for s in (w.product_name if several else "", words.lasting(w.since, now)) if s)
    return parts.row(
        [
            parts.cell(parts.link(w.name, facility=w.code), w.area_name, number=False),
            parts.cell(parts.badge(w.state), about, number=False),
            parts.cell(words.cover(w.cover_p10, w.cover_p50, w.cover_p90), parts.chance(w.probability)),
        ],
        href=f"?facility={w.code}",
    )


def _children(children: Sequence[Area], noun: str, product_name: str | None) -> list[Node]:
    if not children:
        return []
    heads = [(words.opening(noun), False), ("Children at risk", True), ("Out", True), ("Reporting", True)]
    rows = [
        parts.row(
            [
                parts.cell(parts.link(c.name, area=c.code), number=False),
                parts.cell(_share(c.children_at_risk, c.children), sort=_sort(c.children_at_risk, c.children)),
                parts.cell(words.number(c.out), sort=c.out),
                parts.cell(
                    f"{words.number(c.reporting)} of {words.number(c.handling)}", sort=_sort(c.reporting, c.handling)
                ),
            ],
            href=f"?area={c.code}",
        )
        for c in by_risk(children)
    ]
    caption = f"{words.opening(words.plural(noun, None))} by the share of children at risk"
    return [html.H2(words.opening(words.plural(noun, None))), parts.table(heads, rows, caption, sortable=True)]


def by_risk(children: Sequence[Area]) -> list[Area]:
    """The areas with the highest share of children at risk first; those that nobody reports from last."""
    return sorted(children, key=lambda c: (-_rate(c.children_at_risk, c.children), -c.out, c.name))


def _rate(part: int, whole: int) -> float:
    """A share for sorting; what has no denominator comes last."""
    return part / whole if whole else -1.0


def _share(part: int, whole: int) -> Node:
    return parts.chance(part / whole) if whole else html.Span("no data", className="muted")


def _sort(part: int, whole: int) -> float | str:
    """The same for the browser, which puts what is empty last whichever way it sorts."""
    return part / whole if whole else ""
