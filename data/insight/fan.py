"""How will stock run down? The range of what is left on each of the days ahead, if nothing unconfirmed arrives.

The same model as `risk`: demand of so many days has mean m = AMC x days / 30.44 and variance dispersion x m +
uncertainty x m^2, here as the gamma of these moments; lots are used first expired, first out; what is on its way
comes on its day, or late. Pure: values in, values out, and the same answer for the same values.
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
class Coming:
    """Doses that were sent and have not arrived, expected in so many days, negative when overdue.

    A share `on_time` comes by its day, the others an exponential time later, `mean_days_late` in the mean.
    """

    doses: int
    days: int
    on_time: float
    mean_days_late: float


@dataclass(frozen=True, slots=True)
class Fan:
    """Doses left at the end of each day from today (0) to `DAYS`: at most so many in 10, 50 and 90 % of futures.

    `out` is the share of futures that have had nothing left on one of the days so far.
    """

    p10: Floats
    p50: Floats
    p90: Floats
    out: Floats


def spread(lots: Sequence[Lot], amc: float, dispersion: float, uncertainty: float, coming: Coming | None = None) -> Fan:
    """Follow the futures of one position; `amc` is above 0."""
    used = _used(amc, dispersion, uncertainty)
    arrives, weight = _arrivals(coming)
    futures = (_LEVELS.size, arrives.size)
    ordered = sorted(lots, key=lambda lot: math.inf if lot.days_left is None else lot.days_left)
    # What arrives is the last in order: nothing is known of its expiry.
    held = np.zeros((len(ordered) + 1, *futures))
    held[:-1] = np.array([lot.doses for lot in ordered], dtype=np.float64)[:, None, None]
    left = np.empty((DAYS + 1, *futures))
    left[0] = held.sum(axis=0)
    for day in range(1, DAYS + 1):
        if coming is not None:
            held[-1] += np.where(arrives == day, coming.doses, 0.0)
        _use(held, used[day])
        for place, lot in enumerate(ordered):
            if lot.days_left is not None and lot.days_left <= day:
                held[place] = 0.0
        left[day] = held.sum(axis=0)
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


def _arrivals(coming: Coming | None) -> tuple[NDArray[np.int64], Floats]:
    """The days on which what is on its way may come, and how likely each of them is."""
    if coming is None:
        return np.array([-1]), np.ones(1)
    late = np.ceil(max(coming.days, 0) - np.log1p(-_DELAYS) * coming.mean_days_late).astype(np.int64)
    share = np.full(_DELAYS.size, 1 / _DELAYS.size)
    if coming.days < 0:
        return np.maximum(late, 1), share
    return np.r_[max(coming.days, 1), np.maximum(late, 1)], np.r_[coming.on_time, (1 - coming.on_time) * share]


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
