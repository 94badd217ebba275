"""How does counting stock look? The list, opening one, a product on a phone, the whole count, and a sheet for paper."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from app.auth import naming
from app.auth.naming import Names
from app.components import words
from app.pages import plain
from app.pages.plain import Person
from data import errors
from data.programmes import Programme
from data.record.counts import Cause, Count, Summary, Tally
from data.stock import Facility

HERE = "Counts"
NO_PRICE = "no price on record"
STATUS = {"open": "Being counted", "submitted": "Waits for approval", "posted": "Posted", "cancelled": "Cancelled"}
#: Empty lines of a sheet under each product, for lots that are found.
SPARE_LINES = 2


@dataclass(frozen=True, slots=True)
class Rights:
    """What the reader may do with a count; `another` says that they are none of those who counted."""

    count: bool
    approve: bool
    another: bool


def listed(programme: Programme, person: Person, rows: Sequence[Summary], facility: str | None, now: datetime) -> str:
    """The list, with those that wait first."""
    values = {"rows": rows, "facility": facility, "waiting": sum(r.status == "submitted" for r in rows)}
    return _page("counts.html", programme, person, now, called=_called(programme), **values)


def new(
    programme: Programme,
    person: Person,
    facility: Facility,
    handled: Sequence[tuple[str, str]],
    under_way: Sequence[Summary],
    error: errors.DataError | None,
    now: datetime,
) -> str:
    """What is to be counted at a facility; `handled` are codes and names of its products."""
    return _page(
        "count_new.html", programme, person, now, facility=facility, handled=handled, under_way=under_way, error=error
    )


def overview(
    programme: Programme, person: Person, count: Count, rights: Rights, error: errors.DataError | None, now: datetime
) -> str:
    """The whole count."""
    left = [t for t in count.tallies if not t.done]
    complete = not left and not any(line.unexplained for line in count.lines)
    return _page(
        "count.html", programme, person, now, count=count, called=_called(programme)(count), rights=rights,
        error=error, left=left, complete=complete,
        following=following(count, None), zone=ZoneInfo(programme.timezone),
    )  # fmt: skip


def one(
    programme: Programme,
    person: Person,
    count: Count,
    tally: Tally,
    typed: Mapping[str, str],
    error: errors.DataError | None,
    now: datetime,
    *,
    mine: bool,
) -> str:
    """One product's form; `typed` is what was sent and could not be kept."""
    return _page(
        "count_product.html", programme, person, now, count=count, called=_called(programme)(count), tally=tally,
        typed=typed, error=error, mine=mine,
        causes=list(Cause), place=[t.product for t in count.tallies].index(tally.product) + 1, of=len(count.tallies),
    )  # fmt: skip


def sheet(programme: Programme, person: Person, count: Count, now: datetime) -> str:
    """The sheet for paper: what is on record is not on it, so that it is not copied."""
    return _page("count_sheet.html", programme, person, now, count=count, spare=SPARE_LINES)


def following(count: Count, product: str | None) -> Tally | None:
    """The next product, after this one and then from the first, that is not counted or explained yet."""
    tallies = count.tallies
    here = next((i for i, t in enumerate(tallies) if t.product == product), -1)
    left = [
        t for t in (*tallies[here + 1 :], *tallies[: here + 1]) if not t.done or any(x.unexplained for x in t.lines)
    ]
    return left[0] if left else None


def money(value: Decimal | None, currency: str | None) -> str:
    """A value in its currency; without a price it has none, which is not 0."""
    if value is None:
        return NO_PRICE
    sign = words.MINUS if value < 0 else ""
    return f"{sign}{abs(value):,.2f} {currency or ''}".strip()


def _called(programme: Programme) -> Callable[[Count | Summary], Names]:
    """What people are called in a count, by its facility."""
    return lambda of: naming.by_right(programme.id, of.facility_id, of.lineage)


def _page(template: str, programme: Programme, person: Person, now: datetime, **values: object) -> str:
    local = now.astimezone(ZoneInfo(programme.timezone))
    shared = {"money": money, "status": STATUS, "now": local, "today": local.date()}
    return plain.framed(template, HERE, programme, person, **shared, **values)
