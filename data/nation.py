"""What does a new day change? Every position of a programme judged anew, and only what differs written.

Numbers are read as columns, judged at once by the code that judges one position (data.assess), and compared with what
is stored: on most days most of it stays. Demand comes from full months and is worked out when one of them has changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from data import assess, columns, need, queries, seasons
from data.assess import Answer, Transition
from data.columns import NULL, Floats, Ints
from data.programmes import Programme
from data.record import rules
from data.types import WORST, State

SQL = queries.read(Path(__file__).parent / "sql" / "nation.sql")

#: So many facilities are worked on at a time: memory stays flat for any nation.
_CHUNK = 6_000
_FLOATS = assess.FLOATS | {"cover_p10", "cover_p50", "cover_p90", "was_probability"}
#: What the answer is compared with, besides the state.
_SHOWN = ("probability", "cover_p10", "cover_p50", "cover_p90")


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh did: the first month that it closed, if any, and the positions and facilities that it changed.

    `pairs` are the positions (facility, product) whose state is another one.
    """

    closed: date | None
    transitions: list[Transition]
    pairs: list[tuple[int, int]]


@dataclass(slots=True)
class _Nation:
    """What is known of all positions of a programme, sorted as the ledger sorts them, and of their facilities.

    `facility` and `product` are the places of a position's facility and product in `facilities` and `products`.
    """

    key: Ints
    facility: NDArray[np.intp]
    product: NDArray[np.intp]
    stored: dict[str, NDArray[Any]]
    facilities: dict[str, NDArray[Any]]
    products: dict[str, NDArray[Any]]


def refresh(conn: sa.Connection, programme: Programme, today: date, *, demand: bool = True) -> Refreshed:
    """Work out the risk of a whole programme for a local day.

    Without `demand`, that of positions is worked out only where a month has ended, one that was over has changed since,
    or a position has none yet.
    """
    conn.execute(SQL["plan_each"])
    closed = _close_months(conn, programme, today)
    marked = bool(conn.execute(SQL["months_changed"], {"programme_id": programme.id}).scalar_one())
    nation = _read(conn, programme, today)
    if demand or marked or closed is not None or np.isnan(nation.stored["dispersion"]).any():
        need.refresh(conn, programme, nation, list(_chunks(nation)), today)
    if closed is not None:
        seasons.learn(conn, programme, today)
    transitions: list[Transition] = []
    pairs: list[tuple[int, int]] = []
    for rows in _chunks(nation):
        changed, moved = _refresh_rows(conn, programme, nation, rows, today)
        transitions += changed
        pairs += moved
    conn.execute(SQL["store_day"], {"programme_id": programme.id, "today": today, "known": marked})
    return Refreshed(closed, transitions, pairs)


def mark(conn: sa.Connection, programme_id: int) -> None:
    """Remember that a month which is over was changed: demand is worked out with the next day."""
    conn.execute(SQL["mark"], {"programme_id": programme_id})


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


