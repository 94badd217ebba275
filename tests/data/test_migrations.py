"""The tables of the migrations are those of the schema, and what is on record comes through a migration."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
import small
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from data import db, migrate
from data.record import audit, ledger
from data.schema import metadata
from data.types import Kind, StockEvent


def _ours(_: object, name: str | None, kind: str, reflected: bool, __: object) -> bool:
    """PostGIS has tables of its own, and the record a partition for each month."""
    return not (reflected and kind == "table" and (name == "spatial_ref_sys" or str(name).startswith("stock_event_")))


def test_the_migrations_lead_to_the_tables_of_the_schema(conn: sa.Connection) -> None:
    context = MigrationContext.configure(
        conn, opts={"compare_type": True, "compare_server_default": False, "include_object": _ours}
    )
    assert compare_metadata(context, metadata) == []


def test_the_record_comes_through_the_migration_and_back(database_url: str) -> None:
    engine = db.engine(database_url)
    now = datetime.now(UTC)

    def event(kind: Kind, doses: int, hours: int, number: str, **more: object) -> StockEvent:
        at = now - timedelta(hours=hours)
        return StockEvent("F-W1", "BCG", kind, doses, at, "test", number, **more)  # type: ignore[arg-type]

    with db.transaction(engine) as conn:
        country = small.build(conn)
        ledger.record(conn, country.programme_id, [
            event(Kind.RECEIPT, 40, 9, "1", lot="A", expiry=date(now.year + 2, 1, 1)),
            event(Kind.ADMINISTERED, 13, 8, "2"),
            event(Kind.COUNT, 25, 7, "3", note="by two"),
        ])  # fmt: skip
    command.downgrade(migrate.config(database_url), "0001")
    migrate.upgrade(database_url)
    with db.transaction(engine) as conn:
        assert [d for d in audit.differences(conn) if "tracer" not in d.check] == []
        ledger.record(conn, country.programme_id, [event(Kind.ADMINISTERED, 5, 1, "4")])
        assert [d for d in audit.differences(conn) if "tracer" not in d.check] == []
    with pytest.raises(sa.exc.IntegrityError, match="append-only"), db.transaction(engine) as conn:
        conn.execute(sa.text("update stock_event set doses = 1"))
    engine.dispose()


def test_campaigns_that_overlap_become_one_with_the_migration(database_url: str) -> None:
    command.downgrade(migrate.config(database_url), "0014")
    engine = db.engine(database_url)
    with db.transaction(engine) as conn:
        small.build(conn)
        conn.execute(sa.text(
            "insert into campaign (programme_id, product_id, area_id, first_day, last_day, name) select p.programme_id,"
            " p.id, a.id, first_day, last_day, c.name from product p, area a, (values"
            " ('2026-01-01'::date, '2026-01-20'::date, 'one'), ('2026-01-05', '2026-01-08', ''),"
            " ('2026-01-20', '2026-02-03', 'two'), ('2026-02-04', '2026-02-05', 'three')) c (first_day, last_day, name)"
            " where p.code = 'MR' and a.code in ('W', 'E')"
        ))  # fmt: skip
    migrate.upgrade(database_url)
    with db.transaction(engine) as conn:
        rows = conn.execute(sa.text(
            "select a.code, first_day::text, last_day::text, c.name from campaign c join area a on a.id = c.area_id"
            " order by 1, 2"
        ))  # fmt: skip
        joined = [("2026-01-01", "2026-02-03", "one, two"), ("2026-02-04", "2026-02-05", "three")]
        assert [tuple(r) for r in rows] == [(area, *row) for area in ("E", "W") for row in joined]
    engine.dispose()
