"""Who forgets a filter sees nothing: the walls of PostgreSQL, as the role that the web process works as."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pytest
import small
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from app.local import servers
from data import db, programmes, walls
from data.record import counting, ledger, ordering, orders, partitions
from data.schema import metadata
from data.scope import Scope
from data.types import Kind, StockEvent
from geo import network, reach
from geo.network import Need
from geo.reach import Reaches

#: Tables that have rows of both countries here; of the others it is tested that their wall stands.
FILLED = {
    "alert", "area", "area_month", "area_status", "attachment", "counted", "event_key", "facility", "facility_status",
    "finding", "lot", "lot_balance", "lot_month", "outbox", "position", "product", "push", "shipment", "stock_count",
    "stock_count_line", "stock_count_product", "stock_event", "stock_month", "stock_order", "stock_order_line",
}  # fmt: skip


@dataclass(frozen=True)
class World:
    """Two countries in one database, both with stock everywhere; `app` has walls, `public` sees the registry only."""

    engine: sa.Engine
    app: sa.Engine
    public: sa.Engine
    here: small.Small
    there: small.Small

    def seen(self, *scopes: Scope) -> db.Seen:
        return Reaches(self.public).seen(scopes)


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    engine = db.engine(database_url)
    app, public = (db.engine(database_url, role=role) for role in (walls.APP, walls.REGISTRY))
    now = datetime.now(UTC)
    with db.transaction(engine) as conn:
        countries = [small.build(conn, code) for code in ("here", "there")]
        for country in countries:
            ledger.record(conn, country.programme_id, [
                StockEvent(f, "BCG", Kind.RECEIPT, 100, now - timedelta(hours=1), "test", f"{country.code} {f}",
                           lot=f"{country.code}-{f}", expiry=date(now.year + 2, 1, 1))
                for f in country.facilities
            ])  # fmt: skip
            for facility in country.facilities:
                counting.open(conn, country.programme_id, facility, ["BCG"], None, now)
            for facility, supplier in (("F-E1", "F-W1"), ("F-W2a", "F-W2b")):
                asked = ordering.Asked(facility, [ordering.Wanted("BCG", 20)], supplier)
                order, _ = ordering.place(conn, country.programme_id, asked, ordering.Actor(None, now))
                ordering.approve(conn, country.programme_id, order.number, [], ordering.Actor(None, now))
            _fill(conn, country)
    yield World(engine, app, public, *countries)
    for each in (engine, app, public):
        each.dispose()


def _fill(conn: sa.Connection, country: small.Small) -> None:
    """A row of whatever nothing above has written, everywhere."""
    for statement in (
        "insert into alert (programme_id, facility_id, product_id, kind, opened_at)"
        " select f.programme_id, f.id, p.id, 'stockout', now() from facility f join product p using (programme_id)"
        " where p.code = 'MR' and programme_id = :id",
        "insert into attachment (programme_id, facility_id, name, media_type, content, sha256)"
        " select programme_id, id, 'a', 'application/pdf', 'x', 'y' from facility where programme_id = :id",
        "insert into facility_status (facility_id, state) select id, 2 from facility where programme_id = :id",
        "insert into counted (facility_id, weight, seats) select id, 1, '{0}' from facility where programme_id = :id",
        "insert into area_status (area_id, product_seat) select id, 0 from area where programme_id = :id",
        "insert into area_month (area_id, product_seat, month) select id, 0, '2026-01-01' from area"
        " where programme_id = :id",
        "insert into push (programme_id, seq, event, payload) values (:id, 1, 'map:reload', '{}')",
        "insert into finding (programme_id, severity, subject, reason, count) values (:id, 'kept', 's', 'r', 1)",
        "insert into lot_month (programme_id, month, block, last_id, facility_id, product_id, lot_id, doses)"
        " values (:id, '2026-01-01', 0, 1, '', '', '', '')",
        "insert into position_month (programme_id, month, block, last_id, facility_id, product_id, amc, event_day,"
        " received_day) values (:id, '2026-01-01', 0, 1, '', '', '', '', '')",
        "insert into shipment (programme_id, document, product_id, sender_id, receiver_id)"
        " select s.programme_id, 'D' || s.id, p.id, s.id, r.id from facility s join facility r using (programme_id)"
        " join product p using (programme_id) where p.code = 'BCG' and programme_id = :id"
        " and (s.code, r.code) in (('F-E1', 'F-W1'), ('F-W2a', 'F-W2b'))",
    ):
        conn.execute(sa.text(statement), {"id": country.programme_id})


def walled() -> list[str]:
    return [table.name for table in metadata.sorted_tables if walls.wall(table) is not None]


def rows(engine: sa.Engine, table: str, seen: db.Seen | None) -> int:
    with db.transaction(engine, seen) as conn:
        return int(conn.scalar(sa.select(sa.func.count()).select_from(sa.table(table))) or 0)


def test_every_table_has_a_wall_or_is_named_as_one_that_has_none() -> None:
    assert walls.unwalled() == []


def test_a_new_table_that_does_not_say_whose_its_rows_are_is_noticed() -> None:
    tables = sa.MetaData()
    sa.Table("gossip", tables, sa.Column("text", sa.Text))
    sa.Table("thermometer", tables, sa.Column("facility_id", sa.Integer))
    assert walls.unwalled(tables) == ["gossip"]


def test_who_says_nothing_sees_nothing(world: World) -> None:
    filled = {table for table in walled() if rows(world.engine, table, None) > 0}
    assert filled >= FILLED, "this test would say nothing of what is empty"
    for table in walled():
        assert rows(world.app, table, None) == 0, table
        assert rows(world.app, table, db.NOTHING) == 0, table


def test_the_wall_of_every_table_stands(world: World) -> None:
    with db.transaction(world.engine) as conn:
        standing = conn.execute(sa.text(
            "select c.relname from pg_class c join pg_policy p on p.polrelid = c.oid"
            " where c.relrowsecurity and p.polname = 'wall'"
        )).scalars().all()  # fmt: skip
    assert set(standing) == set(walled())


def test_a_whole_programme_is_seen_and_nothing_of_another(world: World) -> None:
    seen = world.seen(Scope(world.here.programme_id, whole=True))
    both = world.seen(Scope(world.here.programme_id, whole=True), Scope(world.there.programme_id, whole=True))
    for table in walled():
        every = rows(world.engine, table, None)
        assert rows(world.app, table, both) == every, table
        assert rows(world.app, table, seen) * 2 == every, table


def test_of_an_area_the_rows_of_its_facilities_are_seen(world: World) -> None:
    seen = world.seen(Scope(world.here.programme_id, areas=frozenset({world.here.areas["E"]})))
    counted = {table: rows(world.app, table, seen) for table in walled()}
    for table in ("position", "lot_balance", "stock_event", "stock_month", "alert", "attachment", "facility_status",
                  "counted", "stock_count", "stock_count_product", "stock_count_line", "outbox"):  # fmt: skip
        with db.transaction(world.engine) as conn:
            own = conn.scalar(
                sa.text(
                    f"select count(*) from {table} t"  # noqa: S608  # names of the list above
                    + (" join stock_count c on c.id = t.count_id" if table == "stock_count_line" else "")
                    + f" where {'c' if table == 'stock_count_line' else 't'}.facility_id = :id"
                ),
                {"id": world.here.facilities["F-E1"]},
            )
        assert counted[table] == own > 0, table
    assert counted["area_status"] == counted["area_month"] == 2, "the state and its district, not the nation"
    assert counted["shipment"] == counted["stock_order"] == counted["stock_order_line"] == 1, "one end is enough"
    assert counted["push"] == counted["lot_month"] == counted["position_month"] == 0, "they hold values of every place"
    assert counted["facility"] == 4, "the registry of a programme is open to all of it"


def test_a_facility_sees_its_own(world: World) -> None:
    seen = world.seen(Scope(world.here.programme_id, facilities=frozenset({world.here.facilities["F-W1"]})))
    with db.transaction(world.app, seen) as conn:
        lots = conn.execute(sa.text("select l.number from lot_balance b join lot l on l.id = b.lot_id")).scalars().all()
    assert lots == ["here-F-W1"]
    assert rows(world.app, "area_status", seen) == 0


def test_who_ordered_sees_what_is_held_for_it_and_not_the_shelf_it_is_held_on(world: World) -> None:
    seen = world.seen(Scope(world.here.programme_id, facilities=frozenset({world.here.facilities["F-E1"]})))
    with db.transaction(world.app, seen) as conn:
        [summary] = orders.listed(conn, world.here.programme_id)
        assert (summary.supplier, summary.reserved) == ("F-W1", 20)
        order = orders.read(conn, world.here.programme_id, summary.number)
        assert [line.reserved for line in order.lines] == [20]
        assert orders.available(conn, order) == {}
        everyone = sa.text("select count(*) from stock_order_moved(cast(:ids as bigint[]))")
        assert conn.scalar(everyone, {"ids": list(range(1, 100))}) == 1, "not even past the wall more than its own"
        assert conn.scalar(sa.text("select count(*) from stock_event where order_number is not null")) == 0


def test_nothing_is_written_where_nothing_is_seen(world: World) -> None:
    seen = world.seen(Scope(world.here.programme_id, areas=frozenset({world.here.areas["E"]})))
    outside = {"facility": world.here.facilities["F-W1"], "product": world.here.products["BCG"]}
    with db.transaction(world.app, seen) as conn:
        changed = conn.execute(sa.text("update position set usable = 7 where facility_id = :facility"), outside)
        assert changed.rowcount == 0
    with pytest.raises(sa.exc.ProgrammingError, match="row-level security"), db.transaction(world.app, seen) as conn:
        conn.execute(sa.text("insert into lot_balance (facility_id, product_id, doses) select :facility, :product, 1"),
                     outside)  # fmt: skip


def test_what_only_the_owner_does_is_denied(world: World) -> None:
    everything = world.seen(Scope(world.here.programme_id, whole=True))
    for statement in (
        "update facility set name = 'x'", "delete from area_status", "insert into push select * from push",
        "select * from reader", "create table mine (id int)", "alter table position disable row level security",
        "drop policy wall on position", "select * from area_outline", "truncate stock_event",
        "update stock_event set doses = 1", "delete from stock_event", "delete from event_key", "delete from position",
        "update attachment set content = 'x'", "select * from audit_head", "update audit_head set number = 0",
        "delete from audit_log",
    ):  # fmt: skip
        with pytest.raises(sa.exc.ProgrammingError), db.transaction(world.app, everything) as conn:
            conn.exec_driver_sql(statement)
    with db.transaction(world.engine) as conn:
        owned = conn.scalar(sa.text(
            "select count(*) from pg_class c join pg_roles r on r.oid = c.relowner where r.rolname = any(:roles)"
        ), {"roles": [walls.APP, walls.REGISTRY]})  # fmt: skip
    assert owned == 0


def test_who_draws_shapes_sees_no_stock(world: World) -> None:
    with db.transaction(world.public) as conn:
        assert conn.scalar(sa.text("select count(*) from facility")) == 8
    for table in ("position", "stock_event", "push", "alert", "app_user", "area_status"):
        with pytest.raises(sa.exc.ProgrammingError, match="permission denied"), db.transaction(world.public) as conn:
            conn.exec_driver_sql(f"select * from {table}")  # noqa: S608  # names of the list above


def test_a_partition_cannot_be_read_past_its_wall(world: World) -> None:
    everything = world.seen(Scope(world.here.programme_id, whole=True))
    table = partitions.name(datetime.now(UTC).date())
    with pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
        rows(world.app, table, everything)


def test_a_late_event_makes_its_month_though_who_records_owns_nothing(world: World) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=900)
    seen = world.seen(Scope(world.here.programme_id, whole=True))
    with db.transaction(world.app, seen) as conn:
        late = StockEvent("F-W1", "MR", Kind.RECEIPT, 10, long_ago, "test", "late")
        ledger.record(conn, world.here.programme_id, [late])
    assert rows(world.engine, partitions.name(long_ago.date()), None) == 1


def test_what_was_told_of_one_transaction_is_forgotten_in_the_next(world: World) -> None:
    with db.transaction(world.app, world.seen(Scope(world.here.programme_id, whole=True))) as conn:
        assert programmes.find(conn, "here").id == world.here.programme_id
    assert rows(world.app, "position", None) == 0


def test_the_same_walls_again_touch_no_table(world: World) -> None:
    with db.transaction(world.engine) as conn:
        before = conn.execute(sa.text("select oid from pg_policy order by oid")).scalars().all()
        walls.build(conn)
        after = conn.execute(sa.text("select oid from pg_policy order by oid")).scalars().all()
    assert before == after


def test_the_webs_own_login_has_no_rights_to_go_back_to(world: World, database_url: str) -> None:
    url = servers.for_people(database_url)
    with db.transaction(world.engine) as conn:
        walls.let_in(conn, url)
        walls.let_in(conn, url.replace("@", ":a new password@", 1))
        assert conn.scalar(sa.text("select rolpassword from pg_authid where rolname = 'vaxtrace_web'"))[:5] == "SCRAM"
    web = db.engine(url, role=walls.APP)
    assert rows(web, "position", world.seen(Scope(world.here.programme_id, whole=True))) > 0
    for way in ("set role none", "select set_config('role', 'none', false)"):
        with db.transaction(web) as conn:
            conn.exec_driver_sql(way)
            with pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
                conn.exec_driver_sql("select * from position")
    for way in (f"set role {servers.NAME}", f"set session authorization {servers.NAME}"):
        with pytest.raises(sa.exc.ProgrammingError, match="permission denied"), db.transaction(web) as conn:
            conn.exec_driver_sql(way)
    web.dispose()


def test_the_owner_is_not_taken_for_the_webs_login(world: World, database_url: str) -> None:
    for url in (database_url, database_url.replace("vaxtrace@", f"{walls.APP}@"), "postgresql:///vaxtrace"):
        with pytest.raises(walls.InvalidLogin), db.transaction(world.engine) as conn:
            walls.let_in(conn, url)


def test_what_works_as_its_owner_finds_its_tables_before_those_of_its_caller(world: World) -> None:
    with db.transaction(world.engine) as conn:
        definers = conn.execute(sa.text(
            "select proname, proconfig from pg_proc p where prosecdef and pronamespace = 'public'::regnamespace and not"
            " exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')"
        )).all()  # fmt: skip
    assert {name for name, _ in definers} >= {"chain_audit_log", "place_of_group", "make_stock_event_partition"}
    for name, settings in definers:
        assert settings == ["search_path=public, pg_temp"], name


def test_a_table_of_the_sessions_own_is_not_taken_for_the_end_of_the_log(world: World) -> None:
    with db.transaction(world.app, db.NOTHING) as conn:
        for statement in (
            "create temporary table audit_head (programme_id int, number bigint default 0, digest bytea default '')",
            "create function pg_temp.mine() returns trigger language plpgsql as"
            " $$ begin create table public.mine as select current_user; return new; end $$",
            "create trigger mine before insert on audit_head for each row execute function pg_temp.mine()",
            "insert into audit_log (programme_id, number, at, actor, action, digest) values (0, 0, now(), '', '', '')",
        ):
            conn.exec_driver_sql(statement)
        assert conn.scalar(sa.text("select count(*) from pg_temp.audit_head")) == 0
    with db.transaction(world.engine) as conn:
        assert conn.scalar(sa.text("select to_regclass('public.mine')")) is None
        assert conn.scalar(sa.text("select number from audit_head where programme_id = 0")) == 1


def test_a_wall_does_not_make_postgresql_plan_for_few_rows(world: World) -> None:
    seen = world.seen(Scope(world.here.programme_id, whole=True), Scope(world.there.programme_id, whole=True))
    tables = ("position", "lot_balance", "stock_month", "area_status", "facility_status", "shipment")
    with db.transaction(world.engine) as conn:
        conn.exec_driver_sql(f"analyze {', '.join(tables)}")

    def expected(engine: sa.Engine, seen: db.Seen | None, table: str) -> int:
        with db.transaction(engine, seen) as conn:
            [plan] = conn.exec_driver_sql(f"explain (format json) select * from {table}").scalar_one()  # noqa: S608  # names of above
        return int(plan["Plan"]["Plan Rows"])

    for table in tables:
        assert expected(world.app, seen, table) >= 0.9 * expected(world.engine, None, table), table


def test_the_nearest_who_can_help_is_the_same_behind_the_wall_and_none_beyond_it(world: World) -> None:
    here, there = world.here, world.there
    with db.transaction(world.engine) as conn:
        conn.execute(sa.text("update position set amc = 1"))
        asked = [Need(here.facilities["F-W1"], here.products["BCG"], 3.0, 1)]
        free = network.nearest_spare(conn, asked, km=2_000)
    assert free[0].code != "F-W1"
    whole = world.seen(Scope(here.programme_id, whole=True))
    with db.transaction(world.app, whole) as conn:
        assert network.nearest_spare(conn, asked, km=2_000) == free
    east = frozenset({here.areas["E"]})
    with db.transaction(world.app, world.seen(Scope(here.programme_id, areas=east))) as conn:
        assert network.nearest_spare(conn, asked, km=2_000)[0].code == "F-E1"
    with db.transaction(world.app, world.seen(Scope(there.programme_id, whole=True))) as conn:
        assert network.nearest_spare(conn, asked, km=2_000) == {}
        programmes_seen = conn.execute(sa.text("select distinct programme_id from facility_place")).scalars().all()
        assert programmes_seen == [there.programme_id]


@given(st.lists(st.integers(1, 60), max_size=40))
def test_the_longest_run_of_ids_is_of_what_is_seen(ids: list[int]) -> None:
    first, last = reach.longest(reach._ranges(ids))
    run = list(range(int(first), int(last) + 1)) if first else []
    assert set(run) <= set(ids)
    lengths = [len(list(same)) for _, same in itertools.groupby(enumerate(sorted(set(ids))), lambda n: n[1] - n[0])]
    assert len(run) == max(lengths, default=0)


def test_a_range_is_read_as_postgresql_writes_it_too() -> None:
    assert reach.longest("{[1,3),[7,19)}") == ("7", "18")
    assert reach.longest("{[1,3],[7,7]}") == ("1", "3")
    assert reach.longest("{}") == ("", "")


def test_ids_next_to_each_other_are_one_range() -> None:
    assert reach._ranges([5, 1, 2, 3, 9, 3]) == "{[1,3],[5,5],[9,9]}"
    assert reach._ranges([]) == "{}"
