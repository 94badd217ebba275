"""What was ordered? Who asked whom for how much, and what was decided; what was done about it is in the record."""

from __future__ import annotations

import sqlalchemy as sa

from data.schema import columns

stock_order = sa.Table(
    "stock_order", columns.metadata,
    # A facility asks another one for stock. Only decisions are kept here: what is reserved, was shipped or has arrived
    # are sums of the record (`stock_order_moved`). Who did what is kept by number, so that a user may be forgotten.
    columns.key(sa.BigInteger),
    columns.ref("programme"),
    sa.Column("number", sa.Text, nullable=False),
    columns.ref("facility"),
    # Who is asked, and whose stock is promised.
    columns.ref("facility", name="supplier_id"),
    # The sender's own id of it: the same again is the same order.
    sa.Column("reference", sa.Text),
    sa.Column("note", sa.Text),
    sa.Column("placed_by", sa.Integer),
    sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("approved_by", sa.Integer),
    sa.Column("approved_at", sa.DateTime(timezone=True)),
    sa.Column("approval_note", sa.Text),
    sa.Column("refused_by", sa.Integer),
    sa.Column("refused_at", sa.DateTime(timezone=True)),
    sa.Column("refusal", sa.Text),
    # When what was not shipped was given up, by either end.
    sa.Column("ended_by", sa.Integer),
    sa.Column("ended_at", sa.DateTime(timezone=True)),
    sa.Column("end_reason", sa.Text),
    # How many times something of it was put into the record: part of the ids of its events.
    columns.amount("postings"),
    sa.UniqueConstraint("programme_id", "number"),
    sa.UniqueConstraint("facility_id", "reference"),
    sa.CheckConstraint("supplier_id <> facility_id", name="between_two"),
    sa.CheckConstraint("approved_by <> placed_by", name="approved_by_another"),
    sa.CheckConstraint("approved_at is null or refused_at is null", name="decided_once"),
    sa.CheckConstraint("refused_at is null or ended_at is null", name="refused_is_the_end"),
    sa.CheckConstraint("(refused_at is null) = (refusal is null)", name="refused_with_a_reason"),
    sa.CheckConstraint("(ended_at is null) = (end_reason is null)", name="ended_with_a_reason"),
    sa.Index("ix_stock_order_facility_id", "facility_id", "placed_at"),
    sa.Index("ix_stock_order_supplier_id", "supplier_id", "placed_at"),
    sa.Index("ix_stock_order_programme_id_placed_at", "programme_id", "placed_at"),
    sa.Index(
        "ix_stock_order_pending", "programme_id",
        postgresql_where=sa.text("approved_at is null and refused_at is null and ended_at is null"),
    ),
)  # fmt: skip

stock_order_line = sa.Table(
    "stock_order_line", columns.metadata,
    # One product of it, in doses and in whole vials of the size that it had when it was ordered.
    columns.key(sa.BigInteger),
    sa.Column("order_id", sa.BigInteger, sa.ForeignKey("stock_order.id"), nullable=False),
    columns.ref("product"),
    sa.Column("doses_per_vial", sa.SmallInteger, nullable=False),
    sa.Column("ordered", sa.Integer, nullable=False),
    # Null before it was approved.
    sa.Column("approved", sa.Integer),
    sa.UniqueConstraint("order_id", "product_id"),
    sa.CheckConstraint("ordered > 0", name="ordered_positive"),
    sa.CheckConstraint("approved between 0 and ordered", name="approved_of_ordered"),
    sa.CheckConstraint("ordered % doses_per_vial = 0 and approved % doses_per_vial = 0", name="whole_vials"),
)  # fmt: skip
