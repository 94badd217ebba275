"""Why is one position as it is? Its facts completed by what is on record of its deliveries, and weighed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from data import assess, columns, queries
from data.insight import ahead, delay, reasons, risk
from data.insight.reasons import Facts
from data.programmes import Programme

SQL = queries.read(Path(__file__).parent / "sql" / "why.sql")

#: So many deliveries are looked back on, at most a year.
LAST = 8


@dataclass(frozen=True, slots=True)
class Counted:
    """What the count model alone says of a position of which something was learnt.

    `probability` and `within` as in `data.insight.risk`; `month` is the chance within 30 days that is in force, and
    `weight` how much of what was learnt still counts.
    """

    probability: float
    within: Sequence[float]
    month: float
    weight: float


@dataclass(frozen=True, slots=True)
class Why:
    """The reasons of one position as sentences, the weightiest first; `counted` is None where nothing was learnt."""

    sentences: Sequence[str]
    counted: Counted | None


def explain(
    conn: sa.Connection, programme: Programme, facility_id: int, product_id: int, today: date, facts: Facts
) -> Why:
    """The reasons of one position; `facts` as far as the caller knows them."""
    ids = (np.array([facility_id]), np.array([product_id]))
    i = assess.read(conn, programme, *ids, today)
    lots = i["lot_place"], i["lot_doses"], columns.nullable(i["lot_days_left"])
    position = assess.positions(programme, i, *lots, programme.assessed_on or today)
    late = assess.lateness(i["on_time"], i["days_late"])
    counted = _counted(position, late)
    weights = reasons.weigh(
        position,
        late,
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
    sentences = reasons.explain(
        replace(
            facts,
            weights=weights,
            chance=None if counted is None else counted.month,
            counted=None if counted is None else counted.within[ahead.MONTH],
            coming=coming,
            coming_on=today + timedelta(days=int(i["coming_day"][0])) if coming else None,
            deliveries=gaps.size,
            late_deliveries=int((gaps > i["delivery_interval_days"][0] + delay.TOLERANCE_DAYS).sum()),
        )
    )
    return Why(sentences, counted)


def _counted(position: risk.Positions, late: delay.Delay) -> Counted | None:
    if np.isnan(position.shift).all():
        return None
    alone, told = risk.assess(replace(position, shift=np.nan), late), risk.assess(position, late)
    month = float(told.within[0, ahead.MONTH])
    if np.isnan(month):
        return None
    return Counted(float(alone.probability[0]), alone.within[0].tolist(), month, position.shift_weight)
