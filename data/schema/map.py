"""What does the map show? Roll-ups by area, outlines as drawn, and what browsers were told."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from geoalchemy2 import Geometry
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from data.schema import columns


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
        *(columns.amount(s) for s in ("no_report", "inactive", "stockout", "critical", "low", "overstock", "adequate")),
        # Children of the facilities that report and are active; those of them at risk; those without any stock.
        *(
            sa.Column(name, sa.BigInteger, nullable=False, server_default="0")
            for name in ("children", "children_at_risk", "children_out")
        ),
        _share("risk_share", "children_at_risk", "children"),
        _share("out_share", "children_out", "children"),
        _share("reporting_share", f"{handling} - no_report", handling),
    ]


facility_status = sa.Table(
    "facility_status", columns.metadata,
    # The worst of a facility's tracer products.
    columns.ref("facility", primary_key=True),
    sa.Column("state", sa.SmallInteger, nullable=False),
    sa.Column("probability", sa.REAL),
)  # fmt: skip

counted = sa.Table(
    "counted", columns.metadata,
    # The facilities that roll-ups count (see geo.aggregates): the children each stands for, and the product seats
    # (0: the worst of all) for which it is counted already.
    sa.Column("facility_id", sa.Integer, sa.ForeignKey("facility.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("weight", sa.Integer, nullable=False),
    sa.Column("seats", ARRAY(sa.SmallInteger), nullable=False),
    sa.CheckConstraint("weight > 0", name="weight_positive"),
)  # fmt: skip

area_status = sa.Table(
    "area_status", columns.metadata,
    # Roll-up of an area for one product seat (0: the worst of all), as it is now.
    columns.ref("area", primary_key=True),
    sa.Column("product_seat", sa.SmallInteger, primary_key=True),
    *_roll_up(),
    sa.Column("last_event_at", sa.DateTime(timezone=True)),
)  # fmt: skip

area_month = sa.Table(
    "area_month", columns.metadata,
    # The same roll-up as it was at the end of a month.
    sa.Column("month", sa.Date, primary_key=True),
    sa.Column("product_seat", sa.SmallInteger, primary_key=True),
    sa.Column("area_id", sa.Integer, sa.ForeignKey("area.id", ondelete="CASCADE"), primary_key=True),
    *_roll_up(),
    sa.Index("ix_area_month_area_id", "area_id", "product_seat", "month"),
)  # fmt: skip

area_outline = sa.Table(
    "area_outline", columns.metadata,
    # What the map draws of an area at one zoom: simplified together with its neighbours, in EPSG:3857. An area
    # that is not drawn at a zoom has no row for it.
    sa.Column("zoom", sa.SmallInteger, primary_key=True),
    sa.Column("area_id", sa.Integer, sa.ForeignKey("area.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("geom", Geometry("MULTIPOLYGON", srid=3857, spatial_index=False), nullable=False),
    # Where its name is written; null where the zoom is too small for it.
    sa.Column("label", Geometry("POINT", srid=3857, spatial_index=False)),
    sa.Index("ix_area_outline_geom", "geom", postgresql_using="gist"),
)  # fmt: skip

push = sa.Table(
    "push", columns.metadata,
    # What browsers were told, in one gap-free sequence per programme: the catch-up after being offline.
    columns.ref("programme", primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True),
    sa.Column("event", sa.Text, nullable=False),
    sa.Column("payload", JSONB, nullable=False),
    columns.now("created_at"),
    sa.Index("ix_push_created_at", "created_at"),
)  # fmt: skip
