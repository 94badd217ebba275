"""Which colour has what through a lens (another preset, another horizon)? Vectors and roll-ups, from data.lens.

With a horizon, an area's share of children at risk is the expected one: each facility's children by its probability.
Everything else is as geo.values and geo.aggregates have it.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from data import columns, db, lens, programmes, queries
from data.columns import Floats, Ints
from data.db import Seen
from data.insight import risk
from data.lens import Lens
from data.programmes import Programme
from data.types import AT_RISK, WORST, State
from geo import cut, errors, rollup
from geo.areas import Area, Status
from geo.cache import Flights
from geo.reach import Reach
from geo.registry import Registry
from geo.values import Vector

SQL = queries.read(Path(__file__).parent / "sql" / "lens.sql")

#: What was pushed meanwhile may be missing for so many seconds, for who has not heard of it.
FRESH = 2.0
#: So many views are held by a process.
_HELD = 12

Which = tuple[int, int, int, Lens]


@dataclass(frozen=True, slots=True)
class Place:
    """An area of the registry; `parent` is a seat."""

    id: int
    seat: int
    code: str
    name: str
    level: int
    parent: int
    last_event_at: datetime | None


@dataclass(frozen=True, slots=True)
class View:
    """A programme through a lens for one product seat: state and decile by ordinal, and the roll-up by area seat."""

    seq: int
    state: NDArray[np.uint8]
    decile: NDArray[np.uint8]
    status: list[Status]
    #: What the roll-up is made of: the areas by seat; of each facility its area's seat, the children that it stands for
    #: (0 where it is not counted) and, with a horizon, its probability.
    areas: list[Place]
    seat: Ints
    weight: Ints
    chance: Floats | None


def view(conn: sa.Connection, programme: Programme, product_seat: int, through: Lens) -> View:
    """All of it as it stands now; raises `UnknownSeat`."""
    asked = {"programme_id": programme.id, "product_seat": product_seat}
    product_ids = list(conn.execute(SQL["products"], asked).scalars())
    if not product_ids and product_seat != WORST:
        raise errors.UnknownSeat(value=product_seat, field="product", remedy="Take a seat of the registry.")
    at = columns.read(conn.execute(SQL["facilities"], asked).one(), frozenset())
    seen = lens.read(conn, programme, through, product_ids)
    state = rollup.worst(seen.ordinal, seen.state, at["held"] > 0, product_seat)
    highest = np.full(state.size, -1.0, dtype=np.float32)
    np.fmax.at(highest, seen.ordinal, seen.probability)
    probability = np.where(highest < 0, np.float32(np.nan), highest)
    weight = np.where(at["counted"] > 0, at["weight"], 0)
    chance = None if through.horizon is None else np.nan_to_num(probability).astype(np.float64)
    areas = [Place(*row) for row in conn.execute(SQL["areas"], asked)]
    status = _areas(areas, at["seat"], state, weight, chance)
    return View(seen.seq, state, risk.decile(probability), status, areas, at["seat"], weight, chance)


def part(found: View, reach: Reach) -> View:
    """The same as somebody sees it to whom only a part is open; of facilities that are not within there is no state."""
    if reach.whole:
        return found
    own = reach.facilities[reach.facilities < found.state.size]
    state, decile = (np.full_like(values, cut.NO_DATA) for values in (found.state, found.decile))
    weight = np.zeros_like(found.weight)
    state[own], decile[own], weight[own] = found.state[own], found.decile[own], found.weight[own]
    status = _areas(found.areas, found.seat, state, weight, found.chance)
    return replace(found, state=state, decile=decile, status=status, weight=weight)


def _areas(
    rows: Sequence[Place], seat: Ints, state: NDArray[np.uint8], weight: Ints, chance: Floats | None
) -> list[Status]:
    """The roll-up of every area: facilities by state, children by risk, with a horizon by probability."""
    n, counted = len(rows), weight > 0
    seat, state, weight = seat[counted], state[counted], weight[counted]
    out, active = state == State.STOCKOUT, state > State.INACTIVE
    risky = np.isin(state, sorted(AT_RISK)).astype(np.float64) if chance is None else chance[counted] * active
    local = np.column_stack(
        [np.bincount(seat[state == s], minlength=n).astype(np.float64) for s in sorted(State)]
        + [np.bincount(seat, weight * share, minlength=n) for share in (active, risky, out)]
    )
    parent, level = np.array([r.parent for r in rows], dtype=np.intp), np.array([r.level for r in rows])
    for depth in range(int(level.max(initial=0)), 0, -1):
        these = np.flatnonzero(level == depth)
        np.add.at(local, parent[these], local[these])
    totals = np.round(local).astype(np.int64).tolist()
    return [rollup.status(row, numbers, row.last_event_at) for row, numbers in zip(rows, totals, strict=True)]


def area(found: View, place: Area) -> tuple[Status, list[Status]]:
    """The roll-up of an area, and of those right below it, the largest share of children at risk first."""
    below = [s for s, a in zip(found.status, found.areas, strict=True) if a.parent == place.seat and a.level]
    return found.status[place.seat], rollup.worst_first(below)


class Lenses:
    """What one process sees through lenses: each view is worked out once for all its parts, until the next push."""

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
        self._flights: Flights[tuple[Which, int], View] = Flights()
        self._held: OrderedDict[Which, tuple[float, View]] = OrderedDict()
        self._lock = threading.Lock()

    def view(self, programme: Programme, product_seat: int, through: Lens, after: int = 0) -> View:
        """All of it, with at least the push `after`; raises `UnknownSeat`."""
        return self._view((programme.id, programme.registry_version, product_seat, through), programme.code, after)

    def areas(
        self, registry: Registry, product_seat: int, through: Lens, after: int = 0, reach: Reach | None = None
    ) -> Vector:
        """Three vectors of n(areas) bytes, as geo.values has them; of a part, where there is a `reach`."""
        found = self._view((registry.id, registry.version, product_seat, through), registry.code, after)
        if reach is not None:
            found = part(found, reach)
        return rollup.shares(registry, found.seq, found.status)

    def facilities(
        self,
        registry: Registry,
        partition_seat: int,
        product_seat: int,
        through: Lens,
        after: int = 0,
        reach: Reach | None = None,
    ) -> Vector:
        """Two vectors of n(facilities of the partition) bytes, the state and the decile; cut to a `reach`."""
        if partition_seat not in registry.partitions:
            raise errors.UnknownSeat(value=partition_seat, field="partition", remedy="Take a seat of the registry.")
        first, count = registry.partitions[partition_seat]
        found = self._view((registry.id, registry.version, product_seat, through), registry.code, after)
        if reach is not None:
            found = part(found, reach)
        rows = slice(first, first + count)
        return rollup.vector(registry, found.seq, found.state[rows].tobytes() + found.decile[rows].tobytes())

    def _view(self, which: Which, code: str, after: int) -> View:
        with self._lock:
            made, found = self._held.get(which, (0.0, None))
        if found is not None and found.seq >= after:
            if time.monotonic() - made < FRESH:
                return found
            with db.transaction(self._engine, self._seen(which[0])) as conn:
                newest = conn.execute(SQL["head"], {"programme_id": which[0]}).scalar_one()
            if newest == found.seq:
                self._keep(which, found)
                return found
        return self._flights.join((which, after), lambda: self._load(which, code))

    def _load(self, which: Which, code: str) -> View:
        self._spend()
        with db.transaction(self._engine, self._seen(which[0])) as conn:
            found = view(conn, programmes.find(conn, code), which[2], which[3])
        self._keep(which, found)
        return found

    def _seen(self, programme_id: int) -> Seen | None:
        """Views are worked out once for everybody; `part` cuts them."""
        return None if self._whole is None else self._whole(programme_id)

    def _keep(self, which: Which, found: View) -> None:
        with self._lock:
            self._held[which] = (time.monotonic(), found)
            self._held.move_to_end(which)
            while len(self._held) > _HELD:
                self._held.popitem(last=False)
