"""How did this number come about? A definition, whose it is, and the same with a place's own figures put in.

Each function takes plain numbers of one place, computes with the definition's own function, and returns a `Formula`;
what is shown as computed is therefore what was computed. `words` makes one sentence of it, `data` plain JSON.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from data.insight import consumption, demand, policy, shift
from data.insight.kpi import wastage_factor

TIMES = "x"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure that went into a formula; None is not known. `unit` is a plural, such as doses."""

    name: str
    value: float | None
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Formula:
    """A number, explained.

    `text` is the definition in words and `source` whose it is; `figures` are what went in, in the formula's order;
    `worked` is the definition with these figures in place, up to its equals sign; `value` what came out, None where
    there is nothing to divide by, and then `note` says why. `note` also holds what else a reader has to know.
    """

    name: str
    text: str
    source: str
    figures: tuple[Figure, ...]
    worked: str
    value: float | None
    unit: str
    note: str = ""


def words(formula: Formula) -> str:
    """Put one formula into one line: "AMC = 1,240 doses / 12 months x ... = 107 doses a month (Open mSupply)"."""
    result = amount(formula.value, formula.unit) if formula.value is not None else formula.note or "not known"
    worked = f" = {formula.worked}" if formula.worked else ""
    return f"{formula.name}{worked} = {result} ({formula.source})"


def data(formula: Formula) -> dict[str, Any]:
    """Return it as JSON takes it, with its sentence."""
    figures = [{"name": f.name, "value": _finite(f.value), "unit": f.unit} for f in formula.figures]
    return {
        "name": formula.name, "text": formula.text, "source": formula.source, "figures": figures,
        "worked": formula.worked, "value": _finite(formula.value), "unit": formula.unit, "note": formula.note,
        "words": words(formula),
    }  # fmt: skip


def number(value: float) -> str:
    """Write a number for people: whole from 100 on, and where it is whole; else with one decimal, below 10 with two."""
    if value == round(value) or abs(value) >= 100:
        return f"{round(value):,}"
    return f"{value:,.1f}" if abs(value) >= 10 else f"{value:.2f}".rstrip("0").rstrip(".")


def amount(value: float | None, unit: str) -> str:
    """Write a number with its unit; percent stands beside its number, one of a thing is no plural."""
    if value is None or not math.isfinite(value):
        return "not known"
    if unit == "%":
        return f"{number(round(value * 100, 1))} %"
    return f"{number(value)} {singular(unit) if value == 1 else unit}".rstrip()


def singular(unit: str) -> str:
    """One of these: dose for doses, day for days; what is counted by the month keeps its month."""
    thing, gap, rest = unit.partition(" ")
    return (thing[:-1] if thing.endswith("s") else thing) + gap + rest


def amc(
    used: Sequence[float | None],
    days_out: Sequence[float | None],
    days: Sequence[float],
    *,
    method: str = consumption.MSUPPLY,
    unit: str = "doses",
    own_weight: float = 1.0,
    peers: float | None = None,
    weight: Sequence[float] | None = None,
) -> Formula:
    """Average monthly consumption over full months, oldest first; a month whose use is None was not reported.

    With an `own_weight` below 1, the result is drawn towards the `peers`' mean, which is then named. `weight` says how
    much each month counts, where any is doubted.
    """
    counts = np.ones(len(used)) if weight is None else _floats(weight)
    entered = consumption.entered(_floats(used), _floats(days_out), _floats(days)) & (counts > 0)
    taken, out, length, counts = (
        np.asarray(v)[entered] for v in (_floats(used), np.nan_to_num(_floats(days_out)), _floats(days), counts)
    )
    total, gone, span = (float((counts * v).sum()) for v in (taken, np.minimum(out, length), length))
    months = float(counts.sum())
    figures: tuple[Figure, ...] = (
        Figure("used", total, unit), Figure("full months reported with stock", months, "months"),
        Figure("days in these months", span, "days"), Figure("days out of stock", gone, "days"),
    )  # fmt: skip
    value = math.nan
    if months and (method == consumption.OPENLMIS or bool((counts == 1).all())):
        value = float(consumption.amc(method, taken[None], out[None], length[None])[0])
    elif months:
        value = float(consumption.over_window(method, total, months, span, gone))
    worked = _amc_worked(method, total, months, span, gone, taken, out, unit)
    spoken = consumption.METHODS[method]
    if math.isnan(value):
        return Formula("AMC", spoken.text, spoken.source, figures, "", None, f"{unit} a month",
                       "no full month was reported with stock")  # fmt: skip
    if own_weight < 1 and peers is not None:
        monthly = f"{unit} a month"
        figures = (
            *figures,
            Figure("weight of its own months", own_weight, "%"),
            Figure("like places need", peers, monthly),
        )
        own, others = number(round(own_weight, 2)), number(round(1 - own_weight, 2))
        worked = f"{own} {TIMES} ({worked}) + {others} {TIMES} {amount(peers, monthly)} of like places"
        value = own_weight * value + (1 - own_weight) * peers
    note = "" if bool((counts == 1).all()) else "months that are doubted count for less: see Data quality"
    return Formula("AMC", spoken.text, spoken.source, figures, worked, value, f"{unit} a month", note)


