"""What follows from the stock on record? Reads positions, asks data.insight, writes state, probability and cover.

One position after an event and a nation at midnight take the same way; only the demand is worked out once a day, from
full months, and kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from data import queries
from data.insight import demand, expiry, policy, risk
from data.insight.history import WINDOW_MONTHS
from data.programmes import Programme
from data.record import rules
from data.types import WORST, State

SQL = queries.read(Path(__file__).parent / "sql" / "assess.sql")

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
_NULL = -(2**31)
#: A report counts as missing only this many days after its interval.
GRACE_DAYS = 15
#: So many positions are worked on at a time: memory stays flat for any nation.
_CHUNK = 200_000


@dataclass(frozen=True, slots=True)
class Transition:
    """A facility's state for a product seat (0: the worst of its tracers), before and after."""

    facility_id: int
    ordinal: int
    product_seat: int
    old: int
    new: int
    decile: int


def _columns(row: sa.Row[Any]) -> dict[str, NDArray[Any]]:
    """Columns that PostgreSQL packed as big-endian bytes; an empty result is empty columns."""
    floats = {"amc", "dispersion", "uncertainty", "expected_monthly"}
    return {
        name: np.frombuffer(value or b"", dtype=">f4" if name in floats else ">i4").astype(
            np.float64 if name in floats else np.int64
        )
        for name, value in row._mapping.items()
    }


def _nullable(values: Ints) -> Floats:
    return np.where(values == _NULL, np.nan, values.astype(np.float64))


def _listed(values: NDArray[Any]) -> list[Any]:
    """Floats as Python's, with None for NaN: the database has no other word for "not known"."""
    return [None if v != v else v for v in values.astype(np.float64).tolist()]


def pairs(conn: sa.Connection, programme_id: int) -> tuple[Ints, Ints]:
    """Every position of a programme: facility ids and product ids."""
    found = _columns(conn.execute(SQL["pairs"], {"programme_id": programme_id}).one())
    return found["facility_id"], found["product_id"]


def refresh(conn: sa.Connection, programme: Programme, today: date) -> date | None:
    """Work out demand and risk of a whole programme for a local day; returns the first month that it closed, if any."""
    closed = _close_months(conn, programme, today)
    facility_ids, product_ids = pairs(conn, programme.id)
    _refresh_demand(conn, programme, facility_ids, product_ids, today)
    for at in range(0, facility_ids.size, _CHUNK):
        part = slice(at, at + _CHUNK)
        positions(conn, programme, facility_ids[part], product_ids[part], today)
    facilities(conn, np.unique(facility_ids))
    conn.execute(SQL["store_day"], {"programme_id": programme.id, "today": today})
    return closed


def _close_months(conn: sa.Connection, programme: Programme, today: date) -> date | None:
    """Keep how the months ended that are over since the last assessment; returns the first of them."""
    if programme.assessed_on is None:
        return None
    number, running = (d.year * 12 + d.month - 1 for d in (programme.assessed_on, today))
    for month in range(number, running):
        first, following = _month(month), _month(month + 1)
        asked = {
            "programme_id": programme.id,
            "month": first,
            "next_month": following,
            "starts": programme.midnight(first),
            "ends": programme.midnight(following),
            "timezone": programme.timezone,
            "no_report": int(State.NO_REPORT),
        }
        conn.execute(SQL["close_month"], asked)
        conn.execute(SQL["count_days_out"], asked)
    return _month(number) if number < running else None


def touched(
    conn: sa.Connection, programme: Programme, touched_pairs: list[tuple[int, int]], today: date
) -> list[Transition]:
    """Assess the positions that events touched, and the worst of their facilities; returns all of them."""
    facility_ids = np.array([p[0] for p in touched_pairs], dtype=np.int64)
    product_ids = np.array([p[1] for p in touched_pairs], dtype=np.int64)
    changed = positions(conn, programme, facility_ids, product_ids, today)
    return changed + facilities(conn, np.unique(facility_ids))


def _refresh_demand(
    conn: sa.Connection, programme: Programme, facility_ids: Ints, product_ids: Ints, today: date
) -> None:
    """Demand of every position from its last full months; peers are the same product at the same tier."""
    last = today.year * 12 + today.month - 1
    since, until = last - WINDOW_MONTHS, last
    months = _columns(
        conn.execute(
            SQL["months"], {"programme_id": programme.id, "since": _month(since), "until": _month(until)}
        ).one()
    )
    i = _inputs(conn, programme, facility_ids, product_ids, today)
    row = np.searchsorted(_key(facility_ids, product_ids), _key(months["facility_id"], months["product_id"]))
    column = months["month"] - since

    def grid(name: str) -> Floats:
        values = np.full((facility_ids.size, WINDOW_MONTHS), np.nan)
        values[row, column] = _nullable(months[name])
        return values

    used, received, opening = grid("used"), grid("received"), grid("opening")
    # A place that reports zeros of a product which it never had is not out of it.
    had_some = (np.nan_to_num(used) > 0) | (np.nan_to_num(received) > 0) | (np.nan_to_num(opening) > 0)
    days = np.array([(_month(m + 1) - _month(m)).days for m in range(since, until)], dtype=np.float64)
    out = demand.days_out_at_least(grid("days_out"), opening, received, days)
    need = demand.estimate(
        used, out, ~np.isnan(used), days,
        group=i["group_number"], expected_monthly=i["expected_monthly"],
        handles=had_some.any(axis=1) | np.isnan(used).all(axis=1),
    )  # fmt: skip
    conn.execute(
        SQL["store_demand"],
        {
            "facility_ids": facility_ids.tolist(),
            "product_ids": product_ids.tolist(),
            "amc": _listed(need.amc),
            "dispersion": _listed(need.dispersion),
            "uncertainty": _listed(need.uncertainty),
        },
    )


