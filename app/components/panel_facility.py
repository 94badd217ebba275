"""What does one facility's panel say? Stock by vaccine, and everything about the one that was chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from dash import html

from app.components import chart, panel_product, parts, words
from app.components.panel_product import Chosen
from app.components.parts import Head, Node
from app.lens import PLAIN
from data.insight import formula
from data.lens import Lens
from data.stock import Facility, Position
from data.types import AT_RISK, WORST_FIRST, State
from geo.network import Store

_COLUMNS = (
    Head("Vaccine"),
    Head(
        "Usable, used", True, "usable is what is held, less what has expired, is past VVM stage 2 or is in quarantine;"
        " used is the average monthly use: choose a vaccine to see how it came about",
    ),
    Head(
        "Lasts", True, "days by which the last dose is gone in the middle of what may happen, and in 8 of 10 futures;"
        " at even use it is usable / (average monthly use / 30.44)",
    ),
    Head("Runs out", True, "the chance that demand takes the last dose before the next expected delivery arrives"),
)  # fmt: skip
_PAST_COLUMNS = (("Vaccine", False), ("Balance", True), ("Runs out", True))


def choose(positions: Sequence[Position], code: str | None) -> Position | None:
    """The position of the vaccine asked for, or else the worst one here."""
    asked = next((p for p in positions if p.code == code), None)
    return asked or min(
        positions, key=lambda p: (WORST_FIRST.index(p.state), -(p.probability or 0), p.seat), default=None
    )


def render(
    now: datetime,
    facility: Facility,
    positions: Sequence[Position],
    chosen: Chosen | None,
    supply: Sequence[Store],
    held: Mapping[int, int],
    level_names: Sequence[str],
    *,
    month: date | None = None,
    then: str | None = None,
    notice: str | None = None,
    theme: chart.Theme = "light",
    count_href: str | None = None,
    order_href: str | None = None,
    lens: Lens = PLAIN,
) -> html.Div:
    """The whole panel.

    `supply` is the chain above the facility and `held` what its stores may use of the chosen product, by their id;
    `notice` is what a simulated programme says about itself, None where data is real; `then` is a sentence of the day
    that is shown, which is one of `month`; `count_href` is where its stock is counted and `order_href` where it is
    ordered, None where that cannot be; the positions are as they are seen through `lens`.
    """
    marks: parts.Attributes = {"data-facility": facility.code}
    return html.Div(
        [
            parts.crumbs([(a.code, a.name, a.level) for a in facility.lineage], facility.name),
            html.H1(facility.name),
            _who(facility, level_names, now, month, notice),
            *([] if month is None else [parts.past(month, then)]),
            *parts.seen_through(lens),
            html.P(finding(facility, positions, now, month), className="lead"),
            *_deeds(chosen, [("Count the stock", count_href), ("Order stock", order_href)]),
            *_stock(positions, chosen, now, month, lens),
            *(panel_product.render(chosen, now, month, theme, lens) if chosen else []),
            *_supply(supply, held, chosen, facility, level_names),
        ],
        **marks,
    )


def finding(facility: Facility, positions: Sequence[Position], now: datetime, month: date | None = None) -> str:
    """What is so at this facility, in one sentence."""
    if not positions:
        return "No stock has been reported here."
    if month is None and all(p.state == State.NO_REPORT for p in positions):
        return (
            f"Last report {words.ago(facility.last_event_at, now)}; one is expected every"
            f" {words.counted(facility.report_interval_days, 'day')}. What is there now is not known."
        )
    out = [p for p in positions if p.state == State.STOCKOUT]
    near = [p for p in positions if p.state in AT_RISK and p not in out]
    if out:
        first = min(out, key=lambda p: p.out_since or now)
        since = f" {words.lasting(first.out_since, now)}" if first.out_since else ""
        return f"Out of {_names(out)}{',' if since and len(out) > 1 else ''}{since}." + (
            f" {_names(near)} may run out before the next delivery." if near else ""
        )
    if near:
        return f"{_names(near)} may run out before the next delivery."
    low = [p for p in positions if p.state == State.LOW]
    if low:
        return f"{_names(low)} {'is' if len(low) == 1 else 'are'} below the minimum."
    over = [p for p in positions if p.state == State.OVERSTOCK]
    much = f"; there is more than needed of {_names(over)}" if over else ""
    return f"No vaccine is at risk here{much}."


def _deeds(chosen: Chosen | None, named: Sequence[tuple[str, str | None]]) -> list[Node]:
    """What may be done here, first of all: nobody who records every day should have to scroll for it."""
    made: list[Node] = []
    if chosen and chosen.record:
        made.append(html.A("Record", className="button primary", href=chosen.record))
    made += [html.A(name, className="button", href=href) for name, href in named if href]
    return [html.P(made, className="downloads")] if made else []


def _names(positions: Sequence[Position]) -> str:
    names = [p.name for p in positions]
    if len(names) > 4:
        return f"{', '.join(names[:3])} and {len(names) - 3} more"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _who(
    facility: Facility, level_names: Sequence[str], now: datetime, month: date | None, notice: str | None
) -> html.P:
    said: list[Node] = [html.Span(words.tier(facility.tier, level_names)), " · ", html.Span(facility.code)]
    if not facility.open:
        said += [" · ", "closed"]
    if month is None:
        said += [" · last report ", parts.moment(facility.last_event_at, now)]
    if "no-coordinates" in facility.flags:
        said += [" · no coordinates, so it is not on the map"]
    if notice is not None:
        said += [" ", parts.simulated(notice)]
    return html.P(said, className="note")


def _stock(
    positions: Sequence[Position], chosen: Chosen | None, now: datetime, month: date | None, lens: Lens
) -> list[Node]:
    if not positions:
        return [parts.empty("Nothing was reported for this month." if month else "No product is handled here yet.")]
    picked = chosen.position.code if chosen else None
    if month is not None:
        rows = [_past_row(p, selected=p.code == picked) for p in positions]
        return [html.H2("Stock by vaccine"), parts.table(_PAST_COLUMNS, rows, "Stock by vaccine", sortable=True)]
    rows = [_stock_row(p, now, lens, selected=p.code == picked) for p in positions]
    heads: tuple[Head, ...] = _COLUMNS
    if lens.horizon is not None:
        until = words.within(lens.horizon)
        heads = (*_COLUMNS[:-1], Head(f"Out {until}", True, f"the chance that nothing is left on some day {until}"))
    return [html.H2("Stock by vaccine"), parts.table(heads, rows, "Stock by vaccine", sortable=True)]


def _stock_row(p: Position, now: datetime, lens: Lens, *, selected: bool) -> html.Tr:
    """Two lines a cell, so that four columns fit a phone: usable and use, cover and range, chance and delivery."""
    silent = p.state == State.NO_REPORT
    delivery = "" if silent or p.next_delivery_on is None else _until(p.next_delivery_on, now.date(), lens)
    use = "" if p.amc is None else f"{words.number(p.amc)} a month"
    return parts.row(
        [
            _vaccine(p),
            parts.cell(
                words.amount(p.usable, p.unit),
                "when last reported" if silent else use,
                sort="" if p.usable is None else p.usable,
                worked=_held(p),
            ),
            parts.cell(
                words.cover(None, p.cover_p50, None),
                words.span(p.cover_p10, p.cover_p90),
                sort="" if p.cover_p50 is None else p.cover_p50,
                worked=_even(p),
            ),
            parts.cell(
                words.percent(p.probability),
                delivery,
                sort="" if p.probability is None else p.probability,
                worked=_against(p),
            ),
        ],
        href=parts.query(vaccine=p.code),
        selected=selected,
    )


def _held(p: Position) -> str:
    if p.total is None or p.usable is None:
        return ""
    return f"{words.number(p.total)} held - {words.number(p.total - p.usable)} not usable"


def _even(p: Position) -> str:
    even = None if p.usable is None else formula.cover(p.usable, p.amc, unit=words.plural(p.unit, None))
    return "" if even is None or even.value is None else f"at even use {formula.amount(round(even.value, 1), 'days')}"


def _against(p: Position) -> str:
    if p.probability is None or p.usable is None or not p.amc:
        return ""
    if p.state == State.STOCKOUT:
        return "out already"
    return f"P(demand until then ≥ {words.number(p.usable)}), at {words.number(p.amc)} a month"


def _until(delivery: date, today: date, lens: Lens) -> str:
    """What stands under a chance of running out: `before 2 Dec`, the day of the delivery, or how late that is."""
    if lens.horizon is None and delivery > today:
        return f"before {words.day(delivery, today)}"
    return f"delivery {words.due(delivery, today)}"


def _past_row(p: Position, *, selected: bool) -> html.Tr:
    return parts.row(
        [
            _vaccine(p),
            parts.cell(
                words.amount(p.usable, p.unit), panel_product.vials_of(p), sort="" if p.usable is None else p.usable
            ),
            parts.cell(words.percent(p.probability), sort="" if p.probability is None else p.probability),
        ],
        href=parts.query(vaccine=p.code),
        selected=selected,
    )


def _vaccine(p: Position) -> html.Td:
    name = parts.link(p.name, vaccine=p.code)
    return parts.cell(name, parts.badge(p.state), sort=WORST_FIRST.index(p.state), number=False)


def _supply(
    supply: Sequence[Store],
    held: Mapping[int, int],
    chosen: Chosen | None,
    facility: Facility,
    level_names: Sequence[str],
) -> list[Node]:
    if not supply:
        return [html.H2("Supplied by"), html.P("No supplier is known.", className="note")]
    steps = [
        html.Li(_step(s, "further" if place else "away", held.get(s.id), chosen, level_names))
        for place, s in enumerate(supply)
    ]
    every, way = (words.counted(d, "day") for d in (facility.delivery_interval_days, facility.lead_time_days))
    often = f"A delivery every {every}; {way} from order to arrival."
    return [html.H2("Supplied by"), html.Ul(steps, className="list"), html.P(often, className="note")]


def _step(s: Store, how: str, held: int | None, chosen: Chosen | None, level_names: Sequence[str]) -> html.A:
    """A store of the chain; its distance is from the place that it supplies."""
    km = words.distance(s.km) if s.km is None else f"{words.distance(s.km)} {how}"
    said = [words.tier(s.tier, level_names), km]
    if chosen is not None and held is not None:
        said.append(f"holds {words.amount(held, chosen.position.unit)} of {chosen.position.name}")
    return parts.link([html.Span(s.name), html.Small(" · ".join(said), className="below")], facility=s.code)
