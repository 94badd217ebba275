"""A country small enough to read: two states, three districts, four facilities, two vaccines."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from data.record import partitions

SQUARE = "MULTIPOLYGON((({w} {s}, {e} {s}, {e} {n}, {w} {n}, {w} {s})))"


@dataclass(frozen=True, slots=True)
class Small:
    """Ids by code."""

    programme_id: int
    code: str
    areas: dict[str, int]
    facilities: dict[str, int]
    products: dict[str, int]


def build(conn: sa.Connection, code: str = "small") -> Small:
    """Insert the country and return its ids. Every facility handles both vaccines and holds nothing."""
    programme_id = conn.scalar(
        sa.text(
            "insert into programme (code, name, timezone, level_names, preset, simulated, notice, sources,"
            " registry_version) values (:code, 'Small', 'Africa/Lagos', '{Nation,State,District}', 'NPHCDA', true,"
            " 'Made for tests.', '{}', 1) returning id"
        ),
        {"code": code},
    )
    areas: dict[str, int] = {}
    lineage: dict[str, list[int]] = {}
    for seat, (name, level, parent, box) in enumerate(
        [
            ("SM", 0, None, (0, 0, 4, 2)),
            ("E", 1, "SM", (2, 0, 4, 2)),
            ("W", 1, "SM", (0, 0, 2, 2)),
            ("E1", 2, "E", (2, 0, 4, 2)),
            ("W1", 2, "W", (0, 0, 2, 1)),
            ("W2", 2, "W", (0, 1, 2, 2)),
        ]
    ):
        w, s, e, n = box
        areas[name] = conn.scalar(
            sa.text(
                "insert into area (programme_id, code, name, level, parent_id, lineage, population, target_children,"
                " seat, geom) values (:programme_id, :code, :name, :level, :parent, '{}', 1000, 35, :seat,"
                " ST_GeomFromText(:geom, 4326)) returning id"
            ),
            {
                "programme_id": programme_id, "code": name, "name": f"Area {name}", "level": level,
                "parent": areas.get(parent or ""), "seat": seat, "geom": SQUARE.format(w=w, s=s, e=e, n=n),
            },
        )  # fmt: skip
        lineage[name] = [*lineage.get(parent or "", []), areas[name]]
        conn.execute(
            sa.text("update area set lineage = :lineage where id = :id"), {"lineage": lineage[name], "id": areas[name]}
        )
    facilities: dict[str, int] = {}
    for ordinal, (name, area, state, lon, lat, catchment) in enumerate(
        [
            ("F-E1", "E1", "E", 3.0, 1.0, 100),
            ("F-W1", "W1", "W", 1.0, 0.5, 200),
            ("F-W2a", "W2", "W", 0.5, 1.5, 300),
            ("F-W2b", "W2", "W", 1.5, 1.5, 400),
        ]
    ):
        facilities[name] = conn.scalar(
            sa.text(
                "insert into facility (programme_id, code, name, tier, area_id, partition_id, ordinal, point,"
                " catchment) values (:programme_id, :code, :name, 'facility', :area, :partition, :ordinal,"
                " ST_SetSRID(ST_MakePoint(:lon, :lat), 4326), :catchment) returning id"
            ),
            {
                "programme_id": programme_id, "code": name, "name": f"Health post {name}", "area": areas[area],
                "partition": areas[state], "ordinal": ordinal, "lon": lon, "lat": lat, "catchment": catchment,
            },
        )  # fmt: skip
    products = {
        name: conn.scalar(
            sa.text(
                "insert into product (programme_id, code, name, seat, doses_per_vial, doses_per_child,"
                " open_vial_wastage) values (:programme_id, :code, :code, :seat, :vial, 1, 0.5) returning id"
            ),
            {"programme_id": programme_id, "code": name, "seat": seat, "vial": vial},
        )
        for seat, (name, vial) in enumerate([("BCG", 20), ("MR", 10)], start=1)
    }
    conn.execute(
        sa.text(
            "insert into position (facility_id, product_id) select f.id, p.id from facility f, product p"
            " where f.programme_id = :id and p.programme_id = :id"
        ),
        {"id": programme_id},
    )
    conn.execute(sa.text("insert into reader (name) values ('pipeline') on conflict do nothing"))
    months(conn)
    return Small(programme_id, code, areas, facilities, products)


def months(conn: sa.Connection) -> None:
    """Make the months of the last year; a test's database has them already."""
    today = date.today()  # noqa: DTZ011  # any day near now will do
    partitions.ensure_partitions(conn, date(today.year - 1, today.month, 1), today)
