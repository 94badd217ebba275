"""Which statement is this? Named SQL: `-- name --`, one sentence, the statement, in `sql/*.sql` beside the code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg.rows import namedtuple_row
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

_HEAD = re.compile(r"^-- ([a-z_0-9]+) --$", re.MULTILINE)
_COMMENT = re.compile(r"^--.*\n", re.MULTILINE)
_DRIVER = PGDialect_psycopg()  # type: ignore[no-untyped-call]  # SQLAlchemy has no types for its dialects
_INDENT = re.compile(r"\n\s+")


class Statements:
    """The statements of one file, by name: `SQL = queries.read(path)`, then `SQL["fold"]`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        pieces = _HEAD.split(path.read_text(encoding="utf-8"))
        # Made once: reading a statement's parameters costs more than handing it to the driver.
        self._texts = {name: sa.text(text) for name, text in zip(pieces[1::2], pieces[2::2], strict=True)}
        self._sent: dict[str, str] = {}

    def __getitem__(self, name: str) -> sa.TextClause:
        """The statement of that name; a name that is not in the file is a KeyError that says which file."""
        if name not in self._texts:
            raise KeyError(f"{name} is not in {self.path.name}")
        return self._texts[name]

    def run(self, conn: sa.Connection, name: str, asked: Mapping[str, Any]) -> list[Any]:
        """Execute the statement of that name as the driver takes it: for what is done thousands of times a second.

        Answers its rows as named tuples. To go through SQLAlchemy's own language and rows takes it longer than
        PostgreSQL needs for most of them. The driver remembers how it reads a statement of up to 4,096 characters and
        50 parameters. Raises what SQLAlchemy would.
        """
        if name not in self._sent:
            compiled = str(self[name].compile(dialect=_DRIVER))
            self._sent[name] = _INDENT.sub("\n", _COMMENT.sub("", compiled)).strip()
        driver = conn.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        try:
            with driver.cursor(row_factory=namedtuple_row) as cursor:
                cursor.execute(self._sent[name].encode(), asked)
                return cursor.fetchall() if cursor.pgresult and cursor.pgresult.nfields else []
        except psycopg.Error as error:
            if driver.closed:
                conn.invalidate(error)
            raise sa.exc.DBAPIError.instance(
                name, None, error, psycopg.Error, hide_parameters=True, connection_invalidated=driver.closed,
                dialect=conn.dialect,
            ) from error  # fmt: skip

    def names(self) -> list[str]:
        """Every name in the file, in its order."""
        return list(self._texts)


def read(path: Path) -> Statements:
    """Read a file of named statements once, at import: text only, nothing is opened towards the database."""
    return Statements(path)
