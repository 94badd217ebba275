"""Which colour has what? Vectors of bytes in registry order, kept in Redis and brought forward by each push.

PostgreSQL is the truth; Redis follows it through the `push` table. For each programme Redis holds `seq`, the last
push applied, and `since`, the push before which nothing that was loaded counts any more. For each kind and product it
holds one string: the registry's version and the push `at` which PostgreSQL was read, then the cells. The invariants:

 1. A transaction that changes a state, a probability or a share also writes the push that says so, and pushes commit
    in the order of their numbers. So one statement that reads max(push.seq) and the values reads exactly that push.
 2. A stored vector counts when its `at` >= `since` and its version is the one asked for. Its cells are then those of
    push max(at, seq): it is stored only when `at` >= `seq`, so that no push was applied which it lacks, and every push
    above both is written into it in the same step that raises `seq`.
 3. A push applies only when it is the next. An older one is ignored. After a gap, or a push that says "reload",
    `since` and `seq` become that push: everything loaded earlier is void, nothing is searched for or deleted.
 4. Losing any of these keys at any time only costs a load: a missing vector is loaded; a missing `seq` is set by the
    next vector or push, which also voids what was loaded before it.

Without Redis every vector is read from PostgreSQL. Past months always are: they are small reads of what is rolled up.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum, unique
from pathlib import Path

import sqlalchemy as sa

from data import db, queries
from data.db import Seen
from data.errors import UnknownProgramme
from data.types import WORST, WORST_FIRST
from geo import errors
from geo.cache import LIFETIME, Down, Flights, Link
from geo.registry import Registry

SQL = queries.read(Path(__file__).parent / "sql" / "values.sql")

#: Bytes of one cell: areas (0, risk, out, reporting), facilities (state, decile).
WIDTH = {"areas": 4, "facilities": 2}
#: Before the cells of a stored vector: 12 digits of the registry's version, 20 of the push at which it was read.
_HEAD = 32
#: How often a load that was overtaken by pushes is brought forward before it is answered without being stored.
_ATTEMPTS = 5

_READ = """
local seq, since = unpack(redis.call('HMGET', KEYS[1], 'seq', 'since'))
if not seq then return {-1} end
seq = tonumber(seq)
local head = redis.call('GETRANGE', KEYS[2], 0, 31)
if #head < 32 or tonumber(string.sub(head, 1, 12)) ~= tonumber(ARGV[1]) then return {seq} end
local at = tonumber(string.sub(head, 13))
if at < tonumber(since) then return {seq} end
return {math.max(seq, at), redis.call('GETRANGE', KEYS[2], 32 + ARGV[2], 31 + ARGV[3])}
"""

_STORE = """
local seq = redis.call('HGET', KEYS[1], 'seq')
if seq and tonumber(ARGV[2]) < tonumber(seq) then return 0 end
if not seq then redis.call('HSET', KEYS[1], 'seq', ARGV[2], 'since', ARGV[2]) end
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('SET', KEYS[2], string.format('%012d%020d', ARGV[1], ARGV[2]) .. ARGV[3], 'EX', ARGV[4])
return 1
"""

_APPLY = """
local seq = tonumber(ARGV[1])
local held = tonumber(redis.call('HGET', KEYS[1], 'seq') or -1)
if seq <= held then return 'old' end
if held < 0 or seq > held + 1 or ARGV[2] == 'reload' then
    redis.call('HSET', KEYS[1], 'seq', ARGV[1], 'since', ARGV[1])
    redis.call('EXPIRE', KEYS[1], ARGV[3])
    return (ARGV[2] == 'reload') and 'applied' or 'gap'
end
local sizes = {}
for k = 2, #KEYS do
    local head = redis.call('GETRANGE', KEYS[k], 0, 31)
    if #head == 32 and tonumber(string.sub(head, 13)) < seq then sizes[k] = redis.call('STRLEN', KEYS[k]) end
end
for i = 4, #ARGV, 3 do
    local k, from, cell = tonumber(ARGV[i]), 32 + ARGV[i + 1], ARGV[i + 2]
    if sizes[k] and from + #cell <= sizes[k] then redis.call('SETRANGE', KEYS[k], from, cell) end
