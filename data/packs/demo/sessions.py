"""What do the sessions of the demo country report? Doses given, from what was opened, at some of its facilities.

Drawn from a generator of their own, so that they change nothing of the stock. Like everything here they are simulated.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd

from data.packs import country
from data.packs.demo.calendar import FULL_MONTHS, Calendar
from data.packs.demo.network import Network
from data.packs.demo.scenario import Scenario

#: This share of the health facilities reports what its sessions gave.
REPORTING = 0.25

#: Places waste more or less than is planned for: the spread of a factor on it.
SPREAD = 0.25

#: A campaign takes so many days, from the second week of its month.
CAMPAIGN_DAYS = 10


def reported(seed: int, network: Network, products: pd.DataFrame, reports: pd.DataFrame) -> pd.DataFrame:
    """Return doses administered and sessions held of each month that was reported, at the facilities that tell."""
    rng = np.random.default_rng([seed, 1])
    tells = network.frame["code"][(network.tier == 4) & (rng.random(len(network.tier)) < REPORTING)]
    full = reports["month"] < reports["month"].min() + pd.DateOffset(months=FULL_MONTHS)
    rows = reports[full & reports["facility"].astype("str").isin(tells) & reports["used"].notna()]
    wastage = rows["product"].astype("str").map(products.set_index("code")["open_vial_wastage"]).to_numpy(dtype=float)
    lost = np.clip(wastage * rng.lognormal(0, SPREAD, len(rows)), 0, 0.9)
    used = rows["used"].to_numpy(dtype=float)
    return pd.DataFrame({
        "facility": rows["facility"].astype("str"), "product": rows["product"].astype("str"), "month": rows["month"],
        "administered": pd.array(np.round(used * (1 - lost)).astype(int), dtype="Int64"),
        "sessions": pd.array(np.where(used > 0, rng.integers(3, 9, len(rows)), 0), dtype="Int64"),
    })[country.SESSION].reset_index(drop=True)  # fmt: skip


def campaigns(network: Network, calendar: Calendar, happens: Scenario) -> tuple[country.Campaign, ...]:
    """Return the campaigns that were held: product, state and days."""
    found = []
    for product, month, states in happens.campaigns:
        first = calendar.months[month] + timedelta(days=7)
        last = first + timedelta(days=CAMPAIGN_DAYS - 1)
        found += [
            country.Campaign(product, code, first, last, f"{product} campaign (simulated)")
            for code in network.states["state_pcode"][states]
        ]
    return tuple(found)
