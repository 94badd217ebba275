"""Which vaccines does the demo country give, where, and which lots of them came in?

The figures of `products.csv` are planning figures of the field (doses per vial, packed volume, open-vial wastage,
schedule); `price` is a round planning price of a dose, and `vials_per_pack` a usual size of the inner box, which
differs between manufacturers: both simulated, nobody's offer. Td and HPV are not given to infants:
their `doses_per_child` is doses a year per surviving infant. `coverage`, `posts`, `clinics` and `states` steer the
simulation only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.packs import country
from data.packs.demo.calendar import Calendar
from data.packs.demo.places import HERE

#: Lots per product, and how many of them were in the country when the history opens.
LOTS, OPENING_LOTS = 11, 3

#: Months that the lots in the country have left when the history opens: old stock is low down, new stock high up.
OPENING_LIFE = np.array([8, 14, 20])


@dataclass(frozen=True, slots=True)
class Lots:
    """The lots of every product, [products, LOTS], in order of expiry, so that first means first to use.

    `arrival` is the day of the calendar on which a lot can first be bought; `expiry_month` the month of the calendar
    at whose end it expires (-1: the month before the first).
    """

    arrival: NDArray[np.int32]
    expiry_month: NDArray[np.int32]
    frame: pd.DataFrame


def read() -> pd.DataFrame:
    """The products, in the order of the screen, with the columns that steer the simulation."""
    table = pd.read_csv(HERE / "products.csv", keep_default_na=False)
    table["unit"], table["tracer"] = "dose", True
    return table


def public(table: pd.DataFrame) -> pd.DataFrame:
    """The columns of a Country's products."""
    return table[country.PRODUCT].copy()


def given(table: pd.DataFrame, state_codes: pd.Series, zones: pd.Series) -> NDArray[np.bool_]:
    """[states, products]: is the product on this state's schedule? `states` in the file names zones or P-codes."""
    where = [set(text.split()) for text in table["states"]]
    return np.array([
        [not limit or code in limit or zone in limit for limit in where]
        for code, zone in zip(state_codes, zones, strict=True)
    ])  # fmt: skip


def lots(rng: np.random.Generator, table: pd.DataFrame, calendar: Calendar) -> Lots:
    """Shipments that reach the country, about one in eight weeks and product; vaccines expire at a month's end."""
    shape = (len(table), LOTS)
    arrival = np.full(shape, -1, dtype=np.int32)
    later = LOTS - OPENING_LOTS
    spaced = (np.arange(later) + rng.uniform(0.1, 0.9, (len(table), later))) * (calendar.days - 5) / later
    arrival[:, OPENING_LOTS:] = np.sort(spaced.astype(np.int32), axis=1)
    life = rng.integers(18, 28, shape)
    life[:, :OPENING_LOTS] = OPENING_LIFE + rng.integers(-1, 2, (len(table), OPENING_LOTS))
    expiry = np.maximum.accumulate(calendar.month_of_day[np.maximum(arrival, 0)] + life, axis=1).astype(np.int32)
    number = [
        f"{code[:3]}{100 + 37 * p % 800 + j:03d}{'ABCDEFGHKLM'[(p * 5 + j) % 11]}"
        for p, code in enumerate(table["code"]) for j in range(LOTS)
    ]  # fmt: skip
    frame = pd.DataFrame({
        "product": np.repeat(table["code"].to_numpy(), LOTS),
        "number": number,
        "expiry": [_month_end(calendar.months[0], int(ahead)) for ahead in expiry.ravel()],
    })  # fmt: skip
    return Lots(arrival, expiry, frame)


def _month_end(first: date, ahead: int) -> date:
    return (pd.Timestamp(first) + pd.offsets.MonthEnd(ahead + 1)).date()
