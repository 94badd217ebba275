"""Which facilities are there, and in which area is each? What a file states is checked against where its points lie."""

from __future__ import annotations

import base64
import hashlib

import geopandas as gpd
import pandas as pd

from data import errors
from data.packs import pack as packs
from data.packs import placing, tables
from data.packs.country import FACILITY

_BLANK_THEM = "Correct the coordinates, or blank them: the facility is then kept in its stated area, off the map."


def read(reading: tables.Reading, areas: gpd.GeoDataFrame) -> pd.DataFrame:
    """The facilities that can be used, each in the deepest area it lies in; raises `PackError` where none can."""
    spec = reading.pack.facilities
    table = reading.table(spec.file, "facilities", spec.join)
    _need(reading, spec, table)
    rows = pd.DataFrame({"name": tables.pick(table, spec.name), "tier": tables.pick(table, spec.tier)})
    rows["code"] = _made(spec.code, table) if isinstance(spec.code, packs.MadeCode) else tables.pick(table, spec.code)
    rows["said"] = [" / ".join(row) for row in zip(rows["name"], *(table[s.column] for s in spec.stated), strict=True)]
    rows["lon"], rows["lat"], unusable = _points(spec, table)
    rows["catchment"], odd = _catchment(spec, table)
    rows["supplier"] = tables.pick(table, spec.supplier) if spec.supplier is not None else ""
    rows["supplier"] = rows["supplier"].where(rows["supplier"] != "", None)
    rows["stated"] = placing.stated(spec.stated, areas, table)

    rows = _identified(reading, rows)
    for reason, where in unusable.items():
        reading.note("refused", "facilities", reason, rows["said"][where.loc[rows.index]], _BLANK_THEM)
        rows = rows[~where.loc[rows.index]]
    rows = _placed(reading, areas, rows)
    if rows.empty:
        raise errors.PackError(
            field="facilities", reason="no facility can be used", remedy=_why_none(reading) or "Add rows to the file."
        )
    reading.note(
        "flagged", "facilities", "the number of children cannot be used and was left unknown",
        rows["said"][odd.loc[rows.index]], "Give a whole number, or leave it blank.",
    )  # fmt: skip
    rows = _supplied(reading, rows)
    reading.note("kept", "facilities", "in the registry", len(rows))
    return rows.reset_index(drop=True)[FACILITY]


def _need(reading: tables.Reading, spec: packs.Facilities, table: pd.DataFrame) -> None:
    made = isinstance(spec.code, packs.MadeCode)
    fields: dict[str, packs.From | None] = {
        name: getattr(spec, name) for name in ("name", "tier", "lon", "lat", "supplier", "catchment")
    }
    fields |= {f"stated.{n}": stated.column for n, stated in enumerate(spec.stated)}
    if isinstance(spec.code, packs.MadeCode):
        fields |= {f"code.make_from.{n}": c for n, c in enumerate([*spec.code.make_from, *spec.code.tell_apart])}
    elif not made:
        fields["code"] = spec.code
    reading.need(table, spec.file, {f"facilities.{name}": value for name, value in fields.items()})
    if spec.point == "inside" and not isinstance(table, gpd.GeoDataFrame):
        raise errors.PackError(
            field="facilities.point",
            reason=f"{reading.pack.files[spec.file].path} holds no shapes to be inside of",
            remedy="Name the columns lon and lat instead.",
        )


def _why_none(reading: tables.Reading) -> str:
    refused = [f for f in reading.findings if f.table == "facilities" and f.severity == "refused"]
    return " ".join(f"{f.count} rows: {f.reason}. {f.remedy}" for f in refused)


