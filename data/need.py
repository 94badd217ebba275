"""How many doses does every place of a nation need? Demand from full months, worked out anew and kept with its reasons.

Use, what sessions give and population are weighed in `data.insight.demand`; here they are read, doubted values are
flagged and weighted down, campaigns are left out, and what differs is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from data import assess, columns, doubts, monthly, queries
from data.columns import Floats, Ints
from data.insight import demand as demands
from data.insight import policy
from data.insight.history import WINDOW_MONTHS
from data.insight.peers import Peers
from data.monthly import Rows, Span
from data.programmes import Programme

SQL = queries.read(Path(__file__).parent / "sql" / "need.sql")
_HOLD = queries.read(Path(__file__).parent / "sql" / "nation.sql")["hold"]

_FLOATS = ("amc", "dispersion", "uncertainty")
_CODES = ("demand_source", "preset")


class Nation(Protocol):
    """What `data.nation` knows: positions in the ledger's order, and their facilities and products."""

    key: Ints
    facility: NDArray[np.intp]
    product: NDArray[np.intp]
    stored: dict[str, NDArray[Any]]
    facilities: dict[str, NDArray[Any]]
    products: dict[str, NDArray[Any]]


@dataclass(slots=True)
class _Months:
    """What the months of all positions say; `weight` and `given` only where anything is doubted or any session told."""

    used: Floats
    out: Floats
    had_some: NDArray[np.bool_]
    administered: Floats | None = None
    weight: NDArray[np.float32] | None = None


def refresh(conn: sa.Connection, programme: Programme, nation: Nation, chunks: Sequence[slice], today: date) -> None:
    """Work out the demand of every position from its last full months, write what differs, and say it in `stored`."""
    fresh, taught, groups = _worked_out(conn, programme, nation, chunks, today, keep=True)
    _store(conn, nation, chunks, fresh)
    _keep_peers(conn, programme, nation, taught, groups)


def worked_out(
    conn: sa.Connection, programme: Programme, nation: Nation, chunks: Sequence[slice], today: date
) -> dict[str, NDArray[Any]]:
    """Demand of every position as it would be worked out now, by column; nothing is written."""
    return _worked_out(conn, programme, nation, chunks, today, keep=False)[0]


@dataclass(frozen=True, slots=True)
class _Groups:
    """How positions are numbered by their like places: wide group and area of each, and how many tiers there are."""

    group: NDArray[np.intp]
    area: NDArray[np.intp]
    tiers: int


def _worked_out(
    conn: sa.Connection, programme: Programme, nation: Nation, chunks: Sequence[slice], today: date, *, keep: bool
) -> tuple[dict[str, NDArray[Any]], Peers, _Groups]:
    """Demand of every position, by column; with `keep` the values that it doubts are written down as flags.

    Peers are the same product at the same tier, and within that those of the same first-level area.
    """
    until = monthly.number(today)
    span = Span(until - WINDOW_MONTHS, until)
    about = conn.execute(SQL["products"], {"programme_id": programme.id}).all()
    months = _read(conn, programme, nation, chunks, span, about, keep=keep)
    chosen = _choose(conn, programme, nation)
    tiers = int(nation.facilities["tier"].max(initial=0)) + 1
    groups = _Groups(
        nation.product * tiers + nation.facilities["tier"][nation.facility],
        _areas(conn, programme)[nation.facility],
        tiers,
    )
    need, taught = demands.work_out(
        months.used, months.out, ~np.isnan(months.used), span.days,
        group=groups.group, area=groups.area,
        expected_monthly=_expected(nation),
        handles=months.had_some | np.isnan(months.used).all(axis=1),
        given=_given(nation, months, span, about),
        weight=months.weight, window=chosen.window, method=chosen.method,
    )  # fmt: skip
    # As PostgreSQL will have it: what is judged now and after an event must be the same number.
    fresh: dict[str, NDArray[Any]] = {
        name: getattr(need, name).astype(np.float32).astype(np.float64) for name in _FLOATS
    }
    fresh |= {"demand_source": need.source.astype(np.int64), "preset": chosen.preset.astype(np.int64)}
    return fresh, taught, groups


def _read(
    conn: sa.Connection,
    programme: Programme,
    nation: Nation,
    chunks: Sequence[slice],
    span: Span,
    about: Sequence[Any],
    *,
    keep: bool,
) -> _Months:
    shape = (nation.key.size, WINDOW_MONTHS)
    found = _Months(np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape[0], dtype=bool))
    if conn.execute(SQL["has_sessions"], {"programme_id": programme.id}).scalar_one():
        found.administered = np.full(shape, np.nan)
    held = conn.execute(doubts.SQL["campaigns"], {"programme_id": programme.id}).all()
    for rows in chunks:
        asked = {"first": int(nation.stored["facility_id"][rows.start]),
                 "last": int(nation.stored["facility_id"][rows.stop - 1])}  # fmt: skip
        told = monthly.reports(conn, programme.id, span, **asked)
        grids = _grids(nation, rows, told, monthly.AMOUNTS)
        lines = _lines(nation, rows, about)
        campaign = doubts.campaigns(held, span, lines.facility_id, lines.product_id)
        flags = doubts.find(grids, lines, campaign)
        if keep:
            doubts.keep(conn, programme.id, span, lines, flags)
        weight = doubts.weights(conn, programme.id, span, lines, flags)
        if weight is not None:
            if found.weight is None:
                found.weight = np.ones(shape, dtype=np.float32)
            found.weight[rows] = weight
        used, received, opening = grids["used"], grids["received"], grids["opening"]
        # A place that reports zeros of a product which it never had is not out of it.
        found.had_some[rows] = np.any((used > 0) | (received > 0) | (opening > 0), axis=1)
        # The months of a campaign are not what is needed in others.
        found.used[rows] = used if campaign is None else np.where(campaign, np.nan, used)
        found.out[rows] = demands.days_out_at_least(grids["days_out"], opening, received, span.days, used=used)
        if found.administered is not None:
            given = monthly.sessions(conn, programme.id, span, **asked)
            administered = _grids(nation, rows, given, ("administered",))["administered"]
            found.administered[rows] = administered if campaign is None else np.where(campaign, np.nan, administered)
    return found