def sessions(
    administered: Sequence[float | None],
    days_out: Sequence[float | None],
    days: Sequence[float],
    wastage: float,
    *,
    unit: str = "doses",
) -> Formula:
    """Demand from what sessions gave over full months, oldest first: the mean month x 1 / (1 - open-vial wastage)."""
    told = amc(administered, days_out, days, unit=unit)
    text = "doses administered / months x days / (days - days out of stock) / (1 - open-vial wastage)"
    figures = (*told.figures, Figure("open-vial wastage", wastage, "%"))
    if told.value is None:
        return Formula("AMC", text, "WHO", figures, "", None, f"{unit} a month", "no session was reported")
    factor = float(wastage_factor(wastage))
    worked = f"{told.worked} / (1 - {number(wastage)})"
    return Formula("AMC", text, "WHO", figures, worked, told.value * factor, f"{unit} a month")


def population(
    children: float | None,
    doses_per_child: float | None,
    wastage: float,
    *,
    ratio: float = 1.0,
    unit: str = "doses",
) -> Formula:
    """Demand from the children to be vaccinated; `ratio` is use / this need among like places, where they are known."""
    text = "children a year x doses per child / 12 / (1 - open-vial wastage)"
    text += " x use / need of like places" if ratio != 1 else ""
    figures: tuple[Figure, ...] = (
        Figure("children a year", children, "children"), Figure("doses per child", doses_per_child, unit),
        Figure("open-vial wastage", wastage, "%"),
    )  # fmt: skip
    if children is None or doses_per_child is None:
        return Formula("AMC", text, "WHO", figures, "", None, f"{unit} a month", "the children are not known")
    value = float(demand.from_population(children, doses_per_child, wastage)) * ratio
    worked = f"{number(children)} children {TIMES} {number(doses_per_child)} / 12 / (1 - {number(wastage)})"
    if ratio != 1:
        figures = (*figures, Figure("use / need of like places", ratio))
        worked += f" {TIMES} {number(round(ratio, 2))}"
    return Formula("AMC", text, "WHO", figures, worked, value, f"{unit} a month")


def _amc_worked(
    method: str, total: float, months: float, span: float, gone: float, taken: Any, out: Any, unit: str
) -> str:
    used, count = amount(total, unit), amount(months, "months")
    match method:
        case consumption.OPENLMIS:
            terms = " + ".join(
                f"{number(float(c))} {TIMES} 30 / (30 - {number(min(float(x), 30.0))})"
                for c, x in zip(taken, out, strict=True)
            )
            return f"({terms}) / {count}, each and the mean rounded up"
        case consumption.MSH:
            return f"{used} / ({count} - {amount(gone, 'days')} / 30.5)"
        case consumption.BHIMA:
            return f"{used} / {amount(span - gone, 'days')} in stock {TIMES} 30.5"
    return f"{used} / {count} {TIMES} {number(span)} / ({number(span)} - {number(gone)})"


def mos(usable: float, amc: float | None, *, unit: str = "doses") -> Formula:
    """Months of stock: usable / AMC."""
    figures = (Figure("usable", usable, unit), Figure("AMC", amc, f"{unit} a month"))
    worked, value = _divided(usable, amc, unit, f"{unit} a month")
    return Formula("Months of stock", "usable stock / AMC", "OpenLMIS, WHO", figures, worked, value, "months",
                   "" if value is not None else "without demand there is nothing to divide by")  # fmt: skip


def cover(usable: float, amc: float | None, *, unit: str = "doses") -> Formula:
    """Days of cover at even use: usable / (AMC / 30.44)."""
    daily = None if amc is None else amc / policy.DAYS_PER_MONTH
    figures = (Figure("usable", usable, unit), Figure("AMC", amc, f"{unit} a month"),
               Figure("days in a mean month", policy.DAYS_PER_MONTH, "days"))  # fmt: skip
    value = usable / daily if daily else None
    worked = "" if value is None else f"{amount(usable, unit)} / ({amount(amc, f'{unit} a month')} / 30.44)"
    return Formula("Days of cover", "usable stock / (AMC / 30.44)", "WHO", figures, worked, value, "days",
                   "" if value is not None else "without demand there is nothing to divide by")  # fmt: skip


