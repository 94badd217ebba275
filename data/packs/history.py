"""What was reported, month by month? The rows of a history that can be believed, and why the others cannot.

What is refused is missing, never zero.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pandas as pd

from data.packs import pack as packs
from data.packs import tables
from data.packs.country import REPORT

AMOUNTS = ["opening", "received", "used", "lost", "adjusted", "closing", "days_out"]
_KEY = ["facility", "product", "month"]


def read(reading: tables.Reading, facilities: pd.DataFrame, products: pd.DataFrame, now: datetime) -> pd.DataFrame:
    """The monthly reports of a pack, sorted by facility, product and month; none where it has no history."""
    spec = reading.pack.history
    if spec is None:
        return pd.DataFrame({name: pd.Series(dtype="Int64") for name in REPORT}).astype(
            {"facility": "str", "product": "str", "month": "datetime64[ns]"}
        )
    table = reading.table(spec.file, "history", spec.join)
    columns = {name: getattr(spec, name) for name in [*_KEY, *AMOUNTS, "ordered"]}
    rules = {f"{kind}.{n}": r.column for kind in ("refuse", "blank_zeros") for n, r in enumerate(getattr(spec, kind))}
    reading.need(table, spec.file, {f"history.{k}": v for k, v in {**columns, **rules}.items()})
    rows = pd.DataFrame({name: tables.pick(table, getattr(spec, name)) for name in _KEY})
    rows["said"] = rows["facility"] + ", " + rows["product"] + ", " + rows["month"]

    rows = _declared(reading, rows, facilities, products)
    for rule in spec.refuse:
        known = table.loc[rows.index, rule.column].isin(rule.values)
        reading.note("refused", "history", rule.reason, rows["said"][known], rule.remedy)
        rows = rows[~known]
    rows = _dated(reading, rows, spec, now)
    rows = _amounts(reading, rows, table, spec, products)
    rows = _once(reading, rows)
    rows = _days_out(reading, rows.sort_values(_KEY))
    reading.note("kept", "history", "monthly reports", len(rows))
    if spec.ordered is None:
        return rows[REPORT].reset_index(drop=True)
    rows["ordered"] = _ordered(reading, rows, table.loc[rows.index, spec.ordered], spec) * _size(rows, spec, products)
    return rows[[*REPORT, "ordered"]].reset_index(drop=True)


def _declared(
    reading: tables.Reading, rows: pd.DataFrame, facilities: pd.DataFrame, products: pd.DataFrame
) -> pd.DataFrame:
    """The rows of products and facilities that the pack has."""
    other = ~rows["product"].isin(products["code"])
    for product, labels in rows["said"][other].groupby(rows["product"][other]):
        reading.note(
            "refused", "history", f'product "{product}" is not declared in the pack: not loaded', labels,
            "Add a [[product]] of that code if it is wanted.",
        )  # fmt: skip
    rows = rows[~other]
    strange = ~rows["facility"].isin(facilities["code"])
    reading.note(
        "refused", "history", "facility is not one that was kept", rows["said"][strange],
        "Correct the facility's code, or what is wrong with the facility.",
    )  # fmt: skip
    return rows[~strange]


def _dated(reading: tables.Reading, rows: pd.DataFrame, spec: packs.History, now: datetime) -> pd.DataFrame:
    month = pd.to_datetime(rows["month"], format=spec.month_format, errors="coerce")
    month = month - pd.to_timedelta(month.dt.day - 1, unit="D")
    reading.note(
        "refused", "history", f"month is not written as {spec.month_format}", rows["said"][month.isna()],
        "Correct the month, or month_format in [history].",
    )  # fmt: skip
    today = pd.Timestamp(now.astimezone(ZoneInfo(reading.pack.programme.timezone)).date())
    running = month >= today.replace(day=1)
    reading.note(
        "refused", "history", "the month is not over", rows["said"][running], "Load the pack again when it is."
    )
    usable = month.notna() & ~running
    return rows.assign(month=month.astype("datetime64[ns]"))[usable]


def _amounts(
    reading: tables.Reading, rows: pd.DataFrame, table: pd.DataFrame, spec: packs.History, products: pd.DataFrame
) -> pd.DataFrame:
    """The rows whose every amount is blank or a whole number that can be."""
    table = table.loc[rows.index]
    unusable = pd.Series(False, index=rows.index)
    size = _size(rows, spec, products)
    found = {}
    for name in AMOUNTS:
        column = getattr(spec, name)
        if column is None:
            found[name] = pd.Series(pd.NA, index=rows.index, dtype="Int64")
            continue
        values, bad = tables.whole(table[column])
        if name != "adjusted":
            bad["is negative"] = (values < 0).fillna(False)
        if name == "days_out":
            bad["is more days than the month has"] = (values > rows["month"].dt.days_in_month).fillna(False)
        else:
            values = values * size
            bad["is larger than any stock"] |= (values.abs() > tables.LARGEST).fillna(False)
        for reason, where in bad.items():
            reading.note(
                "refused", "history", f"{column} {reason}", (rows["said"] + ": " + table[column])[where],
                "Correct the amount, or blank it: the month is then known without it.",
            )  # fmt: skip
            unusable |= where
        found[name] = values
    amounts = pd.DataFrame(found)
    if spec.zero_days_are_blanks:
        zero = (amounts["days_out"] == 0).fillna(False)
        amounts["days_out"] = amounts["days_out"].mask(zero)
        reading.note(
            "flagged", "history", "0 days out of stock, which says nothing here: not known", rows["said"][zero]
        )
    for rule in spec.blank_zeros:
        _blank_zeros(reading, rows, amounts, table, rule)
    nothing = ~unusable & amounts.drop(columns="days_out").isna().all(axis=1)
    reading.note("refused", "history", "no amount is reported", rows["said"][nothing])
    return pd.concat([rows, amounts], axis=1)[~(unusable | nothing)]


def _size(rows: pd.DataFrame, spec: packs.History, products: pd.DataFrame) -> pd.Series | int:
    """How many doses are in one of the file's units."""
    if spec.unit != "vial":
        return 1
    return rows["product"].map(products.set_index("code")["doses_per_vial"]).astype("Int64")


