"""What will one place need, by every view that its data carry, and which view is in force? Reads, and asks insight."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

from data import errors, monthly, queries
from data.insight import consumption, demand, forecast, policy
from data.insight.demand import Source
from data.insight.forecast import Forecast, View
from data.monthly import Span
from data.programmes import Programme

SQL = queries.read(Path(__file__).parent / "sql" / "forecasts.sql")

#: So many full months are looked at.
MONTHS = 36


@dataclass(frozen=True, slots=True)
class Reading:
    """The forecasts of one position; `amc` is the demand in force, in doses (or pieces) a month, and `why` its reason.

    `first` and `last` are the first days of the months that were looked at; `seasonal` says that the product has a
    season, which is in its forecast of use.
    """

    facility: str
    product: str
    unit: str
    amc: float | None
    source: Source
    why: str
    in_force: View | None
    best: View | None
    seasonal: bool
    forecasts: list[Forecast]
    first: date
    last: date


def read(conn: sa.Connection, programme: Programme, facility: str, product: str, today: date) -> Reading:
    """The forecasts for a product at a facility; raises `UnknownFacility` and `UnknownProduct`."""
    asked = {"programme_id": programme.id, "facility": facility, "product": product}
    place = conn.execute(SQL["facility"], asked).one_or_none()
    if place is None:
        raise errors.UnknownFacility("facility", "Search for it by name to find its code.", value=facility)
    about = conn.execute(SQL["product"], asked).one_or_none()
    if about is None:
        raise errors.UnknownProduct("product", "The programme's products are listed under registry.", value=product)
    until = monthly.number(today)
    span = Span(until - MONTHS, until)
    held = conn.execute(SQL["position"], {"facility_id": place.id, "product_id": about.id}).one_or_none()
    chosen = _chosen(conn, programme, place, about.id)
    past = _history(conn, programme, place, about, span, chosen)
    found = forecast.side_by_side(past)
    source = Source.NONE if held is None or held.demand_source is None else Source(held.demand_source)
    return Reading(
        facility, product, about.unit, None if held is None else held.amc, source, forecast.why(source, found),
        forecast.VIEW_OF.get(source), forecast.best(found), about.season is not None, found,
        span.first, monthly.first_day(until - 1),
    )  # fmt: skip


def _chosen(conn: sa.Connection, programme: Programme, place: Any, product_id: int) -> tuple[str, int]:
    rules = [policy.Rule(*row) for row in conn.execute(SQL["policies"], {"programme_id": programme.id})]
    found = policy.choose(
        rules, programme.preset, tier=[0], product=[product_id], supplies=[place.supplies], tiers=[place.tier]
    )
    return policy.METHOD_NAMES[int(found.method[0])], int(found.window[0])


def _history(
    conn: sa.Connection, programme: Programme, place: Any, about: Any, span: Span, chosen: tuple[str, int]
) -> forecast.History:
    def line(rows: monthly.Rows, name: str) -> consumption.Floats:
        known = rows.product_id == about.id
        return rows.grid(name, np.zeros(int(known.sum()), dtype=np.intp), known, (1, MONTHS)).ravel()

    told = monthly.reports(conn, programme.id, span, first=place.id, last=place.id)
    given = monthly.sessions(conn, programme.id, span, first=place.id, last=place.id)
    out = demand.days_out_at_least(line(told, "days_out"), line(told, "opening"), line(told, "received"), span.days)
    wastage = math.nan if about.open_vial_wastage is None else about.open_vial_wastage
    children = math.nan if place.catchment is None else place.catchment
    per_child = math.nan if about.doses_per_child is None else about.doses_per_child
    return forecast.History(
        line(told, "used"), out, span.days, line(given, "administered"), wastage,
        float(demand.from_population(children, per_child, wastage)), *chosen,
        season=None if about.season is None else np.array(about.season), first_month=span.since % 12,
    )  # fmt: skip
