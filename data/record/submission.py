"""What does a submission say? Names become rows and every field is checked, before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from data import errors, queries
from data.record import rules
from data.types import Kind, Loss, StockEvent

SQL = queries.read(Path(__file__).parent / "sql" / "ledger.sql")

#: Clocks of phones run fast; an event may be this far ahead of ours.
CLOCK_SKEW = timedelta(minutes=5)
#: Records are kept seven years (DOMAIN section 7); nothing older is taken in.
OLDEST = timedelta(days=7 * 366)
#: No place holds more: far above any store, and sums of it still fit the columns.
MOST_DOSES = 100_000_000


@dataclass(frozen=True, slots=True)
class Facility:
    """A facility as the ledger needs it."""

    id: int
    code: str
    name: str
    open: bool
    lineage: tuple[int, ...]
    timezone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Product:
    """A product as the ledger needs it."""

    id: int
    code: str
    name: str
    unit: str
    doses_per_vial: int


def facilities(conn: sa.Connection, programme_id: int, codes: Sequence[str]) -> dict[str, Facility]:
    """The facilities with these codes; codes that nobody has are left out."""
    rows = conn.execute(SQL["facilities"], {"programme_id": programme_id, "codes": list(set(codes))})
    return {r.code: Facility(r.id, r.code, r.name, r.open, tuple(r.lineage), ZoneInfo(r.timezone)) for r in rows}


def products(conn: sa.Connection, programme_id: int, codes: Sequence[str]) -> dict[str, Product]:
    """The products with these codes; codes that nobody has are left out."""
    rows = conn.execute(SQL["products"], {"programme_id": programme_id, "codes": list(set(codes))})
    return {r.code: Product(r.id, r.code, r.name, r.unit, r.doses_per_vial) for r in rows}


@dataclass(slots=True)
class Entry:
    """One event on its way: as given, whom it concerns, and the lines it becomes."""

    event: StockEvent
    facility: Facility
    product: Product
    lot_id: int | None = None
    lines: Sequence[rules.Line] = ()
    lots: Sequence[tuple[str | None, int]] = ()
    balance: int = 0
    ids: tuple[int, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """What makes it the same submission again."""
        return (self.event.source, self.event.source_id)

    @property
    def position(self) -> tuple[int, int]:
        """Facility and product, the lock that it needs."""
        return (self.facility.id, self.product.id)

    @property
    def day(self) -> date:
        """The local day on which it happened."""
        return self.event.occurred_at.astimezone(self.facility.timezone).date()


def resolve(conn: sa.Connection, programme_id: int, events: Sequence[StockEvent], now: datetime) -> list[Entry]:
    """Entries for events, in order; raises `UnknownFacility`, `UnknownProduct` or `InvalidEvent` with the index."""
    known_facilities = facilities(conn, programme_id, [e.facility for e in events])
    known_products = products(conn, programme_id, [e.product for e in events])
    entries = []
    for index, event in enumerate(events):
        facility, product = known_facilities.get(event.facility), known_products.get(event.product)
        if facility is None:
            raise errors.UnknownFacility(
                "facility", "Search for it by name to find its code.", value=event.facility, index=index
            )
        if product is None:
            raise errors.UnknownProduct(
                "product", "The programme's products are listed under registry.", value=event.product, index=index
            )
        _check(event, facility, now, index)
        entries.append(Entry(event, facility, product))
    return entries


def _check(event: StockEvent, facility: Facility, now: datetime, index: int) -> None:
    def refuse(field: str, reason: str, remedy: str) -> None:
        raise errors.InvalidEvent(field, remedy, reason=reason, index=index)

    least = {Kind.COUNT: 0, Kind.ADJUSTMENT: -MOST_DOSES}.get(event.kind, 1)
    if not least <= event.doses <= MOST_DOSES or (event.kind is Kind.ADJUSTMENT and event.doses == 0):
        remedy = f"Send a whole number of doses, from {max(least, 0)} to {MOST_DOSES:,}."
        refuse("doses", f"{event.doses:,} is not an amount for {event.kind}", remedy)
    if event.occurred_at > now + CLOCK_SKEW:
        refuse("occurred_at", "it lies in the future", "Send the time at which it happened.")
    if event.occurred_at < now - OLDEST:
        refuse("occurred_at", "it is more than seven years ago", "Check the year.")
    if event.kind is Kind.LOSS and event.reason not in set(Loss):
        refuse("reason", "a loss needs its reason", f"Send one of: {', '.join(Loss)}.")
    if event.kind is Kind.ADJUSTMENT and not (event.reason or "").strip():
        refuse("reason", "an adjustment needs its reason", "Say in a few words why the stock differs.")
    if event.lot is not None and not 1 <= len(event.lot.strip()) <= 20:
        refuse("lot", "a lot number has 1 to 20 characters", "Copy it from the vial's label.")
    if not event.source.strip() or not event.source_id.strip():
        refuse("source_id", "it is empty", "Send your own id of this event, so that a repeat is harmless.")
    if not facility.open:
        refuse("facility", f"{facility.name} is closed", "Reopen it in the registry, or name another.")
