"""How will stock run down, and up? The range of what is left on each of the days ahead.

The same model as `risk`, followed day by day: demand of so many days has mean m = AMC x days / 30.44 and variance
dispersion x m + uncertainty x m^2, here as the gamma of these moments; whoever needs much needs much all the time; lots
are used first expired, first out; deliveries come on their day, or late. Pure: the same answer for the same values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from data.insight.policy import DAYS_PER_MONTH

Floats = NDArray[np.float64]

#: Days that are looked ahead, and the share of futures below each line.
DAYS = 90
SHARES = (0.1, 0.5, 0.9)

#: Futures that are followed: so many levels of demand, by so many delays of what is on its way.
_LEVELS = (np.arange(80) + 0.5) / 80
_DELAYS = (np.arange(8) + 0.5) / 8

#: Demand goes in whole doses: less than half of one is none.
_HALF = 0.5


@dataclass(frozen=True, slots=True)
class Lot:
    """Usable doses that may be given for so many days yet, today included; None is without an expiry on record."""

    doses: int
    days_left: int | None


@dataclass(frozen=True, slots=True)
class Deliveries:
    """When the next delivery is due, and what deliveries bring.

    `days` until it is due, negative when overdue; a share `on_time` comes by its day, the others an exponential time
    later, `mean_days_late` in the mean. What was sent brings `coming` doses; any other delivery, every `interval` days
    from then on, fills a place up to `fill_to`, or leaves what is there where that is more.
    """

    days: int
    interval: int
    on_time: float
    mean_days_late: float
    fill_to: float
    coming: int = 0


@dataclass(frozen=True, slots=True)
class Fan:
    """Doses left at the end of each day from today (0) to `DAYS`: at most so many in 10, 50 and 90 % of futures.

    `out` is the share of futures that have had nothing left on one of the days so far.
    """

    p10: Floats
    p50: Floats
    p90: Floats
    out: Floats


def spread(
    lots: Sequence[Lot], amc: float, dispersion: float, uncertainty: float, deliveries: Deliveries | None = None
) -> Fan:
    """Follow the futures of one position; `amc` is above 0. Without `deliveries`: as if nothing ever arrived."""
    used = _used(amc, dispersion, uncertainty)
    arrives, weight = _arrivals(deliveries)
    futures = (_LEVELS.size, arrives.size)
    ordered = sorted(lots, key=lambda lot: math.inf if lot.days_left is None else lot.days_left)
    # What arrives is the last in order: nothing is known of its expiry.
    held = np.zeros((len(ordered) + 1, *futures))
    held[:-1] = np.array([lot.doses for lot in ordered], dtype=np.float64)[:, None, None]
    left = np.empty((DAYS + 1, *futures))
    left[0] = held.sum(axis=0)
    for day in range(DAYS + 1):
        if day:
            _use(held, used[day])
            _expire(held, ordered, day)
            left[day] = held.sum(axis=0)
        if deliveries is not None:
            _arrive(held, day - arrives, deliveries)
    paths = np.where(left < _HALF, 0.0, left).reshape(DAYS + 1, -1)
    weights = np.repeat(weight[None], _LEVELS.size, axis=0).ravel() / _LEVELS.size
    out = (np.minimum.accumulate(paths, axis=0) == 0) @ weights
    return Fan(*_quantiles(paths, weights), np.round(out, 9))


def _used(amc: float, dispersion: float, uncertainty: float) -> Floats:
    """Doses used on each day [days, levels, 1], along the paths that stay at their level of the cumulated demand."""
    mean = amc * np.arange(1, DAYS + 1)[:, None] / DAYS_PER_MONTH
    scale = dispersion + uncertainty * mean
    total = special.gammaincinv(mean / scale, _LEVELS[None]) * scale
    total = np.maximum.accumulate(np.vstack([np.zeros_like(_LEVELS)[None], total]), axis=0)
    return np.asarray(np.diff(total, axis=0, prepend=0.0)[..., None])


def _arrivals(deliveries: Deliveries | None) -> tuple[NDArray[np.int64], Floats]:
    """The days on which the next delivery may come, and how likely each of them is."""
    if deliveries is None:
        return np.zeros(1, dtype=np.int64), np.ones(1)
    base = max(deliveries.days, 0)
    late = np.ceil(base - np.log1p(-_DELAYS) * deliveries.mean_days_late).astype(np.int64)
    share = np.full(_DELAYS.size, 1 / _DELAYS.size)
    if deliveries.days < 0:
        return late, share
    return np.r_[base, late], np.r_[deliveries.on_time, (1 - deliveries.on_time) * share]


def _arrive(held: Floats, since: NDArray[np.int64], deliveries: Deliveries) -> None:
    """Put what comes at the end of this day into the last place; `since` the first arrival, by future."""
    again = (since > 0) & (since % max(deliveries.interval, 1) == 0)
    first = since == 0
    filled = np.maximum(deliveries.fill_to - held.sum(axis=0), 0.0)
    brought = np.where(first & (deliveries.coming > 0), float(deliveries.coming), filled)
    held[-1] += np.where(first | again, brought, 0.0)


def _expire(held: Floats, lots: Sequence[Lot], day: int) -> None:
    for place, lot in enumerate(lots):
        if lot.days_left is not None and lot.days_left <= day:
            held[place] = 0.0


def _use(held: Floats, wanted: Floats) -> None:
    """Take what is wanted out of the lots in their order; what is not there is not used."""
    rest = np.broadcast_to(wanted, held.shape[1:]).copy()
    for lot in held:
        taken = np.minimum(lot, rest)
        lot -= taken
        rest -= taken


def _quantiles(left: Floats, weights: Floats) -> tuple[Floats, Floats, Floats]:
    order = np.argsort(left, axis=1)
    reached = np.cumsum(weights[order], axis=1)
    days = np.arange(left.shape[0])
    low, middle, high = (
        left[days, order[days, np.argmax(reached >= share - 1e-9, axis=1)]] for share in SHARES
    )  # fmt: skip
    return low, middle, high
