"""Any past moment: marks of what lay where when a month began, and what finds rows by when they were recorded.

Revision: 0005, after 0002.
"""

from alembic import op

revision = "0005"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("create index ix_stock_event_recorded_at on stock_event using brin (recorded_at)")
    op.execute(
        "create index ix_stock_event_lot_state on stock_event (facility_id, product_id)"
        " where kind in ('vvm', 'quarantine', 'release')"
    )
    op.execute("""create table lot_month (
        programme_id integer not null constraint fk_lot_month_programme_id references programme (id),
        month date not null,
        block integer not null,
        last_id bigint not null,
        recorded_until timestamptz,
        facility_id bytea not null,
        product_id bytea not null,
        lot_id bytea not null,
        doses bytea not null,
        constraint pk_lot_month primary key (programme_id, month, block)
    )""")


def downgrade() -> None:
    op.execute("drop table lot_month")
    op.execute("drop index ix_stock_event_lot_state")
    op.execute("drop index ix_stock_event_recorded_at")
