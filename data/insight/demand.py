"""How many doses does a place need? Monthly demand from what was used, corrected for days out of stock.

Months that were not reported are missing, never zero; months (nearly) without stock say nothing about demand
and are left out; thin histories lean on their peers. The running month is never part of it: callers pass
full months only.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data.insight.consumption import IN_STOCK_AT_LEAST
from data.insight.policy import DAYS_PER_MONTH

Floats = NDArray[np.float64]

#: As many of the latest informative months enter the AMC: of 3, 6 and 12 the one that foretold best (docs/risk.md).
WINDOW = 12

#: With fewer informative months than this, having used nothing does not yet mean that there is no demand.
QUIET_MONTHS = 3

#: Shown beside every AMC of the product.
FORMULA = (
    "AMC = doses used / months x days / (days - days out of stock), over the last {window} full months reported"
    " with stock; with fewer months than that, drawn towards the mean of its peers"
)


def days_out_at_least(days_out: ArrayLike, opening: ArrayLike, received: ArrayLike, days: ArrayLike) -> Floats:
    """Days out of stock, where they were not reported, as far as the balances prove them.

    A month that opens at zero and receives nothing is out on every one of its days; of any other month
    nothing is known, which is 0 here: a lower bound. Reported days are kept. All are [..., months].
    """
    empty = (np.asarray(opening) == 0) & (np.asarray(received) == 0)
    out = np.asarray(days_out, dtype=np.float64)
    return np.where(np.isnan(out), np.where(empty, np.asarray(days, dtype=np.float64), 0.0), out)


@dataclass(frozen=True, slots=True)
class Demand:
    """What is known of the demand of each position; every array is [n] in the order of the positions.

    - `amc`: doses a month, NaN where nothing is known; `daily_mean` the same per day.
    - `dispersion`: variance of a month's demand / its mean, given the true level; 1 would be Poisson.
    - `uncertainty`: squared coefficient of variation of the level itself (thin history, drift).
    - `months_used`: how many months entered; `own_weight`: how much of the AMC is the place's own history, 0..1.
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


@dataclass(frozen=True, slots=True)
class Peers:
    """What the positions of one group have in common; arrays by group number.

    `level` is the mean demand (doses a month, or a ratio to the expected need where that is given), `spread` its
    variance between places, `dispersion` variance / mean of a month within a place. NaN where nothing is known.
    """

    level: Floats
    spread: Floats
    dispersion: Floats


#: Real levels move: the squared relative error of a perfectly known past mean as forecast of the months to come.
#: Measured on monthly reports of 156 health facilities (docs/risk.md).
DRIFT = 0.3

#: Where no history can tell, the variance of a month's demand is this many times that of a Poisson count: doses
#: go by the vial and by the session.
DEFAULT_DISPERSION = 10.0

#: Places of one kind never need quite the same: their variance is at least this share of the squared mean.
LEAST_SPREAD = 0.1

#: The relative variance that chance may add to the level of a place with next to no history.
MOST_CHANCE = 4.0

#: A place's own dispersion counts as its months; the peers' counts as this many.
_DISPERSION_PRIOR_MONTHS = 6.0


@dataclass(frozen=True, slots=True)
class _History:
    """Sums over the informative months of each position."""

    months: Floats
    used: Floats
    exposure: Floats
    squares: Floats
    ever_used: NDArray[np.bool_]


#: Rows summed at a time: bounds the memory of a nation with 36 months.
_CHUNK = 65_536


def _history(used: ArrayLike, days_out: ArrayLike, reported: ArrayLike, days: ArrayLike, window: int) -> _History:
    amounts = np.asarray(used)
    out, said = np.broadcast_to(days_out, amounts.shape), np.broadcast_to(reported, amounts.shape)
    lengths = np.broadcast_to(days, amounts.shape)
    pieces = [
        _sums(amounts[rows], out[rows], said[rows], lengths[rows], window)
        for rows in (slice(i, i + _CHUNK) for i in range(0, max(len(amounts), 1), _CHUNK))
    ]
    if len(pieces) == 1:
        return pieces[0]
    return _History(*(np.concatenate([getattr(piece, f.name) for piece in pieces]) for f in fields(_History)))


