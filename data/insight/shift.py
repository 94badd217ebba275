"""How does what was learnt change what is counted? One number of a position, in log odds, in force while a month runs.

The learned model speaks once, when a month has ended, of the month to come; stock moves on every day. So its answer is
kept as a distance from what the count model says at that moment, and laid on whatever the count model says later:

    shift = logit(learned) - CARRIED x logit(counted)
    as learnt, within 30 days:     v(30) = shift + CARRIED x logit(p30)
    as learnt, within other days:  v(d)  = v(30) + SPREAD x (logit(pd) - logit(p30))
    shown:                         logit(p') = weight x v + (1 - weight) x logit(p)

As the month begins the weight is 1 and p' of 30 days the learned answer itself; as it ends it is 1 - FADED. Horizons
keep their order, and more stock never means more risk. The three shares were chosen on forecasts of April 2017 to March
2018 (docs/risk.md). Pure.
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
#: So much of what was learnt has faded after so many days.
FADED, FADING_DAYS = 0.5, 30


def log_odds(chance: ArrayLike) -> Floats:
    """The log odds of chances, of which none is certain."""
    return np.asarray(special.logit(np.clip(np.asarray(chance, dtype=np.float64), LEAST, 1 - LEAST)))


def between(learned: ArrayLike, counted: ArrayLike) -> Floats:
    """The shift from what was counted to what was learnt, as PostgreSQL will have it; NaN where either is."""
    found = log_odds(learned) - CARRIED * log_odds(counted)
    return np.asarray(found.astype(np.float32).astype(np.float64))


def weight(days: int) -> float:
    """How much of what was learnt still counts, so many days after the month of which it speaks began."""
    return 1 - FADED * min(days, FADING_DAYS) / FADING_DAYS


def counted(shown: ArrayLike, shift: ArrayLike, share: ArrayLike) -> Floats:
    """What the count model said of 30 days, by the chance that was shown of them; itself where there is no shift."""
    part = np.asarray(share, dtype=np.float64)
    own = (log_odds(shown) - part * np.asarray(shift)) / (1 - part * (1 - CARRIED))
    return np.where(np.isnan(shift), np.asarray(shown, dtype=np.float64), special.expit(own))


def laid(shift: ArrayLike, share: ArrayLike, counted: ArrayLike, counted_month: ArrayLike) -> Singles:
    """The chance that is shown, by what the count model says of these days and of 30; `share` is a `weight`."""
    own, month, part = log_odds(counted), log_odds(counted_month), np.asarray(share, dtype=np.float64)
    learnt = np.asarray(shift) + CARRIED * month + SPREAD * (own - month)
    return np.asarray(special.expit(part * learnt + (1 - part) * own), dtype=np.float32)
