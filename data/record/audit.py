"""Do the books agree? All that is kept beside the record against the record itself; what differs is listed, not mended.

Facility by facility, so that a nation takes no more memory than a district: each row follows the one before it, all of
them happen again by the rules (data.record.replayed), and what they lead to is compared with what is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from data import nation, programmes, queries
from data.programmes import Programme
from data.record import audit_answers, audit_days, audit_marks, chain, outbox, past, replayed
from data.record.audit_kept import ARRIVALS, Kept, Moved, by_position
from data.record.rules import Held

SQL = queries.read(Path(__file__).parent / "sql" / "audit.sql")

Say = Callable[[str], None]
Pair = tuple[int, int]
#: Which share of the facilities, counted from 0, of how many.
Share = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not what it is made from: which check, where, what stands there and what should."""

    check: str
    place: str
    stands: str
    should: str


LINKS = "each row follows the one before it"
STRAYS = "each row belongs to a facility, a product and a lot of its programme"
EVENTS = "each event did what the rules say"
SUMS = "lot balance is the sum of its events"
LOTS = "lot is as a replay from nothing leaves it"
TOTALS = "position is the sum of its lots"
POSITIONS = "position is as a replay from nothing leaves it"
MONTHS = "month is the fold of its events"
DAYS = "days out of stock of a month are those of its rows"
MARKS = "mark of a month is the sum of its rows"
JUDGED = "mark of a month holds what positions were judged by"
SHIPMENTS = "shipment is the sum of its events"
ORDERS = "order is as its events say"
ANSWERS = "every answer has its rows, and every event its answer"
COUNTS = "a count that is posted is its events"
SEALED = "what is never changed is as it was made"
READERS = "no reader of the outbox skipped a change"
ASSESSED = "position and facility are as they are assessed"
LOG = "each entry of the log follows the one before it"
ALERTS = "an alert is open for each assessed stockout and nothing else"
#: In this order.
CHECKS = (
    LINKS, STRAYS, EVENTS, SUMS, LOTS, TOTALS, POSITIONS, MONTHS, DAYS, MARKS, JUDGED, SHIPMENTS, ORDERS, ANSWERS,
    COUNTS, SEALED, READERS, ASSESSED, ALERTS, LOG,
)  # fmt: skip
_STATEMENTS = {
    STRAYS: "strays", SHIPMENTS: "shipments", ORDERS: "orders", COUNTS: "counts", SEALED: "sealed", ALERTS: "alerts",
    LOG: "log",
}  # fmt: skip

#: So many facilities are looked at together.
FACILITIES = 128
#: A row from `kind` on is what its digest covers.
_COVERED = 7


@dataclass(slots=True)
class Findings:
    """What differs, at most `most` of each check."""

    most: int
    found: list[Difference] = field(default_factory=list)
    _counts: dict[str, int] = field(default_factory=dict)

    def add(self, check: str, place: str, stands: object, should: object) -> None:
        """Note a difference."""
        count = self._counts[check] = self._counts.get(check, 0) + 1
        if count <= self.most:
            self.found.append(Difference(check, place, str(stands), str(should)))


def differences(
    conn: sa.Connection, most: int = 100, say: Say = lambda _: None, now: datetime | None = None
) -> list[Difference]:
    """What differs, at most so many of each check; an empty list is the proof that everything agrees.

    On a database that is in use, hand in a transaction that sees one moment (`REPEATABLE READ`). Writes nothing.
    """
    findings = Findings(most)
    for programme in programmes.every(conn):
        at = _Programme(conn, programme, findings, now or datetime.now(UTC))
        at.replay(say)
        at.assess(say)
    sums(conn, findings, say)
    return in_order(findings.found)


def replay(conn: sa.Connection, programme: Programme, share: Share, most: int, now: datetime, say: Say) -> Findings:
    """The part of it that goes facility by facility, of a share of them: a nation is divided among processes."""
    findings = Findings(most)
    _Programme(conn, programme, findings, now).replay(say, share)
    return findings


def assess(conn: sa.Connection, programme: Programme, findings: Findings, now: datetime, say: Say) -> None:
    """Every position and facility of a programme against what it would be assessed as."""
    _Programme(conn, programme, findings, now).assess(say)


