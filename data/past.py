"""How was it at a past moment? The state of positions by what lay there then and the demand of the months before.

The rule is that of today (data.insight.risk). The demand is a place's own, from the full months before the moment as
they are on record now: what peers taught then, and so a probability or days of cover, was not kept and is not made up.
A nation's demand is kept as each month begins (data.month_marks); where it was not, it is worked out here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from data import month_marks, queries
from data.assess import GRACE_DAYS
from data.insight import demand, expiry, policy, risk
from data.insight.history import WINDOW_MONTHS
from data.month_marks import Mark
from data.programmes import Programme
from data.record import past
from data.record.past import NEVER, AsOf, Held, Moved

SQL = queries.read(Path(__file__).parent / "sql" / "past.sql")

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
_NULL = -(2**31)
_EPOCH = date(1970, 1, 1)
#: Of so many facilities the months are read one by one rather than those of all.
_FEW = 5_000


@dataclass(frozen=True, slots=True)
class Then:
    """Positions as they were, sorted by facility and product, in doses; `amc` is NaN where no month says it.

    `lots` are what they held, lot by lot.
    """

    facility_id: Ints
    product_id: Ints
    ordinal: Ints
    usable: Ints
    total: Ints
    amc: Floats
    state: NDArray[np.uint8]
    lots: Held


def read(
    conn: sa.Connection,
    programme: Programme,
    as_of: AsOf,
    product_ids: Sequence[int],
    facility_ids: Sequence[int] | None = None,
) -> Then:
    """The positions of these products, at these facilities or (None) in the whole programme."""
    past.plan_anew(conn)
    day = programme.day(as_of.moment)
    asked = {
        "programme_id": programme.id,
        "product_ids": list(product_ids),
        "facility_ids": None if facility_ids is None else list(facility_ids),
    }
    at = _positions(conn, asked)
    held, moved = past.look(conn, programme, as_of, facility_ids, product_ids)
    key = at["key"]
    place, known = _places(key, _key(held.facility_id, held.product_id))
    total = np.bincount(place, held.doses[known], minlength=key.size)
    usable = np.bincount(place, (held.doses * held.usable)[known], minlength=key.size)
    mark = None if moved is None else month_marks.find(conn, programme, as_of)
    if mark is not None and moved is not None and mark.last_id >= moved.last_id:
        need = _kept_demand(conn, programme, as_of, asked, mark, key)
        since_event, due = _heard(mark, moved, at, key, day)
    else:
        since_event, due = _seen(conn, programme, as_of, asked, at, key)
        # Who has not reported is in no state that demand could change.
        need = _demand(conn, _fewer(asked, at["facility_id"][~np.isnan(since_event)]), key, day)
    preset = policy.held(at["preset"], programme.preset, supplies=at["supplies"] > 0)
    low, high = policy.bands_of(preset, need.amc, at["lead_time_days"], at["delivery_interval_days"])
    state = risk.states(
        risk.Positions(
            usable=usable,
            doses_per_vial=at["doses_per_vial"],
            demand=need,
            days_to_next_delivery=due,
            days_since_report=since_event,
            minimum=low,
            maximum=high,
            delivery_interval_days=at["delivery_interval_days"],
            report_interval_days=at["report_interval_days"],
            grace_days=GRACE_DAYS,
            expiring=_expiring(held, known, place, need, day),
        )
    )
    return Then(
        at["facility_id"], at["product_id"], at["ordinal"], usable.astype(np.int64), total.astype(np.int64), need.amc,
        state, held,
    )  # fmt: skip


def _positions(conn: sa.Connection, asked: dict[str, Any]) -> dict[str, Ints]:
    """Positions sorted by facility and product, with what is asked of each of them."""
    row = conn.execute(SQL["positions"], asked).one()
    key = np.frombuffer(row.key or b"", dtype=">i8").astype(np.int64)
    order = np.argsort(key)
    key, preset = key[order], np.frombuffer(row.preset or b"", dtype=">i4").astype(np.int64)[order]
    places, vials = (_columns(conn.execute(SQL[name], asked).one()) for name in ("facilities", "vials"))
    facility_id, product_id = key >> 32, key & 2**32 - 1
    at = np.searchsorted(places.pop("id"), facility_id)
    vial = vials["doses_per_vial"][np.searchsorted(vials["id"], product_id)]
    return {name: values[at] for name, values in places.items()} | {
        "key": key, "facility_id": facility_id, "product_id": product_id, "preset": preset, "doses_per_vial": vial,
    }  # fmt: skip


def _columns(row: sa.Row[Any]) -> dict[str, Ints]:
    return {n: np.frombuffer(v or b"", dtype=">i4").astype(np.int64) for n, v in row._mapping.items()}


def _nullable(values: Ints) -> Floats:
    return np.where(values == _NULL, np.nan, values.astype(np.float64))


def _key(facility_ids: Ints, product_ids: Ints) -> Ints:
    return facility_ids << 32 | product_ids


def _places(sorted_keys: Ints, keys: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    """Where keys stand among sorted ones, of those that are there; and which these are."""
    if not sorted_keys.size:
        return np.empty(0, dtype=np.int64), np.zeros(keys.size, dtype=bool)
    place = np.minimum(np.searchsorted(sorted_keys, keys), sorted_keys.size - 1)
    known = sorted_keys[place] == keys
    return place[known], known


def _month(number: int) -> date:
    return date(number // 12, number % 12 + 1, 1)


def _demand(conn: sa.Connection, asked: dict[str, Any], key: Ints, day: date) -> demand.Demand:
    until = day.year * 12 + day.month - 1
    since = until - WINDOW_MONTHS
    months = _columns(conn.execute(SQL["months"], asked | {"since": _month(since), "until": _month(until)}).one())
    row, known = _places(key, _key(months["facility_id"], months["product_id"]))
    column = months["month"][known] - since

    def grid(name: str) -> Floats:
        values = np.full((key.size, WINDOW_MONTHS), np.nan)
        values[row, column] = _nullable(months[name][known])
        return values

    days = np.array([(_month(m + 1) - _month(m)).days for m in range(since, until)], dtype=np.float64)
    return month_marks.own_demand(grid("used"), grid("days_out"), grid("opening"), grid("received"), days)


def _fewer(asked: dict[str, Any], facility_ids: Ints) -> dict[str, Any]:
    """The same asked of some facilities only, where these are few."""
    few = np.unique(facility_ids)
    return asked if asked["facility_ids"] is not None or few.size > _FEW else asked | {"facility_ids": few.tolist()}


def _kept_demand(
    conn: sa.Connection, programme: Programme, as_of: AsOf, asked: dict[str, Any], mark: Mark, key: Ints
) -> demand.Demand:
    """The demand by a mark; where months have changed since it was made, by these."""
    amc = np.full(key.size, np.nan)
    place, known = _places(key, _key(mark.facility_id, mark.product_id))
    amc[place] = mark.amc[known]
    facility_id, product_id = month_marks.late(conn, programme, mark, as_of.sense)
    changed = np.unique(_places(key, _key(facility_id, product_id))[0])
    if changed.size:
        amc[changed] = _demand(conn, _fewer(asked, facility_id), key[changed], mark.month).amc
    return demand.plain(amc)


def _heard(mark: Mark, moved: Moved, at: dict[str, Ints], key: Ints, day: date) -> tuple[Floats, Floats]:
    """What `_seen` answers, by a mark and what has happened since."""
    event, received = np.full(key.size, _NULL, dtype=np.int64), np.full(key.size, _NULL, dtype=np.int64)
    place, known = _places(key, _key(mark.facility_id, mark.product_id))
    event[place], received[place] = mark.event_day[known], mark.received_day[known]
    place, known = _places(key, _key(moved.facility_id, moved.product_id))
    np.maximum.at(event, place, moved.day[known])
    came = moved.received[known]
    np.maximum.at(received, place[came], moved.day[known][came])
    today = (day - _EPOCH).days
    due = np.where(received == _NULL, -1.0, received - today + at["delivery_interval_days"])
    return today - _nullable(event), due


def _seen(
    conn: sa.Connection, programme: Programme, as_of: AsOf, asked: dict[str, Any], at: dict[str, Ints], key: Ints
) -> tuple[Floats, Floats]:
    """Days since the last report, NaN where it is too long ago to count; days to the next delivery.

    A place that received nothing within its interval is overdue, by how much is of no matter.
    """
    interval = at["delivery_interval_days"]
    window = max(int(interval.max(initial=0)), int(at["report_interval_days"].max(initial=0)) + GRACE_DAYS) + 1
    day = programme.day(as_of.moment)
    told = {"since": programme.midnight(day - timedelta(days=window)), "day": day, "timezone": programme.timezone}
    rows = _columns(conn.execute(SQL["seen"], asked | told | {"moment": as_of.moment, "known": as_of.known}).one())
    place, known = _places(key, _key(rows["facility_id"], rows["product_id"]))
    event, due = np.full(key.size, np.nan), np.full(key.size, -1.0)
    event[place] = -rows["event_day"][known].astype(np.float64)
    received = _nullable(rows["received_day"][known])
    due[place] = np.where(np.isnan(received), -1.0, received + interval[place])
    return event, due


def _expiring(held: Held, known: NDArray[np.bool_], place: Ints, need: demand.Demand, day: date) -> Floats:
    """Doses that would expire before use, of what was usable then."""
    good = held.usable[known]
    where, doses, until = place[good], held.doses[known][good], held.expiry[known][good]
    order = np.lexsort((until, where))
    left = np.where(until == NEVER, np.nan, until - (day - _EPOCH).days + 1.0)
    return expiry.expiring(where[order], doses[order], left[order], need.daily_mean)
