"""In which state did each reported month end? The columns of stock_month that are worked out once, at the load."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data import assess, foretold, monthly
from data.insight import history, learned, policy
from data.packs import monthly as reported
from data.packs.country import Country
from data.types import State

Singles = NDArray[np.float32]

_AMOUNTS = ["closing", "opening", "received", "used", "days_out"]


def judged(country: Country, today: date) -> pd.DataFrame:
    """The reports with all of `history.Ended`, and `counted_30`, as their months ended; missing while one is running.

    Where the programme has a learned model, it is asked at the end of every month that it was not taught; of the last
    one that has ended it is asked when the country is assessed.
    """
    reports = country.reports
    ended = (reports["month"] < pd.Timestamp(today.replace(day=1))).to_numpy()
    state = pd.array([pd.NA] * len(reports), dtype="Int16")
    chances = {
        name: np.full(len(reports), np.nan, dtype=np.float32)
        for name in ("probability", "within_30", "expected", "counted_30")
    }
    if ended.any():
        found = judge(reports[ended], country)
        state[ended] = found.state
        for name in ("probability", "within_30", "expected"):
            chances[name][ended] = getattr(found, name)
        held = np.zeros(len(reports), dtype=np.bool_)
        held[ended] = (found.state != State.STOCKOUT) & ~np.isnan(found.within_30)
        _foretell(country, monthly.number(today) - 1, held, chances["within_30"], chances["counted_30"])
    # Of a month that is running the days out of stock are counted when it has ended.
    days_out = reports["days_out"].astype("Int16").where(ended)
    return reports.assign(state=state, days_out=days_out, **chances)


def _foretell(country: Country, last: int, held: NDArray[np.bool_], within_30: Singles, counted_30: Singles) -> None:
    """Put in what the learned model says at the end of each month from the last it was taught on, before `last`."""
    told = foretold.in_force(country.programme.code, last)
    if told.model is None:
        return
    known, position = reported.history(country), reported.places(country.reports)[0]
    number = _numbered(country.reports)
    for month in range(max(told.model.told.last_month, known.first), min(last, known.last + 1)):
        rows = np.flatnonzero((number == month) & held)
        said = learned.predict(told.model, known.until(month, foretold.MONTHS))[position[rows]]
        rows, said = rows[~np.isnan(said)], said[~np.isnan(said)]
        counted_30[rows] = within_30[rows]
        within_30[rows] = np.round(said, assess.DECIMALS)


def _numbered(reports: pd.DataFrame) -> NDArray[np.int64]:
    return np.asarray(reports["month"].dt.year * 12 + reports["month"].dt.month - 1, dtype=np.int64)


def judge(reports: pd.DataFrame, country: Country) -> history.Ended:
    """How the month of each report ended, in their order.

    Only full months are to be given: a running month has not ended in any state yet.
    """
    facility = country.facilities.set_index("code")
    product = country.products.set_index("code")
    place = facility.index.get_indexer(pd.Index(reports["facility"].astype("str")))
    item = product.index.get_indexer(pd.Index(reports["product"].astype("str")))
    positions, row = np.unique(place.astype(np.int64) * len(product) + item, return_inverse=True)
    number = _numbered(reports)
    first, last = int(number.min()), int(number.max())
    column = number - first
    shape = (positions.size, last - first + 1)

    def grid(name: str) -> NDArray[np.float64]:
        values = np.full(shape, np.nan)
        values[row, column] = pd.to_numeric(reports[name]).astype("float64").to_numpy(na_value=np.nan)
        return values

    at, what = facility.iloc[positions // len(product)], product.iloc[positions % len(product)]
    tiers = pd.Categorical(at["tier"])
    supplies = at.index.isin(country.facilities["supplier"].dropna())
    codes = product.index.to_list()
    chosen = policy.choose(
        [
            policy.Rule(r.tier, None if r.product is None else codes.index(r.product), r.preset, r.amc_method,
                        r.window_months)
            for r in country.policies
        ],
        country.programme.preset, tier=tiers.codes, product=positions % len(product), supplies=supplies,
        tiers=tiers.categories.to_list(),
    )  # fmt: skip
    found = history.states(
        **{name: grid(name) for name in _AMOUNTS},
        since_received=grid("since_received") if "since_received" in reports.columns else None,
        days=pd.period_range(_period(first), _period(last), freq="M").days_in_month.to_numpy(dtype=np.float64),
        group=np.unique((positions % len(product)) * 100 + tiers.codes.astype(np.int64), return_inverse=True)[1],
        expected_monthly=_expected(at, what),
        doses_per_vial=_numbers(what["doses_per_vial"]),
        lead_time_days=_numbers(at["lead_time_days"]),
        delivery_interval_days=_numbers(at["delivery_interval_days"]),
        supplies=supplies,
        preset=chosen.preset, method=chosen.method, window=chosen.window,
    )  # fmt: skip
    return history.Ended(*(getattr(found, name)[row, column] for name in history.Ended.__slots__))


def _expected(at: pd.DataFrame, what: pd.DataFrame) -> NDArray[np.float64]:
    """Doses a month that the children of the catchment would need, with what opened vials waste."""
    wastage = np.nan_to_num(_numbers(what["open_vial_wastage"]))
    need = _numbers(at["catchment"]) * _numbers(what["doses_per_child"]) / 12 / (1 - wastage)
    return np.asarray(need, dtype=np.float64)


def _numbers(values: pd.Series[Any]) -> NDArray[np.float64]:
    return np.asarray(pd.to_numeric(values).astype("float64").to_numpy(na_value=np.nan))


def _period(number: int) -> pd.Period:
    return pd.Period(year=number // 12, month=number % 12 + 1, freq="M")
