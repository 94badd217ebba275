"""What does a facility's panel say of the vaccine chosen? Why, the numbers, what is ahead, lots, the history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from dash import dcc, html

from app.components import chart, chart_fan, panel_need, panel_record, parts, words
from app.components.parts import Node
from app.lens import PLAIN
from data.doubts import Flag
from data.forecasts import Reading
from data.insight import ahead
from data.insight import formula as formulas
from data.insight.formula import Formula
from data.lens import Lens
from data.outlook import Outlook
from data.record.shipments import Shipment
from data.stock import Line, LotHeld, Month, Position
from data.types import AT_RISK, State
from geo.network import Neighbour

#: A lot that expires within these days is marked, so that it is used or moved in time.
EXPIRES_SOON_DAYS = 90

#: VVM stages at which vaccine must not be used any more.
_VVM_DISCARD = 3

_LOT_COLUMNS = (("Lot", False), ("Expires", False), ("Doses", True), ("VVM", True))
_AHEAD_COLUMNS = (("By", False), ("Likely left", True), ("8 of 10 futures", True), ("What happens", False))


@dataclass(frozen=True, slots=True)
class Chosen:
    """All about one product here: `band` is (minimum, maximum) in doses, `formulas` what explains which number."""

    position: Position
    reasons: Sequence[str]
    spare: Sequence[Neighbour]
    band: tuple[float, float] | None
    formulas: Mapping[str, Formula]
    lots: Sequence[LotHeld]
    months: Sequence[Month]
    lines: Sequence[Line]
    #: The address of the whole bin card.
    bin_card: str = ""
    #: The address of the form for an event here, for who may record.
    record: str = ""
    #: What of this product is on its way to or from here.
    ways: Sequence[Shipment] = ()
    outlook: Outlook | None = None
    #: The views of need, and the months of it that are doubted, judged at the address.
    need: Reading | None = None
    doubted: Sequence[Flag] = ()
    quality: str = ""
    #: The learned model in force, if there is one.
    model: str | None = None


def _held(p: Position) -> str:
    vials = vials_of(p)
    return f"{words.amount(p.usable, p.unit)} ({vials})" if vials else words.amount(p.usable, p.unit)


def vials_of(p: Position) -> str:
    """What is usable as vials; empty where it is not counted in doses."""
    return "" if p.usable is None or p.unit != "dose" else words.vials(p.usable, p.doses_per_vial)


def render(chosen: Chosen, now: datetime, month: date | None, theme: chart.Theme, lens: Lens = PLAIN) -> list[Node]:
    """All about the chosen product; for a past month only what is known of it."""
    p = chosen.position
    until = month or now.date().replace(day=1)
    mark: parts.Attributes = {"data-product": p.code}
    return [
        html.H2([p.name, " ", parts.badge(p.state)], className="chosen", **mark),
        *_why(chosen),
        *([] if month else [_facts(chosen, now, lens), *_ahead(chosen, theme), *_lots(chosen, now)]),
        *_history(chosen, until, theme),
        *([] if chosen.need is None else panel_need.views(chosen.need)),
        *panel_need.doubts(chosen.doubted, chosen.quality),
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


def _facts(chosen: Chosen, now: datetime, lens: Lens) -> html.Dl:
    p, said = chosen.position, chosen.formulas

    def name(label: str, formula: str) -> Node:
        return parts.explained(label, said.get(formula))

    runs_out = "Chance of running out"
    pairs: list[tuple[Node, Node]] = [
        (name("When last reported" if p.state == State.NO_REPORT else "Usable", "usable"), _held(p)),
        (name("Cover at even use", "cover"), _days(said.get("cover"))),
        (name("Lasts, in 8 of 10 futures", "lasts"), words.cover(p.cover_p10, p.cover_p50, p.cover_p90)),
        (name("Months of stock", "mos"), _months_of_stock(said.get("mos"))),
        (
            name(runs_out if lens.horizon is None else f"{runs_out} {words.within(lens.horizon)}", "probability"),
            parts.chance(p.probability),
        ),
        (name("Average monthly use", "amc"), words.amount(p.amc, p.unit)),
    ]
    if p.state != State.NO_REPORT:
        pairs.append((name("Next delivery", "delivery"), _delivery(p, now)))
    if chosen.band is not None:
        pairs.append((name("Minimum", "minimum"), words.amount(round(chosen.band[0]), p.unit)))
        pairs.append((name("Maximum", "maximum"), words.amount(round(chosen.band[1]), p.unit)))
    if "reorder" in said:
        pairs.append((name("Order at", "reorder"), _level(said["reorder"], p)))
    if "critical" in said:
        pairs.append((name("Critical at", "critical"), _level(said["critical"], p)))
    if p.short is not None and p.short >= 1:
        pairs.append((name("Short in 30 days", "short"), words.amount(round(p.short), p.unit)))
    if p.missed is not None and p.missed >= 1:
        pairs.append((name("Missed in 30 days", "missed"), words.counted(round(p.missed), "child")))
    if "days_out" in said:
        pairs.append((name("Days out, 12 months", "days_out"), _days(said["days_out"])))
    if p.total is not None and p.usable is not None and p.total > p.usable:
        pairs.append((name("Held but not usable", "not_usable"), words.amount(p.total - p.usable, p.unit)))
    if p.out_since is not None and p.state == State.STOCKOUT:
        pairs.append((name("Out of stock", "out_since"), words.lasting(p.out_since, now)))
    return parts.facts(pairs)


def _months_of_stock(formula: Formula | None) -> str:
    if formula is None or formula.value is None:
        return words.UNKNOWN
    return formulas.amount(formula.value, formula.unit)


def _level(formula: Formula, p: Position) -> str:
    return words.UNKNOWN if formula.value is None else words.amount(round(formula.value), p.unit)


def _days(formula: Formula | None) -> str:
    if formula is None or formula.value is None:
        return words.UNKNOWN
    value = round(formula.value, 0 if formula.value >= 10 else 1)
    return words.counted(int(value) if value == int(value) else value, "day")


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


def _ahead(chosen: Chosen, theme: chart.Theme) -> list[Node]:
    """The range of what is left on the days ahead, and the chance of running out by horizon."""
    p, seen = chosen.position, chosen.outlook
    heading = html.H2(f"Stock ahead, {words.plural(p.unit, None)}")
    if seen is None:
        return []
    said = chart_fan.sentence(seen, p.unit)
    if seen.ahead is None:
        return [heading, html.P(said, className="note")]
    marks: parts.Attributes = {"role": "img", "aria-label": said}
    drawn = html.Div(
        dcc.Graph(
            figure=chart_fan.figure(seen, p.unit, chosen.band, theme), config=chart.CONFIG, style={"height": "230px"}
        ),
        className="chart",
        **marks,
    )
    key = (
        "Line: balance. Shaded: eight of ten futures; dashed: what is likely; dotted: if nothing comes."
        " Triangles: deliveries. Crosses: the last day of a lot. Behind: minimum to maximum."
    )
    return [heading, html.P(said), *_chances(chosen), drawn, html.P(key, className="note"), _ahead_table(p, seen)]


def _chances(chosen: Chosen) -> list[Node]:
    p = chosen.position
    if p.within is None:
        return []
    cells = [parts.cell(words.percent(value)) for value in p.within]
    heads = [(words.counted(days, "day"), True) for days in ahead.HORIZONS]
    return [
        parts.explained("Chance of running out within", chosen.formulas.get("within")),
        parts.table(heads, [parts.row(cells)], f"Chance of running out of {p.name}, by days from now"),
        *([] if p.state == State.STOCKOUT else [html.P(_whose(chosen), className="note")]),
    ]


def _whose(chosen: Chosen) -> str:
    """Which model the chances are by."""
    if chosen.model is None:
        return "By the count model: what is there, what is used and what is due."
    if chosen.position.learned_shift is None:
        return (
            f"By the count model alone: the learned model ({chosen.model}) was not asked of this place for this month."
        )
    return f"By the count model, and what this programme's past months taught: the learned model of {chosen.model}."


def _ahead_table(p: Position, seen: Outlook) -> html.Details:
    rows = [
        parts.row(
            [
                parts.cell(words.day(day, seen.today), number=False),
                parts.cell(words.number(middle)),
                parts.cell(words.span(low, high) or words.number(low)),
                parts.cell(happens, number=False),
            ]
        )
        for day, middle, low, high, happens in chart_fan.rows(seen)
    ]
    made = parts.table(_AHEAD_COLUMNS, rows, f"{p.name} ahead, in {words.plural(p.unit, None)}")
    return html.Details([html.Summary("As a table"), made], className="as-table")


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
