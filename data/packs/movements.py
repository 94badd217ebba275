"""How did the stock get to where it is? Reports and events of a country written once, with the balances they lead to.

On a programme that is already there, only what is new is added: months that are not on record, and events later than
the last one of their position. What is on record is never changed here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import sqlalchemy as sa
from numpy.typing import NDArray

from data import errors, queries
from data.packs import copying, judging, ledgers
from data.packs.country import Country, Finding
from data.packs.ledgers import LOT, POSITION
from data.packs.registry import Ids
from data.record import chain, partitions
from data.types import Kind

SQL = queries.read(Path(__file__).parent / "sql" / "movements.sql")

#: The source of every event that comes from a pack.
SOURCE = "pack"
_AMOUNTS = ["opening", "received", "used", "lost", "adjusted", "closing", "days_out"]
_JUDGED = ["state", "probability", "within_30", "counted_30", "expected"]


@dataclass(frozen=True, slots=True)
class Standing:
    """What is on record before: months, positions, and balances by lot (0: no lot known)."""

    months: pd.DataFrame
    positions: pd.DataFrame
    balances: pd.DataFrame


def keep(
    conn: sa.Connection, programme_id: int, country: Country, ids: Ids, findings: list[Finding],
    say: Callable[[str], None],
) -> dict[str, int]:  # fmt: skip
    """Write what is new; returns how many reports, events and positions. Raises `PackError` where they contradict."""
    now = datetime.now(UTC)
    before = _standing(conn, programme_id)
    today = now.astimezone(ZoneInfo(country.programme.timezone)).date()
    reports = _placed(judging.judged(country, today), ids)
    events = _placed(country.events, ids)
    events["lot_id"] = _lot_ids(events, ids)
    if len(before.positions):
        reports, events = _only_new(country, reports, events, before, findings)
    say(f"Checking {len(events):,} events and {len(reports):,} monthly reports.")
    ledger = ledgers.replay(events, before.balances)
    ledgers.check(ledger, reports, before.balances, country.programme.timezone)
    with copying.filling(conn, "stock_month"):
        copying.copy(conn, "stock_month", reports[[*POSITION, "month", *_AMOUNTS, *_JUDGED]])
    say(f"Wrote {len(reports):,} monthly reports.")
    rows, chains = _events(conn, programme_id, ids, ledger, before, now)
    with copying.filling(conn, "stock_event"):
        # Balances first: a row of the record names a position that is there.
        positions = _write_balances(conn, country, ids, reports, ledger, before, chains, now)
        copying.copy(conn, "stock_event", rows)
    say(f"Wrote {len(ledger):,} events.")
    conn.execute(SQL["analyze"])
    if conn.execute(SQL["disagreeing"], {"programme_id": programme_id}).first() is not None:
        raise errors.PackError(reason="a balance would not be the sum of its events", field="events")
    return {"reports": len(reports), "events": len(ledger), "positions": positions}


def _standing(conn: sa.Connection, programme_id: int) -> Standing:
    def read(name: str, **dates: str) -> pd.DataFrame:
        found = conn.execute(SQL[name], {"programme_id": programme_id, "source": SOURCE})
        frame = pd.DataFrame(found.all(), columns=list(found.keys()))
        return frame.astype(dict.fromkeys(frame.columns.intersection(LOT), "int64") | dates)

    # The first load of a programme meets nobody, and holds up no other programme.
    if conn.scalar(SQL["has_positions"], {"programme_id": programme_id}):
        conn.execute(SQL["hold_positions"])
    return Standing(
        read("months", month="datetime64[ns]"),
        read("standing", last_event_at="datetime64[us, UTC]", out_since="datetime64[us, UTC]"),
        read("balances", doses="int64"),
    )


def _placed(rows: pd.DataFrame, ids: Ids) -> pd.DataFrame:
    """Rows with the ids of their facility and product."""
    return rows.assign(
        facility_id=rows["facility"].map(ids.facilities).astype("int64"),
        product_id=rows["product"].map(ids.products).astype("int64"),
    )  # fmt: skip


def _lot_ids(events: pd.DataFrame, ids: Ids) -> NDArray[np.int64]:
    """The id of each event's lot; 0 stands for no lot known."""
    number, numbers = pd.factorize(events["lot"])
    product, products = pd.factorize(events["product_id"])
    table = np.zeros((len(numbers) + 1, max(len(products), 1)), dtype=np.int64)
    for n, text in enumerate(numbers):
        for p, product_id in enumerate(products):
            table[n, p] = ids.lots.get((int(product_id), text), -1)
    found: NDArray[np.int64] = table[number, product] if len(events) else np.zeros(0, dtype=np.int64)
    if (found < 0).any():
        lost = events["lot"][found < 0].iloc[0]
        raise errors.PackError(field="events.lot", reason=f"the lot {lost} of an event is not in the table of lots")
    return found


