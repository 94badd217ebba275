"""What happens when a country comes in? It is stored, drawn and assessed in one transaction, or none of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from app import pipeline
from data import db, programmes
from data.packs import demo, load, reader
from data.packs.country import Country, Finding
from data.packs.load import Loaded
from geo import outlines

Say = Callable[[str], None]


def pack(engine: sa.Engine, path: Path, folder: Path | None, say: Say) -> Loaded:
    """Load the country that a `pack.toml` describes; raises `PackError`."""
    digest = reader.digest(path, folder)
    return _store(engine, reader.read(path, folder), digest, say)


def demo_country(engine: sa.Engine, facilities: int, seed: int, say: Say) -> Loaded | None:
    """Make and load the demo country; None where it is there already, which is left as it is."""
    with db.transaction(engine) as conn:
        if demo.CODE in {programme.code for programme in programmes.every(conn)}:
            return None
    say(f"Simulating a year of stock at {facilities:,} facilities.")
    country = demo.build(today=datetime.now(UTC).date(), facilities=facilities, seed=seed)
    return _store(engine, country, None, say)


def report(loaded: Loaded) -> str:
    """What a load kept, refused and flagged, for the person who started it."""
    if loaded.unchanged:
        return f"{loaded.code} is loaded from exactly these files already; nothing was changed."
    counts = ", ".join(f"{count:,} {name}" for name, count in loaded.counts.items())
    return "\n".join([f"{loaded.code} is loaded: {counts}.", *(_finding(finding) for finding in loaded.findings)])


def _finding(finding: Finding) -> str:
    examples = f"\n             e.g. {'; '.join(finding.examples)}" if finding.examples else ""
    remedy = f" {finding.remedy}" if finding.remedy else ""
    return f"  {finding.severity:<9}{finding.count:>9,}  {finding.table}: {finding.reason}{remedy}{examples}"


def _store(engine: sa.Engine, country: Country, digest: str | None, say: Say) -> Loaded:
    def then(conn: sa.Connection, programme_id: int) -> None:
        say("Drawing the areas for every zoom.")
        outlines.draw(conn, programme_id)
        say("Assessing every position.")
        now = datetime.now(UTC)
        programme = programmes.find(conn, country.programme.code)
        pipeline.refresh(conn, programme, programme.day(now), now, "a country was loaded")

    return load.load(engine, country, digest=digest, say=say, then=then)
