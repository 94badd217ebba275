"""How well does supply work? The indicators of the field, one function each: arrays in, values out.

Every function answers numerator / denominator over its last axis or over all it is given, and NaN where there is
nothing to divide by: no indicator is 0 % or 100 % of nothing. NaN in what is given is not known, and is left out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def share(part: ArrayLike, whole: ArrayLike) -> Floats:
    """Part / whole; NaN where the whole is nothing or not known."""
    p, w = np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)
    known = w > 0
    return np.where(known, p / np.where(known, w, 1.0), np.nan)


def _count(values: ArrayLike) -> Floats:
    return np.asarray(np.asarray(values, dtype=bool).sum(axis=-1), dtype=np.float64)


def stockout_rate(out: ArrayLike, handles: ArrayLike, reports: ArrayLike) -> Floats:
    """Facilities out of the tracer / facilities that handle it and report; [..., facilities].

    `out` at one moment is the point rate, at any time of a period the period rate.
    """
    counted = np.asarray(handles, dtype=bool) & np.asarray(reports, dtype=bool)
    return share(_count(np.asarray(out, dtype=bool) & counted), _count(counted))


def stockout_days(days_out: ArrayLike) -> Floats:
    """Full days out, mean per facility and product that it is known of; [..., positions]."""
    days = np.asarray(days_out, dtype=np.float64)
    return share(np.nansum(days, axis=-1), _count(~np.isnan(days)))


def according_to_plan(stock: ArrayLike, minimum: ArrayLike, maximum: ArrayLike) -> Floats:
    """Observations between minimum and maximum, both included / all observations with known bands; [..., n]."""
    s, low, high = (np.asarray(v, dtype=np.float64) for v in (stock, minimum, maximum))
    known = ~(np.isnan(s) | np.isnan(low) | np.isnan(high))
    return share(_count(known & (s >= low) & (s <= high)), _count(known))


def full_availability(available: ArrayLike, handles: ArrayLike) -> Floats:
    """Facilities with every tracer available throughout / facilities that handle any; [facilities, tracers]."""
    has, holds = np.asarray(available, dtype=bool), np.asarray(handles, dtype=bool)
    any_at_all = holds.any(axis=-1)
    return share(_count((has | ~holds).all(axis=-1) & any_at_all), _count(any_at_all))


def reporting_rate(received: ArrayLike, expected: ArrayLike) -> Floats:
    """Reports received / reports expected."""
    return share(received, expected)


def timeliness(days_after: ArrayLike, due_days: float, late_days: float) -> tuple[Floats, Floats]:
    """Reports on time, and late, each / reports expected; [..., reports], NaN where none came.

    `days_after` the period's end; the last due day is on time, and the last late day is late, not missing.
    """
    after = np.asarray(days_after, dtype=np.float64)
    expected = np.full(after.shape[:-1], float(after.shape[-1]))
    on_time, late = after <= due_days, (after > due_days) & (after <= late_days)
    return share(_count(on_time), expected), share(_count(late), expected)


def closed_wastage(lost: ArrayLike, opening: ArrayLike, received: ArrayLike) -> Floats:
    """Doses of closed vials lost to expiry, heat, frost, breakage, VVM or missing / doses managed (opening + received).

    Returns and transfers are no loss.
    """
    managed = np.nan_to_num(np.asarray(opening, dtype=np.float64)) + np.nan_to_num(
        np.asarray(received, dtype=np.float64)
    )
    return share(lost, managed)


def open_wastage(opened: ArrayLike, administered: ArrayLike) -> Floats:
    """(Doses opened - administered) / doses opened; below 0 where more is said to be given than was opened."""
    o = np.asarray(opened, dtype=np.float64)
    return share(o - np.asarray(administered, dtype=np.float64), o)


def total_wastage(closed: ArrayLike, opened: ArrayLike, levels: int) -> Floats:
    """1 - (1 - closed)^levels x (1 - open): what is lost on the way through so many stores and at the session."""
    keep = (1.0 - np.asarray(closed, dtype=np.float64)) ** levels * (1.0 - np.asarray(opened, dtype=np.float64))
    return np.asarray(1.0 - keep)


def wastage_factor(wastage: ArrayLike) -> Floats:
    """1 / (1 - wastage): doses needed for each dose given."""
    return share(1.0, 1.0 - np.asarray(wastage, dtype=np.float64))


def otif(on_time: ArrayLike, complete: ArrayLike, accurate: ArrayLike) -> Floats:
    """Deliveries on time, complete and accurate / deliveries; [..., deliveries]."""
    good = np.asarray(on_time, dtype=bool) & np.asarray(complete, dtype=bool) & np.asarray(accurate, dtype=bool)
    return share(_count(good), np.full(good.shape[:-1], float(good.shape[-1])))


def fill_rate(shipped: ArrayLike, ordered: ArrayLike) -> Floats:
    """Doses shipped / doses ordered."""
    return share(shipped, ordered)


def refill(received: ArrayLike, ordered: ArrayLike) -> Floats:
    """Doses received / doses ordered."""
    return share(received, ordered)


def uptake(used: ArrayLike, opening: ArrayLike, received: ArrayLike) -> Floats:
    """Doses used / (opening + received)."""
    return share(used, np.asarray(opening, dtype=np.float64) + np.asarray(received, dtype=np.float64))


def _both(actual: ArrayLike, forecast: ArrayLike) -> tuple[Floats, Floats]:
    a, f = np.asarray(actual, dtype=np.float64), np.asarray(forecast, dtype=np.float64)
    known = ~np.isnan(a) & ~np.isnan(f) & (a != 0)
    return np.where(known, a, 0.0), np.where(known, f, 0.0)


def forecast_ratio(actual: ArrayLike, forecast: ArrayLike) -> Floats:
    """Actual / forecast, of the sums over [..., n] of which both are known and something was used."""
    a, f = _both(actual, forecast)
    return share(a.sum(axis=-1), f.sum(axis=-1))


def mape(actual: ArrayLike, forecast: ArrayLike) -> Floats:
    """Mean of |forecast - actual| / actual, weighted by doses; where nothing was used it is left out."""
    a, f = _both(actual, forecast)
    return share(np.abs(f - a).sum(axis=-1), a.sum(axis=-1))


def bias(actual: ArrayLike, forecast: ArrayLike) -> Floats:
    """Mean of (forecast - actual) / actual, weighted by doses: above 0 too much was foretold."""
    a, f = _both(actual, forecast)
    return share((f - a).sum(axis=-1), a.sum(axis=-1))


def mase(actual: ArrayLike, forecast: ArrayLike, scale: ArrayLike) -> Floats:
    """Mean absolute error / `scale`, the mean absolute step from one month to the next before; [..., n]."""
    a, f = np.asarray(actual, dtype=np.float64), np.asarray(forecast, dtype=np.float64)
    known = ~np.isnan(a) & ~np.isnan(f)
    error = np.where(known, np.abs(np.where(known, f - a, 0.0)), 0.0).sum(axis=-1)
    return share(share(error, known.sum(axis=-1)), scale)


def discrepancy(
    counted: ArrayLike, opening: ArrayLike, received: ArrayLike, issued: ArrayLike, lost: ArrayLike
) -> Floats:
    """(Counted - (opening + received - issued - losses)) / counted: what the books do not explain."""
    c = np.asarray(counted, dtype=np.float64)
    book = np.asarray(opening, dtype=np.float64) + np.asarray(received, dtype=np.float64)
    return share(c - (book - np.asarray(issued, dtype=np.float64) - np.asarray(lost, dtype=np.float64)), c)


def functionality(working: ArrayLike, in_service: ArrayLike) -> Floats:
    """Cold-chain units that work / units in service."""
    return share(working, in_service)


def alarms(count: ArrayLike, units: ArrayLike, months: ArrayLike) -> Floats:
    """Heat or freeze alarms per unit and month."""
    return share(count, np.asarray(units, dtype=np.float64) * np.asarray(months, dtype=np.float64))


def storage_use(maximum: ArrayLike, cm3_per_dose: ArrayLike, working_litres: ArrayLike) -> Floats:
    """Sum of maximum doses x packed cm3 per dose / 1000 / net litres of working units; [..., products]."""
    litres = (np.asarray(maximum, dtype=np.float64) * np.asarray(cm3_per_dose, dtype=np.float64)).sum(axis=-1) / 1000
    return share(litres, working_litres)


def value_at_risk(expiring: ArrayLike, price: ArrayLike) -> Floats:
    """Doses that will expire before use x price, over [..., positions] of which both are known."""
    worth = np.asarray(expiring, dtype=np.float64) * np.asarray(price, dtype=np.float64)
    known = ~np.isnan(worth)
    return np.where(known.any(axis=-1), np.where(known, worth, 0.0).sum(axis=-1), np.nan)
