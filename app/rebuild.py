"""How is everything made from the record again? Replayed, assessed, rolled up, told; `python -m app rebuild`."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

import sqlalchemy as sa

from app import pipeline
from data import db, month_marks, programmes
from data.record import rebuild as record
from geo import aggregates

Say = Callable[[str], None]


def rebuild(engine: sa.Engine, code: str | None, say: Say) -> None:
    """Rebuild one programme, or (None) all of them. Open maps read everything again. Raises `UnknownProgramme`."""
    with db.transaction(engine) as conn:
        found = programmes.every(conn) if code is None else [programmes.find(conn, code)]
    for programme in found:
        began, now = time.monotonic(), datetime.now(UTC)
        say(f"{programme.name}: replaying the record.")
        record.replay(engine, programme, programme.day(now), say)
        say("Assessing every position, rolling up the areas and months, following the alerts.")
        with db.transaction(engine) as conn:
            pipeline.refresh(conn, programme, programme.day(now), now, "everything was rebuilt")
            aggregates.rebuild_months(conn, programme.id)
        say("Marking what lay where when each month began.")
        month_marks.keep(engine, programme, now)
        say(f"{programme.name}: done in {time.monotonic() - began:.0f} s.")
