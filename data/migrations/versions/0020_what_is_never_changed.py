"""What is made once and never changed carries a digest of itself; and answers to keys, one of what was answered.

Revision: 0020, after 0019.

A shipment left with the first of what was sent, and arrived with the last of what came, in whatever order that was told.

Keys that are on record keep the digest of what was said alone: their answers are compared with their rows.
"""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_SEALED = ("attachment", "lot_month", "position_month")


def upgrade() -> None:
    # Nobody reads it: each row of the record has its own.
    op.execute("alter table event_key drop column recorded_at")
    op.execute("""
        create function row_digest(of jsonb) returns bytea immutable language sql set search_path = pg_catalog as $$
            select sha256(convert_to((of - 'digest' - 'content')::text, 'UTF8'))
        $$
    """)
    op.execute("""
        create function seal_row() returns trigger language plpgsql
        set timezone = 'UTC' set search_path = public, pg_temp as $$
        begin
            new.digest := row_digest(to_jsonb(new));
            return new;
        end $$
    """)
    op.execute("""
        update shipment s set sent_at = t.sent_at, received_at = t.received_at
        from (
            select shipment_id, min(occurred_at) filter (where kind not in ('receipt', 'transfer_in')) as sent_at,
                   max(occurred_at) filter (where kind in ('receipt', 'transfer_in')) as received_at
            from stock_event where shipment_id is not null group by 1
        ) t
        where t.shipment_id = s.id and (s.sent_at, s.received_at) is distinct from (t.sent_at, t.received_at)
    """)
    op.execute("set local timezone = 'UTC'")
    for table in _SEALED:
        op.execute(f"alter table {table} add column digest bytea")
        op.execute(f"update {table} t set digest = row_digest(to_jsonb(t))")
        op.execute(f"alter table {table} alter column digest set not null")
        op.execute(f"create trigger sealed before insert on {table} for each row execute function seal_row()")


def downgrade() -> None:
    for table in _SEALED:
        op.execute(f"drop trigger sealed on {table}")
        op.execute(f"alter table {table} drop column digest")
    op.execute("drop function seal_row()")
    op.execute("drop function row_digest(jsonb)")
    op.execute("update event_key set digest = substring(digest for 32) where length(digest) > 32")
    op.execute("alter table event_key add column recorded_at timestamptz not null default now()")
