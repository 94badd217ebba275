"""Do the books agree? Every projection against what it is made from; what differs is listed, nothing is mended."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from data import queries
from data.record import chain

SQL = queries.read(Path(__file__).parent / "sql" / "audit.sql")


@dataclass(frozen=True, slots=True)
class Difference:
    """A balance that is not what it is made from: which check, where, what stands there and what should."""

    check: str
    place: str
    stands: str
    should: str


#: Every row of the record is as it was written, and none is missing: data.record.chain.
LINKS = "each_row_follows_the_one_before_it"
#: How many rows are held at a time.
_BATCH = 20_000


def differences(conn: sa.Connection, most: int = 100) -> list[Difference]:
    """What differs, at most so many of each check; an empty list is the proof that everything agrees."""
    found = [Difference(name, *row) for name in _checks() for row in conn.execute(SQL[name], {"most": most})]
    return [*list(itertools.islice(_broken_links(conn), most)), *found]


def checks() -> list[str]:
    """The names of the checks, as sentences."""
    return [name.replace("_", " ") for name in (LINKS, *_checks())]


def _checks() -> list[str]:
    return [name for name in SQL.names() if name not in ("rows", "ends")]


def _broken_links(conn: sa.Connection) -> Iterator[Difference]:
    """The first row of each position that is not what was written after the one before it."""
    ends = {(r.facility_id, r.product_id): bytes(r.chain) for r in conn.execute(SQL["ends"])}
    rows = conn.execute(SQL["rows"], execution_options={"stream_results": True, "yield_per": _BATCH})
    for position, of_position in itertools.groupby(rows, key=lambda row: (row.facility_id, row.product_id)):
        link, place = chain.START, ""
        for row in of_position:
            link, place = chain.digest(link, tuple(row)[5:]), f"{row.place} / row {row.id}"
            if link != bytes(row.digest):
                yield Difference(LINKS, place, bytes(row.digest).hex()[:16], link.hex()[:16])
                break
        else:
            if ends.get(position) != link:
                yield Difference(LINKS, place, "the last row there is", "the row that the position has last")
        ends.pop(position, None)
    for facility_id, product_id in (position for position, end in ends.items() if end != chain.START):
        yield Difference(LINKS, f"facility {facility_id} / product {product_id}", "no rows", "rows")
