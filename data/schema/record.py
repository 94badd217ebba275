"""What happened to stock? The record, append-only, with its lots, keys and papers, and what goes out to readers."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from data.schema import columns

lot = sa.Table(
    "lot", columns.metadata,
    columns.key(),
    columns.ref("product"),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("expiry", sa.Date, nullable=False),
    sa.UniqueConstraint("product_id", "number"),
    # What names a lot names its product too, so that nothing is of another product's lot.
    sa.UniqueConstraint("id", "product_id"),
)  # fmt: skip

stock_event = sa.Table(
    "stock_event", columns.metadata,
    # Append-only (a trigger sees to it): what was said, its effect lot by lot, and what late events made of that.
    # Any past moment is a sum: over occurred_at what was true, over recorded_at what was known.
    # What a row names is there. Its facility and product are so as the position that its writer holds anyway: no check
    # makes writers of one programme wait for each other. Which columns have no key, and why: docs/decisions.
    sa.Column("id", sa.BigInteger, sa.Identity(), nullable=False),
    sa.Column("programme_id", sa.Integer, nullable=False),
    sa.Column("facility_id", sa.Integer, nullable=False),
    sa.Column("product_id", sa.Integer, nullable=False),
    sa.Column("lot_id", sa.Integer),
    sa.Column("kind", sa.Text, nullable=False),
    # 'event' as it was said; 'revision' of it after a late event; its 'reversal'. All have the event's kind and moment.
    sa.Column("entry", sa.Text, nullable=False, server_default="event"),
    # The signed effect on the balance. A count of what was there already is an event of 0.
    sa.Column("doses", sa.Integer, nullable=False),
    sa.Column("counted", sa.Integer),
    # The signed effect on what is reserved for the order.
    sa.Column("reserved", sa.Integer, nullable=False, server_default="0"),
    # Whether the sender named the lot; otherwise the order of issue chose it.
    sa.Column("lot_named", sa.Boolean, nullable=False, server_default="true"),
    sa.Column("reason", sa.Text),
    sa.Column("stage", sa.SmallInteger),
    sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
    columns.now("recorded_at"),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("source_id", sa.Text, nullable=False),
    sa.Column("actor_id", sa.Integer),
    sa.Column("document", sa.Text),
    sa.Column("partner_id", sa.Integer),
    sa.Column("order_number", sa.Text),
    sa.Column("note", sa.Text),
    sa.Column("attachment_id", sa.BigInteger),
    # The first row of the event that a reversal takes back.
    sa.Column("reverses_id", sa.BigInteger),
    sa.Column("shipment_id", sa.BigInteger),
    # Of this row and the one before it at its position: data.record.chain.
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.PrimaryKeyConstraint("id", "occurred_at"),
    sa.ForeignKeyConstraint(
        ["facility_id", "product_id"], ["position.facility_id", "position.product_id"], name="fk_stock_event_position"
    ),
    sa.ForeignKeyConstraint(["lot_id", "product_id"], ["lot.id", "lot.product_id"], name="fk_stock_event_lot"),
    sa.ForeignKeyConstraint(["partner_id"], ["facility.id"]),
    sa.ForeignKeyConstraint(["attachment_id"], ["attachment.id"]),
    sa.ForeignKeyConstraint(["shipment_id"], ["shipment.id"]),
    sa.CheckConstraint(
        "kind in ('receipt', 'issue', 'administered', 'return', 'transfer_out', 'transfer_in', 'count', 'adjustment',"
        " 'loss', 'vvm', 'quarantine', 'release', 'reserve', 'unreserve')",
        name="kind_known",
    ),
    sa.CheckConstraint("entry in ('event', 'revision', 'reversal')", name="entry_known"),
    sa.CheckConstraint(
        "entry <> 'event' or case when kind in ('receipt', 'transfer_in') then doses > 0"
        " when kind in ('issue', 'administered', 'return', 'transfer_out', 'loss') then doses < 0"
        " when kind in ('vvm', 'quarantine', 'release', 'reserve', 'unreserve') then doses = 0 else true end",
        name="sign_of_kind",
    ),
    sa.CheckConstraint("(kind = 'vvm') = (stage is not null)", name="stage_of_vvm"),
    sa.CheckConstraint("reserved = 0 or order_number is not null", name="reserved_for_an_order"),
    sa.CheckConstraint("(entry = 'reversal') = (reverses_id is not null)", name="reversal_of_something"),
    sa.Index("ix_stock_event_position", "facility_id", "product_id", "occurred_at"),
    sa.Index(
        "ix_stock_event_order", "facility_id", "product_id", "order_number",
        postgresql_where=sa.text("order_number is not null"),
    ),
    sa.Index("ix_stock_event_shipment_id", "shipment_id", postgresql_where=sa.text("shipment_id is not null")),
    # What was recorded after a moment: rows lie in the order of their recording, so that this is a few pages.
    sa.Index("ix_stock_event_recorded_at", "recorded_at", postgresql_using="brin"),
    # The few rows that say something of a lot rather than move it.
    sa.Index(
        "ix_stock_event_lot_state", "facility_id", "product_id",
        postgresql_where=sa.text("kind in ('vvm', 'quarantine', 'release')"),
    ),
    # What was lost in a time, and why: few rows, too.
    sa.Index("ix_stock_event_loss", "occurred_at", postgresql_where=sa.text("kind = 'loss'")),
    postgresql_partition_by="RANGE (occurred_at)",
)  # fmt: skip

event_key = sa.Table(
    "event_key", columns.metadata,
    # Once only, across all partitions: the first submission of a (source, source_id) and what it became.
    # It and the outbox have no foreign keys: the ledger writes them while it holds the position, whose own keys keep
    # facility and product there, and each further check would lock the programme's row anew.
    sa.Column("programme_id", sa.Integer, primary_key=True),
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("source_id", sa.Text, primary_key=True),
    # Of what was said, 32 bytes, and then 8 of this and of what was answered: data.record.chain.
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("result", JSONB, nullable=False),
)  # fmt: skip

shipment = sa.Table(
    "shipment", columns.metadata,
    # One product under one document from one facility to another; sent and received are sums of the record.
    columns.key(sa.BigInteger),
    columns.ref("programme"),
    sa.Column("document", sa.Text, nullable=False),
    columns.ref("product"),
    columns.ref("facility", name="sender_id"),
    columns.ref("facility", name="receiver_id"),
    columns.amount("sent"),
    columns.amount("received"),
    sa.Column("sent_at", sa.DateTime(timezone=True)),
    sa.Column("received_at", sa.DateTime(timezone=True)),
    # Who said when why what arrived is not what was sent.
    sa.Column("resolved_at", sa.DateTime(timezone=True)),
    sa.Column("resolution", sa.Text),
    columns.ref("app_user", nullable=True, name="resolved_by"),
    sa.UniqueConstraint("programme_id", "document", "product_id"),
    sa.CheckConstraint("sent >= 0 and received >= 0", name="amounts_not_negative"),
    sa.CheckConstraint("sender_id <> receiver_id", name="between_two"),
    sa.CheckConstraint("(resolved_at is null) = (resolution is null)", name="resolved_with_a_reason"),
    sa.Index(
        "ix_shipment_open_sender_id", "sender_id", postgresql_where=sa.text("resolved_at is null and sent <> received")
    ),
    sa.Index(
        "ix_shipment_open_receiver_id", "receiver_id",
        postgresql_where=sa.text("resolved_at is null and sent <> received"),
    ),
)  # fmt: skip

attachment = sa.Table(
    "attachment", columns.metadata,
    # A paper that goes with events of a facility; what is recorded names it by its id, and the ledger checks
    # that it is of that facility. The same file at the same place again is the same one.
    columns.key(sa.BigInteger),
    columns.ref("programme"),
    columns.ref("facility"),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("sha256", sa.LargeBinary, nullable=False),
    columns.ref("app_user", nullable=True, name="actor_id"),
    columns.now("created_at"),
    # Of all of this but the content: a trigger fills it.
    sa.Column("digest", sa.LargeBinary, nullable=False, server_default=sa.FetchedValue()),
    sa.UniqueConstraint("facility_id", "sha256"),
    sa.CheckConstraint(
        "media_type in ('application/pdf', 'image/jpeg', 'image/png')", name="media_type_known"
    ),
    sa.CheckConstraint("octet_length(content) between 1 and 2097152", name="size"),
)  # fmt: skip

outbox = sa.Table(
    "outbox", columns.metadata,
    sa.Column("seq", sa.BigInteger, sa.Identity(), primary_key=True),
    # A reader's cursor is (txid, seq) below the oldest running transaction: no late commit is ever skipped.
    sa.Column(
        "txid", sa.BigInteger, nullable=False, server_default=sa.text("(pg_current_xact_id()::text)::bigint")
    ),
    sa.Column("programme_id", sa.Integer, nullable=False),
    sa.Column("facility_id", sa.Integer, nullable=False),
    sa.Column("product_id", sa.Integer, nullable=False),
    sa.Column("payload", JSONB, nullable=False),
    columns.now("created_at"),
    sa.Index("ix_outbox_txid_seq", "txid", "seq"),
)  # fmt: skip

reader = sa.Table(
    "reader", columns.metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("txid", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("seq", sa.BigInteger, nullable=False, server_default="0"),
    # How many of the rows that are still there it has read, and the sum of their numbers: what lies behind its cursor
    # and was never read is missing here (data.record.audit).
    sa.Column("taken", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("taken_sum", sa.Numeric, nullable=False, server_default="0"),
)  # fmt: skip