def _made(spec: packs.MadeCode, table: pd.DataFrame) -> pd.Series:
    """Codes from what the rows say: 50 bits of a digest, written in ten letters and digits."""
    said = table[spec.make_from].agg("\x1f".join, axis=1)
    if spec.tell_apart:
        shared = said.duplicated(keep=False)
        more = table.loc[shared, spec.tell_apart].agg("\x1f".join, axis=1)
        said = said.mask(shared, said + "\x1e" + more.reindex(said.index, fill_value=""))
    codes = [
        spec.prefix + base64.b32encode(hashlib.blake2b(text.encode(), digest_size=7).digest()).decode()[:10]
        for text in said
    ]
    return pd.Series(codes, index=table.index, dtype="str")


def _points(spec: packs.Facilities, table: pd.DataFrame) -> tuple[pd.Series, pd.Series, dict[str, pd.Series]]:
    """Longitude and latitude (NaN where blank), and which rows hold something that is no place, by reason."""
    if isinstance(table, gpd.GeoDataFrame) and spec.point == "inside":
        inside = table.representative_point()
        return inside.x, inside.y, {"geometry is empty: no point inside it": inside.is_empty | inside.isna()}
    lon, no_lon = tables.number(table[str(spec.lon)])
    lat, no_lat = tables.number(table[str(spec.lat)])
    half = (table[str(spec.lon)] == "") != (table[str(spec.lat)] == "")
    off = (lon.abs() > 180) | (lat.abs() > 90)
    return lon, lat, {
        f"{spec.lon} or {spec.lat} is not a number": no_lon | no_lat,
        f"only one of {spec.lon} and {spec.lat} is given": half & ~no_lon & ~no_lat,
        f"{spec.lon} or {spec.lat} is out of range": off,
        f"{spec.lon} and {spec.lat} are both 0, which stands for unknown": (lon == 0) & (lat == 0),
    }  # fmt: skip


