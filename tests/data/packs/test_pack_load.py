"""A country is stored whole or not at all; the same pack again changes nothing, a changed one changes what it says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import tiny_pack
from tiny_pack import FACILITIES, STATES, STOCK, TOML, square

from data import db, errors
from data.packs import load, reader
from data.packs.load import Loaded
from data.record import ledger, partitions
from data.types import Kind, StockEvent

TABLES = ("programme", "area", "facility", "product", "lot", "stock_event", "stock_month", "lot_balance", "position")
TEXT = "select t::text from {} t order by 1"


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    made = db.engine(database_url, pool_size=1)
    yield made
    made.dispose()


def bring(engine: sa.Engine, folder: Path, **files: Any) -> Loaded:
    country = tiny_pack.read(folder, **files)
    return load.load(engine, country, digest=reader.digest(folder))


def rows(engine: sa.Engine, statement: str) -> list[tuple[Any, ...]]:
    with engine.connect() as conn:
        return [tuple(row) for row in conn.execute(sa.text(statement))]


def everything(engine: sa.Engine) -> dict[str, list[tuple[Any, ...]]]:
    return {table: rows(engine, TEXT.format(table)) for table in (*TABLES, "finding")}


POSITIONS = """
    select f.code, p.code, s.usable, s.total, s.last_event_at, s.last_received_on, s.out_since
    from position s join facility f on f.id = s.facility_id join product p on p.id = s.product_id order by 1, 2
