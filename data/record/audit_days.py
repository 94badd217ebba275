"""Are the days out of stock that were counted those of the rows? Checks data.days_out by one walk through a position.

Days that somebody reported are not looked at: no row says on which day of a month a shelf ran out. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from operator import attrgetter
from typing import Any

from data import bincard, shelf_days
from data.programmes import Programme


def off(
    programme: Programme, rows: Sequence[Any], months: Mapping[date, int | None]
) -> Iterator[tuple[date, int | None, int]]:
    """Which of these months say other days than all rows of the position: the month, what stands and what should."""
    if not months:
        return
    ordered = bincard.in_order(sorted(rows, key=attrgetter("occurred_at", "id")))
    first, until = min(months), _following(max(months))
    starts = min([programme.midnight(first), *(r.occurred_at for r in ordered[:1])])
    ends = programme.midnight(until)
    spells = shelf_days.spells(
        {}, False, (r for r in ordered if r.occurred_at < ends), starts, ends, programme.timezone
    )
    for month, stands in months.items():
        last = _following(month) - timedelta(days=1)
        should = sum(max((min(s.last, last) - max(s.first, month)).days + 1, 0) for s in spells)
        if stands != should:
            yield month, stands, should


def _following(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)
