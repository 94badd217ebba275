"""When did the stock of the reports move? Events of every facility and product, at local times inside their month."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

import pandas as pd

from data.packs import replay, tables
from data.packs.country import EVENT
from data.packs.replay import Step
from data.types import Kind

#: The local hour of each step. Those up to FOUND are on the month's first day, the others on its last. What a month
#: opens with is so from its first moment.
HOURS = {
    Step.OPENED: 0, Step.OPENING: 7, Step.IMPLIED: 8, Step.RECEIVED: 9, Step.FOUND: 10,
    Step.USED: 14, Step.LOST: 15, Step.MISSING: 16, Step.UNEXPLAINED: 17, Step.CLOSING: 18,
}  # fmt: skip

_AMOUNTS = ["opening", "received", "used", "lost", "adjusted", "closing"]


def read(reading: tables.Reading, reports: pd.DataFrame) -> pd.DataFrame:
    """The events that the reports stand for, sorted by facility, product and time."""
    spec = reading.pack.history
    if spec is None or reports.empty:
        return none()
    zone = ZoneInfo(reading.pack.programme.timezone)
    times: dict[tuple[date, Step], datetime] = {}
    events = []
    for (facility, product), months in groupby(_months(reports), key=lambda row: row[0]):
        for line in replay.position([month for _, month in months], Kind(spec.used_as)):
            at = (line.month, line.step)
            if at not in times:
                times[at] = moment(*at, zone)
            source_id = f"{facility}/{product}/{line.month:%Y-%m}/{line.step.name.lower()}"
            events.append((facility, product, None, line.kind, line.doses, line.reason, times[at], source_id))
    frame = pd.DataFrame(events, columns=EVENT)
    _say(reading, reports, frame)
    return frame.astype(none().dtypes.to_dict())


def none() -> pd.DataFrame:
    """No events, in the columns and types of events."""
    types = {name: "str" for name in EVENT} | {"doses": "int64", "occurred_at": "datetime64[us, UTC]"}
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in types.items()})


def moment(month: date, step: Step, zone: ZoneInfo) -> datetime:
    """The UTC time of a step: the first or the last local day of the month, at the step's hour."""
    day = month if step <= Step.FOUND else (month + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return datetime.combine(day, time(HOURS[step]), zone).astimezone(ZoneInfo("UTC"))


def _months(reports: pd.DataFrame) -> zip[tuple[tuple[str, str], replay.Month]]:
    """Each report as ((facility, product), Month), with None for what was not reported."""
    amounts = [[None if value is pd.NA else value for value in reports[name].astype("object")] for name in _AMOUNTS]
    months = map(replay.Month, reports["month"].dt.date, *amounts)
    return zip(zip(reports["facility"], reports["product"], strict=True), months, strict=True)


def _say(reading: tables.Reading, reports: pd.DataFrame, events: pd.DataFrame) -> None:
    """What had to be implied, and what could not be."""
    reading.note("kept", "history", "stock events that follow from the reports", len(events))
    implied = events[(events["kind"] == Kind.ADJUSTMENT) & ~events["source_id"].str.endswith(("/found", "/missing"))]
    labels = implied["facility"] + ", " + implied["product"] + ", " + implied["source_id"].str.rsplit("/", n=2).str[1]
    labels += ": " + tables.write(implied["doses"], "{:+,}")
    labels.index = labels.index.astype("str")
    for reason, rows in labels.groupby(implied["reason"].to_numpy()):
        reading.note("flagged", "history", f"adjustment implied: {reason}", rows)
    keys = ["facility", "product"]
    anchored = reports[reports["closing"].notna() | reports["opening"].notna()]
    last = reports[keys].merge(anchored.groupby(keys, as_index=False)["month"].max(), how="left", on=keys)["month"]
    loose = (reports["month"] > last.set_axis(reports.index)) | last.set_axis(reports.index).isna()
    loose &= reports[["received", "used", "lost", "adjusted"]].fillna(0).ne(0).any(axis=1)
    reading.note(
        "flagged", "history", "no balance is reported in or after the month: kept in the monthly history, moves no"
        " stock", int(loose.sum()), "Report the balance.",
    )  # fmt: skip
