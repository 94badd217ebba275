"""What happened to the stock? The only writer of it: events are appended, balances folded, readers told.

Validate, generate, save: nothing is written before everything is known to be possible. A submission is
all-or-nothing. Positions are locked in one order, so that concurrent submissions queue and never deadlock.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from data import errors, queries
from data.record import partitions, rules, submission
from data.record.shelf import Shelf
from data.record.submission import Entry
from data.types import Kind, Recorded, StockEvent

SQL = queries.read(Path(__file__).parent / "sql" / "ledger.sql")

#: What is answered to each (source, source_id), as it is stored.
Results = dict[tuple[str, str], dict[str, Any]]


def record(
    conn: sa.Connection,
    programme_id: int,
    events: Sequence[StockEvent],
    *,
    actor_id: int | None = None,
    now: datetime | None = None,
) -> list[Recorded]:
    """Record events, in their order, once each; the caller's transaction makes them durable.

    The same (source, source_id) again answers with the first result; with other content it raises
    `ConflictingRepeat`. Raises `UnknownFacility`, `UnknownProduct`, `InvalidEvent` or `Overdraw`, each with the index
    of the event in its details; then nothing may be committed.
    """
    now = now or datetime.now(UTC)
    entries = submission.resolve(conn, programme_id, events, now)
    digests = {e.key: digest(e.event) for e in entries}
    fresh_keys = _claim(conn, programme_id, entries, digests)
    fresh: list[Entry] = []
    for entry in entries:
        if entry.key in fresh_keys:
            fresh_keys.remove(entry.key)
            fresh.append(entry)
    kept = _apply(conn, programme_id, fresh, actor_id, now) if fresh else {}
    return _answers(conn, programme_id, entries, fresh, kept)


def digest(event: StockEvent) -> bytes:
    """What makes a repeat the same event: all that it says."""
    said = [getattr(event, name) for name in event.__slots__]
    said[said.index(event.occurred_at)] = event.occurred_at.astimezone(UTC).isoformat()
    return hashlib.sha256(json.dumps(said, default=str).encode()).digest()


def _claim(
    conn: sa.Connection, programme_id: int, entries: Sequence[Entry], digests: dict[tuple[str, str], bytes]
) -> set[tuple[str, str]]:
    """Claim the keys that are free; a key known with other content is a conflict."""
    for index, entry in enumerate(entries):
        if digest(entry.event) != digests[entry.key]:
            raise _conflict(entry, index)
    asked = {"programme_id": programme_id, "sources": [k[0] for k in digests], "source_ids": [k[1] for k in digests]}
    free = {
        (r.source, r.source_id) for r in conn.execute(SQL["claim_keys"], asked | {"digests": list(digests.values())})
    }
    if len(free) < len(digests):
        known = {(r.source, r.source_id): bytes(r.digest) for r in conn.execute(SQL["known_keys"], asked)}
        for index, entry in enumerate(entries):
            if known[entry.key] != digests[entry.key]:
                raise _conflict(entry, index)
    return free


def _conflict(entry: Entry, index: int) -> errors.ConflictingRepeat:
    return errors.ConflictingRepeat(
        "source_id",
        "Send a new source_id for another event, or the first content again.",
        source=entry.event.source,
        source_id=entry.event.source_id,
        index=index,
    )


# -- generate ----------------------------------------------------------------------------------------------------


def _apply(
    conn: sa.Connection, programme_id: int, entries: Sequence[Entry], actor_id: int | None, now: datetime
) -> Results:
    _find_lots(conn, entries)
    shelves = _lock(conn, entries)
    for index, entry in enumerate(entries):
        shelf = shelves[entry.position]
        try:
            entry.lines = shelf.take(entry.event, entry.lot_id, entry.day)
            entry.lots = [(shelf.number(line.lot_id), line.doses) for line in entry.lines]
        except errors.Overdraw as error:
            raise errors.Overdraw(
                "doses",
                error.remedy or "Count the stock, or record the receipt that is missing first.",
                facility=entry.facility.name,
                product=entry.product.name,
                balance=error.details["balance"],
                doses=error.details["doses"],
                index=index,
            ) from error
        if shelf.total > submission.MOST_DOSES:
            raise errors.InvalidEvent(
                "doses",
                "Check the number and the unit.",
                reason=f"{entry.facility.name} would hold {shelf.total:,} doses of {entry.product.name}",
                index=index,
            )
        entry.balance = shelf.usable_on(now.astimezone(entry.facility.timezone).date())
    return _save(conn, programme_id, entries, shelves, actor_id, now)


def _find_lots(conn: sa.Connection, entries: Sequence[Entry]) -> None:
    """Find the lots named, and add those that a receipt or count brings with their expiry."""
    named = [(i, e) for i, e in enumerate(entries) if e.event.lot is not None]
    if not named:
        return
    asked = {"product_ids": [e.product.id for _, e in named], "numbers": [e.event.lot for _, e in named]}
    known = {(r.product_id, r.number): r for r in conn.execute(SQL["lots"], asked)}
    new = [e for _, e in named if (e.product.id, e.event.lot) not in known and e.event.expiry is not None]
    if new:
        conn.execute(
            SQL["add_lots"],
            {
                "product_ids": [e.product.id for e in new],
                "numbers": [e.event.lot for e in new],
                "expiries": [e.event.expiry for e in new],
            },
        )
        known = {(r.product_id, r.number): r for r in conn.execute(SQL["lots"], asked)}
    for index, entry in named:
        lot = known.get((entry.product.id, str(entry.event.lot)))
        if lot is None:
            raise errors.InvalidEvent(
                "expiry",
                "Send the expiry date from the label.",
                reason=f"lot {entry.event.lot} is new and its expiry is not given",
                index=index,
            )
        if entry.event.expiry not in (None, lot.expiry):
            raise errors.InvalidEvent(
                "expiry",
                "Check the label; if the date on record is wrong, ask for its correction.",
                reason=f"lot {entry.event.lot} is on record as expiring {lot.expiry}, not {entry.event.expiry}",
                index=index,
            )
        entry.lot_id = lot.id
        entry.event = replace(entry.event, expiry=lot.expiry)


def _lock(conn: sa.Connection, entries: Sequence[Entry]) -> dict[tuple[int, int], Shelf]:
    positions = sorted({e.position for e in entries})
    asked = {"facility_ids": [p[0] for p in positions], "product_ids": [p[1] for p in positions]}
    locked = conn.execute(SQL["lock_positions"], asked).all()
    if len(locked) < len(positions):
        conn.execute(SQL["open_positions"], asked)
        locked = conn.execute(SQL["lock_positions"], asked).all()
    shelves = {(r.facility_id, r.product_id): Shelf(conn, r.facility_id, r.product_id, r.last_event_at) for r in locked}
    for r in conn.execute(SQL["held_lots"], asked):
        shelves[r.facility_id, r.product_id].put(
            rules.Held(r.lot_id, r.number, r.expiry, r.doses, r.vvm_stage, r.first_received_at)
        )
    return shelves


# -- save --------------------------------------------------------------------------------------------------------


def _save(
    conn: sa.Connection,
    programme_id: int,
    entries: Sequence[Entry],
    shelves: dict[tuple[int, int], Shelf],
    actor_id: int | None,
    now: datetime,
) -> Results:
    days = [e.event.occurred_at.astimezone(UTC).date() for e in entries]
    partitions.ensure_partitions(conn, min(days), max(days))
    lines = [(e, line) for e in entries for line in e.lines]
    ids = list(
        conn.execute(SQL["append"], _columns(lines) | {"programme_id": programme_id, "actor_id": actor_id}).scalars()
    )
    at = 0
    for entry in entries:
        entry.ids, at = tuple(ids[at : at + len(entry.lines)]), at + len(entry.lines)
    position = {"facility_ids": [e.facility.id for e, _ in lines], "product_ids": [e.product.id for e, _ in lines]}
    amounts = {"doses": [line.doses for _, line in lines]}
    arrived = [e.event.occurred_at if line.doses > 0 else None for e, line in lines]
    lots = {"lot_ids": [line.lot_id for _, line in lines]}
    if any(line.lot_id not in shelves[e.position].on_record for e, line in lines):
        conn.execute(SQL["open_lots"], position | lots)
    conn.execute(SQL["fold_lots"], position | amounts | lots | {"received_ats": arrived})
    _fold_positions(conn, entries, shelves, now)
    _fold_months(conn, entries, lines, position | amounts, now)
    return _keep(conn, programme_id, entries)


def _columns(lines: Sequence[tuple[Entry, rules.Line]]) -> dict[str, Any]:
    return {
        "facility_id": [e.facility.id for e, _ in lines],
        "product_id": [e.product.id for e, _ in lines],
        "lot_id": [line.lot_id for _, line in lines],
        "kind": [str(e.event.kind) for e, _ in lines],
        "doses": [line.doses for _, line in lines],
        "counted": [e.event.doses if e.event.kind is Kind.COUNT else None for e, _ in lines],
        "reason": [e.event.reason for e, _ in lines],
        "occurred_at": [e.event.occurred_at for e, _ in lines],
        "source": [e.event.source for e, _ in lines],
        "source_id": [e.event.source_id for e, _ in lines],
        "document": [e.event.document for e, _ in lines],
        "note": [e.event.note for e, _ in lines],
    }


def _fold_positions(
    conn: sa.Connection, entries: Sequence[Entry], shelves: dict[tuple[int, int], Shelf], now: datetime
) -> None:
    in_order = sorted(entries, key=lambda e: e.event.occurred_at)
    last = {e.position: e for e in in_order}
    received = {e.position: e.day for e in in_order if e.event.kind is Kind.RECEIPT}
    conn.execute(
        SQL["fold_positions"],
        {
            "facility_ids": [p[0] for p in last],
            "product_ids": [p[1] for p in last],
            "usable": [shelves[p].usable_on(now.astimezone(e.facility.timezone).date()) for p, e in last.items()],
            "total": [shelves[p].total for p in last],
            "occurred_ats": [e.event.occurred_at for e in last.values()],
            "received_ons": [received.get(p) for p in last],
        },
    )


def _fold_months(
    conn: sa.Connection,
    entries: Sequence[Entry],
    lines: Sequence[tuple[Entry, rules.Line]],
    moved: dict[str, Any],
    now: datetime,
) -> None:
    months = {}
    for e in entries:
        first = e.day.replace(day=1)
        starts = datetime(first.year, first.month, 1, tzinfo=e.facility.timezone)
        following = (first + timedelta(days=32)).replace(day=1)
        ends = datetime(following.year, following.month, 1, tzinfo=e.facility.timezone)
        months[*e.position, first] = (starts, ends)
    conn.execute(
        SQL["fold_months"],
        {
            "facility_ids": [k[0] for k in months],
            "product_ids": [k[1] for k in months],
            "months": [k[2] for k in months],
            "starts": [v[0] for v in months.values()],
            "ends": [v[1] for v in months.values()],
            "earliest": min(starts for starts, _ in months.values()),
        },
    )
    if all(ends > now + submission.CLOCK_SKEW for _, ends in months.values()):
        return  # Nothing can have happened in a later month.
    conn.execute(
        SQL["shift_months"],
        moved
        | {
            "months": [e.day.replace(day=1) for e, _ in lines],
            "folded_facility_ids": [k[0] for k in months],
            "folded_product_ids": [k[1] for k in months],
            "folded_months": [k[2] for k in months],
        },
    )


def _keep(conn: sa.Connection, programme_id: int, entries: Sequence[Entry]) -> Results:
    results, payloads = [], []
    for e in entries:
        results.append(json.dumps({"event_ids": e.ids, "lots": e.lots, "balance": e.balance}))
        payloads.append(
            json.dumps(
                {
                    "kind": e.event.kind,
                    "doses": sum(line.doses for line in e.lines),
                    "balance": e.balance,
                    "occurred_at": e.event.occurred_at.isoformat(),
                    "source": e.event.source,
                }
            )
        )
    keys = {"sources": [e.key[0] for e in entries], "source_ids": [e.key[1] for e in entries]}
    kept = conn.execute(SQL["keep_results"], {"programme_id": programme_id, "results": results, **keys}).all()
    conn.execute(
        SQL["announce"],
        {
            "programme_id": programme_id,
            "facility_ids": [e.facility.id for e in entries],
            "product_ids": [e.product.id for e in entries],
            "payloads": payloads,
        },
    )
    return {(r.source, r.source_id): r.result for r in kept}


def _answers(
    conn: sa.Connection, programme_id: int, entries: Sequence[Entry], fresh: Sequence[Entry], kept: Results
) -> list[Recorded]:
    made = {id(e) for e in fresh}
    repeated = [e.key for e in entries if e.key not in kept]
    if repeated:
        asked = {"sources": [k[0] for k in repeated], "source_ids": [k[1] for k in repeated]}
        rows = conn.execute(SQL["known_keys"], {"programme_id": programme_id, **asked})
        kept = kept | {(r.source, r.source_id): r.result for r in rows}
    return [
        Recorded(
            event_ids=tuple(kept[e.key]["event_ids"]),
            lots=tuple((lot, doses) for lot, doses in kept[e.key]["lots"]),
            balance=kept[e.key]["balance"],
            repeated=id(e) not in made,
        )
        for e in entries
    ]
