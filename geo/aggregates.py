"""How are the areas? Facilities by state and children by risk, rolled up from the states of facilities.

The rule, wherever an area's number is shown: an area counts the open facilities in it that serve children (those with a
catchment; where a programme knows no catchment at all, all of them alike), for a product those that hold it. Shares of
children leave out facilities that do not report or are inactive. `count` in aggregates.sql is the only place of the
rule, and the generated columns of data.schema the only place where counts become percentages.

`rebuild` makes everything from what is stored; `move` carries single changes up and leads to the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import NamedTuple, Protocol

import sqlalchemy as sa

from data import columns, queries
from data.types import AT_RISK, WORST_FIRST, State

SQL = queries.read(Path(__file__).parent / "sql" / "aggregates.sql")

_STATES = {"at_risk": sorted(AT_RISK)}
_EVER = date(1, 1, 1)


class Change(Protocol):
    """A facility's state for a product seat (0: the worst of all), before and after; data.assess makes them."""

    @property
    def facility_id(self) -> int:
        """The facility's id."""

    @property
    def product_seat(self) -> int:
        """The seat of the product."""

    @property
    def old(self) -> int:
        """The state that is in the roll-ups; of no matter where the facility was not counted so far."""

    @property
    def new(self) -> int:
        """The state that is stored now."""


class AreaLine(NamedTuple):
    """An area for one product seat as `map:update` tells it: shares in percent or 255, then numbers of facilities."""

    seat: int
    product_seat: int
    risk: int
    out: int
    reporting: int
    n_handling: int
    n_reporting: int
    n_out: int
    n_at_risk: int


def rebuild(conn: sa.Connection, programme_id: int) -> None:
    """Decide anew who is counted and roll up every area for every product seat, as it is now.

    After a load, and whenever so much changed that single moves would take longer. Belongs into the transaction that
    pushes `map:reload`.
    """
    conn.execute(SQL["count"], {"programme_id": programme_id})
    conn.execute(SQL["forget"], {"programme_id": programme_id})
    conn.execute(SQL["roll_up"], {"programme_id": programme_id, **_STATES})


def rebuild_months(conn: sa.Connection, programme_id: int, since: date | None = None) -> None:
    """Roll up the ends of all months, or of those from `since` (a first day) on; after `rebuild`.

    After a load, and when a month is closed or the states of an older one have changed.
    """
    asked = {"programme_id": programme_id, "since": since or _EVER}
    conn.execute(SQL["forget_months"], asked)
    order = {
        "worst_first": [int(state) for state in WORST_FIRST],
        "ranks": [WORST_FIRST.index(state) + 1 for state in sorted(State)],
    }
    conn.execute(SQL["roll_up_months"], {**asked, **_STATES, **order})


def move(conn: sa.Connection, changes: Iterable[Change], *, only_moved: bool = False) -> list[AreaLine]:
    """Carry changes that are stored already up to every area above them; returns the areas touched, as they are now.

    The caller holds the programme's row, as `rebuild` does not look for moves of others, and the roll-ups were made.
    At most one change for each facility and product seat. One that changes no state still tells of the newest event;
    `only_moved` leaves out the areas below the first level for which it is all there is to tell.
    """
    listed = list(changes)
    if not listed:
        return []
    rows = conn.execute(
        SQL["move"],
        {
            "facility_ids": columns.ints([change.facility_id for change in listed]),
            "product_seats": columns.ints([change.product_seat for change in listed]),
            "olds": columns.ints([change.old for change in listed]),
            "news": columns.ints([change.new for change in listed]),
            "only_moved": only_moved,
            **_STATES,
        },
    )
    return [AreaLine(*row) for row in rows]
