"""How may the balance go over the next weeks? The fan of the chart, for one position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special


@dataclass(frozen=True, slots=True)
class Fan:
    """Balance in doses at the end of day 0 (today) .. n; in 10 % of futures it is below `p10`, in 10 % above `p90`."""

    day: NDArray[np.int32]
    p10: NDArray[np.float64]
    p50: NDArray[np.float64]
    p90: NDArray[np.float64]


def fan(
    usable: float,
    daily_mean: float,
    dispersion: float,
    uncertainty: float,
    *,
    deliveries: Sequence[tuple[int, float]] = (),
    days: int = 90,
) -> Fan:
    """Balance of one position if demand runs high, as expected, or low.

    The demand until each day has the mean and variance of `risk` (a gamma in place of the counts, which a chart
    does not tell apart). `deliveries` are (days from today, doses); what arrives on a day counts that same day.
    Each line is one future in which demand keeps to its own quantile; a balance never falls below zero, and what
    could not be given is lost, not owed. The parameters are one position's of `demand.Demand`.
    """
    day = np.arange(days + 1)
    arrived = np.zeros(days + 1)
    for when, doses in deliveries:
        if 0 <= when <= days:
            arrived[when] += doses
    mean = np.maximum(daily_mean * day, 1e-9)
    scale = dispersion + uncertainty * mean
    lines = []
    for quantile in (0.9, 0.5, 0.1):
        demand = special.gammaincinv(mean / scale, quantile) * scale
        lines.append(_walk(float(usable), np.diff(np.maximum.accumulate(demand), prepend=0.0), arrived))
    return Fan(day.astype(np.int32), *lines)


def _walk(usable: float, demand: NDArray[np.float64], arrived: NDArray[np.float64]) -> NDArray[np.float64]:
    balance = np.empty_like(demand)
    for day, (out, received) in enumerate(zip(demand, arrived, strict=True)):
        usable = max(usable + received - out, 0.0)
        balance[day] = usable
    return balance
