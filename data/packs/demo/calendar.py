"""Which days does the history cover? Twelve full months and the running one, up to yesterday."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

FULL_MONTHS = 12


@dataclass(frozen=True, slots=True)
class Calendar:
    """The local days of the history, numbered from 0, and their months, numbered from 0.

    `months` holds the first day of each; the last is the running month where it has a day before today.
    `starts` is the number of each month's first day, with `days` at its end.
    """

    first: date
    days: int
    months: tuple[date, ...]
    starts: NDArray[np.int32]
    month_of_day: NDArray[np.int32]
    weekday: NDArray[np.int32]


def until(today: date) -> Calendar:
    """The calendar of a history that ends the day before today; on a first of a month there is no running month."""
    this_month = pd.Timestamp(today).replace(day=1)
    first = this_month - pd.DateOffset(months=FULL_MONTHS)
    days = pd.date_range(first, pd.Timestamp(today), inclusive="left")
    number = (days.year - first.year) * 12 + days.month - first.month
    months = tuple(day.date() for day in days[days.day == 1])
    weekday = days.day_of_week.to_numpy(dtype=np.int32)
    starts = np.searchsorted(number, np.arange(len(months) + 1)).astype(np.int32)
    return Calendar(first.date(), len(days), months, starts, number.to_numpy(dtype=np.int32), weekday)
