"""How much stock is too little and too much? The presets of the field as data, and their bands in doses.

A preset is a line in two directions: so many months of demand, so many lead times of it, so many delivery
intervals of it. A programme names its preset; nothing else in the code knows one authority from another.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data.insight import consumption

#: A mean month, which turns days into months wherever a formula mixes the two.
DAYS_PER_MONTH = 365.25 / 12


@dataclass(frozen=True, slots=True)
class Level:
    """A stock level as demand over `months` + `lead_times` x the lead time + `intervals` x the delivery interval."""

    months: float = 0.0
    lead_times: float = 0.0
    intervals: float = 0.0

    def doses(
        self, amc: ArrayLike, lead_time_days: ArrayLike, delivery_interval_days: ArrayLike
    ) -> NDArray[np.float64]:
        """The level in doses; NaN where the demand, or a time that the level needs, is not known."""
        months = np.asarray(self.months, dtype=np.float64)
        if self.lead_times:
            months = months + self.lead_times * np.asarray(lead_time_days, dtype=np.float64) / DAYS_PER_MONTH
        if self.intervals:
            months = months + self.intervals * np.asarray(delivery_interval_days, dtype=np.float64) / DAYS_PER_MONTH
        return np.asarray(np.asarray(amc, dtype=np.float64) * months)

    def plus(self, other: Level) -> Level:
        """Both on top of each other."""
        return Level(self.months + other.months, self.lead_times + other.lead_times, self.intervals + other.intervals)


#: An order that is placed at the reorder level arrives when the minimum is reached.
REORDER = "minimum + AMC x lead time"

#: At the critical level an order placed today arrives as the last dose goes.
CRITICAL = "AMC x lead time"

_NEED_DURING_DELIVERY = Level(lead_times=1)


@dataclass(frozen=True, slots=True)
class Preset:
    """One authority's levels; `formula` is what is shown beside minimum and maximum, `source` whose they are.

    `critical_formula` is beside the critical level; the reorder level is `REORDER` with anybody's minimum.
    """

    name: str
    minimum: Level
    maximum: Level
    formula: str
    source: str
    critical: Level = _NEED_DURING_DELIVERY
    critical_formula: str = CRITICAL

    @property
    def reorder(self) -> Level:
        """The stock at which to order."""
        return self.minimum.plus(_NEED_DURING_DELIVERY)


PRESETS = {
    preset.name: preset
    for preset in (
        Preset(
            "NPHCDA", Level(months=0.25), Level(months=1.25),
            "minimum 25 %, maximum 125 % of the month's need",
            "National Primary Health Care Development Agency, Nigeria: stock elements of the FHIR guide",
        ),
        Preset(
            "WHO-EPI", Level(months=1), Level(months=3),
            "minimum 1 month, maximum 3 months of demand",
            "WHO metadata package for immunisation stock in DHIS2",
        ),
        Preset(
            "OpenLMIS", Level(months=3), Level(months=6),
            "minimum 3, maximum 6 periods of a month",
            "OpenLMIS reference data: periods of stock of a facility type approved product",
        ),
        Preset(
            # The safety stock of a min-max system with periodic review is at least one review period's demand.
            "MSH", Level(lead_times=1, intervals=1), Level(lead_times=1, intervals=2),
            "minimum = AMC x lead time + one review period's demand, maximum = minimum + AMC x review period",
            "Management Sciences for Health, Family Planning Manager's Handbook, chapter 8",
            Level(lead_times=2, intervals=1), "minimum + AMC x lead time",
        ),
    )
}  # fmt: skip


def bands(
    preset: str, amc: ArrayLike, lead_time_days: ArrayLike, delivery_interval_days: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return minimum and maximum in doses, one each per position; a value exactly at either is adequate.

    `amc` is in doses a month. The review period of MSH is the delivery interval. NaN where the demand is not
    known. An unknown preset is a KeyError.
    """
    levels = PRESETS[preset]
    return (
        levels.minimum.doses(amc, lead_time_days, delivery_interval_days),
        levels.maximum.doses(amc, lead_time_days, delivery_interval_days),
    )


def to_order(maximum: float | None, usable: float, coming: float, awaited: float, doses_per_vial: int) -> int | None:
    """Return what fills a place up to its maximum, in doses of whole vials, rounded up; None without a maximum.

    `coming` was sent and has not arrived, `awaited` was asked for and is not sent.
    """
    if maximum is None or math.isnan(maximum):
        return None
    lacking = max(maximum - usable - coming - awaited, 0.0)
    return math.ceil(lacking / doses_per_vial - 1e-9) * doses_per_vial


