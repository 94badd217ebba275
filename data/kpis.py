"""How well did supply work in an area and a period? The indicators that the data carry, each with its formula.

Sums are made in the database, per product; the indicators are `data.insight.kpi`'s. What the data do not carry is
listed as such, with what is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

from data import columns, errors, monthly, queries
from data.insight import consumption, expiry, formula, kpi, policy, risk
from data.insight.formula import Formula
from data.programmes import Programme
from data.record import rules
from data.types import Loss, State

SQL = queries.read(Path(__file__).parent / "sql" / "kpis.sql")

#: No period is longer; and so many months are shown where nobody said which.
MOST_MONTHS, _SHOWN = 36, 3


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


_SERVE = "places that serve children"
_LINES = (
    _Line("stockout_now", "Stockout rate, now", f"{_SERVE} and are out now / that handle it and report",
          ("out_now", "places out"), ("reporting_now", "places that handle it and report")),
    _Line("stockout_period", "Stockout rate, period",
          f"{_SERVE} and were out at any time / that handled it and reported",
          ("out_ever", "places out at any time"), ("reported", "places that handled it and reported")),
    _Line("stockout_days", "Stockout days", "full days out of stock with demand, mean per place and vaccine",
          ("days_out", "full days out"), ("reported", "places that handled it and reported"), "days"),
    _Line("according_to_plan", "Stocked according to plan",
          "month ends with a balance between minimum and maximum, both included / month ends with a known demand",
          ("planned", "month ends in plan"), ("judged", "month ends with demand")),
    _Line("reporting_rate", "Reporting rate", "monthly reports received / expected from what is handled",
          ("reports", "reports received"), ("expected", "reports expected")),
    _Line("closed_vial_wastage", "Closed-vial wastage", "doses of closed vials lost (expiry, heat, frost, breakage,"
          " VVM, missing) at all places / doses managed (opening + received), once at each place that they pass",
          ("closed_lost", "doses lost"), ("managed", "doses managed")),
    _Line("open_vial_wastage", "Open-vial wastage", "(doses opened - administered) / opened, where sessions report what"
          " they gave or losses of opened vials are recorded",
          ("wasted", "doses opened and not given"), ("opened", "doses opened")),
    _Line("uptake", "Uptake", f"doses used / (opening + received), at {_SERVE}",
          ("used", "doses used"), ("had", "doses they had")),
    _Line("forecast_ratio", "Use against forecast", "doses used, as if there had been stock every day / doses that were"
          " expected when the month began, at places and months in which anything was used",
          ("need", "doses used"), ("foretold", "doses expected")),
    _Line("forecast_error", "Forecast error (MAPE)",
          "|expected - used| / used, weighted by doses: of each place and month in which anything was used",
          ("missed_by", "doses by which the forecasts were off"), ("need", "doses used")),
    _Line("forecast_bias", "Forecast bias",
          "(expected - used) / used, weighted by doses: above 0 too much was expected",
          ("too_much", "doses expected too much"), ("need", "doses used")),
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
    asked = _asked(conn, programme, area_id, period)
    conn.execute(SQL["plan_each"])
    rows = {r.product: dict(r._mapping) for r in conn.execute(SQL["months"], asked)}
    ordered = conn.execute(SQL["orders"], asked).all()
    for found in (conn.execute(SQL["now"], asked), conn.execute(SQL["opened"], asked), ordered):
        for r in found:
            rows.setdefault(r.product, {"product": r.product, "tracer": r.tracer}).update(r._mapping)
    lines = (*_LINES, *_OF_ORDERS) if ordered else _LINES
    tracers = [row for row in rows.values() if row["tracer"]]
    for row in rows.values():
        # Who is expected to report and never did reported nothing, which is known.
        row["reports"] = row.get("reports") or 0
        row["closed_lost"] = _less(row.get("lost"), row.get("opened_lost"))
        row["too_much"] = _less(row.get("foretold"), row.get("need"))
    whole = {
        column: _sum(row.get(column) for row in tracers)
        for column in {"months", "days_known"} | {c for line in lines for c in (line.part[0], line.whole[0])}
    }
    measures = [*_measures(lines, None, whole), *_of_all(conn, asked, whole), *_expiring(conn, programme, asked, today)]
    for product, row in rows.items():
        measures += _measures(lines, product, row)
    missing = [m for m in MISSING if not (ordered and m is NO_ORDERS)]
    return Indicators(code, name, period[0], period[1], measures, missing)


def _asked(conn: sa.Connection, programme: Programme, area_id: int, period: tuple[date, date, date]) -> dict[str, Any]:
    """What the statements are asked with: the period as days and moments, and the levels of each preset."""
    terms = conn.execute(SQL["terms"], {"programme_id": programme.id}).all()
    levels = [
        (policy.CODES[name], lead, interval, *policy.bands(name, 1.0, lead, interval))
        for lead, interval in terms for name in policy.NAMES
    ]  # fmt: skip
    presets, leads, intervals, lows, highs = zip(*levels, strict=True) if levels else ((),) * 5
    return {
        "programme_id": programme.id, "area_id": area_id, "first": period[0], "until": period[2],
        "starts": programme.midnight(period[0]), "ends": programme.midnight(period[2]), "timezone": programme.timezone,
        "months": monthly.number(period[2]) - monthly.number(period[0]),
        "stockout": int(State.STOCKOUT), "no_report": int(State.NO_REPORT), "inactive": int(State.INACTIVE),
        "presets": list(presets), "leads": list(leads), "intervals": list(intervals),
        # A balance that is exactly at its level is in plan, whatever a stored number was rounded to.
        "lows": [float(low) * (1 - risk.AT_THE_BAND) for low in lows],
        "highs": [float(high) * (1 + risk.AT_THE_BAND) for high in highs],
        "stores": policy.CODES[policy.STORES], "preset": policy.CODES[programme.preset],
        "in_stock_at_least": consumption.IN_STOCK_AT_LEAST, "opened_vials": Loss.OPENED.value,
    }  # fmt: skip


def _less(amount: Any, part: Any) -> float | None:
    return None if amount is None else float(amount) - float(part or 0)


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
    def named(words: str) -> str:
        # Over all vaccines a place is counted once for each that it handles.
        return words if product is not None else words.replace("places", "places x vaccines")

    found = []
    for line in lines:
        part, whole = row.get(line.part[0]), row.get(line.whole[0])
        told = formula.kpi(
            line.name, line.text, None if part is None else float(part), None if whole is None else float(whole),
            numerator_name=named(line.part[1]), denominator_name=named(line.whole[1]), unit=line.unit,
        )  # fmt: skip
        if line.code == "stockout_days" and told.value is not None:
            told = replace(told, note=_unknown_days(row))
        found.append(Measure(line.code, product, told))
    return found


def _unknown_days(row: dict[str, Any]) -> str:
    """What a reader has to know where days out were not reported of every month, and do not follow from it."""
    months, known = int(row["months"] or 0), int(row["days_known"] or 0)
    if known == months:
        return ""
    return f"the days of {months - known:,} of {months:,} months are not known: it is at least so many"


def _of_all(conn: sa.Connection, asked: dict[str, Any], whole: dict[str, float | None]) -> list[Measure]:
    """What is of facilities or deliveries rather than of products."""
    row = conn.execute(SQL["availability"], asked).one()
    full = formula.kpi(
        "Full stock availability", f"{_SERVE} and had every tracer available throughout / that report",
        row.full, row.facilities, numerator_name="places with every tracer throughout",
        denominator_name="places that report",
    )  # fmt: skip
    ways = conn.execute(SQL["deliveries"], asked).one()
    otif = formula.kpi(
        "On time and in full", "deliveries that arrived within the receiver's lead time with all that was sent"
        " / deliveries that were due", ways.good, ways.deliveries, numerator_name="deliveries on time and in full",
        denominator_name="deliveries due",
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
    closed = kpi.share(_nan(whole["closed_lost"]), _nan(whole["managed"]))
    opened = kpi.share(_nan(whole["wasted"]), _nan(whole["opened"]))
    value = float(kpi.total_wastage(closed, opened, levels))
    known = np.isfinite(value)
    worked = f"1 - (1 - {float(closed):.3f})^{levels} x (1 - {float(opened):.3f})" if known else ""
    return Formula(
        "Total wastage", "1 - (1 - closed-vial wastage)^levels x (1 - open-vial wastage)", "WHO",
        (formula.Figure("closed-vial wastage", float(closed), "%"), formula.Figure("levels", levels, "levels"),
         formula.Figure("open-vial wastage", float(opened), "%")),
        worked, value if known else None, "%", "" if known else "nothing says what opened vials wasted",
    )  # fmt: skip


def _nan(value: float | None) -> float:
    return np.nan if value is None else value


def _expiring(conn: sa.Connection, programme: Programme, asked: dict[str, Any], today: date) -> list[Measure]:
    """What will expire before it is used, first expired first out, at the demand in force; and what it is worth."""
    found = columns.read(
        conn.execute(SQL["lots"], asked | {"today": today, "last_usable_stage": rules.LAST_USABLE_STAGE}).one(),
        frozenset({"amc", "price"}),
    )
    _, first, row = np.unique(found["facility_id"] << 32 | found["product_id"], return_index=True, return_inverse=True)
    lost = expiry.expiring(
        row, found["doses"], columns.nullable(found["days_left"]), found["amc"][first] / policy.DAYS_PER_MONTH
    )
    told = np.isfinite(lost)
    doses, worth = float(lost[told].sum()), float(kpi.value_at_risk(lost, found["price"][first]))
    currency = conn.execute(SQL["currency"], asked).scalar() or ""
    usable = float(found["doses"][told[row]].sum())
    text = "usable doses that will expire before use at the demand in force, first expired first out"
    share = formula.kpi(
        "Expiry at risk", f"{text} / usable doses of known expiry", doses if told.any() else None, usable,
        numerator_name="doses that will expire", denominator_name="usable doses of known expiry",
    )  # fmt: skip
    known = np.isfinite(worth)
    value = Formula(
        "Expiry value at risk", f"{text} x price", "WHO", (formula.Figure("doses that will expire", doses, "doses"),),
        f"{formula.number(round(doses))} doses at their prices" if known else "", worth if known else None, currency,
        "" if known else "no price is on record" if told.any() else "no expiry is on record, or no demand",
    )  # fmt: skip
    return [Measure("expiry_share", None, share), Measure("expiry_value", None, value)]


def months(conn: sa.Connection, programme_id: int, today: date) -> list[date]:
    """The full months to choose from, oldest first: those on record, or the last ones where none is."""
    until = monthly.number(today)
    return monthly.ended(conn, programme_id, today) or [monthly.first_day(m) for m in range(until - _SHOWN, until)]


def period_of(known: Sequence[date]) -> tuple[date, date]:
    """The last of these months and the two before it, as a default: first days of the first and the last."""
    return monthly.first_day(monthly.number(known[-1]) + 1 - _SHOWN), known[-1]


def flat(found: Sequence[Measure]) -> list[dict[str, Any]]:
    """Measures as JSON takes them."""
    return [{"code": m.code, "product": m.product} | formula.data(m.formula) for m in found]
