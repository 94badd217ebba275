"""Which products does the country keep? The pack's own tables first, then its file, in the order on screen."""

from __future__ import annotations

import pandas as pd

from data import errors
from data.packs import pack as packs
from data.packs import tables
from data.packs.country import PRODUCT


def read(reading: tables.Reading) -> pd.DataFrame:
    """The products; raises `PackError` where none can be used."""
    rows = pd.DataFrame([dict(product) for product in reading.pack.product], columns=PRODUCT)
    if reading.pack.products is not None:
        rows = pd.concat([rows, _file(reading, reading.pack.products)], ignore_index=True)
    again = rows["code"].duplicated()
    reading.note("refused", "products", "code is used twice", rows["code"][again], "Give every product its own code.")
    rows = rows[~again].reset_index(drop=True)
    if rows.empty:
        raise errors.PackError(field="products", reason="no product can be used", remedy="Name at least one.")
    types = {"doses_per_vial": "int64", "vials_per_pack": "Int64", "freeze_sensitive": "bool", "tracer": "bool"}
    types |= {name: "Float64" for name in ("cm3_per_dose", "open_vial_wastage", "doses_per_child", "price")}
    reading.note("kept", "products", "in the order on screen", len(rows))
    return rows.astype(types)[PRODUCT]


def _file(reading: tables.Reading, spec: packs.ProductFile) -> pd.DataFrame:
    table = reading.table(spec.file, "products")
    names = ("code", "name", "doses_per_vial", "vials_per_pack", "price")
    fields = {name: getattr(spec, name) for name in names}
    reading.need(table, spec.file, {f"products.{name}": value for name, value in fields.items()})
    rows = pd.DataFrame({"code": tables.pick(table, spec.code), "name": tables.pick(table, spec.name)})
    rows["unit"] = spec.unit
    vial = pd.Series("1", index=table.index) if spec.doses_per_vial is None else tables.pick(table, spec.doses_per_vial)
    size, _ = tables.whole(vial)
    blank = (rows["code"] == "") | (rows["name"] == "")
    odd = ~blank & ~size.between(1, 1000).fillna(False)
    reading.note("refused", "products", "code or name is blank", rows["code"][blank], "Fill them in.")
    reading.note(
        "refused", "products", "doses per vial is not a whole number from 1 to 1000", rows["code"][odd],
        "Correct it in the file.",
    )  # fmt: skip
    rows = rows[~(blank | odd)]
    rows = rows.assign(doses_per_vial=size[rows.index], given_at="", freeze_sensitive=False, tracer=True)
    if spec.vials_per_pack is not None:
        rows = _packed(reading, rows, tables.pick(table, spec.vials_per_pack)[rows.index])
    if spec.price is not None:
        rows = _priced(reading, rows, tables.pick(table, spec.price)[rows.index], spec.currency)
    return rows.reindex(columns=PRODUCT)


def _priced(reading: tables.Reading, rows: pd.DataFrame, said: pd.Series, currency: str | None) -> pd.DataFrame:
    """The rows with their prices; one that is blank or cannot be read is not known, never 0."""
    price = pd.to_numeric(said, errors="coerce").astype("Float64")
    price = price.where(price > 0)
    odd = (said != "") & price.isna()
    reading.note(
        "flagged", "products", "price is not a number above 0: no price is on record", rows["code"][odd],
        "Correct it in the file, or leave it blank.",
    )  # fmt: skip
    return rows.assign(price=price, currency=price.map(lambda _: currency, na_action="ignore"))


def _packed(reading: tables.Reading, rows: pd.DataFrame, said: pd.Series) -> pd.DataFrame:
    """The rows with how many vials their pack has; what is blank or no whole number is not known: no packs then."""
    size, _ = tables.whole(said)
    size = size.where(size.between(1, 10_000).fillna(False))
    odd = (said != "") & size.isna()
    reading.note(
        "flagged", "products", "vials per pack is not a whole number from 1 to 10000: nothing is recorded in packs",
        rows["code"][odd], "Correct it in the file, or leave it blank.",
    )  # fmt: skip
    return rows.assign(vials_per_pack=size)
