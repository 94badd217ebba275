"""What do the full months of a place add up to? Sums over the months that say something about demand.

A month that was not reported is missing, never zero. A month (nearly) without stock is censored: what was used then
says nothing of what was needed. A month partly without stock counts for the share of it that had stock, and a month
that is doubted for its weight.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data.insight import consumption
from data.insight.policy import METHOD_CODES, METHOD_NAMES, WINDOW

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Rows summed at a time: bounds the memory of a nation with 36 months.
_CHUNK = 65_536
_MSUPPLY = METHOD_CODES[consumption.MSUPPLY]

#: The latest so many months are held against those before them, of which there have to be as many: has the level moved?
RECENT = 3


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums over the informative months of each position; `own` is its AMC by its own method, NaN without months.

    `months` and `exposure` count months, the latter only their share in stock; `squares` are those of what was used
    around its mean; `ever_used` looks at every month given, also those that do not enter.

    Of the latest `RECENT` of them against those before: `change` is the squared difference of what was used in a month
    of each, over the squared mean; `thin` times a dispersion is what chance alone makes of it; `inner` over `freedom`
    is the dispersion within both. NaN, and 0, where there are too few.
    """

    months: Floats
    used: Floats
    exposure: Floats
    squares: Floats
    own: Floats
    ever_used: Bools
    change: Floats
    thin: Floats
    inner: Floats
    freedom: Floats


def add_up(
    used: ArrayLike, days_out: ArrayLike, reported: ArrayLike, days: ArrayLike, *,
    window: ArrayLike = WINDOW, weight: ArrayLike | None = None, method: ArrayLike | None = None,
) -> Sums:  # fmt: skip
    """Add up the latest `window` informative months of each position, oldest first: arrays as `demand.estimate` has."""
    amounts = np.asarray(used)
    n = len(amounts)
    wide = {
        name: np.broadcast_to(values, amounts.shape)
        for name, values in (("days_out", days_out), ("reported", reported), ("days", days))
    }
    if weight is not None:
        wide["weight"] = np.broadcast_to(weight, amounts.shape)
    windows, methods = np.broadcast_to(window, (n,)), np.broadcast_to(_MSUPPLY if method is None else method, (n,))
    pieces = [
        _chunk(amounts[rows], windows[rows], methods[rows], **{name: values[rows] for name, values in wide.items()})
        for rows in (slice(i, i + _CHUNK) for i in range(0, max(n, 1), _CHUNK))
    ]
    if len(pieces) == 1:
        return pieces[0]
    return Sums(*(np.concatenate([getattr(piece, f.name) for piece in pieces]) for f in fields(Sums)))


def _chunk(
    used: ArrayLike, window: NDArray[np.integer], method: NDArray[np.integer], *,
    days_out: ArrayLike, reported: ArrayLike, days: ArrayLike, weight: ArrayLike | None = None,
) -> Sums:  # fmt: skip
    amounts, lengths = np.asarray(used, dtype=np.float64), np.asarray(days, dtype=np.float64)
    share = consumption.in_stock_share(days_out, lengths)
    known = np.asarray(reported, dtype=bool) & ~np.isnan(amounts)
    informative = known & (share >= consumption.IN_STOCK_AT_LEAST)
    counts: Floats | None = None
    if weight is not None and (np.asarray(weight) != 1).any():
        counts = np.asarray(weight, dtype=np.float64)
        informative &= counts > 0
    latest = np.cumsum(informative[:, ::-1], axis=1, dtype=np.int16)[:, ::-1]
    chosen = informative & (latest <= window[:, None])
    held = chosen.astype(np.float64) if counts is None else np.where(chosen, counts, 0.0)
    months = held.sum(axis=1)
    taken = np.where(chosen, np.maximum(amounts, 0.0), 0.0)
    total = (taken * held).sum(axis=1)
    # months x (days - days out) / days, so that the same use every month is its own mean, whatever the month's length.
    span, stocked = (held * lengths).sum(axis=1), (held * lengths * share).sum(axis=1)
    exposure = months * stocked / np.where(span > 0, span, 1.0)
    rate = total / np.where(exposure > 0, exposure, 1.0)
    squares = (held * (taken - rate[:, None] * share) ** 2 / np.where(chosen, share, 1.0)).sum(axis=1)
    own = np.where(exposure > 0, rate, np.nan)
    for other in np.unique(method[method != _MSUPPLY]):
        which = np.flatnonzero(method == other)
        own[which] = _by(METHOD_NAMES[int(other)], which, taken, share, lengths, chosen, (total, months, span, stocked))
    moved = _moved(taken, held, share, chosen & (latest <= RECENT))
    return Sums(months, total, exposure, squares, own, np.asarray((known & (amounts > 0)).any(axis=1)), *moved)


def _moved(taken: Floats, held: Floats, share: Floats, recent: Bools) -> tuple[Floats, Floats, Floats, Floats]:
    """What the latest months are beside those before: `change`, `thin`, `inner` and `freedom` of `Sums`."""
    parts = []
    for counts in (np.where(recent, held, 0.0), np.where(recent, 0.0, held)):
        weighed = counts * share
        months, exposure, used = counts.sum(axis=1), weighed.sum(axis=1), (counts * taken).sum(axis=1)
        rate = used / np.where(exposure > 0, exposure, 1.0)
        # Of `squares` around the rate: what was used times itself, less what the rate makes of it.
        own = (counts * taken**2 / np.where(counts > 0, share, 1.0)).sum(axis=1) - rate * used
        parts.append((months, exposure, used, rate, np.maximum(own, 0.0)))
    (late, late_span, late_used, late_rate, late_own), (early, early_span, early_used, early_rate, early_own) = parts
    enough = (late >= RECENT) & (early >= RECENT) & (late_used + early_used > 0)
    span = np.where(enough, late_span + early_span, 1.0)
    mean = np.where(enough, (late_used + early_used) / span, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        change = np.where(enough, ((late_rate - early_rate) / mean) ** 2, np.nan)
        thin = np.where(enough, (1 / late_span + 1 / early_span) / mean, np.nan)
    inner = np.where(enough, late_own + early_own, 0.0)
    freedom = np.where(enough, late_rate * (late - 1) + early_rate * (early - 1), 0.0)
    return change, thin, inner, freedom


def _by(
    name: str, which: NDArray[np.intp], taken: Floats, share: Floats, lengths: Floats, chosen: Bools,
    sums: tuple[Floats, Floats, Floats, Floats],
) -> Floats:  # fmt: skip
    """AMC of some rows by another method than mSupply's, from the same months."""
    if name == consumption.OPENLMIS:
        used = np.where(chosen[which], taken[which], np.nan)
        return consumption.openlmis(used, (1 - share[which]) * 30.0)
    total, months, span, stocked = (values[which] for values in sums)
    return consumption.over_window(name, total, months, span, span - stocked)
