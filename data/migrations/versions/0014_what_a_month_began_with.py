"""What every position was judged by when a month began, so that the map of a past moment is read rather than worked out.

Revision: 0014, after 0012.
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""create table position_month (
        programme_id integer not null constraint fk_position_month_programme_id references programme (id),
        month date not null,
        block integer not null,
        last_id bigint not null,
        recorded_until timestamptz,
        facility_id bytea not null,
        product_id bytea not null,
        amc bytea not null,
        event_day bytea not null,
        received_day bytea not null,
        constraint pk_position_month primary key (programme_id, month, block, last_id)
    )""")


def downgrade() -> None:
    op.execute("drop table position_month")
