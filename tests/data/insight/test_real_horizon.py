"""Do the chances within 30 days come true? At 156 real health facilities, month after month, from the past only.

The figures are in docs/risk.md; `measure` prints them.
"""

from pathlib import Path

import numpy as np
import pytest
from test_real_stockouts import DAYS, TESTED, auc, brier, read

from data.insight import history

EDGES = np.array([0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.01])


def measure(folder: Path) -> dict[str, object]:
    """What `stock_month.within_30` would have said at the end of each month, and what the next month brought."""
    opening, received, used, closing, product = read(folder)
    n = len(closing)
    within = history.states(
        closing=closing, opening=opening, received=received, used=used, days_out=np.full(used.shape, np.nan),
        days=DAYS, group=product, expected_monthly=np.full(n, np.nan), doses_per_vial=np.ones(n),
        lead_time_days=np.full(n, 7.0), delivery_interval_days=np.full(n, 30.0), supplies=np.zeros(n, dtype=bool),
        preset="NPHCDA",
    ).within_30  # fmt: skip
    chances, outs, held = [], [], []
    for t in TESTED:
        told = ~np.isnan(within[:, t]) & ~np.isnan(closing[:, t + 1])
        chances.append(within[told, t])
        outs.append(closing[told, t + 1] == 0)
        held.append(closing[told, t] > 0)
    chance, out, stock = (np.concatenate(values) for values in (chances, outs, held))
    chance, out = chance[stock], out[stock]
    place = np.digitize(chance, EDGES) - 1
    return {
        "forecasts": len(out),
        "auc": auc(out, chance),
        "brier": brier(out, chance),
        "expected": float(chance.mean()),
        "happened": float(out.mean()),
        "bins": [
            (
                int((place == b).sum()),
                round(float(chance[place == b].mean()), 3),
                round(float(out[place == b].mean()), 3),
            )
            for b in range(len(EDGES) - 1)
        ],
    }


def test_the_chances_within_thirty_days_rank_real_stockouts_and_are_of_the_right_size(shared_data: Path) -> None:
    found = measure(shared_data)
    assert found["forecasts"] > 5000
    # Months of stock with an isotonic fit: 0.692 and 0.0641; the mean rate: 0.069.
    assert found["auc"] > 0.76
    assert found["brier"] < 0.068
    assert found["expected"] == pytest.approx(found["happened"], rel=0.2)
