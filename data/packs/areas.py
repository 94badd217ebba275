"""Where are the areas of a country? Boundaries of a pack, checked, with the nation above them."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
import shapely

from data import errors
from data.packs import pack as packs
from data.packs import tables
from data.packs.country import AREA

_REPAIR = "Correct the shape in the file, or say repair = true in [[areas]]."


def read(reading: tables.Reading) -> gpd.GeoDataFrame:
    """The areas of every level, parents before children; raises `PackError` where none can be used."""
    pack = reading.pack
    levels = sorted({spec.level for spec in pack.areas})
    if levels[-1] == 0 or levels != list(range(levels[0], levels[-1] + 1)) or levels[0] > 1:
        raise errors.PackError(
            field="areas.level",
            reason=f"[[areas]] has the levels {levels}",
            remedy="Give level 1, and each deeper level without leaving one out; level 0 is the nation.",
        )
    if len(pack.programme.level_names) != levels[-1] + 1:
        raise errors.PackError(
            field="programme.level_names",
            reason=f"there are {len(pack.programme.level_names)} level names for the levels 0 to {levels[-1]}",
            remedy="Name every level once, the nation first.",
        )
    known: list[gpd.GeoDataFrame] = []
    for spec in sorted(pack.areas, key=lambda spec: spec.level):
        known.append(_level(reading, spec, known))
    if levels[0] == 1:
        known.insert(0, _nation(pack, known))
    areas = gpd.GeoDataFrame(pd.concat(known, ignore_index=True), geometry="geometry", crs=4326)
    nations = areas.index[areas["level"] == 0]
    if len(nations) != 1 or not (areas["level"] == 1).any():
        raise errors.PackError(
            field="areas",
            reason=f"{len(nations)} nations and {(areas['level'] == 1).sum()} areas of level 1 can be used",
            remedy="One nation and at least one area below it are needed; the lines above say what was refused.",
        )
    areas["parent"] = areas["parent"].where(areas["level"] != 1, areas.loc[nations[0], "code"])
    _sum_up(areas)
    for level, rows in areas.groupby("level"):
        reading.note("kept", "areas", pack.programme.level_names[int(str(level))], len(rows))
    return areas[AREA]


def _level(reading: tables.Reading, spec: packs.Area, above: list[gpd.GeoDataFrame]) -> gpd.GeoDataFrame:
    table = reading.table(spec.file, "areas", spec.join)
    if not isinstance(table, gpd.GeoDataFrame):
        raise errors.PackError(
            field="areas.file",
            reason=f"{reading.pack.files[spec.file].path} holds no shapes",
            remedy=f"Boundaries are read from {', '.join(tables.SHAPES)}.",
        )
    fields = {name: getattr(spec, name) for name in ("code", "name", "parent", "population", "target_children")}
    reading.need(table, spec.file, {f"areas.{name}": value for name, value in fields.items()})
    if spec.level > 1 and spec.parent is None:
        raise errors.PackError(
            field="areas.parent",
            reason=f"level {spec.level} does not say what it is part of",
            remedy="Name the column that holds the code of the area above.",
        )
    rows = gpd.GeoDataFrame(
        {"code": tables.pick(table, spec.code), "name": tables.pick(table, spec.name), "level": spec.level},
        geometry=table.geometry,
    )
    rows["parent"] = tables.pick(table, spec.parent) if spec.parent is not None and spec.level > 1 else None
    rows["population"] = _estimate(reading, table, spec.population, rows["name"])
    rows["target_children"] = _estimate(reading, table, spec.target_children, rows["name"])
    if spec.target_children_share is not None:
        share = (rows["population"].astype("Float64") * spec.target_children_share).round().astype("Int64")
        rows["target_children"] = rows["target_children"].fillna(share)
    return _usable(reading, _shaped(reading, rows, spec.repair), above)


def _estimate(reading: tables.Reading, table: pd.DataFrame, spec: packs.From | None, names: pd.Series) -> pd.Series:
    """People, rounded: the files hold estimates with fractions."""
    if spec is None:
        return pd.Series(pd.NA, index=table.index, dtype="Int64")
    values, unreadable = tables.number(tables.pick(table, spec))
    unusable = unreadable | (values < 0) | (values > tables.LARGEST)
    reading.note(
        "flagged", "areas", "the number of people cannot be used and was left unknown", names[unusable],
        "Give a number, or leave it blank.",
    )  # fmt: skip
    return values.mask(unusable).round().astype("Int64")


def _shaped(reading: tables.Reading, rows: gpd.GeoDataFrame, repair: bool) -> gpd.GeoDataFrame:
    """The rows with a usable shape, as MultiPolygons."""
    label = rows["name"] + " (" + rows["code"] + ")"
    polygonal = rows.geom_type.isin(["Polygon", "MultiPolygon"]) & ~rows.is_empty
    reading.note("refused", "areas", "geometry is not a polygon", label[~polygonal], "Give each area a polygon.")
    rows, label = rows[polygonal].copy(), label[polygonal]
    box = rows.bounds
    off = (box["minx"] < -180) | (box["maxx"] > 180) | (box["miny"] < -90) | (box["maxy"] > 90)
    reading.note(
        "refused", "areas", "geometry is not in degrees of longitude and latitude", label[off],
        "Save the file in EPSG:4326.",
    )  # fmt: skip
    rows, label = rows[~off].copy(), label[~off]
    broken = ~rows.is_valid
    why = label[broken] + ": " + pd.Series(shapely.is_valid_reason(rows.geometry[broken]), index=label[broken].index)
    if repair:
        rows.loc[broken, "geometry"] = [_polygons(shapely.make_valid(g)) for g in rows.geometry[broken]]
        gone = rows.is_empty
        reading.note("flagged", "areas", "geometry was invalid and has been repaired", why[~gone[broken]])
        reading.note("refused", "areas", "geometry is an invalid polygon", why[gone[broken]], _REPAIR)
        rows = rows[~gone].copy()
    else:
        reading.note("refused", "areas", "geometry is an invalid polygon", why, _REPAIR)
        rows = rows[~broken].copy()
    rows["geometry"] = [g if g.geom_type == "MultiPolygon" else shapely.MultiPolygon([g]) for g in rows.geometry]
    return rows


def _polygons(shape: shapely.Geometry) -> shapely.MultiPolygon:
    """Only what has an area, as one MultiPolygon: repairing and joining may leave lines and points behind."""
    whole = shapely.union_all([part for part in shapely.get_parts(shape) if shapely.get_dimensions(part) == 2])
    return shapely.MultiPolygon([part for part in shapely.get_parts(whole) if isinstance(part, shapely.Polygon)])


def _usable(reading: tables.Reading, rows: gpd.GeoDataFrame, above: list[gpd.GeoDataFrame]) -> gpd.GeoDataFrame:
    """The rows with a code of their own, a name and a parent that is there."""
    label = rows["name"] + " (" + rows["code"] + ")"
    blank = (rows["code"] == "") | (rows["name"] == "")
    reading.note("refused", "areas", "code or name is blank", label[blank], "Give every area a code and a name.")
    taken = {code for frame in above for code in frame["code"]}
    repeated = ~blank & (rows["code"].duplicated() | rows["code"].isin(taken))
    reading.note("refused", "areas", "code is used twice", label[repeated], "Give every area a code of its own.")
    orphan = rows["parent"].notna() & ~rows["parent"].isin(
        _codes(above, int(rows["level"].min()) - 1 if len(rows) else 0)
    )
    reading.note(
        "refused", "areas", "parent is not an area that was kept", label[orphan & ~blank & ~repeated],
        "Correct the parent's code, or what is wrong with the parent.",
    )  # fmt: skip
    rows = rows[~(blank | repeated | orphan)]
    again = rows.duplicated(["parent", "name"], keep=False)
    reading.note("flagged", "areas", "the same name twice within one area", label[rows.index][again])
    return rows


def _codes(above: list[gpd.GeoDataFrame], level: int) -> set[str]:
    return {code for frame in above for code in frame.loc[frame["level"] == level, "code"]}


def _nation(pack: packs.Pack, known: list[gpd.GeoDataFrame]) -> gpd.GeoDataFrame:
    """The nation, where no file draws it: all of level 1 together."""
    shapes = [shape for frame in known for shape in frame.geometry[frame["level"] == 1]]
    whole = _polygons(shapely.union_all(shapes))
    return gpd.GeoDataFrame(
        {"code": [pack.programme.code], "name": pack.programme.name, "level": 0, "parent": None,
         "population": pd.array([pd.NA], "Int64"), "target_children": pd.array([pd.NA], "Int64")},
        geometry=[whole], crs=4326,
    )  # fmt: skip


def _sum_up(areas: gpd.GeoDataFrame) -> None:
    """Give an area without people the sum of the areas in it, where every one of them has a number."""
    for level in range(int(areas["level"].max()) - 1, -1, -1):
        inside = areas[areas["level"] == level + 1].groupby("parent")
        for column in ("population", "target_children"):
            total = inside[column].agg(lambda values: values.sum() if values.notna().all() else pd.NA)
            unknown = (areas["level"] == level) & areas[column].isna()
            areas.loc[unknown, column] = areas.loc[unknown, "code"].map(total).astype("Int64")
