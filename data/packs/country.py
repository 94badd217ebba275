"""What is a country, before it is rows? One value that every pack reader and the demo generator return alike.

Column names and units of each table are fixed here and checked by `check`; `data.packs.load` writes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

import geopandas as gpd
import pandas as pd

from data import errors
from data.insight import consumption, policy

AREA = ["code", "name", "level", "parent", "population", "target_children", "geometry"]
FACILITY = [
    "code", "name", "tier", "area", "lon", "lat", "supplier", "catchment",
    "delivery_interval_days", "lead_time_days", "flags",
]  # fmt: skip
PRODUCT = [
    "code", "name", "unit", "doses_per_vial", "vials_per_pack", "cm3_per_dose", "open_vial_wastage", "doses_per_child",
    "given_at", "freeze_sensitive", "tracer", "price", "currency",
]  # fmt: skip
LOT = ["product", "number", "expiry"]
REPORT = [
    "facility", "product", "month", "opening", "received", "used", "lost", "adjusted", "closing", "days_out",
]  # fmt: skip
SESSION = ["facility", "product", "month", "administered", "sessions"]
EVENT = ["facility", "product", "lot", "kind", "doses", "reason", "occurred_at", "source_id"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the check of a pack found: what was refused or flagged, how often, and what to do.

    `examples` are at most five, each with the row number of the source file where there is one.
    """

    severity: Literal["kept", "refused", "flagged"]
    table: str
    reason: str
    count: int
    remedy: str = ""
    examples: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """Whose levels, which AMC and how many months of it hold for a tier and a product (its code); None is all."""

    tier: str | None
    product: str | None
    preset: str
    amc_method: str = consumption.MSUPPLY
    window_months: int = policy.WINDOW


@dataclass(frozen=True, slots=True)
class Campaign:
    """From one day to another a product (its code) is given in an area (its code) beyond the routine."""

    product: str
    area: str
    first_day: date
    last_day: date
    name: str = ""


def no_sessions() -> pd.DataFrame:
    """The table of sessions of a country where none are reported."""
    return pd.DataFrame({name: pd.Series(dtype="Int64") for name in SESSION}).astype(
        {"facility": "str", "product": "str", "month": "datetime64[ns]"}
    )


@dataclass(frozen=True, slots=True)
class Programme:
    """The words about a country: who it is, whose data it is, and what must be said beside it."""

    code: str
    name: str
    timezone: str
    level_names: Sequence[str]
    preset: str = "NPHCDA"
    simulated: bool = False
    notice: str = ""
    sources: Sequence[str] = ()


@dataclass(frozen=True)
class Country:
    """A whole country, columnar.

    - `areas`: AREA columns, EPSG:4326 MultiPolygons, level 0 is the nation (parent None), parents before children.
      population and target_children (surviving infants a year) may be missing (<NA>).
    - `facilities`: FACILITY columns; `area` is the code of the deepest area it lies in; lon/lat NaN where unknown;
      supplier is the code of another facility or None; catchment in children a year (NA if unknown);
      flags a list of short words such as "no-coordinates".
    - `products`: PRODUCT columns; unit "dose" or "piece"; order is the order on screen.
    - `lots`: LOT columns (expiry a date).
    - `reports`: REPORT columns, one row per facility x product x month *reported*; month is the first day
      (datetime64[ns]); amounts in doses, NA where not reported, never zero in its place; days_out full days.
      Beside them, where they are known: `ordered`, in doses; `since_received`, days from the month's last delivery to
      its end.
    - `events`: EVENT columns: doses is the signed effect on the balance; kind a data.types.Kind value;
      lot the number or None; occurred_at UTC datetime64; every balance by lot is >= 0 at every moment and the sum
      equals the closing of each month reported. source_id is unique per (facility, product, month, kind, lot).
    - `sessions`: SESSION columns, one row per facility x product x month that sessions reported, NA where they did not.
    facility, product and lot columns of reports, lots and events may be pandas Categoricals of codes.
    """

    programme: Programme
    areas: gpd.GeoDataFrame
    facilities: pd.DataFrame
    products: pd.DataFrame
    lots: pd.DataFrame
    reports: pd.DataFrame
    events: pd.DataFrame
    findings: list[Finding] = field(default_factory=list)
    sessions: pd.DataFrame = field(default_factory=no_sessions)
    policies: Sequence[Policy] = ()
    campaigns: Sequence[Campaign] = ()


def check(country: Country) -> None:
    """Refuse a Country whose tables lack a column; raises `PackError` naming table and columns."""
    for table, columns in {
        "areas": AREA, "facilities": FACILITY, "products": PRODUCT, "lots": LOT, "reports": REPORT, "events": EVENT,
        "sessions": SESSION,
    }.items():  # fmt: skip
        missing = [c for c in columns if c not in getattr(country, table).columns]
        if missing:
            raise errors.PackError(
                field=table,
                reason=f"the table {table} has no column {', '.join(missing)}",
                remedy=f"Name the column in [{table}] of pack.toml, or add it to the file.",
            )
