"""The small country with more in it: facilities at random places with random states, repeatable by seed."""

from __future__ import annotations

import sqlalchemy as sa
from small import Small

from data.types import WORST_FIRST
from geo import registry
from geo.registry import Registry


def grow(conn: sa.Connection, country: Small, facilities: int, seed: float = 0.5) -> None:
    """Add facilities with points, catchments and positions in random states; then order them as a load does."""
    conn.execute(sa.text("select setseed(:seed)"), {"seed": seed})
    conn.execute(
        sa.text(
            "with p as materialized ("
            " select n, random() * 3.99 as x, random() * 1.99 as y from generate_series(1, :count) n)"
            " insert into facility (programme_id, code, name, tier, area_id, partition_id, ordinal, point, catchment)"
            " select :programme_id, 'G-' || n, 'Clinic ' || n, 'facility', a.id, a.parent_id, 100 + n,"
            "        ST_SetSRID(ST_MakePoint(x, y), 4326), case when n % 5 > 0 then (n * 37) % 400 end"
            " from p join area a on a.programme_id = :programme_id and a.level = 2"
            "            and ST_Covers(a.geom, ST_SetSRID(ST_MakePoint(x, y), 4326))"
        ),
        {"programme_id": country.programme_id, "count": facilities},
    )
    conn.execute(
        sa.text(
            "update facility f set ordinal = o.place from ("
            " select f.id, row_number() over (order by a.seat, f.id) - 1 as place"
            " from facility f join area a on a.id = f.partition_id where f.programme_id = :programme_id) o"
            " where o.id = f.id"
        ),
        {"programme_id": country.programme_id},
    )
    conn.execute(
        sa.text(
            "insert into position (facility_id, product_id) select f.id, p.id from facility f, product p"
            " where f.programme_id = :programme_id and p.programme_id = :programme_id and (f.id + p.id) % 7 > 0"
            " on conflict do nothing"
        ),
        {"programme_id": country.programme_id},
    )
    shuffle(conn, country)


def shuffle(conn: sa.Connection, country: Small) -> None:
    """Give every position a random state and probability, and every facility its worst."""
    conn.execute(
        sa.text(
            "update position n set state = floor(random() * 7), last_event_at = now() - random() * interval '40 days',"
            " probability = case when random() < 0.9 then random() end"
            " from facility f where f.id = n.facility_id and f.programme_id = :programme_id"
        ),
        {"programme_id": country.programme_id},
    )
    settle(conn)


def settle(conn: sa.Connection) -> None:
    """Write the worst of every facility."""
    conn.execute(
        sa.text(
            "insert into facility_status (facility_id, state, probability)"
            " select n.facility_id, (cast(:worst as smallint[]))["
            "        min(array_position(cast(:worst as smallint[]), n.state))], max(n.probability)"
            " from position n join product d on d.id = n.product_id and d.tracer group by n.facility_id"
            " on conflict (facility_id) do update set state = excluded.state, probability = excluded.probability"
        ),
        {"worst": [int(state) for state in WORST_FIRST]},
    )


def registry_of(conn: sa.Connection, country: Small) -> Registry:
    """The country's seats."""
    return registry.registries(conn)[country.code]