def _grids(nation: Nation, rows: slice, told: Rows, names: Sequence[str]) -> dict[str, Floats]:
    keys, wanted = nation.key[rows], assess.key(told.facility_id, told.product_id)
    place = np.minimum(np.searchsorted(keys, wanted), keys.size - 1)
    known = keys[place] == wanted
    shape = (keys.size, WINDOW_MONTHS)
    return {name: told.grid(name, place[known], known, shape) for name in names}


def _lines(nation: Nation, rows: slice, about: Sequence[Any]) -> doubts.Lines:
    facility, product = nation.facility[rows], nation.product[rows]
    units = [r.unit for r in about]
    return doubts.Lines(
        nation.stored["facility_id"][rows], nation.stored["product_id"][rows], facility - facility[0], product,
        nation.products["doses_per_vial"][product].astype(np.float64), _ByProduct(product, units),
    )  # fmt: skip


class _ByProduct(Sequence[str]):
    """A word about the product of each row, without a list as long as the nation."""

    def __init__(self, product: NDArray[np.intp], words: Sequence[str]) -> None:
        self._product, self._words = product, words

    def __len__(self) -> int:
        return self._product.size

    def __getitem__(self, row: Any) -> Any:
        return self._words[int(self._product[row])]


def _choose(conn: sa.Connection, programme: Programme, nation: Nation) -> policy.Chosen:
    rules = [policy.Rule(*row) for row in conn.execute(SQL["policies"], {"programme_id": programme.id})]
    tiers = conn.execute(SQL["tiers"], {"programme_id": programme.id}).scalars().all() if rules else []
    return policy.choose(
        rules, programme.preset, tier=nation.facilities["tier"][nation.facility],
        product=nation.stored["product_id"], supplies=nation.facilities["supplies"][nation.facility] > 0, tiers=tiers,
    )  # fmt: skip


def _areas(conn: sa.Connection, programme: Programme) -> NDArray[np.intp]:
    """The number of the first-level area of each facility, in the order of the facilities' ids."""
    found = columns.read(conn.execute(SQL["areas"], {"programme_id": programme.id}).one(), frozenset())
    return found["area"].astype(np.intp)


def _expected(nation: Nation) -> Floats:
    catchment = columns.nullable(nation.facilities["catchment"])[nation.facility]
    return np.asarray((catchment * nation.products["need"][nation.product]).astype(np.float32).astype(np.float64))


def _given(nation: Nation, months: _Months, span: Span, about: Sequence[Any]) -> demands.Given | None:
    if months.administered is None:
        return None
    wastage = np.array([np.nan if r.open_vial_wastage is None else r.open_vial_wastage for r in about])
    return demands.from_sessions(months.administered, wastage[nation.product], months.out, span.days)


def differing(old: NDArray[Any], new: NDArray[Any]) -> NDArray[np.bool_]:
    """Where two columns differ; what is not known equals what is not known."""
    return np.asarray((old != new) & ~(np.isnan(old) & np.isnan(new)))


def _keep_peers(conn: sa.Connection, programme: Programme, nation: Nation, taught: Peers, groups: _Groups) -> None:
    """Write what like places taught, group by group, so that a single place can be told how its demand came about."""
    asked = {"programme_id": programme.id}
    conn.execute(SQL["drop_peers"], asked)
    if not nation.key.size:
        return
    tiers = conn.execute(SQL["tiers"], asked).scalars().all()
    partitions = columns.read(conn.execute(SQL["partitions"], asked).one(), frozenset())["id"]
    there = np.unique(groups.group * taught.areas + groups.area)
    group, area = np.divmod(there, taught.areas)
    product, tier = np.divmod(group, groups.tiers)
    conn.execute(
        SQL["keep_peers"],
        asked
        | {"product_id": columns.ints(nation.products["id"][product]), "partition_id": columns.ints(partitions[area])}
        | {"tier": [tiers[t] for t in tier.tolist()], "ratio": taught.ratio[there].tolist()}
        | {name: columns.floats(getattr(taught, name)[there]) for name in ("level", "spread", "dispersion", "drift")},
    )


def _store(conn: sa.Connection, nation: Nation, chunks: Sequence[slice], fresh: dict[str, NDArray[Any]]) -> None:
    stored = nation.stored
    differs = np.zeros(nation.key.size, dtype=bool)
    for name, values in fresh.items():
        differs |= differing(stored[name], values)
        stored[name] = values
    for rows in chunks:
        which = rows.start + np.flatnonzero(differs[rows])
        asked = {name: columns.ints(stored[name][which]) for name in ("facility_id", "product_id", "version")}
        conn.execute(_HOLD, asked)
        conn.execute(
            SQL["store"],
            asked
            | {name: columns.floats(stored[name][which]) for name in _FLOATS}
            | {name: columns.ints(stored[name][which]) for name in _CODES},
        )