# -- what is new -------------------------------------------------------------------------------------------------


def _only_new(
    country: Country, reports: pd.DataFrame, events: pd.DataFrame, before: Standing, findings: list[Finding]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The months and events that may be added to what stands; why others may not goes to `findings`."""
    reports = reports.merge(before.months, how="left", on=[*POSITION, "month"], suffixes=("", "_then"), indicator=True)
    name = _names(reports)
    there = reports["_merge"] == "both"
    same = pd.Series(True, index=reports.index)
    for amount in _AMOUNTS:
        now, then = (reports[c].astype("Float64") for c in (amount, f"{amount}_then"))
        same &= (now.isna() & then.isna()) | (now == then).fillna(False)
    _refuse(findings, "the month is on record with other amounts, which were kept", name[there & ~same],
            "Correct stock on record by counting it, not by another report.")  # fmt: skip
    standing = before.positions[[*POSITION, "last_event_at", "others"]]
    reports = reports[~there].drop(columns="_merge").merge(standing, how="left", on=POSITION)
    moved = reports["others"].fillna(False).astype("bool")
    name = _names(reports)
    _refuse(findings, "stock has been recorded here since the last load: the report is not added to it", name[moved],
            "Count the stock instead.")  # fmt: skip
    reports, name = reports[~moved], name[~moved]
    late = ledgers.month_end(reports["month"], country.programme.timezone) <= reports["last_event_at"]
    if late.any():
        reason = "a month before the last one on record: kept in the monthly history, moves no stock"
        findings.append(Finding("flagged", "history", reason, int(late.sum()), "", name[late].head(5).tolist()))
    events = events.merge(standing, how="left", on=POSITION)
    fresh = events["last_event_at"].isna() | (events["occurred_at"] > events["last_event_at"])
    fresh &= ~events["others"].fillna(False).astype("bool")
    return reports, pd.concat([_bridge(events, fresh, before), events[fresh]], ignore_index=True)


def _bridge(events: pd.DataFrame, fresh: pd.Series, before: Standing) -> pd.DataFrame:
    """Adjustments from the balances on record to those that the pack's new events start from, where they differ."""
    start = events[fresh].groupby(POSITION, as_index=False)["occurred_at"].min()
    told = events[~fresh].groupby(LOT, as_index=False)["doses"].sum()
    lots = told.merge(before.balances, how="outer", on=LOT, suffixes=("_told", "")).merge(start, on=POSITION)
    lots["doses"] = (lots["doses_told"].fillna(0) - lots["doses"].fillna(0)).astype("int64")
    lots = lots[lots["doses"] != 0]
    # At the moment of the first of them, so that it is of the same month; rows of one moment stay in order.
    at = lots["occurred_at"]
    place = [f"bridge/{f}/{p}/{lot}/{t:%Y-%m-%d}" for f, p, lot, t in zip(*(lots[c] for c in LOT), at, strict=True)]
    bridge = lots.assign(
        kind=Kind.ADJUSTMENT, reason="the pack's balance before differs from the one on record",
        source_id=pd.Series(place, index=lots.index, dtype="str"),
    )  # fmt: skip
    return pd.DataFrame(bridge[[*LOT, "kind", "doses", "reason", "occurred_at", "source_id"]])


def _names(reports: pd.DataFrame) -> pd.Series:
    """What a person calls each report."""
    rows = zip(reports["facility"], reports["product"], reports["month"], strict=True)
    return pd.Series([f"{f}, {p}, {month:%Y-%m}" for f, p, month in rows], index=reports.index, dtype="str")


def _refuse(findings: list[Finding], reason: str, names: pd.Series, remedy: str) -> None:
    if len(names):
        findings.append(Finding("refused", "history", reason, len(names), remedy, names.head(5).tolist()))


# -- writing -----------------------------------------------------------------------------------------------------


def months(events: pd.DataFrame, now: datetime) -> tuple[date, date]:
    """The first and the last month that the record needs for these events, and for what is to come."""
    first = events["occurred_at"].min() if len(events) else now
    return first.date(), (pd.Timestamp(now) + pd.DateOffset(months=partitions.AHEAD)).date()


def _events(
    conn: sa.Connection, programme_id: int, ids: Ids, ledger: pd.DataFrame, before: Standing, now: datetime
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of the record, in their order, and for each position the digest of its last one."""
    partitions.ensure_partitions(conn, *months(ledger, now))
    rows = ledger.assign(programme_id=programme_id, source=SOURCE, recorded_at=now)
    rows["digest"], chains = _digests(rows, ids, before)
    rows["lot_id"] = _no_zero(rows["lot_id"])
    columns = ["programme_id", *LOT, "kind", "doses", "counted", "reason", "occurred_at", "recorded_at", "source",
               "source_id", "digest"]  # fmt: skip
    return rows[columns], chains


def _digests(rows: pd.DataFrame, ids: Ids, before: Standing) -> tuple[list[str], pd.DataFrame]:
    """The digest of each row after the one before it at its position, and the last one of every position."""
    numbers = {lot_id: number for (_, number), lot_id in ids.lots.items()}
    expiries = {lot_id: expiry.date() for lot_id, expiry in ids.expiries.items()}
    last = zip(*(before.positions[c] for c in (*POSITION, "chain")), strict=True) if len(before.positions) else ()
    ends: dict[tuple[int, int], bytes] = {(facility, product): bytes(link) for facility, product, link in last}
    known, told = dict(ends), []
    counted = rows["counted"].astype("object").where(rows["counted"].notna(), None)
    reasons = rows["reason"].astype("object").where(rows["reason"].notna(), None)
    moments, recorded = (rows[c].astype("datetime64[us, UTC]").astype("int64") for c in ("occurred_at", "recorded_at"))
    fields = (rows[c].tolist() for c in (*LOT, "kind", "doses", "source", "source_id"))
    columns = zip(*fields, counted, reasons, moments.tolist(), recorded.tolist(), strict=True)
    for facility, product, lot, kind, doses, source, source_id, found, reason, at, recorded_at in columns:
        row = (
            str(kind), "event", doses, found, 0, numbers.get(lot), expiries.get(lot), True, reason, None, at,
            recorded_at, source, source_id, None, None, None, None, None, None, None,
        )  # fmt: skip
        ends[facility, product] = link = chain.digest(ends.get((facility, product), chain.START), row)
        told.append(f"\\x{link.hex()}")
    ends = {position: link for position, link in ends.items() if known.get(position) != link}
    chains = [(facility, product, f"\\x{link.hex()}") for (facility, product), link in ends.items()]
    return told, pd.DataFrame(chains, columns=[*POSITION, "chain"]).astype(dict.fromkeys(POSITION, "int64"))


def _no_zero(lot_ids: pd.Series) -> pd.Series:
    return lot_ids.astype("Int64").mask(lot_ids == 0)


def _write_balances(
    conn: sa.Connection, country: Country, ids: Ids, reports: pd.DataFrame, ledger: pd.DataFrame, before: Standing,
    chains: pd.DataFrame, now: datetime,
) -> int:  # fmt: skip
    """The balances and positions that the events lead to; returns how many positions there are."""
    shelves = ledgers.shelves(ledger, before.balances)
    today = pd.Timestamp(now.astimezone(ZoneInfo(country.programme.timezone)).date())
    expired = pd.to_datetime(shelves["lot_id"].map(ids.expiries)) < today
    usable = shelves.assign(usable=shelves["doses"].mask(expired, 0)).groupby(POSITION, as_index=False)["usable"].sum()
    positions = ledgers.positions(ledger, before.positions, country.programme.timezone).merge(usable, on=POSITION)
    silent = pd.concat([reports[POSITION].drop_duplicates(), before.positions[POSITION], positions[POSITION]])
    silent = silent.drop_duplicates(keep=False).merge(reports[POSITION].drop_duplicates(), on=POSITION)
    positions = pd.concat([positions.merge(chains, on=POSITION), silent.assign(usable=0, total=0, chain="\\x")])
    _put(conn, "lot_balance", shelves.assign(lot_id=_no_zero(shelves["lot_id"])), new=before.positions.empty)
    _put(conn, "position", positions, new=before.positions.empty)
    return len(positions)


def _put(conn: sa.Connection, table: str, rows: pd.DataFrame, *, new: bool) -> None:
    """Add rows; in a programme that is there already, change those that it has."""
    if new:
        with copying.filling(conn, table):
            copying.copy(conn, table, rows)
        return
    conn.execute(SQL[f"stage_{table}"])
    copying.copy(conn, f"incoming_{table}", rows)
    conn.execute(SQL[f"keep_{table}"])