def sums(conn: sa.Connection, findings: Findings, say: Say) -> None:
    """What is a sum, or its counterpart, all over the database."""
    for check, name in _STATEMENTS.items():
        say(f"comparing: {check}")
        for row in conn.execute(SQL[name], {"most": findings.most}):
            findings.add(check, *row)
    say(f"comparing: {ANSWERS}")
    for wrong in audit_answers.off(conn):
        findings.add(ANSWERS, *wrong)
    _readers(conn, findings)


def in_order(found: Iterable[Difference]) -> list[Difference]:
    """Differences in the order of the checks."""
    return sorted(found, key=lambda d: CHECKS.index(d.check) if d.check in CHECKS else len(CHECKS))


def _readers(conn: sa.Connection, findings: Findings) -> None:
    """A reader has read all that lies behind its cursor, and does not stand beyond everything that ever came."""
    for r in conn.execute(SQL["readers"]):
        place, cursor = f"reader {r.name}", f"{r.txid} / {r.seq}"
        if (r.taken, r.taken_sum) != (r.passed, r.passed_sum):
            if r.passed - r.taken == 1:
                change = conn.execute(SQL["change"], {"seq": r.passed_sum - r.taken_sum}).one_or_none()
                if change is not None:
                    place = f"reader {r.name}: {change.place}, {change.kind} of {change.occurred_at}"
            findings.add(READERS, place, f"read {r.taken:,} (sum of their numbers {r.taken_sum:,}) up to {cursor}",
                         f"{r.passed:,} (sum {r.passed_sum:,})")  # fmt: skip
        elif r.txid > r.newest or r.seq > r.last_seq:
            findings.add(READERS, place, cursor, f"{r.newest} / {r.last_seq} at most")
        if r.name not in outbox.READERS:
            findings.add(READERS, place, "a reader that nobody is", ", ".join(outbox.READERS))