def _ordered(reading: tables.Reading, rows: pd.DataFrame, text: pd.Series, spec: packs.History) -> pd.Series:
    """What was ordered, not known where it cannot be: an order is a wish, and moves no stock."""
    values, bad = tables.whole(text)
    bad["is negative"] = (values < 0).fillna(False)
    for reason, where in bad.items():
        reading.note(
            "flagged", "history", f"{spec.ordered} {reason}: taken as not known", (rows["said"] + ": " + text)[where],
            "Correct the order, or blank it.",
        )  # fmt: skip
        values = values.mask(where)
    return values


def _blank_zeros(
    reading: tables.Reading, rows: pd.DataFrame, amounts: pd.DataFrame, table: pd.DataFrame, rule: packs.Rule
) -> None:
    """In the rows of a rule a zero may stand for a blank: it is taken as not reported, other amounts are kept."""
    marked = table[rule.column].isin(rule.values)
    zero = amounts.eq(0).fillna(False) & marked.to_numpy()[:, None]
    for name in amounts.columns:
        amounts[name] = amounts[name].mask(zero[name])
    reading.note("flagged", "history", rule.reason, rows["said"][zero.any(axis=1)], rule.remedy)


def _once(reading: tables.Reading, rows: pd.DataFrame) -> pd.DataFrame:
    """One row for each facility, product and month: equal ones count once, contradicting ones not at all."""
    again = rows.duplicated(_KEY + AMOUNTS)
    reading.note(
        "refused", "history", "the same month again, with the same amounts", rows["said"][again], "Keep one row."
    )
    rows = rows[~again]
    torn = rows.duplicated(_KEY, keep=False)
    reading.note(
        "refused", "history", "the month is reported more than once, with different amounts", rows["said"][torn],
        "Keep the row that is right.",
    )  # fmt: skip
    return rows[~torn]


def _days_out(reading: tables.Reading, rows: pd.DataFrame) -> pd.DataFrame:
    """Full days out where they follow from the rest: nothing there at first, nothing came or went, nothing left.

    A statement of fewer days than that contradicts the balances; the balances are believed.
    """
    before = rows.shift()
    follows = (rows[["facility", "product"]] == before[["facility", "product"]]).all(axis=1)
    follows &= rows["month"] == before["month"] + pd.offsets.MonthBegin()
    opening = rows["opening"].fillna(before["closing"].where(follows))
    still = (rows[["received", "lost", "adjusted"]].fillna(0) == 0).all(axis=1)
    empty = still & ((opening == 0) & (rows["closing"] == 0) & (rows["used"] == 0)).fillna(False)
    days = rows["month"].dt.days_in_month.astype("Int64")
    less = empty & (rows["days_out"] < days).fillna(False)
    reading.note(
        "flagged", "history", "fewer days out of stock are stated than the empty balances leave: corrected to the"
        " whole month", rows["said"][less], "Correct the days out, or leave the column out of [history].",
    )  # fmt: skip
    return rows.assign(days_out=rows["days_out"].mask(empty, days))
