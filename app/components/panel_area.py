"""What does the panel of a nation, a state or an LGA say? What is so, which parts are worst, which facilities."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from dash import html

from app import explained, shortfall
from app.components import parts, words
from app.components.parts import Head, Node
from app.lens import PLAIN
from data.lens import Lens
from data.missed import Missed
from data.types import State
from geo.areas import Area, Status, Worst
from geo.reach import Part


def render(
    now: datetime,
    area: Area,
    own: Status,
    below: Sequence[Status],
    worst: Sequence[Worst],
    level_names: Sequence[str],
    *,
    product_name: str | None = None,
    month: date | None = None,
    then: str | None = None,
    notice: str | None = None,
    lens: Lens = PLAIN,
    ahead: Sequence[Missed] | None = None,
    ahead_href: str = "",
    part: Part | None = None,
) -> html.Div:
    """The whole panel; `product_name` is None for the worst of all, `notice` is None where data is real.

    `then` is a sentence of the day that is shown, which is one of `month`; `ahead` are the places where most children
    would be missed in the next 30 days, None for the past, and `ahead_href` leads to all of them. The numbers are as
    they are seen through `lens`; `part` says how much of the area the reader sees, where that is not all of it.
    """
    noun = words.inline(level_names[area.level + 1]) if area.level + 1 < len(level_names) else "area"
    return html.Div(
        [
            *([parts.crumbs(area.way)] if area.level else []),
            html.H1(area.name),
            _who(area, level_names, notice),
            *([] if month is None else [parts.past(month, then)]),
            *parts.seen_through(lens),
            *([] if part is None else [html.P(yours(part), className="note part")]),
            html.P(finding(own, product_name, month), className="lead"),
            *([html.P(_spread(below, noun, product_name), className="note")] if below else []),
            *_shares(own, lens),
            *_worst(worst, product_name, now, month),
            *_ahead(ahead, ahead_href, product_name is None, now.date()),
            *_children(below, noun),
        ]
    )


def yours(part: Part) -> str:
    """How much of an area the reader sees."""
    of = words.counted(part.of, "facility")
    return f"Your part of it: {words.number(part.own)} of {of}. The numbers below are of these only."


def finding(area: Status, product_name: str | None, month: date | None = None) -> str:
    """What is so in this area, in sentences that say their denominators."""
    what = product_name or "at least one vaccine"
    if area.handling == 0:
        return f"No facility here handles {product_name or 'any vaccine'}."
    if area.reporting == 0:
        none = f"None of {words.counted(area.handling, 'facility')} has reported {what}"
        return f"{none}: whether there is stock is not known."
    past = month is not None
    return " ".join(s for s in (_out(area, what, past=past), _near(area, past=past), _silent(area)) if s)


def _out(area: Status, what: str, *, past: bool) -> str:
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


def _near(area: Status, *, past: bool) -> str:
    more = area.at_risk - area.out
    if more <= 0:
        return ""
    further = " more" if area.out else ""
    return f"{words.number(more)}{further} {'could then' if past else 'may'} run out before the next delivery."


def _silent(area: Status) -> str:
    silent = area.handling - area.reporting
    return f"{words.of(silent, area.handling, 'facility')} did not report." if silent > 0 else ""


def _spread(below: Sequence[Status], noun: str, product_name: str | None) -> str:
    hit = sum(1 for area in below if area.out)
    verb = "has" if hit == 1 else "have"
    return f"{words.of(hit, len(below), noun)} {verb} a facility out of {product_name or 'at least one vaccine'}."


def _who(area: Area, level_names: Sequence[str], notice: str | None) -> html.P:
    said: list[Node] = [words.opening(level_names[area.level]) if area.level < len(level_names) else "Area"]
    if area.population:
        said.append(f" · about {words.short(area.population)} people")
    if notice is not None:
        said += [" ", parts.simulated(notice)]
    return html.P(said, className="note")


def _shares(own: Status, lens: Lens) -> list[Node]:
    """The three shares that colour the map, each with its formula and this area's figures."""
    if own.handling == 0:
        return []
    said = explained.area(own, lens)
    reporting = "no data" if own.reporting_share > 100 else f"{own.reporting_share} %"
    pairs: list[tuple[Node, Node]] = [
        (parts.explained("Children at risk", said["risk"]), parts.share(own.risk_share)),
        (parts.explained("Out of stock", said["out"]), words.of(own.out, own.reporting, "facility")),
        (parts.explained("Reporting", said["reporting"]), reporting),
    ]
    return [parts.facts(pairs)]


