"""What a month was expected to use when it began, which its use and its balance are held against; losses have an index.

Revision: 0018, after 0017.
"""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table stock_month add column expected real")
    op.execute("create index ix_stock_event_loss on stock_event (occurred_at) where kind = 'loss'")


def downgrade() -> None:
    op.execute("drop index ix_stock_event_loss")
    op.execute("alter table stock_month drop column expected")
