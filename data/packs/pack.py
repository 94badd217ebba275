"""What does a pack.toml say? The closed form of one: every key known, every mistake named with its place.

docs/packs.md describes it for the person who writes one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

import pydantic
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from data import errors
from data.insight import consumption, policy

NAME = "pack.toml"


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class File(_Closed):
    """One file of the country, whose data it is, and under which licence."""

    path: str
    source: str
    licence: str
    encoding: str = "utf-8"
    delimiter: str = Field(",", min_length=1, max_length=1)


class Mapping(_Closed):
    """Where a field comes from: a column (its values renamed by `values`), or one value for every row."""

    column: str | None = None
    values: dict[str, str] = {}
    value: str | int | float | bool | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Mapping:
        if (self.column is None) == (self.value is None):
            raise ValueError("give either column or value")
        return self


#: A column's name, a text with {columns} in it, or a table with `column` and `values`, or with `value`.
From = str | Mapping


class Join(_Closed):
    """Columns of a second file, beside the rows whose column `on` equals its column `key`."""

    file: str
    on: str
    key: str
    where: dict[str, str] = {}


#: A programme's code is its address; these lead elsewhere already.
_TAKEN = frozenset({"api", "assets", "health", "login", "logout", "tiles", "values"})


class Programme(_Closed):
    """The words about the country: `data.packs.country.Programme`."""

    code: str = Field(pattern=r"^[a-z][a-z0-9-]{1,30}$")
    name: str
    timezone: str
    level_names: list[str] = Field(min_length=2, max_length=6)
    preset: str = "NPHCDA"
    notice: str = ""

    @field_validator("preset")
    @classmethod
    def _preset_known(cls, value: str) -> str:
        return _one_of(value, policy.PRESETS, "preset") or value

    @field_validator("code")
    @classmethod
    def _free(cls, value: str) -> str:
        if value in _TAKEN:
            raise ValueError(f"{value} is the name of another page; use one such as {value}-country")
        return value

    @field_validator("timezone")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"{value} is not a time zone; use a name such as Africa/Lagos")
        return value


class Area(_Closed):
    """The boundaries of one level; without a level 0, the nation is the union of level 1."""

    level: int = Field(ge=0, le=5)
    file: str
    code: From
    name: From
    parent: From | None = None
    population: From | None = None
    target_children: From | None = None
    # Surviving infants a year as a share of the population, where no column has them.
    target_children_share: float | None = Field(None, gt=0, lt=1)
    repair: bool = False
    join: list[Join] = []


class MadeCode(_Closed):
    """A code made from what a row says, for a file that has none: the same words always make the same code.

    `tell_apart` names the columns that are used only among rows that share all of `make_from`.
    """

    prefix: str
    make_from: list[str] = Field(min_length=1)
    tell_apart: list[str] = []


class Stated(_Closed):
    """The area that the file itself states for a facility: its code, or its name within the level above.

    An alias renames a value of the file; one that stands for several areas is a list.
    """

    level: int = Field(ge=1, le=5)
    column: str
    by: Literal["name", "code"] = "name"
    match: Literal["exact", "folded"] = "exact"
    aliases: dict[str, str | list[str]] = {}


class Facilities(_Closed):
    """The facilities; `point` is "inside" where the rows are areas and the facility lies somewhere in its own."""

    file: str
    code: From | MadeCode
    name: From
    tier: From
    lon: str | None = None
    lat: str | None = None
    point: Literal["columns", "inside"] = "columns"
    tolerance_km: float = Field(2.0, ge=0, le=50)
    stated: list[Stated] = []
    supplier: From | None = None
    catchment: From | None = None
    join: list[Join] = []

    @model_validator(mode="after")
    def _has_points(self) -> Facilities:
        if self.point == "columns" and (self.lon is None or self.lat is None):
            raise ValueError('name the columns lon and lat, or say point = "inside"')
        return self


class Policy(_Closed):
    """How the facilities of a tier are supplied, and whose levels hold; without a tier, those that no other names.

    With a product it says whose levels hold for that product only: a delivery brings all of them.
    """

    tier: str | None = None
    product: str | None = None
    delivery_interval_days: int = Field(30, ge=1, le=366)
    lead_time_days: int = Field(7, ge=0, le=366)
    preset: str | None = None
    amc_method: str | None = None
    window_months: Annotated[int, Field(ge=1, le=12)] | None = None

    @field_validator("preset")
    @classmethod
    def _preset_known(cls, value: str | None) -> str | None:
        return _one_of(value, policy.PRESETS, "preset")

    @field_validator("amc_method")
    @classmethod
    def _method_known(cls, value: str | None) -> str | None:
        return _one_of(value, consumption.METHODS, "AMC method")

    @model_validator(mode="after")
    def _of_a_product(self) -> Policy:
        supplied = self.model_fields_set & {"delivery_interval_days", "lead_time_days"}
        if self.product is not None and supplied:
            raise ValueError("a policy of one product says nothing of deliveries: name them for the tier")
        if self.product is not None and not self.judges:
            raise ValueError("a policy of one product names preset, amc_method or window_months")
        return self

    @property
    def judges(self) -> bool:
        """Whether it says whose levels or which AMC hold."""
        return (self.preset, self.amc_method, self.window_months) != (None, None, None)


def _one_of(value: str | None, known: Collection[str], what: str) -> str | None:
    if value is not None and value not in known:
        raise ValueError(f"{value} is no {what} that is known; use one of {', '.join(known)}")
    return value


class Campaign(_Closed):
    """From one day to another a product is given in an area beyond the routine."""

    product: str
    area: str
    first_day: date
    last_day: date
    name: str = ""

    @model_validator(mode="after")
    def _ends(self) -> Campaign:
        if self.last_day < self.first_day:
            raise ValueError("it ends before it begins")
        return self


class Product(_Closed):
    """One product, written in the pack itself."""

    code: str = Field(min_length=1)
    name: str
    unit: Literal["dose", "piece"] = "dose"
    doses_per_vial: int = Field(1, ge=1, le=1000)
    vials_per_pack: int | None = Field(None, ge=1, le=10_000)
    cm3_per_dose: float | None = Field(None, gt=0)
    open_vial_wastage: float | None = Field(None, ge=0, lt=1)
    doses_per_child: float | None = Field(None, gt=0)
    given_at: str = ""
    freeze_sensitive: bool = False
    tracer: bool = True
    price: float | None = Field(None, gt=0)
    currency: str | None = Field(None, pattern=r"^[A-Z]{3}$")

    @model_validator(mode="after")
    def _priced_in_a_currency(self) -> Product:
        if (self.price is None) != (self.currency is None):
            raise ValueError('a price needs its currency, such as "USD", and a currency its price')
        return self


class ProductFile(_Closed):
    """A file of products."""

    file: str
    code: From
    name: From
    unit: Literal["dose", "piece"] = "dose"
    doses_per_vial: From | None = None
    vials_per_pack: From | None = None
    price: From | None = None
    currency: str | None = Field(None, pattern=r"^[A-Z]{3}$")

    @model_validator(mode="after")
    def _priced_in_a_currency(self) -> ProductFile:
        if (self.price is None) != (self.currency is None):
            raise ValueError('a price needs its currency, such as "USD", and a currency its price')
        return self


class Rule(_Closed):
    """Rows of the history that are known to be wrong: those whose `column` holds one of `values`."""

    column: str
    values: list[str] = Field(min_length=1)
    reason: str
    remedy: str = ""


class Opening(_Closed):
    """Stock counted on one day, by lot where the file knows lots."""

    file: str
    facility: From
    product: From
    doses: str
    date: From
    lot: From | None = None
    expiry: From | None = None
    date_format: str = "%Y-%m-%d"
    join: list[Join] = []


class History(_Closed):
    """Monthly reports. Any amount may be left out; what is left out was not reported, and is not invented."""

    file: str
    facility: From
    product: From
    month: From
    month_format: str = "%Y-%m"
    opening: str | None = None
    received: str | None = None
    used: str | None = None
    lost: str | None = None
    adjusted: str | None = None
    closing: str | None = None
    days_out: str | None = None
    # The source writes 0 days out also where nobody counted any: a zero is then not reported.
    zero_days_are_blanks: bool = False
    # Asked for in the month's report. Not kept on record: `backtest` measures what it would add to a forecast.
    ordered: str | None = None
    # What "used" means here: given to people, or handed on.
    used_as: Literal["administered", "issue"] = "administered"
    # The unit of the file's amounts; vials are turned into doses.
    unit: Literal["product", "vial"] = "product"
    join: list[Join] = []
    refuse: list[Rule] = []
    blank_zeros: list[Rule] = []

    @model_validator(mode="after")
    def _has_amounts(self) -> History:
        if self.closing is None and self.opening is None:
            raise ValueError("name the column of closing or opening: without a balance there is no stock")
        return self


class Sessions(_Closed):
    """What vaccination sessions reported by month: doses administered, and how many sessions were held."""

    file: str
    facility: From
    product: From
    month: From
    administered: str
    sessions: str | None = None
    month_format: str = "%Y-%m"
    join: list[Join] = []


class Pack(_Closed):
    """A whole pack.toml."""

    root: str = "."
    programme: Programme
    files: dict[str, File]
    areas: Annotated[list[Area], Field(min_length=1)]
    facilities: Facilities
    policy: list[Policy] = []
    campaign: list[Campaign] = []
    product: list[Product] = []
    products: ProductFile | None = None
    opening: Opening | None = None
    history: History | None = None
    sessions: list[Sessions] = []

    @model_validator(mode="after")
    def _files_are_named(self) -> Pack:
        for where, table in self._tables():
            for used in [table, *getattr(table, "join", [])]:
                if used.file not in self.files:
                    raise ValueError(f'{where} uses the file "{used.file}", which [files.{used.file}] should name')
        if not self.product and self.products is None:
            raise ValueError("name the products: [[product]] tables, or a file under [products]")
        return self

    @model_validator(mode="after")
    def _one_currency(self) -> Pack:
        named = {p.currency for p in (*self.product, self.products) if p is not None and p.currency is not None}
        if len(named) > 1:
            raise ValueError(f"prices are in {' and '.join(sorted(named))}: values are added up, so use one currency")
        return self

    def _tables(self) -> list[tuple[str, Any]]:
        named = {"facilities": self.facilities, "products": self.products, "opening": self.opening,
                 "history": self.history}  # fmt: skip
        several = [("areas", a) for a in self.areas] + [("sessions", s) for s in self.sessions]
        return several + [(k, v) for k, v in named.items() if v is not None]


def locate(path: Path) -> Path:
    """The pack.toml meant by a path: itself, or the one in that folder; raises `PackError` where there is none."""
    found = path / NAME if path.is_dir() else path
    if not found.is_file():
        raise errors.PackError(
            field="pack.toml",
            reason=f"there is no {found}",
            remedy="Give the folder that holds pack.toml, or the file itself with --pack.",
        )
    return found


def parse(path: Path) -> Pack:
    """Read a pack.toml; raises `PackError` naming the first few keys that cannot be used."""
    try:
        return Pack.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise errors.PackError(
            field=path.name, reason=f"{path.name} is not TOML: {error}", remedy="Correct that line."
        ) from error
    except pydantic.ValidationError as error:
        places = [(".".join(str(p) for p in e["loc"]) or NAME, e["msg"]) for e in error.errors()[:5]]
        raise errors.PackError(
            field=places[0][0],
            reason="; ".join(f"{place}: {message}" for place, message in places),
            remedy="docs/packs.md describes every key.",
        ) from error