def _sums(used: ArrayLike, days_out: ArrayLike, reported: ArrayLike, days: ArrayLike, window: int) -> _History:
    amounts = np.asarray(used, dtype=np.float64)
    lengths = np.asarray(days, dtype=np.float64)
    out = np.nan_to_num(np.asarray(days_out, dtype=np.float64), nan=0.0)
    share = 1.0 - np.clip(out / lengths, 0.0, 1.0)
    known = np.asarray(reported, dtype=bool) & ~np.isnan(amounts)
    informative = known & (share >= IN_STOCK_AT_LEAST)
    latest = np.cumsum(informative[:, ::-1], axis=1, dtype=np.int16)[:, ::-1]
    chosen = informative & (latest <= window)
    months = chosen.sum(axis=1).astype(np.float64)
    taken = np.where(chosen, np.maximum(amounts, 0.0), 0.0)
    total = taken.sum(axis=1)
    # months x (days - days out) / days, so that the same use every month is its own mean, whatever the month's length.
    span = (chosen * lengths).sum(axis=1)
    exposure = months * (chosen * lengths * share).sum(axis=1) / np.where(span > 0, span, 1.0)
    rate = total / np.where(exposure > 0, exposure, 1.0)
    squares = np.where(chosen, (taken - rate[:, None] * share) ** 2 / np.where(chosen, share, 1.0), 0.0).sum(axis=1)
    return _History(months, total, exposure, squares, np.asarray((known & (amounts > 0)).any(axis=1)))


