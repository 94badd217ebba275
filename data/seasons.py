"""Which products follow the seasons? Learnt from all that places of a programme reported, kept with the product.

Only products whose season foretells unseen months better than none have one (`data.insight.season`).
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from data import columns, monthly, queries
from data.insight import demand, season
from data.monthly import Span
from data.programmes import Programme

SQL = queries.read(Path(__file__).parent / "sql" / "seasons.sql")

#: So many full months are looked at, of so many places of each product: more say nothing else.
MONTHS, PLACES = 60, 2_000


def learn(conn: sa.Connection, programme: Programme, today: date) -> list[str]:
    """Learn the season of every product from full months; returns the codes of those that have one."""
    begins = monthly.earliest(conn, programme.id)
    until = monthly.number(today)
    span = Span(max(until - MONTHS, until if begins is None else monthly.number(begins)), until)
    carried = []
    for product in conn.execute(SQL["products"], {"programme_id": programme.id}).all():
        index = None
        if span.until - span.since > season.FEWEST_MONTHS:
            found = _of(conn, product.id, span)
            index = found.index.tolist() if found.carried else None
        conn.execute(SQL["keep"], {"product_id": product.id, "season": index})
        carried += [] if index is None else [product.code]
    return carried


def _of(conn: sa.Connection, product_id: int, span: Span) -> season.Season:
    asked = {"product_id": product_id, "since": span.first, "until": span.end, "places": PLACES}
    rows = columns.read(conn.execute(SQL["months"], asked).one(), frozenset())
    month = np.searchsorted(np.cumsum(span.days), rows["first_day"], side="right")
    place, row = np.unique(rows["facility_id"], return_inverse=True)
    grids = {}
    for name in ("opening", "received", "used", "days_out"):
        grids[name] = np.full((place.size, span.until - span.since), np.nan)
        grids[name][row, month] = columns.nullable(rows[name])
    weight = np.ones(grids["used"].shape)
    weight[row, month] = rows["weight"] / 100.0
    # A month that is mostly doubted says nothing of a season.
    used = np.where(weight < 0.5, np.nan, grids["used"])
    out = demand.days_out_at_least(grids["days_out"], grids["opening"], grids["received"], span.days, used=used)
    return season.learn(used, out, span.days, span.since % season.YEAR)