def _key(facility_ids: Ints, product_ids: Ints) -> Ints:
    return facility_ids << 32 | product_ids


def _month(number: int) -> date:
    return date(number // 12, number % 12 + 1, 1)


def _inputs(
    conn: sa.Connection, programme: Programme, facility_ids: Ints, product_ids: Ints, today: date
) -> dict[str, NDArray[Any]]:
    asked = {"facility_ids": facility_ids.tolist(), "product_ids": product_ids.tolist(), "today": today}
    return _columns(conn.execute(SQL["inputs"], asked | {"timezone": programme.timezone}).one())


def positions(
    conn: sa.Connection, programme: Programme, facility_ids: Ints, product_ids: Ints, today: date
) -> list[Transition]:
    """Assess positions for a local day and write the answer; returns a transition for each, changed or not."""
    if not facility_ids.size:
        return []
    asked = {"facility_ids": facility_ids.tolist(), "product_ids": product_ids.tolist()}
    i = _inputs(conn, programme, facility_ids, product_ids, today)
    lots = _columns(
        conn.execute(SQL["lots"], asked | {"today": today, "last_usable_stage": rules.LAST_USABLE_STAGE}).one()
    )
    need = demand.plain(i["amc"], dispersion=i["dispersion"], uncertainty=i["uncertainty"])
    usable = np.bincount(lots["place"], lots["doses"], minlength=facility_ids.size)
    due = _nullable(i["received_day"]) + i["delivery_interval_days"]
    low, high = policy.bands_of(
        programme.preset, need.amc, i["lead_time_days"], i["delivery_interval_days"], supplies=i["supplies"] > 0
    )
    answer = risk.assess(
        risk.Positions(
            usable=usable,
            doses_per_vial=i["doses_per_vial"],
            demand=need,
            days_to_next_delivery=due,
            days_since_report=-_nullable(i["event_day"]),
            minimum=low,
            maximum=high,
            delivery_interval_days=i["delivery_interval_days"],
            report_interval_days=i["report_interval_days"],
            grace_days=GRACE_DAYS,
            expiring=expiry.expiring(lots["place"], lots["doses"], _nullable(lots["days_left"]), need.daily_mean),
        )
    )
    conn.execute(SQL["hold"], asked)
    conn.execute(
        SQL["store_assessment"],
        asked
        | {
            "today": today,
            "timezone": programme.timezone,
            "version": i["version"].tolist(),
            "usable": usable.astype(int).tolist(),
            "state": answer.state.tolist(),
            "probability": _listed(answer.probability),
            "cover_p10": _listed(answer.cover_p10),
            "cover_p50": _listed(answer.cover_p50),
            "cover_p90": _listed(answer.cover_p90),
            "next_delivery_on": [None if d != d else today + timedelta(days=d) for d in due.tolist()],
            "stockout": int(State.STOCKOUT),
            "no_report": int(State.NO_REPORT),
        },
    )
    deciles = risk.decile(answer.probability)
    return [
        Transition(*t)
        for t in zip(
            facility_ids.tolist(), i["ordinal"].tolist(), i["seat"].tolist(),
            i["state"].tolist(), answer.state.tolist(), deciles.tolist(), strict=True,
        )
    ]  # fmt: skip


def facilities(conn: sa.Connection, facility_ids: Ints) -> list[Transition]:
    """Write the worst of the tracers of these facilities; returns a transition at seat 0 for each."""
    rows = conn.execute(SQL["tracers"], {"facility_ids": facility_ids.tolist()}).all()
    if not rows:
        return []
    ids, first, row = np.unique([r.facility_id for r in rows], return_index=True, return_inverse=True)
    _, column = np.unique([r.product_id for r in rows], return_inverse=True)
    shape = (ids.size, int(column.max()) + 1)
    state, held = np.zeros(shape, dtype=np.uint8), np.zeros(shape, dtype=bool)
    probability = np.full(shape, np.nan)
    state[row, column], held[row, column] = [r.state for r in rows], True
    probability[row, column] = [np.nan if r.probability is None else r.probability for r in rows]
    worst, highest = risk.worst(state, probability, held)
    conn.execute(
        SQL["store_status"],
        {"facility_ids": ids.tolist(), "state": worst.tolist(), "probability": _listed(highest)},
    )
    before = [rows[k] for k in first]
    unknown = int(State.NO_REPORT)
    return [
        Transition(r.facility_id, r.ordinal, WORST, unknown if r.was is None else r.was, new, decile)
        for r, new, decile in zip(before, worst.tolist(), risk.decile(highest).tolist(), strict=True)
    ]