def _learn(history: _History, group: NDArray[np.intp], expected: Floats) -> Peers:
    """Moments of each group: Buehlmann and Straub's estimators, which are gamma-Poisson's with free dispersion."""

    def total(values: Floats, where: NDArray[np.bool_]) -> Floats:
        return np.bincount(group[where], values[where], minlength=size).astype(np.float64)

    size = int(group.max(initial=-1)) + 1
    usable = (history.used > 0) & (history.exposure > 0) & np.isfinite(expected) & (expected > 0)
    weight = np.where(usable, history.exposure * expected, 0.0)
    rate = np.where(usable, history.used / np.where(usable, weight, 1.0), 0.0)
    several = usable & (history.months >= 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        amount = total(weight, usable)
        level = total(history.used, usable) / amount
        per_month = history.used / np.where(history.exposure > 0, history.exposure, 1.0)
        dispersion = total(history.squares, several) / total(per_month * (history.months - 1), several)
        between = total(weight * (rate - level[group]) ** 2, usable)
        places = total(np.ones_like(weight), usable)
        effective = amount - total(weight**2, usable) / amount
        noise = np.nan_to_num(dispersion, nan=DEFAULT_DISPERSION) * level
        spread = np.maximum((between - (places - 1) * noise) / effective, 0.0)
    return Peers(level, np.where(places >= 3, spread, np.nan), dispersion)


def learn(
    used: ArrayLike,
    days_out: ArrayLike,
    reported: ArrayLike,
    days: ArrayLike,
    *,
    group: ArrayLike | None = None,
    expected_monthly: ArrayLike | None = None,
    window: int = WINDOW,
) -> Peers:
    """What the groups teach, from the arrays of `estimate`; keep it to estimate single positions alike later."""
    history = _history(used, days_out, reported, days, window)
    groups, expected = _context(len(history.used), group, expected_monthly)
    return _learn(history, groups, expected)


def estimate(
    used: ArrayLike,
    days_out: ArrayLike,
    reported: ArrayLike,
    days: ArrayLike,
    *,
    group: ArrayLike | None = None,
    expected_monthly: ArrayLike | None = None,
    handles: ArrayLike | None = None,
    peers: Peers | None = None,
    window: int = WINDOW,
) -> Demand:
    """Demand of every position from its full months, oldest first.

    `used`, `days_out` and `reported` are [n, m], `days` [m] (or [n, m]) the length of each month; what was not
    reported is missing, whatever stands in `used`. `group` [n] numbers the peers (0.. for example product x
    tier); `expected_monthly` [n] is another view of need, such as population: peers are then compared, and
    empty histories filled, in proportion to it. `handles` [n] says that the place is meant to have the product:
    with no evidence either way it needs what its peers need (default: where `expected_monthly` is above 0).
    `peers` comes from `learn`; without it the positions given are their own peers.

    A place with a full window keeps its own mean, which anyone can recompute by hand (`FORMULA`).
    """
    history = _history(used, days_out, reported, days, window)
    groups, expected = _context(len(history.used), group, expected_monthly)
    if peers is None:
        peers = _learn(history, groups, expected)
    meant = (expected > 0) & (expected_monthly is not None) if handles is None else np.asarray(handles, dtype=bool)
    if expected_monthly is not None:
        # Peers that nobody has used yet: the expected need itself.
        peers = Peers(np.nan_to_num(peers.level, nan=1.0), peers.spread, peers.dispersion)
    return _shrink(history, peers, groups, expected, meant, window)


def _context(n: int, group: ArrayLike | None, expected_monthly: ArrayLike | None) -> tuple[NDArray[np.intp], Floats]:
    groups = np.zeros(n, dtype=np.intp) if group is None else np.asarray(group, dtype=np.intp)
    return groups, np.ones(n) if expected_monthly is None else np.asarray(expected_monthly, dtype=np.float64)


def _shrink(
    history: _History, peers: Peers, group: NDArray[np.intp], expected: Floats, meant: NDArray[np.bool_], window: int
) -> Demand:
    months, exposure = history.months, history.exposure
    own = history.used / np.where(exposure > 0, exposure, 1.0)
    level = peers.level[group] * expected
    spread = np.maximum(peers.spread[group], LEAST_SPREAD * peers.level[group] ** 2) * expected**2

    pooled = np.nan_to_num(peers.dispersion[group], nan=DEFAULT_DISPERSION)
    squares = np.where(own > 0, history.squares / np.where(own > 0, own, 1.0), 0.0)
    degrees = np.where(own > 0, np.maximum(months - 1, 0), 0.0)
    dispersion = (squares + pooled * _DISPERSION_PRIOR_MONTHS) / (degrees + _DISPERSION_PRIOR_MONTHS)
    dispersion = np.maximum(dispersion, 1.0)

    # Credibility: the share of the variance that the place's own months do not explain by chance.
    alone = (months >= window) | ~np.isfinite(spread) | (spread <= 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        weight = np.where(alone, 1.0, exposure / (exposure + dispersion * level / spread))
        weight = np.where(exposure > 0, weight, 0.0)
        amc = np.where(weight >= 1, own, weight * own + (1 - weight) * level)
        chance = np.where(alone, dispersion * amc / exposure, (1 - weight) * spread) / amc**2
    amc = np.where((history.used == 0) & (months >= QUIET_MONTHS), 0.0, amc)
    # Peers say how much a place needs, not that it needs: without stock, use or intent nothing is known of it.
    amc = np.where((months == 0) & ~meant & ~history.ever_used, np.nan, amc)
    return Demand(
        amc=amc,
        daily_mean=amc / DAYS_PER_MONTH,
        dispersion=dispersion,
        uncertainty=DRIFT + np.clip(np.nan_to_num(chance, nan=0.0, posinf=MOST_CHANCE), 0.0, MOST_CHANCE),
        months_used=months.astype(np.int16),
        own_weight=weight,
        active=amc > 0,
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
    )


def shift(used: ArrayLike, days_out: ArrayLike, reported: ArrayLike, days: ArrayLike, *, recent: int = 3) -> Floats:
    """Recent use / usual use: the AMC of the last `recent` months over that of the months before them.

    Arrays as in `estimate`. NaN unless every recent month and at least as many earlier ones were reported with
    stock, and something was used in those.
    """
    amounts = np.asarray(used)
    months = amounts.shape[1]
    latest = np.broadcast_to(np.arange(months) >= months - recent, amounts.shape)
    said = np.broadcast_to(reported, amounts.shape)
    now = _history(amounts, days_out, said & latest, days, recent)
    before = _history(amounts, days_out, said & ~latest, days, WINDOW)
    enough = (now.months >= recent) & (before.months >= recent) & (before.used > 0)
    usual = np.where(enough, before.used / np.where(enough, before.exposure, 1.0), 1.0)
    return np.where(enough, now.used / np.where(enough, now.exposure, 1.0) / usual, np.nan)
