"""What is demand judged by, as the pack says it? Policies, campaigns and what sessions reported."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import sqlalchemy as sa

from data import errors, queries
from data.insight import consumption, policy
from data.packs import copying, country, tables
from data.packs import pack as packs
from data.packs.registry import Ids

SQL = queries.read(Path(__file__).parent / "sql" / "plans.sql")

_KEY = ["facility", "product", "month"]


def policies(reading: tables.Reading, products: pd.DataFrame) -> tuple[country.Policy, ...]:
    """Whose levels hold where, of the policies that say so; raises `PackError` for a product that is not declared."""
    default = reading.pack.programme.preset
    said = [p for p in reading.pack.policy if p.judges]
    _declared("policy.product", [p.product for p in said if p.product is not None], products["code"].to_list())
    return tuple(
        country.Policy(
            p.tier, p.product, p.preset or default, p.amc_method or consumption.MSUPPLY,
            p.window_months or policy.WINDOW,
        )
        for p in said
    )  # fmt: skip


def campaigns(reading: tables.Reading, areas: pd.DataFrame, products: pd.DataFrame) -> tuple[country.Campaign, ...]:
    """The campaigns; raises `PackError` for a product or an area that the pack does not have, and where two overlap."""
    held = reading.pack.campaign
    _declared("campaign.product", [c.product for c in held], products["code"].to_list())
    _declared("campaign.area", [c.area for c in held], areas["code"].to_list())
    _apart(held)
    return tuple(country.Campaign(c.product, c.area, c.first_day, c.last_day, c.name) for c in held)


def _apart(held: Sequence[packs.Campaign]) -> None:
    """A month is of one campaign at most: two of a product in an area do not overlap."""
    in_order = sorted(held, key=lambda c: (c.product, c.area, c.first_day))
    for before, after in pairwise(in_order):
        if (before.product, before.area) == (after.product, after.area) and after.first_day <= before.last_day:
            raise errors.PackError(
                field="campaign",
                reason=f"two campaigns of {after.product} in {after.area} overlap: {before.first_day} to"
                f" {before.last_day} and {after.first_day} to {after.last_day}",
                remedy="Make one of them, or correct their days.",
            )


def _declared(field: str, named: list[str], known: list[str]) -> None:
    strange = sorted(set(named) - set(known))
    if strange:
        raise errors.PackError(
            field=field,
            reason=f"{field} names {', '.join(strange)}, which the pack does not have",
            remedy=f"It has {', '.join(known[:20])}{' and others' if len(known) > 20 else ''}.",
        )


def sessions(reading: tables.Reading, facilities: pd.DataFrame, products: pd.DataFrame, now: datetime) -> pd.DataFrame:
    """What sessions reported; a row that cannot be used is refused, several of one product and month are added up."""
    parts = [_sessions(reading, spec, facilities, products, now) for spec in reading.pack.sessions]
    if not parts:
        return country.no_sessions()
    # The doses of a child's first, second and third visit are of one product.
    found = (
        pd.concat(parts, ignore_index=True).groupby(_KEY)[["administered", "sessions"]].sum(min_count=1).reset_index()
    )
    reading.note("kept", "sessions", "months of sessions", len(found))
    return found[country.SESSION]


def _sessions(
    reading: tables.Reading, spec: packs.Sessions, facilities: pd.DataFrame, products: pd.DataFrame, now: datetime
) -> pd.DataFrame:
    table = reading.table(spec.file, "sessions", spec.join)
    reading.need(
        table, spec.file, {f"sessions.{name}": getattr(spec, name) for name in [*_KEY, "administered", "sessions"]}
    )
    rows = pd.DataFrame({name: tables.pick(table, getattr(spec, name)) for name in _KEY})
    said = rows["facility"] + ", " + rows["product"] + ", " + rows["month"]
    today = pd.Timestamp(now.astimezone(ZoneInfo(reading.pack.programme.timezone)).date())
    month = pd.to_datetime(rows["month"], format=spec.month_format, errors="coerce")
    month = month - pd.to_timedelta(month.dt.day - 1, unit="D")
    refused = {
        "product is not declared in the pack": ~rows["product"].isin(products["code"]),
        "facility is not one that was kept": ~rows["facility"].isin(facilities["code"]),
        f"month is not written as {spec.month_format}": month.isna(),
        "the month is not over": month >= today.replace(day=1),
    }
    for name in ("administered", "sessions"):
        column = getattr(spec, name)
        rows[name] = pd.array([pd.NA] * len(rows), dtype="Int64")
        if column is not None:
            values, bad = tables.whole(table[column])
            bad["is negative"] = (values < 0).fillna(False)
            refused |= {f"{column} {reason}": where for reason, where in bad.items()}
            rows[name] = values
    refused["no doses are reported"] = rows["administered"].isna() & rows["sessions"].isna()
    usable = pd.Series(True, index=rows.index)
    for reason, where in refused.items():
        reading.note("refused", "sessions", reason, said[usable & where])
        usable &= ~where
    return rows.assign(month=month.astype("datetime64[ns]"))[usable]


def keep(conn: sa.Connection, programme_id: int, found: country.Country, ids: Ids) -> None:
    """Write policies, campaigns and sessions in place of those that the pack gave before."""
    areas = {r.code: r.id for r in conn.execute(SQL["areas"], {"programme_id": programme_id})}
    for table in ("policies", "campaigns"):
        conn.execute(SQL[f"drop_{table}"], {"programme_id": programme_id})
    for p in found.policies:
        conn.execute(SQL["keep_policy"], {
            "programme_id": programme_id, "tier": p.tier,
            "product_id": None if p.product is None else ids.products[p.product],
            "preset": p.preset, "amc_method": p.amc_method, "window_months": p.window_months,
        })  # fmt: skip
    for c in found.campaigns:
        conn.execute(SQL["keep_campaign"], {
            "programme_id": programme_id, "product_id": ids.products[c.product], "area_id": areas[c.area],
            "first_day": c.first_day, "last_day": c.last_day, "name": c.name,
        })  # fmt: skip
    if len(found.sessions):
        conn.execute(SQL["stage_sessions"])
        rows = found.sessions.assign(
            facility_id=found.sessions["facility"].map(ids.facilities).astype("int64"),
            product_id=found.sessions["product"].map(ids.products).astype("int64"),
        )
        names = ["facility_id", "product_id", "month", "administered", "sessions"]
        copying.copy(conn, "incoming_session_month", rows[names])
        conn.execute(SQL["keep_sessions"])
