"""What a day changes: room for it beside each position, and whether demand has to be worked out anew.

Revision: 0003, after 0002.
"""

import sqlalchemy as sa
from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('programme', sa.Column('months_changed', sa.Boolean(), server_default='false', nullable=False))
    # A new day changes nearly every row: one that finds room on its own page needs no new entry in an index.
    op.execute('alter table position set (fillfactor = 50)')


def downgrade() -> None:
    op.execute('alter table position reset (fillfactor)')
    op.drop_column('programme', 'months_changed')
