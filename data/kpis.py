"""How well did supply work in an area and a period? The indicators that the data carry, each with its formula.

Sums are made in the database, per product; the indicators are `data.insight.kpi`'s. What the data do not carry is
listed as such, with what is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

from data import columns, errors, monthly, queries
from data.insight import expiry, formula, kpi, policy
from data.insight.formula import Formula
from data.programmes import Programme
from data.record import rules
from data.types import State

SQL = queries.read(Path(__file__).parent / "sql" / "kpis.sql")

#: No period is longer.
MOST_MONTHS = 36


class InvalidPeriod(errors.DataError):
    """This period cannot be reported on: {reason}."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One indicator; of one product by its code, or of all tracers together (None)."""

    code: str
    product: str | None
    formula: Formula


@dataclass(frozen=True, slots=True)
class Missing:
    """An indicator that the data do not carry, and what they would need."""

    name: str
    needs: str


@dataclass(frozen=True, slots=True)
class Indicators:
    """All of an area for whole months, `first` and `last` their first days."""

    area: str
    name: str
    first: date
    last: date
    measures: list[Measure]
    missing: list[Missing]


#: Said where nobody has ordered anything.
NO_ORDERS = Missing("Order fill rate, refill rate", "orders: none was placed here in this period")
MISSING = (
    Missing("Timeliness of reports", "the day on which each monthly report came"),
    NO_ORDERS,
    Missing(
        "Forecast ratio, error and bias of an area",
        "the forecasts as they were then; each place's are at .../forecasts",
    ),
    Missing("Cold-chain functionality, alarms, storage use", "the cold-chain equipment and its loggers"),
)


@dataclass(frozen=True, slots=True)
class _Line:
    """A kind of indicator: name, definition, what is divided by what in words, and the columns of the sums."""

    code: str
    name: str
    text: str
    part: tuple[str, str]
    whole: tuple[str, str]
    unit: str = "%"


_LINES = (
    _Line("stockout_now", "Stockout rate, now", "facilities that are out / facilities that handle it and report",
          ("out_now", "positions out"), ("reporting_now", "positions handled that report")),
    _Line("stockout_period", "Stockout rate, period", "facilities out at any time / facilities that handle and report",
          ("out_ever", "positions out at any time"), ("active", "positions handled that reported")),
    _Line("stockout_days", "Stockout days", "full days out of stock, mean per facility and product",
          ("days_out", "full days out"), ("counted", "positions with known days"), "days"),
    _Line("according_to_plan", "Stocked according to plan", "month ends between minimum and maximum / with demand",
          ("planned", "month ends in plan"), ("judged", "month ends with demand")),
    _Line("reporting_rate", "Reporting rate", "monthly reports received / expected from what is handled",
          ("reports", "reports received"), ("expected", "reports expected")),
    _Line("wastage_in_store", "Wastage in store", "doses lost (expiry, heat, frost, breakage, VVM, missing; and"
          " opened vials where they are recorded as lost) / doses managed (opening + received)",
          ("lost", "doses lost"), ("managed", "doses managed")),
    _Line("open_vial_wastage", "Open-vial wastage", "(doses opened - administered) / opened, where sessions report",
          ("wasted", "doses opened and not given"), ("opened", "doses opened")),
    _Line("uptake", "Uptake", "doses used / (opening + received)",
          ("used", "doses used"), ("managed", "doses managed")),
)  # fmt: skip
#: Where anything was ordered.
_OF_ORDERS = (
    _Line("order_fill_rate", "Order fill rate", "doses shipped / doses of the orders that were placed in the period",
          ("shipped", "doses shipped"), ("ordered", "doses ordered")),
    _Line("refill", "Refill rate", "doses received / doses of the orders that were placed in the period",
          ("arrived", "doses received"), ("ordered", "doses ordered")),
)  # fmt: skip


