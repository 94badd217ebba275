"""A new month never waits long for those who record, and they never for each other because of it.

Revision: 0021, after 0020.
"""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

#: Foreign keys are made with a partition: who writes to what they name waits for it, and it for them, but never so long
#: that PostgreSQL would look for who waits for whom. `data.record.partitions` tries again.
_PARTITION = """create or replace function make_stock_event_partition(month date) returns void language plpgsql
    security definer set search_path = public, pg_temp set lock_timeout = '{patience}' as $$
    declare
        first date := date_trunc('month', month);
        name text := 'stock_event_' || to_char(first, 'YYYY_MM');
    begin
        -- Built apart and then attached: readers go on meanwhile.
        lock table facility, lot, shipment, attachment, position in share row exclusive mode;
        execute format('create table %I (like stock_event including defaults including constraints'
                       ' including indexes)', name);
        execute format('alter table stock_event attach partition %I for values from (%L) to (%L)', name,
                       first || ' 00:00+00', (first + interval '1 month')::date || ' 00:00+00');
    end $$"""


def upgrade() -> None:
    op.execute(_PARTITION.format(patience="100ms"))


def downgrade() -> None:
    op.execute(_PARTITION.format(patience="2s"))