def _month(number: int) -> date:
    return date(number // 12, number % 12 + 1, 1)


def _read(conn: sa.Connection, programme: Programme, today: date) -> _Nation:
    asked = {"programme_id": programme.id, "today": today, "timezone": programme.timezone}
    facilities = columns.read(conn.execute(SQL["facilities"], asked).one(), _FLOATS)
    rows = conn.execute(SQL["products"], asked).all()
    products = {
        name: np.array([row._mapping[name] for row in rows], dtype=np.float64 if name == "need" else np.int64)
        for name in ("id", "seat", "doses_per_vial", "tracer", "need")
    }
    stored = columns.read(conn.execute(SQL["positions"], asked).one(), _FLOATS)
    key = assess.key(stored["facility_id"], stored["product_id"])
    order = np.argsort(key)
    stored = {name: values[order] for name, values in stored.items()}
    return _Nation(
        key=key[order],
        facility=np.searchsorted(facilities["id"], stored["facility_id"]),
        product=np.searchsorted(products["id"], stored["product_id"]),
        stored=stored,
        facilities=facilities,
        products=products,
    )


def _chunks(nation: _Nation) -> Iterator[slice]:
    """Slices of positions that each hold whole facilities."""
    last = int(nation.facility[-1]) + 1 if nation.key.size else 0
    bounds = np.searchsorted(nation.facility, [*range(0, last, _CHUNK), last])
    for first, past in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        if first < past:
            yield slice(first, past)


def _range(nation: _Nation, rows: slice) -> dict[str, int]:
    ids = nation.stored["facility_id"]
    return {"first": int(ids[rows.start]), "last": int(ids[rows.stop - 1])}


def _places(nation: _Nation, rows: slice, facility_ids: Ints, product_ids: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    """Where these are among the positions of a slice, and which of them are there at all."""
    keys, wanted = nation.key[rows], assess.key(facility_ids, product_ids)
    place = np.minimum(np.searchsorted(keys, wanted), keys.size - 1)
    return place, keys[place] == wanted


def _refresh_rows(
    conn: sa.Connection, programme: Programme, nation: _Nation, rows: slice, today: date
) -> tuple[list[Transition], list[tuple[int, int]]]:
    """Judge a slice of positions and the worst of their facilities; write what differs, and answer what it shows."""
    stored = {name: values[rows] for name, values in nation.stored.items()}
    facility, product = nation.facility[rows], nation.product[rows]
    of_facility = ("delivery_interval_days", "lead_time_days", "report_interval_days", "supplies", "ordinal")
    i = (
        stored
        | {name: nation.facilities[name][facility] for name in of_facility}
        | {name: nation.products[name][product] for name in ("seat", "doses_per_vial")}
    )
    found = assess.answer(programme, i, *_lots(conn, programme, nation, rows, today))
    differs = (stored["usable"] != found.usable) | (stored["state"] != found.state)
    differs |= _differs(columns.nullable(stored["due"]), found.due)
    for name in _SHOWN:
        differs |= _differs(stored[name], getattr(found, name))
    which = np.flatnonzero(differs)
    asked = {name: columns.ints(stored[name][which]) for name in ("facility_id", "product_id", "version")}
    overtaken = columns.read(conn.execute(SQL["hold"], asked).one(), _FLOATS)["place"]
    # An event came in between: its own assessment follows, until then the old one stands.
    state, probability = found.state.copy(), found.probability.copy()
    state[which[overtaken]] = stored["state"][which[overtaken]]
    probability[which[overtaken]] = stored["probability"][which[overtaken]]

    tracer = nation.products["tracer"][product] > 0
    places, row = np.unique(facility[tracer], return_inverse=True)
    worst = assess.worst_of(row, product[tracer], state[tracer], probability[tracer])
    was, was_probability = (nation.facilities[name][places] for name in ("was", "was_probability"))
    changed = np.flatnonzero((was != worst[0]) | _differs(was_probability, worst[1]))
    part = Answer(*(getattr(found, name)[which] for name in Answer.__slots__))
    assess.store(
        conn, programme, today, stored["facility_id"][which], stored["product_id"][which], stored["version"][which],
        part, nation.facilities["id"][places[changed]], worst[0][changed], worst[1][changed],
    )  # fmt: skip
    moved = np.flatnonzero(stored["state"] != state)
    shown = np.flatnonzero(was != worst[0])
    ids, ordinals = nation.facilities["id"][places[shown]], nation.facilities["ordinal"][places[shown]]
    listed = [
        *assess.transitions(
            stored["facility_id"][moved], i["ordinal"][moved], i["seat"][moved],
            stored["state"][moved], stored["probability"][moved], state[moved], probability[moved],
        ),
        *assess.transitions(
            ids, ordinals, np.full(shown.size, WORST), np.where(was[shown] == NULL, State.NO_REPORT, was[shown]),
            was_probability[shown], worst[0][shown], worst[1][shown],
        ),
    ]  # fmt: skip
    return listed, list(zip(stored["facility_id"][moved].tolist(), stored["product_id"][moved].tolist(), strict=True))


def _lots(
    conn: sa.Connection, programme: Programme, nation: _Nation, rows: slice, today: date
) -> tuple[Ints, Ints, Floats]:
    """The usable lots of a slice of positions: place in it, doses and days left, sorted by place and expiry."""
    asked = {"programme_id": programme.id, "today": today, "last_usable_stage": rules.LAST_USABLE_STAGE}
    lots = columns.read(conn.execute(SQL["lots"], asked | _range(nation, rows)).one(), _FLOATS)
    place, known = _places(nation, rows, lots["facility_id"], lots["product_id"])
    # Null is the least of integers and has to come last.
    last = np.where(lots["days_left"] == NULL, 2**31, lots["days_left"])
    order = np.argsort((place << 32) + last)
    order = order[known[order]]
    return place[order], lots["doses"][order], columns.nullable(lots["days_left"])[order]


def _differs(old: NDArray[Any], new: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray((old != new) & ~(np.isnan(old) & np.isnan(new)))
