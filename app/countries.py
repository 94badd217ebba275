"""How does a country come in, whole? Stored, drawn, assessed, rolled up in one transaction: all of it, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import sqlalchemy as sa

from app import pipeline
from app.auth import demo as demo_users
from app.auth.sealed import Box
from data import db, doubts, month_marks, programmes, seasons
from data.packs import demo, load
from data.packs.country import Country
from data.packs.load import Loaded
from geo import aggregates, outlines

Say = Callable[[str], None]


def bring_in(engine: sa.Engine, country: Country, *, digest: str, say: Say, demo_of: Box | None) -> Loaded:
    """Load a country and all that follows from it, or nothing; raises `PackError` where it cannot be loaded.

    In a demo, `demo_of` is what seals the names of its users.
    """

    def follow(conn: sa.Connection, code: str) -> None:
        programme, now = programmes.find(conn, code), datetime.now(UTC)
        say("Drawing the outlines for every zoom.")
        outlines.draw(conn, programme.id)
        say("Assessing every position and rolling up the areas.")
        pipeline.refresh(conn, programme, programme.day(now), now, "a country was loaded", most_alerts=0)
        say("Looking for values that cannot be right.")
        found = doubts.find_earlier(conn, programme, programme.day(now))
        say(f"{found:,} values are doubted: see Data quality.")
        seasons.learn(conn, programme, programme.day(now))
        say("Rolling up the months.")
        aggregates.rebuild_months(conn, programme.id)

    loaded = load.load(engine, country, digest=digest, say=say, follow=follow)
    with db.transaction(engine) as conn:
        programme = programmes.find(conn, country.programme.code)
    month_marks.keep(engine, programme, datetime.now(UTC))
    if demo_of is not None:
        demo_users.ensure(engine, demo_of)
    return loaded


def bring_in_demo(engine: sa.Engine, box: Box, *, facilities: int, seed: int, say: Say) -> Loaded:
    """The simulated country, made for today."""
    today = datetime.now(UTC).date()
    say(f"Simulating {facilities:,} facilities and twelve months of their stock.")
    country = demo.build(facilities=facilities, seed=seed, today=today)
    digest = f"demo facilities={facilities} seed={seed}"
    return bring_in(engine, country, digest=digest, say=say, demo_of=box)
