"""Alembic's entry: one connection, one transaction, the metadata of data.schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context
from geoalchemy2 import alembic_helpers

from data.schema import metadata

_PARTITIONS = ("stock_event_",)


def _ours(obj: object, name: str | None, kind: str, reflected: bool, compare_to: object) -> bool:
    if kind == "table" and reflected and name and (name.startswith(_PARTITIONS) or compare_to is None):
        return False
    return bool(alembic_helpers.include_object(obj, name, kind, reflected, compare_to))


engine = sa.create_engine(context.config.attributes["url"], poolclass=sa.NullPool)
with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        include_object=_ours,
        process_revision_directives=alembic_helpers.writer,
        render_item=alembic_helpers.render_item,
    )
    with context.begin_transaction():
        context.run_migrations()