def _ahead(ahead: Sequence[Missed] | None, href: str, several: bool, today: date) -> list[Node]:
    """Where most children may be missed in the next 30 days: the first few places, and the way to all of them."""
    if ahead is None:
        return []
    heading = html.H2("Next 30 days")
    if not ahead:
        return [heading, html.P("No place here is expected to be short.", className="note")]
    heads = [
        Head("Place"),
        Head("Missed", True, "doses that will be asked for in the next 30 days and not be there / doses for a child"),
        Head("Last dose used", True, "the day by which demand has taken the last dose in the middle of what may happen,"
             " if nothing arrives; below it the chance of running out within 30 days, deliveries included"),
    ]  # fmt: skip
    rows = [_ahead_row(p, several, today) for p in ahead]
    return [
        heading,
        parts.table(heads, rows, "Places where most children may be missed in the next 30 days"),
        html.P(html.A("All places, and who can help", href=href, className="button")),
    ]


def _ahead_row(p: Missed, several: bool, today: date) -> html.Tr:
    about = f"{p.product_name} · {p.area_name}" if several else p.area_name
    return parts.row(
        [
            parts.cell(parts.link(p.facility_name, facility=p.facility, vaccine=p.product), about, number=False),
            parts.cell(
                words.number(p.missed),
                words.plural("child", round(p.missed)),
                sort=p.missed,
                worked=explained.missed(p).worked,
            ),
            parts.cell(shortfall.runs_out(p, today), parts.chance(p.within_30), worked=explained.runs_out(p)),
        ],
        href=parts.query(facility=p.facility, vaccine=p.product),
    )


def _worst(worst: Sequence[Worst], product_name: str | None, now: datetime, month: date | None) -> list[Node]:
    heading = html.H2("Worst facilities")
    if not worst:
        what = product_name or "any vaccine"
        return [heading, parts.empty(f"No facility here {'was' if month else 'is'} out of {what}, or low.")]
    lasts = Head("Lasts", True, "days by which the last dose is gone in the middle of what may happen, and in 8 of 10"
                 " futures; below it the chance of running out")  # fmt: skip
    heads = [Head("Facility"), Head("State"), lasts if month is None else Head("Balance", True)]
    rows = [_worst_row(w, now, several=product_name is None, past=month is not None) for w in worst]
    return [heading, parts.table(heads, rows, "Worst facilities, the worst first")]


def _worst_row(w: Worst, now: datetime, *, several: bool, past: bool) -> html.Tr:
    about = " ".join(s for s in (w.product_name if several else "", words.lasting(w.since, now)) if s)
    lasts = words.number(w.usable) if past else words.cover(w.cover_p10, w.cover_p50, w.cover_p90)
    chance = None if past and w.probability is None else parts.chance(w.probability)
    return parts.row(
        [
            parts.cell(parts.link(w.name, facility=w.code), w.area_name, number=False),
            parts.cell(parts.badge(w.state), about, number=False),
            parts.cell(lasts, chance, worked="" if past else _against(w)),
        ],
        href=parts.query(facility=w.code),
    )


def _against(w: Worst) -> str:
    if w.probability is None or w.usable is None:
        return ""
    if w.state == State.STOCKOUT:
        return "out already"
    return f"P(demand until then ≥ {words.number(w.usable)} usable)"


def _children(below: Sequence[Status], noun: str) -> list[Node]:
    if not below:
        return []
    heads = [
        Head(words.opening(noun)),
        Head("Children at risk", True, explained.RISK), Head("Out", True, explained.OUT),
        Head("Reporting", True, explained.REPORTING),
    ]  # fmt: skip
    rows = [
        parts.row(
            [
                parts.cell(parts.link(a.name, area=a.code), number=False),
                parts.cell(parts.share(a.risk_share), sort=_sort(a.risk_share), worked=_risk(a)),
                parts.cell(words.number(a.out), sort=a.out, worked=_part(a.out, a.reporting)),
                parts.cell(
                    f"{words.number(a.reporting)} of {words.number(a.handling)}",
                    sort=_sort(a.reporting_share),
                    worked="" if a.reporting_share > 100 else f"{a.reporting_share} %",
                ),
            ],
            href=parts.query(area=a.code),
        )
        for a in below
    ]
    every = words.opening(words.plural(noun, None))
    return [html.H2(every), parts.table(heads, rows, f"{every}, by the share of children at risk", sortable=True)]


def _part(part: int, whole: int) -> str:
    return f"{words.number(part)} / {words.number(whole)}" if whole else ""


def _risk(a: Status) -> str:
    if a.risk_share > 100:
        return ""
    return f"{words.number(a.children_at_risk)} / {words.counted(a.children, 'child')} a year"


def _sort(percent: int) -> int | str:
    """What the browser sorts by; it puts what is empty last, whichever way it sorts."""
    return percent if percent <= 100 else ""
