"""Why is a position in its state? Sentences for a person, from known facts only, the weightiest first.

How much a fact weighs is computed: the probability of running out before the next delivery, less what it would be
without that fact (`weigh`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum, unique

import numpy as np

from data.insight import delay, expiry, risk
from data.insight.policy import DAYS_PER_MONTH
from data.types import State

#: Deliveries that are late less often than this are not worth a sentence.
NOTABLE_LATE = 0.25


@unique
class Factor(StrEnum):
    """What may raise or lower a probability, besides the stock itself."""

    OVERDUE = "overdue"
    UNPUNCTUAL = "unpunctual"
    COMING = "coming"
    USE = "use"
    EXPIRY = "expiry"
    LEARNED = "learned"


#: A change of use smaller than this is not worth a sentence, nor is what was learnt where it changes a chance by less.
NOTABLE_CHANGE = 0.2
NOTABLE_LEARNED = 0.05


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one position on one day; None is what is not known, and is never put into words.

    Amounts are in `unit`; `use_ratio` is recent use over usual use (`demand.shift`) and `use_since` the first of
    the recent months. `coming` doses are on the way; of the last `deliveries` so many were late. `chance` is that of
    running out within 30 days where something was learnt, and `counted` what the count model alone says. `weights` are
    those of `weigh`; what has none keeps its place.
    """

    state: State
    product: str
    today: date
    unit: str = "dose"
    usable: int | None = None
    doses_per_vial: int = 1
    out_since: date | None = None
    cover_days: float | None = None
    next_delivery_on: date | None = None
    minimum: float | None = None
    maximum: float | None = None
    expiring: int | None = None
    amc: float | None = None
    use_ratio: float | None = None
    use_since: date | None = None
    last_report_on: date | None = None
    report_interval_days: int | None = None
    coming: int = 0
    coming_on: date | None = None
    deliveries: int = 0
    late_deliveries: int = 0
    chance: float | None = None
    counted: float | None = None
    weights: Mapping[Factor, float] = field(default_factory=dict)


def explain(facts: Facts) -> list[str]:
    """Return the reasons as whole sentences, never empty: how stock stands, then what made it so by weight."""
    if facts.state == State.NO_REPORT:
        return [_silence(facts)]
    sentences = [
        (Factor.OVERDUE, _delivery(facts)),
        (Factor.COMING, _coming(facts)),
        (Factor.EXPIRY, _expiry(facts)),
        (Factor.USE, _use(facts)),
        (Factor.UNPUNCTUAL, _unpunctual(facts)),
        (Factor.LEARNED, _learned(facts)),
    ]
    sentences.sort(key=lambda told: -abs(facts.weights.get(told[0], 0.0)))
    return [sentence for sentence in (_stock(facts), *(words for _, words in sentences)) if sentence]


def weigh(
    position: risk.Positions, late: delay.Delay, *, planned_due: float, use_ratio: float | None
) -> dict[Factor, float]:
    """How much each fact raises (or, below 0, lowers) the probability of one position, an array of one.

    The probability less what it would be without that fact: had the delivery come, were deliveries punctual, were
    nothing on the way (and the next delivery due in `planned_due` days), were use the usual, did nothing expire, had
    nothing been learnt. Empty where there is no probability.
    """
    need = position.demand
    usual = need.amc / (use_ratio or 1.0)
    without = {
        Factor.OVERDUE: replace(position, days_to_next_delivery=np.maximum(position.days_to_next_delivery, 0.0)),
        Factor.UNPUNCTUAL: position,
        Factor.COMING: replace(position, coming=0, days_to_next_delivery=planned_due),
        Factor.USE: replace(position, demand=replace(need, amc=usual, daily_mean=usual / DAYS_PER_MONTH)),
        Factor.EXPIRY: replace(position, lots=expiry.NONE, expiring=np.nan),
        Factor.LEARNED: replace(position, shift=np.nan),
    }
    punctual = replace(late, on_time=1.0)
    before = float(risk.assess(position, late).probability[0])
    if np.isnan(before):
        return {}
    chances = {
        factor: risk.assess(other, punctual if factor in (Factor.OVERDUE, Factor.UNPUNCTUAL) else late).probability
        for factor, other in without.items()
    }
    return {factor: before - float(chance[0]) for factor, chance in chances.items() if not np.isnan(chance[0])}


def _stock(facts: Facts) -> str | None:
    match facts.state:
        case State.STOCKOUT:
            return _out(facts)
        case State.INACTIVE:
            return _idle(facts)
        case State.LOW if facts.usable is not None and facts.minimum is not None:
            return f"{_amount(facts.usable, facts)} left, below the minimum of {_amount(facts.minimum, facts)}."
        case State.OVERSTOCK if facts.usable is not None and facts.maximum is not None:
            if facts.usable > facts.maximum:
                return f"{_amount(facts.usable, facts)} held, above the maximum of {_amount(facts.maximum, facts)}."
    return _cover(facts)


