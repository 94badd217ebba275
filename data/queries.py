"""Which statement is this? Named SQL: `-- name --`, one sentence, the statement, in `sql/*.sql` beside the code."""

from __future__ import annotations

import re
from pathlib import Path

import sqlalchemy as sa

_HEAD = re.compile(r"^-- ([a-z_0-9]+) --$", re.MULTILINE)


class Statements:
    """The statements of one file, by name: `SQL = queries.read(path)`, then `SQL["fold"]`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        pieces = _HEAD.split(path.read_text(encoding="utf-8"))
        # Made once: reading a statement's parameters costs more than handing it to the driver.
        self._texts = {name: sa.text(text) for name, text in zip(pieces[1::2], pieces[2::2], strict=True)}

    def __getitem__(self, name: str) -> sa.TextClause:
        """The statement of that name; a name that is not in the file is a KeyError that says which file."""
        if name not in self._texts:
            raise KeyError(f"{name} is not in {self.path.name}")
        return self._texts[name]

    def names(self) -> list[str]:
        """Every name in the file, in its order."""
        return list(self._texts)


def read(path: Path) -> Statements:
    """Read a file of named statements once, at import: text only, nothing is opened towards the database."""
    return Statements(path)
