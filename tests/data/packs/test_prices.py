"""Prices of a dose come with their currency from a pack, and what is not known stays unknown."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
import tiny_pack

from data import db, errors
from data.packs import load
from data.packs.country import Country

PRICED = tiny_pack.TOML.replace("doses_per_vial = 20", 'doses_per_vial = 20\nprice = 0.16\ncurrency = "USD"')
FILE = """
[files.items]
path = "items.csv"
source = "written for a test"
licence = "CC0"

[products]
file = "items"
code = "code"
name = "name"
price = "price"
currency = "USD"
"""


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    opened = db.engine(database_url)
    yield opened
    opened.dispose()


def prices(engine: sa.Engine, country: Country) -> dict[str, tuple[Decimal | None, str | None]]:
    load.load(engine, country, digest="prices")
    with db.transaction(engine) as conn:
        rows = conn.execute(sa.text("select code, price, currency from product order by seat"))
        return {r.code: (r.price, r.currency) for r in rows}


def test_a_product_has_the_price_that_the_pack_names_or_none(engine: sa.Engine, tmp_path: Path) -> None:
    country = tiny_pack.read(tmp_path, toml=PRICED)
    assert prices(engine, country) == {"BCG": (Decimal("0.1600"), "USD"), "MR": (None, None)}


def test_a_pack_without_prices_has_none(engine: sa.Engine, tmp_path: Path) -> None:
    assert set(prices(engine, tiny_pack.read(tmp_path)).values()) == {(None, None)}


def test_a_price_in_a_file_that_cannot_be_read_is_unknown_and_said(engine: sa.Engine, tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("code,name,price\nAD,Syringe,0.05\nSB,Safety box,free\nCC,Cold box,\n")
    country = tiny_pack.read(tmp_path, toml=PRICED + FILE)
    found = tiny_pack.finding(country, "price is not a number above 0")
    assert (found.severity, found.count) == ("flagged", 1)
    kept = prices(engine, country)
    assert [kept[code] for code in ("AD", "SB", "CC")] == [(Decimal("0.0500"), "USD"), (None, None), (None, None)]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("price = 0.16", "a price needs its currency"),
        ('currency = "USD"', "a currency its price"),
        ('price = 0\ncurrency = "USD"', "greater than 0"),
        ('price = 1.0\ncurrency = "dollars"', "pattern"),
    ],
)
def test_a_price_that_cannot_be_used_stops_the_pack(tmp_path: Path, said: str, words: str) -> None:
    with pytest.raises(errors.PackError, match=words):
        tiny_pack.read(tmp_path, toml=tiny_pack.TOML.replace("doses_per_vial = 20", f"doses_per_vial = 20\n{said}"))


def test_prices_are_in_one_currency(tmp_path: Path) -> None:
    other = PRICED.replace("doses_per_vial = 10", 'doses_per_vial = 10\nprice = 900\ncurrency = "NGN"')
    with pytest.raises(errors.PackError, match="prices are in NGN and USD"):
        tiny_pack.read(tmp_path, toml=other)
