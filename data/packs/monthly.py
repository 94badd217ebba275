"""What does a pack report of each position, month by month, as the learned model reads it? Columns become a history."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data import errors
from data.insight.learned_history import AMOUNTS, History
from data.packs.country import Country


def places(reports: pd.DataFrame) -> tuple[NDArray[np.intp], pd.DataFrame]:
    """The number of each report's position, sorted by facility and product; and the codes of each."""
    keys = reports[["facility", "product"]].astype("str")
    position = np.asarray(keys.groupby(["facility", "product"]).ngroup(), dtype=np.intp)
    return position, keys.drop_duplicates().sort_values(["facility", "product"])


def history(country: Country) -> History:
    """The monthly reports of a country as arrays; raises `PackError` where it has none.

    Positions are sorted by facility and product. Facilities, products and areas are numbered in the order of the
    country's tables.
    """
    reports = country.reports
    if reports.empty:
        raise errors.PackError(
            field="history",
            reason="the pack has no monthly reports that can be used",
            remedy="Describe them under [history] in pack.toml; docs/packs.md says how.",
        )
    position, named = places(reports)
    number = reports["month"].dt.year.to_numpy() * 12 + reports["month"].dt.month.to_numpy() - 1
    first = int(number.min())
    shape = (len(named), int(number.max()) - first + 1)
    amounts = {}
    for name in AMOUNTS:
        amounts[name] = np.full(shape, np.nan, dtype=np.float32)
        if name in reports.columns:
            values = pd.to_numeric(reports[name]).astype("float64").to_numpy(na_value=np.nan)
            amounts[name][position, number - first] = values
    facilities, products = country.facilities.set_index("code"), country.products.set_index("code")
    areas = pd.Index(country.areas["code"])
    return History(
        first=first,
        facility=facilities.index.get_indexer(pd.Index(named["facility"])),
        product=products.index.get_indexer(pd.Index(named["product"])),
        area=areas.get_indexer(pd.Index(facilities["area"].reindex(named["facility"]))),
        vial=products["doses_per_vial"].reindex(named["product"]).to_numpy(dtype=np.float32),
        **amounts,
    )
