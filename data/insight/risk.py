"""Will this place run out before its next delivery arrives? State, probability and days of cover of positions.

One position is the same code as a nation: arrays of one. What counts as demand is decided in `demand`, what is
too little or too much in `policy`, what lies ahead in `ahead`; this module reads neither tables nor clocks.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data.insight import ahead, expiry, shift
from data.insight.ahead import HORIZONS, MOST_COVER_DAYS
from data.insight.delay import Delay
from data.insight.demand import Demand
from data.insight.expiry import Lots
from data.insight.policy import DAYS_PER_MONTH
from data.types import NO_PROBABILITY, WORST_FIRST, State

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: The states that a band decides.
_BY_BAND = (State.LOW, State.OVERSTOCK, State.ADEQUATE)

#: Bands come from real-valued AMC: a stock that differs from its band by less than this share of it is exactly at it.
AT_THE_BAND = 1e-6


@dataclass(frozen=True, slots=True)
class Positions:
    """What is known of n positions (facility x product) on one day; arrays of n, or one value for all.

    - `usable`: doses that may be used today; `doses_per_vial` of the product.
    - `demand`: see `demand.estimate`.
    - `days_to_next_delivery`: negative when overdue; NaN where none is planned: then a whole delivery interval.
    - `days_since_report`: NaN where nothing was ever reported; `report_interval_days` and `grace_days`.
    - `minimum`, `maximum`: doses, see `policy.bands`; NaN where not known.
    - `expiring`: doses that will expire before they can be used; NaN where expiry is not known.
    - `handles`: the facility is meant to have the product, so that a demand that is not known counts as demand.
    - `coming`: doses that are known to be on the way: `days_to_next_delivery` is then when these are expected.
    - `lots`: what `usable` is made of, as far as it has an expiry; the place of a lot is the row of its position.
    - `shift`: how far what was learnt lies from what is counted; NaN where nothing was learnt; and how much of that
      still counts, see `data.insight.shift`.
    """

    usable: ArrayLike
    doses_per_vial: ArrayLike
    demand: Demand
    days_to_next_delivery: ArrayLike
    days_since_report: ArrayLike
    minimum: ArrayLike
    maximum: ArrayLike
    delivery_interval_days: ArrayLike = 30
    report_interval_days: ArrayLike = 31
    grace_days: ArrayLike = 7
    expiring: ArrayLike = np.nan
    handles: ArrayLike = False
    coming: ArrayLike = 0
    lots: Lots = field(default=expiry.NONE)
    shift: ArrayLike = np.nan
    shift_weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Assessment:
    """The answer for n positions, in their order.

    - `state`: values of `data.types.State`.
    - `probability` of running out before the next delivery arrives: 1 for STOCKOUT, NaN for NO_REPORT and INACTIVE.
    - `cover_p10`, `cover_p50`, `cover_p90`: days until the last dose is used if nothing arrives; with 10, 50 and
      90 % probability it is gone by then. At most `MOST_COVER_DAYS`; 0 when out; NaN where there is no probability.
    - `cover_days`: usable / daily demand, the plain rule that the state goes by; `wait_days`: until the delivery.
    - `within` [n, 5]: the probability of running out within each of `ahead.HORIZONS`, with the deliveries until then.
    - `short` [n, 5]: doses that will be asked for within them and not be there, also of a STOCKOUT; NaN where the
      demand is not known.

    Where positions have a `shift`, probabilities are the shifted ones, and doses short are as much more or less as it
    is more or less likely to run out within 30 days. Cover stays what is counted.
    """

    state: NDArray[np.uint8]
    probability: NDArray[np.float32]
    cover_p10: NDArray[np.float32]
    cover_p50: NDArray[np.float32]
    cover_p90: NDArray[np.float32]
    cover_days: NDArray[np.float32]
    wait_days: NDArray[np.float32]
    within: NDArray[np.float32]
    short: NDArray[np.float32]


def assess(positions: Positions, delay: Delay | None = None) -> Assessment:
    """Assess positions: the state by the plain rule, the probability and the cover by a count model.

    State, the first that applies (DOMAIN: bands and the state on the map):

    1. NO_REPORT: no stock reported, or not within interval + grace; the last day of grace still counts as reported.
    2. INACTIVE: no demand, whatever is in stock. Less than a vial without demand is not a stockout, and stock
       without demand is neither adequate nor over: there is nothing to judge it by. So is stock of which the demand
       is not known at all.
    3. STOCKOUT: less than one vial usable, with demand. Where the demand is not known but the facility is meant
       to have the product, an empty shelf is a stockout.
    4. CRITICAL: cover shorter than the time to the next delivery.
    5. LOW: below the minimum. 6. OVERSTOCK: above the maximum, or at least one dose will expire before use.
    7. ADEQUATE, also exactly at the minimum or the maximum.

    An unknown band, expiry or delivery never decides a state.
    """
    delay = delay or Delay()
    at = _arrays(positions)
    state, judged, cover, wait = _judge(at, delay)

    out = state == State.STOCKOUT
    probability, within = np.full(at.n, np.nan, dtype=np.float32), np.full((at.n, len(HORIZONS)), np.nan, np.float32)
    short = np.full((at.n, len(HORIZONS)), np.nan, dtype=np.float32)
    covers = np.full((3, at.n), np.nan, dtype=np.float32)
    # A place that is out is looked at for what it lacks until a delivery comes; that it is out is no forecast.
    which = np.flatnonzero(judged | (out & at.known))
    if which.size:
        found = ahead.look(_held(at, which, delay), positions.lots.of(which, at.n))
        probability[which], within[which], short[which] = found.probability, found.within, found.short
        covers[:, which] = found.cover
        learnt = np.flatnonzero(judged & ~np.isnan(at.shift))
        _shift(learnt, at.shift[learnt], positions.shift_weight, probability, within, short)
    probability[out], within[out] = 1, 1
    covers[:, out] = 0
    shown = np.where(out, 0.0, np.minimum(cover, MOST_COVER_DAYS))
    return Assessment(
        state, probability, covers[0], covers[1], covers[2], shown.astype(np.float32), wait.astype(np.float32), within,
        short,
    )  # fmt: skip


def _shift(
    rows: NDArray[np.intp], by: Floats, share: float, probability: NDArray[np.float32], within: NDArray[np.float32],
    short: NDArray[np.float32],
) -> None:  # fmt: skip
    """Lay what was learnt of these rows on what was counted of them, in place."""
    if not rows.size:
        return
    counted = within[rows, ahead.MONTH]
    probability[rows] = shift.laid(by, share, probability[rows], counted)
    within[rows] = shift.laid(by[:, None], share, within[rows], counted[:, None])
    short[rows] *= (within[rows, ahead.MONTH] / np.maximum(counted, np.float32(shift.LEAST)))[:, None]


def _held(at: _At, which: NDArray[np.intp], delay: Delay) -> ahead.Held:
    def single(values: ArrayLike) -> NDArray[np.float32]:
        every = np.asarray(values)
        return every[which].astype(np.float32) if every.shape else np.full(which.size, every, dtype=np.float32)

    daily = single(at.daily)
    refill, interval = single(at.maximum), single(at.interval)
    return ahead.Held(
        stock=single(at.usable),
        daily=daily,
        dispersion=single(at.dispersion),
        uncertainty=single(at.uncertainty),
        due=single(at.due),
        interval=interval,
        on_time=single(delay.on_time),
        days_late=single(delay.mean_days_late),
        refill=np.where(np.isnan(refill), daily * interval, refill),
        coming=single(at.coming),
        lost=np.nan_to_num(single(at.expiring)),
    )


def states(positions: Positions, delay: Delay | None = None) -> NDArray[np.uint8]:
    """The states of `assess` without the rest, which takes far longer."""
    return _judge(_arrays(positions), delay or Delay())[0]


def _judge(at: _At, delay: Delay) -> tuple[NDArray[np.uint8], Bools, Floats, Floats]:
    """The states; which positions have a probability; the cover in days, and the wait for the next delivery."""
    wait = expected_wait(at.due, at.interval, delay)
    reported = (at.since_report <= at.report_within) & ~np.isnan(at.usable)
    judged = reported & at.active & (at.usable >= at.vial) & at.known
    with np.errstate(invalid="ignore", divide="ignore"):
        cover = np.where(at.known & at.active, at.usable / at.daily, np.nan)
    return _state(at, reported, judged, cover, wait), judged, cover, wait


@dataclass(frozen=True, slots=True)
class _At:
    """Positions as full arrays of one length, with the words that the rules use."""

    n: int
    usable: Floats
    vial: Floats
    monthly: Floats
    daily: Floats
    dispersion: Floats
    uncertainty: Floats
    known: Bools
    active: Bools
    due: Floats
    interval: Floats
    since_report: Floats
    report_within: Floats
    minimum: Floats
    maximum: Floats
    expiring: Floats
    coming: Floats
    shift: Floats


def _arrays(p: Positions) -> _At:
    n = np.broadcast(np.atleast_1d(p.usable), np.atleast_1d(p.demand.amc)).size

    def full(values: ArrayLike) -> Floats:
        every = np.asarray(values, dtype=np.float64)
        return every if every.shape == (n,) else np.broadcast_to(every, (n,))

    monthly = full(p.demand.amc)
    known = np.isfinite(monthly) & (monthly > 0)
    meant = np.broadcast_to(np.asarray(p.handles, dtype=bool), (n,))
    demanded = np.broadcast_to(np.asarray(p.demand.active, dtype=bool), (n,))
    return _At(
        n=n,
        usable=full(p.usable),
        vial=full(p.doses_per_vial),
        monthly=monthly,
        daily=monthly / DAYS_PER_MONTH,
        dispersion=full(p.demand.dispersion),
        uncertainty=full(p.demand.uncertainty),
        known=known,
        active=(demanded & known) | (meant & np.isnan(monthly)),
        due=full(p.days_to_next_delivery),
        interval=full(p.delivery_interval_days),
        since_report=full(p.days_since_report),
        report_within=full(p.report_interval_days) + full(p.grace_days),
        minimum=full(p.minimum),
        maximum=full(p.maximum),
        expiring=full(p.expiring),
        coming=full(p.coming),
        shift=full(p.shift),
    )


def _state(at: _At, reported: Bools, judged: Bools, cover: Floats, wait: Floats) -> NDArray[np.uint8]:
    below, above = _beside_the_band(at.usable, at.minimum, at.maximum, at.expiring)
    rules = (
        (~reported, State.NO_REPORT),
        (at.active & (at.usable < at.vial), State.STOCKOUT),
        (~judged, State.INACTIVE),
        (cover < wait, State.CRITICAL),
        (below, State.LOW),
        (above, State.OVERSTOCK),
    )
    return np.select(
        [condition for condition, _ in rules],
        [np.uint8(state) for _, state in rules],
        default=np.uint8(State.ADEQUATE),
    )


def _beside_the_band(usable: Floats, minimum: Floats, maximum: Floats, expiring: Floats) -> tuple[Bools, Bools]:
    # Comparisons with NaN are false, which is what "an unknown never decides" means.
    below = usable < minimum * (1 - AT_THE_BAND)
    return below, (usable > maximum * (1 + AT_THE_BAND)) | (expiring >= 1)


def under_bands(
    state: NDArray[np.uint8], usable: Floats, minimum: Floats, maximum: Floats, expiring: Floats
) -> NDArray[np.uint8]:
    """The states of `assess` under other bands: only those that go by the band can be others."""
    below, above = _beside_the_band(usable, minimum, maximum, expiring)
    banded = np.select([below, above], [np.uint8(State.LOW), np.uint8(State.OVERSTOCK)], np.uint8(State.ADEQUATE))
    return np.where(np.isin(state, _BY_BAND), banded, state).astype(np.uint8)


def expected_wait(due: ArrayLike, interval: ArrayLike, delay: Delay) -> Floats:
    """Days until the next delivery: until it is due; its mean delay when overdue; an interval when none is planned."""
    days, planned = np.asarray(due, dtype=np.float64), np.asarray(interval, dtype=np.float64)
    late = np.asarray(delay.mean_days_late, dtype=np.float64)
    return np.where(np.isnan(days), planned, np.where(days < 0, late, days))


def decile(probability: ArrayLike) -> NDArray[np.uint8]:
    """The byte of a value vector: 0 for [0, 10 %) to 9 for [90 %, 100 %], 255 where there is no probability."""
    values = np.asarray(probability, dtype=np.float64)
    known = ~np.isnan(values)
    # A stored float32 of 0.3 is a little more or less than 0.3: rounding first keeps it in its own decile.
    tenths = np.clip(np.floor(np.round(np.where(known, values, 0.0) * 10, 5)), 0, 9)
    return np.where(known, tenths, NO_PROBABILITY).astype(np.uint8)


_RANK = np.empty(len(State), dtype=np.uint8)
_RANK[[int(state) for state in WORST_FIRST]] = range(len(WORST_FIRST))
_BY_RANK = np.array([int(state) for state in WORST_FIRST], dtype=np.uint8)


def worst(
    states: ArrayLike, probabilities: ArrayLike, tracers: ArrayLike = True
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return the worst state, and the highest probability, of each facility's tracers.

    `states` and `probabilities` are [facilities, products]; `tracers` [products] or [facilities, products] says which
    count. A facility without any is INACTIVE; one without any probability has NaN.
    """
    state, probability = np.asarray(states, dtype=np.uint8), np.asarray(probabilities, dtype=np.float32)
    counts = np.broadcast_to(np.asarray(tracers, dtype=bool), state.shape)
    last = np.uint8(len(WORST_FIRST))
    rank = np.where(counts, _RANK[state], last).min(axis=1, initial=last)
    highest = np.where(counts & ~np.isnan(probability), probability, -1).max(axis=1, initial=-1)
    chosen = np.where(rank < last, _BY_RANK[np.minimum(rank, last - 1)], np.uint8(State.INACTIVE))
    return chosen.astype(np.uint8), np.where(highest < 0, np.nan, highest).astype(np.float32)
