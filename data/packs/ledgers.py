"""What do events lead to? Balances after each of them, by lot and by position, and whether they agree with the reports.

Frames in, frames out; lot 0 stands for no lot known. Written for millions of events: sorted once, summed by numpy.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data import errors
from data.types import Kind

POSITION = ["facility_id", "product_id"]
LOT = [*POSITION, "lot_id"]

Ints = NDArray[np.int64]


def replay(events: pd.DataFrame, balances: pd.DataFrame) -> pd.DataFrame:
    """Events by position and time, with the balance after each: of the lot `running`, of the position `total`.

    `balances` (facility_id, product_id, lot_id, doses) is what they start from. A count gets what was `counted`.
    """
    facility, product, lot = (events[name].to_numpy(np.int64) for name in LOT)
    at, doses = _seconds(events["occurred_at"]), events["doses"].to_numpy(np.int64)
    running = np.zeros(len(events), dtype=np.int64)
    order = np.lexsort((at, lot, product, facility))
    running[order] = _balance(doses[order], [facility[order], product[order], lot[order]], balances, LOT)
    events = events.assign(running=running)
    order = np.lexsort((at, product, facility))
    events = events.take(order)
    events["total"] = _balance(doses[order], [facility[order], product[order]], balances, POSITION)
    events["counted"] = events["running"].astype("Int64").mask(events["kind"] != Kind.COUNT)
    return events.reset_index(drop=True)


def _seconds(times: pd.Series) -> Ints:
    return np.asarray(times.to_numpy("datetime64[s]").astype(np.int64))


def _balance(doses: Ints, keys: list[Ints], balances: pd.DataFrame, names: list[str]) -> Ints:
    """Cumulative sums of runs of equal keys, each from the balance that its key starts with."""
    if not len(doses):
        return doses
    first = _firsts(*keys)
    starts = np.flatnonzero(first)
    base = np.zeros(len(starts), dtype=np.int64)
    if len(balances):
        known = balances.groupby(names)["doses"].sum()
        index = pd.MultiIndex.from_arrays([key[starts] for key in keys], names=names)
        base = known.reindex(index, fill_value=0).to_numpy(np.int64)
    sums = np.cumsum(doses)
    base = base - (sums[starts] - doses[starts])
    return np.asarray(sums + np.repeat(base, np.diff(np.append(starts, len(doses)))))


def _firsts(*keys: Ints) -> NDArray[np.bool_]:
    """Which rows begin a run of equal keys."""
    first = np.zeros(len(keys[0]), dtype=np.bool_)
    first[:1] = True
    for key in keys:
        first[1:] |= key[1:] != key[:-1]
    return first


def check(ledger: pd.DataFrame, reports: pd.DataFrame, balances: pd.DataFrame, zone: str) -> None:
    """Raise `PackError` for a lot below zero, or a month whose reported closing is not the balance at its end.

    Months before the last event on record (`last_event_at`, where the reports have it) are not compared.
    """
    below = ledger["running"].to_numpy() < 0
    if below.any():
        row = ledger.iloc[int(np.argmax(below))]
        raise errors.PackError(
            field="events",
            reason=f"{row.facility} would hold {row.running} of {row['product']} on {row.occurred_at:%Y-%m-%d %H:%M}",
            remedy="Events may not take more than is there.",
        )
    ends = month_end(reports["month"], zone)
    asked = reports["closing"].notna()
    if "last_event_at" in reports:
        asked &= ~(ends <= reports["last_event_at"])
    asked_for, ends = reports[asked], ends[asked]
    wrong = _at(ledger, balances, asked_for, ends) != asked_for["closing"].to_numpy(np.int64)
    if wrong.any():
        row = asked_for.iloc[int(np.argmax(wrong))]
        raise errors.PackError(
            field="events",
            reason=f"the events of {row.facility} do not lead to the {row['product']} reported at the end of"
            f" {row.month:%Y-%m} ({row.closing})",
            remedy="Events and reports of a country have to agree.",
        )


def _at(ledger: pd.DataFrame, balances: pd.DataFrame, reports: pd.DataFrame, ends: pd.Series) -> Ints:
    """The balance of each report's position at the moment that its month ends."""
    if not len(reports):
        return np.zeros(0, dtype=np.int64)
    keys = pd.concat([ledger[POSITION], reports[POSITION]], ignore_index=True)
    rank = keys.groupby(POSITION, sort=True).ngroup().to_numpy(np.int64) << 34
    happened = rank[: len(ledger)] + _seconds(ledger["occurred_at"])
    asked = rank[len(ledger) :]
    place = np.searchsorted(happened, asked + _seconds(ends), side="left") - 1
    found = (place >= 0) & ((happened[place] >> 34) == (asked >> 34)) if len(ledger) else place >= 0
    start = balances.groupby(POSITION)["doses"].sum() if len(balances) else pd.Series(dtype="int64")
    base = pd.MultiIndex.from_frame(reports[POSITION]).map(start.to_dict()).fillna(0).to_numpy(np.int64)
    return np.where(found, ledger["total"].to_numpy(np.int64)[place] if len(ledger) else 0, base)


