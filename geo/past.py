"""Which colour had what at a past moment? The vectors and roll-ups of any day, from data.past.

Whom roll-ups count, and with which weight, is as it is today; so is the registry. There is no probability in it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from data import db, past, programmes, queries
from data.db import Seen
from data.programmes import Programme
from data.record.past import AsOf
from data.types import AT_RISK, NO_PROBABILITY, WORST, State
from geo import cut, errors, rollup
from geo.areas import Area, Status, Worst
from geo.cache import Flights
from geo.reach import Reach
from geo.registry import Registry
from geo.values import Vector

SQL = queries.read(Path(__file__).parent / "sql" / "past.sql")

Ints = NDArray[np.int64]
#: An answer may be so old, in seconds: a browser asks for a nation in many parts.
FRESH = 15.0
#: So many moments are held.
_HELD = 4


@dataclass(frozen=True, slots=True)
class Nation:
    """A programme at a moment for one product seat: the states by ordinal, and the roll-up of every area by seat."""

    seq: int
    state: NDArray[np.uint8]
    status: list[Status]
    areas: list[Place]
    area_seat: Ints
    facility_id: Ints
    #: Of each facility the children that it stands for; 0 where roll-ups do not count it for the product.
    weight: Ints
    #: Of each position among them (facility id, product id): its state, and what was usable.
    positions: past.Then
    #: Which of these positions the reader sees; None for all.
    mine: NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """An area with the seat right above it, and those of all above it and its own."""

    id: int
    seat: int
    code: str
    name: str
    parent: int | None
    above: list[int]


def nation(conn: sa.Connection, programme: Programme, product_seat: int, as_of: AsOf) -> Nation:
    """Everything of that moment; raises `UnknownSeat`."""
    asked = {"programme_id": programme.id, "product_seat": product_seat}
    seq = conn.execute(SQL["seq"], asked).scalar_one()
    product_ids = [r.id for r in conn.execute(SQL["products"], asked)]
    if not product_ids and product_seat != WORST:
        raise errors.UnknownSeat(value=product_seat, field="product", remedy="Take a seat of the registry.")
    at = {n: np.frombuffer(v or b"", dtype=">i4").astype(np.int64)
          for n, v in conn.execute(SQL["facilities"], asked).one()._mapping.items()}  # fmt: skip
    then = past.read(conn, programme, as_of, product_ids)
    state = rollup.worst(then.ordinal, then.state, at["held"] > 0, product_seat)
    weight = np.where(at["counted"] > 0, at["weight"], 0)
    areas = [Place(*row) for row in conn.execute(SQL["areas"], asked)]
    return Nation(
        seq, state, _areas(areas, at["seat"], state, weight), areas, at["seat"], at["facility_id"], weight, then
    )


def part(found: Nation, reach: Reach) -> Nation:
    """The same as somebody sees it to whom only a part is open; of facilities that are not within there is no state."""
    if reach.whole:
        return found
    own = reach.facilities[reach.facilities < found.state.size]
    state, weight = np.full_like(found.state, cut.NO_DATA), np.zeros_like(found.weight)
    state[own], weight[own] = found.state[own], found.weight[own]
    then = found.positions
    mine = np.isin(then.ordinal, own)
    return replace(
        found, state=state, status=_areas(found.areas, found.area_seat, state, weight), weight=weight, mine=mine
    )


def _areas(rows: list[Place], seat: Ints, state: NDArray[np.uint8], weight: Ints) -> list[Status]:
    """The roll-up of every area: facilities by state, children by risk."""
    n = len(rows)
    seat, state, weight = seat[weight > 0], state[weight > 0], weight[weight > 0]
    active = state > State.INACTIVE
    at_risk, out = np.isin(state, sorted(AT_RISK)), state == State.STOCKOUT
    local = np.column_stack(
        [np.bincount(seat[state == s], minlength=n) for s in sorted(State)]
        + [np.bincount(seat[w], weight[w], minlength=n).astype(np.int64) for w in (active, at_risk, out)]
    )
    total = np.zeros_like(local)
    for row in rows:
        total[row.above] += local[row.seat]
    return [rollup.status(row, total[row.seat].tolist()) for row in rows]


def area(found: Nation, place: Area) -> tuple[Status, list[Status]]:
    """The roll-up of an area, and of those right below it, the largest share of children at risk first."""
    below = [s for s, one in zip(found.status, found.areas, strict=True) if one.parent == place.seat]
    return found.status[place.seat], rollup.worst_first(below)


def worst_facilities(
    conn: sa.Connection, programme: Programme, found: Nation, place: Area, product_seat: int, most: int = 20
) -> list[Worst]:
    """Facilities of an area that were out, critical or low, the worst first, each with its worst product."""
    asked = {"programme_id": programme.id, "product_seat": product_seat}
    within = np.array([one.seat for one in found.areas if place.seat in one.above])
    then = found.positions
    rank = rollup.RANK[then.state]
    inside = np.isin(found.area_seat[then.ordinal], within) & (rank < 3)
    if found.mine is not None:
        inside &= found.mine
    chosen = np.flatnonzero(inside)
    chosen = chosen[np.lexsort((then.usable[chosen], then.ordinal[chosen], rank[chosen]))]
    _, first = np.unique(then.ordinal[chosen], return_index=True)
    chosen = chosen[np.sort(first)][:most]
    names = {r.id: r for r in conn.execute(SQL["names"], {"ids": then.facility_id[chosen].tolist()})}
    products = {r.id: r for r in conn.execute(SQL["products"], asked)}
    made = []
    for k in chosen:
        f, p = names[int(then.facility_id[k])], products[int(then.product_id[k])]
        made.append(
            Worst(f.code, f.name, f.ordinal, f.area_name, p.code, p.name, State(int(then.state[k])), None, None, None,
                  None, int(then.usable[k]), None)
        )  # fmt: skip
    return made


class Pasts:
    """The past as one process reads it: a nation at a moment is worked out once for all of its parts."""

    def __init__(
        self,
        engine: sa.Engine,
        whole: Callable[[int], Seen] | None = None,
        spend: Callable[[], None] = lambda: None,
    ) -> None:
        self._engine = engine
        self._whole = whole
        #: Asked before anything is worked out; it may refuse.
        self._spend = spend
        self._flights: Flights[tuple[int, int, int, AsOf], Nation] = Flights()
        self._held: dict[tuple[int, int, int, AsOf], tuple[float, Nation]] = {}
        self._lock = threading.Lock()

    def nation(self, programme: Programme, product_seat: int, as_of: AsOf) -> Nation:
        """All of that moment; raises `UnknownSeat`."""
        return self._nation((programme.id, programme.registry_version, product_seat, as_of), programme.code)

    def areas(self, registry: Registry, product_seat: int, as_of: AsOf, reach: Reach | None = None) -> Vector:
        """Three vectors of n(areas) bytes, as geo.values has them; of a part, where there is a `reach`."""
        found = self._nation((registry.id, registry.version, product_seat, as_of), registry.code)
        if reach is not None:
            found = part(found, reach)
        return rollup.shares(registry, found.seq, found.status)

    def facilities(
        self, registry: Registry, partition_seat: int, product_seat: int, as_of: AsOf, reach: Reach | None = None
    ) -> Vector:
        """Two vectors of n(facilities of the partition) bytes: the state, and 255 for no probability."""
        if partition_seat not in registry.partitions:
            raise errors.UnknownSeat(value=partition_seat, field="partition", remedy="Take a seat of the registry.")
        first, count = registry.partitions[partition_seat]
        found = self._nation((registry.id, registry.version, product_seat, as_of), registry.code)
        if reach is not None:
            found = part(found, reach)
        states = found.state[first : first + count].tobytes()
        return rollup.vector(registry, found.seq, states + bytes([NO_PROBABILITY]) * count)

    def _nation(self, key: tuple[int, int, int, AsOf], code: str) -> Nation:
        with self._lock:
            made, found = self._held.get(key, (0.0, None))
        if found is not None and time.monotonic() - made < FRESH:
            return found
        return self._flights.join(key, lambda: self._load(key, code))

    def _load(self, key: tuple[int, int, int, AsOf], code: str) -> Nation:
        self._spend()
        # Once for everybody; `part` cuts it.
        with db.transaction(self._engine, None if self._whole is None else self._whole(key[0])) as conn:
            found = nation(conn, programmes.find(conn, code), key[2], key[3])
        with self._lock:
            for old in sorted(self._held, key=lambda k: self._held[k][0])[: max(0, len(self._held) - _HELD + 1)]:
                del self._held[old]
            self._held[key] = (time.monotonic(), found)
        return found
