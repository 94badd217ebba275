"""What does a programme's own learned model say of the month to come? Asked once, when a month has ended.

Its answer is kept as `within_30` of that month, in place of what the count model says, which stays where the programme
has no model (data.models) or a place did not report. The record's months are also what such a model is trained on.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from data import assess, columns, models, monthly, queries
from data.columns import Ints
from data.insight import learned
from data.insight.learned_history import AMOUNTS, History
from data.monthly import Span
from data.programmes import Programme

SQL = queries.read(Path(__file__).parent / "sql" / "foretold.sql")

#: The model looks back on at most so many months.
MONTHS = 24
#: So many facilities are read at a time.
_CHUNK = 6_000
_KEPT = tuple(name for name in monthly.AMOUNTS if name in AMOUNTS)


def keep(conn: sa.Connection, programme: Programme, last: int) -> int:
    """Ask the programme's model at the end of a month (its number) and keep what it says; returns of how many places.

    0 where there is no model. Raises `learned.UnreadableModel`.
    """
    model = models.stored(programme.code)
    if model is None:
        return 0
    key, known = history(conn, programme, Span(last + 1 - MONTHS, last + 1))
    chance = learned.predict(model, known)
    told = np.flatnonzero(~np.isnan(chance))
    named = {"facility_ids": columns.ints(key[told] >> 32), "product_ids": columns.ints(key[told] & 0xFFFFFFFF)}
    conn.execute(SQL["keep"], named | {"month": monthly.first_day(last), "chances": columns.floats(chance[told])})
    return int(told.size)


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
    amounts = dict.fromkeys(AMOUNTS, _nothing(key.size, span)) | {n: np.concatenate(v) for n, v in grids.items()}
    return key, History(
        first=span.since,
        facility=facility,
        # In the order of the pack, which is that of the screen.
        product=(products["seat"] - 1)[np.searchsorted(products["id"], key & 0xFFFFFFFF)],
        area=np.unique(facilities["area"], return_inverse=True)[1][facility],
        **amounts,
    )


def _nothing(positions: int, span: Span) -> NDArray[np.float32]:
    return np.full((positions, span.until - span.since), np.nan, dtype=np.float32)
