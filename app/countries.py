"""How does a country come in, whole? Stored, drawn, assessed, rolled up; each step is done only where it is missing.

Killed in between, the same command again goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import sqlalchemy as sa

from app import pipeline
from app.auth import demo as demo_users
from data import db, programmes
from data.packs import demo, load
from data.packs.country import Country
from data.packs.load import Loaded
from geo import aggregates, outlines

Say = Callable[[str], None]


def bring_in(engine: sa.Engine, country: Country, *, digest: str, say: Say, demo_mode: bool) -> Loaded:
    """Load a country and everything that follows from it; raises `PackError` and stores nothing where it cannot be."""
    loaded = load.load(engine, country, digest=digest, say=say)
    complete(engine, loaded.code, say=say, demo_mode=demo_mode, again=not loaded.unchanged)
    return loaded


def complete(engine: sa.Engine, code: str, *, say: Say, demo_mode: bool, again: bool) -> None:
    """Draw outlines and assess: again after a load, otherwise only where an earlier one was interrupted."""
    now = datetime.now(UTC)
    with db.transaction(engine) as conn:
        programme = programmes.find(conn, code)
        if again or programme.assessed_on is None:
            say("Drawing the outlines for every zoom.")
            outlines.draw(conn, programme.id)
            say("Assessing every position and rolling up the areas.")
            pipeline.refresh(conn, programme, programme.day(now), now, "a country was loaded")
            say("Rolling up the months.")
            aggregates.rebuild_months(conn, programme.id)
    if demo_mode:
        demo_users.ensure(engine)


def bring_in_demo(engine: sa.Engine, *, facilities: int, seed: int, say: Say) -> Loaded:
    """The simulated country, made for today."""
    today = datetime.now(UTC).date()
    say(f"Simulating {facilities:,} facilities and twelve months of their stock.")
    country = demo.build(facilities=facilities, seed=seed, today=today)
    digest = f"demo facilities={facilities} seed={seed}"
    return bring_in(engine, country, digest=digest, say=say, demo_mode=True)
