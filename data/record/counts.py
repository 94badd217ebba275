"""What does a stock count say? Its lines, what they differ by and what that is worth; nothing here writes.

The variance of a line is what was counted less what the record says, as it is known now, of the moment at which the
line was counted. A movement that is recorded late moves it until the count is posted. Values are doses times the price
of one; a product without a price has no value, which is not the same as 0.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum, unique
from pathlib import Path

import sqlalchemy as sa

from data import errors, queries
from data.scope import EVERYTHING

SQL = queries.read(Path(__file__).parent / "sql" / "counts.sql")


class UnknownCount(errors.DataError):
    """There is no stock count {value} in this programme."""


class InvalidCount(errors.DataError):
    """This stock count cannot be kept: {reason}."""


class AlreadyCounted(errors.DataError):
    """{product} is being counted at {facility} already, in {number}."""


class NotOpen(errors.DataError):
    """The stock count {number} is {status}."""


class NotAnother(errors.DataError):
    """Who counted cannot approve: {number} needs another person."""


class SavedByAnother(errors.DataError):
    """Somebody else has saved {product}, {lot}, since you looked: they counted {theirs}, you counted {yours}."""


class Moved(errors.DataError):
    """The record has changed since it was counted: {product}, {lot}, was {seen} doses on record, and is {now} now."""


@unique
class Cause(StrEnum):
    """Why what was found is not what is on record."""

    USE = "use not recorded"
    RECEIPT = "receipt not recorded"
    LOSS = "loss not recorded"
    LOT = "recorded under another lot"
    RECORD = "error in the record"
    MISSING = "missing"
    OTHER = "other"


#: What is said of doses whose lot nobody knows.
NO_LOT = "no lot known"


@dataclass(frozen=True, slots=True)
class CountLine:
    """One lot of a count, in doses; `lot` None is "no lot known".

    `opening` was on record when the line was made, `expected` when it was counted, as known to the one who counted;
    `on_record` is what is known now of that moment.
    """

    id: int
    product_id: int
    product: str
    product_name: str
    unit: str
    doses_per_vial: int
    price: Decimal | None
    currency: str | None
    lot: str | None
    expiry: date | None
    found: bool
    opening: int
    expected: int | None
    counted: int | None
    counted_at: datetime | None
    counted_by: int | None
    counter: str | None
    reason: str | None
    note: str | None
    version: int
    on_record: int

    @property
    def variance(self) -> int | None:
        """What was found less what is on record; None before it is counted."""
        return None if self.counted is None else self.counted - self.on_record

    @property
    def value(self) -> Decimal | None:
        """The variance at the price of a dose; None where either is not known."""
        return None if self.variance is None or self.price is None else self.variance * self.price

    @property
    def moved(self) -> bool:
        """Whether something was recorded since that changes what there should have been."""
        return self.expected is not None and self.expected != self.on_record

    @property
    def unexplained(self) -> bool:
        """Whether it differs and nobody has said why."""
        return bool(self.variance) and self.reason is None

    @property
    def lot_words(self) -> str:
        """Its lot inside a sentence."""
        return NO_LOT if self.lot is None else f"lot {self.lot}"


@dataclass(frozen=True, slots=True)
class Tally:
    """The lines of one product together; `gross` adds what is too much and what is missing, lot by lot."""

    product: str
    name: str
    unit: str
    doses_per_vial: int
    currency: str | None
    lines: tuple[CountLine, ...]

    @property
    def done(self) -> bool:
        """Whether every lot of it is counted."""
        return all(line.counted is not None for line in self.lines)

    @property
    def on_record(self) -> int:
        """Doses on record of what is counted."""
        return sum(line.on_record for line in self.lines if line.counted is not None)

    @property
    def counted(self) -> int:
        """Doses found."""
        return sum(line.counted or 0 for line in self.lines)

    @property
    def variance(self) -> int:
        """What was found less what is on record."""
        return sum(line.variance or 0 for line in self.lines)

    @property
    def gross(self) -> int:
        """What differs, whichever way."""
        return sum(abs(line.variance or 0) for line in self.lines)

    @property
    def value(self) -> Decimal | None:
        """The value of the variance; None without a price."""
        price = self.lines[0].price
        return None if price is None else self.variance * price

    @property
    def gross_value(self) -> Decimal | None:
        """The value of what differs, whichever way."""
        price = self.lines[0].price
        return None if price is None else self.gross * price


@dataclass(frozen=True, slots=True)
class Count:
    """A stock count as it stands. `lineage` are the areas that its facility lies in.

    Those who worked on it are said by id and sealed name, which the application opens or masks.
    """

    id: int
    number: str
    status: str
    facility_id: int
    facility: str
    facility_name: str
    lineage: tuple[int, ...]
    opened_at: datetime
    opened_by: int | None
    opener: str | None
    counted_at: datetime | None
    submitted_at: datetime | None
    submitted_by: int | None
    submitter: str | None
    approved_at: datetime | None
    approved_by: int | None
    approver: str | None
    approval_note: str | None
    refused_at: datetime | None
    refuser: str | None
    refusal: str | None
    posted_at: datetime | None
    cancelled_at: datetime | None
    canceller: str | None
    cancel_reason: str | None
    approval_share: float
    approval_value: Decimal
    lines: tuple[CountLine, ...]
    #: Codes of the products whose stock has moved since it was opened.
    changed: tuple[str, ...] = field(default=())

    @property
    def tallies(self) -> list[Tally]:
        """Its products in screen order."""
        return tallies(self.lines)

    @property
    def counters(self) -> frozenset[int]:
        """Everybody who counted or submitted: none of them may approve."""
        known = {self.submitted_by, *(line.counted_by for line in self.lines)}
        return frozenset(user for user in known if user is not None)

    @property
    def variance(self) -> int:
        """What was found less what is on record, in all."""
        return sum(line.variance or 0 for line in self.lines)

    @property
    def value(self) -> Decimal | None:
        """The value of the variance of all products that have a price; None where none has."""
        known = [t.value for t in self.tallies if t.value is not None]
        return sum(known, Decimal(0)) if known else None

    @property
    def unpriced(self) -> list[str]:
        """The names of products that differ and have no price on record: `value` is without them."""
        return [t.name for t in self.tallies if t.gross and t.value is None]

    @property
    def currency(self) -> str | None:
        """What values are in."""
        return next((line.currency for line in self.lines if line.currency), None)

    @property
    def approval(self) -> list[str]:
        """Why it needs the approval of another person, in sentences; empty where it needs none."""
        return approval(self.tallies, self.approval_share, self.approval_value)

    @property
    def etag(self) -> str:
        """What it amounts to now, with what the record says: what somebody who decides has seen."""
        said = [(line.id, line.version, line.counted, line.on_record, line.reason) for line in self.lines]
        return hashlib.sha256(repr((self.status, said)).encode()).hexdigest()[:20]


@dataclass(frozen=True, slots=True)
class Summary:
    """A count in a list: `difference` and `value` as they were known to the one who counted.

    `lineage` are the areas that its facility lies in; `person` is somebody's id and sealed name.
    """

    number: str
    status: str
    facility: str
    facility_name: str
    opened_at: datetime
    submitted_at: datetime | None
    posted_at: datetime | None
    cancelled_at: datetime | None
    person: str | None
    facility_id: int
    lineage: tuple[int, ...]
    lines: int
    counted: int
    difference: int
    value: Decimal | None
    unpriced: int
    currency: str | None


def read(conn: sa.Connection, programme_id: int, number: str) -> Count:
    """The count with this number; raises `UnknownCount`."""
    row = conn.execute(SQL["find"], {"programme_id": programme_id, "number": number}).one_or_none()
    if row is None:
        raise UnknownCount("number", "Look for it in the list of stock counts.", value=number)
    asked = {"count_id": row.id}
    asked_lines = asked | {"earliest": conn.execute(SQL["earliest"], asked).scalar_one()}
    lines = tuple(CountLine(**r._mapping) for r in conn.execute(SQL["lines"], asked_lines))
    changed = tuple(r.code for r in conn.execute(SQL["changed_positions"], asked))
    return Count(**(dict(row._mapping) | {"lineage": tuple(row.lineage)}), lines=lines, changed=changed)


def listed(
    conn: sa.Connection,
    programme_id: int,
    *,
    statuses: Sequence[str] | None = None,
    facility: str | None = None,
    most: int = 50,
    seen: str = EVERYTHING,
) -> list[Summary]:
    """The counts of a programme: those that wait for approval, those that are open, then the newest.

    `seen` are the ids of the facilities whose counts are listed, as a multirange.
    """
    asked = {"programme_id": programme_id, "facility": facility, "most": most, "seen": seen}
    rows = conn.execute(SQL["listed"], asked | {"statuses": None if statuses is None else list(statuses)})
    return [Summary(**(dict(r._mapping) | {"lineage": tuple(r.lineage)})) for r in rows]


def tallies(lines: Sequence[CountLine]) -> list[Tally]:
    """Lines, which are in screen order, by product."""
    return [
        Tally(first.product, first.product_name, first.unit, first.doses_per_vial, first.currency, (first, *rest))
        for first, *rest in (tuple(of) for _, of in itertools.groupby(lines, key=lambda line: line.product))
    ]


def approval(found: Sequence[Tally], share: float, value: Decimal) -> list[str]:
    """Why these results need another person's approval under these limits."""
    percent = f"{share * 100:g}"
    said = [
        f"{t.name} differs by {t.gross:,} {t.unit}s from the {t.on_record:,} on record, more than {percent} % of them."
        for t in found
        if t.gross > share * t.on_record
    ]
    worth = sum((t.gross_value for t in found if t.gross_value is not None), Decimal(0))
    if worth > value:
        currency = next((t.currency for t in found if t.currency), "")
        said.append(f"What differs is worth {worth:,.2f} {currency}, more than {value:,.2f}.")
    return said
