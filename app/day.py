"""What happens on a simulated day? Sessions, deliveries and stockouts, sent through the public API like anybody's.

Only for demo programmes: their data are simulated, and everything it sends says so by its source.
"""

from __future__ import annotations

import json
import random
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import structlog

from data import db, queries
from data.types import Kind, State

SQL = queries.read(Path(__file__).parent / "sql" / "day.sql")
log = structlog.get_logger()

SOURCE = "simulated-day"
#: Positions are looked at anew after so many events.
SAMPLE = 200
#: Of a hundred events so many empty a shelf; deliveries fill as many, so that the country stays as it is.
EMPTIED = 6


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happens, before it is sent."""

    programme: str
    facility: str
    product: str
    kind: Kind
    doses: int


def run(engine: sa.Engine, address: str, token: str, *, every: float, most: int | None = None) -> int:
    """Send an event about every `every` seconds until stopped, or `most` of them; returns how many were recorded.

    What the API refuses is logged and left out: somebody else may have moved that stock meanwhile.
    """
    chance = random.Random()
    recorded = 0
    for number, event in enumerate(_events(engine, chance), start=1):
        recorded += _send(address, token, event, number)
        if most is not None and number >= most:
            return recorded
        time.sleep(chance.uniform(0.5, 1.5) * every)
    return recorded


def _events(engine: sa.Engine, chance: random.Random) -> Iterator[Event]:
    while True:
        with db.transaction(engine) as conn:
            rows = list(conn.execute(SQL["sample"], {"most": SAMPLE, "stockout": int(State.STOCKOUT)}))
        if not rows:
            return
        chance.shuffle(rows)
        for row in rows:
            yield _event(row, chance)


def _event(row: sa.Row[Any], chance: random.Random) -> Event:
    """A delivery where there is nothing, and otherwise a session, which now and then takes the last dose."""
    vial = row.doses_per_vial
    need = max(int(row.amc or vial), vial)
    if row.usable < vial:
        kind, doses = Kind.RECEIPT, -(-need // vial) * vial
    elif chance.random() * 100 < EMPTIED:
        kind, doses = Kind.ADMINISTERED, row.usable
    else:
        kind, doses = Kind.ADMINISTERED, min(row.usable, max(1, round(need / 12 * chance.uniform(0.5, 1.5))))
    return Event(row.programme, row.facility, row.product, kind, doses)


def _send(address: str, token: str, event: Event, number: int) -> bool:
    now = datetime.now(UTC)
    body = {
        "programme": event.programme,
        "facility": event.facility,
        "product": event.product,
        "kind": event.kind,
        "doses": event.doses,
        "occurred_at": now.isoformat(),
        "source": SOURCE,
        "source_id": f"{now:%Y%m%dT%H%M%S.%f}-{number}",
    }
    request = urllib.request.Request(
        f"{address}/api/v1/stock-events",
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # nosec B310  # the address is a setting
            return bool(answer.status in (200, 201))
    except urllib.error.HTTPError as error:
        log.info("day.refused", status=error.code)
    except OSError as error:
        log.info("day.unanswered", error=type(error).__name__)
    return False
