"""What does one facility's panel say? Stock by vaccine, and everything about the one that was chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from dash import dcc, html

from app.components import chart, panel_record, parts, words
from app.components.parts import Node
from data.record.shipments import Shipment
from data.stock import Facility, Line, LotHeld, Month, Position
from data.types import AT_RISK, WORST_FIRST, State
from geo.network import Neighbour, Store

#: A lot that expires within these days is marked, so that it is used or moved in time.
EXPIRES_SOON_DAYS = 90

#: VVM stages at which vaccine must not be used any more.
_VVM_DISCARD = 3

_COLUMNS = (("Vaccine", False), ("Usable, used", True), ("Cover", True), ("Runs out", True))
_PAST_COLUMNS = (("Vaccine", False), ("Balance", True), ("Runs out", True))
_LOT_COLUMNS = (("Lot", False), ("Expires", False), ("Doses", True), ("VVM", True))


@dataclass(frozen=True, slots=True)
class Chosen:
    """All about one product here: `band` is (minimum, maximum) in doses, `formulas` what explains which number."""

    position: Position
    reasons: Sequence[str]
    spare: Sequence[Neighbour]
    band: tuple[float, float] | None
    formulas: dict[str, str]
    lots: Sequence[LotHeld]
    months: Sequence[Month]
    lines: Sequence[Line]
    #: The address of the whole bin card, and what of this product is on its way to or from here.
    bin_card: str = ""
    record: str = ""
    ways: Sequence[Shipment] = ()


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
) -> html.Div:
    """The whole panel.

    `supply` is the chain above the facility and `held` what its stores may use of the chosen product, by their id;
    `notice` is what a simulated programme says about itself, None where data is real; `then` is a sentence of the day
    that is shown, which is one of `month`; `count_href` is where its stock is counted, None where it cannot be.
    """
    marks: parts.Attributes = {"data-facility": facility.code}
    return html.Div(
        [
            parts.crumbs([(a.code, a.name, a.level) for a in facility.lineage], facility.name),
            html.H1(facility.name),
            _who(facility, level_names, now, month, notice),
            *([] if month is None else [parts.past(month, then)]),
            html.P(finding(facility, positions, now, month), className="lead"),
            *([html.P(html.A("Count the stock", className="button", href=count_href))] if count_href else []),
            *_stock(positions, chosen, now, month),
            *(_product(chosen, now, month, theme) if chosen else []),
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


def _stock(positions: Sequence[Position], chosen: Chosen | None, now: datetime, month: date | None) -> list[Node]:
    if not positions:
        return [parts.empty("Nothing was reported for this month." if month else "No product is handled here yet.")]
    picked = chosen.position.code if chosen else None
    if month is not None:
        rows = [_past_row(p, selected=p.code == picked) for p in positions]
        return [html.H2("Stock by vaccine"), parts.table(_PAST_COLUMNS, rows, "Stock by vaccine", sortable=True)]
    rows = [_stock_row(p, now, selected=p.code == picked) for p in positions]
    return [html.H2("Stock by vaccine"), parts.table(_COLUMNS, rows, "Stock by vaccine", sortable=True)]


def _stock_row(p: Position, now: datetime, *, selected: bool) -> html.Tr:
    """Two lines a cell, so that four columns fit a phone: usable and use, cover and range, chance and delivery."""
    silent = p.state == State.NO_REPORT
    due = "" if silent or p.next_delivery_on is None else words.due(p.next_delivery_on, now.date())
    delivery = f"due {due}" if due and not due.endswith("late") else due
    use = "" if p.amc is None else f"{words.number(p.amc)} a month"
    return parts.row(
        [
            _vaccine(p),
            parts.cell(
                words.amount(p.usable, p.unit),
                "when last reported" if silent else use,
                sort="" if p.usable is None else p.usable,
            ),
            parts.cell(
                words.cover(None, p.cover_p50, None),
                words.span(p.cover_p10, p.cover_p90),
                sort="" if p.cover_p50 is None else p.cover_p50,
            ),
            parts.cell(words.percent(p.probability), delivery, sort="" if p.probability is None else p.probability),
        ],
        href=parts.query(vaccine=p.code),
        selected=selected,
    )


def _past_row(p: Position, *, selected: bool) -> html.Tr:
    return parts.row(
        [
            _vaccine(p),
            parts.cell(words.amount(p.usable, p.unit), _vials(p), sort="" if p.usable is None else p.usable),
            parts.cell(words.percent(p.probability), sort="" if p.probability is None else p.probability),
        ],
        href=parts.query(vaccine=p.code),
        selected=selected,
    )


def _vaccine(p: Position) -> html.Td:
    name = parts.link(p.name, vaccine=p.code)
    return parts.cell(name, parts.badge(p.state), sort=WORST_FIRST.index(p.state), number=False)


def _held(p: Position) -> str:
    vials = _vials(p)
    return f"{words.amount(p.usable, p.unit)} ({vials})" if vials else words.amount(p.usable, p.unit)


def _vials(p: Position) -> str:
    return "" if p.usable is None or p.unit != "dose" else words.vials(p.usable, p.doses_per_vial)


def _product(chosen: Chosen, now: datetime, month: date | None, theme: chart.Theme) -> list[Node]:
    p = chosen.position
    until = month or now.date().replace(day=1)
    mark: parts.Attributes = {"data-product": p.code}
    return [
        html.H2([p.name, " ", parts.badge(p.state)], className="chosen", **mark),
        *_why(chosen),
        *([] if month else [_facts(chosen, now), *_lots(chosen, now)]),
        *_history(chosen, until, theme),
        *([] if month else panel_record.render(p, chosen.lines, chosen.ways, chosen.bin_card, chosen.record, now)),
    ]


def _why(chosen: Chosen) -> list[Node]:
    """Why it is so, and who nearby could help."""
    said: list[Node] = [html.P(r) for r in chosen.reasons]
    for near in chosen.spare:
        offer = f", {words.distance(near.km)} away, can spare {words.amount(near.doses, chosen.position.unit)}."
        said.append(html.P([parts.link(near.name, facility=near.code), offer]))
    tone = "callout warn" if chosen.position.state in AT_RISK else "callout quiet"
    return [html.Div(said, className=tone)] if said else []


def _facts(chosen: Chosen, now: datetime) -> html.Dl:
    p, said = chosen.position, chosen.formulas
    pairs: list[tuple[Node, Node]] = [
        ("When last reported" if p.state == State.NO_REPORT else "Usable", _held(p)),
        (_explained("Cover", said.get("cover")), words.cover(p.cover_p10, p.cover_p50, p.cover_p90)),
        (_explained("Chance of running out", said.get("probability")), parts.chance(p.probability)),
        (_explained("Average monthly use", said.get("amc")), words.amount(p.amc, p.unit)),
    ]
    if p.state != State.NO_REPORT:
        pairs.append(("Next delivery", _delivery(p, now)))
    if chosen.band is not None:
        low, high = (words.number(level) for level in chosen.band)
        pairs.append((_explained("Minimum to maximum", said.get("band")), f"{low} to {high}"))
    if p.total is not None and p.usable is not None and p.total > p.usable:
        pairs.append(("Held but not usable", words.amount(p.total - p.usable, p.unit)))
    if p.out_since is not None and p.state == State.STOCKOUT:
        pairs.append(("Out of stock", words.lasting(p.out_since, now)))
    return parts.facts(pairs)


def _explained(label: str, text: str | None) -> Node:
    return label if text is None else parts.formula(label, text)


def _delivery(p: Position, now: datetime) -> str:
    if p.next_delivery_on is None:
        return words.UNKNOWN
    return f"{words.day(p.next_delivery_on, now.date())} ({words.due(p.next_delivery_on, now.date())})"


def _lots(chosen: Chosen, now: datetime) -> list[Node]:
    if not chosen.lots:
        return [parts.empty(f"No lot of {chosen.position.name} is held here.")]
    rows = [
        parts.row(
            [
                parts.cell(lot.number or "no lot number", number=False),
                parts.cell(_expiry(lot.expiry, now.date()), number=False, sort=str(lot.expiry or "9999")),
                parts.cell(words.number(lot.doses), sort=lot.doses),
                parts.cell(_vvm(lot.vvm_stage), sort=lot.vvm_stage),
            ]
        )
        for lot in chosen.lots
    ]
    return [html.H2("Lots, in order of issue"), parts.table(_LOT_COLUMNS, rows, f"Lots of {chosen.position.name}")]


def _expiry(expiry: date | None, today: date) -> Node:
    if expiry is None:
        return words.UNKNOWN
    said = words.day(expiry, today)
    if expiry < today:
        return [said, " ", html.Span("expired", className="badge state-stockout")]
    if expiry - today <= timedelta(days=EXPIRES_SOON_DAYS):
        return [said, " ", html.Span(f"in {words.counted((expiry - today).days, 'day')}", className="badge state-low")]
    return said


def _vvm(stage: int) -> Node:
    return (
        f"stage {stage}"
        if stage < _VVM_DISCARD
        else html.Span(f"stage {stage}: discard", className="badge state-stockout")
    )


def _history(chosen: Chosen, until: date, theme: chart.Theme) -> list[Node]:
    p = chosen.position
    said = chart.sentence(chosen.months, until, p.unit)
    heading = html.H2(f"Balance and use, {words.plural(p.unit, None)} a month")
    if not chosen.months:
        return [heading, html.P(said, className="note")]
    marks: parts.Attributes = {"role": "img", "aria-label": said}
    drawn = html.Div(
        dcc.Graph(
            figure=chart.figure(chosen.months, until, p.unit, chosen.band, theme),
            config=chart.CONFIG,
            style={"height": "220px"},
        ),
        className="chart",
        **marks,
    )
    key = (
        "Line: balance at the end of the month. Bars: used. Ticks along the top: deliveries. Shaded: days out of stock."
    )
    return [heading, html.P(said), drawn, html.P(key, className="note"), _history_table(chosen)]


def _history_table(chosen: Chosen) -> html.Details:
    heads = [
        ("Month", False),
        ("Received", True),
        ("Used", True),
        ("Lost", True),
        ("Balance", True),
        ("Days out", True),
    ]
    rows = [
        parts.row(
            [
                parts.cell(words.month_short(m.month), sort=str(m.month), number=False),
                *[parts.cell(_reported(v)) for v in (m.received, m.used, m.lost, m.closing, m.days_out)],
            ]
        )
        for m in reversed(chosen.months)
    ]
    caption = f"{chosen.position.name} by month, in {words.plural(chosen.position.unit, None)}"
    return html.Details([html.Summary("As a table"), parts.table(heads, rows, caption)], className="as-table")


def _reported(value: int | None) -> str:
    return "\u2013" if value is None else words.number(value)


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
