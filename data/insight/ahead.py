"""What is ahead of positions that hold stock? The chance to run out, doses short and days of cover, day by day.

Out by day t means that for some moment e before it the demand since e takes all that outlives e and has arrived by t:
e is now, or the day on which a lot expires (lots are used first expired, first out). So each is one question to
`chance.takes_all`, and the worst of them answers for all: whoever needs much needs much all the time.

A delivery arrives when it is due or later (`delay`). What is on the way brings what it holds; any other delivery fills
a place up to its maximum, or leaves what is there where that is more. After it a place waits for the next one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from data.insight import chance
from data.insight.chance import Singles
from data.insight.expiry import Lots

#: The horizons in days, in the order of every array of them.
HORIZONS = (7, 14, 30, 60, 90)
#: The place of the horizon that places are ranked by.
MONTH = HORIZONS.index(30)
#: Days of cover are shown up to two years; what would last longer is this.
MOST_COVER_DAYS = 730.0

#: A delivery is punctual, or late by one of three Gauss-Laguerre nodes: the mean over an exponential delay, exact for
#: polynomials to the fifth degree.
_NODES, _WEIGHTS = special.roots_laguerre(3)
_LATE = np.array([0.0, *_NODES], dtype=np.float32)[:, None]
_SHARE = np.array([1.0, *_WEIGHTS], dtype=np.float32)[:, None]
_DAYS = np.array(HORIZONS, dtype=np.float32)[:, None]
#: Of all questions about the time before a delivery, those of the horizons come first; of those after it likewise.
_FIRST = len(HORIZONS)

#: So many positions are worked on at a time: what they need then stays in the processor's own memory.
_BLOCK = 2_048


@dataclass(frozen=True, slots=True)
class Held:
    """Positions with stock and a demand; arrays of n singles.

    - `stock`: doses; `daily` demand, its `dispersion` and `uncertainty` (data.insight.demand).
    - `due`: days until the next delivery, negative when overdue, NaN where none is planned; `interval` between them.
    - `on_time`, `days_late`: the share of punctual deliveries, and the mean delay of the others.
    - `refill`: what a delivery fills up to; `coming`: doses known to be on the way, which are then the next delivery.
    - `lost`: doses that will expire before use at the mean demand.
    """

    stock: Singles
    daily: Singles
    dispersion: Singles
    uncertainty: Singles
    due: Singles
    interval: Singles
    on_time: Singles
    days_late: Singles
    refill: Singles
    coming: Singles
    lost: Singles

    def part(self, rows: slice) -> Held:
        """The positions of a slice."""
        return Held(*(getattr(self, name)[rows] for name in Held.__slots__))


@dataclass(frozen=True, slots=True)
class Ahead:
    """The answer: P(out before the next delivery) [n]; P(out) and doses short within `HORIZONS` [n, 5].

    `cover` [3, n] are the days by which the last dose is gone with the probabilities `chance.SHARES`, if nothing
    arrives.
    """

    probability: Singles
    within: Singles
    short: Singles
    cover: Singles


def look(held: Held, lots: Lots) -> Ahead:
    """Look ahead; the place of each lot is the row of its position."""
    n = held.stock.size
    found = Ahead(
        np.empty(n, dtype=np.float32),
        np.empty((n, len(HORIZONS)), dtype=np.float32),
        np.empty((n, len(HORIZONS)), dtype=np.float32),
        np.empty((len(chance.SHARES), n), dtype=np.float32),
    )
    dated = lots.dated()
    firsts = range(0, n, _BLOCK)
    bounds = np.searchsorted(dated.place, [*firsts, n])
    for number, first in enumerate(firsts):
        rows = slice(first, min(first + _BLOCK, n))
        part = held.part(rows)
        own = dated.part(slice(bounds[number], bounds[number + 1]), first)
        found.cover[:, rows] = _cover(part, own)
        found.probability[rows], within, short = _chances(part, own)
        found.within[rows], found.short[rows] = within.T, short.T
    return found


def _chances(held: Held, lots: Lots) -> tuple[Singles, Singles, Singles]:
    """Before the next delivery [b]; within and short by horizon [5, b]."""
    base = np.where(np.isnan(held.due), held.interval, np.maximum(held.due, 0))
    arrives = base + _LATE * held.days_late
    share = _shares(np.where(held.due < 0, np.float32(0), held.on_time))
    moments = np.empty((_FIRST + len(_LATE), base.size), dtype=np.float32)
    moments[:_FIRST], moments[_FIRST:] = _DAYS, arrives
    stock = np.empty_like(moments)
    stock[...] = held.stock
    later = _later(held, arrives, share)
    gone, missing = _asked(held, np.concatenate([stock, later.stock]), np.concatenate([moments, later.days]))
    _expire(held, lots, moments, gone, missing)
    again, lacks, rest = _after(held, later, gone[len(moments) :], missing[len(moments) :])
    within, short = np.zeros_like(again), np.zeros_like(again)
    for node, at in enumerate(range(_FIRST, len(moments))):
        arrived = arrives[node] < _DAYS
        within += share[node] * np.where(arrived, _either(gone[at], again, later.alone), gone[:_FIRST])
        short += share[node] * np.where(arrived, np.maximum(missing[at], lacks) + rest, missing[:_FIRST])
    probability = (share * gone[_FIRST : len(moments)]).sum(axis=0)
    # What has run out by a day has run out by any later one: nodes on either side of it must not say otherwise.
    np.maximum.accumulate(within, axis=0, out=within)
    np.maximum.accumulate(short, axis=0, out=short)
    return np.minimum(probability, 1), np.minimum(within, 1), short


def _shares(punctual: Singles) -> Singles:
    return np.where(_LATE == 0, punctual, (1 - punctual) * _SHARE)


@dataclass(frozen=True, slots=True)
class _Later:
    """The time between the next delivery and each horizon, as far as it comes before that.

    It is `full` cycles from delivery to delivery and a part of one, in days. `stock` and `days` are what is to be asked
    of it: the part, then a cycle by each delay. `alone` says how much a cycle is a matter of its own rather than of the
    level of demand, which all cycles share.
    """

    stock: Singles
    days: Singles
    full: Singles
    passed: Singles
    cycle: Singles
    alone: Singles


def _later(held: Held, arrives: Singles, share: Singles) -> _Later:
    rest = np.maximum(_DAYS[:, None] - arrives, 0)
    weight = np.where(rest > 0, share, np.float32(0))
    passed = (weight * rest).sum(axis=1) / np.maximum(weight.sum(axis=1), np.float32(1e-6))
    interval = np.maximum(held.interval, 1)
    cycle = interval + (1 - held.on_time) * held.days_late
    full = np.floor(passed / cycle)
    days = np.concatenate([passed - full * cycle, interval + _LATE * held.days_late])
    stock = np.empty_like(days)
    stock[...] = held.refill
    left = np.maximum(held.stock - held.lost, 0) - held.daily * (_DAYS - passed)
    np.maximum(stock[:_FIRST], np.where(full == 0, left, np.float32(0)), out=stock[:_FIRST])
    chance_of_its_own = held.dispersion / (held.daily * cycle)
    alone = np.sqrt(chance_of_its_own / (chance_of_its_own + held.uncertainty))
    return _Later(stock, days, full, passed, cycle, alone)


def _after(held: Held, later: _Later, gone: Singles, missing: Singles) -> tuple[Singles, Singles, Singles]:
    """P(out) after the next delivery by horizon; doses short, at least, of it and before it; and those after that."""
    share = _shares(held.on_time)
    of_cycle, short_of_cycle = (share * gone[_FIRST:]).sum(axis=0), (share * missing[_FIRST:]).sum(axis=0)
    again = _either(_several(of_cycle, later.full, later.alone), gone[:_FIRST], later.alone)
    lacks, rest = np.zeros_like(again), later.full * short_of_cycle + missing[:_FIRST]
    coming = np.flatnonzero(held.coming > 0)
    if coming.size:
        # What is on the way adds to what is there, until the delivery after it.
        part, full = _of(held, coming), later.full[:, coming]
        upto = np.minimum(_DAYS, _DAYS - later.passed[:, coming] + later.cycle[coming])
        with_it, lacks[:, coming] = _asked(part, np.maximum(part.stock - part.lost, 0) + part.coming, upto)
        then, alone = np.where(full >= 1, gone[:_FIRST, coming], np.float32(0)), later.alone[coming]
        full = np.maximum(full - 1, 0)
        then = _either(_several(of_cycle[coming], full, alone), then, alone)
        again[:, coming] = _either(with_it, then, alone)
        own = missing[:_FIRST, coming]
        rest[:, coming] = full * short_of_cycle[coming] + np.where(later.full[:, coming] >= 1, own, np.float32(0))
    return again, lacks, rest


def _either(one: Singles, other: Singles, alone: Singles) -> Singles:
    """P(either): the larger one where both go by the level of demand, more where each is a matter of its own."""
    larger = np.maximum(one, other)
    return np.asarray(larger + alone * np.minimum(one, other) * (1 - larger))


def _several(chance_of_one: Singles, times: Singles, alone: Singles) -> Singles:
    """P(any) of so many alike; none for none."""
    count = np.where(times > 0, 1 + alone * (times - 1), np.float32(0))
    return np.asarray(1 - np.exp(count * np.log(np.maximum(1 - chance_of_one, np.float32(1e-9)))))


def _asked(held: Held, stock: Singles, days: Singles) -> tuple[Singles, Singles]:
    shape = days.shape

    def flat(values: Singles) -> Singles:
        whole = np.empty(shape, dtype=np.float32)
        whole[...] = values
        return whole.ravel()

    gone, missing = chance.takes_all(
        flat(stock), flat(held.daily * days), flat(held.dispersion), flat(held.uncertainty)
    )
    return gone.reshape(shape), missing.reshape(shape)


def _expire(held: Held, lots: Lots, moments: Singles, gone: Singles, missing: Singles) -> None:
    """Put in what expiry takes: the demand since a lot expired, against all that outlives it."""
    near = np.flatnonzero(lots.days_left < moments.max(axis=0)[lots.place]) if lots.place.size else lots.place
    if not near.size:
        return
    place = lots.place[near]
    days = moments[:, place] - lots.days_left[near]
    outlives = lots.outlives[near]
    taken, lacking = _asked(_of(held, place), outlives, np.maximum(days, 0))
    nothing = outlives < 0.5
    taken = np.where(nothing, np.float32(1), taken)
    lacking = np.where(nothing, held.daily[place] * days, lacking)
    past = days > 0
    first = np.flatnonzero(np.r_[True, place[1:] != place[:-1]])
    rows = place[first]
    worst = np.maximum.reduceat(np.where(past, taken, np.float32(0)), first, axis=1)
    most = np.maximum.reduceat(np.where(past, lacking, np.float32(0)), first, axis=1)
    gone[: len(moments), rows] = np.maximum(gone[: len(moments), rows], worst)
    missing[: len(moments), rows] = np.maximum(missing[: len(moments), rows], most)


def _of(held: Held, rows: NDArray[np.intp]) -> Held:
    return Held(*(getattr(held, name)[rows] for name in Held.__slots__))


def _cover(held: Held, lots: Lots) -> Singles:
    days = _days(held.stock, held)
    near = np.flatnonzero(lots.days_left < days[-1][lots.place]) if lots.place.size else lots.place
    if near.size:
        place = lots.place[near]
        outlives = lots.outlives[near]
        until = lots.days_left[near] + np.where(outlives < 0.5, np.float32(0), _days(outlives, _of(held, place)))
        first = np.flatnonzero(np.r_[True, place[1:] != place[:-1]])
        days[:, place[first]] = np.minimum(days[:, place[first]], np.minimum.reduceat(until, first, axis=1))
    return np.minimum(days, np.float32(MOST_COVER_DAYS))


def _days(stock: Singles, held: Held) -> Singles:
    # An answer of the table for next to nothing may be a little off its order.
    days = chance.cover_days(np.maximum(stock, np.float32(0.5)), held.daily, held.dispersion, held.uncertainty)
    return np.maximum.accumulate(days, axis=0)
