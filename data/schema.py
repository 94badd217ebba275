"""What is stored? Every table, once; migrations are made from it and its constraint names map to errors.

Geometry is EPSG:4326, outlines for tiles 3857. Amounts are doses (or pieces, where a product's unit says so). Times are
UTC.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from geoalchemy2 import Geometry
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id(kind: type[sa.types.TypeEngine[Any]] = sa.Integer) -> sa.Column[Any]:
    return sa.Column("id", kind, sa.Identity(), primary_key=True)


def _ref(target: str, *, nullable: bool = False, name: str | None = None, **kw: Any) -> sa.Column[Any]:
    return sa.Column(name or f"{target}_id", sa.Integer, sa.ForeignKey(f"{target}.id"), nullable=nullable, **kw)


def _now(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now())


def _count(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer, nullable=False, server_default="0")


def _folded() -> sa.Column[Any]:
    """Name and code as the search compares them: lower case, accents taken off (`geo.places.fold` does the same)."""
    formula = "lower(regexp_replace(normalize(name || ' ' || code, NFD), '[\\u0300-\\u036f]', '', 'g'))"
    return sa.Column("folded", sa.Text, sa.Computed(formula, persisted=True), nullable=False)


def _share(name: str, part: str, whole: str) -> sa.Column[Any]:
    """A whole percentage 0..100 of two counts of the same row; 255 of nothing; what is not 0 is never shown as 0."""
    formula = (
        f"cast(case when ({whole}) = 0 then 255 when ({part}) = 0 then 0"
        f" else greatest(1, round(100.0 * ({part}) / ({whole}))) end as smallint)"
    )
    return sa.Column(name, sa.SmallInteger, sa.Computed(formula, persisted=True), nullable=False)


def _roll_up() -> list[sa.Column[Any]]:
    """Facilities by state, children by risk, and the three shares that colour a map: the one place of their formula."""
    handling = "no_report + inactive + stockout + critical + low + overstock + adequate"
    return [
        *(_count(s) for s in ("no_report", "inactive", "stockout", "critical", "low", "overstock", "adequate")),
        # Children of the facilities that report and are active; those of them at risk; those without any stock.
        *(
            sa.Column(name, sa.BigInteger, nullable=False, server_default="0")
            for name in ("children", "children_at_risk", "children_out")
        ),
        _share("risk_share", "children_at_risk", "children"),
        _share("out_share", "children_out", "children"),
        _share("reporting_share", f"{handling} - no_report", handling),
    ]


programme = sa.Table(
    "programme", metadata,
    _id(),
    sa.Column("code", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("timezone", sa.Text, nullable=False),
    sa.Column("level_names", ARRAY(sa.Text), nullable=False),
    sa.Column("preset", sa.Text, nullable=False),
    sa.Column("simulated", sa.Boolean, nullable=False),
    sa.Column("notice", sa.Text, nullable=False, server_default=""),
    sa.Column("sources", ARRAY(sa.Text), nullable=False),
    # Bumped whenever areas, facilities or products change: it is part of every tile's address. It starts at the clock,
    # so that a database made anew never gives the addresses that browsers remember from the one before.
    sa.Column(
        "registry_version", sa.BigInteger, nullable=False,
        server_default=sa.text("cast(extract(epoch from now()) as bigint)"),
    ),
    # The digest of the pack that was loaded last: the same pack again changes nothing.
    sa.Column("digest", sa.Text),
    # The local day for which positions were last assessed.
    sa.Column("assessed_on", sa.Date),
    _now("created_at"),
)  # fmt: skip

area = sa.Table(
    "area", metadata,
    _id(),
    _ref("programme"),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("level", sa.SmallInteger, nullable=False),
    _ref("area", nullable=True, name="parent_id"),
    # Ids from the nation down to this area itself.
    sa.Column("lineage", ARRAY(sa.Integer), nullable=False),
    sa.Column("population", sa.Integer),
    sa.Column("target_children", sa.Integer),
    # Place in every area vector and feature id in the areas tile: 0 is the nation.
    sa.Column("seat", sa.Integer, nullable=False),
    _folded(),
    sa.Column("geom", Geometry("MULTIPOLYGON", srid=4326, spatial_index=False), nullable=False),
    sa.UniqueConstraint("programme_id", "code"),
    sa.UniqueConstraint("programme_id", "seat"),
    sa.CheckConstraint("level between 0 and 5", name="level_in_range"),
    sa.Index("ix_area_geom", "geom", postgresql_using="gist"),
    sa.Index("ix_area_lineage", "lineage", postgresql_using="gin"),
)  # fmt: skip

facility = sa.Table(
    "facility", metadata,
    _id(),
    _ref("programme"),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("tier", sa.Text, nullable=False),
    _ref("area"),
    # The first-level area: the partition of the value vectors.
    _ref("area", name="partition_id"),
    # Place in the registry order (by partition, then id); feature id in the facilities tile.
    sa.Column("ordinal", sa.Integer, nullable=False),
    sa.Column("point", Geometry("POINT", srid=4326, spatial_index=False)),
    _ref("facility", nullable=True, name="supplier_id"),
    sa.Column("catchment", sa.Integer),
    sa.Column("delivery_interval_days", sa.SmallInteger, nullable=False, server_default="30"),
    sa.Column("lead_time_days", sa.SmallInteger, nullable=False, server_default="7"),
    sa.Column("report_interval_days", sa.SmallInteger, nullable=False, server_default="31"),
    sa.Column("open", sa.Boolean, nullable=False, server_default="true"),
    sa.Column("flags", ARRAY(sa.Text), nullable=False, server_default="{}"),
    _folded(),
    sa.UniqueConstraint("programme_id", "code"),
    sa.UniqueConstraint("programme_id", "ordinal", deferrable=True, initially="DEFERRED"),
    sa.Index("ix_facility_point", "point", postgresql_using="gist"),
    sa.Index("ix_facility_area_id", "area_id"),
    sa.Index("ix_facility_partition_id", "partition_id"),
    sa.Index("ix_facility_supplier_id", "supplier_id"),
    sa.Index("ix_facility_folded", "folded", postgresql_using="gin", postgresql_ops={"folded": "gin_trgm_ops"}),
)  # fmt: skip

product = sa.Table(
    "product", metadata,
    _id(),
    _ref("programme"),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    # Order on screen and place in vectors; 0 is kept for "the worst of all".
    sa.Column("seat", sa.SmallInteger, nullable=False),
    sa.Column("unit", sa.Text, nullable=False, server_default="dose"),
    sa.Column("doses_per_vial", sa.SmallInteger, nullable=False),
    sa.Column("vials_per_pack", sa.SmallInteger),
    sa.Column("cm3_per_dose", sa.Float),
    sa.Column("open_vial_wastage", sa.Float),
    sa.Column("doses_per_child", sa.Float),
    sa.Column("given_at", sa.Text, nullable=False, server_default=""),
    sa.Column("freeze_sensitive", sa.Boolean, nullable=False, server_default="false"),
    sa.Column("tracer", sa.Boolean, nullable=False, server_default="true"),
    sa.UniqueConstraint("programme_id", "code"),
    sa.UniqueConstraint("programme_id", "seat"),
    sa.CheckConstraint("seat > 0", name="seat_positive"),
    sa.CheckConstraint("doses_per_vial > 0", name="doses_per_vial_positive"),
    sa.CheckConstraint("vials_per_pack > 0", name="vials_per_pack_positive"),
    sa.CheckConstraint("unit in ('dose', 'piece')", name="unit_known"),
)  # fmt: skip

lot = sa.Table(
    "lot", metadata,
    _id(),
    _ref("product"),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("expiry", sa.Date, nullable=False),
    sa.UniqueConstraint("product_id", "number"),
)  # fmt: skip

stock_event = sa.Table(
    "stock_event", metadata,
    # Append-only (a trigger sees to it): what was said, its effect lot by lot, and what late events made of that.
    # Any past moment is a sum: over occurred_at what was true, over recorded_at what was known.
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
    _now("recorded_at"),
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
    postgresql_partition_by="RANGE (occurred_at)",
)  # fmt: skip

shipment = sa.Table(
    "shipment", metadata,
    # One product under one document from one facility to another; sent and received are sums of the record.
    _id(sa.BigInteger),
    _ref("programme"),
    sa.Column("document", sa.Text, nullable=False),
    _ref("product"),
    _ref("facility", name="sender_id"),
    _ref("facility", name="receiver_id"),
    _count("sent"),
    _count("received"),
    sa.Column("sent_at", sa.DateTime(timezone=True)),
    sa.Column("received_at", sa.DateTime(timezone=True)),
    # Who said when why what arrived is not what was sent.
    sa.Column("resolved_at", sa.DateTime(timezone=True)),
    sa.Column("resolution", sa.Text),
    _ref("app_user", nullable=True, name="resolved_by"),
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

event_key = sa.Table(
    "event_key", metadata,
    # Once only, across all partitions: the first submission of a (source, source_id) and what it became.
    sa.Column("programme_id", sa.Integer, sa.ForeignKey("programme.id"), primary_key=True),
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("source_id", sa.Text, primary_key=True),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("result", JSONB, nullable=False),
    _now("recorded_at"),
)  # fmt: skip

lot_balance = sa.Table(
    "lot_balance", metadata,
    _ref("facility"),
    _ref("product"),
    _ref("lot", nullable=True),
    sa.Column("doses", sa.Integer, nullable=False),
    sa.Column("vvm_stage", sa.SmallInteger, nullable=False, server_default="1"),
    sa.Column("first_received_at", sa.DateTime(timezone=True)),
    sa.Column("quarantined", sa.Boolean, nullable=False, server_default="false"),
    sa.UniqueConstraint(
        "facility_id", "product_id", "lot_id", name="uq_lot_balance_lot", postgresql_nulls_not_distinct=True
    ),
    sa.CheckConstraint("doses >= 0", name="not_negative"),
    sa.CheckConstraint("vvm_stage between 1 and 4", name="vvm_stage_known"),
)  # fmt: skip

lot_month = sa.Table(
    "lot_month", metadata,
    # What lay where when a month began, by the rows up to an id: data.record.past. One row for each 1,024 facilities
    # with columns of big-endian integers; lot 0 is no lot known. Made from the record, never changed, may be lost.
    _ref("programme", primary_key=True),
    sa.Column("month", sa.Date, primary_key=True),
    sa.Column("block", sa.Integer, primary_key=True),
    sa.Column("last_id", sa.BigInteger, nullable=False),
    # When the last of these rows was recorded.
    sa.Column("recorded_until", sa.DateTime(timezone=True)),
    *(sa.Column(name, sa.LargeBinary, nullable=False) for name in ("facility_id", "product_id", "lot_id", "doses")),
)  # fmt: skip

stock_month = sa.Table(
    "stock_month", metadata,
    # One facility x product x month as reported or as folded from events; the history behind every chart.
    _ref("facility"),
    _ref("product"),
    sa.Column("month", sa.Date, nullable=False),
    sa.Column("opening", sa.Integer),
    sa.Column("received", sa.Integer),
    sa.Column("used", sa.Integer),
    sa.Column("lost", sa.Integer),
    sa.Column("adjusted", sa.Integer),
    sa.Column("closing", sa.Integer),
    sa.Column("days_out", sa.SmallInteger),
    # As assessed at the end of the month.
    sa.Column("state", sa.SmallInteger),
    sa.Column("probability", sa.REAL),
    sa.PrimaryKeyConstraint("facility_id", "product_id", "month"),
    sa.CheckConstraint("extract(day from month) = 1", name="month_is_first_day"),
    sa.Index("ix_stock_month_product_id_month", "product_id", "month"),
    # The worst facilities of a month, without reading all that was well.
    sa.Index(
        "ix_stock_month_trouble", "month", "product_id", postgresql_include=["facility_id", "state", "probability"],
        postgresql_where=sa.text("state in (2, 3, 4)"),
    ),
)  # fmt: skip

position = sa.Table(
    "position", metadata,
    _ref("facility", primary_key=True),
    _ref("product", primary_key=True),
    # Doses of lots that may be used today, and of all lots.
    _count("usable"),
    _count("total"),
    # Doses promised to orders; what is available is usable less these.
    _count("reserved"),
    # Mean monthly demand, corrected for days out of stock, in doses; null where unknown.
    sa.Column("amc", sa.REAL),
    # How a month varies around it (variance / mean) and how unsure it is itself (squared relative error).
    sa.Column("dispersion", sa.REAL),
    sa.Column("uncertainty", sa.REAL),
    sa.Column("state", sa.SmallInteger, nullable=False, server_default="0"),
    sa.Column("probability", sa.REAL),
    sa.Column("cover_p10", sa.REAL),
    sa.Column("cover_p50", sa.REAL),
    sa.Column("cover_p90", sa.REAL),
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
)  # fmt: skip

facility_status = sa.Table(
    "facility_status", metadata,
    # The worst of a facility's tracer products.
    _ref("facility", primary_key=True),
    sa.Column("state", sa.SmallInteger, nullable=False),
    sa.Column("probability", sa.REAL),
)  # fmt: skip

counted = sa.Table(
    "counted", metadata,
    # The facilities that roll-ups count (see geo.aggregates): the children each stands for, and the product seats
    # (0: the worst of all) for which it is counted already.
    sa.Column("facility_id", sa.Integer, sa.ForeignKey("facility.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("weight", sa.Integer, nullable=False),
    sa.Column("seats", ARRAY(sa.SmallInteger), nullable=False),
    sa.CheckConstraint("weight > 0", name="weight_positive"),
)  # fmt: skip

area_status = sa.Table(
    "area_status", metadata,
    # Roll-up of an area for one product seat (0: the worst of all), as it is now.
    _ref("area", primary_key=True),
    sa.Column("product_seat", sa.SmallInteger, primary_key=True),
    *_roll_up(),
    sa.Column("last_event_at", sa.DateTime(timezone=True)),
)  # fmt: skip

area_month = sa.Table(
    "area_month", metadata,
    # The same roll-up as it was at the end of a month.
    sa.Column("month", sa.Date, primary_key=True),
    sa.Column("product_seat", sa.SmallInteger, primary_key=True),
    sa.Column("area_id", sa.Integer, sa.ForeignKey("area.id", ondelete="CASCADE"), primary_key=True),
    *_roll_up(),
    sa.Index("ix_area_month_area_id", "area_id", "product_seat", "month"),
)  # fmt: skip

area_outline = sa.Table(
    "area_outline", metadata,
    # What the map draws of an area at one zoom: simplified together with its neighbours, in EPSG:3857. An area
    # that is not drawn at a zoom has no row for it.
    sa.Column("zoom", sa.SmallInteger, primary_key=True),
    sa.Column("area_id", sa.Integer, sa.ForeignKey("area.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("geom", Geometry("MULTIPOLYGON", srid=3857, spatial_index=False), nullable=False),
    # Where its name is written; null where the zoom is too small for it.
    sa.Column("label", Geometry("POINT", srid=3857, spatial_index=False)),
    sa.Index("ix_area_outline_geom", "geom", postgresql_using="gist"),
)  # fmt: skip

alert = sa.Table(
    "alert", metadata,
    _id(sa.BigInteger),
    _ref("programme"),
    _ref("facility"),
    _ref("product"),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("resolved_at", sa.DateTime(timezone=True)),
    sa.Index(
        "uq_alert_open", "facility_id", "product_id", "kind", unique=True,
        postgresql_where=sa.text("resolved_at is null"),
    ),
    sa.Index("ix_alert_programme_id_opened_at", "programme_id", "opened_at"),
)  # fmt: skip

outbox = sa.Table(
    "outbox", metadata,
    sa.Column("seq", sa.BigInteger, sa.Identity(), primary_key=True),
    # A reader's cursor is (txid, seq) below the oldest running transaction: no late commit is ever skipped.
    sa.Column(
        "txid", sa.BigInteger, nullable=False, server_default=sa.text("(pg_current_xact_id()::text)::bigint")
    ),
    _ref("programme"),
    _ref("facility"),
    _ref("product"),
    sa.Column("payload", JSONB, nullable=False),
    _now("created_at"),
    sa.Index("ix_outbox_txid_seq", "txid", "seq"),
)  # fmt: skip

reader = sa.Table(
    "reader", metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("txid", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("seq", sa.BigInteger, nullable=False, server_default="0"),
)  # fmt: skip

push = sa.Table(
    "push", metadata,
    # What browsers were told, in one gap-free sequence per programme: the catch-up after being offline.
    _ref("programme", primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True),
    sa.Column("event", sa.Text, nullable=False),
    sa.Column("payload", JSONB, nullable=False),
    _now("created_at"),
    sa.Index("ix_push_created_at", "created_at"),
)  # fmt: skip

finding = sa.Table(
    "finding", metadata,
    # What the check of a pack kept, refused and flagged, with the reason.
    _id(sa.BigInteger),
    _ref("programme"),
    sa.Column("severity", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("remedy", sa.Text, nullable=False, server_default=""),
    sa.Column("examples", ARRAY(sa.Text), nullable=False, server_default="{}"),
    _now("created_at"),
)  # fmt: skip

app_user = sa.Table(
    "app_user", metadata,
    _id(),
    sa.Column("email", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("password_hash", sa.Text, nullable=False),
    sa.Column("demo", sa.Boolean, nullable=False, server_default="false"),
    _now("created_at"),
    sa.CheckConstraint("email = lower(email)", name="email_lower"),
)  # fmt: skip

grant = sa.Table(
    "user_grant", metadata,
    # (what) x (where): a role in a programme, at an area and all below it or at one facility.
    _id(),
    _ref("app_user", name="user_id"),
    _ref("programme"),
    sa.Column("role", sa.Text, nullable=False),
    _ref("area", nullable=True),
    _ref("facility", nullable=True),
    sa.UniqueConstraint(
        "user_id", "programme_id", "role", "area_id", "facility_id",
        name="uq_user_grant_once", postgresql_nulls_not_distinct=True,
    ),
    sa.CheckConstraint(
        "role in ('national', 'area', 'facility', 'analyst', 'administrator', 'machine')", name="role_known"
    ),
)  # fmt: skip

session = sa.Table(
    "session", metadata,
    # Only the hash of a session's token is stored; `kind` tells a browser's session from a machine's token.
    sa.Column("token_hash", sa.LargeBinary, primary_key=True),
    _ref("app_user", name="user_id"),
    sa.Column("kind", sa.Text, nullable=False, server_default="browser"),
    sa.Column("label", sa.Text, nullable=False, server_default=""),
    _now("created_at"),
    sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    sa.Index("ix_session_user_id", "user_id"),
    sa.CheckConstraint("kind in ('browser', 'token')", name="kind_known"),
)  # fmt: skip