end
redis.call('HSET', KEYS[1], 'seq', ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 'applied'
"""


@unique
class Applied(StrEnum):
    """What became of a push: it was the next, it was there already, or one before it is missing.

    After a gap the vectors are void and will be loaded again; nothing else has to be done.
    """

    APPLIED = "applied"
    OLD = "old"
    GAP = "gap"


@dataclass(frozen=True, slots=True)
class Vector:
    """The bytes of one answer, the push they include, and their ETag (without quotes)."""

    body: bytes
    seq: int
    etag: str


@dataclass(frozen=True, slots=True)
class _Cells:
    cells: bytes
    seq: int


class Values:
    """The vectors as one process reads them."""

    def __init__(self, engine: sa.Engine, link: Link, whole: Callable[[int], Seen] | None = None) -> None:
        self._engine = engine
        #: What PostgreSQL is told, where the engine's role has walls: vectors are loaded once for everybody.
        self._whole = whole
        self._link = link
        self._flights: Flights[tuple[int, int, str, int], _Cells] = Flights()

    def areas(self, registry: Registry, product_seat: int, month: date | None = None, after: int = 0) -> Vector:
        """Three vectors of n(areas) bytes: children at risk, children out, facilities reporting; 0..100 or 255.

        It includes push `after`, of which somebody may know before Redis does. Raises `UnknownSeat`, and `OldVersion`
        when the registry has changed since `registry` was read.
        """
        _check_product(registry, product_seat)
        found = self._cells(registry, "areas", product_seat, (0, registry.areas), month, after)
        return _vector(registry, found, b"".join(found.cells[i::4] for i in (1, 2, 3)))

    def facilities(
        self, registry: Registry, partition_seat: int, product_seat: int, month: date | None = None, after: int = 0
    ) -> Vector:
        """Two vectors of n(facilities of the partition) bytes: state, and decile of the probability or 255.

        As new as `areas`, and raises as that does.
        """
        _check_product(registry, product_seat)
        if partition_seat not in registry.partitions:
            raise errors.UnknownSeat(value=partition_seat, field="partition", remedy="Take a seat of the registry.")
        found = self._cells(registry, "facilities", product_seat, registry.partitions[partition_seat], month, after)
        return _vector(registry, found, found.cells[0::2] + found.cells[1::2])

    def _cells(
        self, registry: Registry, kind: str, product_seat: int, part: tuple[int, int], month: date | None, after: int
    ) -> _Cells:
        (first, count), width = part, WIDTH[kind]
        start, stop = first * width, (first + count) * width
        if month is not None:
            return self._load(registry, kind, product_seat, first, count, month)
        keys = [_state_key(self._link, registry.id), _vector_key(self._link, registry.id, kind, product_seat)]
        try:
            seen, *held = self._link.run(_READ, keys, [registry.version, start, stop])
        except Down:
            return self._load(registry, kind, product_seat, first, count)
        if held and seen >= after:
            return _Cells(held[0], seen)
        flight = (registry.id, registry.version, kind, product_seat)
        made = self._flights.join(flight, lambda: self._load_and_store(registry, kind, product_seat))
        if made.seq < max(seen, after):
            # That load began before this request: somebody may know a later push already.
            made = self._load_and_store(registry, kind, product_seat)
        return _Cells(made.cells[start:stop], made.seq)

    def _load_and_store(self, registry: Registry, kind: str, product_seat: int) -> _Cells:
        count = registry.areas if kind == "areas" else sum(n for _, n in registry.partitions.values())
        made = self._load(registry, kind, product_seat, 0, count)
        with contextlib.suppress(Down):
            for _ in range(_ATTEMPTS):
                if store(self._link, registry, kind, product_seat, made.cells, made.seq):
                    break
                # Pushes were applied while it was loading: bring it forward, which is quicker than loading again.
                made = self._catch_up(registry, kind, product_seat, made) or self._load(
                    registry, kind, product_seat, 0, count
                )
        return made

    def _load(
        self, registry: Registry, kind: str, product_seat: int, first: int, count: int, month: date | None = None
    ) -> _Cells:
        with self._reading(registry.id) as conn:
            return load(conn, registry, kind, product_seat, first, count, month)

    def _reading(self, programme_id: int) -> contextlib.AbstractContextManager[sa.Connection]:
        return db.transaction(self._engine, None if self._whole is None else self._whole(programme_id))

    def _catch_up(self, registry: Registry, kind: str, product_seat: int, made: _Cells) -> _Cells | None:
        """The same vector with the pushes after it; None when one of them says that all is to be read again."""
        with self._reading(registry.id) as conn:
            pushes = conn.execute(SQL["pushes_after"], {"programme_id": registry.id, "seq": made.seq}).all()
        cells, seq = bytearray(made.cells), made.seq
        for push in pushes:
            if push.event == "map:reload":
                return None
            if push.event == "map:update":
                for of_kind, seat, offset, cell in _changes(
                    push.payload.get("facilities", ()), push.payload.get("areas", ())
                ):
                    if (of_kind, seat) == (kind, product_seat):
                        cells[offset : offset + len(cell)] = cell
            seq = push.seq
        return _Cells(bytes(cells), seq)


def load(
    conn: sa.Connection,
    registry: Registry,
    kind: str,
    product_seat: int,
    first: int,
    count: int,
    month: date | None = None,
) -> _Cells:
    """The cells of a range as PostgreSQL has them, with the push they include; one statement, so one snapshot."""
    scope = "areas" if kind == "areas" else "worst" if product_seat == WORST else "facilities"
    asked = {
        "programme_id": registry.id,
        "product_seat": product_seat,
        "first": first,
        "past": first + count,
        "month": month,
        "worst_first": [int(state) for state in WORST_FIRST],
    }
    row = conn.execute(SQL[f"{scope}_{'now' if month is None else 'month'}"], asked).one_or_none()
    if row is None:
        raise UnknownProgramme(value=registry.code, field="programme")
    if row.version != registry.version:
        raise errors.OldVersion(value=registry.version, current=row.version, field="version", remedy="Reload the page.")
    return _Cells(bytes(row.cells or b""), row.seq)


def store(link: Link, registry: Registry, kind: str, product_seat: int, cells: bytes, seq: int) -> bool:
    """Keep a whole vector that was read at push `seq`; False when a later push has been applied. Raises `Down`."""
    keys = [_state_key(link, registry.id), _vector_key(link, registry.id, kind, product_seat)]
    return bool(link.run(_STORE, keys, [registry.version, seq, cells, LIFETIME]))


def apply(
    link: Link,
    programme_id: int,
    seq: int,
    *,
    facilities: Iterable[Sequence[int]] = (),
    areas: Iterable[Sequence[int]] = (),
) -> Applied:
    """Write one push into the vectors, all of it at once.

    `facilities` and `areas` are those of the payload of `map:update`: (ordinal, product seat, state, decile) and (seat,
    product seat, risk, out, reporting, ...). A push that changes no colour is applied with neither. Raises `Down`.
    """
    keys = [_state_key(link, programme_id)]
    places: dict[str, int] = {}
    args: list[str | int | bytes] = [seq, "", LIFETIME]
    for kind, product_seat, offset, cell in _changes(facilities, areas):
        key = _vector_key(link, programme_id, kind, product_seat)
        if key not in places:
            keys.append(key)
            places[key] = len(keys)
        args += [places[key], offset, cell]
    return Applied(link.run(_APPLY, keys, args).decode())


def forget(link: Link, programme_id: int, seq: int) -> Applied:
    """Apply a push that says "read again" (`map:reload`): everything loaded before it is void. Raises `Down`."""
    return Applied(link.run(_APPLY, [_state_key(link, programme_id)], [seq, "reload", LIFETIME]).decode())


def followed(link: Link, programme_id: int) -> int | None:
    """The last push that Redis has applied; None when it knows of none. Raises `Down`."""
    seq = link.do(lambda client: client.hget(_state_key(link, programme_id), "seq"))
    return None if seq is None else int(seq)


def _changes(
    facilities: Iterable[Sequence[int]], areas: Iterable[Sequence[int]]
) -> Iterable[tuple[str, int, int, bytes]]:
    for ordinal, product_seat, *cell in facilities:
        yield "facilities", product_seat, ordinal * WIDTH["facilities"], bytes(cell)
    for seat, product_seat, risk, out, reporting, *_ in areas:
        yield "areas", product_seat, seat * WIDTH["areas"], bytes((0, risk, out, reporting))


def _check_product(registry: Registry, product_seat: int) -> None:
    if product_seat not in registry.products:
        raise errors.UnknownSeat(value=product_seat, field="product", remedy="Take a seat of the registry.")


def cut_to(registry: Registry, vector: Vector, body: bytes) -> Vector:
    """The same vector with what is left of its body for somebody who sees a part."""
    return _vector(registry, _Cells(b"", vector.seq), body)


def _vector(registry: Registry, found: _Cells, body: bytes) -> Vector:
    digest = hashlib.blake2b(body, digest_size=9, salt=registry.version.to_bytes(8, "big"))
    return Vector(body, found.seq, digest.hexdigest())


def _state_key(link: Link, programme_id: int) -> str:
    return link.key("values", programme_id)


def _vector_key(link: Link, programme_id: int, kind: str, product_seat: int) -> str:
    return link.key("values", programme_id, kind, product_seat)
