"""Where is what people call so? Areas and facilities by a part of their name or code."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import sqlalchemy as sa

from data import queries
from data.scope import EVERYTHING

SQL = queries.read(Path(__file__).parent / "sql" / "places.sql")

#: Fewer letters than this would find half the country.
LEAST = 2


@dataclass(frozen=True, slots=True)
class Found:
    """An area or a facility; `place` names the area around it, `bounds` is a point for a facility, None if unknown."""

    kind: Literal["area", "facility"]
    code: str
    name: str
    place: str | None
    level: int | None
    bounds: tuple[float, float, float, float] | None


def search(
    conn: sa.Connection,
    programme_id: int,
    asked: str,
    most: int = 20,
    *,
    facilities: str = EVERYTHING,
    areas: str = EVERYTHING,
) -> list[Found]:
    """What has `asked` in its name or code, in any case and with or without accents, the closest first.

    `facilities` and `areas` are the ids of those that may be found, as multiranges.
    """
    part = fold(asked)
    if len(part) < LEAST:
        return []
    plain = part.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    rows = conn.execute(
        SQL["search"],
        {
            "programme_id": programme_id,
            "begins": f"{plain}%",
            "word": f"% {plain}%",
            "has": f"%{plain}%",
            "most": most,
            "facilities": facilities,
            "areas": areas,
        },
    )
    return [
        Found(
            row.kind, row.code, row.name, row.place, row.level,
            None if row.west is None else (row.west, row.south, row.east, row.north),
        )
        for row in rows
    ]  # fmt: skip


def fold(text: str) -> str:
    """Lower case, accents taken off, single spaces: as the column `folded` has it."""
    bare = "".join(c for c in unicodedata.normalize("NFD", text) if not "\u0300" <= c <= "\u036f")
    return " ".join(bare.lower().split())
