"""What a month was expected to use, which its use and its balance are held against; what like places taught; losses.

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
    op.execute("""create table peer_group (
        programme_id integer not null constraint fk_peer_group_programme_id references programme (id),
        product_id integer not null constraint fk_peer_group_product_id references product (id),
        tier text not null,
        partition_id integer not null constraint fk_peer_group_partition_id references area (id),
        level real,
        spread real,
        dispersion real,
        drift real not null,
        ratio boolean not null,
        constraint pk_peer_group primary key (programme_id, product_id, tier, partition_id)
    )""")
    # Of demand that was worked out before, nobody kept what like places taught: it is worked out anew with the next day.
    op.execute("update programme set months_changed = true")


def downgrade() -> None:
    op.execute("drop table peer_group")
    op.execute("drop index ix_stock_event_loss")
    op.execute("alter table stock_month drop column expected")
