"""How is stock counted? A session is opened, lots are counted one by one, and all of it is posted as one document.

| status | | leads to |
| --- | --- | --- |
| open | lots are counted; whoever records meanwhile is not kept from it | submitted, posted, cancelled |
| submitted | it differs by more than the limits: another person has to approve it | posted, open, cancelled |
| posted | one COUNT event for each lot is in the record, under the number of the count | |
| cancelled | nothing of it is in the record | |

Each lot is posted at the moment at which it was counted, so that what happened since stays right. Where something was
recorded since a lot was counted that changes what there should have been at that moment, nothing is posted until
somebody has seen both numbers. No lock is held between two requests: who saves a line names the version that they saw.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NoReturn

import sqlalchemy as sa

from data import errors
from data.record import counts, ledger, submission
from data.record.counts import SQL, AlreadyCounted, Cause, Count, CountLine, InvalidCount, Moved, SavedByAnother
from data.record.rules import MOST_DOSES
from data.record.submission import CLOCK_SKEW
from data.types import Kind, StockEvent

#: The name under which counts are in the record.
SOURCE = "count"
#: A paper sheet is entered within so many days.
OLDEST = timedelta(days=31)
_WORDS = {"open": "still open", "submitted": "waiting for approval", "posted": "posted", "cancelled": "cancelled"}


@dataclass(frozen=True, slots=True)
class Found:
    """What somebody found of one lot, in doses; None takes a number back. `version` is that of the line they saw."""

    product: str
    counted: int | None
    lot: str | None = None
    expiry: date | None = None
    reason: str | None = None
    note: str | None = None
    version: int = 0


def open(
    conn: sa.Connection,
    programme_id: int,
    facility_code: str,
    products: Sequence[str] | None,
    user_id: int | None,
    now: datetime,
) -> Count:
    """Open a count of these products, or (None) of all that the facility handles.

    Raises `UnknownFacility`, `UnknownProduct`, `InvalidCount`, or `AlreadyCounted` where another count of one of the
    products is under way.
    """
    facility = submission.facilities(conn, programme_id, [facility_code]).get(facility_code)
    if facility is None:
        raise errors.UnknownFacility("facility", "Search for it by name to find its code.", value=facility_code)
    if not facility.open:
        _refuse("facility", f"{facility.name} is closed", "Reopen it in the registry, or name another.")
    if products is None:
        products = [r.code for r in conn.execute(SQL["handled"], {"facility_id": facility.id})]
    known = submission.products(conn, programme_id, products)
    for code in products:
        if code not in known:
            raise errors.UnknownProduct("products", "The programme's products are listed under registry.", value=code)
    if not known:
        _refuse("products", f"{facility.name} handles no product", "Name the products that are there.")
    conn.execute(SQL["one_at_a_time"], {"programme_id": programme_id})
    product_ids = sorted(p.id for p in known.values())
    asked = {"facility_id": facility.id, "product_ids": product_ids}
    under_way = conn.execute(SQL["active"], asked).first()
    if under_way is not None:
        raise AlreadyCounted(
            "products", "Go on with that one, or cancel it first.", product=under_way.product, facility=facility.name,
            number=under_way.number,
        )  # fmt: skip
    number = _number(conn, programme_id, facility, now)
    opened = {"programme_id": programme_id, "number": number, "user_id": user_id, "now": now}
    conn.execute(SQL["open"], asked | opened)
    return counts.read(conn, programme_id, number)


def _number(conn: sa.Connection, programme_id: int, facility: submission.Facility, now: datetime) -> str:
    """The next free number of a facility and its local day; it is part of addresses, so it has plain letters only."""
    code = re.sub(r"[^A-Za-z0-9]+", "-", facility.code).strip("-")
    prefix = f"CNT-{code}-{facility.day(now):%Y%m%d}-"
    taken = conn.execute(SQL["numbered"], {"programme_id": programme_id, "prefix": prefix}).scalar_one()
    return f"{prefix}{taken + 1}"


def set_time(conn: sa.Connection, programme_id: int, number: str, moment: datetime | None, now: datetime) -> Count:
    """Say when it was counted on paper: what is entered from now on was counted then; None means now again."""
    count = _hold(conn, programme_id, number, "open")
    if moment is not None and not now - OLDEST <= moment <= now + CLOCK_SKEW:
        _refuse("counted_at", "it lies in the future or more than 31 days ago", "Send the time of the count itself.")
    conn.execute(SQL["set_time"], {"count_id": count.id, "counted_at": moment})
    return counts.read(conn, programme_id, number)


def save(
    conn: sa.Connection, programme_id: int, number: str, found: Sequence[Found], user_id: int | None, now: datetime
) -> Count:
    """Keep what was found of some lots; a lot without a line is added, and taken off again without a number.

    The same again changes nothing. Raises `SavedByAnother` where a line has another version than the one seen and says
    something else, with both numbers; `InvalidCount` where a line cannot be used. Then nothing may be committed.
    """
    count = _hold(conn, programme_id, number, "open")
    of_product = {line.product: line.product_id for line in count.lines}
    for index, line in enumerate(found):
        _check(line, index, of_product)
    if len({(f.product, f.lot) for f in found}) < len(found):
        _refuse("lines", "one lot is there twice", "Add the two numbers up.")
    count = _list(conn, programme_id, count, found, of_product)
    lines = {(line.product, line.lot): line for line in count.lines}
    changed = [(lines[f.product, f.lot], f) for f in found if (f.product, f.lot) in lines]
    _keep(conn, count, [(line, f) for line, f in changed if _changes(line, f)], user_id, now)
    return counts.read(conn, programme_id, number)


def _check(found: Found, index: int, of_product: dict[str, int]) -> None:
    def refuse(name: str, reason: str, remedy: str) -> NoReturn:
        _refuse(name, reason, remedy, index=index)

    if found.product not in of_product:
        refuse("product", f"{found.product} is no product of this count", "Open another count for it.")
    if found.counted is not None and not 0 <= found.counted <= MOST_DOSES:
        refuse("counted", f"{found.counted:,} is not a number of doses", f"Send 0 to {MOST_DOSES:,}.")
    if found.lot is not None and not 1 <= len(found.lot.strip()) <= 20:
        refuse("lot", "a lot number has 1 to 20 characters", "Copy it from the vial's label.")
    if found.lot is None and found.expiry is not None:
        refuse("lot", "an expiry date belongs to a lot", "Copy the lot number from the vial's label as well.")
    if found.reason is not None and found.reason not in set(Cause):
        refuse("reason", "it is not a reason of ours", f"Send one of: {', '.join(Cause)}.")
    if found.reason == Cause.OTHER and not (found.note or "").strip():
        refuse("note", "another reason needs a word", "Say in a few words why it differs.")


def _list(
    conn: sa.Connection, programme_id: int, count: Count, found: Sequence[Found], of_product: dict[str, int]
) -> Count:
    """The count with a line for each lot that was found."""
    there = {(line.product, line.lot) for line in count.lines}
    new = [f for f in found if (f.product, f.lot) not in there and f.counted is not None]
    if not new:
        return count
    named = {"product_ids": [of_product[f.product] for f in new], "lots": [f.lot for f in new]}
    known = {(r.product_id, r.number): r.expiry for r in conn.execute(SQL["known_lots"], named)}
    expiries = [known.get((of_product[f.product], str(f.lot))) or f.expiry for f in new]
    for f, expiry in zip(new, expiries, strict=True):
        if f.lot is not None and expiry is None:
            reason = f"lot {f.lot} is new and its expiry is not given"
            _refuse("expiry", reason, "Copy the expiry date from the label.", index=found.index(f))
        if f.expiry is not None and f.expiry != expiry:
            reason = f"lot {f.lot} is on record as expiring {expiry}, not {f.expiry}"
            _refuse("expiry", reason, "Check the label; if the date on record is wrong, ask for its correction.",
                    index=found.index(f))  # fmt: skip
    more = {"expiries": expiries, "found": [True] * len(new), "openings": [0] * len(new)}
    conn.execute(SQL["add_lines"], {"count_id": count.id} | named | more)
    return counts.read(conn, programme_id, count.number)


def _changes(line: CountLine, found: Found) -> bool:
    """Whether it says something else than is kept; raises `SavedByAnother` where that is not what they saw."""
    same = (line.counted, line.reason, line.note) == (found.counted, found.reason, found.note)
    if not same and line.version != found.version:
        raise SavedByAnother(
            "version", "Look at both, count again where they differ, and save it once more.", product=line.product_name,
            lot=line.lot_words, theirs=line.counted, yours=found.counted,
            code=line.product, lot_number=line.lot, version=line.version,
        )  # fmt: skip
    return not same


def _keep(
    conn: sa.Connection, count: Count, work: Sequence[tuple[CountLine, Found]], user_id: int | None, now: datetime
) -> None:
    if not work:
        return
    anew = [line.counted != f.counted for line, f in work]
    moments = [
        None if f.counted is None else (count.counted_at or now) if new else line.counted_at
        for (line, f), new in zip(work, anew, strict=True)
    ]
    expected = _at(conn, count, [line for line, _ in work], moments)
    conn.execute(SQL["save_lines"], {
        "ids": [line.id for line, _ in work],
        "counted": [f.counted for _, f in work],
        "reasons": [f.reason for _, f in work],
        "notes": [f.note for _, f in work],
        "anew": anew,
        "moments": moments,
        "counters": [None if f.counted is None else user_id for _, f in work],
        # Who only gives a reason has not counted again: what they were told before stays.
        "expected": [new if again else line.expected
                     for (line, _), again, new in zip(work, anew, expected, strict=True)],
    })  # fmt: skip
    conn.execute(SQL["drop_lines"], {"ids": [line.id for line, f in work if f.counted is None]})


def _at(
    conn: sa.Connection, count: Count, lines: Sequence[CountLine], moments: Sequence[datetime | None]
) -> list[int | None]:
    """What is on record of lines at these moments; None at none."""
    asked = [(line, moment) for line, moment in zip(lines, moments, strict=True) if moment is not None]
    rows = conn.execute(SQL["at_moments"], {
        "facility_id": count.facility_id,
        "ids": [line.id for line, _ in asked],
        "product_ids": [line.product_id for line, _ in asked],
        "lots": [line.lot for line, _ in asked],
        "moments": [moment for _, moment in asked],
        "earliest": min((moment for _, moment in asked), default=None),
    }) if asked else ()  # fmt: skip
    known = {r.id: r.doses for r in rows}
    return [known.get(line.id) for line in lines]


def submit(
    conn: sa.Connection, programme_id: int, number: str, user_id: int | None, now: datetime, *, seen: str | None = None
) -> Count:
    """Say that it is complete: it is posted, or waits for another person where it differs by more than the limits.

    `seen` is the etag of the count that the sender looked at. A count that is submitted or posted is answered as it is.
    Raises `InvalidCount` for what is not counted or explained yet, and `Moved`.
    """
    count = _hold(conn, programme_id, number)
    if count.status in ("submitted", "posted"):
        return count
    _demand(count, "open")
    count = _hold_stock(conn, programme_id, count, add=True)
    _check_complete(count)
    count = _check_seen(conn, programme_id, count, seen)
    for line in count.lines:
        if line.unexplained:
            reason = f"{line.product_name}, {line.lot_words}, differs by {line.variance:+,} doses and nobody says why"
            _refuse("reason", reason, f"Send one of: {', '.join(Cause)}.", product=line.product)
    last = max(line.counted_at for line in count.lines if line.counted_at is not None)
    asked = {"count_id": count.id, "user_id": user_id, "now": now}
    conn.execute(SQL["submit"], asked | {"counted_at": last})
    if not count.approval:
        _post(conn, programme_id, count, now)
    return counts.read(conn, programme_id, number)


def approve(
    conn: sa.Connection,
    programme_id: int,
    number: str,
    user_id: int,
    now: datetime,
    *,
    note: str | None = None,
    seen: str | None = None,
) -> Count:
    """Agree as another person than those who counted, and post it. One that is posted is answered as it is.

    Raises `NotAnother`, `NotOpen` where it does not wait, and `Moved` where the record has changed since it was counted
    and `seen`, the etag of what the approver looked at, does not say that they know.
    """
    count = _hold(conn, programme_id, number)
    if count.status == "posted" and count.approved_by == user_id:
        return count
    _demand(count, "submitted")
    if user_id in count.counters:
        raise counts.NotAnother("approved_by", "Ask another officer who may approve here.", number=number)
    count = _hold_stock(conn, programme_id, count, add=False)
    count = _check_seen(conn, programme_id, count, seen)
    conn.execute(SQL["approve"], {"count_id": count.id, "user_id": user_id, "now": now, "note": note})
    _post(conn, programme_id, count, now)
    return counts.read(conn, programme_id, number)


def refuse(conn: sa.Connection, programme_id: int, number: str, user_id: int, reason: str, now: datetime) -> Count:
    """Send a count that waits back, with a word, to be counted again."""
    count = _hold(conn, programme_id, number, "submitted")
    _with_reason(reason)
    conn.execute(SQL["refuse"], {"count_id": count.id, "user_id": user_id, "reason": reason, "now": now})
    return counts.read(conn, programme_id, number)


def cancel(
    conn: sa.Connection, programme_id: int, number: str, user_id: int | None, reason: str, now: datetime
) -> Count:
    """Give a count up that is not posted; what was entered stays readable. Once more is answered as it is."""
    count = _hold(conn, programme_id, number)
    if count.status == "cancelled":
        return count
    _demand(count, "open", "submitted")
    _with_reason(reason)
    conn.execute(SQL["cancel"], {"count_id": count.id, "user_id": user_id, "reason": reason, "now": now})
    return counts.read(conn, programme_id, number)


def _with_reason(reason: str) -> None:
    if not reason.strip():
        _refuse("reason", "it is not said why", "Say it in a few words.")


def _hold(conn: sa.Connection, programme_id: int, number: str, *statuses: str) -> Count:
    """The count, which nobody else changes until commit; raises `NotOpen` where it is in none of these statuses."""
    conn.execute(SQL["hold"], {"programme_id": programme_id, "number": number})
    count = counts.read(conn, programme_id, number)
    if statuses:
        _demand(count, *statuses)
    return count


def _demand(count: Count, *statuses: str) -> None:
    if count.status not in statuses:
        remedy = f"This can be done while a count is {' or '.join(_WORDS[s] for s in statuses)}."
        raise counts.NotOpen("number", remedy, number=count.number, status=_WORDS[count.status])


def _hold_stock(conn: sa.Connection, programme_id: int, count: Count, *, add: bool) -> Count:
    """The count as the record is now, which stays so until commit. Lots that came since get a line, or are said."""
    conn.execute(SQL["hold_positions"], {"count_id": count.id})
    earliest = conn.execute(SQL["earliest"], {"count_id": count.id}).scalar_one()
    came = conn.execute(SQL["unlisted"], {"count_id": count.id, "earliest": earliest}).all()
    if came and not add:
        first = came[0]
        lot = counts.NO_LOT if first.lot is None else f"lot {first.lot}"
        raise Moved("lines", "Send the count back, so that it is counted as well.", product=first.product_name, lot=lot,
                    seen=0, now=first.doses)  # fmt: skip
    if came:
        conn.execute(SQL["add_lines"], {
            "count_id": count.id,
            "product_ids": [r.product_id for r in came],
            "lots": [r.lot for r in came],
            "expiries": [r.expiry for r in came],
            "found": [False] * len(came),
            "openings": [r.doses for r in came],
        })  # fmt: skip
    return counts.read(conn, programme_id, count.number)


def _check_complete(count: Count) -> None:
    left = [f"{line.product_name} ({line.lot_words})" for line in count.lines if line.counted is None]
    if left:
        more = f" and {len(left) - 5} more" if len(left) > 5 else ""
        _refuse("lines", f"not yet counted: {', '.join(left[:5])}{more}", "Count them; 0 where there is none.")


def _check_seen(conn: sa.Connection, programme_id: int, count: Count, seen: str | None) -> Count:
    """Raise `Moved` where lines should have been other than the counter was told, unless who sends this has seen it."""
    moved = [line for line in count.lines if line.moved]
    if not moved:
        return count
    if seen != count.etag:
        first = moved[0]
        differing = [
            {"product": line.product, "lot": line.lot, "counted": line.counted, "seen": line.expected,
             "now": line.on_record}
            for line in moved
        ]  # fmt: skip
        raise Moved(
            "lines", "Look at the count again; what was found is kept.", product=first.product_name,
            lot=first.lot_words, seen=first.expected, now=first.on_record, lines=differing, etag=count.etag,
        )  # fmt: skip
    conn.execute(SQL["see"], {"ids": [line.id for line in moved], "expected": [line.on_record for line in moved]})
    return counts.read(conn, programme_id, count.number)


def _post(conn: sa.Connection, programme_id: int, count: Count, now: datetime) -> None:
    """Put it into the record: one COUNT a lot, under its number, at the moment at which the lot was counted."""

    def refuse(_: int, error: errors.DataError) -> NoReturn:
        raise error

    entries = submission.resolve(conn, programme_id, [_event(count, line) for line in count.lines], now, refuse)
    for entry, line in zip(entries, count.lines, strict=True):
        entry.actor_id = line.counted_by
    ledger.keep(conn, programme_id, entries, now, partial=False)
    conn.execute(SQL["post"], {"count_id": count.id, "now": now})


def _event(count: Count, line: CountLine) -> StockEvent:
    if line.counted is None or line.counted_at is None:
        _refuse("lines", f"{line.product_name}, {line.lot_words}, is not counted", "Count it; 0 where there is none.")
    return StockEvent(
        facility=count.facility, product=line.product, kind=Kind.COUNT, doses=line.counted,
        occurred_at=line.counted_at, source=SOURCE, source_id=f"{count.number}/{line.id}", lot=line.lot,
        without_lot=line.lot is None, expiry=line.expiry, reason=line.reason, document=count.number, note=line.note,
    )  # fmt: skip


def _refuse(name: str, reason: str, remedy: str, **details: Any) -> NoReturn:
    raise InvalidCount(name, remedy, reason=reason, **details)
