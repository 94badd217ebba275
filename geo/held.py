"""Which vectors were answered a moment ago? Finished answers, held so shortly that nobody has to be told of a push.

A held vector is never wrong, only a moment old: it says which push it includes, and a browser replays the later ones
that it has heard of. Whoever knows a later push than that says so, and is not given it.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import date

#: Seconds. As long as a push may take to a browser anyway, so that even somebody who hears no pushes sees nothing older
#: than those who do; and long enough that a crowd which asks together, as after a reload, asks Redis once.
MOMENT = 0.1
#: What an entry weighs beside its content, in bytes.
_WEIGHT = 500


@dataclass(frozen=True, slots=True)
class Which:
    """One vector: `partition` is None for that of the areas, `month` for that of now, `reach` for that of the whole.

    Of the next version of a registry it is another one.
    """

    programme_id: int
    version: int
    partition: int | None
    product: int
    month: date | None
    reach: str | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """A vector ready to be sent: gzip, its ETag (without quotes), and the push that it includes."""

    content: bytes
    etag: str
    seq: int


class Held:
    """The finished vectors of one process, for a moment each and up to a number of bytes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._weight = 0
        self._held: dict[Which, tuple[float, Finished]] = {}
        self._lock = threading.Lock()

    def get(self, which: Which, after: int) -> Finished | None:
        """A vector read within the last moment that includes push `after`; never waits."""
        until, finished = self._held.get(which, _NOTHING)
        return finished if finished is not None and finished.seq >= after and until > time.monotonic() else None

    def put(self, which: Which, finished: Finished, read_at: float) -> None:
        """Keep what PostgreSQL or Redis was asked for at `read_at`, unless one with later pushes is here already."""
        now = time.monotonic()
        with self._lock:
            until, old = self._held.get(which, _NOTHING)
            if old is not None:
                if until > now and old.seq > finished.seq:
                    return
                self._weight -= len(old.content) + _WEIGHT
            elif self._weight > self._most:
                # Nearly all of it is past its moment, and the rest is soon read again.
                self._held.clear()
                self._weight = 0
            self._held[which] = (read_at + MOMENT, finished)
            self._weight += len(finished.content) + _WEIGHT


_NOTHING: tuple[float, Finished | None] = (0.0, None)
