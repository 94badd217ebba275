"""How much processor time have these processes taken? From /proc, with their children."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

_TICK: int = os.sysconf("SC_CLK_TCK")


def seconds(pids: Iterable[int]) -> float:
    """User and system time of the processes and of all that descend from them, ended children included."""
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        pid = int(stat.parent.name)
        parents[pid] = int(fields[1])
        # utime, stime, and of children that have ended cutime, cstime.
        ticks[pid] = sum(int(field) for field in fields[11:15])
    roots = set(pids)
    return sum(taken for pid, taken in ticks.items() if _descends(pid, roots, parents)) / _TICK


def _descends(pid: int, roots: set[int], parents: dict[int, int]) -> bool:
    while pid > 1:
        if pid in roots:
            return True
        pid = parents.get(pid, 0)
    return False
