"""What was written down of it? Events and monthly reports, as the people of the demo country reported them.

Use and issues are written down when the month closes, and on the day on which a shelf ran out: so the record is
without a usable dose on the very days that are reported as out of stock. Who has nothing at the month's end has counted
that there is nothing. A month that a facility did not report leaves no event: its stock moved all the same, and the
difference is an adjustment at the very beginning of the next month that it reports. So the events of a position always
add up to what it last reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data.packs.demo.calendar import Calendar
from data.types import Kind, Loss

Ints = NDArray[np.int64]
Doses = NDArray[np.int32]

KINDS = tuple(kind.value for kind in Kind)
REASONS = tuple(loss.value for loss in Loss)
NO_REASON = -1

#: How an event is named in its source_id: its kind, but a month's closing adjustment is a recount.
RECOUNT_WORD = "recount"
WORDS = (*KINDS, RECOUNT_WORD)

#: What damaged vaccine is reported as, in the order in which the simulation draws it.
DAMAGE = np.array([REASONS.index(r) for r in (Loss.BROKEN, Loss.VVM, Loss.HEAT, Loss.FROZEN)], dtype=np.int8)

#: Local hours (from, to) at which things are written down, in the order in which they must happen within a day. What a
#: month opens with is so from its first moment.
HOURS = {
    Kind.ADJUSTMENT: (0, 0), Kind.COUNT: (7.5, 8.0), Kind.RECEIPT: (9.0, 14.5),
    Kind.LOSS: (14.5, 15.0), Kind.ADMINISTERED: (15.0, 16.4), Kind.ISSUE: (15.0, 16.4), RECOUNT_WORD: (16.4, 17.0),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Names:
    """The codes behind the numbers: of positions, of facilities and products, of all lots (product by product)."""

    facility_of: Ints
    product_of: Ints
    facilities: list[str]
    products: list[str]
    lots: list[str]


#: In place of the days since a delivery, where a month brought none.
NEVER = -1


@dataclass
class Books:
    """The books of every position; `reported` is [positions, months].

    Filled by the month with `open`, `begin`, `receipts`, `ran_out` and `close`; then read with `events` and `reports`.
    """

    rng: np.random.Generator
    calendar: Calendar
    utc_offset_hours: int
    reported: NDArray[np.bool_]
    rows: list[dict[str, NDArray[Any]]] = field(default_factory=list)
    months: list[dict[str, Doses]] = field(default_factory=list)

    def open(self, lots: Doses) -> None:
        """Count what is there on the first day."""
        self.ledger = lots.copy()
        self.last_lot = np.full(len(lots), NEVER, dtype=np.int64)
        self._write(0, Kind.COUNT, lots)

    def begin(self, month: int, lots: Doses) -> None:
        """Bring the books of those who report this month to what is really there."""
        difference = np.where(self.reported[:, month, None], lots - self.ledger, 0)
        self.opening = self.ledger.sum(axis=1, dtype=np.int32)
        self.ledger += difference
        self.adjusted = difference.sum(axis=1, dtype=np.int32)
        self.received = np.zeros(len(lots), dtype=np.int32)
        self.received_on = np.full(len(lots), -1, dtype=np.int32)
        self.used = np.zeros(len(lots), dtype=np.int32)
        self._write(int(self.calendar.starts[month]), Kind.ADJUSTMENT, difference)

    def receipts(self, month: int, day: int, position: Ints, lot: Ints, doses: NDArray[Any]) -> None:
        """Write down what came in on a day."""
        np.add.at(self.received, position, doses.astype(np.int32))
        self.received_on[position] = day
        told = self.reported[position, month]
        self._append(day, Kind.RECEIPT, position[told], lot[told], doses[told])

    def ran_out(self, month: int, day: int, position: Ints, given: Doses, issued: Doses) -> None:
        """Write down what these positions gave and issued since they last wrote it down: nothing is left."""
        told = self.reported[position, month]
        self.used[position] += (given + issued).sum(axis=1, dtype=np.int32)
        for word, doses in ((Kind.ADMINISTERED, given), (Kind.ISSUE, issued)):
            row, lot = np.nonzero(np.where(told[:, None], doses, 0))
            self._append(day, word, position[row], lot, -doses[row, lot])

    def close(
        self, month: int, given: Doses, issued: Doses, expired: Doses, damaged: Doses, reason: NDArray[np.int8],
        miscounted: Doses, days_out: Doses, lots: Doses,
    ) -> None:  # fmt: skip
        """Write down what else left in a month, on its last day; `lots` is what is really there at its end."""
        told = self.reported[:, month]
        day = int(self.calendar.starts[month + 1]) - 1
        mask = told[:, None]
        self._write(day, Kind.ADMINISTERED, -np.where(mask, given, 0))
        self._write(day, Kind.ISSUE, -np.where(mask, issued, 0))
        self._write(day, Kind.LOSS, -np.where(mask, expired, 0), np.full(len(lots), REASONS.index(Loss.EXPIRED)))
        self._write(day, Kind.LOSS, -np.where(mask, damaged, 0), DAMAGE[reason])
        self._write(day, RECOUNT_WORD, np.where(mask, miscounted, 0))
        np.copyto(self.ledger, lots, where=mask)
        left = (given + issued).sum(axis=1, dtype=np.int32)
        self._count_nothing(day, np.flatnonzero(told & (left == 0) & (lots.sum(axis=1) == 0) & (self.last_lot >= 0)))
        used = self.used + left
        lost = (expired + damaged).sum(axis=1, dtype=np.int32)
        adjusted = self.adjusted + miscounted.sum(axis=1, dtype=np.int32)
        position = np.flatnonzero(told).astype(np.int32)
        amounts = {"opening": self.opening, "received": self.received, "used": used, "lost": lost,
                   "adjusted": adjusted, "closing": lots.sum(axis=1, dtype=np.int32), "days_out": days_out,
                   "since_received": np.where(self.received_on < 0, NEVER, day - self.received_on)}  # fmt: skip
        self.months.append({"position": position} | {name: column[told] for name, column in amounts.items()})

    def _count_nothing(self, day: int, position: Ints) -> None:
        self._append(day, Kind.COUNT, position, self.last_lot[position], np.zeros(len(position)))

    def _write(self, day: int, word: str, doses: Doses, reason: NDArray[Any] | None = None) -> None:
        position, lot = np.nonzero(doses)
        why = None if reason is None else reason[position]
        self._append(day, word, position, lot, doses[position, lot], why)

    def _append(
        self, day: int, word: str, position: Ints, lot: Ints, doses: NDArray[Any], reason: NDArray[Any] | None = None
    ) -> None:
        self.last_lot[position] = lot
        begin, end = (int(hour * 3600) for hour in HOURS[word])
        second = self.rng.integers(begin, max(end, begin + 1), len(position)) + np.int64(day) * 86400
        why = np.full(len(position), NO_REASON) if reason is None else reason
        self.rows.append({
            "position": position.astype(np.int32), "lot": lot.astype(np.int8), "doses": doses.astype(np.int32),
            "word": np.full(len(position), WORDS.index(word), dtype=np.int8),
            "reason": why.astype(np.int8), "second": second,
        })  # fmt: skip

    def events(self, names: Names) -> pd.DataFrame:
        """All events in order of time, with a Country's columns."""
        rows = _joined(self.rows)
        order = np.argsort(rows["second"], kind="stable")
        rows = {name: column[order] for name, column in rows.items()}
        facility, product = names.facility_of[rows["position"]], names.product_of[rows["position"]]
        lot = product * (len(names.lots) // len(names.products)) + rows["lot"]
        kind = np.where(rows["word"] == WORDS.index(RECOUNT_WORD), KINDS.index(Kind.ADJUSTMENT), rows["word"])
        first = np.datetime64(self.calendar.first, "us")
        local = first + (rows["second"] * 1_000_000).astype("timedelta64[us]")
        utc = local - np.timedelta64(self.utc_offset_hours, "h")
        return pd.DataFrame({
            "facility": _category(facility, names.facilities),
            "product": _category(product, names.products),
            "lot": _category(lot, names.lots),
            "kind": _category(kind, KINDS),
            "doses": rows["doses"],
            "reason": _category(rows["reason"], REASONS),
            "occurred_at": pd.Series(utc).dt.tz_localize("UTC"),
            "source_id": _source_ids(names, facility, product, local, rows["word"], lot),
        })  # fmt: skip

    def reports(self, names: Names) -> pd.DataFrame:
        """The reports of every month, with a Country's columns; the running month's are up to date, not complete."""
        rows = _joined(self.months)
        position = rows.pop("position")
        month = np.repeat(
            np.array(self.calendar.months, dtype="datetime64[ns]"), [len(m["position"]) for m in self.months]
        )
        return pd.DataFrame({
            "facility": _category(names.facility_of[position], names.facilities),
            "product": _category(names.product_of[position], names.products),
            "month": month,
            **rows,
            "since_received": pd.arrays.IntegerArray(rows["since_received"], rows["since_received"] == NEVER),
        })  # fmt: skip


def _category(codes: NDArray[np.integer[Any]], names: Sequence[str]) -> pd.Categorical[Any]:
    return pd.Categorical.from_codes(codes, pd.Index(names))


def _joined(pieces: list[dict[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}


def _source_ids(
    names: Names, facility: Ints, product: Ints, local: NDArray[Any], word: NDArray[Any], lot: Ints
) -> pd.Series[str]:
    """Such as "NG020-07-003/PENTA/2026-03-09/receipt/PEN123A": one a day, however often the country is built."""
    day = local.astype("datetime64[D]")
    days, of_day = np.unique(day, return_inverse=True)
    parts = [
        pa.array(vocabulary, pa.string()).take(pa.array(codes))
        for vocabulary, codes in (
            (names.facilities, facility), (names.products, product), (days.astype(str).tolist(), of_day),
            (WORDS, word), (names.lots, lot),
        )
    ]  # fmt: skip
    return pd.Series(pd.array(pc.binary_join_element_wise(*parts, "/"), dtype="str"))
