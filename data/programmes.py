"""Which programme is meant? Codes become rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from data import errors, queries

SQL = queries.read(Path(__file__).parent / "sql" / "programmes.sql")


@dataclass(frozen=True, slots=True)
class Programme:
    """A country or programme on this installation."""

    id: int
    code: str
    name: str
    timezone: str
    preset: str
    simulated: bool
    notice: str
    registry_version: int
    assessed_on: date | None
    level_names: list[str]
    sources: list[str]
    #: The learned model in force; None where the count model answers alone.
    model: str | None = None

    def midnight(self, day: date) -> datetime:
        """The moment at which a local day begins."""
        return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(self.timezone))

    def day(self, now: datetime) -> date:
        """The local day at that moment."""
        return now.astimezone(ZoneInfo(self.timezone)).date()


def find(conn: sa.Connection, code: str) -> Programme:
    """The programme with this code; raises `UnknownProgramme`."""
    row = conn.execute(SQL["find"], {"code": code}).one_or_none()
    if row is None:
        raise errors.UnknownProgramme("programme", value=code)
    return Programme(*row)


def every(conn: sa.Connection) -> list[Programme]:
    """All programmes, in order of their names."""
    return [Programme(*row) for row in conn.execute(SQL["every"])]
