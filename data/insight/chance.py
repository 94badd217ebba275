"""How likely is it that so many days take so many doses, and how many are then missing? Read from tables.

Demand over some days is negative binomial with mean m and variance dispersion x m + uncertainty x m^2. P(D >= k) is a
regularised incomplete beta, E(D - k)+ two of them; both depend on three numbers: k, the relative variance, and how far
m is from k in units of its root. Tables over these three cost a tenth of the functions, for one position as for a
nation, and are within 0.004 of them (tests/data/insight/test_chance.py).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

Singles = NDArray[np.float32]

#: The axes: log stock, log relative variance, and log(mean / stock) / root of the relative variance.
_STOCK = np.linspace(np.log(0.5), np.log(2000.0), 25)
_SPREAD = np.linspace(-12.0, 8.0, 81)
_REACH = np.linspace(-5.0, 8.0, 157)

#: The axes of the table of cover: stock in units of the dispersion, and the uncertainty of demand.
_LOG_LOTS = np.linspace(np.log(1e-2), np.log(1e5), 97)
_LOG_UNCERTAINTY = np.linspace(np.log(1e-3), np.log(1e1), 33)
#: Cover is asked for at these shares.
SHARES = (0.1, 0.5, 0.9)

_LEAST = np.float32(1e-6)


def takes_all(stock: Singles, mean: Singles, dispersion: Singles, uncertainty: Singles) -> tuple[Singles, Singles]:
    """P(D >= stock), and E(D - stock)+ in doses; arrays of one shape, `stock` from half a dose on."""
    mean = np.maximum(mean, _LEAST)
    log_stock = np.log(np.maximum(stock, np.float32(0.5)))
    spread = np.minimum((dispersion + uncertainty * mean) / mean, np.float32(np.exp(_SPREAD[-1])))
    reach = (np.log(mean) - log_stock) / np.sqrt(spread)
    at_stock, of_stock = _cell(log_stock, _STOCK)
    at_spread, of_spread = _cell(np.log(spread), _SPREAD)
    at_reach, of_reach = _cell(reach, _REACH)
    at = (at_stock * _SPREAD.size + at_spread) * _REACH.size + at_reach
    chances, shares = _tables()
    corners = (of_stock, of_spread, of_reach)
    return _read(chances, at, *corners), _read(shares, at, *corners) * mean


def _cell(values: NDArray[Any], axis: NDArray[np.float64]) -> tuple[NDArray[np.int32], Singles]:
    """The cell of an evenly spaced axis in which each value lies, and how far in it; outside is the edge."""
    scale = np.float32((axis.size - 1) / (axis[-1] - axis[0]))
    place = np.clip((values - np.float32(axis[0])) * scale, np.float32(0), np.float32(axis.size - 1.001))
    cell = place.astype(np.int32)
    return cell, place - cell.astype(np.float32)


def _read(table: Singles, at: NDArray[np.int32], of_stock: Singles, of_spread: Singles, of_reach: Singles) -> Singles:
    planes = []
    for stock in (0, _SPREAD.size * _REACH.size):
        lines = []
        for spread in (0, _REACH.size):
            low = table.take(at + np.int32(stock + spread))
            high = table.take(at + np.int32(stock + spread + 1))
            lines.append(low + of_reach * (high - low))
        planes.append(lines[0] + of_spread * (lines[1] - lines[0]))
    return planes[0] + of_stock * (planes[1] - planes[0])


@cache
def _tables() -> tuple[Singles, Singles]:
    """P(D >= k) and E(D - k)+ / m over the three axes, flat."""
    stock = np.exp(_STOCK)[:, None, None]
    spread = np.exp(_SPREAD)[None, :, None]
    mean = stock * np.exp(_REACH[None, None, :] * np.sqrt(spread))
    stock, mean = np.broadcast_arrays(stock, mean)
    excess = spread * mean - 1
    chance, above = np.empty(mean.shape), np.ones(mean.shape)
    # The mean of what lies at or above k is m x P(D' >= k - 1), D' of the same scale and a shape larger by one.
    fits, more = excess > 1e-3, stock > 1
    excess = np.where(fits, excess, 1.0)
    shape, share = mean / excess, excess / (1 + excess)
    chance[fits] = special.betainc(stock[fits], shape[fits], share[fits])
    again = fits & more
    above[again] = special.betainc(stock[again] - 1, shape[again] + 1, share[again])
    # Nothing varies less than a count: there the table goes on with Poisson, for its neighbours' sake.
    chance[~fits] = special.gammainc(stock[~fits], mean[~fits])
    again = ~fits & more
    above[again] = special.gammainc(stock[again] - 1, mean[again])
    short = np.clip(above - stock / mean * chance, 0.0, 1.0)
    return chance.astype(np.float32).ravel(), short.astype(np.float32).ravel()


def cover_days(stock: Singles, daily: Singles, dispersion: Singles, uncertainty: Singles) -> Singles:
    """Days by which the last dose is used with the probabilities `SHARES`: [3, n].

    Taken from the gamma of the same mean and variance, with half a dose for going from counts to amounts: in units of
    the dispersion its answer depends on stock and uncertainty alone, so that a table of two numbers holds it.
    """
    lots = (stock - np.minimum(np.float32(0.5), stock / 2)) / dispersion
    row, of_row = _cell(np.log(np.maximum(lots, _LEAST)), _LOG_LOTS)
    column, of_column = _cell(np.log(np.maximum(uncertainty, _LEAST)), _LOG_UNCERTAINTY)
    at, width = row * _LOG_UNCERTAINTY.size + column, _LOG_UNCERTAINTY.size
    days = np.empty((len(SHARES), stock.size), dtype=np.float32)
    for number, share in enumerate(SHARES):
        table = _cover_table(share)
        near, far = (
            table.take(at + side) + of_column * (table.take(at + (side + 1)) - table.take(at + side))
            for side in (0, width)
        )
        days[number] = np.exp(near + of_row * (far - near)) * lots * dispersion / daily
    return days


@cache
def _cover_table(share: float) -> Singles:
    """Log of (mean demand at which P(gamma >= stock) = share) / stock, by log stock and log uncertainty; flat."""
    lots, uncertainty = np.exp(_LOG_LOTS)[:, None], np.exp(_LOG_UNCERTAINTY)[None, :]
    shape = (lots.size, uncertainty.size)
    low, high = np.full(shape, -12.0), np.full(shape, 12.0)
    for _ in range(26):
        middle = (low + high) / 2
        mean = lots * np.exp(middle)
        scale = 1 + uncertainty * mean
        reached = special.gammaincc(mean / scale, lots / scale) >= share
        low, high = np.where(reached, low, middle), np.where(reached, middle, high)
    return np.asarray((low + high) / 2, dtype=np.float32).ravel()
