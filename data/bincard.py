"""What came in, what went out, and what was left? The bin card of one product at one facility, over any period.

Every screen, the API and every export show this one reading. A card is as it was true: what came late stands where it
belongs, and what followed from that is shown beside what was said first. With `as_of` it is as it was known then.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from data import errors, queries, shelf_days
from data.programmes import Programme
from data.record import rules, shipments
from data.record.shipments import Shipment
from data.shelf_days import OnShelf, Spell
from data.stock import Product
from data.types import Entry, Kind

SQL = queries.read(Path(__file__).parent / "sql" / "bincard.sql")

#: The longest card; the busiest facility writes as much in ten years, a national store in a few months.
MOST_LINES = 20_000
#: Instead of a lot's number: the doses of which no lot is known.
NO_LOT = "-"
#: Months of a card for which no period was asked, the running one included.
USUAL_MONTHS = 12


#: A row of a statement, by name or unpacked.
Row = Any


class TooLong(errors.DataError):
    """This bin card has more than {most} lines."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which card: local days, both included; one lot, `NO_LOT`, or all; as it was known at a moment, or now."""

    first: date
    last: date
    lot: str | None = None
    as_of: datetime | None = None


@dataclass(slots=True)
class Line:
    """A row of the record: an event (or what it did to one of its lots), and the balance after it, in doses.

    One of `received`, `issued` and `adjusted` is set: a revision or reversal stands in the column of its event and may
    be negative there, so that opening + received - issued + adjusted is always the closing. `takes_back` is the
    source_id of the event that a reversal takes back, `taken_back` says that one has been.
    """

    id: int
    occurred_at: datetime
    recorded_at: datetime
    kind: Kind
    entry: Entry
    doses: int
    received: int | None
    issued: int | None
    adjusted: int | None
    balance: int
    counted: int | None
    reserved: int
    stage: int | None
    lot: str | None
    expiry: date | None
    reason: str | None
    document: str | None
    partner: str | None
    partner_name: str | None
    order: str | None
    note: str | None
    who: str | None
    source: str
    source_id: str
    takes_back: str | None
    taken_back: bool
    attachment: int | None
    attachment_name: str | None


@dataclass(frozen=True, slots=True)
class Promise:
    """Doses that are reserved for an order now."""

    order: str
    doses: int


@dataclass(frozen=True, slots=True)
class LotSeen:
    """A lot that is or was here."""

    number: str
    expiry: date


@dataclass(frozen=True, slots=True)
class Reported:
    """A month of which the place itself reported other days out of stock than its lines leave."""

    month: date
    days: int
    by_lines: int


@dataclass(frozen=True, slots=True)
class Card:
    """A bin card. Amounts are in the product's unit; `usable`, `total`, `promised` and `in_transit` are as of now.

    `spells` and `days_out` are of the product's whole stock here, whichever lot was asked for. `reported` are full
    months of the period whose reported days differ: a report of a month does not say on which day a shelf ran out.
    """

    asked: Asked
    opening: int
    received: int
    issued: int
    adjusted: int
    closing: int
    lines: Sequence[Line]
    spells: Sequence[Spell]
    days_out: int
    reported: Sequence[Reported]
    lots: Sequence[LotSeen]
    usable: int
    total: int
    reserved: int
    promised: Sequence[Promise]
    in_transit: Sequence[Shipment]


