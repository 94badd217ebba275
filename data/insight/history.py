"""In which state was a place at the end of each past month? The rule of today, with what was known then.

The day of a past delivery is seldom part of a monthly report: it is then taken to be the middle of the month.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.insight import ahead, demand, policy, risk
from data.types import State

#: The fewest full months that a position is judged by.
WINDOW_MONTHS = 12
_MIDDLE = 15.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How months ended, all [n, m]: state, probability before the next delivery, P(out within 30 days) from then.

    `expected` is the demand that was in force while the month ran, in doses a month, from the months before it: what
    its use and its balance are held against. NaN where nothing was known.
    """

    state: NDArray[np.uint8]
    probability: NDArray[np.float32]
    within_30: NDArray[np.float32]
    expected: NDArray[np.float32]


def states(
    *,
    closing: NDArray[np.float64],
    opening: NDArray[np.float64],
    received: NDArray[np.float64],
    used: NDArray[np.float64],
    days_out: NDArray[np.float64],
    days: NDArray[np.float64],
    group: NDArray[np.intp],
    expected_monthly: NDArray[np.float64],
    doses_per_vial: NDArray[np.float64],
    lead_time_days: NDArray[np.float64],
    delivery_interval_days: NDArray[np.float64],
    supplies: NDArray[np.bool_],
    preset: str | NDArray[np.integer[Any]],
    method: NDArray[np.integer[Any]] | None = None,
    window: NDArray[np.integer[Any]] | int = policy.WINDOW,
    since_received: NDArray[np.float64] | None = None,
) -> Ended:
    """How every month [n, m] ended; amounts are doses, NaN if not reported.

    Months are columns, oldest first, without gaps; `days` [m] are their lengths. Each month is judged by itself and the
    eleven before it, never by a later one. `preset`, `method` and `window` are what `policy.choose` gives for each
    position, or the name of one preset for all. `since_received` [n, m] are the days from a month's last delivery to
    its end; where it is not known, a delivery came in the middle.
    """
    n, m = closing.shape
    state = np.full((n, m), int(State.NO_REPORT), dtype=np.uint8)
    probability, within_30, expected = (np.full((n, m), np.nan, dtype=np.float32) for _ in range(3))
    out = demand.days_out_at_least(days_out, opening, received, days, used=used)
    reported = ~np.isnan(closing)
    # A place that reports zeros of a product which it never had is not out of it.
    had_some = (np.nan_to_num(closing) > 0) | (np.nan_to_num(received) > 0) | (np.nan_to_num(used) > 0)
    since_delivery = np.full(n, np.nan)
    for t in range(m):
        arrived = np.nan_to_num(received[:, t]) > 0
        last = np.full(n, _MIDDLE) if since_received is None else np.nan_to_num(since_received[:, t], nan=_MIDDLE)
        since_delivery = np.where(arrived, last, since_delivery + days[t])
        seen = slice(max(0, t + 1 - WINDOW_MONTHS), t + 1)
        need = demand.estimate(
            used[:, seen], out[:, seen], reported[:, seen], days[seen],
            group=group, expected_monthly=expected_monthly, handles=had_some[:, seen].any(axis=1),
            window=window, method=method,
        )  # fmt: skip
        low, high = policy.bands_of(preset, need.amc, lead_time_days, delivery_interval_days, supplies=supplies)
        answer = risk.assess(
            risk.Positions(
                usable=np.nan_to_num(closing[:, t]),
                doses_per_vial=doses_per_vial,
                demand=need,
                days_to_next_delivery=delivery_interval_days - since_delivery,
                days_since_report=np.where(reported[:, t], 0.0, np.nan),
                minimum=low,
                maximum=high,
                delivery_interval_days=delivery_interval_days,
            )
        )
        state[:, t], probability[:, t] = answer.state, answer.probability
        within_30[:, t] = answer.within[:, ahead.MONTH]
        if t + 1 < m:
            expected[:, t + 1] = need.amc
    return Ended(state, probability, within_30, expected)