def read(
    conn: sa.Connection, programme: Programme, area: tuple[int, str, str], first: date, last: date, today: date
) -> Indicators:
    """The indicators of an area (id, code, name) for whole months; raises `InvalidPeriod`.

    The running month is never part of it: its reports are still expected.
    """
    period = _period(first, last, today)
    area_id, code, name = area
    asked = {
        "programme_id": programme.id, "area_id": area_id, "first": period[0], "until": period[2],
        "months": monthly.number(period[2]) - monthly.number(period[0]),
        "stockout": int(State.STOCKOUT), "no_report": int(State.NO_REPORT), "inactive": int(State.INACTIVE),
        "adequate": int(State.ADEQUATE),
    }  # fmt: skip
    conn.execute(SQL["plan_each"])
    rows = {r.product: dict(r._mapping) for r in conn.execute(SQL["flows"], asked)}
    for r in conn.execute(SQL["now"], asked):
        rows.setdefault(r.product, {"product": r.product, "tracer": r.tracer}).update(r._mapping)
    for r in conn.execute(SQL["sessions"], asked):
        rows.setdefault(r.product, {"product": r.product, "tracer": r.tracer}).update(r._mapping)
    ordered = conn.execute(SQL["orders"], asked).all()
    for r in ordered:
        rows.setdefault(r.product, {"product": r.product, "tracer": r.tracer}).update(r._mapping)
    lines = (*_LINES, *_OF_ORDERS) if ordered else _LINES
    tracers = [row for row in rows.values() if row["tracer"]]
    whole = {
        column: _sum(row.get(column) for row in tracers)
        for column in {c for line in lines for c in (line.part[0], line.whole[0])}
    }
    measures = [*_measures(lines, None, whole), *_of_all(conn, asked, whole), *_expiring(conn, programme, asked, today)]
    for product, row in rows.items():
        measures += _measures(lines, product, row)
    missing = [m for m in MISSING if not (ordered and m is NO_ORDERS)]
    return Indicators(code, name, period[0], period[1], measures, missing)


def _period(first: date, last: date, today: date) -> tuple[date, date, date]:
    """First days of the first and the last month, and of the one after."""
    since, until = monthly.number(first), monthly.number(last) + 1
    running = monthly.number(today)
    if since >= until:
        raise InvalidPeriod("from", "Send a month that is not after the other.", reason="it ends before it begins")
    if until > running:
        raise InvalidPeriod("to", "Send a month that is over.", reason="its last month is not over yet")
    if until - since > MOST_MONTHS:
        raise InvalidPeriod("from", f"Ask for at most {MOST_MONTHS} months.", reason="it is too long")
    return monthly.first_day(since), monthly.first_day(until - 1), monthly.first_day(until)


def _sum(values: Any) -> float | None:
    known = [float(v) for v in values if v is not None]
    return sum(known) if known else None


def _measures(lines: Sequence[_Line], product: str | None, row: dict[str, Any]) -> list[Measure]:
    found = []
    for line in lines:
        part, whole = row.get(line.part[0]), row.get(line.whole[0])
        told = formula.kpi(
            line.name, line.text, None if part is None else float(part), None if whole is None else float(whole),
            numerator_name=line.part[1], denominator_name=line.whole[1], unit=line.unit,
        )  # fmt: skip
        found.append(Measure(line.code, product, told))
    return found


