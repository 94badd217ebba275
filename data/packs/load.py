"""How does a country get into the database? In one transaction, all or nothing; the same again changes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from data import db, errors
from data.packs import movements, plans, registry
from data.packs.country import Country, Finding, check
from data.record import partitions

SQL = registry.SQL

#: How often, and how many seconds apart, it is tried to make months that another load holds up.
_TRIES, _PAUSE = 360, 10.0


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load did: `unchanged` says that this very pack had been loaded already, and nothing was written."""

    programme_id: int
    code: str
    registry_version: int
    unchanged: bool
    counts: Mapping[str, int] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


def load(
    engine: sa.Engine, country: Country, *, digest: str | None, say: Callable[[str], None] = lambda _: None,
    follow: Callable[[sa.Connection, str], None] = lambda *_: None,
) -> Loaded:  # fmt: skip
    """Store a country. `digest` names its content: the one that was loaded last changes nothing.

    `follow` does, with the programme's code, what has to follow from it in the same transaction.

    A programme that is there already is brought up to date: areas, facilities and products change in place by their
    codes, facilities that are gone are closed, months that are new are added. Raises `PackError`, and stores nothing,
    for a country that contradicts itself, drops areas or products on record, or replaces a simulated one.
    """
    check(country)
    _make_months(engine, country, say)
    with db.transaction(engine) as conn:
        conn.execute(SQL["one_at_a_time"], {"code": country.programme.code})
        stored = conn.execute(SQL["programme"], {"code": country.programme.code}).one_or_none()
        if stored is not None and digest is not None and stored.digest == digest:
            return Loaded(stored.id, country.programme.code, stored.registry_version, unchanged=True)
        if stored is not None and (stored.simulated or country.programme.simulated):
            raise errors.PackError(
                field="programme",
                reason=f"a simulated country is not changed by another, and {country.programme.code} is there already",
                remedy="Keep what is there, or start with an empty database.",
            )
        findings = list(country.findings)
        programme = conn.execute(SQL["keep_programme"], _words(country, digest)).one()
        say(f"Writing {len(country.areas):,} areas and {len(country.facilities):,} facilities.")
        ids = registry.keep(conn, programme.id, country, findings)
        plans.keep(conn, programme.id, country, ids)
        counts = movements.keep(conn, programme.id, country, ids, findings, say)
        conn.execute(SQL["drop_findings"], {"programme_id": programme.id})
        _keep_findings(conn, programme.id, findings)
        follow(conn, country.programme.code)
    counts |= {"areas": len(country.areas), "facilities": len(country.facilities), "products": len(country.products)}
    return Loaded(
        programme.id, country.programme.code, programme.registry_version, False, counts, tuple(findings)
    )  # fmt: skip


def _make_months(engine: sa.Engine, country: Country, say: Callable[[str], None]) -> None:
    """Make the months of its events in a transaction of their own: nobody who records waits for the whole load.

    While another load holds what they name, this one waits in its turn.
    """
    for _ in range(_TRIES):
        try:
            partitions.make(engine, *movements.months(country.events, datetime.now(UTC)))
            return
        except partitions.Busy:
            say("Waiting for another load.")
            time.sleep(_PAUSE)
    raise errors.PackError(reason="another load has not ended for an hour", remedy="Wait for it, or stop it.")


def _words(country: Country, digest: str | None) -> dict[str, Any]:
    words = country.programme
    return {
        "code": words.code, "name": words.name, "timezone": words.timezone, "level_names": list(words.level_names),
        "preset": words.preset, "simulated": words.simulated, "notice": words.notice,
        "sources": list(words.sources), "digest": digest,
    }  # fmt: skip


def _keep_findings(conn: sa.Connection, programme_id: int, findings: list[Finding]) -> None:
    rows = [
        {
            "programme_id": programme_id, "severity": f.severity, "subject": f.table, "reason": f.reason,
            "count": f.count, "remedy": f.remedy, "examples": list(f.examples),
        }
        for f in findings
    ]  # fmt: skip
    if rows:
        conn.execute(SQL["keep_findings"], rows)