class _Programme:
    """One programme on its way through the checks."""

    def __init__(self, conn: sa.Connection, programme: Programme, findings: Findings, now: datetime) -> None:
        self.conn = conn
        self.programme = programme
        self.findings = findings
        self.today = programme.day(now)
        asked = {"programme_id": programme.id}
        self.facilities = {r.id: r.code for r in conn.execute(SQL["facilities"], asked)}
        self.products = {r.id: r.code for r in conn.execute(SQL["products"], asked)}
        waiting = conn.execute(SQL["waiting"], asked | {"reader": outbox.ASSESSES})
        self.waiting = {(r.facility_id, r.product_id) for r in waiting}
        self.marks = {r.month: (programme.midnight(r.month), r.last_id) for r in conn.execute(SQL["marks"], asked)}
        self.judged = [(r.month, r.last_id) for r in conn.execute(SQL["judged"], asked)]
        self._days: dict[datetime, date] = {}

    def replay(self, say: Say, share: Share = (0, 1)) -> None:
        """All that happened happens again, facility by facility, and is compared with what is kept."""
        past.plan_anew(self.conn)
        ids = list(self.facilities)
        number, of = share
        mine, done = ids[len(ids) * number // of : len(ids) * (number + 1) // of], 0
        for start in range(0, len(mine), FACILITIES):
            block = mine[start : start + FACILITIES]
            self._facilities(block)
            done += len(block)
            say(f"{self.programme.name}: {done * of:,} of {len(ids):,} facilities replayed")

    def assess(self, say: Say) -> None:
        """Every position and facility is assessed again, for the day for which it stands."""
        day = self.programme.assessed_on
        if day is None:
            return
        say(f"{self.programme.name}: assessing {len(self.facilities):,} facilities")
        if self.conn.execute(SQL["foreign"], {"programme_id": self.programme.id}).first() is None:
            self._assessed(day)
        else:
            self.findings.add(ASSESSED, self.programme.code, "not looked at", "positions of its own products first")

    def place(self, facility_id: int, product_id: int | None, *more: str) -> str:
        """What a person calls it."""
        names = [self.facilities.get(facility_id, f"facility {facility_id}")]
        if product_id is not None:
            names.append(self.products.get(product_id, f"product {product_id}"))
        return " / ".join([*names, *more])

    def day(self, moment: datetime) -> date:
        """The local day; the rows of a month's reports share few moments."""
        if moment not in self._days:
            if len(self._days) > 100_000:
                self._days.clear()
            self._days[moment] = self.programme.day(moment)
        return self._days[moment]

    def _facilities(self, ids: Sequence[int]) -> None:
        asked = {"facility_ids": list(ids)}
        kept = Kept(*(by_position(self.conn.execute(SQL[n], asked)) for n in ("lots", "positions", "months")))
        result = self.conn.execute(SQL["rows"], asked)
        names = tuple(result.keys())
        moved = Moved()
        for pair, rows in groupby(result, key=lambda r: (r[0], r[1])):
            named = list(rows)
            tuples = [tuple(r) for r in named]
            self._counted_days(pair, named, kept)
            self._position(pair, tuples, [dict(zip(names, r, strict=True)) for r in tuples], kept)
            moved.add(tuples)
        for pair in kept.pairs():
            self._counted_days(pair, [], kept)
            self._position(pair, [], [], kept)
        if self.marks:
            self._marked(ids, moved)
        if self.judged:
            for o in audit_marks.off(self.conn, self.programme, self.judged, ids, moved.rows()):
                place = self.place(o.facility_id, o.product_id, f"{o.month:%Y-%m}")
                self.findings.add(JUDGED, place, o.stands, o.should)

    def _position(self, pair: Pair, tuples: Sequence[Any], rows: Sequence[replayed.Row], kept: Kept) -> None:
        position = next(iter(kept.positions.pop(pair, [])), None)
        lots = {r.lot_id: r for r in kept.lots.pop(pair, [])}
        months = {r.month: r for r in kept.months.pop(pair, [])}
        self._linked(pair, tuples, chain.START if position is None else bytes(position.chain))
        again = replayed.position(rows, self.day)
        for event in again.unlike:
            place = self.place(*pair, *(() if event.lot is None else (event.lot,)), " / ".join(event.key))
            self.findings.add(EVENTS, place, event.stands, event.should)
        sums: dict[int | None, int] = {}
        for r in rows:
            sums[r["lot_id"]] = sums.get(r["lot_id"], 0) + r["doses"]
        self._lots(pair, lots, again, sums)
        self._totals(pair, position, lots, again, rows)
        self._months(pair, months, replayed.months(rows, self.day))

    def _linked(self, pair: Pair, rows: Iterable[Any], end: bytes) -> None:
        """The first row that is not what was written after the one before it; then the position's own last digest."""
        link, row = chain.START, None
        for row in rows:
            link = chain.digest(link, row[_COVERED:])
            if link != bytes(row[6]):
                place = self.place(*pair, f"row {row[2]}")
                self.findings.add(LINKS, place, bytes(row[6]).hex()[:16], link.hex()[:16])
                return
        if link != end:
            said = (f"ends with {digest.hex()[:16] or 'nothing'}" for digest in (end, link))
            self.findings.add(LINKS, self.place(*pair, *(() if row is None else (f"row {row[2]}",))), *said)

    def _lots(
        self, pair: Pair, lots: dict[int | None, Any], again: replayed.Replayed, sums: dict[int | None, int]
    ) -> None:
        for lot_id in {**sums, **lots, **again.shelf.held}:
            is_kept, should = lots.get(lot_id), again.shelf.held.get(lot_id, Held(lot_id, None, None, 0))
            stands = (0, 1, False, None) if is_kept is None else tuple(is_kept[4:])
            packed, came = again.packed.get(lot_id), should.first_received_at
            if packed is not None and stands[3] == min(filter(None, (packed, came))):
                came = packed
            wanted = (should.doses, should.vvm_stage, should.quarantined, came)
            if stands[0] == sums.get(lot_id, 0) and stands == wanted:
                continue
            name = should.number or (is_kept.number if is_kept is not None else None) or "no lot known"
            place = self.place(*pair, name)
            if stands[0] != sums.get(lot_id, 0):
                self.findings.add(SUMS, place, stands[0], sums.get(lot_id, 0))
            if stands != wanted:
                self.findings.add(LOTS, place, _lot(*stands), _lot(*wanted))

    def _totals(
        self, pair: Pair, position: Any, lots: dict[int | None, Any], again: replayed.Replayed,
        rows: Sequence[replayed.Row],
    ) -> None:  # fmt: skip
        total, held = position.total if position is not None else 0, sum(r.doses for r in lots.values())
        if total != held:
            self.findings.add(TOTALS, self.place(*pair), total, held)
        last = max((r["occurred_at"] for r in rows), default=None)
        received = max(
            (r["occurred_at"] for r in rows if r["entry"] == "event" and r["kind"] in ARRIVALS), default=None
        )
        should = (again.shelf.total, again.shelf.promised, last, None if received is None else self.day(received))
        stands = (0, 0, None, None) if position is None else tuple(position[3:7])
        if stands != should:
            said = (_parts(_POSITION, of) for of in (stands, should))
            self.findings.add(POSITIONS, self.place(*pair), *said)
        # What may be given depends on the day for which that was written: by an event, or with an assessment.
        days = {self.today, self.programme.assessed_on or self.today}
        days |= {self.programme.day(max(r["recorded_at"] for r in rows))} if rows else set()
        usable = {again.shelf.usable_on(day) for day in days}
        if position is not None and position.usable not in usable:
            should_be = " or ".join(f"{u:,}" for u in sorted(usable))
            self.findings.add(POSITIONS, self.place(*pair), f"usable {position.usable:,}", f"usable {should_be}")

    def _months(self, pair: Pair, kept: dict[date, Any], again: dict[date, replayed.Month]) -> None:
        running = 0
        for month in sorted({**kept, **again}):
            is_kept, folded = kept.get(month), again.get(month)
            running = folded.closing if folded is not None else running
            stands = None if is_kept is None else tuple(is_kept[3:10])
            if folded is not None and folded.folded:
                # What was folded before `missing` was kept has none.
                known = stands is None or stands[6] is not None
                should: Sequence[int | None] = folded.amounts if known else (*folded.amounts[:6], None)
            elif stands is None:
                continue
            elif folded is not None:
                should = [*stands[:5], stands[5] if stands[5] is None else running, stands[6]]
            elif stands[0] is not None and all(amount is None for amount in stands[1:5]):
                should = [running, *stands[1:5], running, stands[6]]
            else:
                continue  # Reported only; the record says nothing of it.
            if stands != tuple(should):
                said = (_parts(_MONTH, of) for of in (stands, should))
                self.findings.add(MONTHS, self.place(*pair, f"{month:%Y-%m}"), *said)

    def _counted_days(self, pair: Pair, rows: Sequence[Any], kept: Kept) -> None:
        counted = {r.month: r.days_out for r in kept.months.get(pair, []) if r.days_counted}
        for month, stands, should in audit_days.off(self.programme, rows, counted):
            self.findings.add(DAYS, self.place(*pair, f"{month:%Y-%m}"), _text(stands), should)

    def _marked(self, ids: Sequence[int], moved: Moved) -> None:
        blocks = sorted({facility_id >> past.BLOCK_BITS for facility_id in ids})
        stands: dict[date, list[past.Piece]] = {}
        for r in self.conn.execute(SQL["marked"], {"programme_id": self.programme.id, "blocks": blocks}):
            stands.setdefault(r.month, []).append(past.piece(r))
        for month, (starts, last_id) in self.marks.items():
            marked = past.at_facilities(stands.get(month, []), ids)
            off = past.off(marked, moved.before(starts, last_id))
            for facility_id, product_id, lot_id, doses, should in off:
                place = self.place(facility_id, product_id, f"lot id {lot_id}" if lot_id else "no lot known",
                                   f"{month:%Y-%m}")  # fmt: skip
                self.findings.add(MARKS, place, doses, should)

    def _assessed(self, day: date) -> None:
        days = [day, self.today] if self.today > day else [day]
        for w in nation.misjudged(self.conn, self.programme, days, demand=not self.waiting):
            if w.product_id is None or (w.facility_id, w.product_id) not in self.waiting:
                self.findings.add(ASSESSED, self.place(w.facility_id, w.product_id), w.stands, w.should)


_POSITION = ("total", "reserved", "last event", "last received")
_MONTH = ("opening", "received", "used", "lost", "adjusted", "closing", "found missing")


def _text(value: object) -> str:
    if value is None:
        return "nothing"
    return f"{value:,}" if isinstance(value, int) else f"{value:%Y-%m-%d}" if type(value) is date else str(value)


def _lot(doses: int, stage: int, quarantined: bool, first: datetime | None) -> str:
    state = ", quarantined" if quarantined else ""
    return f"{doses:,} at stage {stage}{state}, first received {_text(first)}"


def _parts(names: Sequence[str], values: Sequence[object] | None) -> str:
    if values is None:
        return "nothing"
    return ", ".join(f"{name} {_text(value)}" for name, value in zip(names, values, strict=True))
