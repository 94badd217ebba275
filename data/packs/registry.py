"""Who and what is in the programme? Areas, facilities, products and lots written in place by their codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import pandas as pd
import shapely
import sqlalchemy as sa

from data import errors, queries
from data.packs import copying
from data.packs.country import Country, Finding

SQL = queries.read(Path(__file__).parent / "sql" / "load.sql")


@dataclass(frozen=True, slots=True)
class Ids:
    """The ids that the codes of a country have; lots by (product id, number)."""

    facilities: Mapping[str, int]
    products: Mapping[str, int]
    lots: Mapping[tuple[int, str], int]
    expiries: Mapping[int, pd.Timestamp]


def keep(conn: sa.Connection, programme_id: int, country: Country, findings: list[Finding]) -> Ids:
    """Write the registry; raises `PackError` where an area or a product on record is missing from the country."""
    areas = _areas(conn, programme_id, country.areas)
    facilities = _facilities(conn, programme_id, country.facilities, areas, findings)
    products = _products(conn, programme_id, country.products)
    lots = _lots(conn, programme_id, country.lots, products, findings)
    return Ids(
        facilities, products,
        {(lot.product_id, lot.number): lot.id for lot in lots}, {lot.id: pd.Timestamp(lot.expiry) for lot in lots},
    )  # fmt: skip


def _ids(conn: sa.Connection, what: str, programme_id: int, codes: Sequence[str]) -> dict[str, int]:
    """The ids on record for these codes, and new ones, in the order given, for the others."""
    known = {r.code: r.id for r in conn.execute(SQL[f"known_{what}"], {"programme_id": programme_id})}
    gone = sorted(known.keys() - set(codes))
    if gone and what != "facilities":
        raise errors.PackError(
            field=what,
            reason=f"{len(gone)} {what} that are on record are missing from the pack: {', '.join(gone[:5])}",
            remedy="They may change and be added to, but stock on record refers to them: keep their codes in the pack.",
        )
    new = [code for code in codes if code not in known]
    singular = {"areas": "area", "facilities": "facility", "products": "product"}[what]
    fresh = conn.execute(SQL[f"new_{singular}_ids"], {"n": len(new)}).scalars()
    return known | dict(zip(new, fresh, strict=True))


def _areas(conn: sa.Connection, programme_id: int, areas: gpd.GeoDataFrame) -> pd.DataFrame:
    """Areas with their id, seat and lineage, indexed by code."""
    rows = pd.DataFrame(areas.sort_values(["level", "code"])).reset_index(drop=True)
    ids = _ids(conn, "areas", programme_id, rows["code"].tolist())
    lineages: dict[str, list[int]] = {}
    for code, parent in zip(rows["code"], rows["parent"], strict=True):
        lineages[code] = [*([] if pd.isna(parent) else lineages[parent]), ids[code]]
    rows = rows.assign(
        programme_id=programme_id, id=rows["code"].map(ids), seat=range(len(rows)), lineage=rows["code"].map(lineages)
    ).set_index("code", drop=False)
    conn.execute(SQL["stage_areas"])
    staged = rows.assign(
        parent_id=rows["parent"].map(ids).astype("Int64"), lineage=copying.array(rows["lineage"]),
        geom=shapely.to_wkb(shapely.set_srid(rows["geometry"].to_numpy(), 4326), hex=True, include_srid=True),
    )  # fmt: skip
    columns = ["id", "programme_id", "code", "name", "level", "parent_id", "lineage", "population", "target_children"]
    copying.copy(conn, "incoming_area", staged[[*columns, "seat", "geom"]])
    conn.execute(SQL["free_area_seats"], {"programme_id": programme_id})
    conn.execute(SQL["keep_areas"])
    return rows


def _facilities(
    conn: sa.Connection, programme_id: int, facilities: pd.DataFrame, areas: pd.DataFrame, findings: list[Finding]
) -> dict[str, int]:
    lineage = facilities["area"].map(areas["lineage"])
    partition = lineage.str[1].astype("int64")
    seats = areas.set_index("id")["seat"]
    rows = facilities.assign(partition_id=partition, seat=partition.map(seats)).sort_values(["seat", "code"])
    ids = _ids(conn, "facilities", programme_id, rows["code"].tolist())
    located = rows["lon"].notna()
    points = shapely.set_srid(shapely.points(rows["lon"][located], rows["lat"][located]), 4326)
    rows = rows.assign(
        id=rows["code"].map(ids), programme_id=programme_id, area_id=rows["area"].map(areas["id"]),
        # Where the registry is new this is the order already; otherwise all are seated together at the end.
        ordinal=range(len(rows)),
        point=pd.Series(shapely.to_wkb(points, hex=True, include_srid=True), index=rows.index[located], dtype="str"),
        supplier_id=rows["supplier"].map(ids).astype("Int64"), flags=copying.array(rows["flags"]),
    )  # fmt: skip
    columns = [
        "id", "programme_id", "code", "name", "tier", "area_id", "partition_id", "ordinal", "point", "supplier_id",
        "catchment", "delivery_interval_days", "lead_time_days", "flags",
    ]  # fmt: skip
    conn.execute(SQL["stage_facilities"])
    copying.copy(conn, "incoming_facility", rows[columns])
    conn.execute(SQL["keep_facilities"])
    closed = conn.execute(SQL["close_facilities"], {"programme_id": programme_id}).all()
    if closed:
        examples = [f"{r.code}: {r.name}" for r in closed[:5]]
        findings.append(Finding("flagged", "facilities", "not in the pack any more: closed", len(closed), "", examples))
    conn.execute(SQL["seat_facilities"], {"programme_id": programme_id})
    return ids


def _products(conn: sa.Connection, programme_id: int, products: pd.DataFrame) -> dict[str, int]:
    ids = _ids(conn, "products", programme_id, products["code"].tolist())
    rows = products.assign(
        id=products["code"].map(ids), programme_id=programme_id, seat=range(1, len(products) + 1)
    )  # fmt: skip
    conn.execute(SQL["stage_products"])
    copying.copy(conn, "incoming_product", rows)
    conn.execute(SQL["free_product_seats"], {"programme_id": programme_id})
    conn.execute(SQL["keep_products"])
    return ids


def _lots(
    conn: sa.Connection, programme_id: int, lots: pd.DataFrame, products: Mapping[str, int], findings: list[Finding]
) -> Sequence[sa.Row[tuple[int, int, str, object, object]]]:
    conn.execute(SQL["stage_lots"])
    rows = lots.assign(product_id=lots["product"].map(products).astype("int64"))
    copying.copy(conn, "incoming_lot", rows[["product_id", "number", "expiry"]])
    conn.execute(SQL["keep_lots"])
    kept = conn.execute(SQL["lots"], {"programme_id": programme_id}).all()
    other = [lot for lot in kept if lot.wanted is not None and lot.wanted != lot.expiry]
    if other:
        examples = [f"{lot.number}: {lot.wanted}, on record {lot.expiry}" for lot in other[:5]]
        reason = "expiry date differs from the one on record, which was kept"
        findings.append(Finding("refused", "lots", reason, len(other), "Correct the date in the pack.", examples))
    return kept
