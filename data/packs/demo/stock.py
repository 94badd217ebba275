"""How does stock move through the demo country? Day by day, from the national store down to the last health post.

Every facility x product is a position; all positions move together as arrays. What a store hands out is what those
below it receive, lot by lot: no dose appears or vanishes between them. Within a month a facility's own use is known
by the day as a total and is taken from its lots (earliest expiry first) when it runs out and when the month closes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.packs.demo.books import Books
from data.packs.demo.calendar import Calendar
from data.packs.demo.catalogue import Lots
from data.packs.demo.network import HOSPITAL, POST, Network
from data.packs.demo.scenario import Scenario, Shock

Ints = NDArray[np.int64]
Doses = NDArray[np.int32]
Floats = NDArray[np.float64]

#: Days of need that a place orders up to on top of its delivery interval, by tier.
UP_TO_DAYS = np.array([110.0, 45.0, 22.0, 18.0, 8.8])

#: Share of the deliveries of a product, by tier, of which only a part arrives.
PARTIAL = np.array([0.0, 0.0, 0.02, 0.03, 0.03])

#: The older of the two lots that a tier may hold when the history opens, of those then in the country.
OPENING_LOT = (1, 1, 1, 0, 0)

#: Below so many vials a level is rounded up to a whole one.
FEW_VIALS = 4

#: How far (log standard deviation) the need that a facility plans with is from its true one.
PLANNING_ERROR = 0.09

#: Month to month and place to place, demand is overdispersed: shape of the gamma factor on the Poisson mean.
DISPERSION = 100.0


@dataclass(frozen=True)
class Positions:
    """Every facility x product, sorted by facility, then product; `supplier` is the position that supplies it.

    `need` is the true mean demand in doses a day, `order_up_to` what is ordered up to in a usual month.
    `start` is the first position of each facility, with the number of positions at its end.
    """

    facility: Ints
    product: Ints
    supplier: Ints
    start: Ints
    vial: Doses
    need: Floats
    order_up_to: Floats


def positions(
    rng: np.random.Generator, network: Network, products: pd.DataFrame, given: NDArray[np.bool_]
) -> Positions:
    """Which facility holds which product, by type and the state's schedule; a store holds what is given below it."""
    holds = _holdings(rng, network, products, given)
    facility, product = np.nonzero(holds)
    index = np.full(holds.shape, -1, dtype=np.int64)
    index[facility, product] = np.arange(len(facility))
    above = network.supplier[facility]
    supplier = np.where(above >= 0, index[np.maximum(above, 0), product], -1)
    wastage = products["open_vial_wastage"].to_numpy()[product]
    uptake = network.states["uptake"].to_numpy()[np.maximum(network.state, 0)] * rng.lognormal(
        0, 0.1, len(network.tier)
    )
    coverage = np.minimum(products["coverage"].to_numpy()[product] * uptake[facility], 0.97)
    per_child = products["doses_per_child"].to_numpy()[product]
    need = network.children[facility] * per_child * coverage / (1 - wastage) / 365.25
    for tier in (4, 3, 2, 1):
        rows = np.flatnonzero((network.tier[facility] == tier) & (supplier >= 0))
        need += np.bincount(supplier[rows], need[rows], len(need))
    vial = products["doses_per_vial"].to_numpy(dtype=np.int32)[product]
    interval = network.frame["delivery_interval_days"].to_numpy(dtype=np.float64)
    cover = interval + UP_TO_DAYS[network.tier]
    error = rng.normal(0, PLANNING_ERROR, len(need)) * np.where(network.tier[facility] == 4, 1, 0.3)
    vials = need * cover[facility] * np.exp(error) / vial
    up_to = np.where(vials < FEW_VIALS, np.ceil(vials), vials) * vial
    start = np.searchsorted(facility, np.arange(len(network.tier) + 1))
    return Positions(facility, product, supplier, start, vial, need, up_to)


