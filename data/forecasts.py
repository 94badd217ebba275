"""What will one place need, by every view that its data carry, and which view is in force? Reads, and asks insight."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from data import errors, monthly, queries
from data.columns import Floats
from data.insight import demand, forecast, formula, own_need, policy
from data.insight.demand import Source
from data.insight.forecast import Forecast, View
from data.insight.formula import Formula
from data.insight.history import WINDOW_MONTHS
from data.insight.own_need import Own
from data.insight.peers import Peers
from data.monthly import Span
from data.programmes import Programme

SQL = queries.read(Path(__file__).parent / "sql" / "forecasts.sql")

#: So many full months are looked at.
MONTHS = 36
#: The demand in force and its formula are the same within this share: what is stored is of single precision.
_SAME = 1e-5
_TAUGHT = ("level", "spread", "dispersion", "drift")


@dataclass(frozen=True, slots=True)
class Reading:
    """The forecasts of one position; `amc` is the demand in force, in doses (or pieces) a month, and `why` its reason.

    `need` is the formula of that demand with this place's own figures, and `formulas` those of the views, in the order
    of `forecasts`. `first` and `last` are the first days of the months that were looked at; `seasonal` says that the
    product has a season, which is in its forecast of use.
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
    need: Formula
    formulas: list[Formula]
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class _Position:
    """A facility and a product as the statements name them, and what holds for both."""

    place: Any
    about: Any
    method: str
    window: int
    span: Span


@dataclass(frozen=True, slots=True)
class _Told:
    """What is on record of its months, oldest first, NaN where nothing is."""

    used: Floats
    days_out: Floats
    administered: Floats
    campaign: NDArray[np.bool_]
    weight: Floats
    had_some: bool


def read(
    conn: sa.Connection, programme: Programme, facility: str, product: str, today: date, *, likes: str = ""
) -> Reading:
    """The forecasts for a product at a facility; raises `UnknownFacility` and `UnknownProduct`.

    `likes` is what places of its tier are called, in the plural.
    """
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
    at = _Position(place, about, *_chosen(conn, programme, place, about.id), span)
    told = _told(conn, programme, at)
    past = _history(at, told)
    found = forecast.side_by_side(past)
    source = Source.NONE if held is None or held.demand_source is None else Source(held.demand_source)
    unit = f"{about.unit}s"
    own = _own(conn, programme, at, told, likes or f"places of tier {place.tier}")
    return Reading(
        facility, product, about.unit, None if held is None else held.amc, source, forecast.why(source, found),
        forecast.VIEW_OF.get(source), forecast.best(found), about.season is not None, found,
        _in_force(own, None if held is None else held.amc, unit), _views(own, past, unit), span.first,
        monthly.first_day(until - 1),
    )  # fmt: skip


def _chosen(conn: sa.Connection, programme: Programme, place: Any, product_id: int) -> tuple[str, int]:
    rules = [policy.Rule(*row) for row in conn.execute(SQL["policies"], {"programme_id": programme.id})]
    found = policy.choose(
        rules, programme.preset, tier=[0], product=[product_id], supplies=[place.supplies], tiers=[place.tier]
    )
    return policy.METHOD_NAMES[int(found.method[0])], int(found.window[0])


def _told(conn: sa.Connection, programme: Programme, at: _Position) -> _Told:
    def line(rows: monthly.Rows, name: str) -> Floats:
        known = rows.product_id == at.about.id
        return rows.grid(name, np.zeros(int(known.sum()), dtype=np.intp), known, (1, MONTHS)).ravel()

    reports = monthly.reports(conn, programme.id, at.span, first=at.place.id, last=at.place.id)
    given = monthly.sessions(conn, programme.id, at.span, first=at.place.id, last=at.place.id)
    used, opening, received = (line(reports, name) for name in ("used", "opening", "received"))
    asked = {
        "programme_id": programme.id, "facility_id": at.place.id, "product_id": at.about.id, "since": at.span.first,
        "until": at.span.end,
    }  # fmt: skip
    campaign, weight = np.zeros(MONTHS, dtype=bool), np.ones(MONTHS)
    for month in conn.execute(SQL["campaign_months"], asked).scalars():
        campaign[monthly.number(month) - at.span.since] = True
    for row in conn.execute(SQL["weights"], asked):
        weight[monthly.number(row.month) - at.span.since] = row.weight
    last = slice(MONTHS - WINDOW_MONTHS, None)
    some = np.concatenate([values[last] for values in (used, received, opening)]) > 0
    return _Told(
        used, demand.days_out_at_least(line(reports, "days_out"), opening, received, at.span.days, used=used),
        line(given, "administered"), campaign, weight, bool(some.any()),
    )  # fmt: skip


