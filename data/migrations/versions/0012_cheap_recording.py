"""What makes recording cheap: months that can be added to, room for a row beside itself, nothing checked twice.

Revision: 0012, after 0006.
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_KEYS = {
    "event_key": ("programme",),
    "outbox": ("programme", "facility", "product"),
}
_FILLED = {"lot_balance": 80, "position": 80, "stock_month": 90}


def upgrade() -> None:
    op.execute("alter table stock_month add column missing integer")
    for table, targets in _KEYS.items():
        for target in targets:
            op.execute(f"alter table {table} drop constraint fk_{table}_{target}_id")
    for table, share in _FILLED.items():
        op.execute(f"alter table {table} set (fillfactor = {share})")


def downgrade() -> None:
    op.execute("alter table stock_month drop column missing")
    for table in _FILLED:
        op.execute(f"alter table {table} reset (fillfactor)")
    for table, targets in _KEYS.items():
        for target in targets:
            op.execute(
                f"alter table {table} add constraint fk_{table}_{target}_id"
                f" foreign key ({target}_id) references {target} (id)"
            )