def _of_all(conn: sa.Connection, asked: dict[str, Any], whole: dict[str, float | None]) -> list[Measure]:
    """What is of facilities or deliveries rather than of products."""
    row = conn.execute(SQL["availability"], asked).one()
    full = formula.kpi(
        "Full stock availability", "facilities with every tracer available throughout / facilities that report",
        row.full, row.facilities, numerator_name="facilities with every tracer throughout",
        denominator_name="facilities that report",
    )  # fmt: skip
    ways = conn.execute(SQL["deliveries"], asked).one()
    otif = formula.kpi(
        "On time and in full", "deliveries that arrived within the receiver's lead time with all that was sent"
        " / deliveries", ways.good, ways.deliveries, numerator_name="deliveries on time and in full",
        denominator_name="deliveries",
    )  # fmt: skip
    counted = conn.execute(SQL["counts"], asked).one()
    differing = formula.kpi(
        "Stock discrepancy", "|counted - on record| / counted, over the lines of posted stock counts",
        counted.differing, counted.counted, numerator_name="doses that differ", denominator_name="doses counted",
    )  # fmt: skip
    return [
        Measure("full_availability", None, full), Measure("otif", None, otif),
        Measure("discrepancy", None, differing), Measure("total_wastage", None, _total(conn, asked, whole)),
    ]  # fmt: skip


def _total(conn: sa.Connection, asked: dict[str, Any], whole: dict[str, float | None]) -> Formula:
    levels = int(conn.execute(SQL["levels"], asked).scalar_one())
    closed = kpi.share(_nan(whole["lost"]), _nan(whole["managed"]))
    opened = kpi.share(_nan(whole["wasted"]), _nan(whole["opened"]))
    value = float(kpi.total_wastage(closed, opened, levels))
    known = np.isfinite(value)
    worked = f"1 - (1 - {float(closed):.3f})^{levels} x (1 - {float(opened):.3f})" if known else ""
    return Formula(
        "Total wastage", "1 - (1 - wastage in store)^levels x (1 - open-vial wastage)", "WHO",
        (formula.Figure("wastage in store", float(closed), "%"), formula.Figure("levels", levels, "levels"),
         formula.Figure("open-vial wastage", float(opened), "%")),
        worked, value if known else None, "%", "" if known else "no sessions report what they gave",
    )  # fmt: skip


def _nan(value: float | None) -> float:
    return np.nan if value is None else value


def _expiring(conn: sa.Connection, programme: Programme, asked: dict[str, Any], today: date) -> list[Measure]:
    """What will expire before it is used, first expired first out, at the demand in force; and what it is worth."""
    found = columns.read(
        conn.execute(SQL["lots"], asked | {"today": today, "last_usable_stage": rules.LAST_USABLE_STAGE}).one(),
        frozenset({"amc", "price"}),
    )
    place, row = np.unique(found["facility_id"] << 32 | found["product_id"], return_inverse=True)
    first = np.unique(row, return_index=True)[1]
    lost = expiry.expiring(
        row, found["doses"], columns.nullable(found["days_left"]), found["amc"][first] / policy.DAYS_PER_MONTH
    )
    doses, worth = float(np.nansum(lost)), float(kpi.value_at_risk(lost, found["price"][first]))
    currency = conn.execute(SQL["currency"], asked).scalar() or ""
    usable = float(found["doses"].sum())
    text = "usable doses that will expire before use at the demand in force, first expired first out"
    share = formula.kpi(
        "Expiry at risk", f"{text} / usable doses", doses if place.size else None, usable if place.size else None,
        numerator_name="doses that will expire", denominator_name="usable doses",
    )  # fmt: skip
    known = np.isfinite(worth)
    value = Formula(
        "Expiry value at risk", f"{text} x price", "WHO", (formula.Figure("doses that will expire", doses, "doses"),),
        f"{formula.number(round(doses))} doses at their prices" if known else "", worth if known else None, currency,
        "" if known else "no price is on record",
    )  # fmt: skip
    return [Measure("expiry_share", None, share), Measure("expiry_value", None, value)]


def period_of(today: date, months: int = 3) -> tuple[date, date]:
    """The last full months, as a default: first days of the first and the last of them."""
    until = monthly.number(today)
    return monthly.first_day(until - months), monthly.first_day(until) - timedelta(days=1)


def flat(found: Sequence[Measure]) -> list[dict[str, Any]]:
    """Measures as JSON takes them."""
    return [{"code": m.code, "product": m.product} | formula.data(m.formula) for m in found]
