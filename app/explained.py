"""Which formulas stand beside a place's numbers? Each definition with this place's own figures put in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from app import lens as lenses
from app.components import words
from data.insight import ahead, demand, formula
from data.insight.formula import Figure, Formula
from data.lens import Lens
from data.programmes import Programme
from data.stock import Facility, Month, Position
from data.types import State
from data.why import Counted
from geo.areas import Status

#: A stored number and its formula are the same within this share: what is stored is rounded to single precision.
_SAME = 0.005

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
    doses_per_child: float | None,
    counted: Counted | None = None,
) -> dict[str, Formula]:
    """The formulas of one position by the number that they stand beside; `seen` is as the lens shows it.

    `counted` is what the count model alone says of it, where something was learnt.
    """
    unit = words.plural(seen.unit, None)
    full = [m for m in months if m.month < today.replace(day=1)][-demand.WINDOW :]
    said = {"amc": _amc(seen, full, unit)}
    if seen.usable is not None:
        said["cover"] = _cover(seen, formula.cover(seen.usable, seen.amc, unit=unit))
        said["mos"] = formula.mos(seen.usable, seen.amc, unit=unit)
        said["probability"] = _probability(programme, seen, lens, unit, today, counted)
    preset = lens.preset or lenses.preset_of(programme.preset, facility, seen)
    for name in ("minimum", "maximum", "reorder"):
        level = getattr(formula, name)
        said[name] = level(preset, seen.amc, facility.lead_time_days, facility.delivery_interval_days, unit=unit)
    if any(m.days_out is not None for m in full):
        said["days_out"] = formula.days_out([(0.0, float(m.days_out)) for m in full if m.days_out])
    if seen.missed is not None and seen.short is not None and doses_per_child:
        said["missed"] = _missed(seen.short, doses_per_child, unit)
    return said


def _amc(seen: Position, full: Sequence[Month], unit: str) -> Formula:
    own = formula.amc(
        [m.used for m in full], [m.days_out for m in full], [float(_days(m.month)) for m in full], unit=unit
    )  # fmt: skip
    if seen.amc is None or own.value is None:
        note = "it is taken from what like places need" if seen.amc else own.note
        return replace(own, worked="", value=seen.amc, note=note)
    if abs(own.value - seen.amc) <= _SAME * max(own.value, seen.amc):
        return own
    alone = f"the months reported here give {own.worked} = {formula.amount(own.value, own.unit)}"
    note = f"{alone}; in force is {formula.amount(round(seen.amc, 1), own.unit)}, drawn towards what like places need"
    return replace(own, worked="", value=seen.amc, note=note)


def _cover(seen: Position, even: Formula) -> Formula:
    note = (
        "shown are the days by which the last dose is gone in the middle of what may happen, and in brackets in 10 %"
        " and 90 % of it, from how use varies here and what expires; at even use it is the figure above"
    )
    return even if seen.cover_p50 is None else replace(even, note=note)


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


def area(own: Status, lens: Lens) -> dict[str, Formula]:
    """The formulas of an area's shares, as they are seen through a lens."""
    risk = "children a year whose facility is out of stock, or will be before the next delivery"
    if lens.horizon is not None:
        risk = f"children a year of each facility x its chance of running out {words.within(lens.horizon)}, summed"
    return {
        "risk": formula.kpi(
            "Children at risk", f"{risk} / children of facilities that report and are active",
            own.children_at_risk, own.children, numerator_name="children at risk",
            denominator_name="children of facilities that report", source="docs/risk.md",
        ),
        "out": formula.kpi(
            "Out of stock", "facilities without usable stock now / facilities that handle it and report",
            own.out, own.reporting, numerator_name="facilities out", denominator_name="facilities that report",
        ),
        "reporting": formula.kpi(
            "Reporting", "facilities that reported within their interval and its grace / facilities that handle it",
            own.reporting, own.handling, numerator_name="facilities that report",
            denominator_name="facilities that handle it",
        ),
    }  # fmt: skip


def _days(month: date) -> int:
    following = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    return (following - month).days