def _catchment(spec: packs.Facilities, table: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    if spec.catchment is None:
        return pd.Series(pd.NA, index=table.index, dtype="Int64"), pd.Series(False, index=table.index)
    values, unreadable = tables.number(tables.pick(table, spec.catchment))
    odd = unreadable | (values < 0) | (values > tables.LARGEST)
    return values.mask(odd).round().astype("Int64"), odd


def _identified(reading: tables.Reading, rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with a name, a tier and a code of their own."""
    blank = (rows["code"] == "") | (rows["name"] == "") | (rows["tier"] == "")
    reading.note(
        "refused", "facilities", "code, name or tier is blank", rows["said"][blank], "Fill them in, or make codes"
        " from other columns with code = { prefix = ..., make_from = [...] }.",
    )  # fmt: skip
    rows = rows[~blank]
    again = rows["code"].duplicated()
    made = isinstance(reading.pack.facilities.code, packs.MadeCode)
    reading.note(
        "refused", "facilities", "the same facility again" if made else "code is used already by an earlier row",
        rows["said"][again] + " (" + rows["code"][again] + ")", "Keep one row for each facility.",
    )  # fmt: skip
    return rows[~again]


def _placed(reading: tables.Reading, areas: gpd.GeoDataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with the area that each lies in or, without coordinates, is stated to be in; with their flags."""
    spec = reading.pack.facilities
    places = placing.Places(areas)
    off_map = rows["lon"].isna()
    on_map = rows[~off_map]
    found = places.locate(on_map["lon"], on_map["lat"], on_map["stated"])
    far = found["km"] > spec.tolerance_km
    swapped = places.exchanged(on_map[far], found["km"][far]).reindex(far.index, fill_value=False)
    said = on_map["said"] + tables.write(on_map["lat"], " at {}, ") + tables.write(on_map["lon"], "{}, ")
    said += tables.write(found["km"], "{:.1f} km outside ") + found["area"].map(places.name)
    reading.note(
        "refused", "facilities", f"{spec.lon} and {spec.lat} are outside the country; exchanged they lie inside",
        said[swapped], "Exchange the two columns in pack.toml, or in those rows.",
    )  # fmt: skip
    reading.note(
        "refused", "facilities", f"{spec.lon} and {spec.lat} are outside the country", said[far & ~swapped], _BLANK_THEM
    )
    stated = rows["stated"]
    lost = off_map & (stated.map(len) != 1)
    reading.note(
        "refused", "facilities", "no coordinates, and no single area is stated", rows["said"][lost],
        "Give coordinates, or the code or name of an area; [[facilities.stated]] may hold aliases.",
    )  # fmt: skip
    rows["area"] = found["area"].where(~far).reindex(rows.index)
    rows.loc[off_map & ~lost, "area"] = stated[off_map & ~lost].str[0]
    rows = rows[rows["area"].notna()].copy()
    _flag(reading, places, rows, found["km"].reindex(rows.index))
    return rows


def _flag(reading: tables.Reading, places: placing.Places, rows: pd.DataFrame, km: pd.Series) -> None:
    """Say what is odd about the facilities that were kept: in the report, and in each facility's `flags`."""
    spec = reading.pack.facilities
    off_map = rows["lon"].isna()
    words = {"no-coordinates": off_map, "outside-boundary": km > 0}
    unknown = (rows["stated"].map(len) == 0) & bool(spec.stated) & ~off_map
    inside = [places.within(area, stated) for area, stated in zip(rows["area"], rows["stated"], strict=True)]
    elsewhere = ~pd.Series(inside, index=rows.index) & ~off_map & ~unknown & bool(spec.stated)
    where = " (stated) but lies in " + rows["area"].map(places.path)
    points = rows[["lon", "lat"]].round(6)
    words["stated-elsewhere"] = elsewhere
    words["shared-point"] = ~off_map & points.duplicated(keep=False)
    reading.note(
        "flagged", "facilities", "no coordinates: listed in the stated area, off the map", rows["said"][off_map],
        "Add coordinates.",
    )  # fmt: skip
    reading.note(
        "flagged", "facilities", f"just outside every area: put into the nearest within {spec.tolerance_km:g} km",
        rows["said"][km > 0] + tables.write(km[km > 0], " ({:.2f} km)"), "Check the coordinates.",
    )  # fmt: skip
    reading.note(
        "flagged", "facilities", "stated in one area, located in another: kept where it is located",
        rows["said"][elsewhere] + where[elsewhere], "Correct the coordinates or the area.",
    )  # fmt: skip
    reading.note(
        "flagged", "facilities", "the stated area is not known: kept where it is located", rows["said"][unknown],
        "Correct the name, or add it to [facilities.stated.aliases].",
    )  # fmt: skip
    reading.note(
        "flagged", "facilities", "the same point as another facility", rows["said"][words["shared-point"]],
        "Check the coordinates.",
    )  # fmt: skip
    rows["flags"] = [
        [w for w, where in zip(words, row, strict=True) if where] for row in zip(*words.values(), strict=True)
    ]


def _supplied(reading: tables.Reading, rows: pd.DataFrame) -> pd.DataFrame:
    """The supply network and its policies."""
    unknown = rows["supplier"].notna() & (~rows["supplier"].isin(rows["code"]) | (rows["supplier"] == rows["code"]))
    reading.note(
        "flagged", "facilities", "the supplier is not another facility of the pack: left without one",
        rows["said"][unknown], "Correct the supplier's code.",
    )  # fmt: skip
    rows["supplier"] = rows["supplier"].mask(unknown, None)
    by_tier = {policy.tier: policy for policy in reading.pack.policy if policy.product is None}
    others = by_tier.get(None, packs.Policy(delivery_interval_days=30, lead_time_days=7))
    policies = [by_tier.get(tier, others) for tier in rows["tier"]]
    rows["delivery_interval_days"] = [policy.delivery_interval_days for policy in policies]
    rows["lead_time_days"] = [policy.lead_time_days for policy in policies]
    unused = [tier for tier in by_tier if tier is not None and tier not in set(rows["tier"])]
    if unused:
        raise errors.PackError(
            field="policy.tier",
            reason=f"no facility has the tier {', '.join(unused)}",
            remedy=f"The tiers are {', '.join(sorted(set(rows['tier'])))}.",
        )
    return rows
