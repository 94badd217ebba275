"""What will be used next month? Views of need side by side, each with the error that it made before.

From what was used, from what sessions gave, and from the children to be vaccinated. Every forecast of the past is made
from the months before it only.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from data.insight import consumption, demand, kpi
from data.insight.demand import Source
from data.insight.policy import WINDOW

Floats = NDArray[np.float64]

#: A first forecast needs so many months before it.
FIRST = 3


@unique
class View(StrEnum):
    """A way to look at need."""

    CONSUMPTION = "consumption"
    SESSIONS = "sessions"
    POPULATION = "population"


#: Which view is behind each source of the demand in force.
VIEW_OF = {
    Source.CONSUMPTION: View.CONSUMPTION,
    Source.BLEND: View.CONSUMPTION,
    Source.SESSIONS: View.SESSIONS,
    Source.POPULATION: View.POPULATION,
}

TEXTS = {
    View.CONSUMPTION: "what it used while it had stock, over the last months of its window",
    View.SESSIONS: "doses its sessions gave x 1 / (1 - open-vial wastage)",
    View.POPULATION: "children a year x doses per child / 12 / (1 - open-vial wastage)",
}


@dataclass(frozen=True, slots=True)
class History:
    """Full months of one position, oldest first [m], NaN where not reported; `population` is doses a month, or NaN."""

    used: Floats
    days_out: Floats
    days: Floats
    administered: Floats
    wastage: float
    population: float
    method: str = consumption.MSUPPLY
    window: int = WINDOW
    season: Floats | None = None
    first_month: int = 0


@dataclass(frozen=True, slots=True)
class Forecast:
    """One view: doses for the next month, NaN where it says nothing, and how it did on the months before.

    `mase` is its mean absolute error / that of saying the same as last month; `mape` and `bias` are shares of what was
    used. NaN where no month could be tried; `trials` is how many were.
    """

    view: View
    monthly: float
    mase: float
    mape: float
    bias: float
    trials: int


def side_by_side(past: History) -> list[Forecast]:
    """Return every view with its forecast of the month after the last, and its errors by rolling origin."""
    months = past.used.size
    share = consumption.in_stock_share(past.days_out, past.days)
    # What was needed in a month that was partly out; a month (nearly) wholly out cannot judge anybody.
    enough = share >= consumption.IN_STOCK_AT_LEAST
    actual = np.where(enough, past.used / np.where(enough, share, 1.0), np.nan)
    steps = np.abs(np.diff(actual))
    scale = float(np.nanmean(steps)) if np.isfinite(steps).any() else float("nan")
    found = []
    for view in View:
        said = _said(view, past)
        tried = np.where(np.arange(months) >= FIRST, said[:-1], np.nan)
        known = ~np.isnan(tried) & ~np.isnan(actual)
        found.append(
            Forecast(
                view, float(said[-1]), float(kpi.mase(actual, tried, scale)), float(kpi.mape(actual, tried)),
                float(kpi.bias(actual, tried)), int(known.sum()),
            )
        )  # fmt: skip
    return found


def _said(view: View, past: History) -> Floats:
    """What a view said of each month with what was known before it; last of the one that is to come."""
    count = past.used.size + 1
    if view is View.POPULATION:
        return np.full(count, past.population)

    def before(values: Floats, nothing: float) -> Floats:
        """The window before each month; what lies before the first month was not reported."""
        padded = np.concatenate([np.full(past.window, nothing), values])
        return sliding_window_view(padded, past.window)

    out, days = before(past.days_out, 0.0), before(past.days, 30.0)
    if view is View.SESSIONS:
        given = before(past.administered, np.nan)
        return demand.from_sessions(given, np.full(count, past.wastage), out, days).monthly
    amc = consumption.amc(past.method, before(past.used, np.nan), out, days)
    if past.season is None:
        return amc
    return np.asarray(amc * past.season[(past.first_month + np.arange(count)) % past.season.size])


def best(forecasts: list[Forecast]) -> View | None:
    """Return the view that erred least on the months before; None where none could be tried."""
    tried = [f for f in forecasts if np.isfinite(f.mase)]
    return min(tried, key=lambda f: f.mase).view if tried else None


def why(source: Source, forecasts: list[Forecast]) -> str:
    """Say in words why the demand in force is from its source, and whether another view would have erred less."""
    said = f"{demand.WHY[source][0].upper()}{demand.WHY[source][1:]}."
    winner, held = best(forecasts), VIEW_OF.get(source)
    if winner is None or held is None or winner is held:
        return said
    errors = {f.view: f.mape for f in forecasts}
    if not (np.isfinite(errors[winner]) and np.isfinite(errors[held])):
        return said
    less, more = _percent(errors[winner]), _percent(errors[held])
    if errors[winner] >= errors[held] or less == more:
        return said
    return f"{said} By {winner.value} the months before would have been missed by {less}, not by {more}."


def _percent(share: ArrayLike) -> str:
    return f"{100 * float(np.asarray(share)):.0f} %"
