"""What is ahead of each position: five horizons, doses short, children missed, what is coming, and how late it comes.

Revision: 0009, after 0006.
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""alter table position
        add column within real[],
        add column short real,
        add column missed real,
        add column expiring real,
        add column coming integer not null default 0,
        add column coming_on date""")
    op.execute("create index ix_position_missed on position (missed desc, product_id) where missed >= 1")
    op.execute("alter table stock_month add column within_30 real")
    op.execute("""create table facility_delay (
        facility_id integer not null constraint pk_facility_delay primary key
            constraint fk_facility_delay_facility_id references facility (id),
        deliveries integer not null,
        late integer not null,
        days_late integer not null,
        on_time real not null,
        mean_days_late real not null,
        constraint ck_facility_delay_late_of_deliveries check (late between 0 and deliveries),
        constraint ck_facility_delay_shares check (on_time between 0 and 1 and mean_days_late > 0)
    )""")


def downgrade() -> None:
    op.execute("drop table facility_delay")
    op.execute("alter table stock_month drop column within_30")
    op.execute("drop index ix_position_missed")
    op.execute("""alter table position
        drop column within, drop column short, drop column missed, drop column expiring,
        drop column coming, drop column coming_on""")
