"""The registry: what a browser starts from, and how a process keeps it fresh."""

from __future__ import annotations

import pytest
import small
import sqlalchemy as sa
import world

from data import db
from data.errors import DatabaseUnavailable, UnknownProgramme
from geo import errors, registry


def test_a_browser_learns_every_seat_and_box(conn: sa.Connection) -> None:
    country = small.build(conn)
    world.grow(conn, country, 10)
    conn.execute(sa.text("insert into push values (:id, 7, 'map:reload', '{}')"), {"id": country.programme_id})
    found = registry.read(conn, "small")
    assert (found["version"], found["seq"], found["areas"], found["simulated"]) == (1, 7, 6, True)
    assert found["level_names"] == ["Nation", "State", "District"]
    assert found["products"] == [
        {"seat": 1, "code": "BCG", "name": "BCG", "unit": "dose"},
        {"seat": 2, "code": "MR", "name": "MR", "unit": "dose"},
    ]
    east, west = found["partitions"]
    assert (east["seat"], east["first"], east["bbox"]) == (1, 0, [2, 0, 4, 2])
    assert (west["seat"], west["first"], west["first"] + west["count"]) == (2, east["count"], 14)
    assert found["bbox"] == [0, 0, 4, 2]
    assert found["months"] == []
    with pytest.raises(UnknownProgramme):
        registry.read(conn, "nowhere")


def test_every_facility_lies_in_the_range_of_its_partition(conn: sa.Connection) -> None:
    country = small.build(conn)
    world.grow(conn, country, 50)
    ranges = registry.registries(conn)["small"].partitions
    for ordinal, seat in conn.execute(
        sa.text("select f.ordinal, a.seat from facility f join area a on a.id = f.partition_id")
    ):
        first, count = ranges[seat]
        assert first <= ordinal < first + count


def test_a_process_meets_a_new_version_and_refuses_the_old_one(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = db.engine(database_url)
    with db.transaction(engine) as conn:
        small.build(conn)
    known = registry.Registries(engine)
    assert known.find("small", 1).products == {0, 1, 2}
    with db.transaction(engine) as conn:
        conn.execute(sa.text("update programme set registry_version = 2"))
        small.build(conn, "other")
    monkeypatch.setattr(registry, "FRESH", 0.0)
    assert known.find("small", 2).version == 2
    assert known.find("other").code == "other"
    with pytest.raises(errors.OldVersion):
        known.find("small", 1)
    with pytest.raises(UnknownProgramme):
        known.find("nowhere")
    engine.dispose()


def test_what_is_known_is_kept_while_the_database_is_away(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = db.engine(database_url)
    with db.transaction(engine) as conn:
        small.build(conn)
    known = registry.Registries(engine)
    known.find("small")
    monkeypatch.setattr(known, "_engine", db.engine("postgresql://nobody@127.0.0.1:1/none"))
    monkeypatch.setattr(registry, "FRESH", 0.0)
    assert known.find("small", 1).code == "small"
    with pytest.raises(DatabaseUnavailable):
        registry.Registries(db.engine("postgresql://nobody@127.0.0.1:1/none")).find("small")
    engine.dispose()