def _history(at: _Position, told: _Told) -> forecast.History:
    """The months as forecasts are tried on them: those of a campaign were no routine."""
    season = at.about.season
    return forecast.History(
        np.where(told.campaign, np.nan, told.used), told.days_out, at.span.days,
        np.where(told.campaign, np.nan, told.administered), _known(at.about.open_vial_wastage),
        float(demand.from_population(_known(at.place.catchment), _known(at.about.doses_per_child),
                                     _known(at.about.open_vial_wastage))),
        at.method, at.window, season=None if season is None else np.array(season),
        first_month=at.span.since % 12,
    )  # fmt: skip


def _known(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _own(conn: sa.Connection, programme: Programme, at: _Position, told: _Told, likes: str) -> Own:
    """What the demand in force is worked out from: the last twelve months, and what like places taught."""
    last = slice(MONTHS - WINDOW_MONTHS, None)
    used = told.used[last]
    row = conn.execute(
        SQL["peers"],
        {"programme_id": programme.id, "product_id": at.about.id, "tier": at.place.tier,
         "partition_id": at.place.partition_id},
    ).one_or_none()  # fmt: skip
    return Own(
        months=[monthly.first_day(m) for m in range(at.span.until - WINDOW_MONTHS, at.span.until)],
        used=np.maximum(used, 0.0), days_out=told.days_out[last], days=at.span.days[last], weight=told.weight[last],
        campaign=told.campaign[last], administered=told.administered[last],
        handles=told.had_some or bool(np.isnan(used).all()), method=at.method, window=at.window,
        wastage=_known(at.about.open_vial_wastage), children=_known(at.place.catchment),
        doses_per_child=_known(at.about.doses_per_child), peers=None if row is None else _peers(row),
        likes=f"the {likes} of {at.place.partition}",
    )  # fmt: skip


def _peers(row: sa.Row[Any]) -> Peers:
    level, spread, dispersion, drift = (np.array([_known(row._mapping[n])]) for n in _TAUGHT)
    return Peers(level, spread, dispersion, drift, np.array([row.ratio]))


def _in_force(own: Own, amc: float | None, unit: str) -> Formula:
    """The formula of the demand in force; where months have changed since it was worked out, both numbers."""
    told = own_need.explain(own, unit)
    if amc is None or told.value is None or abs(told.value - amc) <= _SAME * max(told.value, amc):
        return replace(told, value=amc if amc is not None else told.value)
    now = formula.amount(round(amc, 1), told.unit)
    note = f"in force is {now}, from before a month changed; the next day it is worked out anew"
    return replace(told, note="; ".join(n for n in (told.note, note) if n))


def _views(own: Own, past: forecast.History, unit: str) -> list[Formula]:
    """The formula of each view's forecast, in their order."""
    months = slice(max(0, past.used.size - past.window), None)
    use = formula.amc(
        past.used[months].tolist(), past.days_out[months].tolist(), past.days[months].tolist(), method=past.method,
        unit=unit,
    )  # fmt: skip
    if past.season is not None and use.value is not None:
        index = float(past.season[(past.first_month + past.used.size) % len(past.season)])
        use = replace(use, worked=f"{use.worked} x {formula.number(round(index, 2))} for the season",
                      value=use.value * index)  # fmt: skip
    wastage = float(np.nan_to_num(past.wastage))
    return [
        use,
        formula.sessions(past.administered[months].tolist(), past.days_out[months].tolist(),
                         past.days[months].tolist(), wastage, unit=unit),
        formula.population(None if math.isnan(own.children) else own.children,
                           None if math.isnan(own.doses_per_child) else own.doses_per_child, wastage, unit=unit),
    ]  # fmt: skip
