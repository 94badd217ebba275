"""What do many tables say alike? The metadata that all tables share, and the columns that most have."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def key(kind: type[sa.types.TypeEngine[Any]] = sa.Integer) -> sa.Column[Any]:
    """The `id` that a table numbers its rows by."""
    return sa.Column("id", kind, sa.Identity(), primary_key=True)


def ref(target: str, *, nullable: bool = False, name: str | None = None, **kw: Any) -> sa.Column[Any]:
    """A reference to the `id` of another table."""
    return sa.Column(name or f"{target}_id", sa.Integer, sa.ForeignKey(f"{target}.id"), nullable=nullable, **kw)


def now(name: str) -> sa.Column[Any]:
    """A moment that is the transaction's where nobody says another."""
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now())


def amount(name: str) -> sa.Column[Any]:
    """A whole number that starts at 0."""
    return sa.Column(name, sa.Integer, nullable=False, server_default="0")
