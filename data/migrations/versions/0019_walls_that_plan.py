"""Walls that cost little to look through, and that no table of a session's own leads around.

Revision: 0019, after 0018.
"""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

# A function that works as its owner finds what it names in `public`, before any temporary table of its caller's: those
# come first where nobody says that they come last.
_PINNED = ("place_of_group(text, text)", "chain_audit_log()")

# Where places lie, for who looks for the nearest: behind the wall of `facility` the index of their points cannot be used,
# because PostgreSQL does not know that comparing boxes tells nobody anything. So the wall is in here.
_PLACES = """create view facility_place as
    select f.id, f.programme_id, f.open, f.point
    from facility f
    where f.programme_id = any (cast((select seen_programmes()) as integer[]))
       or not (select row_security_active('facility'))"""

_NEAR = """create function facilities_near(facility_id integer, km double precision) returns setof integer
    stable rows 50 language sql security definer set search_path = public, pg_temp as $$
        select f.id
        from facility own
        join facility f on f.programme_id = own.programme_id and f.id <> own.id and f.open
                       and f.point && ST_Expand(own.point, km / 80)
        where own.id = facility_id
          and ST_DWithin(CAST(f.point as geography), CAST(own.point as geography), km * 1000)
    $$"""


def upgrade() -> None:
    # Of what a transaction may see, the longest row of ids without a gap: nearly always all of it, and two comparisons.
    for name in ("first", "last"):
        op.execute(f"""
            create function seen_{name}() returns integer stable parallel safe language sql
            return cast(nullif(current_setting('vaxtrace.{name}', true), '') as integer)
        """)
    for function in _PINNED:
        op.execute(f"alter function {function} set search_path = public, pg_temp")
    op.execute(_PLACES)
    op.execute("drop function facilities_near(integer, double precision)")


def downgrade() -> None:
    op.execute(_NEAR)
    op.execute("drop view facility_place")
    for function in _PINNED:
        op.execute(f"alter function {function} set search_path from current")
    op.execute("""
        do $$
        declare
            t record;
        begin
            for t in select c.oid::regclass as name, p.polname as policy
                     from pg_policy p join pg_class c on c.oid = p.polrelid where p.polname = 'wall'
            loop
                execute format('drop policy %I on %s', t.policy, t.name);
            end loop;
        end $$
    """)
    for name in ("first", "last"):
        op.execute(f"drop function seen_{name}()")
    op.execute("comment on function seen_programmes() is null")