def _holdings(
    rng: np.random.Generator, network: Network, products: pd.DataFrame, given: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    holds = given[np.maximum(network.state, 0)] & (network.state >= 0)[:, None]
    for tier in (2, 1):
        stores = np.flatnonzero((network.tier == tier) & (network.supplier >= 0))
        np.logical_or.at(holds, network.supplier[stores], holds[stores])
    chance = np.ones(holds.shape)
    chance[network.type == POST] = products["posts"].to_numpy(dtype=np.float64)
    chance[(network.type >= 0) & (network.type != POST) & (network.type != HOSPITAL)] = products["clinics"].to_numpy(
        dtype=np.float64
    )
    return np.asarray(holds & (rng.random(holds.shape) < chance))


class Stock:
    """The stock of the country on one day: doses by position and lot, and what may be used of them.

    At health facilities `lots` still holds what was used since the month began or they ran out; `usable` does not.
    """

    def __init__(
        self, rng: np.random.Generator, network: Network, positions: Positions, lots: Lots,
        calendar: Calendar, scenario: Scenario, by_vial: NDArray[np.bool_],
    ) -> None:  # fmt: skip
        self.rng, self.network, self.at, self.calendar, self.scenario = rng, network, positions, calendar, scenario
        self.arrival, self.expiry_month = lots.arrival, lots.expiry_month[positions.product]
        self.health = network.tier[positions.facility] == 4
        self.passing_on = np.ones(len(positions.need))
        self.unit = np.where(by_vial[positions.product], positions.vial, 1).astype(np.int32)
        self.sessions = _sessions(rng, network, positions)
        self.lots = self._opening()
        self.usable = np.asarray(self.lots.sum(axis=1), dtype=np.int32)
        self.ending = np.zeros_like(self.usable)
        # Where something was delivered on this day, and where there ever was anything: nowhere else is out of it.
        self.came = np.zeros(len(self.usable), dtype=np.bool_)
        self.had = self.usable > 0

    def _opening(self) -> Doses:
        """Somewhere between two rounds, on one or two of the lots in the country."""
        fill = np.where(
            self.health, self.rng.uniform(0.15, 1.0, len(self.at.need)), self.rng.uniform(0.55, 1, len(self.at.need))
        )
        doses = (np.ceil(self.at.order_up_to * fill / self.at.vial) * self.at.vial).astype(np.int32)
        older = np.where(self.rng.random(len(doses)) < 0.35, self.rng.random(len(doses)), 0)
        older = (doses // self.at.vial * older).astype(np.int32) * self.at.vial
        first = np.array(OPENING_LOT)[self.network.tier[self.at.facility]]
        held = np.zeros((len(doses), self.expiry_month.shape[1]), dtype=np.int32)
        rows = np.arange(len(doses))
        held[rows, first] = older
        held[rows, first + 1] += doses - older
        return held

    def run(self, books: Books) -> None:
        """Move through every day of the calendar and write it down in the books."""
        books.open(self.lots)
        due = np.searchsorted(self.scenario.deliveries[:, 0], np.arange(self.calendar.days + 1))
        for month, (first, end) in enumerate(zip(self.calendar.starts[:-1], self.calendar.starts[1:], strict=True)):
            books.begin(month, self.lots)
            self._expire(month)
            mean = self._mean_demand(month)
            used = np.zeros(len(self.usable), dtype=np.int32)
            days_out = np.zeros(len(self.usable), dtype=np.int32)
            issued = np.zeros_like(self.lots)
            empty = self.usable == 0
            for day in range(first, end):
                self._shock(day)
                self.came[:] = False
                self._deliver(month, day, self.scenario.deliveries[due[day] : due[day + 1], 1], issued, books)
                self._vaccinate(day, mean, used)
                still = self.usable == 0
                days_out += empty & still & self.had & ~self.came
                self.had |= self.came
                self._run_out(month, day, np.flatnonzero(still & (self.came | ~empty)), used, issued, books)
                empty = still
            self._close(month, used, issued, days_out, books)

    def _run_out(self, month: int, day: int, rows: Ints, used: Doses, issued: Doses, books: Books) -> None:
        """Who is left with nothing writes down at once where it went: from then on the books say that there is none."""
        given = np.where(self.expiry_month[rows] >= month, self.lots[rows], 0)
        self.lots[rows] -= given
        books.ran_out(month, day, rows, given, issued[rows])
        used[rows] = 0
        issued[rows] = 0

    def _mean_demand(self, month: int) -> Floats:
        """Doses a day in this month at each health facility; the noise of the month is in it."""
        state = np.maximum(self.network.state[self.at.facility], 0)
        factor = self.scenario.demand[state, self.at.product, month]
        noise = self.rng.gamma(DISPERSION, 1 / DISPERSION, len(factor))
        return np.asarray(self.at.need * factor * noise)

    def _expire(self, month: int) -> None:
        gone = np.where(self.expiry_month == month - 1, self.lots, 0).sum(axis=1)
        self.usable -= gone.astype(np.int32)
        # What a store can no longer pass on in time does not count as stock when it orders.
        ending = np.where(self.expiry_month == month, self.lots, 0).sum(axis=1)
        self.ending = np.where(self.health, 0, ending).astype(np.int32)

    def _shock(self, day: int) -> None:
        for shock in self.scenario.shocks:
            if day in (shock.first, shock.last):
                self._scale(shock, day == shock.first)

    def _scale(self, shock: Shock, begins: bool) -> None:
        mine = np.arange(self.at.start[shock.store], self.at.start[shock.store + 1])
        mine = mine[shock.products[self.at.product[mine]]]
        self.passing_on[mine] *= shock.share if begins else 1 / shock.share

    def _deliver(self, month: int, day: int, facilities: Ints, issued: Doses, books: Books) -> None:
        """Bring the facilities that are due up to their level, as far as their suppliers hold lots fit to pass on."""
        if not len(facilities):
            return
        rows = _ranges(self.at.start[facilities], self.at.start[facilities + 1])
        state = np.maximum(self.network.state[self.at.facility[rows]], 0)
        level = self.at.order_up_to[rows] * self.scenario.boost[state, self.at.product[rows], month]
        vial = self.at.vial[rows]
        wanted = np.round((level - self.usable[rows] + self.ending[rows]) / vial)
        partial = np.where(
            self.rng.random(len(rows)) < PARTIAL[self.network.tier[self.at.facility[rows]]],
            self.rng.uniform(0.3, 0.9, len(rows)),
            1,
        )
        supplier = self.at.supplier[rows]
        share = partial * np.where(supplier >= 0, self.passing_on[supplier], 1)
        vials = np.floor(np.maximum(wanted, 0) * share + np.where(share < 1, self.rng.random(len(rows)), 0))
        doses = (vials * vial).astype(np.int64)
        asked = doses > 0
        outside = asked & (supplier < 0)
        self._buy(month, day, rows[outside], doses[outside], books)
        inside = asked & (supplier >= 0)
        self._pass_on(month, day, rows[inside], doses[inside], issued, books)

    def _buy(self, month: int, day: int, rows: Ints, doses: Ints, books: Books) -> None:
        lot = (self.arrival[self.at.product[rows]] <= day).sum(axis=1) - 1
        self.lots[rows, lot] += doses.astype(np.int32)
        self.usable[rows] += doses.astype(np.int32)
        self.came[rows] = True
        books.receipts(month, day, rows, lot, doses)

    def _pass_on(self, month: int, day: int, rows: Ints, doses: Ints, issued: Doses, books: Books) -> None:
        """Hand out lots in order of expiry, in the order in which facilities come, until the supplier has no more."""
        order = np.argsort(self.at.supplier[rows], kind="stable")
        rows, doses = rows[order], doses[order]
        stores, begins, of = np.unique(self.at.supplier[rows], return_index=True, return_inverse=True)
        fit = np.where(self.expiry_month[stores] > month, self.lots[stores], 0).astype(np.int64)
        edge = np.concatenate([np.zeros((len(stores), 1), dtype=np.int64), np.cumsum(fit, axis=1)], axis=1)
        end = np.cumsum(doses)
        before = np.concatenate([[0], end])[begins][of]
        ends = np.minimum(end - before, edge[of, -1])
        starts = np.minimum(end - doses - before, edge[of, -1])
        taken = np.minimum(ends[:, None], edge[of, 1:]) - np.maximum(starts[:, None], edge[of, :-1])
        taken = np.maximum(taken, 0).astype(np.int32)
        handed = np.add.reduceat(taken, begins, axis=0) if len(rows) else taken
        self.lots[rows] += taken
        brought = taken.sum(axis=1, dtype=np.int32)
        self.usable[rows] += brought
        self.came[rows] |= brought > 0
        self.lots[stores] -= handed
        self.usable[stores] -= handed.sum(axis=1, dtype=np.int32)
        issued[stores] += handed
        which, lot = np.nonzero(taken)
        books.receipts(month, day, rows[which], lot, taken[which, lot])

    def _vaccinate(self, day: int, mean: Floats, used: Doses) -> None:
        """Hold the sessions of this weekday; powders are opened by whole vials, what is not there is not given."""
        rows, share = self.sessions[self.calendar.weekday[day]]
        unit = self.unit[rows]
        asked = self.rng.poisson(mean[rows] * share)
        asked = np.floor(asked / unit + self.rng.random(len(rows))).astype(np.int64) * unit
        given = np.minimum(asked, self.usable[rows]).astype(np.int32)
        self.usable[rows] -= given
        used[rows] += given

    def _close(self, month: int, used: Doses, issued: Doses, days_out: Doses, books: Books) -> None:
        """Take the month's use from the lots, lose and miscount a little, and close the books."""
        good = np.where(self.expiry_month >= month, self.lots, 0)
        given = _first_lots_first(good, used)
        self.lots -= given
        whole = (self.calendar.starts[month + 1] - self.calendar.starts[month]) / 30
        expired = np.where(self.expiry_month < month, self.lots, 0)
        expired *= (self.rng.random(len(used)) < 0.8 * min(whole, 1))[:, None]
        self.lots -= expired
        damaged, reason = self._damage(month, whole)
        miscounted = self._miscount(month, whole)
        books.close(month, given, issued, expired, damaged, reason, miscounted, days_out, self.lots)

    def _damage(self, month: int, whole: float) -> tuple[Doses, NDArray[np.int8]]:
        """Breakage, heat (VVM) and frost, now and then, at health facilities more often than in stores."""
        good = np.where(self.expiry_month >= month, self.lots, 0)
        chance = np.where(self.health, 0.022, 0.012) * whole
        hit = self.rng.random(len(chance)) < chance
        vials = self.usable // self.at.vial
        lost = np.minimum(np.ceil(vials * self.rng.beta(1, 7, len(vials))).astype(np.int32) * self.at.vial, self.usable)
        damaged = _first_lots_first(good, np.where(hit, lost, 0))
        self.lots -= damaged
        self.usable -= damaged.sum(axis=1, dtype=np.int32)
        return damaged, self.rng.choice(4, len(vials), p=(0.45, 0.35, 0.15, 0.05)).astype(np.int8)

    def _miscount(self, month: int, whole: float) -> Doses:
        """Small differences found when counting, up or down, on the lot in use."""
        rows = np.flatnonzero((self.rng.random(len(self.usable)) < 0.02 * whole) & (self.usable > 0))
        good = np.where(self.expiry_month[rows] >= month, self.lots[rows], 0)
        lot = np.argmax(good > 0, axis=1)
        vials = np.maximum(np.round(self.usable[rows] / self.at.vial[rows] * self.rng.exponential(0.02, len(rows))), 1)
        change = (vials * self.at.vial[rows] * self.rng.choice([-1, 1], len(rows), p=[0.6, 0.4])).astype(np.int32)
        change = np.maximum(change, -good[np.arange(len(rows)), lot])
        miscounted = np.zeros_like(self.lots)
        miscounted[rows, lot] = change
        self.lots += miscounted
        self.usable += miscounted.sum(axis=1, dtype=np.int32)
        return miscounted


def _sessions(rng: np.random.Generator, network: Network, at: Positions) -> list[tuple[Ints, Floats]]:
    """For each weekday the positions with a session and the days of demand that it meets: posts weekly, PHCs twice."""
    kind = network.type
    first = rng.integers(0, 5, len(kind))
    second = (first + 2 + rng.integers(0, 2, len(kind))) % 5
    found = []
    for weekday in range(7):
        held = (kind >= 0) & ((first == weekday) | ((second == weekday) & (kind != POST)) | (kind == HOSPITAL))
        held &= weekday < 5
        days = np.where(kind == HOSPITAL, 7 / 5, np.where(kind == POST, 7, 7 / 2))
        rows = np.flatnonzero(held[at.facility])
        found.append((rows, days[at.facility[rows]]))
    return found


def _first_lots_first(lots: Doses, amount: Doses) -> Doses:
    """Take an amount from each row's lots in their order; [rows, lots]."""
    upto = np.cumsum(lots, axis=1, dtype=np.int32)
    return np.asarray(np.diff(np.minimum(upto, amount[:, None]), axis=1, prepend=0).astype(np.int32))


def _ranges(starts: Ints, ends: Ints) -> Ints:
    """All numbers from each start up to its end, one range after the other."""
    lengths = ends - starts
    offset = np.repeat(starts - np.concatenate([[0], np.cumsum(lengths)[:-1]]), lengths)
    return np.asarray(np.arange(lengths.sum()) + offset)
