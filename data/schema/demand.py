"""What is demand judged by, beside the record? Policies, campaigns, reports of sessions, and doubted values."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ExcludeConstraint

from data.schema import columns

policy = sa.Table(
    "policy", columns.metadata,
    # Whose levels and which AMC hold for a tier and a product; null is all of them, and the most specific row wins.
    columns.key(),
    columns.ref("programme"),
    sa.Column("tier", sa.Text),
    columns.ref("product", nullable=True),
    sa.Column("preset", sa.Text, nullable=False),
    sa.Column("amc_method", sa.Text, nullable=False, server_default="mSupply"),
    # As many of the latest full months enter the AMC.
    sa.Column("window_months", sa.SmallInteger, nullable=False, server_default="12"),
    sa.UniqueConstraint("programme_id", "tier", "product_id", postgresql_nulls_not_distinct=True),
    sa.CheckConstraint("window_months between 1 and 12", name="window_of_a_year"),
)  # fmt: skip

campaign = sa.Table(
    "campaign", columns.metadata,
    # From one day to another a product is given in an area beyond the routine: these months are no routine demand.
    columns.key(),
    columns.ref("programme"),
    columns.ref("product"),
    columns.ref("area"),
    sa.Column("first_day", sa.Date, nullable=False),
    sa.Column("last_day", sa.Date, nullable=False),
    sa.Column("name", sa.Text, nullable=False, server_default=""),
    sa.CheckConstraint("first_day <= last_day", name="ends_after_it_begins"),
    sa.UniqueConstraint("product_id", "area_id", "first_day"),
    ExcludeConstraint(
        ("product_id", "="), ("area_id", "="), (sa.text("daterange(first_day, last_day, '[]')"), "&&"),
        name="ex_campaign_overlap",
    ),
    sa.Index("ix_campaign_programme_id", "programme_id"),
)  # fmt: skip

peer_group = sa.Table(
    "peer_group", columns.metadata,
    # What like places taught when demand was last worked out: those of a tier in a first-level area.
    columns.ref("programme"),
    columns.ref("product"),
    sa.Column("tier", sa.Text, nullable=False),
    columns.ref("area", name="partition_id"),
    # As data.insight.peers has them: doses a month, or (`ratio`) a multiple of what the children need.
    sa.Column("level", sa.REAL),
    sa.Column("spread", sa.REAL),
    sa.Column("dispersion", sa.REAL),
    sa.Column("drift", sa.REAL, nullable=False),
    sa.Column("ratio", sa.Boolean, nullable=False),
    sa.PrimaryKeyConstraint("programme_id", "product_id", "tier", "partition_id"),
)  # fmt: skip

session_month = sa.Table(
    "session_month", columns.metadata,
    # What the vaccination sessions of a place reported of a month; null is not reported, never zero.
    columns.ref("facility"),
    columns.ref("product"),
    sa.Column("month", sa.Date, nullable=False),
    sa.Column("administered", sa.Integer),
    sa.Column("sessions", sa.Integer),
    sa.PrimaryKeyConstraint("facility_id", "product_id", "month"),
    sa.CheckConstraint("extract(day from month) = 1", name="month_is_first_day"),
    sa.CheckConstraint("administered >= 0", name="administered_not_negative"),
    sa.CheckConstraint("sessions >= 0", name="sessions_not_negative"),
)  # fmt: skip

flag = sa.Table(
    "flag", columns.metadata,
    # A value of a month that is doubted: why, how much it still counts in demand, and what a person said of it.
    columns.key(sa.BigInteger),
    columns.ref("programme"),
    columns.ref("facility"),
    columns.ref("product"),
    sa.Column("month", sa.Date, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("severity", sa.Text, nullable=False),
    sa.Column("words", sa.Text, nullable=False),
    sa.Column("weight", sa.REAL, nullable=False),
    # "right": the value is right after all and counts in full; "wrong": it counts for nothing; "seen": known.
    sa.Column("verdict", sa.Text),
    sa.Column("note", sa.Text),
    # By number, so that a user may be forgotten.
    sa.Column("judged_by", sa.Integer),
    sa.Column("judged_at", sa.DateTime(timezone=True)),
    columns.now("found_at"),
    sa.UniqueConstraint("facility_id", "product_id", "month", "kind"),
    sa.CheckConstraint("severity in ('high', 'medium', 'low')", name="severity_known"),
    sa.CheckConstraint("verdict in ('seen', 'right', 'wrong')", name="verdict_known"),
    sa.CheckConstraint("weight between 0 and 1", name="weight_is_a_share"),
    sa.CheckConstraint("(verdict is null) = (judged_at is null)", name="judged_with_a_verdict"),
    sa.Index("ix_flag_programme_id_month", "programme_id", sa.text("month desc"), sa.text("id desc")),
)  # fmt: skip
