"""What do like places have in common? Level, spread and dispersion of groups, wide ones and those of an area in them.

Buehlmann and Straub's estimators, which are gamma-Poisson's with free dispersion. A group of an area is drawn towards
its wide group by the same rule by which a place is drawn towards its group: by how much is known of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data.insight.months import Sums

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Indices = NDArray[np.intp]

#: Where no history can tell, the variance of a month's demand is this many times that of a Poisson count: doses
#: go by the vial and by the session.
DEFAULT_DISPERSION = 10.0

#: Fewer places than this do not tell how places differ, and fewer areas not how areas do.
FEWEST = 3

#: Real levels move: the squared relative error of a perfectly known past mean as forecast of the months to come, before
#: anything is known of how much they do here. On 156 health facilities anything from 0.02 to 0.6 foretold stockouts
#: alike (docs/risk.md).
DRIFT = 0.3
#: What is assumed counts as so many places, of which each counts the less, the more chance alone explains.
_DRIFT_PRIOR = 10.0
#: No level stands still, and beyond some multiple of it a change says no more.
_LEAST_DRIFT, _MOST_CHANGE = 0.01, 4.0

#: Areas differ where they do by more than so many standard deviations of what chance makes of them.
SIGNIFICANT = 2.0


@dataclass(frozen=True, slots=True)
class Peers:
    """What the positions of one group have in common; arrays by number of the group: wide group x `areas` + area.

    `level` is the mean demand (doses a month, or a ratio to the expected need where that is given), `spread` its
    variance between places, `dispersion` variance / mean of a month within a place. NaN where nothing is known. `drift`
    is the squared relative error that a past mean has as a forecast because levels move; it is always known. `ratio`
    says that places are compared in proportion to the need expected of each, as `scale` has it.
    """

    level: Floats
    spread: Floats
    dispersion: Floats
    drift: Floats
    ratio: Bools
    areas: int = 1


@dataclass(frozen=True, slots=True)
class _Places:
    """What each place brings: its rate, how much that weighs, and which places say anything."""

    usable: Bools
    weight: Floats
    rate: Floats
    used: Floats


def learn(sums: Sums, group: Indices, area: Indices, areas: int, expected: Floats) -> Peers:
    """Return what each group teaches, and each area's part of it; `expected` is NaN where no need is expected."""
    ratio = _in_proportion(sums, group, expected)
    per = scale(ratio, group, expected)
    usable = (sums.used > 0) & (sums.exposure > 0) & np.isfinite(per) & (per > 0)
    weight = np.where(usable, sums.exposure * per, 0.0)
    rate = np.where(usable, sums.used / np.where(usable, weight, 1.0), 0.0)
    places = _Places(usable, weight, rate, sums.used)
    wide = _moments(sums, places, group, ratio)
    return wide if areas == 1 else _in_areas(places, wide, group, area, areas)


def scale(ratio: Bools, group: Indices, expected: Floats) -> Floats:
    """Return what each position's level is a multiple of: the need expected of it, or one dose."""
    return np.where(ratio[group], expected, 1.0)


def _in_proportion(sums: Sums, group: Indices, expected: Floats) -> Bools:
    """Where a need is expected of most places that use anything; of a group that uses nothing, of any of its places."""
    size = int(group.max(initial=-1)) + 1
    known, uses = np.isfinite(expected) & (expected > 0), sums.used > 0
    count, of_them, at_all = (np.bincount(group[which], minlength=size) for which in (uses, uses & known, known))
    return np.asarray(np.where(count > 0, 2 * of_them >= count, at_all > 0))


def number(group: ArrayLike, area: ArrayLike, areas: int) -> Indices:
    """Return the number of each position's narrowest group."""
    return np.asarray(np.asarray(group, dtype=np.intp) * areas + np.asarray(area, dtype=np.intp))


def _total(group: Indices, values: Floats, where: Bools, size: int) -> Floats:
    return np.bincount(group[where], values[where], minlength=size).astype(np.float64)


