"""How does what was worked out get into the tables? Rows with their digests, balances, months, answers and the outbox.

Everything here has been found possible before, under locks: what is written are final values.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from data import queries
from data.binary import Array, bigints, bools, days, ints, moments, octets, smallints, texts
from data.record import chain, months, partitions, rules, shipments
from data.record.desk import Desk, Row
from data.record.submission import Entry
from data.types import Entry as Why
from data.types import Kind

SQL = queries.read(Path(__file__).parent / "sql" / "ledger.sql")

# `json.dumps` looks anew each time at how it is to be done.
_ENCODER = json.JSONEncoder()


def save(
    conn: sa.Connection, programme_id: int, entries: Sequence[Entry], desks: Sequence[Desk], now: datetime
) -> None:
    """Write what the entries became; their `ids` and `result` are known afterwards."""
    rows = [(at, row) for at in desks for row in at.rows]
    days = {row.said.moment.astimezone(UTC).date() for _, row in rows}
    needed = {partitions.name(day) for day in days}
    columns = _columns(rows, now)
    [(ids, there)] = SQL.run(conn, "next_ids", {"count": len(rows), "partitions": texts(list(needed))})
    if len(there) < len(needed):
        partitions.ensure_partitions(conn, min(days), max(days))
    for (_, row), row_id in zip(rows, ids, strict=True):
        if row.why is not Why.REVISION:
            row.entry.ids.append(row_id)
    asked = {"programme_id": programme_id, "recorded_at": now, "id": bigints(ids)}
    written = columns | _shelves(desks) | _positions(desks, now) | _told(programme_id, entries, desks)
    SQL.run(conn, "save", asked | written)
    shipments.follow(conn, rows)
    months.follow(conn, rows, now)


def _columns(rows: Sequence[tuple[Desk, Row]], now: datetime) -> dict[str, Array]:
    """The columns of stock_event; each row is linked to the one before it at its position."""
    columns: dict[str, list[Any]] = {name: [] for name in (*_OWN, *chain.COLUMNS)}
    own = [columns[name] for name in _OWN]
    said = [columns[name] for name in chain.COLUMNS]
    for at, row in rows:
        text = _text(at, row, now)
        at.chain = chain.digest(at.chain, text)
        link = (at.facility_id, at.product_id, row.line.lot_id, row.shipment_id, at.chain)
        for column, value in zip([*own, *said], [*link, *text], strict=True):
            column.append(value)
    return {name: pack(columns[name]) for name, pack in _PACKED.items()}


_OWN = ("facility_id", "product_id", "lot_id", "shipment_id", "digest")
#: The columns that are written, beside the id and what is the same for all rows.
_PACKED = {
    **dict.fromkeys(("facility_id", "product_id", "lot_id", "doses", "counted", "reserved"), ints),
    **dict.fromkeys(("actor_id", "partner_id"), ints),
    **dict.fromkeys(("kind", "entry", "reason", "source", "source_id", "document", "order_number", "note"), texts),
    **dict.fromkeys(("attachment_id", "reverses_id", "shipment_id"), bigints),
    "lot_named": bools, "stage": smallints, "occurred_at": moments, "digest": octets,
}  # fmt: skip


def _text(at: Desk, row: Row, now: datetime) -> tuple[object, ...]:
    """A row's columns in the order of `chain.COLUMNS`."""
    held = at.shelf.held.get(row.line.lot_id)
    entry, said, line, recalled = row.entry, row.said, row.line, row.recalled
    event = entry.event
    own = row.why is not Why.REVISION
    key = entry.key if own else said.key
    again = recalled.columns if recalled is not None else {}
    return (
        said.kind.value, row.why.value, line.doses,
        said.doses if said.kind is Kind.COUNT and row.why is Why.EVENT else None,
        line.reserved, held.number if held else None, held.expiry if held else None,
        bool(again.get("lot_named", said.named or said.kind in rules.ADDS)),
        event.reason if own else again.get("reason"), said.stage, said.moment, now, key[0], key[1], entry.actor_id,
        (entry.document if own else None) or again.get("document"),
        # The other end is that of the event: what a late one makes of it may come from somebody with another.
        again.get("partner_id") if recalled is not None else entry.partner.id if entry.partner is not None else None,
        said.order, event.note if own else None, event.attachment if own else None,
        recalled.first_id if row.why is Why.REVERSAL and recalled is not None else None,
    )  # fmt: skip


def _shelves(desks: Sequence[Desk]) -> dict[str, Array]:
    held = [(at, h) for at in desks for h in at.shelf.held.values() if h.lot_id in at.touched]
    return {
        "lot_facility_id": ints([at.facility_id for at, _ in held]),
        "lot_product_id": ints([at.product_id for at, _ in held]),
        "lot_lot_id": ints([h.lot_id for _, h in held]),
        "lot_doses": ints([h.doses for _, h in held]),
        "lot_stage": smallints([h.vvm_stage for _, h in held]),
        "lot_received_at": moments([h.first_received_at for _, h in held]),
        "lot_quarantined": bools([h.quarantined for _, h in held]),
    }


def _positions(desks: Sequence[Desk], now: datetime) -> dict[str, Array]:
    return {
        "at_facility_id": ints([at.facility_id for at in desks]),
        "at_product_id": ints([at.product_id for at in desks]),
        "at_usable": ints([at.shelf.usable_on(at.done[0].facility.day(now)) for at in desks]),
        "at_total": ints([at.shelf.total for at in desks]),
        "at_reserved": ints([at.shelf.promised for at in desks]),
        "at_last": moments([max(row.said.moment for row in at.rows) for at in desks]),
        "at_received_on": days([_received_on(at) for at in desks]),
        "at_chain": octets([at.chain for at in desks]),
    }


def _received_on(at: Desk) -> date | None:
    return max((e.day for e in at.done if e.event.kind in rules.ADDS), default=None)


def _told(programme_id: int, entries: Sequence[Entry], desks: Sequence[Desk]) -> dict[str, Array]:
    """What is answered and kept, and what the outbox says."""
    at = {(d.facility_id, d.product_id): d for d in desks}
    for e in entries:
        shelf = at[e.position].shelf
        numbers = {lot_id: h.number for lot_id, h in shelf.held.items()}
        lots = [[numbers.get(line.lot_id), line.doses] for line in e.lines]
        version = at[e.position].version + 1
        e.result = {"event_ids": e.ids, "lots": lots, "balance": e.balance, "version": version}
    return {
        "key_source": texts([e.event.source for e in entries]),
        "key_source_id": texts([e.event.source_id for e in entries]),
        "key_digest": octets([chain.answered(e.digest, programme_id, *e.key, e.result) for e in entries]),
        "key_result": texts([_ENCODER.encode(e.result) for e in entries]),
        "out_facility_id": ints([e.facility.id for e in entries]),
        "out_product_id": ints([e.product.id for e in entries]),
        "out_payload": texts([_ENCODER.encode(_payload(e)) for e in entries]),
    }


def _payload(entry: Entry) -> dict[str, object]:
    return {
        "kind": entry.event.kind,
        "doses": sum(line.doses for line in entry.lines),
        "balance": entry.balance,
        "occurred_at": entry.said.moment.isoformat(),
        "source": entry.event.source,
    }
