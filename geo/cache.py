"""What has been made already? Encoded bytes in Redis and in this process, one making of each missing key.

Nothing is ever deleted by pattern: a key says what makes it stale, and a stale key is simply not asked for again.
Redis is a convenience here: when it does not answer, everything is still answered, only more slowly.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import itertools
import secrets
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import redis
import sqlalchemy as sa
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.retry import Retry

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)

#: Seconds that nobody waits for Redis again after it failed, and that one command may take.
PAUSE = 3.0
PATIENCE = 0.5
#: Seconds after which what nobody asks for any more leaves Redis.
LIFETIME = 14 * 86_400
#: Seconds that the maker of a key holds its lock, and how often the others look whether it is done.
LOCK = 15.0
LOOK = 0.01

# One way to Redis before a making, and one after its answer: a cold tile's own SQL may take no longer than three.
_FIND_OR_LOCK = """
local value = redis.call('GET', KEYS[1])
if value then return value end
if redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
return 0
"""
_STORE = """
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('DEL', KEYS[2]) end
"""
_UNLOCK = """
if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('DEL', KEYS[2]) end
"""


@dataclass(frozen=True, slots=True)
class Key:
    """What a cached value depends on: every kind is a frozen dataclass of simple values that says when it is stale."""


class Down(Exception):
    """Redis does not answer."""


class Link:
    """The line to Redis and the prefix of every key on it.

    After a failure nobody tries again for `PAUSE` seconds, so that a stopped Redis costs one wait and not one for each
    request.
    """

    def __init__(self, client: redis.Redis, prefix: str) -> None:
        self.client = client
        self.prefix = prefix
        self._until = 0.0
        self._scripts: dict[str, Script] = {}

    def do(self, command: Callable[[redis.Redis], T]) -> T:
        """Run commands; raises `Down` where Redis fails or has failed just now."""
        if self._until > time.monotonic():
            raise Down
        try:
            return command(self.client)
        except redis.RedisError as error:
            self._until = time.monotonic() + PAUSE
            raise Down from error

    def run(self, script: str, keys: Sequence[str], args: Sequence[str | int | bytes]) -> Any:
        """Run a Lua script on full keys; raises `Down`."""
        registered = self._scripts.get(script)
        if registered is None:
            registered = self._scripts[script] = self.client.register_script(script)
        return self.do(lambda _: registered(keys=keys, args=args))

    def key(self, *parts: object) -> str:
        """The full name of a key."""
        return ":".join((self.prefix, *map(str, parts)))


def connect(url: str, prefix: str) -> Link:
    """A link to the Redis at this address; nothing is opened before the first command."""
    client = redis.Redis.from_url(
        url,
        socket_connect_timeout=PATIENCE,
        socket_timeout=PATIENCE,
        # Once more at once: a connection of the pool that a restarted Redis has dropped is no failure.
        retry=Retry(NoBackoff(), 1),
        retry_on_error=[redis.ConnectionError],
    )
    return Link(client, prefix)


def prefix(conn: sa.Connection, release: str, *, timeline: bool = True) -> str:
    """A prefix for what this release makes of this very database.

    Another database, or the same one restored to an earlier moment (on another `timeline`), counts versions and
    sequences from elsewhere and must not meet the keys of this one.
    """
    identity = conn.execute(
        sa.text(
            "SELECT s.system_identifier, d.oid, c.timeline_id FROM pg_control_system() s, pg_control_checkpoint() c,"
            " pg_database d WHERE d.datname = current_database()"
        )
    ).one()
    known = tuple(identity) if timeline else tuple(identity)[:2]
    return f"vaxtrace:{hashlib.blake2b(repr((release, *known)).encode(), digest_size=6).hexdigest()}"


@dataclass(slots=True)
class _Entry:
    value: bytes
    used: bool = False


class Recent:
    """The values used lately in this process, up to a number of bytes.

    Reading takes no lock, for which eight threads would wait: it only marks the entry, and whatever has been marked
    since it last came to the front of the queue gets another turn there.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = 0
        self._entries: dict[Key, _Entry] = {}
        self._lock = threading.Lock()

    def get(self, key: Key) -> bytes | None:
        """The value of a key, which counts as used now."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        entry.used = True
        return entry.value

    def put(self, key: Key, value: bytes) -> None:
        """Keep a value and let go of those that nobody has used for longest."""
        with self._lock:
            old = self._entries.pop(key, None)
            self._held += _cost(value) - (_cost(old.value) if old is not None else 0)
            self._entries[key] = _Entry(value)
            while self._held > self._most:
                first = next(iter(self._entries))
                entry = self._entries.pop(first)
                if entry.used:
                    entry.used = False
                    self._entries[first] = entry
                else:
                    self._held -= _cost(entry.value)


class Flights(Generic[K, T]):
    """One making of each thing at a time in this process: whoever asks meanwhile is given the same result."""

    def __init__(self) -> None:
        self._under_way: dict[K, Future[T]] = {}
        self._lock = threading.Lock()

    def join(self, key: K, make: Callable[[], T]) -> T:
        """The result of the making under way, or of `make`; also its exception."""
        with self._lock:
            flight = self._under_way.get(key)
            mine = flight is None
            if flight is None:
                flight = self._under_way[key] = Future()
        if not mine:
            return flight.result()
        try:
            made = make()
        except BaseException as error:
            flight.set_exception(error)
            raise
        else:
            flight.set_result(made)
            return made
        finally:
            with self._lock:
                del self._under_way[key]


class Cache:
    """Encoded bytes by key: first this process, then Redis, then the function that makes them."""

    def __init__(self, link: Link, *, most: int = 64 << 20) -> None:
        self.link = link
        self._recent = Recent(most)
        self._flights: Flights[Key, bytes] = Flights()
        self._mark, self._makings = secrets.token_hex(8), itertools.count()
        # What was made is sent before it is stored: the lock is held meanwhile, so that other processes wait for it.
        self._keeper = ThreadPoolExecutor(1, thread_name_prefix="keeper")

    def held(self, key: Key) -> bytes | None:
        """The value that this process has at hand; never waits."""
        return self._recent.get(key)

    def read(self, key: Key, load: Callable[[], bytes]) -> bytes:
        """The value of a key. `load` runs once, however many threads and processes miss the key together.

        What `load` raises, every waiting thread of this process is given; nothing is kept of it.
        """
        value = self._recent.get(key)
        return self._flights.join(key, lambda: self._fetch(key, load)) if value is None else value

    def _fetch(self, key: Key, load: Callable[[], bytes]) -> bytes:
        # Looked at again: the flight before this one may have landed since.
        value = self._recent.get(key)
        if value is None:
            value = self._find_or_make(key, load)
            self._recent.put(key, value)
        return value

    def _find_or_make(self, key: Key, load: Callable[[], bytes]) -> bytes:
        name = self.link.key(type(key).__name__, *(getattr(key, f.name) for f in dataclasses.fields(key)))
        keys, token = [name, f"{name}:lock"], f"{self._mark}:{next(self._makings)}"
        try:
            value = self._find_or_lock(keys, token)
        except Down:
            return load()
        if value is not None:
            return value
        try:
            made = load()
        except BaseException:
            with contextlib.suppress(Down):
                self.link.run(_UNLOCK, keys, [token])
            raise
        self._keeper.submit(self._store, keys, token, made)
        return made

    def _store(self, keys: Sequence[str], token: str, made: bytes) -> None:
        with contextlib.suppress(Down):
            self.link.run(_STORE, keys, [token, made, LIFETIME])

    def _find_or_lock(self, keys: Sequence[str], token: str) -> bytes | None:
        """The stored value, waiting for a process that is making it; None when it is ours to make. Raises `Down`."""
        give_up = time.monotonic() + LOCK
        while time.monotonic() < give_up:
            found = self.link.run(_FIND_OR_LOCK, keys, [token, int(LOCK * 1000)])
            if isinstance(found, bytes):
                return found
            if found == 1:
                return None
            time.sleep(LOOK)
        return None


def _cost(value: bytes) -> int:
    # An entry of the map around it weighs about as much as a small tile.
    return len(value) + 300
