"""Who may see and do what? People, their grants and sessions."""

from __future__ import annotations

import sqlalchemy as sa

from data.schema import columns

app_user = sa.Table(
    "app_user", columns.metadata,
    columns.key(),
    sa.Column("email", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("password_hash", sa.Text, nullable=False),
    sa.Column("demo", sa.Boolean, nullable=False, server_default="false"),
    columns.now("created_at"),
    sa.CheckConstraint("email = lower(email)", name="email_lower"),
)  # fmt: skip

grant = sa.Table(
    "user_grant", columns.metadata,
    # (what) x (where): a role in a programme, at an area and all below it or at one facility.
    columns.key(),
    columns.ref("app_user", name="user_id"),
    columns.ref("programme"),
    sa.Column("role", sa.Text, nullable=False),
    columns.ref("area", nullable=True),
    columns.ref("facility", nullable=True),
    sa.UniqueConstraint(
        "user_id", "programme_id", "role", "area_id", "facility_id",
        name="uq_user_grant_once", postgresql_nulls_not_distinct=True,
    ),
    sa.CheckConstraint(
        "role in ('national', 'area', 'facility', 'analyst', 'administrator', 'machine')", name="role_known"
    ),
)  # fmt: skip

session = sa.Table(
    "session", columns.metadata,
    # Only the hash of a session's token is stored; `kind` tells a browser's session from a machine's token.
    sa.Column("token_hash", sa.LargeBinary, primary_key=True),
    columns.ref("app_user", name="user_id"),
    sa.Column("kind", sa.Text, nullable=False, server_default="browser"),
    sa.Column("label", sa.Text, nullable=False, server_default=""),
    columns.now("created_at"),
    sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    sa.Index("ix_session_user_id", "user_id"),
    sa.CheckConstraint("kind in ('browser', 'token')", name="kind_known"),
)  # fmt: skip
