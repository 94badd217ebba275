"""Which rows does PostgreSQL show to whom? Row-level security: the second fence, behind the checks of the application.

The web and live processes work as `APP`, a role that owns nothing. At the beginning of a transaction they say what may
be seen (`data.db.Seen`); who says nothing sees nothing. Tiles and the search work as `REGISTRY`, which reads shapes
and names and no stock at all. Migrations, loads and the worker are the owner, for whom there are no walls.

`build` brings a migrated database in line with this page. A new table gets its wall by its columns: facility_id,
area_id or programme_id; one that has none of them has to be named here, or nobody but the owner may use it.
"""

from __future__ import annotations

import hashlib
import json

import sqlalchemy as sa
from psycopg import sql

from data import errors
from data.schema import metadata

APP = "vaxtrace_app"
REGISTRY = "vaxtrace_registry"

# Without `nullif` PostgreSQL believes that one row in two hundred is seen, and plans for so few; with it, that nearly
# all are, which is what it would have planned for without a wall.
_AREA = "nullif({0} <@ (select seen_areas()), false) is not null"
# First the longest run of ids, which costs a tenth of looking among all of them.
_FACILITY = (
    "({0} between (select seen_first()) and (select seen_last())"
    " or nullif({0} <@ (select seen_facilities()), false) is not null)"
)
_PROGRAMME = "{} = any (cast((select seen_programmes()) as integer[]))"
_WHOLE = "{} = any (cast((select seen_whole()) as integer[]))"

#: Tables that their columns do not say enough of: the condition under which a row is seen.
_WALLS: dict[str, str] = {
    "area": _PROGRAMME.format("programme_id"),
    "facility": _PROGRAMME.format("programme_id"),
    # What holds values of many places at once is read for the whole programme only, and cut by the application.
    "push": _WHOLE.format("programme_id"),
    "lot_month": _WHOLE.format("programme_id"),
    "position_month": _WHOLE.format("programme_id"),
    # Lots are numbers of a product: stock is where they lie.
    "lot": "product_id in (select id from product)",
    # Both ends know of it.
    "shipment": f"{_FACILITY.format('sender_id')} or {_FACILITY.format('receiver_id')}",
    "stock_count_line": "exists (select from stock_count c where c.id = count_id)",
    "stock_order": f"{_FACILITY.format('facility_id')} or {_FACILITY.format('supplier_id')}",
    "stock_order_line": "exists (select from stock_order o where o.id = order_id)",
}
#: What may be written, where that is not what is seen: the lines of a count are made in one statement with it, when it
#: is not there to be seen yet; and who fails to sign in is logged although nobody is known to ask.
_WRITTEN = {"stock_count_line": "true", "audit_log": "true"}
#: Tables without a wall, because who asks is only known from them, with what APP may do there.
_OPEN: dict[str, str] = {
    "programme": "select, update",
    "app_user": "select, insert, update, delete",
    "user_grant": "select, insert, update, delete",
    "session": "select, insert, update, delete",
    "client": "select, insert, update, delete",
    "identity": "select, insert, update, delete",
    "recovery_code": "select, insert, update, delete",
    "refresh_token": "select, insert, update, delete",
    "reset_link": "select, insert, update, delete",
    "sign_in_attempt": "select, insert, update, delete",
    "token_family": "select, insert, update, delete",
}
#: Views that say themselves what is seen, which APP reads.
_VIEWS = ("session_grant", "facility_place")
#: What APP has no business with; the end of each log is moved by the log's own trigger.
_CLOSED = frozenset({"area_outline", "reader", "audit_head"})
#: What APP only reads, and may not write even where it sees it.
_READ_ONLY = frozenset({
    "area", "facility", "product", "finding", "push", "lot_month", "position_month", "area_status", "area_month",
    "facility_status", "counted", "policy", "campaign", "session_month", "facility_delay", "peer_group",
})  # fmt: skip
#: What APP only ever adds to.
_ADDED_TO = frozenset({"stock_event", "event_key", "outbox", "attachment", "audit_log"})
#: Of what else is written here, what APP takes away again; of the rest nothing is ever deleted by people's requests.
_TAKEN_AWAY = frozenset({"stock_count_line"})
#: What REGISTRY reads: all rows, since it is asked by programme, and shapes and names are public.
_PUBLIC = frozenset({"programme", "area", "facility", "product", "area_outline"})


class InvalidLogin(errors.DataError):
    """The web's own login cannot be used: {reason}."""


