"""What lies behind a position, and what ahead? The balance of the last days, and the range of the next ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from data import queries
from data.insight import delay, fan, policy
from data.insight.fan import Deliveries, Fan, Lot
from data.programmes import Programme
from data.record import rules
from data.stock import Facility, Month, Position
from data.types import State

SQL = queries.read(Path(__file__).parent / "sql" / "outlook.sql")

#: As far back as the range goes ahead.
DAYS_BEHIND = fan.DAYS
#: Of a place that reports by the month, so many month ends.
MONTHS_BEHIND = 6


@dataclass(frozen=True, slots=True)
class Due:
    """A delivery: the day on which it is due, and its doses where somebody has sent them."""

    day: date
    doses: int | None


@dataclass(frozen=True, slots=True)
class Outlook:
    """One position on one day. `history` holds balances in doses at the end of days, oldest first.

    `stepped` says that it has each day on which something happened; else it has month ends. `ahead` is with deliveries,
    `alone` as if none ever came; both None where nothing can be told: without a report or a demand. `expiries` are the
    usable doses whose last day lies within the days ahead.
    """

    today: date
    history: Sequence[tuple[date, int]]
    stepped: bool
    ahead: Fan | None
    alone: Fan | None
    due: Sequence[Due]
    expiries: Sequence[tuple[date, int]]
    fill_to: float | None

    def gone(self, line: Sequence[float]) -> date | None:
        """The first day at whose end a line has nothing left, or None within the days ahead."""
        return next((self.today + timedelta(days=d) for d, left in enumerate(line) if left == 0), None)


def read(
    conn: sa.Connection,
    programme: Programme,
    facility: Facility,
    position: Position,
    months: Sequence[Month],
    maximum: float | None,
    today: date,
) -> Outlook:
    """The outlook of a position; `months` are its last ones, `maximum` the stock that a delivery fills up to."""
    place = {"facility_id": facility.id, "product_id": position.product_id}
    lots = conn.execute(SQL["lots"], place | {"today": today, "last_usable_stage": rules.LAST_USABLE_STAGE}).all()
    since = programme.midnight(today - timedelta(days=DAYS_BEHIND))
    history = _history(conn, programme, place, position, since)
    stepped = len(history) > 1 or not months
    if not stepped:
        history = [(_end(m.month), m.closing) for m in months[-MONTHS_BEHIND:] if m.closing is not None]
    due, deliveries = _deliveries(conn, facility, position, maximum, today)
    last = today + timedelta(days=fan.DAYS)
    expiries = [(lot.expiry, lot.doses) for lot in lots if lot.expiry is not None and lot.expiry <= last]
    if position.state in (State.NO_REPORT, State.INACTIVE) or not position.amc:
        return Outlook(today, history, stepped, None, None, due, expiries, None)
    held = [Lot(lot.doses, None if lot.expiry is None else (lot.expiry - today).days + 1) for lot in lots]
    demand = (position.amc, position.dispersion or 1.0, position.uncertainty or 0.0)
    return Outlook(
        today, history, stepped, fan.spread(held, *demand, deliveries), fan.spread(held, *demand), due, expiries,
        deliveries.fill_to,
    )  # fmt: skip


def _history(
    conn: sa.Connection, programme: Programme, place: dict[str, int], position: Position, since: datetime
) -> list[tuple[date, int]]:
    changes = conn.execute(SQL["days"], place | {"since": since, "timezone": programme.timezone}).all()
    balance = (position.total or 0) - sum(r.change for r in changes)
    history = [(programme.day(since), balance)]
    for r in changes:
        balance += r.change
        history.append((r.day, balance))
    return history


def _deliveries(
    conn: sa.Connection, facility: Facility, position: Position, maximum: float | None, today: date
) -> tuple[list[Due], Deliveries]:
    """What is due within the days ahead, and the same for the range: a delivery every interval after the next one."""
    learnt = conn.execute(SQL["standing"], {"facility_id": facility.id}).one_or_none()
    interval = facility.delivery_interval_days
    first = (position.coming_on if position.coming else None) or position.next_delivery_on
    days = interval if first is None else (first - today).days
    known = None if not position.coming else position.coming
    due = [] if first is None else [Due(first, known)]
    following = max(days, 0) + interval
    due += [Due(today + timedelta(days=d), None) for d in range(following, fan.DAYS + 1, max(interval, 1))]
    need = (position.amc or 0.0) * interval / policy.DAYS_PER_MONTH
    return due, Deliveries(
        days=days,
        interval=interval,
        on_time=delay.ON_TIME if learnt is None else float(learnt.on_time),
        mean_days_late=delay.DAYS_LATE if learnt is None else float(learnt.mean_days_late),
        fill_to=need if maximum is None else maximum,
        coming=position.coming,
    )


def _end(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1) - timedelta(days=1)