def minimum(
    preset: str, amc: float | None, lead_time_days: float, delivery_interval_days: float, *, unit: str = "doses"
) -> Formula:
    """The stock below which a place is LOW, by a preset's rule."""
    return _level("Minimum", preset, "minimum", amc, lead_time_days, delivery_interval_days, unit)


def maximum(
    preset: str, amc: float | None, lead_time_days: float, delivery_interval_days: float, *, unit: str = "doses"
) -> Formula:
    """The stock above which a place is OVERSTOCK, by a preset's rule."""
    return _level("Maximum", preset, "maximum", amc, lead_time_days, delivery_interval_days, unit)


def reorder(
    preset: str, amc: float | None, lead_time_days: float, delivery_interval_days: float, *, unit: str = "doses"
) -> Formula:
    """The stock at which to order: what is used while the order is on its way stands on top of the minimum."""
    return _level("Reorder level", preset, "reorder", amc, lead_time_days, delivery_interval_days, unit)


def critical(
    preset: str, amc: float | None, lead_time_days: float, delivery_interval_days: float, *, unit: str = "doses"
) -> Formula:
    """The stock at which to order at once, by a preset's rule."""
    return _level("Critical level", preset, "critical", amc, lead_time_days, delivery_interval_days, unit)


def to_order(
    preset: str, amc: float | None, lead_time_days: float, delivery_interval_days: float, *, usable: float,
    coming: float, awaited: float, doses_per_vial: int, unit: str = "doses",
) -> Formula:  # fmt: skip
    """What to order: up to the maximum of a preset, less what is there and what is on its way."""
    level = maximum(preset, amc, lead_time_days, delivery_interval_days, unit=unit)
    figures = (Figure("maximum", level.value, unit), Figure("usable", usable, unit), Figure("coming", coming, unit),
               Figure("ordered and not sent", awaited, unit), Figure("vial", doses_per_vial, unit))  # fmt: skip
    value = policy.to_order(level.value, usable, coming, awaited, doses_per_vial)
    worked, note = "", level.note
    if level.value is not None:
        note = f"the maximum is {level.worked} = {amount(round(level.value), unit)}: {level.text}"
        less = "".join(f" - {amount(f.value, unit)} {f.name}" for f in figures[1:4] if f.value)
        vials = f", in whole vials of {amount(doses_per_vial, unit)}" if doses_per_vial > 1 else ""
        worked = f"{amount(round(level.value), unit)} maximum{less}{vials}"
    return Formula(
        "To order", "maximum - usable - coming - ordered and not sent, rounded up to whole vials", level.source,
        figures, worked, value, unit, note,
    )  # fmt: skip


def _level(name: str, preset: str, which: str, amc: float | None, lead: float, interval: float, unit: str) -> Formula:
    chosen = policy.PRESETS[preset]
    level: policy.Level = getattr(chosen, which)
    figures = [Figure("AMC", amc, f"{unit} a month")]
    parts = [number(level.months)] if level.months else []
    if level.lead_times:
        figures.append(Figure("lead time", lead, "days"))
        parts.append(f"{_times(level.lead_times)}{number(lead)} / 30.44")
    if level.intervals:
        figures.append(Figure("delivery interval", interval, "days"))
        parts.append(f"{_times(level.intervals)}{number(interval)} / 30.44")
    months = parts[0] if len(parts) == 1 and "/" not in parts[0] else f"({' + '.join(parts)})"
    value = None if amc is None or math.isnan(amc) else float(level.doses(amc, lead, interval))
    worked = "" if value is None else f"{amount(amc, f'{unit} a month')} {TIMES} {months} months"
    note = "" if value is not None else "the demand is not known"
    text = {"reorder": policy.REORDER, "critical": chosen.critical_formula}.get(which, chosen.formula)
    return Formula(name, f"{text} ({preset})", chosen.source, tuple(figures), worked, value, unit, note)


def _times(factor: float) -> str:
    return "" if factor == 1 else f"{number(factor)} {TIMES} "


