"""Which colour had what at a past moment? The vectors and roll-ups of any day, from data.past.

Whom roll-ups count, and with which weight, is as it is today; so is the registry. There is no probability in it.
"""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from data import db, past, programmes, queries
from data.programmes import Programme
from data.record.past import AsOf
from data.types import AT_RISK, NO_PROBABILITY, WORST, WORST_FIRST, State
from geo import errors
from geo.areas import Area, Status, Worst
from geo.cache import Flights
from geo.registry import Registry
from geo.values import Vector

SQL = queries.read(Path(__file__).parent / "sql" / "past.sql")

Ints = NDArray[np.int64]
#: An answer may be so old, in seconds: a browser asks for a nation in many parts.
FRESH = 15.0
#: So many moments are held.
_HELD = 4
_UNKNOWN = 255


@dataclass(frozen=True, slots=True)
class Nation:
    """A programme at a moment for one product seat: the states by ordinal, and the roll-up of every area by seat."""

    seq: int
    state: NDArray[np.uint8]
    status: list[Status]
    parent: list[int | None]
    area_seat: Ints
    facility_id: Ints
    #: Of each position among them (facility id, product id): its state, and what was usable.
    positions: past.Then


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
    state = _states(at, then, product_seat)
    counted = at["counted"] > 0
    status, parent = _areas(conn, asked, at["seat"][counted], state[counted], at["weight"][counted])
    return Nation(seq, state, status, parent, at["seat"], at["facility_id"], then)


def _states(at: dict[str, Ints], then: past.Then, product_seat: int) -> NDArray[np.uint8]:
    """The worst of each facility's positions; one that holds other products but not this one is inactive for it."""
    rank = np.full(at["ordinal"].size, _RANK.size, dtype=np.uint8)
    np.minimum.at(rank, then.ordinal, _RANK[then.state])
    other = (at["held"] > 0) & (product_seat != WORST)
    none = np.where(other, np.uint8(State.INACTIVE), np.uint8(State.NO_REPORT))
    return np.where(rank < _RANK.size, _BY_RANK[np.minimum(rank, _RANK.size - 1)], none).astype(np.uint8)


_BY_RANK = np.array([int(state) for state in WORST_FIRST], dtype=np.uint8)
_RANK = np.argsort(_BY_RANK).astype(np.uint8)


def _areas(
    conn: sa.Connection, asked: dict[str, Any], seat: Ints, state: NDArray[np.uint8], weight: Ints
) -> tuple[list[Status], list[int | None]]:
    """The roll-up of every area: facilities by state, children by risk."""
    rows = conn.execute(SQL["areas"], asked).all()
    n = len(rows)
    active = state > State.INACTIVE
    at_risk, out = np.isin(state, sorted(AT_RISK)), state == State.STOCKOUT
    local = np.column_stack(
        [np.bincount(seat[state == s], minlength=n) for s in sorted(State)]
        + [np.bincount(seat[w], weight[w], minlength=n).astype(np.int64) for w in (active, at_risk, out)]
    )
    total = np.zeros_like(local)
    for row in rows:
        total[row.above] += local[row.seat]
    made = []
    for row in rows:
        *states, children, risky, without = (int(v) for v in total[row.seat])
        handling = sum(states)
        shares = (share(risky, children), share(without, children), share(handling - states[0], handling))
        named = {state.name.lower(): count for state, count in zip(sorted(State), states, strict=True)}
        made.append(
            Status(
                row.id,
                row.seat,
                row.code,
                row.name,
                **named,
                children=children,
                children_at_risk=risky,
                children_out=without,
                risk_share=shares[0],
                out_share=shares[1],
                reporting_share=shares[2],
                last_event_at=None,
            )
        )
    return made, [r.parent for r in rows]


def share(part: int, whole: int) -> int:
    """A whole percentage as the generated columns of data.schema make it; 255 of nothing."""
    if not whole:
        return _UNKNOWN
    return max(1, (200 * part + whole) // (2 * whole)) if part else 0


def area(found: Nation, place: Area) -> tuple[Status, list[Status]]:
    """The roll-up of an area, and of those right below it, the largest share of children at risk first."""
    below = [s for s, parent in zip(found.status, found.parent, strict=True) if parent == place.seat]
    below.sort(key=lambda s: (s.risk_share == _UNKNOWN, -s.risk_share, s.name))
    return found.status[place.seat], below


def worst_facilities(
    conn: sa.Connection, programme: Programme, found: Nation, place: Area, product_seat: int, most: int = 20
) -> list[Worst]:
    """Facilities of an area that were out, critical or low, the worst first, each with its worst product."""
    asked = {"programme_id": programme.id, "product_seat": product_seat}
    rows = conn.execute(SQL["areas"], asked)
    within = np.array([r.seat for r in rows if place.seat in r.above])
    then = found.positions
    rank = _RANK[then.state]
    inside = np.isin(found.area_seat[then.ordinal], within) & (rank < 3)
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

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._flights: Flights[tuple[int, int, int, AsOf], Nation] = Flights()
        self._held: dict[tuple[int, int, int, AsOf], tuple[float, Nation]] = {}
        self._lock = threading.Lock()

    def nation(self, programme: Programme, product_seat: int, as_of: AsOf) -> Nation:
        """All of that moment; raises `UnknownSeat`."""
        return self._nation((programme.id, programme.registry_version, product_seat, as_of), programme.code)

    def areas(self, registry: Registry, product_seat: int, as_of: AsOf) -> Vector:
        """Three vectors of n(areas) bytes, as geo.values has them."""
        found = self._nation((registry.id, registry.version, product_seat, as_of), registry.code)
        shares = [
            bytes(getattr(s, name) for s in found.status) for name in ("risk_share", "out_share", "reporting_share")
        ]
        return _vector(registry, found.seq, b"".join(shares))

    def facilities(self, registry: Registry, partition_seat: int, product_seat: int, as_of: AsOf) -> Vector:
        """Two vectors of n(facilities of the partition) bytes: the state, and 255 for no probability."""
        if partition_seat not in registry.partitions:
            raise errors.UnknownSeat(value=partition_seat, field="partition", remedy="Take a seat of the registry.")
        first, count = registry.partitions[partition_seat]
        found = self._nation((registry.id, registry.version, product_seat, as_of), registry.code)
        states = found.state[first : first + count].tobytes()
        return _vector(registry, found.seq, states + bytes([NO_PROBABILITY]) * count)

    def _nation(self, key: tuple[int, int, int, AsOf], code: str) -> Nation:
        with self._lock:
            made, found = self._held.get(key, (0.0, None))
        if found is not None and time.monotonic() - made < FRESH:
            return found
        return self._flights.join(key, lambda: self._load(key, code))

    def _load(self, key: tuple[int, int, int, AsOf], code: str) -> Nation:
        with db.transaction(self._engine) as conn:
            found = nation(conn, programmes.find(conn, code), key[2], key[3])
        with self._lock:
            for old in sorted(self._held, key=lambda k: self._held[k][0])[: max(0, len(self._held) - _HELD + 1)]:
                del self._held[old]
            self._held[key] = (time.monotonic(), found)
        return found


def _vector(registry: Registry, seq: int, body: bytes) -> Vector:
    digest = hashlib.blake2b(body, digest_size=9, salt=registry.version.to_bytes(8, "big"))
    return Vector(body, seq, digest.hexdigest())
