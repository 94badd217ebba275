"""A nation made up for measuring: 50,000 facilities x 15 products with lots, deliveries and what was learnt of each."""

from __future__ import annotations

import resource
import time

import numpy as np

from data.insight import demand, expiry, policy, risk
from data.insight.delay import Delay

POSITIONS = 50_000 * 15
ONES = 300


def look_ahead(positions: int = POSITIONS) -> tuple[float, float, float]:
    """CPU seconds for all horizons of a nation; CPU milliseconds for one position; megabytes at most."""
    rng = np.random.default_rng(1)
    amc = rng.gamma(1.5, 60, positions)
    stock = (amc * rng.gamma(1.2, 0.8, positions)).astype(np.int64)
    due, on_time, late = rng.integers(-5, 30, positions), rng.uniform(0.5, 1, positions), rng.uniform(3, 20, positions)
    coming = np.where(rng.random(positions) < 0.05, 60, 0)
    learnt = rng.normal(0, 1, positions)
    left = np.sort(rng.integers(5, 500, (positions, 2)).astype(np.float64), axis=1)

    def work(n: int) -> float:
        began = time.process_time()
        need = demand.plain(amc[:n], dispersion=10.0, uncertainty=0.4)
        low, high = policy.bands("NPHCDA", need.amc, 7, 30)
        place = np.repeat(np.arange(n), 2)
        doses = np.column_stack([stock[:n] // 3, stock[:n] - stock[:n] // 3]).ravel()
        days = left[:n].ravel()
        risk.assess(
            risk.Positions(
                usable=stock[:n],
                doses_per_vial=10,
                demand=need,
                days_to_next_delivery=due[:n],
                days_since_report=3,
                minimum=low,
                maximum=high,
                coming=coming[:n],
                expiring=expiry.expiring(place, doses, days, need.daily_mean),
                lots=expiry.lots(place, doses, days),
                shift=learnt[:n],
            ),
            Delay(on_time[:n], late[:n]),
        )
        return time.process_time() - began

    work(1)
    one = float(np.median([work(1) for _ in range(ONES)]))
    nation = min(work(positions) for _ in range(2))
    return nation, 1000 * one, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
