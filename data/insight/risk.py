"""Will this place run out before its next delivery arrives? State, probability and days of cover of positions.

One position is the same code as a nation: arrays of one. What counts as demand is decided in `demand`, what is
too little or too much in `policy`; this module reads neither tables nor clocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage, special

from data.insight.demand import Demand
from data.insight.policy import DAYS_PER_MONTH
from data.types import NO_PROBABILITY, WORST_FIRST, State

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Days of cover are shown up to two years; what would last longer is this.
MOST_COVER_DAYS = 730.0

#: Bands come from real-valued AMC: a stock that differs from its band by less than this share of it is exactly at it.
_AT_THE_BAND = 1e-6

#: Gauss-Laguerre, three nodes: the mean over an exponential delay, exact for polynomials to the fifth degree.
_DELAY_NODES, _DELAY_WEIGHTS = special.roots_laguerre(3)

#: The axes of the table of cover: stock in units of the dispersion, and the uncertainty of demand.
_LOG_LOTS = np.linspace(np.log(1e-2), np.log(1e5), 97)
_LOG_UNCERTAINTY = np.linspace(np.log(1e-3), np.log(1e1), 33)


@dataclass(frozen=True, slots=True)
class Delay:
    """How late deliveries are: a share arrives by the day it is due, the others an exponential time later.

    An exponential wait has no memory, so what is overdue is expected `mean_days_late` from now, however long it
    has been overdue.
    """

    on_time: float = 0.75
    mean_days_late: float = 7.0


@dataclass(frozen=True, slots=True)
class Positions:
    """What is known of n positions (facility x product) on one day; arrays of n, or one value for all.

    - `usable`: doses that may be used today; `doses_per_vial` of the product.
    - `demand`: see `demand.estimate`.
    - `days_to_next_delivery`: negative when overdue; NaN where none is planned: then a whole delivery interval.
    - `days_since_report`: NaN where nothing was ever reported; `report_interval_days` and `grace_days`.
    - `minimum`, `maximum`: doses, see `policy.bands`; NaN where not known.
    - `expiring`: doses that will expire before they can be used; NaN where expiry is not known.
    - `handles`: the facility is meant to have the product, so that a demand that is not known counts as demand.
    """

    usable: ArrayLike
    doses_per_vial: ArrayLike
    demand: Demand
    days_to_next_delivery: ArrayLike
    days_since_report: ArrayLike
    minimum: ArrayLike
    maximum: ArrayLike
    delivery_interval_days: ArrayLike = 30
    report_interval_days: ArrayLike = 31
    grace_days: ArrayLike = 7
    expiring: ArrayLike = np.nan
    handles: ArrayLike = False


@dataclass(frozen=True, slots=True)
class Assessment:
    """The answer for n positions, in their order.

    - `state`: values of `data.types.State`.
    - `probability` of running out before the next delivery arrives: 1 for STOCKOUT, NaN for NO_REPORT and INACTIVE.
    - `cover_p10`, `cover_p50`, `cover_p90`: days until the last dose is used if nothing arrives; with 10, 50 and
      90 % probability it is gone by then. At most `MOST_COVER_DAYS`; 0 when out; NaN where there is no probability.
    - `cover_days`: usable / daily demand, the plain rule that the state goes by; `wait_days`: until the delivery.
    """

    state: NDArray[np.uint8]
    probability: NDArray[np.float32]
    cover_p10: NDArray[np.float32]
    cover_p50: NDArray[np.float32]
    cover_p90: NDArray[np.float32]
    cover_days: NDArray[np.float32]
    wait_days: NDArray[np.float32]


def assess(positions: Positions, delay: Delay | None = None) -> Assessment:
    """Assess positions: the state by the plain rule, the probability and the cover by a count model.

    State, the first that applies (DOMAIN: bands and the state on the map):

    1. NO_REPORT: no stock reported, or not within interval + grace; the last day of grace still counts as reported.
    2. INACTIVE: no demand, whatever is in stock. Less than a vial without demand is not a stockout, and stock
       without demand is neither adequate nor over: there is nothing to judge it by. So is stock of which the demand
       is not known at all.
    3. STOCKOUT: less than one vial usable, with demand. Where the demand is not known but the facility is meant
       to have the product, an empty shelf is a stockout.
    4. CRITICAL: cover shorter than the time to the next delivery.
    5. LOW: below the minimum. 6. OVERSTOCK: above the maximum, or at least one dose will expire before use.
    7. ADEQUATE, also exactly at the minimum or the maximum.

    An unknown band, expiry or delivery never decides a state.
    """
    delay = delay or Delay()
    at = _arrays(positions)
    state, judged, cover, wait = _judge(at, delay)

    out = state == State.STOCKOUT
    probability = np.full(at.n, np.nan)
    probability[out] = 1.0
    covers = [np.where(out, 0.0, np.nan) for _ in range(3)]
    which = np.flatnonzero(judged)
    if which.size:
        usable, monthly, dispersion, uncertainty = (
            values[which] for values in (at.usable, at.monthly, at.dispersion, at.uncertainty)
        )
        probability[which] = _runs_out(
            usable, monthly, dispersion, uncertainty, at.due[which], at.interval[which], delay
        )
        for values, share in zip(covers, (0.1, 0.5, 0.9), strict=True):
            values[which] = _cover(usable, monthly, dispersion, uncertainty, share)
    shown = np.where(out, 0.0, np.minimum(cover, MOST_COVER_DAYS))
    p10, p50, p90 = (values.astype(np.float32) for values in covers)
    return Assessment(
        state, probability.astype(np.float32), p10, p50, p90, shown.astype(np.float32), wait.astype(np.float32)
    )


def states(positions: Positions, delay: Delay | None = None) -> NDArray[np.uint8]:
    """The states of `assess` without the rest, which takes far longer."""
    return _judge(_arrays(positions), delay or Delay())[0]


def _judge(at: _At, delay: Delay) -> tuple[NDArray[np.uint8], Bools, Floats, Floats]:
    """The states; which positions have a probability; the cover in days, and the wait for the next delivery."""
    wait = expected_wait(at.due, at.interval, delay)
    reported = (at.since_report <= at.report_within) & ~np.isnan(at.usable)
    judged = reported & at.active & (at.usable >= at.vial) & at.known
    with np.errstate(invalid="ignore", divide="ignore"):
        cover = np.where(at.known & at.active, at.usable / at.daily, np.nan)
    return _state(at, reported, judged, cover, wait), judged, cover, wait


@dataclass(frozen=True, slots=True)
class _At:
    """Positions as full arrays of one length, with the words that the rules use."""

    n: int
    usable: Floats
    vial: Floats
    monthly: Floats
    daily: Floats
    dispersion: Floats
    uncertainty: Floats
    known: Bools
    active: Bools
    due: Floats
    interval: Floats
    since_report: Floats
    report_within: Floats
    minimum: Floats
    maximum: Floats
    expiring: Floats


def _arrays(p: Positions) -> _At:
    n = np.broadcast(np.atleast_1d(p.usable), np.atleast_1d(p.demand.amc)).size

    def full(values: ArrayLike) -> Floats:
        return np.broadcast_to(np.asarray(values, dtype=np.float64), (n,))

    monthly = full(p.demand.amc)
    known = np.isfinite(monthly) & (monthly > 0)
    meant = np.broadcast_to(np.asarray(p.handles, dtype=bool), (n,))
    demanded = np.broadcast_to(np.asarray(p.demand.active, dtype=bool), (n,))
    return _At(
        n=n,
        usable=full(p.usable),
        vial=full(p.doses_per_vial),
        monthly=monthly,
        daily=monthly / DAYS_PER_MONTH,
        dispersion=full(p.demand.dispersion),
        uncertainty=full(p.demand.uncertainty),
        known=known,
        active=(demanded & known) | (meant & np.isnan(monthly)),
        due=full(p.days_to_next_delivery),
        interval=full(p.delivery_interval_days),
        since_report=full(p.days_since_report),
        report_within=full(p.report_interval_days) + full(p.grace_days),
        minimum=full(p.minimum),
        maximum=full(p.maximum),
        expiring=full(p.expiring),
    )


def _state(at: _At, reported: Bools, judged: Bools, cover: Floats, wait: Floats) -> NDArray[np.uint8]:
    # Comparisons with NaN are false, which is what "an unknown never decides" means.
    below = at.usable < at.minimum * (1 - _AT_THE_BAND)
    above = (at.usable > at.maximum * (1 + _AT_THE_BAND)) | (at.expiring >= 1)
    rules = (
        (~reported, State.NO_REPORT),
        (at.active & (at.usable < at.vial), State.STOCKOUT),
        (~judged, State.INACTIVE),
        (cover < wait, State.CRITICAL),
        (below, State.LOW),
        (above, State.OVERSTOCK),
    )
    return np.select(
        [condition for condition, _ in rules],
        [np.uint8(state) for _, state in rules],
        default=np.uint8(State.ADEQUATE),
    )


def expected_wait(due: ArrayLike, interval: ArrayLike, delay: Delay) -> Floats:
    """Days until the next delivery: until it is due; its mean delay when overdue; an interval when none is planned."""
    days, planned = np.asarray(due, dtype=np.float64), np.asarray(interval, dtype=np.float64)
    return np.where(np.isnan(days), planned, np.where(days < 0, delay.mean_days_late, days))


def _runs_out(
    usable: Floats,
    monthly: Floats,
    dispersion: Floats,
    uncertainty: Floats,
    due: Floats,
    interval: Floats,
    delay: Delay,
) -> Floats:
    """P(demand until the next delivery arrives takes the last dose), over the time at which it may arrive."""
    overdue = due < 0
    base = np.where(np.isnan(due), interval, np.maximum(due, 0.0))
    punctual = np.where(overdue, 0.0, delay.on_time)
    probability = punctual * _takes_all(usable, monthly, dispersion, uncertainty, base)
    for node, weight in zip(_DELAY_NODES, _DELAY_WEIGHTS, strict=True):
        days = base + node * delay.mean_days_late
        probability += (1 - punctual) * weight * _takes_all(usable, monthly, dispersion, uncertainty, days)
    return np.clip(probability, 0.0, 1.0)


def _takes_all(usable: Floats, monthly: Floats, dispersion: Floats, uncertainty: Floats, days: Floats) -> Floats:
    """P(D >= usable) where D, the demand of so many days, is negative binomial.

    Its mean is m = monthly x days / 30.44 and its variance dispersion x m + uncertainty x m^2, which makes its
    shape m / (dispersion - 1 + uncertainty x m); P(D >= k) is the regularised incomplete beta I(k, shape) at
    m / (m + shape).
    """
    mean = np.maximum(monthly * days / DAYS_PER_MONTH, 1e-9)
    excess = np.maximum(dispersion - 1 + uncertainty * mean, 1e-6)
    return np.asarray(special.betainc(np.maximum(usable, 1e-9), mean / excess, excess / (1 + excess)))


def _cover(usable: Floats, monthly: Floats, dispersion: Floats, uncertainty: Floats, share: float) -> Floats:
    """Days by which the last dose is used with probability `share`: the time at which `_takes_all` reaches it.

    Taken from the gamma of the same mean and variance, with half a dose for going from counts to amounts: in
    units of the dispersion its answer depends on stock and uncertainty alone, so that a table holds it.
    """
    lots = (usable - np.minimum(0.5, usable / 2)) / dispersion
    at = (_place(lots, _LOG_LOTS), _place(uncertainty, _LOG_UNCERTAINTY))
    mean = np.exp(ndimage.map_coordinates(_cover_table(share), at, order=1, mode="nearest", prefilter=False))
    return np.asarray(np.minimum(mean * lots * dispersion / monthly * DAYS_PER_MONTH, MOST_COVER_DAYS))


def _place(values: Floats, axis: Floats) -> Floats:
    return np.asarray((np.log(np.maximum(values, 1e-12)) - axis[0]) / (axis[1] - axis[0]))


@cache
def _cover_table(share: float) -> Floats:
    """Log of (mean demand at which P(gamma >= stock) = share) / stock, by log stock and log uncertainty."""
    lots, uncertainty = np.exp(_LOG_LOTS)[:, None], np.exp(_LOG_UNCERTAINTY)[None, :]
    shape = (lots.size, uncertainty.size)
    low, high = np.full(shape, -12.0), np.full(shape, 12.0)
    for _ in range(26):
        middle = (low + high) / 2
        mean = lots * np.exp(middle)
        scale = 1 + uncertainty * mean
        reached = special.gammaincc(mean / scale, lots / scale) >= share
        low, high = np.where(reached, low, middle), np.where(reached, middle, high)
    return np.asarray((low + high) / 2)


def decile(probability: ArrayLike) -> NDArray[np.uint8]:
    """The byte of a value vector: 0 for [0, 10 %) to 9 for [90 %, 100 %], 255 where there is no probability."""
    values = np.asarray(probability, dtype=np.float64)
    known = ~np.isnan(values)
    # A stored float32 of 0.3 is a little more or less than 0.3: rounding first keeps it in its own decile.
    tenths = np.clip(np.floor(np.round(np.where(known, values, 0.0) * 10, 5)), 0, 9)
    return np.where(known, tenths, NO_PROBABILITY).astype(np.uint8)


_RANK = np.empty(len(State), dtype=np.uint8)
_RANK[[int(state) for state in WORST_FIRST]] = range(len(WORST_FIRST))
_BY_RANK = np.array([int(state) for state in WORST_FIRST], dtype=np.uint8)


def worst(
    states: ArrayLike, probabilities: ArrayLike, tracers: ArrayLike = True
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return the worst state, and the highest probability, of each facility's tracers.

    `states` and `probabilities` are [facilities, products]; `tracers` [products] or [facilities, products] says which
    count. A facility without any is INACTIVE; one without any probability has NaN.
    """
    state, probability = np.asarray(states, dtype=np.uint8), np.asarray(probabilities, dtype=np.float32)
    counts = np.broadcast_to(np.asarray(tracers, dtype=bool), state.shape)
    last = np.uint8(len(WORST_FIRST))
    rank = np.where(counts, _RANK[state], last).min(axis=1, initial=last)
    highest = np.where(counts & ~np.isnan(probability), probability, -1).max(axis=1, initial=-1)
    chosen = np.where(rank < last, _BY_RANK[np.minimum(rank, last - 1)], np.uint8(State.INACTIVE))
    return chosen.astype(np.uint8), np.where(highest < 0, np.nan, highest).astype(np.float32)
