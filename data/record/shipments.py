"""What is on its way? Doses that left one facility for another and have not arrived, and what arrived differently.

Both ends name the same document: whichever is recorded first opens the shipment, the other one joins it. What was sent
and received are sums of the record; only the resolution of a difference is kept here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from data import errors, queries
from data.record import rules
from data.record.desk import Desk, Row
from data.record.rules import Held, Line
from data.record.submission import Entry
from data.scope import EVERYTHING

SQL = queries.read(Path(__file__).parent / "sql" / "shipments.sql")


@dataclass(frozen=True, slots=True)
class Shipment:
    """One product under one document from one facility to another, in doses.

    `differs` says that something arrived and it was not what was sent, and that nobody has resolved it yet.
    """

    id: int
    document: str
    product: str
    product_name: str
    sender: str
    sender_name: str
    receiver: str
    receiver_name: str
    sent: int
    received: int
    in_transit: int
    differs: bool
    sent_at: datetime | None
    received_at: datetime | None
    resolved_at: datetime | None
    resolution: str | None


class UnknownShipment(errors.DataError):
    """There is no shipment {value} of {product} in this programme."""


def find(
    conn: sa.Connection,
    programme_id: int,
    entries: Sequence[Entry],
    refuse: Callable[[Entry, errors.DataError], None],
) -> None:
    """Give entries that move doses between two facilities their shipment, and to arrivals the lots that were sent."""
    moves = [e for e in entries if _moves(e)]
    if not moves:
        return
    ends = [(e.facility.id, e.partner.id) if e.event.kind in rules.SENDS else (e.partner.id, e.facility.id)
            for e in moves if e.partner is not None]  # fmt: skip
    asked = {
        "programme_id": programme_id,
        "documents": [e.document for e in moves],
        "product_ids": [e.product.id for e in moves],
    }
    conn.execute(SQL["open"], asked | {"sender_ids": [s for s, _ in ends], "receiver_ids": [r for _, r in ends]})
    found = {(r.document, r.product_id): r for r in conn.execute(SQL["lock"], asked)}
    under_way = _under_way(conn, [r.id for r in found.values()])
    for entry, (sender, receiver) in zip(moves, ends, strict=True):
        r = found[str(entry.document), entry.product.id]
        if (r.sender_id, r.receiver_id) != (sender, receiver):
            reason = f"{entry.document} is on record from {r.sender_name} to {r.receiver_name}"
            refuse(entry, errors.InvalidEvent("document", "Check the number on the delivery note.", reason=reason))
            continue
        entry.shipment_id = r.id
        if entry.event.kind in rules.ADDS and entry.event.lot is None:
            entry.lots |= {h.lot_id: replace(h, doses=0) for h in under_way[r.id]}
            entry.fixed = _arrive(under_way[r.id], entry.event.doses)


def follow(conn: sa.Connection, rows: Sequence[tuple[Desk, Row]]) -> None:
    """Add what these new rows of the record sent and received."""
    sent: dict[int, int] = defaultdict(int)
    received: dict[int, int] = defaultdict(int)
    sent_at: dict[int, datetime] = {}
    received_at: dict[int, datetime] = {}
    for _, row in rows:
        shipment_id, moment = row.shipment_id, row.said.moment
        if shipment_id is None:
            continue
        if row.said.kind in rules.ADDS:
            received[shipment_id] += row.line.doses
            received_at[shipment_id] = max(moment, received_at.get(shipment_id, moment))
        else:
            sent[shipment_id] += row.line.doses
            sent_at[shipment_id] = min(moment, sent_at.get(shipment_id, moment))
    if ids := sorted(sent_at.keys() | received_at.keys()):
        conn.execute(SQL["follow"], {
            "ids": ids, "sent": [-sent[i] for i in ids], "received": [received[i] for i in ids],
            "sent_ats": [sent_at.get(i) for i in ids], "received_ats": [received_at.get(i) for i in ids],
        })  # fmt: skip


def resolve(
    conn: sa.Connection, programme_id: int, document: str, product: str, resolution: str, actor_id: int | None,
    now: datetime,
) -> None:  # fmt: skip
    """Say why less or more arrived than was sent; nothing of it is in transit any more. Raises `UnknownShipment`."""
    asked = {"programme_id": programme_id, "document": document, "product": product}
    told = {"resolution": resolution, "actor_id": actor_id, "now": now}
    if conn.execute(SQL["resolve"], asked | told).rowcount == 0:
        raise UnknownShipment("document", "It may be resolved already: look at what is in transit.", value=document,
                              product=product)  # fmt: skip


def ends(conn: sa.Connection, programme_id: int, document: str, product: str) -> list[tuple[int, tuple[int, ...]]]:
    """Sender and receiver of a shipment: the id of each, and of the areas it lies in. Raises `UnknownShipment`."""
    asked = {"programme_id": programme_id, "document": document, "product": product}
    row = conn.execute(SQL["ends"], asked).one_or_none()
    if row is None:
        raise UnknownShipment("document", "Look at what is in transit.", value=document, product=product)
    return [(row.sender_id, tuple(row.sender_lineage)), (row.receiver_id, tuple(row.receiver_lineage))]


def open_for(
    conn: sa.Connection, programme_id: int, facility_id: int | None = None, *, seen: str = EVERYTHING
) -> list[Shipment]:
    """What is in transit or differs, to or from one facility or in the whole programme; the oldest first.

    `seen` are the ids of the facilities of which at least one end has to be, as a multirange.
    """
    rows = conn.execute(SQL["shipments"], {"programme_id": programme_id, "facility_id": facility_id, "seen": seen})
    return [Shipment(**r._mapping) for r in rows]


def _moves(entry: Entry) -> bool:
    if entry.partner is None or entry.target is not None:
        return False
    # Who receives something without its number cannot say what it belongs to.
    return entry.event.kind in rules.SENDS or (entry.event.kind in rules.ADDS and entry.event.document is not None)


def _under_way(conn: sa.Connection, ids: Sequence[int]) -> dict[int, list[Held]]:
    lots: dict[int, list[Held]] = defaultdict(list)
    for r in conn.execute(SQL["lots_under_way"], {"ids": list(ids)}):
        lots[r.shipment_id].append(Held(r.lot_id, r.number, r.expiry, r.doses))
    return lots


def _arrive(lots: list[Held], doses: int) -> tuple[Line, ...]:
    """What arrives is of the lots under way, by expiry; what is more than that is of no lot known."""
    lines = []
    for place, lot in enumerate(lots):
        part = min(lot.doses, doses)
        if part:
            lines.append(Line(lot.lot_id, part))
            lots[place] = replace(lot, doses=lot.doses - part)
            doses -= part
    return (*lines, Line(None, doses)) if doses else tuple(lines)
