"""Who may see and do what? People, how they prove who they are, their grants, sessions and tokens."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from data.schema import columns


def _of(table: str, *, name: str | None = None, nullable: bool = False) -> sa.Column[Any]:
    """A reference to what a row goes with when it goes."""
    return sa.Column(
        name or f"{table}_id", sa.Integer, sa.ForeignKey(f"{table}.id", ondelete="CASCADE"), nullable=nullable
    )


def _moment(name: str, *, nullable: bool = True) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _secret(name: str = "token_hash") -> sa.Column[Any]:
    """The SHA-256 of something that is random and long: all that is kept of it."""
    return sa.Column(name, sa.LargeBinary, primary_key=True)


app_user = sa.Table(
    "app_user", columns.metadata,
    columns.key(),
    sa.Column("email", sa.Text, nullable=False, unique=True),
    # Sealed by the application (app.auth.personal), which has the keys; so is the telephone number.
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("phone", sa.Text),
    # None until somebody who was invited has chosen one; who only comes by way of the ministry's sign-in has none.
    sa.Column("password_hash", sa.Text),
    sa.Column("demo", sa.Boolean, nullable=False, server_default="false"),
    columns.now("created_at"),
    # The kill switch: nothing of theirs works from then on.
    _moment("stopped_at"),
    # The second factor: its secret (sealed: app.auth.sealed), and the newest time step whose code was used.
    sa.Column("totp_secret", sa.Text),
    sa.Column("totp_step", sa.BigInteger, nullable=False, server_default="0"),
    _moment("totp_since"),
    sa.CheckConstraint("email = lower(email)", name="email_lower"),
    sa.CheckConstraint("name like 'gAAAAA%'", name="name_sealed"),
    sa.CheckConstraint("phone like 'gAAAAA%'", name="phone_sealed"),
)  # fmt: skip

recovery_code = sa.Table(
    "recovery_code", columns.metadata,
    # What stands in for the second factor once, where the telephone is gone.
    _secret("code_hash"),
    _of("app_user", name="user_id"),
    sa.Index("ix_recovery_code_user_id", "user_id"),
)  # fmt: skip

reset_link = sa.Table(
    "reset_link", columns.metadata,
    # Whoever holds such a link chooses a new password, once.
    _secret(),
    _of("app_user", name="user_id"),
    columns.now("created_at"),
    _moment("expires_at", nullable=False),
    sa.Index("ix_reset_link_user_id", "user_id"),
)  # fmt: skip

identity = sa.Table(
    "identity", columns.metadata,
    # Who somebody is to the ministry's own provider.
    sa.Column("issuer", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, primary_key=True),
    _of("app_user", name="user_id"),
    columns.now("created_at"),
)  # fmt: skip

sign_in_attempt = sa.Table(
    "sign_in_attempt", columns.metadata,
    # Failed attempts by what is counted: an account from an address, an address, an account's second factor.
    sa.Column("key", sa.LargeBinary, primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False),
    _moment("last_at", nullable=False),
    prefixes=["UNLOGGED"],
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
    # Given by somebody here, or by a group of the ministry's provider, which may take it back.
    sa.Column("source", sa.Text, nullable=False, server_default="given"),
    sa.UniqueConstraint(
        "user_id", "programme_id", "role", "area_id", "facility_id",
        name="uq_user_grant_once", postgresql_nulls_not_distinct=True,
    ),
    sa.CheckConstraint(
        "role in ('national', 'area', 'facility', 'analyst', 'administrator', 'machine')", name="role_known"
    ),
    sa.CheckConstraint("source in ('given', 'group')", name="source_known"),
)  # fmt: skip

client = sa.Table(
    "client", columns.metadata,
    # A connected system that fetches its tokens at /api/v1/token; they may do what its user may do, within a scope.
    columns.key(),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("secret_hash", sa.LargeBinary, nullable=False),
    _of("app_user", name="user_id"),
    sa.Column("label", sa.Text, nullable=False, server_default=""),
    sa.Column("rights", ARRAY(sa.Text)),
    columns.ref("programme", nullable=True),
    columns.ref("area", nullable=True),
    columns.now("created_at"),
)  # fmt: skip

token_family = sa.Table(
    "token_family", columns.metadata,
    # All tokens that descend from one proof of who asks: they end together.
    columns.key(),
    _of("client"),
    columns.now("created_at"),
)  # fmt: skip

refresh_token = sa.Table(
    "refresh_token", columns.metadata,
    # Good for one new pair of tokens; one that is used again was stolen, and ends its family.
    _secret(),
    _of("token_family", name="family_id"),
    _moment("expires_at", nullable=False),
    _moment("used_at"),
    sa.Index("ix_refresh_token_family_id", "family_id"),
)  # fmt: skip

session = sa.Table(
    "session", columns.metadata,
    # Only the hash of a session's token is stored; `kind` tells a browser's session from a token that somebody made
    # and from one that a connected system fetched.
    _secret(),
    sa.Column("id", sa.Integer, sa.Identity(), nullable=False, unique=True),
    columns.ref("app_user", name="user_id"),
    sa.Column("kind", sa.Text, nullable=False, server_default="browser"),
    sa.Column("label", sa.Text, nullable=False, server_default=""),
    columns.now("created_at"),
    sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("address", sa.Text, nullable=False, server_default=""),
    _moment("seen_at"),
    # Whether a second factor was given for it.
    sa.Column("strong", sa.Boolean, nullable=False, server_default="false"),
    # What a token may do at most: some of its user's rights, in one programme, in one area. None is no limit.
    sa.Column("rights", ARRAY(sa.Text)),
    columns.ref("programme", nullable=True),
    columns.ref("area", nullable=True),
    _of("token_family", name="family_id", nullable=True),
    # The provider's refresh token (sealed), and when it is next asked whether the person is still theirs.
    sa.Column("provider_token", sa.Text),
    _moment("provider_due"),
    sa.Index("ix_session_user_id", "user_id"),
    sa.Index("ix_session_family_id", "family_id"),
    sa.Index("ix_session_provider_due", "provider_due", postgresql_where=sa.text("provider_due is not null")),
    sa.CheckConstraint("kind in ('browser', 'token', 'access')", name="kind_known"),
)  # fmt: skip
