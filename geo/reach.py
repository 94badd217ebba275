"""What lies within a scope? Ids become ordinals, seats and codes, which vectors, pushes and addresses are cut by.

What is wholly within is seen as it is; an area of which only a part is within is seen as that part; all else is not.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from data import db, queries
from data.db import Seen
from data.scope import EVERYTHING, Scope, whole
from geo.registry import Registries

SQL = queries.read(Path(__file__).parent / "sql" / "reach.sql")

Ints = NDArray[np.int64]
_NONE: Ints = np.array([], dtype=np.int64)
#: The seat of the area that all others lie in.
NATION = 0
_RANGE = re.compile(r"([\[(])(-?\d+),(-?\d+)([\])])")
#: So many scopes are held; beyond it all are found anew.
_MOST = 2_000


@dataclass(frozen=True, slots=True)
class Part:
    """An area of which a part is within: so many of its open facilities, of so many."""

    id: int
    seat: int
    own: int
    of: int


@dataclass(frozen=True, slots=True, eq=False)
class Reach:
    """A scope at one version of the registry; of a whole programme only the ids are listed.

    `facilities` are ordinals and `areas` seats of what is wholly within, both in order; `parts` are the areas above, by
    code, and `every_area` the ids of both. `roots` are the ids of the areas that are its tops, `loose` of the
    facilities that lie in none of them; `tops` are both, as ("area", code) and ("facility", code).
    """

    scope: Scope
    version: int
    key: str
    facility_ids: str
    area_ids: str
    facilities: Ints = field(default_factory=lambda: _NONE)
    areas: Ints = field(default_factory=lambda: _NONE)
    facility_codes: frozenset[str] = frozenset()
    area_codes: frozenset[str] = frozenset()
    parts: Mapping[str, Part] = field(default_factory=dict)
    every_area: str = EVERYTHING
    roots: tuple[int, ...] = ()
    loose: tuple[int, ...] = ()
    root_seats: tuple[int, ...] = ()
    tops: tuple[tuple[str, str], ...] = ()

    @property
    def whole(self) -> bool:
        """Whether nothing has to be cut."""
        return self.scope.whole

    def has_facility(self, code: str) -> bool:
        """Whether a facility is within; of a whole programme every code is."""
        return self.whole or code in self.facility_codes

    def has_area(self, code: str) -> bool:
        """Whether at least a part of an area is within."""
        return self.whole or code in self.area_codes or code in self.parts

    @property
    def of_all(self) -> Part | None:
        """The part of the whole programme that is within; None where all of it is."""
        return None if self.whole else next((part for part in self.parts.values() if part.seat == NATION), None)

    def part(self, code: str) -> Part | None:
        """The part of an area that is within; None where all of it is."""
        return None if self.whole else self.parts.get(code)


def everything(programme_id: int) -> Reach:
    """All of a programme, for who has no walls around them."""
    return Reach(whole(programme_id), 0, "", EVERYTHING, EVERYTHING)


def read(conn: sa.Connection, scope: Scope, version: int) -> Reach:
    """What lies within a scope now."""
    key = hashlib.blake2b(repr(_named(scope)).encode(), digest_size=9).hexdigest()
    if scope.whole:
        row = conn.execute(SQL["whole"], {"programme_id": scope.programme_id}).one()
        return Reach(scope, version, key, row.facilities, row.areas)
    asked = {
        "programme_id": scope.programme_id, "areas": sorted(scope.areas), "facilities": sorted(scope.facilities),
    }  # fmt: skip
    facilities = conn.execute(SQL["facilities"], asked).all()
    areas = conn.execute(SQL["areas"], asked).all()
    own = Counter(area_id for f in facilities if f.open for area_id in f.lineage)
    inside = [a for a in areas if a.inside]
    roots = [a for a in inside if not scope.areas.intersection(a.lineage[:-1])]
    return Reach(
        scope,
        version,
        key,
        _ranges(f.id for f in facilities),
        _ranges(a.id for a in inside),
        facilities=np.array([f.ordinal for f in facilities], dtype=np.int64),
        areas=np.array([a.seat for a in inside], dtype=np.int64),
        facility_codes=frozenset(f.code for f in facilities),
        area_codes=frozenset(a.code for a in inside),
        parts={a.code: Part(a.id, a.seat, own[a.id], a.facilities) for a in areas if not a.inside},
        every_area=_ranges(a.id for a in areas),
        roots=tuple(a.id for a in roots),
        loose=tuple(f.id for f in facilities if not f.in_area),
        root_seats=tuple(a.seat for a in roots),
        tops=(*(("area", a.code) for a in roots), *(("facility", f.code) for f in facilities if not f.in_area)),
    )


def _named(scope: Scope) -> tuple[object, ...]:
    return scope.programme_id, scope.whole, sorted(scope.areas), sorted(scope.facilities)


def _ranges(ids: Iterable[int]) -> str:
    """Ids as a multirange; neighbours are one range."""
    found = np.unique(np.fromiter(ids, dtype=np.int64))
    if not found.size:
        return "{}"
    breaks = np.flatnonzero(np.diff(found) > 1)
    first, last = found[np.append(0, breaks + 1)], found[np.append(breaks, found.size - 1)]
    return "{" + ",".join(f"[{a},{b}]" for a, b in zip(first, last, strict=True)) + "}"


class Reaches:
    """What lies within scopes, as one process knows it: looked at again when the registry has changed.

    It reads the registry only, by an engine that may read all of it.
    """

    def __init__(self, public: sa.Engine, registries: Registries | None = None) -> None:
        self._public = public
        self._registries = registries or Registries(public)
        self._found: dict[Scope, Reach] = {}
        self._seen: dict[tuple[Scope, ...], tuple[tuple[Reach, ...], Seen]] = {}
        self._lock = threading.Lock()

    def find(self, scope: Scope) -> Reach:
        """What lies within a scope."""
        version = self._registries.version(scope.programme_id)
        known = self._found.get(scope)
        if known is not None and known.version == version:
            return known
        with self._lock:
            known = self._found.get(scope)
            if known is not None and known.version == version:
                return known
            if len(self._found) >= _MOST:
                self._found.clear()
                self._seen.clear()
            with db.transaction(self._public) as conn:
                found = self._found[scope] = read(conn, scope, version)
            return found

    def seen(self, scopes: Sequence[Scope]) -> Seen:
        """What PostgreSQL is told of who has these scopes, in as many programmes."""
        key = tuple(scopes)
        reaches = tuple(self.find(scope) for scope in key)
        known = self._seen.get(key)
        if known is not None and known[0] == reaches:
            return known[1]
        told = joined(reaches)
        self._seen[key] = (reaches, told)
        return told

    def whole(self, programme_id: int) -> Seen:
        """The same for work that is done once for everybody of a programme, and cut afterwards."""
        return self.seen((whole(programme_id),))


def joined(reaches: Sequence[Reach]) -> Seen:
    """What PostgreSQL is told of several."""
    facilities = _union(r.facility_ids for r in reaches)
    first, last = longest(facilities)
    return Seen(
        programmes=_array(r.scope.programme_id for r in reaches),
        whole=_array(r.scope.programme_id for r in reaches if r.whole),
        facilities=facilities,
        areas=_union(r.area_ids for r in reaches),
        first=first,
        last=last,
    )


def longest(multirange: str) -> tuple[str, str]:
    """The first and the last id of the longest range of a multirange, as PostgreSQL writes it; blank of none."""
    runs = [
        (int(low) + (opens == "("), int(high) - (closes == ")"))
        for opens, low, high, closes in _RANGE.findall(multirange)
    ]
    first, last = max(runs, key=lambda run: run[1] - run[0], default=(0, -1))
    return (str(first), str(last)) if first <= last else ("", "")


def _array(ids: Iterable[int]) -> str:
    return "{" + ",".join(map(str, ids)) + "}"


def _union(multiranges: Iterable[str]) -> str:
    # PostgreSQL joins what touches or overlaps when it reads them.
    return "{" + ",".join(m[1:-1] for m in multiranges if m != "{}") + "}"