#: Stores hold what they supply others with until their own next delivery; a month's band would call all of them full.
STORES = "MSH"

#: Presets by number, as `position.preset` keeps them: the order of `PRESETS`, which is only ever added to.
NAMES = tuple(PRESETS)
CODES = {name: number for number, name in enumerate(NAMES)}

#: As many months of a window as there are methods of AMC to choose from; of 3, 6 and 12 the one that foretold best.
WINDOW = 12


@dataclass(frozen=True, slots=True)
class Rule:
    """What a programme chose for a tier and a product (by its id); None is all of them."""

    tier: str | None
    product: int | None
    preset: str
    amc_method: str = consumption.MSUPPLY
    window_months: int = WINDOW


@dataclass(frozen=True, slots=True)
class Chosen:
    """What holds for each of n positions: numbers of presets, names of AMC methods by number, months of the window."""

    preset: NDArray[np.int16]
    method: NDArray[np.int16]
    window: NDArray[np.int16]


def choose(
    rules: Sequence[Rule],
    default: str,
    *,
    tier: ArrayLike,
    product: ArrayLike,
    supplies: ArrayLike,
    tiers: Sequence[str],
) -> Chosen:
    """Return what holds for each position: the most specific rule wins.

    That is tier and product, then the product, then the tier, then neither; where no rule is, the programme's
    `default` preset. `tier` [n] are places in `tiers`, `product` [n] ids. Places that supply others take `STORES`
    unless a rule names their tier. An unknown preset or method is a KeyError.
    """
    at, what = np.asarray(tier), np.asarray(product)
    store = np.broadcast_to(np.asarray(supplies, dtype=bool), at.shape)
    preset = np.where(store, CODES[STORES], CODES[default]).astype(np.int16)
    method, window = np.zeros(at.shape, dtype=np.int16), np.full(at.shape, WINDOW, dtype=np.int16)
    for rule in sorted(rules, key=lambda r: (r.product is not None, r.tier is not None)):
        held = np.ones(at.shape, dtype=bool) if rule.product is None else what == rule.product
        held = held & (at == _place(rule.tier, tiers) if rule.tier is not None else ~store)
        preset[held], method[held] = CODES[rule.preset], METHOD_CODES[rule.amc_method]
        window[held] = rule.window_months
    return Chosen(preset, method, window)


def held(preset: ArrayLike, default: str, *, supplies: ArrayLike) -> NDArray[np.int64]:
    """Return the numbers of presets as positions keep them; a position that none was chosen for yet has the default.

    What is no number of a preset, such as null, stands for none.
    """
    kept = np.asarray(preset, dtype=np.int64)
    fallback = np.where(np.asarray(supplies, dtype=bool), CODES[STORES], CODES[default])
    return np.where((kept >= 0) & (kept < len(NAMES)), kept, fallback)


def _place(tier: str, tiers: Sequence[str]) -> int:
    return tiers.index(tier) if tier in tiers else -1


#: AMC methods by number, in the order of `consumption.METHODS`.
METHOD_NAMES = tuple(consumption.METHODS)
METHOD_CODES = {name: number for number, name in enumerate(METHOD_NAMES)}


def bands_of(
    preset: str | NDArray[np.integer[Any]],
    amc: ArrayLike,
    lead_time_days: ArrayLike,
    delivery_interval_days: ArrayLike,
    *,
    supplies: NDArray[np.bool_] | np.bool_ = np.False_,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the bands of a programme's places.

    `preset` is either the number of each position's preset [n], as `choose` gives them and `position.preset` keeps
    them (stores then have theirs already, and `supplies` says nothing); or one name for all, with `STORES` for those
    that supply others.
    """
    number = np.where(supplies, CODES[STORES], CODES[preset]) if isinstance(preset, str) else preset
    there = np.unique(number)
    if there.size == 1:
        return bands(NAMES[int(there[0])], amc, lead_time_days, delivery_interval_days)
    shape = np.broadcast_shapes(number.shape, np.shape(amc), np.shape(lead_time_days), np.shape(delivery_interval_days))
    low, high = np.full(shape, np.nan), np.full(shape, np.nan)
    for code in there:
        which = np.broadcast_to(number == code, shape)
        own = bands(NAMES[int(code)], amc, lead_time_days, delivery_interval_days)
        low, high = np.where(which, own[0], low), np.where(which, own[1], high)
    return low, high
