"""What was counted on one day? Opening stock, by lot where the file knows lots, for what has no monthly history."""

from __future__ import annotations

from datetime import datetime, time
from zoneinfo import ZoneInfo

import pandas as pd

from data.packs import events, tables
from data.packs import pack as packs
from data.packs.country import EVENT, LOT
from data.types import Kind

_KEY = ["facility", "product", "lot"]


def read(
    reading: tables.Reading, facilities: pd.DataFrame, products: pd.DataFrame, reports: pd.DataFrame, now: datetime
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The lots and the counts of a pack's opening stock."""
    spec = reading.pack.opening
    if spec is None:
        return pd.DataFrame({"product": [], "number": [], "expiry": []}, columns=LOT), events.none()
    table = reading.table(spec.file, "opening", spec.join)
    fields = {name: getattr(spec, name) for name in (*_KEY, "doses", "date", "expiry")}
    reading.need(table, spec.file, {f"opening.{k}": v for k, v in fields.items()})
    blank = pd.Series("", index=table.index)
    rows = pd.DataFrame({k: blank if v is None else tables.pick(table, v) for k, v in fields.items()})
    rows["said"] = rows["facility"] + ", " + rows["product"] + (", " + rows["lot"]).where(rows["lot"] != "", "")
    doses, bad = tables.whole(rows["doses"])
    bad |= {"is negative": (doses < 0).fillna(False), "is blank": rows["doses"] == ""}
    bad = {f"{spec.doses} {reason}": where for reason, where in bad.items()}
    rows["day"] = pd.to_datetime(rows["date"], format=spec.date_format, errors="coerce")
    rows["expiry"] = pd.to_datetime(
        rows["expiry"].where(rows["expiry"] != ""), format=spec.date_format, errors="coerce"
    )
    rows["doses"] = doses
    today = pd.Timestamp(now.astimezone(ZoneInfo(reading.pack.programme.timezone)).date())
    bad |= _wrong(rows, spec, facilities, products, today)
    seen = rows[["facility", "product"]].merge(
        reports[["facility", "product"]].drop_duplicates(), how="left", indicator=True
    )
    bad["the monthly history says already what was there"] = pd.Series(
        (seen["_merge"] == "both").to_numpy(), index=rows.index
    )
    for reason, where in bad.items():
        where = where.reindex(rows.index, fill_value=False)
        reading.note("refused", "opening", reason, rows["said"][where], "Correct the row, or leave it out.")
        rows = rows[~where]
    reading.note("kept", "opening", "counts", len(rows))
    return _lots(rows), _counts(reading, rows)


def _wrong(
    rows: pd.DataFrame, spec: packs.Opening, facilities: pd.DataFrame, products: pd.DataFrame, today: pd.Timestamp
) -> dict[str, pd.Series]:
    """Which rows cannot be used, by reason."""
    lotted = rows["lot"] != ""
    expiries = rows[lotted].groupby(["product", "lot"])["expiry"].transform("nunique")
    return {
        "facility is not one that was kept": ~rows["facility"].isin(facilities["code"]),
        "product is not declared in the pack": ~rows["product"].isin(products["code"]),
        f"date is not written as {spec.date_format}": rows["day"].isna(),
        "date is not before today": rows["day"] >= today,
        "a lot needs a number and an expiry date": lotted != rows["expiry"].notna(),
        "the same lot has several expiry dates": expiries.reindex(rows.index, fill_value=1) > 1,
        "the same facility, product and lot again": rows.duplicated(_KEY),
    }


def _lots(rows: pd.DataFrame) -> pd.DataFrame:
    lots = rows[rows["lot"] != ""].drop_duplicates(["product", "lot"])
    lots = lots.rename(columns={"lot": "number"}).assign(expiry=lots["expiry"].dt.date)
    return lots[LOT].reset_index(drop=True)


def _counts(reading: tables.Reading, rows: pd.DataFrame) -> pd.DataFrame:
    zone = ZoneInfo(reading.pack.programme.timezone)
    at = [datetime.combine(day.date(), time(8), zone).astimezone(ZoneInfo("UTC")) for day in rows["day"]]
    counts = rows.assign(
        lot=rows["lot"].where(rows["lot"] != "", None), kind=Kind.COUNT, reason=None, occurred_at=at,
        source_id=[f"{day:%Y-%m-%d}/opening" for day in rows["day"]],
    )  # fmt: skip
    counts["source_id"] += ("/" + counts["lot"]).fillna("")
    return counts[EVENT].astype(events.none().dtypes.to_dict())
