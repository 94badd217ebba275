"""Why is one position as it is? Its facts completed by what is on record of its deliveries, and weighed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from data import assess, columns, queries
from data.insight import delay, reasons
from data.insight.reasons import Facts
from data.programmes import Programme

SQL = queries.read(Path(__file__).parent / "sql" / "why.sql")

#: So many deliveries are looked back on, at most a year.
LAST = 8


def explain(
    conn: sa.Connection, programme: Programme, facility_id: int, product_id: int, today: date, facts: Facts
) -> list[str]:
    """The reasons of one position as sentences, the weightiest first; `facts` as far as the caller knows them."""
    ids = (np.array([facility_id]), np.array([product_id]))
    i = assess.read(conn, programme, *ids, today)
    position = assess.positions(programme, i, i["lot_place"], i["lot_doses"], columns.nullable(i["lot_days_left"]))
    weights = reasons.weigh(
        position,
        assess.lateness(i["on_time"], i["days_late"]),
        planned_due=float(assess.planned(i)[0]),
        use_ratio=facts.use_ratio,
    )
    came = conn.execute(
        SQL["receipts"],
        {
            "facility_id": facility_id,
            "product_id": product_id,
            "timezone": programme.timezone,
            "since": programme.midnight(today - timedelta(days=365)),
            "count": LAST + 1,
        },
    )
    receipts = came.all()
    gaps = np.diff(np.array([r.day.toordinal() for r in receipts]))[[r.heard for r in receipts[1:]]]
    coming = int(i["coming"][0])
    return reasons.explain(
        replace(
            facts,
            weights=weights,
            coming=coming,
            coming_on=today + timedelta(days=int(i["coming_day"][0])) if coming else None,
            deliveries=gaps.size,
            late_deliveries=int((gaps > i["delivery_interval_days"][0] + delay.TOLERANCE_DAYS).sum()),
        )
    )
