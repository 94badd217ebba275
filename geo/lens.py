"""Which colour has what through a lens (another preset, another horizon)? Vectors and roll-ups, from data.lens.

With a horizon, an area's share of children at risk is the expected one: each facility's children by its probability.
Everything else is as geo.values and geo.aggregates have it.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from data import columns, db, lens, programmes, queries
from data.columns import Floats, Ints
from data.db import Seen
from data.insight import risk
from data.lens import Lens
from data.programmes import Programme
from data.types import AT_RISK, WORST, WORST_FIRST, State
from geo import cut, errors
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
_NO_DATA = 255

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
    state, probability = _worst(at, seen, product_seat)
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


_BY_RANK = np.array([int(state) for state in WORST_FIRST], dtype=np.uint8)
_RANK = np.argsort(_BY_RANK).astype(np.uint8)


def _worst(
    at: dict[str, NDArray[Any]], seen: lens.Seen, product_seat: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The worst of each facility's positions; one that holds other products but not this one is inactive for it."""
    n = at["seat"].size
    rank, highest = np.full(n, _RANK.size, dtype=np.uint8), np.full(n, -1.0, dtype=np.float32)
    np.minimum.at(rank, seen.ordinal, _RANK[seen.state])
    np.fmax.at(highest, seen.ordinal, seen.probability)
    other = (at["held"] > 0) & (product_seat != WORST)
    none = np.where(other, np.uint8(State.INACTIVE), np.uint8(State.NO_REPORT))
    state = np.where(rank < _RANK.size, _BY_RANK[np.minimum(rank, _RANK.size - 1)], none).astype(np.uint8)
    return state, np.where(highest < 0, np.float32(np.nan), highest)


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
    made = []
    for row, numbers in zip(rows, np.round(local).astype(np.int64).tolist(), strict=True):
        *states, children, at_risk, without = numbers
        handling = sum(states)
        named = {s.name.lower(): count for s, count in zip(sorted(State), states, strict=True)}
        made.append(
            Status(
                row.id,
                row.seat,
                row.code,
                row.name,
                **named,
                children=children,
                children_at_risk=at_risk,
                children_out=without,
                risk_share=share(at_risk, children),
                out_share=share(without, children),
                reporting_share=share(handling - states[0], handling),
                last_event_at=row.last_event_at,
            )
        )
    return made


def share(part: int, whole: int) -> int:
    """A whole percentage as the generated columns of data.schema make it; 255 of nothing."""
    if not whole:
        return _NO_DATA
    return max(1, (200 * part + whole) // (2 * whole)) if part else 0


def area(found: View, place: Area) -> tuple[Status, list[Status]]:
    """The roll-up of an area, and of those right below it, the largest share of children at risk first."""
    below = [s for s, a in zip(found.status, found.areas, strict=True) if a.parent == place.seat and a.level]
    below.sort(key=lambda s: (s.risk_share == _NO_DATA, -s.risk_share, s.name))
    return found.status[place.seat], below


class Lenses:
    """What one process sees through lenses: each view is worked out once for all its parts, until the next push."""

    def __init__(self, engine: sa.Engine, whole: Callable[[int], Seen] | None = None) -> None:
        self._engine = engine
        self._whole = whole
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
        shares = (bytes(getattr(s, name) for s in found.status) for name in _SHARES)
        return _vector(registry, found.seq, b"".join(shares))

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
        return _vector(registry, found.seq, found.state[rows].tobytes() + found.decile[rows].tobytes())

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


_SHARES = ("risk_share", "out_share", "reporting_share")


def _vector(registry: Registry, seq: int, body: bytes) -> Vector:
    digest = hashlib.blake2b(body, digest_size=9, salt=registry.version.to_bytes(8, "big"))
    return Vector(body, seq, digest.hexdigest())
