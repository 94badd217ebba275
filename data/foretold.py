"""What does a programme's own learned model say of the month to come? Asked when a month has ended, and then in force.

Its answer is kept as `within_30` of that month, beside what the count model said (`counted_30`), and as the shift that
every assessment lays on the count model until the next month has ended (data.insight.shift). Where the programme has no
model (data.models), or a place did not report the month or held nothing, the count model answers alone. The record's
months are also what such a model is trained on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from data import assess, columns, models, monthly, queries
from data.binary import Array
from data.columns import Floats, Ints
from data.insight import learned, learned_features, shift
from data.insight.learned_history import AMOUNTS, History
from data.monthly import Span
from data.programmes import Programme
from data.types import State

SQL = queries.read(Path(__file__).parent / "sql" / "foretold.sql")
_HOLD = queries.read(Path(__file__).parent / "sql" / "nation.sql")["hold_all"]

#: The model looks back on as many months as it does when it is taught.
MONTHS = learned_features.MOST_MONTHS
#: So many facilities are read at a time.
_CHUNK = 6_000
_KEPT = tuple(name for name in monthly.AMOUNTS if name in AMOUNTS)


@dataclass(frozen=True, slots=True)
class InForce:
    """The model to be asked at the end of a month, and its name; both None where there is none that may be.

    `trouble` says why a model that is there may not.
    """

    model: learned.Model | None = None
    name: str | None = None
    trouble: str = ""


def in_force(programme: str, last: int) -> InForce:
    """Which model is to be asked at the end of a month (its number)."""
    try:
        stored = models.stored(programme)
    except learned.UnreadableModel as error:
        return InForce(trouble=error.message)
    if stored is None:
        return InForce()
    told = stored[0].told
    if told.last_month > last:
        # What it was taught is what it would be asked: that would be no forecast.
        return InForce(trouble="The learned model has seen later months than the one it would be asked at.")
    if told.horizon != 1 or not set(told.inputs) <= set(learned.KEPT):
        return InForce(trouble="The learned model reads what the record does not keep, or foretells another month.")
    return InForce(*stored)


def refresh(
    conn: sa.Connection, programme: Programme, keys: Ints, stands: Floats, today: date, told: InForce,
    counted: Callable[[], Floats],
) -> Floats:  # fmt: skip
    """Ask the model of the month that ended last, keep what it says, and return the shift of each position.

    Positions are named by `assess.key`; `stands` are the shifts that they have. `counted` is what the count model says
    as the month ends, of those that it can still be asked of. Of others it is what it said when the month was closed;
    and a month that was answered before keeps what it said then, and gets the answer of this model.
    """
    last = monthly.number(today) - 1
    asked = {"programme_id": programme.id, "month": monthly.first_day(last)}
    fresh = np.full(keys.size, np.nan)
    if told.model is not None:
        chance = _ask(conn, programme, keys, told.model, last)
        shown, before = _told(conn, programme, keys, last)
        before = np.where(np.isnan(before), counted(), before)
        # What was shown when the month closed was of the last day for which the programme stood.
        share = shift.weight((programme.assessed_on or today).day - 1)
        before = np.where(np.isnan(before), shift.counted(shown, stands, share), before)
        which = np.flatnonzero(~np.isnan(chance) & ~np.isnan(before))
        fresh[which] = shift.between(chance[which], before[which])
    moved = np.flatnonzero(~((fresh == stands) | (np.isnan(fresh) & np.isnan(stands))))
    if moved.size:
        # Who records holds a position before its months.
        conn.execute(_HOLD, asked)
        conn.execute(SQL["shift"], _named(keys[moved]) | {"shifts": columns.floats(fresh[moved])})
    if told.model is not None:
        said = {"learned": columns.floats(chance[which]), "counted": columns.floats(before[which])}
        conn.execute(SQL["keep"], asked | _named(keys[which]) | said)
    conn.execute(SQL["model"], asked | {"model": told.name})
    return fresh


def said(conn: sa.Connection, programme: Programme, keys: Ints, last: int) -> Floats:
    """The shift of each position that follows from what is kept of the end of a month; NaN where nothing was learnt."""
    return shift.between(*_told(conn, programme, keys, last))


def _told(conn: sa.Connection, programme: Programme, keys: Ints, last: int) -> tuple[Floats, Floats]:
    asked = {"programme_id": programme.id, "month": monthly.first_day(last), "stockout": int(State.STOCKOUT)}
    told = columns.read(conn.execute(SQL["told"], asked).one(), frozenset({"shown", "counted"}))
    place, known = assess.find(keys, told["facility_id"], told["product_id"])
    found = np.full((2, keys.size), np.nan)
    found[:, place[known]] = told["shown"][known], told["counted"][known]
    return found[0], found[1]


def _ask(conn: sa.Connection, programme: Programme, keys: Ints, model: learned.Model, last: int) -> Floats:
    """What the model says at the end of a month, in whole percent; NaN where nothing."""
    found, known = history(conn, programme, Span(last + 1 - MONTHS, last + 1))
    place, there = assess.find(keys, found >> 32, found & 0xFFFFFFFF)
    chance = np.full(keys.size, np.nan)
    chance[place[there]] = np.round(learned.predict(model, known), assess.DECIMALS)[there]
    return chance


def _named(keys: Ints) -> dict[str, Array]:
    return {"facility_ids": columns.ints(keys >> 32), "product_ids": columns.ints(keys & 0xFFFFFFFF)}


def history(conn: sa.Connection, programme: Programme, span: Span) -> tuple[Ints, History]:
    """What is on record of these months: the positions that have any, by `assess.key`, and their amounts."""
    asked = {"programme_id": programme.id}
    facilities = columns.read(conn.execute(SQL["facilities"], asked).one(), frozenset())
    products = columns.read(conn.execute(SQL["products"], asked).one(), frozenset())
    keys: list[Ints] = [np.empty(0, dtype=np.int64)]
    grids: dict[str, list[NDArray[np.float32]]] = {name: [_nothing(0, span)] for name in _KEPT}
    for start in range(0, facilities["id"].size, _CHUNK):
        ids = facilities["id"][start : start + _CHUNK]
        rows = monthly.reports(conn, programme.id, span, first=int(ids[0]), last=int(ids[-1]))
        found, row = np.unique(assess.key(rows.facility_id, rows.product_id), return_inverse=True)
        keys.append(found)
        every, shape = np.ones(row.size, dtype=bool), (found.size, span.until - span.since)
        for name in _KEPT:
            grids[name].append(rows.grid(name, row, every, shape).astype(np.float32))
    key = np.concatenate(keys)
    facility = np.searchsorted(facilities["id"], key >> 32)
    product = np.searchsorted(products["id"], key & 0xFFFFFFFF)
    amounts = dict.fromkeys(AMOUNTS, _nothing(key.size, span)) | {n: np.concatenate(v) for n, v in grids.items()}
    return key, History(
        first=span.since,
        facility=facility,
        # In the order of the pack, which is that of the screen.
        product=(products["seat"] - 1)[product],
        area=np.unique(facilities["area"], return_inverse=True)[1][facility],
        vial=products["vial"][product].astype(np.float32),
        **amounts,
    )


def _nothing(positions: int, span: Span) -> NDArray[np.float32]:
    return np.full((positions, span.until - span.since), np.nan, dtype=np.float32)
