"""How does what was learnt change what was counted? One number of a position, in log odds, in force while a month runs.

The learned model speaks once, when a month has ended, of the month to come; stock moves on every day. So its answer is
kept as a distance from what the count model says at that moment, and laid on whatever the count model says later:

    shift = logit(learned) - CARRIED x logit(counted)
    within 30 days:  logit(p') = shift + CARRIED x logit(p)
    anything else:   logit(q') = logit(p') + SPREAD x (logit(q) - logit(p))

At the month's end p' is the learned answer itself. Horizons keep their order, and more stock never means more risk. The
two shares were chosen on forecasts of April 2017 to March 2018 (docs/risk.md). Pure.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

#: Chances are taken to be at least so large, and at most 1 less it: in whole percent still 0 and 100.
LEAST = 0.004
#: Of a change of the count model's log odds since the month ended so much is believed.
CARRIED = 0.75
#: And of their distance from those of 30 days to those of another horizon.
SPREAD = 0.5


def log_odds(chance: ArrayLike) -> Floats:
    """The log odds of chances, of which none is certain."""
    return np.asarray(special.logit(np.clip(np.asarray(chance, dtype=np.float64), LEAST, 1 - LEAST)))


def between(learned: ArrayLike, counted: ArrayLike) -> Floats:
    """The shift from what was counted to what was learnt, as PostgreSQL will have it; NaN where either is."""
    found = log_odds(learned) - CARRIED * log_odds(counted)
    return np.asarray(found.astype(np.float32).astype(np.float64))


def month(counted: ArrayLike, shift: ArrayLike) -> Singles:
    """The chance of running out within 30 days, of what the count model says of them."""
    return np.asarray(special.expit(np.asarray(shift) + CARRIED * log_odds(counted)), dtype=np.float32)


def other(counted: ArrayLike, counted_month: ArrayLike, shifted_month: ArrayLike) -> Singles:
    """The chance of running out within other days, by those of 30 days as counted and as shifted."""
    apart = SPREAD * (log_odds(counted) - log_odds(counted_month))
    return np.asarray(special.expit(log_odds(shifted_month) + apart), dtype=np.float32)