def usual(today: date) -> tuple[date, date]:
    """The period of a card for which none was asked: this month and the eleven before it."""
    months = today.year * 12 + today.month - USUAL_MONTHS
    return date(months // 12, months % 12 + 1, 1), today


def read(
    conn: sa.Connection,
    programme: Programme,
    facility_id: int,
    product: Product,
    asked: Asked,
    now: datetime,
    *,
    most: int = MOST_LINES,
) -> Card:
    """The card of a position. Raises `UnknownLot`, or `TooLong` where the period has more than `most` lines."""
    position = {"facility_id": facility_id, "product_id": product.product_id}
    lot_id = _lot(conn, product, asked.lot)
    starts, ends = programme.midnight(asked.first), programme.midnight(asked.last + timedelta(days=1))
    known = position | {"as_of": asked.as_of, "starts": starts}
    opening = conn.execute(SQL["opening"], known).all()
    rows = conn.execute(SQL["rows"], known | {"ends": ends, "most": most + 1}).all()
    if len(rows) > most:
        raise TooLong("from", "Ask for a shorter period.", most=f"{most:,}")
    rows = in_order(rows)
    spells = shelf_days.spells(
        {r.lot_id: on_shelf(r) for r in opening}, any(r.had for r in opening), rows, starts,
        min(ends, asked.as_of or now, now), programme.timezone,
    )  # fmt: skip
    mine = [r for r in opening if asked.lot is None or r.lot_id == lot_id]
    before = sum(r.doses for r in mine)
    lines = _lines([r for r in rows if asked.lot is None or r.lot_id == lot_id], before, _reversals(rows))
    at = conn.execute(SQL["now"], position).one_or_none()
    reserved = at.reserved if at is not None else 0
    ways = shipments.open_for(conn, programme.id, facility_id)
    return Card(
        asked=asked,
        opening=before,
        received=sum(line.received or 0 for line in lines),
        issued=sum(line.issued or 0 for line in lines),
        adjusted=sum(line.adjusted or 0 for line in lines),
        closing=lines[-1].balance if lines else before,
        lines=lines,
        spells=spells,
        days_out=sum(s.days for s in spells),
        reported=[] if asked.as_of else _reported(conn, position, asked, programme.day(now), spells),
        lots=[LotSeen(*r) for r in conn.execute(SQL["lots"], position)],
        usable=at.usable if at is not None else 0,
        total=at.total if at is not None else 0,
        reserved=reserved,
        promised=[Promise(*r) for r in conn.execute(SQL["promised"], position)] if reserved else [],
        in_transit=[w for w in ways if w.product == product.code],
    )


def _reported(
    conn: sa.Connection, position: dict[str, int], asked: Asked, today: date, spells: Sequence[Spell]
) -> list[Reported]:
    months = {"first": asked.first, "until": min(asked.last + timedelta(days=1), today).replace(day=1)}
    found = []
    for r in conn.execute(SQL["reported"], position | months):
        last = (r.month + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        by_lines = sum(max((min(s.last, last) - max(s.first, r.month)).days + 1, 0) for s in spells)
        if by_lines != r.days:
            found.append(Reported(r.month, r.days, by_lines))
    return found


def _lot(conn: sa.Connection, product: Product, number: str | None) -> int | None:
    """The id of the lot that was asked for; None for `NO_LOT` and for all of them."""
    if number is None or number == NO_LOT:
        return None
    row = conn.execute(SQL["lot"], {"product_id": product.product_id, "number": number}).one_or_none()
    if row is None:
        raise errors.UnknownLot("lot", "The lots are listed on the bin card.", value=number)
    return int(row.id)


def on_shelf(r: Row) -> OnShelf:
    """A lot as it lay there: its doses and expiry, and what all that was said of its state makes of it."""
    lot = OnShelf(r.doses, r.expiry)
    said = r.said or ()
    gone = {reverses for *_, reverses in said}
    for event_id, kind, entry, stage, _ in said:
        if entry == Entry.EVENT and event_id not in gone:
            shelf_days.mark(lot, kind, stage)
    return lot


def in_order(rows: Sequence[Row]) -> list[Row]:
    """Rows that are in the order of their moments, in the order in which they were possible.

    At the same moment it is that of data.record.rules; revisions and reversals follow the event that they belong to.
    """
    ordered: list[Row] = []
    for _, group in itertools.groupby(rows, key=lambda r: r.occurred_at):
        together = list(group)
        ordered += together if len(together) == 1 else _together(together)
    return ordered


def _together(rows: Sequence[Row]) -> list[Row]:
    firsts = {r.id: r for r in rows if r.entry == Entry.EVENT}
    amounts: dict[tuple[str, str], int] = {}
    for r in firsts.values():
        amounts[r.source, r.source_id] = amounts.get((r.source, r.source_id), 0) + r.doses

    def place(r: Row) -> tuple[Any, ...]:
        of: Row = firsts.get(r.reverses_id, r)
        key = (of.source, of.source_id)
        said = rules.Said(key, Kind(r.kind), amounts.get(key, r.doses), r.occurred_at, r.occurred_at.date())
        return (*said.place, r.id)

    return sorted(rows, key=place)


@dataclass(frozen=True, slots=True)
class _Reversals:
    """The keys of events that were taken back, and the source_id of the event that each reversal names."""

    gone: frozenset[tuple[str, str]]
    names: dict[int, str]


def _reversals(rows: Sequence[Row]) -> _Reversals:
    named = {r.reverses_id for r in rows if r.reverses_id is not None}
    events = [r for r in rows if r.id in named] if named else []
    return _Reversals(frozenset((r.source, r.source_id) for r in events), {r.id: r.source_id for r in events})


#: The column that a kind stands in; what is not here is an adjustment, or moves nothing.
_RECEIVED = frozenset(kind.value for kind in rules.ADDS)
_ISSUED = frozenset(kind.value for kind in (*rules.ISSUES, Kind.LOSS))
_ADJUSTED = frozenset((Kind.COUNT.value, Kind.ADJUSTMENT.value))
_KINDS = {kind.value: kind for kind in Kind}
_ENTRIES = {entry.value: entry for entry in Entry}


def _lines(rows: Sequence[Row], balance: int, reversals: _Reversals) -> list[Line]:
    lines = []
    for r in rows:
        (row_id, kind, entry, doses, counted, reserved, _, lot, expiry, reason, stage, occurred_at, recorded_at,
         source, source_id, who, document, partner, partner_name, order, note, attachment, attachment_name,
         reverses_id) = r  # fmt: skip
        balance += doses
        lines.append(
            Line(
                row_id, occurred_at, recorded_at, _KINDS[kind], _ENTRIES[entry], doses,
                doses if kind in _RECEIVED else None,
                -doses if kind in _ISSUED else None,
                doses if kind in _ADJUSTED else None,
                balance, counted, reserved, stage, lot, expiry, reason, document, partner, partner_name, order, note,
                who, source, source_id,
                None if reverses_id is None else reversals.names.get(reverses_id),
                reverses_id is None and (source, source_id) in reversals.gone,
                attachment, attachment_name,
            )
        )  # fmt: skip
    return lines


def interleaved(card: Card) -> Iterator[Line | Spell]:
    """Lines and spells as they followed each other: a spell stands after the line that emptied the shelf."""
    spells = list(card.spells)
    for line in card.lines:
        while spells and spells[0].since < line.occurred_at:
            yield spells.pop(0)
        yield line
    yield from spells


def page(card: Card, most: int) -> Card:
    """The card with its newest `most` lines only, and the balance that they begin with; the sums stay the period's."""
    if len(card.lines) <= most:
        return card
    lines = card.lines[-most:]
    since = lines[0].occurred_at
    return replace(
        card,
        opening=lines[0].balance - lines[0].doses,
        lines=lines,
        spells=[s for s in card.spells if s.until > since],
    )
