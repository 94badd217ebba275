"""Who saw or changed what, from where? The log for auditors, written by one insert and chained by a trigger."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from data.schema import columns

#: Where an entry belongs to no programme.
INSTALLATION = 0

audit_log = sa.Table(
    "audit_log", columns.metadata,
    # Append-only. No reference to other tables: it outlives what it is about. A trigger fills number, at, digest.
    sa.Column("programme_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("actor_id", sa.Integer),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("object", sa.Text, nullable=False, server_default=""),
    sa.Column("details", JSONB, nullable=False, server_default="{}"),
    sa.Column("address", sa.Text, nullable=False, server_default=""),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Index("ix_audit_log_programme_id_at", "programme_id", "at"),
)  # fmt: skip

audit_head = sa.Table(
    "audit_head", columns.metadata,
    # The last entry of each programme's log: taking entries off its end is found.
    sa.Column("programme_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("digest", sa.LargeBinary, nullable=False, server_default=sa.text("''::bytea")),
)  # fmt: skip
