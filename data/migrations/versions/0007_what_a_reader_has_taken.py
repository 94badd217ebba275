"""What a reader has taken: how many changes, and the sum of their numbers, so that one it left out is found.

Revision: 0007, after 0006.
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table reader add taken bigint not null default 0, add taken_sum numeric not null default 0")
    op.execute("""update reader r set (taken, taken_sum) = (
        select count(*), coalesce(sum(o.seq), 0) from outbox o where (o.txid, o.seq) <= (r.txid, r.seq)
    )""")


def downgrade() -> None:
    op.execute("alter table reader drop column taken, drop column taken_sum")
