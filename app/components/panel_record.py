"""What does the panel say of the record? What is on its way, the newest lines, and the way to the whole bin card."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from dash import html

from app.components import parts, words
from app.components.parts import Node
from data.record.shipments import Shipment
from data.stock import Line, Position
from data.types import Entry

_HEADS = (("When", False), ("What", False), ("Doses", True), ("Balance", True))

#: What stands before the words of a line that is no event of its own.
_ENTRY = {Entry.EVENT: "", Entry.REVISION: "recalculated: ", Entry.REVERSAL: "taken back: "}


def render(
    position: Position, lines: Sequence[Line], ways: Sequence[Shipment], bin_card: str, record: str, now: datetime
) -> list[Node]:
    """Shipments first, then the newest lines; then the addresses of all of them, and of the form, where they are."""
    return [*_ways(position, ways, now), *_lines(position, lines, now), *_ways_to(bin_card, record)]


def _ways_to(bin_card: str, record: str) -> list[Node]:
    made = [html.A("Record", href=record, className="button primary")] if record else []
    made += [html.A("Bin card", href=bin_card, className="button")] if bin_card else []
    return [html.P(made, className="downloads")] if made else []


def _ways(position: Position, ways: Sequence[Shipment], now: datetime) -> list[Node]:
    if not ways:
        return []
    return [html.H2("In transit"), html.Ul([html.Li(_way(position, w, now)) for w in ways], className="list")]


def _way(position: Position, w: Shipment, now: datetime) -> list[Node]:
    said: list[Node] = [f"{words.amount(w.sent, position.unit)} from {w.sender_name} to {w.receiver_name}"]
    if w.sent_at is not None:
        said += [", sent ", parts.moment(w.sent_at, now)]
    arrived = f"{words.number(w.received)} arrived; nobody has said why." if w.differs else "Not received yet."
    return [*said, html.Small(f"{w.document} · {arrived}", className="below")]


def _lines(position: Position, lines: Sequence[Line], now: datetime) -> list[Node]:
    if not lines:
        return []
    rows = [
        parts.row(
            [
                html.Td(parts.moment(line.occurred_at, now)),
                parts.cell(_ENTRY[line.entry] + words.KIND[line.kind], _where_from(line), number=False),
                parts.cell(words.signed(line.doses)),
                parts.cell(words.number(line.balance)),
            ]
        )
        for line in lines
    ]
    made = parts.table(_HEADS, rows, f"Bin card of {position.name}")
    return [html.Details([html.Summary("Bin card, newest first"), made], className="as-table")]


def _where_from(line: Line) -> str:
    said = [line.reason, f"lot {line.lot}" if line.lot else None, line.document]
    return " · ".join(s for s in said if s)
