"""Which formulas stand beside a place's numbers? Each definition with this place's own figures put in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from app import lens as lenses
from app.components import words
from data.bincard import Card
from data.insight import ahead, demand, formula, formula_ahead
from data.insight.formula import Figure, Formula
from data.lens import Lens
from data.missed import Missed
from data.programmes import Programme
from data.stock import Facility, Month, Position
from data.types import State
from data.why import Counted
from geo.areas import Numbers, Status

#: Days ahead for which doses short and children missed are told.
_MONTH = 30


def position(
    programme: Programme,
    facility: Facility,
    seen: Position,
    months: Sequence[Month],
    lens: Lens,
    today: date,
    *,
    need: Formula,
    doses_per_child: float | None,
    counted: Counted | None = None,
) -> dict[str, Formula]:
    """The formulas of one position by the number that they stand beside; `seen` is as the lens shows it.

    `need` is the formula of the demand in force, `counted` what the count model alone says of it, where something was
    learnt.
    """
    unit = words.plural(seen.unit, None)
    full = [m for m in months if m.month < today.replace(day=1)][-demand.WINDOW :]
    said = {"amc": need} | _levels(programme, facility, seen, lens, unit)
    if seen.usable is not None and seen.total is not None:
        said["usable"] = formula_ahead.usable(seen.total, seen.usable, unit=unit)
        said["not_usable"] = formula_ahead.not_usable(seen.total, seen.usable, unit=unit)
    if seen.usable is not None:
        said["cover"] = formula.cover(seen.usable, seen.amc, unit=unit)
        said["mos"] = formula.mos(seen.usable, seen.amc, unit=unit)
        said["probability"] = _probability(programme, seen, lens, unit, today, counted)
        said |= _ahead(programme, facility, seen, unit, today)
    if any(m.days_out is not None for m in full):
        said["days_out"] = formula.days_out([(0.0, float(m.days_out)) for m in full if m.days_out])
    if seen.missed is not None and seen.short is not None and doses_per_child:
        said["missed"] = _missed(seen.short, doses_per_child, unit)
    if seen.next_delivery_on is not None:
        said["delivery"] = formula_ahead.delivery(
            seen.next_delivery_on, facility.delivery_interval_days, coming=seen.coming, unit=unit
        )
    if seen.out_since is not None:
        since = seen.out_since.astimezone(ZoneInfo(programme.timezone)).date()
        said["out_since"] = formula_ahead.lasting(since, today)
    return said


def _levels(programme: Programme, facility: Facility, seen: Position, lens: Lens, unit: str) -> dict[str, Formula]:
    preset = lens.preset or lenses.preset_of(programme.preset, facility, seen)
    times = (facility.lead_time_days, facility.delivery_interval_days)
    return {
        name: getattr(formula, name)(preset, seen.amc, *times, unit=unit)
        for name in ("minimum", "maximum", "reorder", "critical")
    }


def _ahead(programme: Programme, facility: Facility, seen: Position, unit: str, today: date) -> dict[str, Formula]:
    """What lies ahead: how long it lasts, the chance by horizon, doses short."""
    own = lenses.preset_of(programme.preset, facility, seen)
    full = formula.maximum(own, seen.amc, facility.lead_time_days, facility.delivery_interval_days, unit=unit)
    first = (seen.coming_on if seen.coming else None) or seen.next_delivery_on
    at: dict[str, Any] = {
        "usable": seen.usable, "amc": seen.amc, "due": None if first is None else (first - today).days,
        "fill_to": full.value, "coming": seen.coming, "unit": unit,
    }  # fmt: skip
    said = {}
    if seen.cover_p10 is not None and seen.cover_p50 is not None and seen.cover_p90 is not None:
        said["lasts"] = formula_ahead.lasts(
            seen.cover_p10, seen.cover_p50, seen.cover_p90, usable=seen.usable or 0, amc=seen.amc,
            dispersion=seen.dispersion, uncertainty=seen.uncertainty, unit=unit,
        )  # fmt: skip
    if seen.within is not None:
        said["within"] = formula_ahead.within(seen.within, ahead.HORIZONS, **at)
    if seen.short is not None:
        said["short"] = formula_ahead.short(seen.short, days=_MONTH, **at)
    return said


def _probability(
    programme: Programme, seen: Position, lens: Lens, unit: str, today: date, counted: Counted | None
) -> Formula:
    days: float | None = lens.horizon
    until = "the next expected delivery arrives"
    if lens.horizon is not None:
        until = f"{words.counted(lens.horizon, 'day')} have passed"
    elif seen.next_delivery_on is not None and seen.next_delivery_on >= today:
        days = (seen.next_delivery_on - today).days
    alone = seen.probability
    if counted is not None:
        alone = counted.probability if lens.horizon is None else counted.within[ahead.HORIZONS.index(lens.horizon)]
    told = formula.probability(
        alone, usable=seen.usable or 0, amc=seen.amc, dispersion=seen.dispersion,
        uncertainty=seen.uncertainty, days=days, unit=unit, until=until,
    )  # fmt: skip
    if counted is None or alone is None or seen.learned_shift is None or seen.state == State.STOCKOUT:
        return told
    return formula.learnt(
        told, seen.probability, counted=alone, month=counted.within[ahead.MONTH], by=seen.learned_shift,
        weight=counted.weight, model=programme.model or "",
    )  # fmt: skip


def _missed(short: float, doses_per_child: float, unit: str) -> Formula:
    worked = f"{formula.amount(round(short), unit)} short / {formula.amount(doses_per_child, unit)} a child"
    return Formula(
        "Children who may be missed",
        f"doses that will be asked for in the next {_MONTH} days and not be there / doses for a child",
        "docs/risk.md",
        (Figure("doses short", short, unit), Figure("doses for a child", doses_per_child, unit)),
        worked,
        float(round(short / doses_per_child)),
        "children",
    )


#: What the shares of areas are, in words: with each area's figures they stand in tables, and in its own panel.
RISK = (
    "children a year whose facility is out of stock, or will be before the next delivery / children of facilities that"
    " report and are active"
)
OUT = "facilities without usable stock now / facilities that handle it and report"
REPORTING = "facilities that reported within their interval and its grace / facilities that handle it"


def area(own: Status, lens: Lens) -> dict[str, Formula]:
    """The formulas of an area's shares, as they are seen through a lens."""
    risk = RISK
    if lens.horizon is not None:
        until = words.within(lens.horizon)
        risk = (
            f"children a year of each facility x its chance of running out {until}, summed / children of facilities"
            " that report and are active"
        )
    return {
        "risk": formula.kpi(
            "Children at risk", risk, own.children_at_risk, own.children, numerator_name="children at risk",
            denominator_name="children of facilities that report", source="docs/risk.md",
        ),
        "out": formula.kpi(
            "Out of stock", OUT, own.out, own.reporting, numerator_name="facilities out",
            denominator_name="facilities that report",
        ),
        "reporting": formula.kpi(
            "Reporting", REPORTING, own.reporting, own.handling, numerator_name="facilities that report",
            denominator_name="facilities that handle it",
        ),
    }  # fmt: skip


