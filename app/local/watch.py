"""What if one of our processes ends by itself? Say so and start it again, waiting longer each time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.local.children import Child

_LONGEST_WAIT = 30.0
#: A child that ran for so many seconds was well: its next end counts as the first.
_WELL_AFTER = 60.0


@dataclass(slots=True)
class _Watched:
    child: Child
    since: float
    ends: int = 0
    again_at: float | None = None


def keep(children: Sequence[Child], say: Callable[[str], None], *, done: Callable[[], bool] = lambda: False) -> None:
    """Keep all of them running until `done()`, or until an interrupt is raised; looks five times a second."""
    watched = [_Watched(child, time.monotonic()) for child in children]
    while not done():
        for one in watched:
            _look(one, say)
        time.sleep(0.2)


def wait_before(ends: int) -> float:
    """Seconds to wait before a child is started again that has ended `ends` times in a row."""
    return min(_LONGEST_WAIT, 0.5 * 2.0 ** min(ends - 1, 10))


def _look(one: _Watched, say: Callable[[str], None]) -> None:
    now = time.monotonic()
    if one.again_at is None:
        if one.child.running():
            return
        one.ends = 1 if now - one.since > _WELL_AFTER else one.ends + 1
        wait = wait_before(one.ends)
        one.again_at = now + wait
        one.child.clear_group()
        say(f"{one.child.name} ended ({_how(one.child.exit_code())}); starting it again in {wait:g} s.")
        words = one.child.last_words(4)
        if words:
            say(f"The end of {one.child.log}:\n{words}")
    elif now >= one.again_at:
        one.child.start()
        one.since, one.again_at = now, None


def _how(code: int | None) -> str:
    return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