def _out(facts: Facts) -> str:
    if facts.usable:
        return f"Less than one vial of {facts.product} is left: {_amount(facts.usable, facts)}."
    if facts.out_since is None:
        return f"Out of {facts.product}."
    days = (facts.today - facts.out_since).days
    return f"Out of {facts.product} for {_days(days)}." if days > 0 else f"Out of {facts.product} since today."


def _idle(facts: Facts) -> str:
    if not facts.usable:
        return f"No {facts.product} in stock, and no demand for it."
    if facts.amc is None:
        return f"{_amount(facts.usable, facts)} of {facts.product} held; how much is used is not known."
    return f"{_amount(facts.usable, facts)} of {facts.product} held, and none is being used."


def _cover(facts: Facts) -> str | None:
    if facts.cover_days is None:
        return None
    left = f"About {_days(round(facts.cover_days))} of stock left"
    if facts.cover_days < 1:
        left = "Less than a day of stock left"
    due = facts.next_delivery_on
    if due is None or due < facts.today:
        return f"{left}."
    return f"{left}; the next delivery is due {_until(due, facts.today)}."


def _delivery(facts: Facts) -> str | None:
    due = facts.next_delivery_on
    if due is None or facts.coming:
        return None
    if due < facts.today:
        return f"The delivery due {_day(due, facts.today)} is {_days((facts.today - due).days)} late."
    # Where the stock sentence speaks of cover, it has said this already.
    told = facts.cover_days is not None and facts.state in (State.CRITICAL, State.ADEQUATE)
    return (
        f"The next delivery is due {_until(due, facts.today)}." if facts.state != State.INACTIVE and not told else None
    )


def _coming(facts: Facts) -> str | None:
    if not facts.coming:
        return None
    verb = "is" if facts.coming == 1 else "are"
    if facts.coming_on is None:
        return f"{_amount(facts.coming, facts)} {verb} on the way."
    late = (facts.today - facts.coming_on).days
    when = f"expected {_days(late)} ago" if late > 0 else f"due {_weekday(facts.coming_on, facts.today)}"
    return f"{_amount(facts.coming, facts)} {verb} on the way, {when}."


def _unpunctual(facts: Facts) -> str | None:
    if facts.deliveries < 3 or facts.late_deliveries < NOTABLE_LATE * facts.deliveries:
        return None
    return f"Delivered late {facts.late_deliveries} of the last {facts.deliveries} times."


def _learned(facts: Facts) -> str | None:
    chance, counted = facts.chance, facts.counted
    if chance is None or counted is None or abs(chance - counted) < NOTABLE_LEARNED or facts.state == State.STOCKOUT:
        return None
    often = "more" if chance > counted else "less"
    told = f"{chance:.0%} instead of {counted:.0%} within 30 days".replace("%", " %")
    return (
        f"Places like this one have run out {often} often than their counts say: {told}, learnt from this programme's"
        " past months."
    )


def _expiry(facts: Facts) -> str | None:
    if not facts.expiring or facts.usable is None:
        return None
    verb = "expires" if facts.expiring == 1 else "expire"
    pronoun = "it" if facts.expiring == 1 else "they"
    return f"{facts.expiring:,} of {_amount(facts.usable, facts)} {verb} before {pronoun} can be used."


def _use(facts: Facts) -> str | None:
    ratio = facts.use_ratio
    if ratio is None or abs(ratio - 1) < NOTABLE_CHANGE:
        return None
    change = f"Use is {abs(ratio - 1):.0%}".replace("%", " %")
    since = f" since {facts.use_since:%B}" if facts.use_since is not None else ""
    return f"{change} {'above' if ratio > 1 else 'below'} the usual{since}."


def _silence(facts: Facts) -> str:
    if facts.last_report_on is None:
        return f"Nothing was ever reported on {facts.product}."
    silent = f"No report on {facts.product} for {_days((facts.today - facts.last_report_on).days)}"
    if facts.report_interval_days is None:
        return f"{silent}."
    return f"{silent}; one is expected every {_days(facts.report_interval_days)}."


def _until(due: date, today: date) -> str:
    days = (due - today).days
    return "today" if days == 0 else f"in {_days(days)}"


def _amount(value: float, facts: Facts) -> str:
    return f"{round(value):,} {facts.unit}{'' if round(value) == 1 else 's'}"


def _days(count: int) -> str:
    return f"{count:,} day{'' if count == 1 else 's'}"


def _weekday(day: date, today: date) -> str:
    ahead = (day - today).days
    return "today" if ahead == 0 else f"{day:%A}" if ahead < 7 else _day(day, today)


def _day(day: date, today: date) -> str:
    return f"{day.day} {day:%b}" if day.year == today.year else f"{day.day} {day:%b %Y}"
