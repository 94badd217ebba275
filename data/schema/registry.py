"""Which programmes, areas, facilities and products are there? The registry, and what the check of a pack found."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from geoalchemy2 import Geometry
from sqlalchemy.dialects.postgresql import ARRAY

from data.schema import columns


def _folded() -> sa.Column[Any]:
    """Name and code as the search compares them: lower case, accents taken off (`geo.places.fold` does the same)."""
    formula = "lower(regexp_replace(normalize(name || ' ' || code, NFD), '[\\u0300-\\u036f]', '', 'g'))"
    return sa.Column("folded", sa.Text, sa.Computed(formula, persisted=True), nullable=False)


programme = sa.Table(
    "programme", columns.metadata,
    columns.key(),
    sa.Column("code", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    # The kill switch: from then on nobody sees it.
    sa.Column("stopped_at", sa.DateTime(timezone=True)),
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
    # Whether a month that was over was changed since: demand is then worked out anew with the next day.
    sa.Column("months_changed", sa.Boolean, nullable=False, server_default="false"),
    # Which learned model is in force: the months it learnt from, and the first digits of its digest; null where the
    # count model answers alone.
    sa.Column("model", sa.Text),
    # A stock count needs the approval of somebody else where what is found differs from what is on record by more than
    # this share of it, for any product, or by more than this value in all, where prices are on record.
    sa.Column("count_approval_share", sa.Float, nullable=False, server_default="0.05"),
    sa.Column("count_approval_value", sa.Numeric(14, 2), nullable=False, server_default="100"),
    columns.now("created_at"),
    sa.CheckConstraint("count_approval_share >= 0", name="count_approval_share_not_negative"),
    sa.CheckConstraint("count_approval_value >= 0", name="count_approval_value_not_negative"),
)  # fmt: skip

area = sa.Table(
    "area", columns.metadata,
    columns.key(),
    columns.ref("programme"),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("level", sa.SmallInteger, nullable=False),
    columns.ref("area", nullable=True, name="parent_id"),
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
    "facility", columns.metadata,
    columns.key(),
    columns.ref("programme"),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("tier", sa.Text, nullable=False),
    columns.ref("area"),
    # The first-level area: the partition of the value vectors.
    columns.ref("area", name="partition_id"),
    # Place in the registry order (by partition, then id); feature id in the facilities tile.
    sa.Column("ordinal", sa.Integer, nullable=False),
    sa.Column("point", Geometry("POINT", srid=4326, spatial_index=False)),
    columns.ref("facility", nullable=True, name="supplier_id"),
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
    "product", columns.metadata,
    columns.key(),
    columns.ref("programme"),
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
    # How use follows the calendar months, January first, against the mean; null where the data carry no season.
    sa.Column("season", ARRAY(sa.REAL)),
    # Of one dose, in an ISO 4217 currency; null where nobody has said.
    sa.Column("price", sa.Numeric(14, 4)),
    sa.Column("currency", sa.Text),
    sa.UniqueConstraint("programme_id", "code"),
    sa.UniqueConstraint("programme_id", "seat"),
    sa.CheckConstraint("seat > 0", name="seat_positive"),
    sa.CheckConstraint("doses_per_vial > 0", name="doses_per_vial_positive"),
    sa.CheckConstraint("vials_per_pack > 0", name="vials_per_pack_positive"),
    sa.CheckConstraint("unit in ('dose', 'piece')", name="unit_known"),
    sa.CheckConstraint("price > 0", name="price_positive"),
    sa.CheckConstraint("(price is null) = (currency is null)", name="price_in_a_currency"),
)  # fmt: skip

finding = sa.Table(
    "finding", columns.metadata,
    # What the check of a pack kept, refused and flagged, with the reason.
    columns.key(sa.BigInteger),
    columns.ref("programme"),
    sa.Column("severity", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("remedy", sa.Text, nullable=False, server_default=""),
    sa.Column("examples", ARRAY(sa.Text), nullable=False, server_default="{}"),
    columns.now("created_at"),
)  # fmt: skip
