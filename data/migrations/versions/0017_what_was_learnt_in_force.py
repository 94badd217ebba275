"""What a learned model says of the month to come is in force: how far it lies from what is counted, and which model it was.

Revision: 0017, after 0016. Months that have ended keep what they say; the next one to end is the first to be asked.
"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table position add column learned_shift real")
    op.execute("alter table stock_month add column counted_30 real")
    op.execute("alter table programme add column model text")


def downgrade() -> None:
    op.execute("alter table programme drop column model")
    op.execute("alter table stock_month drop column counted_30")
    op.execute("alter table position drop column learned_shift")
