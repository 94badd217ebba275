"""Is what was acknowledged on record, once, and is it what was answered? Checks `event_key` against the rows.

A key that is lost would let a repeat be recorded again; one that is changed would refuse it, or answer something else.
Writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from data import queries
from data.record import chain

SQL = queries.read(Path(__file__).parent / "sql" / "audit.sql")

#: So many keys are fetched at a time.
_MANY = 10_000


def off(conn: sa.Connection) -> Iterator[tuple[str, str, str]]:
    """What is wrong with each key, in words: its name, what stands and what should."""
    options = {"stream_results": True, "yield_per": _MANY}
    for r in conn.execute(SQL["answers"], execution_options=options):
        place = f"{r.source} / {r.source_id}"
        if r.result is None:
            yield place, "no answer is kept", "the answer of its rows"
            continue
        ids, lots = list(r.ids or ()), [[lot, doses] for lot, doses in zip(r.lots or (), r.doses or (), strict=True)]
        answered = r.result.get("event_ids"), r.result.get("lots")
        if answered != (ids, lots):
            yield place, _words(*answered), _words(ids, lots) if ids else "its rows"
            continue
        digest = bytes(r.digest)
        said = digest[: chain.SAID]
        # What was kept before answers had a digest has that of what was said alone.
        if len(digest) != chain.SAID and digest != chain.answered(
            said, r.programme_id, r.source, r.source_id, r.result
        ):
            yield place, "another digest", "that of what was said and answered"


def _words(ids: Any, lots: Any) -> str:
    return f"rows {ids}, lots {lots}"
