"""Walls: two roles that own nothing, what tells PostgreSQL who may see what, and who makes partitions.

The walls themselves are in data/walls.py, which every migration ends with.

Revision: 0010, after 0006.
"""

from alembic import op

from data import walls

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

#: What a transaction may see, as it was told; nothing where it was told nothing.
_SEEN = {"programmes": "integer[]", "whole": "integer[]", "facilities": "int4multirange", "areas": "int4multirange"}


def upgrade() -> None:
    for role in (walls.APP, walls.REGISTRY):
        # Roles belong to the whole server: another database may have made it already, or be making it now.
        op.execute(f"""
            do $$
            begin
                if not exists (select from pg_roles where rolname = '{role}') then
                    begin
                        create role {role} nologin;
                    exception
                        when duplicate_object or unique_violation then null;
                        when insufficient_privilege then
                            raise exception 'The role {role} is missing and % may not create roles.', current_user
                            using hint = 'Have an administrator of the server run: create role {role} nologin;'
                                         ' grant {role} to ' || quote_ident(current_user);
                    end;
                end if;
                if not pg_has_role(current_user, '{role}', 'member') then
                    execute format('grant {role} to %I', current_user);
                end if;
            end $$
        """)
        op.execute(f"grant usage on schema public to {role}")
    for name, kind in _SEEN.items():
        empty = "'{}'"
        op.execute(f"""
            create function seen_{name}() returns {kind} stable parallel safe language sql
            return cast(coalesce(nullif(current_setting('vaxtrace.{name}', true), ''), {empty}) as {kind})
        """)
    # A late event may need a month that nobody made yet; who records owns no table, and so cannot make one.
    op.execute("""
        create function make_stock_event_partition(month date) returns void language plpgsql security definer
        set search_path = public, pg_temp as $$
        declare
            first date := date_trunc('month', month);
            name text := 'stock_event_' || to_char(first, 'YYYY_MM');
        begin
            -- Built apart and then attached: readers and writers of the other months go on meanwhile.
            execute format('create table %I (like stock_event including defaults including constraints'
                           ' including indexes)', name);
            execute format('alter table stock_event attach partition %I for values from (%L) to (%L)', name,
                           first || ' 00:00+00', (first + interval '1 month')::date || ' 00:00+00');
        end $$
    """)
    op.execute("revoke all on function make_stock_event_partition(date) from public")
    op.execute(f"grant execute on function make_stock_event_partition(date) to {walls.APP}")
    # Where places lie is public; behind a wall the index of their points could not be used, because PostgreSQL does not
    # know that comparing boxes tells nobody anything.
    op.execute("""
        create function facilities_near(facility_id integer, km double precision) returns setof integer
        stable rows 50 language sql security definer set search_path = public, pg_temp as $$
            select f.id
            from facility own
            join facility f on f.programme_id = own.programme_id and f.id <> own.id and f.open
                           and f.point && ST_Expand(own.point, km / 80)
            where own.id = facility_id
              and ST_DWithin(CAST(f.point as geography), CAST(own.point as geography), km * 1000)
        $$
    """)


def downgrade() -> None:
    op.execute("drop function facilities_near(integer, double precision)")
    op.execute("drop function make_stock_event_partition(date)")
    op.execute("""
        do $$
        declare
            t record;
        begin
            for t in select c.oid::regclass as name, p.polname as policy
                     from pg_policy p join pg_class c on c.oid = p.polrelid
            loop
                execute format('drop policy %I on %s', t.policy, t.name);
            end loop;
            for t in select c.oid::regclass as name from pg_class c
                     where c.relnamespace = 'public'::regnamespace and c.relrowsecurity
            loop
                execute format('alter table %s disable row level security', t.name);
            end loop;
        end $$
    """)
    for role in (walls.APP, walls.REGISTRY):
        # The roles stay: other databases of the server may use them.
        op.execute(f"revoke all on all tables in schema public from {role}")
        op.execute(f"revoke all on all sequences in schema public from {role}")
        op.execute(f"revoke all on schema public from {role}")
    for name in _SEEN:
        op.execute(f"drop function seen_{name}()")
