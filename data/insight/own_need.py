"""How did the demand of one place come about? Worked out again as for a nation, and put into a formula.

The same `demand.work_out` as for all places, with what like places taught when it was last worked out; so the number is
the one in force, and what explains it is what was computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from data.insight import consumption, demand, formula, policy
from data.insight.demand import Demand, Source
from data.insight.formula import Formula
from data.insight.peers import Peers

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Months that are left out are named up to so many; more are counted.
_NAMED = 4


@dataclass(frozen=True, slots=True)
class Own:
    """The last full months of one position, oldest first [m], NaN where not reported, and what it is judged by.

    `days_out` are at least so many (`demand.days_out_at_least`), `weight` is how much a month counts that is doubted,
    and `campaign` says which months were no routine. `children` a year and `doses_per_child` are NaN where not known.
    `peers` is what one group of like places taught, who are called `likes`; None where nobody did.
    """

    months: Sequence[date]
    used: Floats
    days_out: Floats
    days: Floats
    weight: Floats
    campaign: Bools
    administered: Floats
    handles: bool
    method: str
    window: int
    wastage: float
    children: float
    doses_per_child: float
    peers: Peers | None
    likes: str = "like places"


def work_out(own: Own) -> Demand:
    """The demand of this position, an array of one, as it is worked out among all."""
    used, given = (np.where(own.campaign, np.nan, values)[None] for values in (own.used, own.administered))
    sessions = None
    if not np.isnan(own.administered).all():
        sessions = demand.from_sessions(given, [own.wastage], own.days_out[None], own.days)
    return demand.work_out(
        used, own.days_out[None], ~np.isnan(used), own.days, expected_monthly=[_expected(own)], handles=[own.handles],
        given=sessions, weight=own.weight[None], peers=own.peers, window=own.window,
        method=policy.METHOD_CODES[own.method],
    )[0]  # fmt: skip


def _expected(own: Own) -> float:
    return float(demand.from_population(own.children, own.doses_per_child, own.wastage))


def explain(own: Own, unit: str) -> Formula:
    """The formula of the demand in force, with what this place's own months, sessions, children or like places gave."""
    found = work_out(own)
    value, source = float(found.amc[0]), Source(int(found.source[0]))
    told = _BY[source](own, found, unit)
    said = [n for n in (told.note, _left_out(own) if source in _OF_MONTHS else "", _idle(found, told)) if n]
    return replace(
        told, text=f"{told.text}; {demand.WHY[source]}", note="; ".join(said),
        value=None if np.isnan(value) else value,
    )  # fmt: skip


#: Whose formula goes through the months.
_OF_MONTHS = frozenset({Source.CONSUMPTION, Source.BLEND, Source.SESSIONS})


def _idle(found: Demand, told: Formula) -> str:
    """Where the rule of no use at all has the last word."""
    if float(found.amc[0]) == 0 and told.value:
        return f"it had stock in {int(found.months_used[0])} months and used none, so that it is taken to need none"
    return ""


def _by_use(own: Own, found: Demand, unit: str) -> Formula:
    which = _entered(own)
    weight = float(found.own_weight[0])
    like = None if own.peers is None or weight >= 1 else float(own.peers.level[0]) * _scale(own)
    used, out, days, counts = (v[which].tolist() for v in (own.used, own.days_out, own.days, own.weight))
    told = formula.amc(used, out, days, method=own.method, unit=unit, own_weight=weight, peers=like, weight=counts)
    return told if like is None else replace(told, note="; ".join(n for n in (told.note, _likes(own, unit)) if n))


def _entered(own: Own) -> Bools:
    """The latest months that say something, up to the window: the rule of `months.add_up`."""
    informative = consumption.entered(own.used, own.days_out, own.days) & ~own.campaign & (own.weight > 0)
    latest = np.cumsum(informative[::-1])[::-1]
    return np.asarray(informative & (latest <= own.window))


def _by_sessions(own: Own, found: Demand, unit: str) -> Formula:
    given = np.where(own.campaign, np.nan, own.administered)
    return formula.sessions(
        given.tolist(), own.days_out.tolist(), own.days.tolist(), float(np.nan_to_num(own.wastage)), unit=unit
    )


def _by_population(own: Own, found: Demand, unit: str) -> Formula:
    level = 1.0 if own.peers is None or np.isnan(own.peers.level[0]) else float(own.peers.level[0])
    told = formula.population(
        own.children, own.doses_per_child, float(np.nan_to_num(own.wastage)), ratio=level, unit=unit
    )
    return told if level == 1 else replace(told, note=f"like places are {own.likes}")


def _by_likes(own: Own, found: Demand, unit: str) -> Formula:
    level = float(found.amc[0])
    figure = formula.Figure(f"what {own.likes} use", level, f"{unit} a month")
    return Formula(
        "AMC", "the mean of what like places use", "Buehlmann and Straub", (figure,), "", level, f"{unit} a month",
        f"like places are {own.likes}",
    )  # fmt: skip


def _unknown(own: Own, found: Demand, unit: str) -> Formula:
    return Formula("AMC", consumption.METHODS[own.method].text, consumption.METHODS[own.method].source, (), "", None,
                   f"{unit} a month")  # fmt: skip


_BY = {
    Source.CONSUMPTION: _by_use, Source.BLEND: _by_use, Source.SESSIONS: _by_sessions,
    Source.POPULATION: _by_population, Source.PEERS: _by_likes, Source.NONE: _unknown,
}  # fmt: skip


def _scale(own: Own) -> float:
    return _expected(own) if own.peers is not None and own.peers.ratio[0] else 1.0


def _likes(own: Own, unit: str) -> str:
    if own.peers is None or not own.peers.ratio[0]:
        return f"like places are {own.likes}"
    need = formula.amount(_expected(own), f"{unit} a month")
    ratio = formula.number(round(float(own.peers.level[0]), 2))
    return f"like places are {own.likes}: they use {ratio} x what their children need, which is {need} here"


def _left_out(own: Own) -> str:
    """Which months of the year do not count, and why, in words."""
    out = consumption.in_stock_share(own.days_out, own.days) < consumption.IN_STOCK_AT_LEAST
    missing = np.isnan(own.used)
    reasons = (
        ("of a campaign", own.campaign & ~missing), ("not reported", missing),
        ("out of stock (nearly) throughout", ~missing & ~own.campaign & out),
        ("doubted", ~missing & ~own.campaign & ~out & (own.weight == 0)),
    )  # fmt: skip
    said = [
        f"{why}: {_named([own.months[i] for i in np.flatnonzero(which).tolist()])}"
        for why, which in reasons
        if which.any()
    ]
    return f"left out are months {', '.join(said)}" if said else ""


def _named(months: Sequence[date]) -> str:
    if len(months) > _NAMED:
        return f"{len(months)} of them"
    return " and ".join(", ".join(f"{m:%b %Y}" for m in part) for part in (months[:-1], months[-1:]) if part)
