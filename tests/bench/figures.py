"""How is a figure shown? One row: what, the figure, its baseline from the same run, their ratio, the budget."""

from __future__ import annotations

import os
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass

_HEADS = ("what", "figure", "beside it", "ratio", "budget", "")


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table; `met` is None where a figure has no budget of its own."""

    what: str
    figure: str
    beside: str = ""
    ratio: str = ""
    budget: str = ""
    met: bool | None = None

    def cells(self) -> tuple[str, ...]:
        """The row as text."""
        verdict = {True: "ok", False: "MISS", None: ""}[self.met]
        return (self.what, self.figure, self.beside, self.ratio, self.budget, verdict)


def heading(text: str) -> None:
    """Print the title of a part, with the machine's load: figures of a busy machine say so themselves."""
    one, five, _ = os.getloadavg()
    sys.stdout.write(f"\n{text}  (load average {one:.1f}, {five:.1f} on {os.cpu_count()} cores)\n")
    sys.stdout.flush()


def show(lines: Sequence[Line]) -> None:
    """Print rows as a Markdown table, so that they can be pasted into docs/performance.md."""
    rows = [_HEADS, *(line.cells() for line in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADS))]
    rows.insert(1, tuple("-" * width for width in widths))
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        sys.stdout.write(f"| {' | '.join(cells)} |\n")
    sys.stdout.flush()


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of all do not exceed (0.5, 0.95, 0.99); nearest rank, so that it is one that occurred."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, max(0, -(-int(share * 1000) * len(ranked) // 1000) - 1))]


def middle(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)
