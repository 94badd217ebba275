"""What is being counted? Drafts beside the record: nothing of them is stock before they are posted."""

from __future__ import annotations

import sqlalchemy as sa

from data.schema import columns

stock_count = sa.Table(
    "stock_count", columns.metadata,
    # Somebody counts a facility: lines are entered one by one, and posted to the record as one document. Who did what
    # is kept by number, as in the record, so that a user may be forgotten.
    columns.key(sa.BigInteger),
    columns.ref("programme"),
    columns.ref("facility"),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False, server_default="open"),
    sa.Column("opened_by", sa.Integer),
    sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
    # While it is open: when it was counted on paper. Afterwards: when the last line was counted.
    sa.Column("counted_at", sa.DateTime(timezone=True)),
    sa.Column("submitted_by", sa.Integer),
    sa.Column("submitted_at", sa.DateTime(timezone=True)),
    # The programme's limits as they were when it was submitted.
    sa.Column("approval_share", sa.Float),
    sa.Column("approval_value", sa.Numeric(14, 2)),
    sa.Column("approved_by", sa.Integer),
    sa.Column("approved_at", sa.DateTime(timezone=True)),
    sa.Column("approval_note", sa.Text),
    # The last time that it was sent back to be counted again, and why.
    sa.Column("refused_by", sa.Integer),
    sa.Column("refused_at", sa.DateTime(timezone=True)),
    sa.Column("refusal", sa.Text),
    sa.Column("posted_at", sa.DateTime(timezone=True)),
    sa.Column("cancelled_by", sa.Integer),
    sa.Column("cancelled_at", sa.DateTime(timezone=True)),
    sa.Column("cancel_reason", sa.Text),
    sa.UniqueConstraint("programme_id", "number"),
    sa.CheckConstraint("status in ('open', 'submitted', 'posted', 'cancelled')", name="status_known"),
    sa.CheckConstraint("approved_by <> submitted_by", name="approved_by_another"),
    sa.CheckConstraint("(status in ('submitted', 'posted')) = (submitted_at is not null)", name="submitted"),
    sa.CheckConstraint("(status = 'posted') = (posted_at is not null)", name="posted"),
    sa.CheckConstraint("(status = 'cancelled') = (cancelled_at is not null)", name="cancelled"),
    sa.CheckConstraint("(cancelled_at is null) = (cancel_reason is null)", name="cancelled_with_a_reason"),
    sa.CheckConstraint("(refused_at is null) = (refusal is null)", name="refused_with_a_reason"),
    sa.CheckConstraint("submitted_at is null or counted_at is not null", name="submitted_when_counted"),
    sa.Index("ix_stock_count_facility_id", "facility_id", "opened_at"),
    sa.Index("ix_stock_count_programme_id_opened_at", "programme_id", "opened_at"),
    sa.Index("ix_stock_count_pending", "programme_id", postgresql_where=sa.text("status in ('open', 'submitted')")),
)  # fmt: skip

stock_count_product = sa.Table(
    "stock_count_product", columns.metadata,
    # What a count is of. While it is neither posted nor cancelled, its products are in no other count of the facility.
    sa.Column("count_id", sa.BigInteger, sa.ForeignKey("stock_count.id"), primary_key=True),
    columns.ref("product", primary_key=True),
    columns.ref("facility"),
    # The version of the position when the count was opened.
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("active", sa.Boolean, nullable=False, server_default="true"),
    sa.Index(
        "uq_stock_count_product_active", "facility_id", "product_id", unique=True, postgresql_where=sa.text("active")
    ),
)  # fmt: skip

stock_count_line = sa.Table(
    "stock_count_line", columns.metadata,
    # One lot of it; without a number, "no lot known".
    columns.key(sa.BigInteger),
    sa.Column("count_id", sa.BigInteger, nullable=False),
    sa.Column("product_id", sa.Integer, nullable=False),
    sa.Column("lot_number", sa.Text),
    sa.Column("expiry", sa.Date),
    # Added by the person who counted; the others are the lots on record.
    sa.Column("found", sa.Boolean, nullable=False, server_default="false"),
    # Doses on record when the line was made, and at the moment it was counted as known to the one who counted. Of a
    # count that is posted: as known then.
    columns.amount("opening"),
    sa.Column("expected", sa.Integer),
    sa.Column("counted", sa.Integer),
    sa.Column("counted_at", sa.DateTime(timezone=True)),
    sa.Column("counted_by", sa.Integer),
    # Why it differs; data.record.counts.Cause.
    sa.Column("reason", sa.Text),
    sa.Column("note", sa.Text),
    # Counts every change: two people who save the same line are told of each other.
    sa.Column("version", sa.Integer, nullable=False, server_default="0"),
    sa.ForeignKeyConstraint(
        ["count_id", "product_id"], ["stock_count_product.count_id", "stock_count_product.product_id"]
    ),
    sa.UniqueConstraint(
        "count_id", "product_id", "lot_number", name="uq_stock_count_line_lot", postgresql_nulls_not_distinct=True
    ),
    sa.CheckConstraint("counted >= 0", name="counted_not_negative"),
    sa.CheckConstraint(
        "(counted is null) = (counted_at is null) and (counted is null) = (expected is null)", name="counted_once"
    ),
    sa.CheckConstraint(
        "reason in ('use not recorded', 'receipt not recorded', 'loss not recorded', 'recorded under another lot',"
        " 'error in the record', 'missing', 'other')",
        name="reason_known",
    ),
    sa.CheckConstraint("not found or lot_number is null or expiry is not null", name="found_with_its_expiry"),
)  # fmt: skip
