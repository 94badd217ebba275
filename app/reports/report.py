"""What is a report? A heading, facts about it, and one table; pure, and the same for every kind of file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

#: What a cell holds: words, a number (never shortened), a local day or a local moment without its zone.
Cell = str | int | float | date | datetime | None


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its head says the unit. `width` is in millimetres on paper; 0 leaves it to the other files."""

    head: str
    width: float = 0


@dataclass(frozen=True, slots=True)
class Row:
    """A row; its tone says what it is: a line, a sum, or days out of stock."""

    cells: Sequence[Cell]
    tone: Literal["line", "sum", "out"] = "line"


@dataclass(frozen=True, slots=True)
class Report:
    """A report; `mark` is what every page of it has to say, such as that its data is simulated.

    `sheet` is its name in a workbook.
    """

    title: str
    mark: str
    facts: Sequence[tuple[str, str]]
    columns: Sequence[Column]
    rows: Sequence[Row]
    made_at: datetime
    file_name: str
    #: The name of its sheet in a workbook.
    sheet: str = "Bin card"


def file_name(*parts: str) -> str:
    """A name for a file out of words and codes, without what any system might not take."""
    return "_".join(re.sub(r"[^A-Za-z0-9.-]+", "-", part).strip("-.") or "x" for part in parts)