"""


def test_a_country_is_stored_with_seats_lineages_and_ordinals(engine: sa.Engine, tmp_path: Path) -> None:
    loaded = bring(engine, tmp_path)
    assert loaded.counts == {"reports": 3, "events": 11, "positions": 2, "areas": 3, "facilities": 3, "products": 2}
    assert rows(engine, "select code, seat, level, cardinality(lineage) from area order by seat") == [
        ("tiny", 0, 0, 1), ("EST", 1, 1, 2), ("WST", 2, 1, 2),
    ]  # fmt: skip
    assert rows(
        engine,
        "select f.code, f.ordinal, a.code, s.code, f.delivery_interval_days, st_x(f.point)"
        " from facility f join area a on a.id = f.partition_id left join facility s on s.id = f.supplier_id order by 2",
    ) == [("E1", 0, "EST", None, 90, 10.5), ("E2", 1, "EST", "E1", 30, 10.2), ("W1", 2, "WST", "E1", 30, 11.5)]
    assert rows(engine, "select code, seat from product order by seat") == [("BCG", 1), ("MR", 2)]


def test_positions_stand_where_the_events_lead(engine: sa.Engine, tmp_path: Path) -> None:
    bring(engine, tmp_path)
    closed = datetime(2024, 2, 29, 17, tzinfo=UTC)
    emptied = datetime(2024, 2, 29, 13, tzinfo=UTC)
    assert rows(engine, POSITIONS) == [
        ("E2", "BCG", 60, 60, closed, date(2024, 1, 1), None),
        ("W1", "BCG", 0, 0, closed, date(2024, 2, 1), emptied),
    ]
    assert rows(engine, "select month, closing from stock_month order by facility_id, month") == [
        (date(2024, 1, 1), 120), (date(2024, 2, 1), 60), (date(2024, 2, 1), 0),
    ]  # fmt: skip
    counted = rows(engine, "select counted from stock_event where kind = 'count' order by facility_id, occurred_at, id")
    assert counted == [(100,), (120,), (60,), (20,), (0,)]


def test_an_expired_lot_is_held_and_not_usable(engine: sa.Engine, tmp_path: Path) -> None:
    from test_pack_history import OPENING, SHELF

    (tmp_path / "shelf.csv").write_text(SHELF.replace("2024-12-31", "2999-12-31"))
    bring(engine, tmp_path, toml=TOML + OPENING)
    held = [row[:4] for row in rows(engine, POSITIONS) if row[0] == "E1"]
    assert held == [("E1", "BCG", 100, 100), ("E1", "MR", 50, 250)]


def test_partitions_reach_from_the_first_event_to_three_months_ahead(engine: sa.Engine, tmp_path: Path) -> None:
    bring(engine, tmp_path)
    there = [
        name
        for (name,) in rows(
            engine, "select relname from pg_class where relname ~ '^stock_event_20' and relkind = 'r' order by 1"
        )
    ]
    today = datetime.now(UTC).date()
    ahead = date(today.year + (today.month + 2) // 12, (today.month + 2) % 12 + 1, 1)
    assert there == [partitions.name(month) for month in partitions.months(date(2024, 1, 1), ahead)]


def test_the_indexes_and_keys_are_the_same_after_a_first_load(engine: sa.Engine, tmp_path: Path) -> None:
    def shape() -> list[tuple[Any, ...]]:
        return rows(
            engine,
            "select conname, pg_get_constraintdef(oid) from pg_constraint where conrelid::regclass::text in"
            " ('stock_event', 'stock_month', 'position', 'lot_balance') union all"
            " select indexrelid::regclass::text, indisvalid::text from pg_index where indrelid::regclass::text in"
            " ('stock_event', 'stock_month', 'position', 'lot_balance') order by 1, 2",
        )

    before = shape()
    bring(engine, tmp_path)
    assert shape() == before


# -- again --------------------------------------------------------------------------------------------------------


def test_loading_the_same_pack_twice_changes_nothing(engine: sa.Engine, tmp_path: Path) -> None:
    first = bring(engine, tmp_path)
    before = everything(engine)
    again = bring(engine, tmp_path)
    assert (first.unchanged, again.unchanged) == (False, True)
    assert again.registry_version == first.registry_version
    assert everything(engine) == before


def test_the_digest_covers_the_pack_and_every_file_it_names(tmp_path: Path) -> None:
    folder = tiny_pack.write(tmp_path)
    seen = {reader.digest(folder)}
    for name in ("pack.toml", "states.geojson", "facilities.csv", "stock.csv"):
        (folder / name).write_bytes((folder / name).read_bytes() + b"\n")
        seen.add(reader.digest(folder))
    assert len(seen) == 5


def test_a_changed_registry_changes_in_place_and_closes_what_is_gone(engine: sa.Engine, tmp_path: Path) -> None:
    first = bring(engine, tmp_path)
    ids = dict(rows(engine, "select code, id from facility"))
    changed = FACILITIES.replace("Est Clinic", "Est Hospital").replace("W1,West Clinic", "W0,New Clinic")
    states = [*STATES, square("CEN", "Centre", 12.0)]
    loaded = bring(engine, tmp_path, facilities=changed, states=states, stock=STOCK.replace("W1,", "W0,"))
    assert loaded.registry_version > first.registry_version
    assert any(f.reason == "not in the pack any more: closed" and f.count == 1 for f in loaded.findings)
    assert rows(engine, "select code, seat from area order by seat") == [
        ("tiny", 0),
        ("CEN", 1),
        ("EST", 2),
        ("WST", 3),
    ]
    kept = rows(engine, "select code, name, open, ordinal from facility order by ordinal")
    assert kept == [
        ("E1", "Est Store", True, 0), ("E2", "Est Hospital", True, 1), ("W1", "West Clinic", False, 2),
        ("W0", "New Clinic", True, 3),
    ]  # fmt: skip
    now = dict(rows(engine, "select code, id from facility"))
    assert {code: now[code] for code in ids} == ids


def test_a_month_more_is_added_to_what_is_there(engine: sa.Engine, tmp_path: Path) -> None:
    bring(engine, tmp_path)
    before = rows(engine, "select * from stock_event order by id")
    loaded = bring(engine, tmp_path, stock=STOCK + "E2,BCG,2024-03,60,10,70,0,0\nE2,MR,2024-03,5,0,0,0,5\n")
    assert (loaded.counts["reports"], loaded.counts["events"]) == (2, 5)
    assert rows(engine, "select * from stock_event order by id")[: len(before)] == before
    assert [row[:4] for row in rows(engine, POSITIONS)] == [
        ("E2", "BCG", 0, 0), ("E2", "MR", 5, 5), ("W1", "BCG", 0, 0),
    ]  # fmt: skip


def test_a_month_on_record_is_not_rewritten_by_other_figures(engine: sa.Engine, tmp_path: Path) -> None:
    bring(engine, tmp_path)
    before = rows(engine, "select * from stock_month")
    stock = STOCK.replace("120,0,50,-10,60", "120,0,80,0,40") + "E2,BCG,2024-03,40,0,10,0,30\n"
    loaded = bring(engine, tmp_path, stock=stock)
    refused = [f for f in loaded.findings if "on record with other amounts" in f.reason]
    assert [f.examples for f in refused] == [["E2, BCG, 2024-02"]]
    assert set(before) <= set(rows(engine, "select * from stock_month"))
    assert rows(engine, POSITIONS)[0][:4] == ("E2", "BCG", 30, 30)
    bridge = rows(engine, "select doses, reason from stock_event where source_id like 'bridge/%'")
    assert bridge == [(-20, "the pack's balance before differs from the one on record")]


def test_a_month_between_those_on_record_is_history_and_moves_no_stock(engine: sa.Engine, tmp_path: Path) -> None:
    stock = STOCK.replace("E2,BCG,2024-01,100,60,40,0,120\n", "")
    bring(engine, tmp_path, stock=stock)
    before = rows(engine, "select * from stock_event order by id")
    loaded = bring(engine, tmp_path, stock=STOCK)
    assert any("before the last one on record" in f.reason and f.count == 1 for f in loaded.findings)
    assert loaded.counts["reports"] == 1
    assert rows(engine, "select * from stock_event order by id") == before


def test_a_report_is_not_added_to_stock_that_somebody_recorded(engine: sa.Engine, tmp_path: Path) -> None:
    bring(engine, tmp_path)
    event = StockEvent("E2", "BCG", Kind.RECEIPT, 40, datetime(2024, 3, 5, tzinfo=UTC), "test", "1")
    with db.transaction(engine) as conn:
        ledger.record(conn, rows(engine, "select id from programme")[0][0], [event])
    before = rows(engine, "select * from stock_event order by id")
    loaded = bring(engine, tmp_path, stock=STOCK + "E2,BCG,2024-04,60,0,10,0,50\n")
    assert any("stock has been recorded here since the last load" in f.reason for f in loaded.findings)
    assert rows(engine, "select * from stock_event order by id") == before
    assert rows(engine, POSITIONS)[0][:4] == ("E2", "BCG", 100, 100)


# -- nothing ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"states": STATES[:1], "facilities": FACILITIES.replace(",11.5,", ",10.6,")}, "1 areas that are on record"),
        ({"toml": TOML.replace('code = "MR"', 'code = "MCV"')}, "1 products that are on record are missing"),
    ],
)
def test_areas_and_products_on_record_cannot_be_dropped_and_nothing_is_changed(
    engine: sa.Engine, tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    bring(engine, tmp_path)
    before = everything(engine)
    with pytest.raises(errors.PackError, match=words):
        bring(engine, tmp_path, **change)
    assert everything(engine) == before


def test_events_that_contradict_the_reports_are_refused_and_nothing_is_recorded(
    engine: sa.Engine, tmp_path: Path
) -> None:
    country = tiny_pack.read(tmp_path)
    country.reports.loc[0, "closing"] = 121
    with pytest.raises(errors.PackError, match="do not lead to the BCG reported at the end of 2024-01"):
        load.load(engine, country, digest="x")
    assert all(not held for held in everything(engine).values())


def test_events_that_take_more_than_is_there_are_refused_and_nothing_is_recorded(
    engine: sa.Engine, tmp_path: Path
) -> None:
    country = tiny_pack.read(tmp_path)
    country.events.loc[2, "doses"] = -1000
    with pytest.raises(errors.PackError, match="E2 would hold -840 of BCG on 2024-01-31"):
        load.load(engine, country, digest="x")
    assert all(not held for held in everything(engine).values())