def wall(table: sa.Table) -> str | None:
    """The condition under which APP sees a row of a table; None where it has no wall."""
    if table.name in _OPEN or table.name in _CLOSED:
        return None
    if table.name in _WALLS:
        return _WALLS[table.name]
    for column, condition in (("facility_id", _FACILITY), ("area_id", _AREA), ("programme_id", _PROGRAMME)):
        if column in table.c:
            return condition.format(column)
    return None


def unwalled(tables: sa.MetaData = metadata) -> list[str]:
    """The tables that nothing is said of: a new one without a column that tells whose its rows are."""
    said = _OPEN.keys() | _CLOSED
    return sorted(t.name for t in tables.tables.values() if wall(t) is None and t.name not in said)


def build(conn: sa.Connection) -> None:
    """Give every table its wall and both roles what they may; the same again changes and locks nothing."""
    stand: dict[str, str] = json.loads(conn.execute(sa.text(_STAND)).scalar() or "{}")
    there = set(conn.execute(sa.text(_TABLES)).scalars())
    wanted = {t.name: _digest(t.name, wall(t)) for t in metadata.sorted_tables if t.name in there}
    for table in metadata.sorted_tables:
        if table.name in wanted and stand.get(table.name) != wanted[table.name]:
            _put(conn, table.name, wall(table))
    if stand != wanted:
        for view in _VIEWS:
            conn.exec_driver_sql(f"grant select on {view} to {APP}")
        conn.exec_driver_sql(f"grant usage on all sequences in schema public to {APP}")
        conn.exec_driver_sql(f"comment on function seen_programmes() is '{json.dumps(wanted)}'")


def let_in(conn: sa.Connection, url: str) -> None:
    """Make the login of this address, or give it its password: it may act as both roles, and is nothing by itself.

    Whoever connects as the owner and takes a role can lay it down again; this login has nothing to go back to.
    """
    named = sa.make_url(url)
    raw = conn.connection.driver_connection
    if raw is None or not named.username:
        raise InvalidLogin(
            "web_database_url", "Write it as postgresql://user:password@host/name.", reason="names nobody"
        )
    if named.username in {raw.info.user, APP, REGISTRY}:
        raise InvalidLogin("web_database_url", "Take another name.", reason="it is the owner's, or a role's")
    name = sql.Identifier(named.username)
    there = conn.execute(sa.text("select 1 from pg_roles where rolname = :name"), {"name": named.username}).first()
    if there is None:
        raw.execute(sql.SQL("create role {} login noinherit").format(name))
    if named.password:
        hashed = raw.pgconn.encrypt_password(named.password.encode(), named.username.encode(), b"scram-sha-256")
        raw.execute(sql.SQL("alter role {} password {}").format(name, sql.Literal(hashed.decode())))
    raw.execute(sql.SQL("grant {}, {} to {}").format(sql.Identifier(APP), sql.Identifier(REGISTRY), name))


def _digest(name: str, condition: str | None) -> str:
    """Of all that `_put` does with a table."""
    said = repr((condition, _WRITTEN.get(name), _rights(name), name in _PUBLIC, APP, REGISTRY))
    return hashlib.blake2b(said.encode(), digest_size=6).hexdigest()


def _rights(name: str) -> str:
    if name in _CLOSED:
        return ""
    if name in _ADDED_TO:
        return "select, insert"
    if name in _OPEN or name in _READ_ONLY:
        return _OPEN.get(name, "select")
    return "select, insert, update, delete" if name in _TAKEN_AWAY else "select, insert, update"


def _put(conn: sa.Connection, name: str, condition: str | None) -> None:
    """Tear a table's wall down and put up the one of this page."""
    open_to_app = name in _OPEN
    conn.exec_driver_sql(f"revoke all on {name} from {APP}, {REGISTRY}")
    for policy in ("wall", "registry"):
        conn.exec_driver_sql(f"drop policy if exists {policy} on {name}")
    conn.exec_driver_sql(f"alter table {name} {'disable' if open_to_app else 'enable'} row level security")
    if condition is not None:
        written = _WRITTEN.get(name, condition)
        conn.exec_driver_sql(f"create policy wall on {name} to {APP} using ({condition}) with check ({written})")
    if (rights := _rights(name)) and (condition is not None or open_to_app):
        conn.exec_driver_sql(f"grant {rights} on {name} to {APP}")
    if name in _PUBLIC:
        if not open_to_app:
            conn.exec_driver_sql(f"create policy registry on {name} for select to {REGISTRY} using (true)")
        conn.exec_driver_sql(f"grant select on {name} to {REGISTRY}")


#: What stands is remembered beside a function that every wall needs.
_STAND = "select obj_description('seen_programmes()'::regprocedure, 'pg_proc')"
_TABLES = "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')"
