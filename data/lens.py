"""How would it look under another authority's bands, or within another horizon? Computed from what is stored.

Other bands change only who is low, over or adequate; another horizon only the probability. Both are read in one pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from data import columns, errors, queries
from data.columns import Ints
from data.insight import policy, risk
from data.insight.ahead import HORIZONS
from data.programmes import Programme
from data.record.past import plan_anew

SQL = queries.read(Path(__file__).parent / "sql" / "lens.sql")

_COLUMNS = ("ordinal", "product_id", "state", "usable", "amc", "expiring", "probability")
_FLOATS = frozenset({"amc", "expiring", "probability"})


class UnknownLens(errors.DataError):
    """{value} is no {field}."""


class OnlyNow(errors.DataError):
    """Another {field} is shown of now only."""


@dataclass(frozen=True, slots=True)
class Lens:
    """Another preset (a name of `policy.PRESETS`), another horizon (one of `HORIZONS`, in days), or both."""

    preset: str | None = None
    horizon: int | None = None


def asked(preset: str | None, horizon: str | None, *, now: bool = True) -> Lens | None:
    """The lens that a query asks for, None for none; raises `UnknownLens`, and `OnlyNow` where it asks for a past."""
    if preset and preset not in policy.PRESETS:
        raise UnknownLens("preset", f"Send one of {', '.join(policy.PRESETS)}.", value=preset[:40])
    if horizon and horizon not in {str(days) for days in HORIZONS}:
        raise UnknownLens("horizon", f"Send one of {', '.join(map(str, HORIZONS))}.", value=horizon[:40])
    if not preset and not horizon:
        return None
    if not now:
        raise OnlyNow("preset" if preset else "horizon", "Leave it out, or the month or as_of.")
    return Lens(preset or None, int(horizon) if horizon else None)


@dataclass(frozen=True, slots=True)
class Seen:
    """Positions through a lens, in no order; `seq` is the push that they include.

    `probability` is of running out before the next delivery, or within the horizon; NaN where there is none.
    """

    seq: int
    ordinal: Ints
    product_id: Ints
    state: NDArray[np.uint8]
    probability: NDArray[np.float32]


def read(conn: sa.Connection, programme: Programme, lens: Lens, product_ids: Sequence[int]) -> Seen:
    """All positions of these products as they stand now."""
    plan_anew(conn)
    place = None if lens.horizon is None else HORIZONS.index(lens.horizon) + 1
    what = {"programme_id": programme.id, "product_ids": list(product_ids), "place": place}
    seq, *packed = conn.execute(SQL["positions"], what).one()
    at = columns.read_packed(dict(zip(_COLUMNS, packed, strict=True)), _FLOATS)
    state = at["state"].astype(np.uint8)
    if lens.preset is not None:
        state = _under(conn, programme, lens.preset, at, state)
    return Seen(seq, at["ordinal"], at["product_id"], state, at["probability"].astype(np.float32))


def _under(
    conn: sa.Connection, programme: Programme, preset: str, at: dict[str, NDArray[Any]], state: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    facilities = columns.read(conn.execute(SQL["facilities"], {"programme_id": programme.id}).one(), _FLOATS)
    lead, interval, supplies = (
        facilities[name][at["ordinal"]] for name in ("lead_time_days", "delivery_interval_days", "supplies")
    )
    low, high = policy.bands_of(preset, at["amc"], lead, interval, supplies=supplies > 0)
    return risk.under_bands(state, at["usable"].astype(np.float64), low, high, at["expiring"])
