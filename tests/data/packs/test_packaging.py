"""What is recorded in packs comes out in doses exactly, through the packaging that the country's pack names."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
import tiny_pack

from data import db, errors
from data.packs import load
from data.packs.country import Country
from data.packs.demo import catalogue
from data.record import ledger
from data.types import Kind, Recorded, StockEvent, Unit

BOXED = tiny_pack.TOML.replace("doses_per_vial = 20", "doses_per_vial = 20\nvials_per_pack = 50")
FILE = """
[files.items]
path = "items.csv"
source = "written for a test"
licence = "CC0"

[products]
file = "items"
code = "code"
name = "name"
doses_per_vial = "vial"
vials_per_pack = "box"
"""


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    opened = db.engine(database_url)
    yield opened
    opened.dispose()


def packaging(engine: sa.Engine, country: Country) -> dict[str, int | None]:
    load.load(engine, country, digest="boxes")
    with db.transaction(engine) as conn:
        rows = conn.execute(sa.text("select code, vials_per_pack from product order by seat"))
        return {r.code: r.vials_per_pack for r in rows}


def received(engine: sa.Engine, product: str, packs: int) -> Recorded:
    with db.transaction(engine) as conn:
        [programme] = conn.execute(sa.text("select id from programme")).scalars()
        facility = conn.execute(sa.text("select code from facility order by id limit 1")).scalar_one()
        at = datetime.now(UTC) - timedelta(minutes=1)
        event = StockEvent(facility, product, Kind.RECEIPT, packs, at, "test", f"{product} {packs}", unit=Unit.PACK)
        [answer] = ledger.record(conn, programme, [event])
        return answer


def test_packs_are_recorded_as_the_doses_in_them(engine: sa.Engine, tmp_path: Path) -> None:
    assert packaging(engine, tiny_pack.read(tmp_path, toml=BOXED)) == {"BCG": 50, "MR": None}
    before = received(engine, "BCG", 1).balance
    assert received(engine, "BCG", 3).lots == ((None, 3 * 50 * 20),)
    assert received(engine, "BCG", 7).balance == before + 10 * 50 * 20
    with pytest.raises(errors.InvalidEvent, match="not on record how many vials a pack of"):
        received(engine, "MR", 1)


def test_a_box_in_a_file_that_cannot_be_read_is_unknown_and_said(engine: sa.Engine, tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("code,name,vial,box\nA,Apple,5,10\nB,Berry,5,half\nC,Cherry,5,\n")
    country = tiny_pack.read(tmp_path, toml=BOXED + FILE)
    found = tiny_pack.finding(country, "vials per pack is not a whole number")
    assert (found.severity, found.count) == ("flagged", 1)
    kept = packaging(engine, country)
    assert [kept[code] for code in "ABC"] == [10, None, None]
    assert received(engine, "A", 2).lots == ((None, 100),)


def test_the_demo_country_knows_the_boxes_of_all_its_vaccines() -> None:
    assert (catalogue.public(catalogue.read())["vials_per_pack"] > 0).all()