def month_end(months: pd.Series, zone: str) -> pd.Series:
    """The UTC time at which each local month is over."""
    distinct = pd.Series(months.unique())
    ends = (distinct + pd.offsets.MonthBegin()).dt.tz_localize(zone).dt.tz_convert("UTC")
    return pd.Series(months.map(dict(zip(distinct, ends, strict=True))), dtype="datetime64[us, UTC]")


def shelves(ledger: pd.DataFrame, balances: pd.DataFrame) -> pd.DataFrame:
    """Every lot of the positions that the events touch: doses after them, and when the first of them came."""
    last = ledger.drop_duplicates(LOT, keep="last")[[*LOT, "running"]].rename(columns={"running": "doses"})
    came = ledger[ledger["doses"] > 0].drop_duplicates(LOT)[[*LOT, "occurred_at"]]
    last = last.merge(came.rename(columns={"occurred_at": "first_received_at"}), how="left", on=LOT)
    if not len(balances):
        return last
    others = balances.merge(ledger[POSITION].drop_duplicates(), on=POSITION)
    others["first_received_at"] = pd.Series(pd.NaT, index=others.index, dtype=last["first_received_at"].dtype)
    shelves: pd.DataFrame = pd.concat([last, others])
    return shelves.drop_duplicates(LOT)


def positions(ledger: pd.DataFrame, before: pd.DataFrame, zone: str) -> pd.DataFrame:
    """Where each position stands after its events: `total`, and since when there is none (`out_since`)."""
    first = _firsts(*(ledger[name].to_numpy() for name in POSITION))
    starts = np.flatnonzero(first)
    rows = ledger.drop_duplicates(POSITION, keep="last")[[*POSITION, "total", "occurred_at"]].reset_index(drop=True)
    rows = rows.rename(columns={"occurred_at": "last_event_at"})
    received = ledger[ledger["kind"] == Kind.RECEIPT].drop_duplicates(POSITION, keep="last")
    dates: Any = received["occurred_at"].dt.tz_convert(zone).dt.tz_localize(None).astype("datetime64[s]")
    rows = rows.merge(received[POSITION].assign(last_received_on=dates), how="left", on=POSITION)
    if not len(rows):
        return rows.assign(out_since=rows["last_event_at"])
    # The event after the last one that left something; the very first where none did.
    place = np.arange(len(ledger))
    some = np.maximum.reduceat(np.where(ledger["total"].to_numpy() > 0, place, -1), starts)
    emptied = np.minimum(np.maximum(some + 1, starts), len(ledger) - 1)
    out = ledger["occurred_at"].take(emptied).set_axis(rows.index).where(rows["total"] == 0)
    if len(before):
        then = rows[POSITION].merge(before[[*POSITION, "out_since"]], how="left", on=POSITION)["out_since"]
        earlier = pd.Series(some < starts, index=rows.index) & then.notna()
        out = out.mask(earlier & out.notna(), then)
    return rows.assign(out_since=out)
