"""What does `python -m app load` do? Reads a pack, says what it found, stores it; the caller prints and assesses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from data import errors
from data.packs import load, pack, reader
from data.packs.report import report


def run(engine: sa.Engine, path: Path, pack_toml: Path | None, say: Callable[[str], None]) -> load.Loaded | None:
    """Load the pack in the folder `path`; with `pack_toml` that one, its files being in `path`.

    Returns what was loaded, or None where the pack cannot be: then `say` has had the reason, and nothing is recorded.
    """
    folder = None if pack_toml is None else path
    try:
        found = pack.locate(path if pack_toml is None else pack_toml)
        words, digest = pack.parse(found).programme, reader.digest(found, folder)
        if (loaded := load.already(engine, words.code, digest)) is not None:
            say(f"{words.name} is loaded already from this very pack; nothing was changed.")
            return loaded
        say(f"Reading {words.name} from {found}.")
        country = reader.read(found, folder)
        loaded = load.load(engine, country, digest=digest, say=say)
    except errors.PackError as error:
        say(f"{error.message}\nNothing was recorded.")
        return None
    say(report(loaded.findings))
    return loaded
