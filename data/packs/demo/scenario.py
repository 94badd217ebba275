"""What happens to the demo country's supply? Seasons, campaigns, late rounds, outages, silence: before a dose moves.

Everything is drawn from one generator, in a fixed order. Levels were set so that the country of today looks like a
real one: most positions adequate, clusters of stockouts, about one facility in twelve not reporting.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.packs.demo.calendar import Calendar
from data.packs.demo.network import Network

Floats = NDArray[np.float64]

#: Demand by calendar month, January first: rains close roads (north July-September, south in two waves), harvest
#: and holidays keep people away, the dry season brings them back.
SEASON = {
    "north": (1.05, 1.06, 1.05, 1.03, 1.0, 0.97, 0.9, 0.86, 0.9, 0.96, 0.95, 0.95),
    "south": (1.04, 1.05, 1.04, 1.02, 0.98, 0.92, 0.93, 0.98, 0.94, 0.97, 1.02, 0.92),
}

#: Campaigns: product, months before the running one, share of its states, demand in that month against a usual one.
CAMPAIGNS = (
    ("MR", 9, 0.3, 1.9),
    ("YF", 5, 0.2, 1.8),
    ("MENA", 8, 0.25, 1.8),
    ("OPV", 3, 0.35, 1.5),
    ("MR", 2, 0.15, 1.7),
)

#: Products in short supply in the whole country: product, days ago from and to, share of what is ordered.
SHORTAGES = (("HEPB", 70, 0, 0.75), ("ROTA", 60, 0, 0.75), ("BCG", 260, 190, 0.5), ("YF", 200, 140, 0.6))


@dataclass(frozen=True, slots=True)
class Shock:
    """From one day to another a store passes on only a share of what is ordered from it, of some products."""

    store: int
    products: NDArray[np.bool_]
    first: int
    last: int
    share: float


@dataclass(frozen=True, slots=True)
class Scenario:
    """What was drawn. `deliveries` are (day, facility) pairs by day; `reported` is [facilities, months].

    `demand` is [states, products, months] against a usual month; `boost` what is ordered ahead of a campaign, alike.
    `campaigns` are product, month and which states took part.
    """

    hard: NDArray[np.bool_]
    deliveries: NDArray[np.int64]
    shocks: list[Shock]
    demand: Floats
    boost: Floats
    reported: NDArray[np.bool_]
    campaigns: list[tuple[str, int, NDArray[np.bool_]]]


def draw(rng: np.random.Generator, network: Network, products: list[str], calendar: Calendar) -> Scenario:
    """Draw what happens to this network."""
    lgas = int(network.lga.max()) + 1
    state_of_lga = np.zeros(lgas, dtype=np.int64)
    in_state = network.state >= 0
    state_of_lga[network.lga[in_state]] = network.state[in_state]
    hard_lga = rng.random(lgas) < network.states["hard_to_reach"].to_numpy()[state_of_lga]
    hard = hard_lga[network.lga] & (network.tier >= 3)
    demand, boost, campaigns = _demand(rng, network, products, calendar)
    return Scenario(
        hard, _deliveries(rng, network, hard, calendar), _shocks(rng, network, products, calendar),
        demand, boost, _reported(rng, network, hard, calendar), campaigns,
    )  # fmt: skip


def _demand(
    rng: np.random.Generator, network: Network, products: list[str], calendar: Calendar
) -> tuple[Floats, Floats, list[tuple[str, int, NDArray[np.bool_]]]]:
    months = np.array([month.month for month in calendar.months])
    north = network.states["zone"].str.startswith("N").to_numpy()
    season = np.where(north[:, None], np.array(SEASON["north"])[months - 1], np.array(SEASON["south"])[months - 1])
    demand = np.repeat(season[:, None, :], len(products), axis=1)
    boost = np.ones_like(demand)
    campaigns = []
    for product, ago, share, factor in CAMPAIGNS:
        month, seat = 12 - ago, products.index(product)
        taking_part = rng.random(len(north)) < share
        campaigns.append((product, month, taking_part))
        demand[taking_part, seat, month] *= factor
        boost[taking_part, seat, month - 1 : month + 1] *= 1 + (factor - 1) * 1.15
    return demand, boost, campaigns


def _deliveries(
    rng: np.random.Generator, network: Network, hard: NDArray[np.bool_], calendar: Calendar
) -> NDArray[np.int64]:
    """Rounds of every store and facility: due each interval, some late (heavy tail), some left out, none on Sundays.

    Stores of a state follow each other within days, and facilities collect in the week after their LGA store.
    """
    interval = network.frame["delivery_interval_days"].to_numpy(dtype=np.int64)
    phase = _phases(rng, network, interval)
    rounds = calendar.days // interval.min() + 2
    due = phase[:, None] + interval[:, None] * np.arange(rounds)[None, :]
    shape = due.shape
    late = rng.random(shape) < np.where(hard, 0.25, 0.07)[:, None]
    wait = np.where(late, np.minimum(np.round(rng.lognormal(1.2, 0.85, shape)), 40), 0).astype(np.int64)
    kept = rng.random(shape) >= np.where(hard, 0.09, 0.01 * (network.tier >= 3))[:, None]
    day = due + wait
    kept &= day < calendar.days
    facility = np.broadcast_to(np.arange(len(phase))[:, None], shape)
    pairs = np.column_stack([day[kept], facility[kept]])
    sunday = calendar.weekday[pairs[:, 0]] == 6
    pairs[:, 0] += sunday
    pairs = pairs[pairs[:, 0] < calendar.days]
    return np.unique(pairs, axis=0)


def _phases(rng: np.random.Generator, network: Network, interval: NDArray[np.int64]) -> NDArray[np.int64]:
    phase = rng.integers(0, np.maximum(interval, 1))
    state_phase = rng.integers(0, 30, len(network.states))
    lga_phase = rng.integers(0, 12, int(network.lga.max()) + 1)
    below = network.tier >= 3
    common = state_phase[np.maximum(network.state, 0)] + lga_phase[network.lga]
    phase[below] = (common[below] + np.where(network.tier == 4, 1 + phase % 7, 0)[below]) % interval[below]
    return np.asarray(phase, dtype=np.int64)


def _shocks(rng: np.random.Generator, network: Network, products: list[str], calendar: Calendar) -> list[Shock]:
    every = np.ones(len(products), dtype=np.bool_)
    today = calendar.days
    shocks = []
    for product, since, until, share in SHORTAGES:
        only = np.array([code == product for code in products])
        stores = np.flatnonzero(network.tier == 2)
        shares = np.clip(share * rng.lognormal(0, 0.35, len(stores)), 0, 1)
        shocks += [
            Shock(int(s), only, today - since, today - until, float(f)) for s, f in zip(stores, shares, strict=True)
        ]
    stores = rng.permutation(np.flatnonzero(network.tier == 2))
    # A bad quarter of a state's cold store: some of it now, some of it in the months before.
    for i, store in enumerate(stores[: max(1, len(stores) // 7)]):
        first = today - int(rng.integers(60, 85)) if i % 2 == 0 else int(rng.integers(20, max(21, today - 120)))
        hit = rng.random(len(products)) < 0.6
        shocks.append(Shock(int(store), hit, first, first + int(rng.integers(55, 90)), 0.2))
    # An LGA's cold room out of order.
    for store in np.flatnonzero((network.tier == 3) & (rng.random(len(network.tier)) < 0.15)):
        first = int(rng.integers(0, today))
        shocks.append(Shock(int(store), every, first, first + int(rng.gamma(3, 14)), 0.1))
    return shocks


def _reported(
    rng: np.random.Generator, network: Network, hard: NDArray[np.bool_], calendar: Calendar
) -> NDArray[np.bool_]:
    """Stores always report; a facility misses single months, and a few fall silent for months, some of them still."""
    shape = (len(network.tier), len(calendar.months))
    habit = np.clip(rng.beta(1.3, 30, len(network.states)), 0.005, 0.12)[np.maximum(network.state, 0)]
    missed = rng.random(shape) < (habit + 0.06 * hard)[:, None]
    silent = rng.random(shape[0]) < np.where(hard, 0.3, 0.12)
    length = rng.integers(2, 7, shape[0])
    ends = np.where(rng.random(shape[0]) < 0.4, shape[1], rng.integers(1, shape[1] + 1, shape[0]))
    month = np.arange(shape[1])
    spell = silent[:, None] & (month >= (ends - length)[:, None]) & (month < ends[:, None])
    return ~(missed | spell) | (network.tier < 4)[:, None]
