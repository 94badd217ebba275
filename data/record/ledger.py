"""What happened to the stock? The only writer of it: events are appended, balances folded, readers told.

Validate, generate, save: nothing is written before everything is known to be possible. Positions are locked in one
order, so that concurrent submissions queue and never deadlock; what a lock has given is read after it.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import sqlalchemy as sa

from data import errors, queries
from data.binary import bools, days, ints, moments, texts
from data.record import chain, desk, rules, saving, shipments, submission
from data.record.desk import Desk, Past
from data.record.submission import Entry, Target
from data.types import Kind, Recorded, StockEvent

SQL = queries.read(Path(__file__).parent / "sql" / "ledger.sql")

#: What is said of an event that was there before these fields were.
_FIRST_FIELDS = (
    "facility", "product", "kind", "doses", "occurred_at", "source", "source_id", "lot", "expiry", "reason",
    "document", "note",
)  # fmt: skip

# `json.dumps` would make one for each event.
_ENCODER = json.JSONEncoder(default=str)

Answer = Recorded | errors.DataError


def record(
    conn: sa.Connection,
    programme_id: int,
    events: Sequence[StockEvent],
    *,
    actor_id: int | None = None,
    now: datetime | None = None,
) -> list[Recorded]:
    """Record all of these events, once each; the caller's transaction makes them durable.

    The same (source, source_id) again answers with the first result; with other content it raises
    `ConflictingRepeat`. Raises `UnknownFacility`, `UnknownProduct`, `InvalidEvent`, `Overdraw` or `Changed`, each with
    the index of the event in its details; then nothing may be committed.
    """
    now = now or datetime.now(UTC)

    def refuse(_: int, error: errors.DataError) -> NoReturn:
        raise error

    entries = submission.resolve(conn, programme_id, events, now, refuse, actor_id=actor_id)
    return [answer for answer in keep(conn, programme_id, entries, now, partial=False) if isinstance(answer, Recorded)]


def record_each(
    conn: sa.Connection,
    programme_id: int,
    events: Sequence[StockEvent],
    *,
    actor_id: int | None = None,
    now: datetime | None = None,
) -> list[Answer]:
    """Record those of these events that can be; for each, in their order, what was recorded or why it was not."""
    now = now or datetime.now(UTC)
    refused: dict[int, errors.DataError] = {}
    entries = submission.resolve(conn, programme_id, events, now, refused.__setitem__, actor_id=actor_id)
    answers: dict[int, Answer] = {**refused}
    answers |= {e.index: a for e, a in zip(entries, keep(conn, programme_id, entries, now, partial=True), strict=True)}
    return [answers[index] for index in range(len(events))]


def keep(
    conn: sa.Connection, programme_id: int, entries: Sequence[Entry], now: datetime, *, partial: bool
) -> list[Answer]:
    """Record entries that were resolved; `partial` keeps the good ones and answers the others with their error."""
    if not entries:
        return []
    return _Keeping(conn, programme_id, now, partial=partial).keep(entries)


def digest(event: StockEvent) -> bytes:
    """What makes a repeat the same event: all that it says. The version that its sender had seen is no part of it."""
    said = [getattr(event, name) for name in _FIRST_FIELDS]
    moment = None if event.kind is Kind.REVERSAL else event.occurred_at.astimezone(UTC).isoformat()
    said[_FIRST_FIELDS.index("occurred_at")] = moment
    for name in ("partner", "order", "stage", "opened_vial", "reverses", "attachment", "without_lot"):
        if value := getattr(event, name):
            said.append(f"{name}={value}")
    return hashlib.sha256(_ENCODER.encode(said).encode()).digest()


class _Keeping:
    """One submission on its way into the record."""

    def __init__(self, conn: sa.Connection, programme_id: int, now: datetime, *, partial: bool) -> None:
        self.conn = conn
        self.programme_id = programme_id
        self.now = now
        self.partial = partial

    def keep(self, entries: Sequence[Entry]) -> list[Answer]:
        """Lock, look, work, save, answer; see the module."""
        self._find_targets(entries)
        desks = self._lock(entries)
        known = self._known(entries)
        firsts = self._firsts(entries, known)
        fresh = self._alive(firsts.values())
        self._check_versions(fresh, desks)
        self._find_lots(self._alive(fresh))
        shipments.find(self.conn, self.programme_id, self._alive(fresh), self._refuse)
        alive = self._alive(fresh)
        for entry in alive:
            entry.say()
        by_position: dict[tuple[int, int], list[Entry]] = defaultdict(list)
        for entry in alive:
            by_position[entry.position].append(entry)
        self._fill(desks, by_position)
        self._work(by_position, desks)
        done = self._alive(alive)
        if done:
            saving.save(self.conn, self.programme_id, done, [d for d in desks.values() if d.rows], self.now)
        return self._answers(entries, firsts, known)

    def _refuse(self, entry: Entry, error: errors.DataError | None = None) -> None:
        """Give an entry its error; without `partial` that is the end of all of them."""
        entry.error = error or entry.error
        if entry.error is not None:
            entry.error.details["index"] = entry.index
            if not self.partial:
                raise entry.error

    def _alive(self, entries: Iterable[Entry]) -> list[Entry]:
        return [e for e in entries if e.error is None]

    # -- look ----------------------------------------------------------------------------------------------------

    def _find_targets(self, entries: Sequence[Entry]) -> None:
        reversals = [e for e in entries if e.event.reverses is not None]
        if not reversals:
            return
        asked = {
            "sources": texts([e.event.source for e in reversals]),
            "source_ids": texts([e.event.reverses for e in reversals]),
        }
        rows = SQL.run(self.conn, "targets", {"programme_id": self.programme_id, **asked})
        found = {(r.source, r.source_id): r for r in rows}
        for entry in reversals:
            r = found.get((entry.event.source, str(entry.event.reverses)))
            if r is None or (r.facility_id, r.product_id) != entry.position:
                reason = f"no event {entry.event.reverses} of {entry.event.source} is on record here"
                self._refuse(entry, errors.InvalidEvent("reverses", "Look its source_id up on the bin card.",
                                                        reason=reason))  # fmt: skip
                continue
            entry.target = Target(r.id, Kind(r.kind), r.facility_id, r.product_id, r.occurred_at, r.reversed)
            if r.entry != "event":
                self._refuse(entry, errors.InvalidEvent("reverses", "Record the event again instead.",
                                                        reason="it is a reversal itself"))  # fmt: skip

    def _lock(self, entries: Sequence[Entry]) -> dict[tuple[int, int], Desk]:
        positions = sorted({e.position for e in entries})
        asked = {"facility_ids": ints([p[0] for p in positions]), "product_ids": ints([p[1] for p in positions])}
        locked = SQL.run(self.conn, "lock_positions", asked)
        if len(locked) < len(positions):
            SQL.run(self.conn, "open_positions", asked)
            locked = SQL.run(self.conn, "lock_positions", asked)
        return {
            (r.facility_id, r.product_id): Desk(
                r.facility_id, r.product_id, rules.Shelf(), r.last_event_at, r.version, bytes(r.chain),
                usable=r.usable, reserved=r.reserved,
            )
            for r in locked
        }  # fmt: skip

    def _known(self, entries: Sequence[Entry]) -> dict[tuple[str, str], Any]:
        """What was answered to these keys before; read after the locks, so that a twin has committed or waits."""
        keys = list({e.key for e in entries})
        asked = {"sources": texts([k[0] for k in keys]), "source_ids": texts([k[1] for k in keys])}
        rows = SQL.run(self.conn, "known_keys", {"programme_id": self.programme_id, **asked})
        return {(r.source, r.source_id): r for r in rows}

    def _firsts(self, entries: Sequence[Entry], known: dict[tuple[str, str], Any]) -> dict[tuple[str, str], Entry]:
        """The first entry of each key that is new; one that is known with other content is a conflict."""
        firsts: dict[tuple[str, str], Entry] = {}
        digests = {key: bytes(row.digest)[: chain.SAID] for key, row in known.items()}
        for entry in self._alive(entries):
            entry.digest = digest(entry.event)
            if digests.setdefault(entry.key, entry.digest) != entry.digest:
                self._refuse(entry, errors.ConflictingRepeat(
                    "source_id", "Send a new source_id for another event, or the first content again.",
                    source=entry.event.source, source_id=entry.event.source_id,
                ))  # fmt: skip
            elif entry.key not in known and entry.key not in firsts:
                firsts[entry.key] = entry
                if entry.target is not None and entry.target.reversed:
                    reason = "that event was reversed before"
                    self._refuse(entry, errors.InvalidEvent("reverses", "Nothing is left to do.", reason=reason))
        return firsts

    def _check_versions(self, fresh: Sequence[Entry], desks: dict[tuple[int, int], Desk]) -> None:
        for entry in fresh:
            seen, at = entry.event.version, desks[entry.position]
            if seen is not None and seen != at.version:
                self._refuse(entry, errors.Changed(
                    "version", "Look at what is on record now, and send it again with that version if it still holds.",
                    facility=entry.facility.name, product=entry.product.name, yours=seen, version=at.version,
                    doses=entry.event.doses, balance=at.usable,
                ))  # fmt: skip

    def _find_lots(self, entries: Sequence[Entry]) -> None:
        """Find the lots named, and add those that are seen with their expiry for the first time."""
        named = [e for e in entries if e.event.lot is not None]
        if not named:
            return
        asked = {"product_ids": ints([e.product.id for e in named]), "numbers": texts([e.event.lot for e in named])}
        known = {(r.product_id, r.number): r for r in SQL.run(self.conn, "lots", asked)}
        new = [e for e in named if (e.product.id, e.event.lot) not in known and e.event.expiry is not None]
        if new:
            columns = {
                "product_ids": ints([e.product.id for e in new]),
                "numbers": texts([e.event.lot for e in new]),
                "expiries": days([e.event.expiry for e in new]),
            }
            SQL.run(self.conn, "add_lots", columns)
            known = {(r.product_id, r.number): r for r in SQL.run(self.conn, "lots", asked)}
        for entry in named:
            lot = known.get((entry.product.id, str(entry.event.lot)))
            if lot is None:
                self._refuse(entry, errors.InvalidEvent(
                    "expiry", "Send the expiry date from the label.",
                    reason=f"lot {entry.event.lot} is new and its expiry is not given",
                ))  # fmt: skip
            elif entry.event.expiry not in (None, lot.expiry):
                self._refuse(entry, errors.InvalidEvent(
                    "expiry", "Check the label; if the date on record is wrong, ask for its correction.",
                    reason=f"lot {entry.event.lot} is on record as expiring {lot.expiry}, not {entry.event.expiry}",
                ))  # fmt: skip
            else:
                entry.lot = rules.Held(lot.id, lot.number, lot.expiry, 0)

    def _fill(self, desks: dict[tuple[int, int], Desk], wanted: Mapping[tuple[int, int], Sequence[Entry]]) -> None:
        """Put on the shelves of these positions what they hold, and what is promised of it."""
        asked = {
            "facility_ids": ints([p[0] for p in wanted]),
            "product_ids": ints([p[1] for p in wanted]),
            "lates": bools([desks[p].comes_late(of) is not None for p, of in wanted.items()]),
            "lot_ids": ints(list({lot for of in wanted.values() for e in of for lot in e.lots if lot is not None})),
        }
        held: dict[tuple[int, int], list[rules.Held]] = defaultdict(list)
        for facility_id, product_id, *lot in SQL.run(self.conn, "held_lots", asked):
            held[facility_id, product_id].append(rules.Held(*lot))
        promised: dict[tuple[int, int], dict[str, int]] = defaultdict(dict)
        if any(desks[p].reserved for p in wanted):
            for r in SQL.run(self.conn, "promised", asked):
                promised[r.facility_id, r.product_id][r.order_number] = r.reserved
        for position in wanted:
            desks[position].shelf = rules.Shelf(held[position], promised[position])

    # -- work ----------------------------------------------------------------------------------------------------

    def _work(self, by_position: Mapping[tuple[int, int], list[Entry]], desks: dict[tuple[int, int], Desk]) -> None:
        pasts = self._pasts({p: (desks[p], of) for p, of in by_position.items()})
        for position, of in by_position.items():
            today = of[0].facility.day(self.now)
            desks[position].work(of, pasts.get(position), today, self._impossible)

    def _pasts(self, work: dict[tuple[int, int], tuple[Desk, list[Entry]]]) -> dict[tuple[int, int], Past]:
        """For each position that something comes late to: what it was then, and what has happened since."""
        late = {p: at for p, (d, entries) in work.items() if (at := d.comes_late(entries)) is not None}
        if not late:
            return {}
        asked = {
            "facility_ids": ints([p[0] for p in late]),
            "product_ids": ints([p[1] for p in late]),
            "moments": moments(list(late.values())),
            "earliest": min(late.values()),
        }
        rows: dict[tuple[int, int], list[dict[str, Any]]] = defaultdict(list)
        for r in SQL.run(self.conn, "rows_since", asked):
            rows[r.facility_id, r.product_id].append(r._asdict())
        states = {
            (r.facility_id, r.product_id, r.lot_id): (r.vvm_stage, r.quarantined)
            for r in SQL.run(self.conn, "lot_states", asked)
        }
        return {
            p: desk.past(work[p][0].shelf, rows[p], {k[2]: v for k, v in states.items() if k[:2] == p}, late[p],
                         work[p][1][0].facility.day)
            for p in late
        }  # fmt: skip

    def _impossible(self, entry: Entry) -> None:
        """The shelf said no: say it with the names, and with the event that would become impossible."""
        error = entry.error
        if isinstance(error, errors.Overdraw):
            said = {k: v for k, v in error.details.items() if k != "remedy"}
            remedy = error.remedy or "Count the stock, or record the receipt that is missing first."
            if said.get("reserved"):
                remedy = f"{said['reserved']:,} doses are reserved for orders. {remedy}"
            named = {"facility": entry.facility.name, "product": entry.product.name}
            self._refuse(entry, errors.Overdraw("doses", remedy, **named, **said))
        if isinstance(error, errors.Overfull):
            reason = f"{entry.facility.name} would hold {error.details['balance']:,} doses of {entry.product.name}"
            self._refuse(entry, errors.InvalidEvent("doses", error.remedy or "Check the number and the unit.",
                                                    reason=reason))  # fmt: skip

    # -- answer --------------------------------------------------------------------------------------------------

    def _answers(
        self,
        entries: Sequence[Entry],
        firsts: dict[tuple[str, str], Entry],
        known: dict[tuple[str, str], Any],
    ) -> list[Answer]:
        answers: list[Answer] = []
        for entry in entries:
            first = firsts.get(entry.key, entry)
            error = entry.error or first.error
            if error is not None:
                answers.append(error)
            elif entry.key in known:
                answers.append(_recorded(known[entry.key].result, repeated=True))
            else:
                answers.append(_recorded(first.result, repeated=entry is not first))
        return answers


def _recorded(result: dict[str, Any], *, repeated: bool) -> Recorded:
    return Recorded(
        event_ids=tuple(result["event_ids"]),
        lots=tuple((lot, doses) for lot, doses in result["lots"]),
        balance=result["balance"],
        version=result.get("version", 0),
        repeated=repeated,
    )
