"""What is there to look at? Programmes with their seats, and the registry that a browser starts from."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from data import db, queries
from data.errors import DatabaseUnavailable, UnknownProgramme
from data.types import WORST
from geo import errors
from geo.tile import Box

SQL = queries.read(Path(__file__).parent / "sql" / "registry.sql")

#: Seconds for which a process believes what it knows of the programmes.
FRESH = 1.0


@dataclass(frozen=True, slots=True)
class Registry:
    """The coordinates of a programme at one version of its registry.

    `partitions` gives by the seat of a first-level area the first ordinal of its facilities and their number;
    `products` are the seats that may be asked for, with 0 for the worst of all. `box` is in degrees.
    """

    id: int
    code: str
    version: int
    areas: int
    partitions: Mapping[int, tuple[int, int]]
    products: frozenset[int]
    box: Box | None = None


def registries(conn: sa.Connection) -> dict[str, Registry]:
    """The registry of every programme, by its code."""
    return {
        row.code: Registry(
            id=row.id,
            code=row.code,
            version=row.registry_version,
            areas=row.areas,
            partitions={seat: (first, count) for seat, first, count in row.partitions},
            products=frozenset({WORST, *row.products}),
            box=None if row.box is None else tuple(row.box),
        )
        for row in conn.execute(SQL["registries"])
    }


def read(conn: sa.Connection, programme_code: str) -> dict[str, Any]:
    """The registry as the API gives it; raises `UnknownProgramme`.

    `seq` is the last push; months are those with a roll-up, oldest first; boxes are west, south, east, north.
    """
    row = conn.execute(SQL["registry"], {"code": programme_code}).mappings().one_or_none()
    if row is None:
        raise UnknownProgramme(value=programme_code, field="programme", remedy="Choose one of /api/v1/programmes.")
    return dict(row)


class Registries:
    """The registries as one process knows them: looked at again once a second, and kept while the database is away."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._known: dict[str, Registry] = {}
        self._versions: list[tuple[int, int]] = []
        self._looked = -math.inf
        self._lock = threading.Lock()

    def find(self, code: str, version: int | None = None) -> Registry:
        """The programme of that code; of that version, where one is given.

        Raises `UnknownProgramme`, or `OldVersion` when the registry is not at that version (any more).
        """
        self._look(FRESH)
        found = self._known.get(code)
        if found is None or (version is not None and found.version != version):
            # Another process may have met a change a moment before this one.
            self._look(FRESH / 10)
            found = self._known.get(code)
        if found is None:
            raise UnknownProgramme(value=code, field="programme", remedy="Choose one of /api/v1/programmes.")
        if version is not None and found.version != version:
            raise errors.OldVersion(value=version, current=found.version, field="version", remedy="Reload the page.")
        return found

    def version(self, programme_id: int) -> int:
        """The version of a programme's registry; raises `UnknownProgramme` where there is none of that id."""
        self._look(FRESH)
        found = next((version for known, version in self._versions if known == programme_id), None)
        if found is None:
            self._look(0)
            found = next((version for known, version in self._versions if known == programme_id), None)
        if found is None:
            raise UnknownProgramme(value=programme_id, field="programme")
        return found

    def _look(self, age: float) -> None:
        if time.monotonic() - self._looked < age:
            return
        # While one thread looks, the others go on with what is known; only the very first look is waited for.
        if not self._lock.acquire(blocking=not self._known):
            return
        try:
            if time.monotonic() - self._looked < age:
                return
            with db.transaction(self._engine) as conn:
                versions = [(row.id, row.registry_version) for row in conn.execute(SQL["versions"])]
                if versions != self._versions:
                    self._known, self._versions = registries(conn), versions
        except DatabaseUnavailable:
            if not self._known:
                raise
        finally:
            self._looked = time.monotonic()
            self._lock.release()
