"""How does stock stand? What is kept beside the record and can be made again from it."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from data.schema import columns

lot_balance = sa.Table(
    "lot_balance", columns.metadata,
    columns.ref("facility"),
    columns.ref("product"),
    sa.Column("lot_id", sa.Integer),
    sa.Column("doses", sa.Integer, nullable=False),
    sa.Column("vvm_stage", sa.SmallInteger, nullable=False, server_default="1"),
    sa.Column("first_received_at", sa.DateTime(timezone=True)),
    sa.Column("quarantined", sa.Boolean, nullable=False, server_default="false"),
    sa.UniqueConstraint(
        "facility_id", "product_id", "lot_id", name="uq_lot_balance_lot", postgresql_nulls_not_distinct=True
    ),
    sa.ForeignKeyConstraint(["lot_id", "product_id"], ["lot.id", "lot.product_id"]),
    sa.CheckConstraint("doses >= 0", name="not_negative"),
    sa.CheckConstraint("vvm_stage between 1 and 4", name="vvm_stage_known"),
    # Here and below: room in each page, so that a row which changes stays where its indexes find it.
    postgresql_with={"fillfactor": "80"},
)  # fmt: skip

lot_month = sa.Table(
    "lot_month", columns.metadata,
    # What lay where when a month began, by the rows up to an id: data.record.past. One row for each 1,024 facilities
    # with columns of big-endian integers; lot 0 is no lot known. Made from the record, never changed, may be lost.
    columns.ref("programme", primary_key=True),
    sa.Column("month", sa.Date, primary_key=True),
    sa.Column("block", sa.Integer, primary_key=True),
    sa.Column("last_id", sa.BigInteger, nullable=False),
    # When the last of these rows was recorded.
    sa.Column("recorded_until", sa.DateTime(timezone=True)),
    *(sa.Column(name, sa.LargeBinary, nullable=False) for name in ("facility_id", "product_id", "lot_id", "doses")),
    # Of all of this: a trigger fills it. So it is below.
    sa.Column("digest", sa.LargeBinary, nullable=False, server_default=sa.FetchedValue()),
)  # fmt: skip

position_month = sa.Table(
    "position_month", columns.metadata,
    # What each position was judged by when a month began, packed likewise: data.month_marks. Demand as doubles, NaN
    # where no month says it; local days since 1970 of the last event and the last receipt. Made again when much comes
    # late: the first of a month stays, for it is what was known then. May be lost.
    columns.ref("programme", primary_key=True),
    sa.Column("month", sa.Date, primary_key=True),
    sa.Column("block", sa.Integer, primary_key=True),
    sa.Column("last_id", sa.BigInteger, primary_key=True),
    # When the last of what it is made of was recorded.
    sa.Column("recorded_until", sa.DateTime(timezone=True)),
    *(
        sa.Column(name, sa.LargeBinary, nullable=False)
        for name in ("facility_id", "product_id", "amc", "event_day", "received_day")
    ),
    sa.Column("digest", sa.LargeBinary, nullable=False, server_default=sa.FetchedValue()),
)  # fmt: skip

stock_month = sa.Table(
    "stock_month", columns.metadata,
    # One facility x product x month as reported or as folded from events; the history behind every chart.
    columns.ref("facility"),
    columns.ref("product"),
    sa.Column("month", sa.Date, nullable=False),
    sa.Column("opening", sa.Integer),
    sa.Column("received", sa.Integer),
    sa.Column("used", sa.Integer),
    sa.Column("lost", sa.Integer),
    sa.Column("adjusted", sa.Integer),
    sa.Column("closing", sa.Integer),
    # Of `used` and `adjusted`, what counts found missing where no use is recorded; null where nothing was folded yet.
    sa.Column("missing", sa.Integer),
    sa.Column("days_out", sa.SmallInteger),
    # Whether these days were counted here (data.days_out) rather than reported: what comes late counts them anew.
    sa.Column("days_counted", sa.Boolean, nullable=False, server_default="false"),
    # As assessed at the end of the month.
    sa.Column("state", sa.SmallInteger),
    sa.Column("probability", sa.REAL),
    # P(running out within the 30 days that follow it), as it was in force then; null where there was no probability.
    sa.Column("within_30", sa.REAL),
    # What the count model alone said of them, where a learned model was in force; else null.
    sa.Column("counted_30", sa.REAL),
    # The demand that was in force while the month ran, in doses a month, from the months before it: what its use and
    # its balance are held against. Null where it was not known, or the month ended before it was kept.
    sa.Column("expected", sa.REAL),
    sa.PrimaryKeyConstraint("facility_id", "product_id", "month"),
    sa.CheckConstraint("extract(day from month) = 1", name="month_is_first_day"),
    sa.Index("ix_stock_month_product_id_month", "product_id", "month"),
    # The worst facilities of a month, without reading all that was well.
    sa.Index(
        "ix_stock_month_trouble", "month", "product_id", postgresql_include=["facility_id", "state", "probability"],
        postgresql_where=sa.text("state in (2, 3, 4)"),
    ),
    postgresql_with={"fillfactor": "90"},
)  # fmt: skip

position = sa.Table(
    "position", columns.metadata,
    columns.ref("facility", primary_key=True),
    columns.ref("product", primary_key=True),
    # Doses of lots that may be used today, and of all lots.
    columns.amount("usable"),
    columns.amount("total"),
    # Doses promised to orders; what is available is usable less these.
    columns.amount("reserved"),
    # Mean monthly demand, corrected for days out of stock, in doses; null where unknown.
    sa.Column("amc", sa.REAL),
    # How a month varies around it (variance / mean) and how unsure it is itself (squared relative error).
    sa.Column("dispersion", sa.REAL),
    sa.Column("uncertainty", sa.REAL),
    # Where the demand comes from (data.insight.demand.Source), and whose levels hold here (data.insight.policy.CODES);
    # null before the first refresh.
    sa.Column("demand_source", sa.SmallInteger),
    sa.Column("preset", sa.SmallInteger),
    sa.Column("state", sa.SmallInteger, nullable=False, server_default="0"),
    sa.Column("probability", sa.REAL),
    sa.Column("cover_p10", sa.REAL),
    sa.Column("cover_p50", sa.REAL),
    sa.Column("cover_p90", sa.REAL),
    # P(running out within 7, 14, 30, 60 and 90 days), with deliveries and expiry in it; null where none is judged.
    sa.Column("within", ARRAY(sa.REAL)),
    # How far, in log odds, what was learnt lies from what is counted while this month runs (data.insight.shift); null
    # where the count model answers alone.
    sa.Column("learned_shift", sa.REAL),
    # Of the next 30 days: doses that will be asked for and not be there, and the children who would miss them; whole
    # numbers. `missed` is null where it is not known how many doses a child takes.
    sa.Column("short", sa.REAL),
    sa.Column("missed", sa.REAL),
    # Doses that will expire before they can be used, at the mean demand; null where no expiry is known.
    sa.Column("expiring", sa.REAL),
    # Doses that were sent here and have not arrived; when the first of them is expected.
    columns.amount("coming"),
    sa.Column("coming_on", sa.Date),
    sa.Column("last_received_on", sa.Date),
    sa.Column("next_delivery_on", sa.Date),
    sa.Column("last_event_at", sa.DateTime(timezone=True)),
    sa.Column("out_since", sa.DateTime(timezone=True)),
    # Counts every fold; the ETag of a position.
    sa.Column("version", sa.Integer, nullable=False, server_default="1"),
    # The digest of the last row of its record.
    sa.Column("chain", sa.LargeBinary, nullable=False, server_default=""),
    sa.CheckConstraint("reserved >= 0", name="reserved_not_negative"),
    sa.Index("ix_position_product_id_state", "product_id", "state"),
    # Where most children would be missed, without reading all that is well.
    sa.Index("ix_position_missed", sa.text("missed desc"), "product_id", postgresql_where=sa.text("missed >= 1")),
    postgresql_with={"fillfactor": "80"},
)  # fmt: skip

facility_delay = sa.Table(
    "facility_delay", columns.metadata,
    # How late deliveries come to a facility: its own of the last year, and what follows from these and its like.
    columns.ref("facility", primary_key=True),
    sa.Column("deliveries", sa.Integer, nullable=False),
    sa.Column("late", sa.Integer, nullable=False),
    # Of the late ones and of what is overdue now, all together.
    sa.Column("days_late", sa.Integer, nullable=False),
    sa.Column("on_time", sa.REAL, nullable=False),
    sa.Column("mean_days_late", sa.REAL, nullable=False),
    sa.CheckConstraint("late between 0 and deliveries", name="late_of_deliveries"),
    sa.CheckConstraint("on_time between 0 and 1 and mean_days_late > 0", name="shares"),
)  # fmt: skip

alert = sa.Table(
    "alert", columns.metadata,
    columns.key(sa.BigInteger),
    columns.ref("programme"),
    columns.ref("facility"),
    columns.ref("product"),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("resolved_at", sa.DateTime(timezone=True)),
    sa.Index(
        "uq_alert_open", "facility_id", "product_id", "kind", unique=True,
        postgresql_where=sa.text("resolved_at is null"),
    ),
    sa.Index("ix_alert_programme_id_opened_at", "programme_id", "opened_at"),
)  # fmt: skip
