"""How many doses does a place need? Monthly demand from what was used, corrected for days out of stock.

Months that were not reported are missing, never zero; months (nearly) without stock say nothing about demand
and are left out; thin histories lean on their peers. The running month is never part of it: callers pass
full months only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum, unique

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data.insight import months
from data.insight import peers as peering
from data.insight.months import Sums
from data.insight.peers import DEFAULT_DISPERSION, DRIFT, Peers
from data.insight.policy import DAYS_PER_MONTH
from data.insight.policy import WINDOW as WINDOW

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: With fewer informative months than this, having used nothing does not yet mean that there is no demand.
QUIET_MONTHS = 3

#: Shown beside every AMC of the product.
FORMULA = (
    "AMC = doses used / months x days / (days - days out of stock), over the last {window} full months reported"
    " with stock; with fewer months than that, drawn towards the mean of its peers"
)


def days_out_at_least(
    days_out: ArrayLike, opening: ArrayLike, received: ArrayLike, days: ArrayLike, *, used: ArrayLike
) -> Floats:
    """Days out of stock, where they were not reported, as far as the balances prove them.

    A month that opens at zero and receives nothing is out on every one of its days; of any other month
    nothing is known, which is 0 here: a lower bound. Reported days are kept, but of a month in which nothing was used
    either: what a place never held it is not out of, and had none of to give all the same. All are [..., months].
    """
    empty = (np.asarray(opening) == 0) & (np.asarray(received) == 0)
    out = np.asarray(days_out, dtype=np.float64)
    told = np.where(np.isnan(out), np.where(empty, np.asarray(days, dtype=np.float64), 0.0), out)
    return np.where(empty & ~(np.asarray(used) > 0), np.asarray(days, dtype=np.float64), told)


@dataclass(frozen=True, slots=True)
class Demand:
    """What is known of the demand of each position; every array is [n] in the order of the positions.

    - `amc`: doses a month, NaN where nothing is known; `daily_mean` the same per day.
    - `dispersion`: variance of a month's demand / its mean, given the true level; 1 would be Poisson.
    - `uncertainty`: squared coefficient of variation of the level itself (thin history, drift).
    - `months_used`: how many months entered; `own_weight`: how much of the AMC is the place's own history, 0..1.
    - `source`: where the mean comes from, see `Source`.
    - `active`: there is demand, which is `amc > 0`. A place that had stock for `QUIET_MONTHS` months of the window and
      used none has an `amc` of 0; one that never had any, nor is meant to, has NaN.
    """

    amc: Floats
    daily_mean: Floats
    dispersion: Floats
    uncertainty: Floats
    months_used: NDArray[np.int16]
    own_weight: Floats
    active: NDArray[np.bool_]
    source: NDArray[np.int8]


#: Places of one kind never need quite the same: their variance is at least this share of the squared mean.
LEAST_SPREAD = 0.1

#: The relative variance that chance may add to the level of a place with next to no history.
MOST_CHANCE = 4.0

#: A place's own dispersion counts as its months; the peers' counts as this many.
_DISPERSION_PRIOR_MONTHS = 6.0


#: So many months of session reports say what a place gives.
LEAST_SESSIONS = 3


@unique
class Source(IntEnum):
    """Where the demand in force comes from; the number is what `position.demand_source` keeps."""

    NONE = 0
    CONSUMPTION = 1
    BLEND = 2
    SESSIONS = 3
    POPULATION = 4
    PEERS = 5


#: Why that source is in force, in words for a person.
WHY = {
    Source.NONE: "nothing is known: no use, no stock, no session and no children to plan for",
    Source.CONSUMPTION: "its own months say what it uses while it has stock",
    Source.BLEND: "few months of its own are known, so they are drawn towards what like places use",
    Source.SESSIONS: "too few months of use are known, but its sessions report the doses they give",
    Source.POPULATION: "neither use nor sessions are known, so it needs what its children need",
    Source.PEERS: "neither use, sessions nor children are known, so it needs what like places use",
}


@dataclass(frozen=True, slots=True)
class Given:
    """Need as the sessions show it: doses a month [n], NaN where unknown, and how many months of reports it is from."""

    monthly: Floats
    months: Floats


def from_sessions(
    administered: ArrayLike, wastage: ArrayLike, days_out: ArrayLike, days: ArrayLike, *, window: int = WINDOW
) -> Given:
    """Doses administered x 1 / (1 - wastage), a month, over the latest months reported with stock.

    `administered` and `days_out` are [n, m], NaN where not reported; `wastage` [n] is the open-vial wastage of the
    product as a share. Months (nearly) without stock are censored, and days out raise the need as they do for use.
    """
    given = np.asarray(administered, dtype=np.float64)
    sums = months.add_up(given, days_out, ~np.isnan(given), days, window=window)
    factor = 1.0 / (1.0 - np.nan_to_num(np.asarray(wastage, dtype=np.float64)))
    return Given(sums.own * factor, sums.months)


def from_population(
    children: ArrayLike, doses_per_child: ArrayLike, wastage: ArrayLike, *, coverage: ArrayLike = 1.0
) -> Floats:
    """Children a year x doses per child x coverage / (1 - wastage) / 12: doses a month; NaN where any is not known.

    The wastage of a product of which none is said is taken as none, coverage as all the children.
    """
    need = np.asarray(children, dtype=np.float64) * np.asarray(doses_per_child, dtype=np.float64)
    waste = np.nan_to_num(np.asarray(wastage, dtype=np.float64))
    return np.asarray(need * np.asarray(coverage, dtype=np.float64) / (1.0 - waste) / 12.0)


def learn(
    used: ArrayLike,
    days_out: ArrayLike,
    reported: ArrayLike,
    days: ArrayLike,
    *,
    group: ArrayLike | None = None,
    area: ArrayLike | None = None,
    expected_monthly: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    window: ArrayLike = WINDOW,
) -> Peers:
    """What the groups teach, from the arrays of `estimate`; keep it to estimate single positions alike later."""
    sums = months.add_up(used, days_out, reported, days, window=window, weight=weight)
    groups, places, expected = _context(len(sums.used), group, area, expected_monthly)
    return peering.learn(sums, groups, places, int(places.max(initial=0)) + 1, expected)


def estimate(
    used: ArrayLike,
    days_out: ArrayLike,
    reported: ArrayLike,
    days: ArrayLike,
    *,
    group: ArrayLike | None = None,
    area: ArrayLike | None = None,
    expected_monthly: ArrayLike | None = None,
    handles: ArrayLike | None = None,
    given: Given | None = None,
    weight: ArrayLike | None = None,
    peers: Peers | None = None,
    window: ArrayLike = WINDOW,
    method: ArrayLike | None = None,
) -> Demand:
    """Demand of every position from its full months, oldest first.

    `used`, `days_out` and `reported` are [n, m], `days` [m] (or [n, m]) the length of each month; what was not
    reported is missing, whatever stands in `used`, and so are the months of a campaign. `weight` [n, m] says how much
    a month still counts that is doubted. `window` and `method` (`policy.METHOD_CODES`) are one for all or [n].

    `group` [n] numbers the peers (0.. for example product x tier) and `area` [n] the areas within which they are more
    alike; `expected_monthly` [n] is another view of need, such as population: where it is known of most of a group (NaN
    where not), they are compared, and empty histories filled, in proportion to it. `handles` [n] says that the place is
    meant to have the product: with no evidence either way it needs what its peers need (default: where
    `expected_monthly` is above 0).
    `given` is the need that sessions show: in force where too few months of use are known.
    `peers` comes from `learn`; without it the positions given are their own peers.

    A place with a full window keeps its own mean, which anyone can recompute by hand (`FORMULA`).
    """
    return work_out(
        used, days_out, reported, days, group=group, area=area, expected_monthly=expected_monthly, handles=handles,
        given=given, weight=weight, peers=peers, window=window, method=method,
    )[0]  # fmt: skip


def work_out(
    used: ArrayLike, days_out: ArrayLike, reported: ArrayLike, days: ArrayLike, *,
    group: ArrayLike | None = None, area: ArrayLike | None = None, expected_monthly: ArrayLike | None = None,
    handles: ArrayLike | None = None, given: Given | None = None, weight: ArrayLike | None = None,
    peers: Peers | None = None, window: ArrayLike = WINDOW, method: ArrayLike | None = None,
) -> tuple[Demand, Peers]:  # fmt: skip
    """Work out the same, and return with it what the groups taught."""
    sums = months.add_up(used, days_out, reported, days, window=window, weight=weight, method=method)
    groups, places, expected = _context(len(sums.used), group, area, expected_monthly)
    taught = peering.learn(sums, groups, places, int(places.max(initial=0)) + 1, expected) if peers is None else peers
    narrow = peering.number(groups, places, taught.areas)
    populated = np.isfinite(expected) & taught.ratio[narrow]
    meant = populated & (expected > 0) if handles is None else np.asarray(handles, dtype=bool)
    # What nobody of a group has used yet is the expected need itself.
    known = replace(taught, level=np.where(taught.ratio & np.isnan(taught.level), 1.0, taught.level))
    found = _shrink(sums, known, narrow, peering.scale(known.ratio, narrow, expected), meant, populated, window)
    return (found if given is None else _with_sessions(found, given, known.drift[narrow])), taught


def _context(
    n: int, group: ArrayLike | None, area: ArrayLike | None, expected_monthly: ArrayLike | None
) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
    groups, places = (np.zeros(n, dtype=np.intp) if v is None else np.asarray(v, dtype=np.intp) for v in (group, area))
    if expected_monthly is None:
        return groups, places, np.full(n, np.nan)
    return groups, places, np.asarray(expected_monthly, dtype=np.float64)


def _shrink(
    sums: Sums,
    peers: Peers,
    group: NDArray[np.intp],
    scale: Floats,
    meant: Bools,
    populated: Bools,
    window: ArrayLike,
) -> Demand:
    count, exposure = sums.months, sums.exposure
    own = np.nan_to_num(sums.own)
    level = peers.level[group] * scale
    spread = np.maximum(peers.spread[group], LEAST_SPREAD * peers.level[group] ** 2) * scale**2

    pooled = np.nan_to_num(peers.dispersion[group], nan=DEFAULT_DISPERSION)
    squares = np.where(own > 0, sums.squares / np.where(own > 0, own, 1.0), 0.0)
    degrees = np.where(own > 0, np.maximum(count - 1, 0), 0.0)
    dispersion = (squares + pooled * _DISPERSION_PRIOR_MONTHS) / (degrees + _DISPERSION_PRIOR_MONTHS)
    dispersion = np.maximum(dispersion, 1.0)

    # Credibility: the share of the variance that the place's own months do not explain by chance.
    alone = (count >= np.asarray(window)) | ~np.isfinite(spread) | (spread <= 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        weight = np.where(alone, 1.0, exposure / (exposure + dispersion * level / spread))
        weight = np.where(exposure > 0, weight, 0.0)
        amc = np.where(weight >= 1, own, weight * own + (1 - weight) * level)
        chance = np.where(alone, dispersion * amc / exposure, (1 - weight) * spread) / amc**2
    amc = np.where((sums.used == 0) & (count >= QUIET_MONTHS), 0.0, amc)
    # Peers say how much a place needs, not that it needs: without stock, use or intent nothing is known of it.
    amc = np.where((count == 0) & ~meant & ~sums.ever_used, np.nan, amc)
    source = np.where(weight >= 1, Source.CONSUMPTION, np.where(weight > 0, Source.BLEND, Source.PEERS))
    source = np.where((weight == 0) & populated, Source.POPULATION, source)
    return Demand(
        amc=amc,
        daily_mean=amc / DAYS_PER_MONTH,
        dispersion=dispersion,
        uncertainty=peers.drift[group] + np.clip(np.nan_to_num(chance, nan=0.0, posinf=MOST_CHANCE), 0.0, MOST_CHANCE),
        months_used=np.ceil(count).astype(np.int16),
        own_weight=weight,
        active=amc > 0,
        source=np.where(np.isnan(amc), Source.NONE, source).astype(np.int8),
    )


def _with_sessions(found: Demand, given: Given, drift: Floats) -> Demand:
    """The need that sessions show, where fewer months of use are known than say anything."""
    taken = (found.months_used < QUIET_MONTHS) & (given.months >= LEAST_SESSIONS) & np.isfinite(given.monthly)
    if not taken.any():
        return found
    amc = np.where(taken, given.monthly, found.amc)
    with np.errstate(invalid="ignore", divide="ignore"):
        chance = np.clip(np.nan_to_num(found.dispersion / (given.monthly * given.months)), 0.0, MOST_CHANCE)
    return Demand(
        amc=amc,
        daily_mean=amc / DAYS_PER_MONTH,
        dispersion=found.dispersion,
        uncertainty=np.where(taken, drift + chance, found.uncertainty),
        months_used=found.months_used,
        own_weight=np.where(taken, 0.0, found.own_weight),
        active=amc > 0,
        source=np.where(taken, Source.SESSIONS, found.source).astype(np.int8),
    )


def plain(amc: ArrayLike, *, dispersion: ArrayLike = DEFAULT_DISPERSION, uncertainty: ArrayLike = DRIFT) -> Demand:
    """A stored demand, active where the mean is above 0; where only the mean is stored, everywhere the same spread."""
    mean = np.asarray(amc, dtype=np.float64)
    known = np.isfinite(mean)
    return Demand(
        amc=mean,
        daily_mean=mean / DAYS_PER_MONTH,
        dispersion=np.broadcast_to(np.maximum(np.asarray(dispersion, dtype=np.float64), 1.0), mean.shape),
        uncertainty=np.broadcast_to(np.asarray(uncertainty, dtype=np.float64), mean.shape),
        months_used=np.zeros(mean.shape, dtype=np.int16),
        own_weight=np.where(known, 1.0, 0.0),
        active=known & (mean > 0),
        source=np.where(known, Source.CONSUMPTION, Source.NONE).astype(np.int8),
    )


def shift(used: ArrayLike, days_out: ArrayLike, reported: ArrayLike, days: ArrayLike, *, recent: int = 3) -> Floats:
    """Recent use / usual use: the AMC of the last `recent` months over that of the months before them.

    Arrays as in `estimate`. NaN unless every recent month and at least as many earlier ones were reported with
    stock, and something was used in those.
    """
    amounts = np.asarray(used)
    count = amounts.shape[1]
    latest = np.broadcast_to(np.arange(count) >= count - recent, amounts.shape)
    said = np.broadcast_to(reported, amounts.shape)
    now = months.add_up(amounts, days_out, said & latest, days, window=recent)
    before = months.add_up(amounts, days_out, said & ~latest, days)
    enough = (now.months >= recent) & (before.months >= recent) & (before.used > 0)
    usual = np.where(enough, before.used / np.where(enough, before.exposure, 1.0), 1.0)
    return np.where(enough, now.used / np.where(enough, now.exposure, 1.0) / usual, np.nan)
