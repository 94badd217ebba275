"""How did the numbers of what lies ahead of a place come about? What may be used, how long it lasts, what is short.

The definitions of `data.insight.ahead` and `data.record.rules` in words, with a place's own figures put in.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from data.insight.formula import Figure, Formula, amount, number
from data.insight.policy import DAYS_PER_MONTH

#: Whose model it is.
_MODEL = "VaxTrace's count model, docs/risk.md"


def usable(total: float, left: float, *, unit: str = "doses") -> Formula:
    """Doses that may be given: what is held less what may not be used."""
    figures = (Figure("held", total, unit), Figure("held but not usable", total - left, unit))
    return Formula(
        "Usable", "what is held, less what has expired, is past VVM stage 2 or is in quarantine", "WHO", figures,
        f"{amount(total, unit)} held - {amount(total - left, unit)}", left, unit,
    )  # fmt: skip


def not_usable(total: float, left: float, *, unit: str = "doses") -> Formula:
    """Doses that are held and may not be given."""
    figures = (Figure("held", total, unit), Figure("usable", left, unit))
    return Formula(
        "Held but not usable", "doses of lots that have expired, are past VVM stage 2 or are in quarantine", "WHO",
        figures, f"{amount(total, unit)} held - {amount(left, unit)} usable", total - left, unit,
    )  # fmt: skip


def lasts(
    p10: float, p50: float, p90: float, *, usable: float, amc: float | None, dispersion: float | None,
    uncertainty: float | None, unit: str = "doses",
) -> Formula:  # fmt: skip
    """Days by which the last dose is gone if nothing arrives, with 10, 50 and 90 % probability."""
    figures = (
        Figure("usable", usable, unit), Figure("AMC", amc, f"{unit} a month"),
        Figure("variance of a month / its mean", dispersion),
        Figure("squared relative error of the level", uncertainty),
        Figure("gone by then in 10 % of what may happen", p10, "days"),
        Figure("gone by then in 90 % of what may happen", p90, "days"),
    )  # fmt: skip
    spread = "" if dispersion is None or uncertainty is None else (
        f", with variance {number(round(dispersion, 1))} x mean + {number(round(uncertainty, 3))} x mean\u00b2"
    )  # fmt: skip
    return Formula(
        "Lasts", "the day by which demand has taken the last dose in the middle of what may happen, if nothing arrives"
        " and lots are used first expired, first out", _MODEL, figures,
        f"P(demand >= {amount(usable, unit)}) = 10, 50 and 90 % after {amount(round(p10), 'days')},"
        f" {amount(round(p50), 'days')} and {amount(round(p90), 'days')}", p50, "days",
        f"demand of so many days has mean {amount(amc, f'{unit} a month')} x days / 30.44{spread}",
    )  # fmt: skip


def within(
    chances: Sequence[float], horizons: Sequence[int], *, usable: float, amc: float | None, due: int | None,
    fill_to: float | None, coming: int, unit: str = "doses",
) -> Formula:  # fmt: skip
    """P(out on some day within each horizon), with the deliveries until then; `due` are the days to the next one."""
    figures = tuple(Figure(f"within {days} days", value, "%") for days, value in zip(horizons, chances, strict=True))
    said = "; ".join(
        f"{days} days: {amount(amc * days / DAYS_PER_MONTH, unit)}" for days in horizons if amc is not None
    )
    return Formula(
        "Chance of running out within", "P(on some day until then nothing is left): demand is negative binomial, lots"
        " expire, deliveries come when they are due or late", _MODEL, figures,
        f"{amount(usable, unit)} against a demand of, in {said}" if said else "", None, "%",
        _deliveries(due, fill_to, coming, unit),
    )  # fmt: skip


def short(
    value: float, *, usable: float, amc: float | None, days: int, due: int | None, fill_to: float | None, coming: int,
    unit: str = "doses",
) -> Formula:  # fmt: skip
    """Doses that will be asked for within some days and not be there, in the mean."""
    wanted = None if amc is None else amc * days / DAYS_PER_MONTH
    figures = (
        Figure("usable", usable, unit), Figure(f"expected to be asked for in {days} days", wanted, unit),
        Figure("days to the next delivery", due, "days"), Figure("on the way", coming, unit),
        Figure("deliveries fill up to", fill_to, unit),
    )  # fmt: skip
    return Formula(
        f"Short in {days} days", f"the mean over all that may happen of the doses that are asked for in the next {days}"
        " days when nothing is left", _MODEL, figures,
        f"mean of what of {amount(wanted, unit)} finds an empty shelf, with {amount(usable, unit)} at hand",
        float(round(value)), unit, _deliveries(due, fill_to, coming, unit),
    )  # fmt: skip


def _deliveries(due: int | None, fill_to: float | None, coming: int, unit: str) -> str:
    when = "no delivery is planned: one interval from now" if due is None else (
        f"the next delivery is due in {amount(due, 'days')}" if due >= 0 else
        f"the delivery is {amount(-due, 'days')} overdue"
    )  # fmt: skip
    if coming:
        return f"{when} with {amount(coming, unit)}"
    return when if fill_to is None else f"{when} and is taken to fill up to {amount(round(fill_to), unit)}"


def delivery(due: date, interval: int, *, coming: int = 0, unit: str = "doses") -> Formula:
    """The day on which the next delivery is expected."""
    if coming:
        return Formula(
            "Next delivery", "the day on which what was sent is expected: it was sent, plus the lead time",
            "record of shipments", (Figure("on the way", coming, unit),), f"{amount(coming, unit)} on the way", None,
            "",
        )  # fmt: skip
    figures = (Figure("delivery interval", interval, "days"),)
    last = date.fromordinal(due.toordinal() - interval)
    return Formula(
        "Next delivery", "the last delivery + the delivery interval of the place", "policy of the programme", figures,
        f"{last.day} {last:%b %Y} + {amount(interval, 'days')} is {due.day} {due:%b %Y}", None, "",
    )  # fmt: skip


def lasting(since: date, today: date) -> Formula:
    """How long it has been out: since the moment at which nothing usable was left."""
    days = (today - since).days
    return Formula(
        "Out of stock", "days since the moment at which nothing usable was left", "Open mSupply",
        (Figure("days", days, "days"),), f"since {since.day} {since:%b %Y}", float(days), "days",
    )  # fmt: skip