def missed(p: Missed) -> Formula:
    """The children who may be missed at a place of the list of the next 30 days."""
    return _missed(p.short, p.short / p.missed, words.plural(p.unit, None))


def shortfall(p: Missed, maximum: float | None, today: date) -> dict[str, Formula]:
    """The formulas of a place of that list, by the number that they stand beside; deliveries fill up to `maximum`."""
    unit = words.plural(p.unit, None)
    first = (p.coming_on if p.coming else None) or p.next_delivery_on
    at: dict[str, Any] = {
        "usable": p.usable, "amc": p.amc, "due": None if first is None else (first - today).days, "fill_to": maximum,
        "coming": p.coming, "unit": unit,
    }  # fmt: skip
    said = {"missed": missed(p), "short": formula_ahead.short(p.short, days=_MONTH, **at)}
    if p.within_30 is not None:
        said["within"] = replace(formula_ahead.within([p.within_30], [_MONTH], **at), value=p.within_30)
    if p.cover_p10 is not None and p.cover_p50 is not None and p.cover_p90 is not None:
        said["lasts"] = formula_ahead.lasts(
            p.cover_p10, p.cover_p50, p.cover_p90, usable=p.usable, amc=p.amc, dispersion=None, uncertainty=None,
            unit=unit,
        )  # fmt: skip
    return said


def runs_out(p: Missed) -> str:
    """What the day of the last dose and the chance are worked out from, in one line."""
    use = "" if not p.amc else f", at {words.number(p.amc)} a month"
    return f"{words.amount(p.usable, p.unit)} usable{use}"


def strip(numbers: Numbers) -> dict[str, Formula]:
    """The formulas of the numbers over the map, by their names."""
    return {
        "out": formula.kpi(
            "Out of stock", OUT, numbers.out, numbers.reporting, numerator_name="facilities out",
            denominator_name="facilities that report",
        ),
        "risk": formula.kpi(
            "At risk", "facilities that are out, or whose cover is shorter than the time to the next delivery"
            " / facilities that handle it and report", numbers.at_risk, numbers.reporting,
            numerator_name="facilities at risk", denominator_name="facilities that report", source="docs/risk.md",
        ),
        "reporting": formula.kpi(
            "Reporting", REPORTING, numbers.reporting, numbers.handling, numerator_name="facilities that report",
            denominator_name="facilities that handle it",
        ),
    }  # fmt: skip


def card(shown: Card, unit: str) -> dict[str, Formula]:
    """The formulas of a bin card's sums."""
    many = words.plural(unit, None)
    parts = (("received", shown.received), ("issued", -shown.issued), ("adjusted", shown.adjusted))
    figures = tuple(Figure(name, value, many) for name, value in (("opening", shown.opening), *parts))
    spells = [(0.0, float(spell.days)) for spell in shown.spells]
    return {
        "closing": Formula(
            "Balance", "opening + received - issued + adjusted", "the record", figures,
            f"{words.number(shown.opening)} + {words.number(shown.received)} - {words.number(shown.issued)}"
            f" + {words.signed(shown.adjusted) if shown.adjusted < 0 else words.number(shown.adjusted)}",
            float(shown.closing), many,
        ),
        "days_out": formula.days_out(spells),
        "usable": formula_ahead.usable(shown.total, shown.usable, unit=many),
        "available": Formula(
            "Available", "usable - reserved for orders", "the record",
            (Figure("usable", shown.usable, many), Figure("reserved", shown.reserved, many)),
            f"{formula.amount(shown.usable, many)} - {formula.amount(shown.reserved, many)}",
            float(shown.usable - shown.reserved), many,
        ),
    }  # fmt: skip