def _moments(sums: Sums, at: _Places, group: Indices, ratio: Bools) -> Peers:
    def total(values: Floats, where: Bools) -> Floats:
        return _total(group, values, where, size)

    size = int(group.max(initial=-1)) + 1
    several = at.usable & (sums.months >= 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        amount = total(at.weight, at.usable)
        level = total(at.used, at.usable) / amount
        per_month = sums.used / np.where(sums.exposure > 0, sums.exposure, 1.0)
        dispersion = total(sums.squares, several) / total(per_month * (sums.months - 1), several)
        between = total(at.weight * (at.rate - level[group]) ** 2, at.usable)
        places = total(np.ones_like(at.weight), at.usable)
        effective = amount - total(at.weight**2, at.usable) / amount
        noise = np.nan_to_num(dispersion, nan=DEFAULT_DISPERSION) * level
        spread = np.maximum((between - (places - 1) * noise) / effective, 0.0)
    return Peers(level, np.where(places >= FEWEST, spread, np.nan), dispersion, _drift(sums, group, size), ratio)


def _drift(sums: Sums, group: Indices, size: int) -> Floats:
    """How much levels move: what the latest months differ from those before beyond chance, over a group's places.

    Each group is drawn towards all places together, and these towards what is assumed, by how much they know.
    """
    known = np.isfinite(sums.change)
    freedom = _total(group, sums.freedom, known, size)
    own = _total(group, sums.inner, known, size) / np.where(freedom > 0, freedom, 1.0)
    noise = np.where(known, np.maximum(own, 1.0)[group] * np.nan_to_num(sums.thin), 0.0)
    weight = (DRIFT / (DRIFT + noise)) ** 2
    moved = weight * (np.minimum(np.nan_to_num(sums.change), _MOST_CHANGE) - noise)
    every = np.zeros_like(group)
    drift = np.array([DRIFT])
    for level, of_level, wide in ((every, 1, np.zeros(1, dtype=np.intp)), (group, size, np.zeros(size, dtype=np.intp))):
        amount = _total(level, weight, known, of_level) + _DRIFT_PRIOR
        drift = (_total(level, moved, known, of_level) + _DRIFT_PRIOR * drift[wide]) / amount
    return np.asarray(np.clip(drift, _LEAST_DRIFT, None))


def _in_areas(at: _Places, wide: Peers, group: Indices, area: Indices, areas: int) -> Peers:
    """Draw the mean of each group's places in an area towards the group's: by what differs between areas."""
    narrow, size = number(group, area, areas), wide.level.size * areas
    above = np.arange(size) // areas
    with np.errstate(invalid="ignore", divide="ignore"):
        amount = _total(narrow, at.weight, at.usable, size)
        own = _total(narrow, at.used, at.usable, size) / amount
        squares = _total(narrow, at.weight**2, at.usable, size) / amount**2
        noise = np.nan_to_num(wide.dispersion, nan=DEFAULT_DISPERSION)[above] * wide.level[above] / amount
        # How much a mean over these places would differ from the group's by chance and by its places alone.
        chance = noise + np.nan_to_num(wide.spread)[above] * squares
        known = (amount > 0) & (chance > 0)
        between = _between_areas(own - wide.level[above], chance, above, known, wide.level.size)[above]
        credible = np.where(known & (between > 0), between / (between + chance), 0.0)
        level = np.where(credible > 0, credible * own + (1 - credible) * wide.level[above], wide.level[above])
        # What differs between the areas does not differ within one.
        spread = np.maximum(wide.spread[above] - between * credible, 0.0)
    return Peers(level, spread, wide.dispersion[above], wide.drift[above], wide.ratio[above], areas)


def _between_areas(difference: Floats, chance: Floats, above: Indices, known: Bools, groups: int) -> Floats:
    """The variance between the areas of each group, by DerSimonian and Laird; 0 where chance alone may explain it."""
    precision = np.where(known, 1.0 / np.where(known, chance, 1.0), 0.0)
    mean = _total(above, precision * difference, known, groups) / _total(above, precision, known, groups)
    spread = _total(above, precision * (difference - mean[above]) ** 2, known, groups)
    freedom = np.bincount(above[known], minlength=groups) - 1.0
    whole = _total(above, precision, known, groups)
    scale = whole - _total(above, precision**2, known, groups) / whole
    told = (freedom >= FEWEST - 1) & (spread > freedom + SIGNIFICANT * np.sqrt(2 * np.maximum(freedom, 0)))
    return np.where(told, np.maximum((spread - freedom) / scale, 0.0), 0.0)