def probability(
    value: float | None,
    *,
    usable: float,
    amc: float | None,
    dispersion: float | None,
    uncertainty: float | None,
    days: float | None,
    unit: str = "doses",
    until: str = "the next expected delivery arrives",
) -> Formula:
    """P(demand until then takes the last dose); `value` as assessed, `days` until then where a day is known."""
    figures = (
        Figure("usable", usable, unit), Figure("AMC", amc, f"{unit} a month"), Figure("days until then", days, "days"),
        Figure("variance of a month / its mean", dispersion),
        Figure("squared relative error of the level", uncertainty),
    )  # fmt: skip
    known = value is not None and math.isfinite(value)
    mean = None if amc is None or days is None else amc * days / policy.DAYS_PER_MONTH
    worked = "" if not known else f"P(demand until {until} >= {amount(usable, unit)}"
    if worked and mean is not None:
        worked += f", where {amount(mean, unit)} are expected in {amount(days, 'days')}"
    return Formula(
        "Chance of running out",
        f"P(the demand until {until} takes the last dose); the demand is negative binomial, the delivery may be late",
        "docs/risk.md", figures, worked + (")" if worked else ""), value if known else None, "%",
        "" if known else "there is no chance to tell of a place without demand or without report",
    )  # fmt: skip


def learnt(
    told: Formula, value: float | None, *, counted: float, month: float, by: float, weight: float, model: str
) -> Formula:
    """A `probability` of the count model alone, and what becomes of it where something was learnt.

    `value` is in force; the count model says `counted`, and `month` of 30 days. `by` is the shift, in log odds, and
    `weight` how much of it still counts (data.insight.shift); `model` is the name of the learned model.
    """
    figures = (
        Figure("by the count model alone", counted, "%"), Figure("within 30 days by the count model alone", month, "%"),
        Figure("shift, in log odds", by), Figure("how much of what was learnt still counts", weight, "%"),
    )  # fmt: skip
    same = counted == month
    own, of_month = _odds(counted), _odds(month)
    learnt = f"{math.exp(by):.3g} {TIMES} {of_month} ^ {shift.CARRIED}"
    text = f"e ^ shift {TIMES} odds by count ^ {shift.CARRIED}"
    if not same:
        learnt += f" {TIMES} ({own} / {of_month}) ^ {shift.SPREAD}"
        text = f"e ^ shift {TIMES} odds of 30 days ^ {shift.CARRIED} {TIMES} (odds / those of 30 days) ^ {shift.SPREAD}"
    worked = f"({learnt}) ^ {weight:.3g} {TIMES} {own} ^ {1 - weight:.3g}" if weight < 1 else learnt
    return replace(
        told,
        text=f"{told.text}; as learnt, the odds are {text}, and both are weighed",
        figures=(*told.figures, *figures),
        worked=f"{told.worked} = {amount(counted, '%')} by count; as learnt, the chance with the odds {worked}",
        value=value,
        note=f"learnt from this programme's months of {model}",
    )


def _odds(chance: float) -> str:
    return f"{math.exp(float(shift.log_odds(chance))):.3g}"


def days_out(spells: Sequence[tuple[float, float]], *, unit: str = "days") -> Formula:
    """Days out of stock: spells as (first day, full days) merged; the sum of their full days."""
    total = float(sum(full for _, full in spells))
    figures = tuple(Figure(f"spell {i}", full, unit) for i, (_, full) in enumerate(spells, 1))
    return Formula(
        "Days out of stock",
        "full local days without a usable dose at any moment, over the whole balance; the day it ran out and the day of"
        " refill do not count, and spells that touch are one",
        "Open mSupply", figures, " + ".join(amount(full, unit) for _, full in spells), total, unit,
        "" if spells else "it was never out on a full day",
    )  # fmt: skip


def kpi(
    name: str, text: str, numerator: float | None, denominator: float | None, *,
    numerator_name: str, denominator_name: str, unit: str = "%", source: str = "WHO, OpenLMIS",
) -> Formula:  # fmt: skip
    """Numerator / denominator of an indicator; None where the denominator is not known or nothing."""
    figures = (Figure(numerator_name, numerator), Figure(denominator_name, denominator))
    if denominator is None or not denominator > 0:
        return Formula(name, text, source, figures, "", None, unit, f"nothing to divide by: no {denominator_name}")
    if numerator is None:
        return Formula(name, text, source, figures, "", None, unit, f"not known: {numerator_name}")
    worked = f"{number(numerator)} {numerator_name} / {number(denominator)} {denominator_name}"
    return Formula(name, text, source, figures, worked, numerator / denominator, unit)


def _divided(upper: float, lower: float | None, unit: str, lower_unit: str) -> tuple[str, float | None]:
    if lower is None or not lower > 0:
        return "", None
    return f"{amount(upper, unit)} / {amount(lower, lower_unit)}", upper / lower


def _floats(values: Sequence[float | None]) -> Any:
    return np.array([math.nan if v is None else v for v in values], dtype=np.float64)


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value
