"""How much was used, and how much is that in a month? Consumption, and average monthly consumption by four methods.

Amounts are doses. A month is a full one: callers never pass the running month. A month that was not reported is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: The guard: a window (or a month) with stock on less than this share of its days says nothing about demand.
IN_STOCK_AT_LEAST = 0.1

MSUPPLY, OPENLMIS, MSH, BHIMA = "mSupply", "OpenLMIS", "MSH", "BHIMA"


@dataclass(frozen=True, slots=True)
class Method:
    """One authority's AMC: `text` is what is shown beside the number, `source` whose it is."""

    name: str
    text: str
    source: str


#: The methods by name; the first is the one in force where nobody chose another.
METHODS = {
    method.name: method
    for method in (
        Method(MSUPPLY, "doses used / months x days / (days - days out of stock)", "Open mSupply"),
        Method(OPENLMIS, "the mean over periods of use x 30 / (30 - days out of stock), each rounded up", "OpenLMIS"),
        Method(MSH, "doses used / (months - days out of stock / 30.5)", "Management Sciences for Health"),
        Method(BHIMA, "doses used / days in stock x 30.5", "BHIMA"),
    )
}


def consumed(
    opening: ArrayLike, received: ArrayLike, adjusted: ArrayLike, lost: ArrayLike, closing: ArrayLike,
    *, transferred: ArrayLike = 0.0,
) -> Floats:  # fmt: skip
    """Consumption = opening + received + adjusted - lost - closing, less what went to other facilities.

    `adjusted` is signed, `transferred` the doses that left to others (returns, transfers, issues onwards), which are
    no consumption here. NaN where any of them was not reported; below zero where the amounts contradict each other.
    """
    o, r, a, x, c, t = (
        np.asarray(v, dtype=np.float64) for v in (opening, received, adjusted, lost, closing, transferred)
    )
    return np.asarray(o + r + a - x - c - t)


def in_stock_share(days_out: ArrayLike, days: ArrayLike) -> Floats:
    """The share of each month's days on which there was stock; days out that are not known count as none."""
    out = np.nan_to_num(np.asarray(days_out, dtype=np.float64), nan=0.0)
    length = np.asarray(days, dtype=np.float64)
    # Days first: 1 - 27 / 30 is a hair below a tenth in floating point, and three days of thirty are a tenth.
    return np.asarray(np.clip(length - out, 0.0, length) / length)


def entered(used: ArrayLike, days_out: ArrayLike, days: ArrayLike) -> Bools:
    """Which months say something about demand: reported, and in stock on at least a tenth of their days."""
    return np.asarray(
        ~np.isnan(np.asarray(used, dtype=np.float64)) & (in_stock_share(days_out, days) >= IN_STOCK_AT_LEAST)
    )


def amc(method: str, used: ArrayLike, days_out: ArrayLike, days: ArrayLike) -> Floats:
    """AMC by any of `METHODS` over the months [..., months] that say something; NaN where none does."""
    taken, out, length = np.broadcast_arrays(*(np.asarray(v, dtype=np.float64) for v in (used, days_out, days)))
    which = entered(taken, out, length)
    out = np.nan_to_num(out, nan=0.0)
    if method == OPENLMIS:
        return openlmis(np.where(which, taken, np.nan), out * 30.0 / length)
    total, gone, span = (np.where(which, v, 0.0).sum(axis=-1) for v in (taken, np.minimum(out, length), length))
    months = which.sum(axis=-1).astype(np.float64)
    return np.asarray(over_window(method, total, months, span, gone))


def over_window(method: str, consumed: ArrayLike, months: ArrayLike, days: ArrayLike, days_out: ArrayLike) -> Floats:
    """AMC of one window by a method that needs its sums only; a method that does not is a KeyError."""
    if method == MSUPPLY:
        return msupply(consumed, 0.0, months, days, days_out)
    if method == MSH:
        return msh(consumed, months, days_out)
    if method == BHIMA:
        return bhima(consumed, days, days_out)
    raise KeyError(method)


def openlmis(consumed: ArrayLike, days_out: ArrayLike, months_per_period: int = 1) -> Floats:
    """AMC after OpenLMIS: per period `ceil(C * 30M / (30M - X))`, then `ceil` of the mean of the periods.

    `consumed` and `days_out` are [..., periods]; NaN marks a period that was not reported. Periods under the
    guard are left out; NaN where none is left. The result is per period of `months_per_period` months.
    """
    days = 30.0 * months_per_period
    used, out = np.asarray(consumed, dtype=np.float64), np.asarray(days_out, dtype=np.float64)
    in_stock = days - np.clip(out, 0, days)
    usable = ~np.isnan(used) & (in_stock >= IN_STOCK_AT_LEAST * days)
    adjusted = _ceil(np.where(usable, used, 0) * days / np.where(usable, in_stock, days))
    periods = usable.sum(axis=-1)
    return np.where(periods > 0, _ceil(adjusted.sum(axis=-1) / np.maximum(periods, 1)), np.nan)


def _ceil(values: ArrayLike) -> Floats:
    # 3 x 30 / 9 may come out a hair above 10 in floating point, which would make 11 of it.
    return np.asarray(np.ceil(np.round(np.asarray(values, dtype=np.float64), 9)))


def msupply(
    consumed: ArrayLike, transfers: ArrayLike, months: ArrayLike, days: ArrayLike, days_out: ArrayLike
) -> Floats:
    """AMC after Open mSupply: `(C - transfers) / months * days / (days - DOS)`, all over one window.

    `months` is what `days` really spans (13 months are divided by 13). NaN under the guard.
    """
    used = np.asarray(consumed, dtype=np.float64) - np.asarray(transfers, dtype=np.float64)
    days, count = np.asarray(days, dtype=np.float64), np.asarray(months, dtype=np.float64)
    return _guarded(used / np.where(count > 0, count, 1.0) * days, days - np.asarray(days_out), days)


def msh(consumed: ArrayLike, months: ArrayLike, days_out: ArrayLike) -> Floats:
    """AMC after MSH: `C / (months - DOS / 30.5)` over one window; NaN under the guard."""
    months = np.asarray(months, dtype=np.float64)
    return _guarded(np.asarray(consumed, dtype=np.float64), months - np.asarray(days_out) / 30.5, months)


def bhima(consumed: ArrayLike, days: ArrayLike, days_out: ArrayLike) -> Floats:
    """AMC after BHIMA: `C / days in stock * 30.5` over one window; NaN under the guard."""
    days = np.asarray(days, dtype=np.float64)
    return _guarded(np.asarray(consumed, dtype=np.float64) * 30.5, days - np.asarray(days_out), days)


def _guarded(amount: Floats, in_stock: Floats, whole: Floats) -> Floats:
    enough = (whole > 0) & (in_stock >= IN_STOCK_AT_LEAST * whole)
    return np.where(enough, amount / np.where(enough, in_stock, 1.0), np.nan)
