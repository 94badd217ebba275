"""Which reported values are doubted, and what did a person say of them? Flags kept, listed and judged.

A flag that nobody judged goes when its reason goes; one that somebody judged stays, and his word holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from data import columns, errors, monthly, queries
from data.columns import Floats, Ints
from data.insight import quality
from data.insight.history import WINDOW_MONTHS
from data.insight.quality import KINDS, RULES, Flags
from data.monthly import Span
from data.programmes import Programme

SQL = queries.read(Path(__file__).parent / "sql" / "doubts.sql")

#: So many facilities are looked at together when a whole history is.
_CHUNK = 2_000

VERDICTS = ("seen", "right", "wrong")
SEVERITIES = ("high", "medium", "low")

_NOT_AMOUNTS = frozenset({"days_out"})


class UnknownFlag(errors.DataError):
    """There is no flag {value} in this programme."""


class InvalidVerdict(errors.DataError):
    """This is no verdict on a flag: {reason}."""


@dataclass(frozen=True, slots=True)
class Flag:
    """One doubted value, for a person; `weight` is what it counts in demand, its verdict included."""

    id: int
    month: date
    kind: str
    severity: str
    words: str
    weight: float
    verdict: str | None
    note: str | None
    judged_at: datetime | None
    judged_by: str | None
    facility: str
    facility_name: str
    area_name: str
    product: str
    product_name: str
    facility_id: int
    lineage: list[int]


@dataclass(frozen=True, slots=True)
class Lines:
    """Positions by row: ids, numbers of facility and product within the lines, doses of a vial, unit of the product."""

    facility_id: Ints
    product_id: Ints
    facility: NDArray[np.intp]
    product: NDArray[np.intp]
    vial: Floats
    unit: Sequence[str]


def find(grids: dict[str, Floats], lines: Lines, campaign: NDArray[np.bool_] | None) -> Flags:
    """What is doubted of these lines; `grids` by the names of `monthly.AMOUNTS`."""
    return quality.find(
        quality.Reports(
            **{name: grids[name] for name in monthly.AMOUNTS if name not in _NOT_AMOUNTS},
            facility=lines.facility,
            product=lines.product,
            vial=lines.vial,
            campaign=campaign,
        )
    )


def keep(conn: sa.Connection, programme_id: int, span: Span, lines: Lines, flags: Flags) -> None:
    """Keep what was found in these months of the lines' facilities, and let go what was not found again."""
    if not lines.facility_id.size:
        return
    kinds = [KINDS[kind] for kind in flags.kind.tolist()]
    asked: dict[str, Any] = {
        "programme_id": programme_id,
        "first": int(lines.facility_id.min()),
        "last": int(lines.facility_id.max()),
        "since": span.first,
        "until": span.end,
        "facility_ids": columns.ints(lines.facility_id[flags.row]),
        "product_ids": columns.ints(lines.product_id[flags.row]),
        "months": [monthly.first_day(span.since + column) for column in flags.column.tolist()],
        "kinds": [kind.value for kind in kinds],
        "severities": [RULES[kind].severity for kind in kinds],
        "weights": columns.floats([RULES[kind].weight for kind in kinds]),
        "words": [
            quality.words(kind, reported, expected, lines.unit[row])
            for kind, reported, expected, row in zip(
                kinds, flags.reported.tolist(), flags.expected.tolist(), flags.row.tolist(), strict=True
            )
        ],
    }
    conn.execute(SQL["drop_gone"], asked)
    if kinds:
        conn.execute(SQL["keep"], asked)


def weights(
    conn: sa.Connection, programme_id: int, span: Span, lines: Lines, flags: Flags
) -> NDArray[np.float32] | None:
    """How much each month counts, a person's word before the rule's; None where everything counts in full."""
    shape = (lines.facility_id.size, span.until - span.since)
    said = conn.execute(SQL["judged"], {
        "programme_id": programme_id, "since": span.first, "until": span.end,
        "first": int(lines.facility_id.min(initial=0)), "last": int(lines.facility_id.max(initial=0)),
    }).all()  # fmt: skip
    if not flags.row.size and not said:
        return None
    right = {(r.facility_id, r.product_id, r.month, r.kind) for r in said if r.verdict == "right"}
    counts = flags
    if right:
        months = [monthly.first_day(span.since + c) for c in range(shape[1])]
        stands = np.array(
            [
                (int(lines.facility_id[r]), int(lines.product_id[r]), months[c], KINDS[k].value) not in right
                for r, c, k in zip(flags.row.tolist(), flags.column.tolist(), flags.kind.tolist(), strict=True)
            ],
            dtype=bool,
        )
        counts = _some(flags, stands)
    weight = quality.weights(counts, shape)
    wrong = [r for r in said if r.verdict == "wrong"]
    for r in wrong:
        at = (lines.facility_id == r.facility_id) & (lines.product_id == r.product_id)
        weight[at, monthly.number(r.month) - span.since] = 0.0
    return weight


def find_earlier(conn: sa.Connection, programme: Programme, today: date) -> int:
    """Look at the months before those that demand is worked out from; returns how many flags there are then.

    The later ones are looked at whenever demand is worked out (`data.need`).
    """
    begins = monthly.earliest(conn, programme.id)
    if begins is not None and monthly.number(begins) < monthly.number(today) - WINDOW_MONTHS:
        span = Span(monthly.number(begins), monthly.number(today))
        ids = np.array(conn.execute(SQL["facilities"], {"programme_id": programme.id}).scalars().all(), dtype=np.int64)
        about = {r.id: r for r in conn.execute(SQL["products"], {"programme_id": programme.id})}
        held = conn.execute(SQL["campaigns"], {"programme_id": programme.id}).all()
        for start in range(0, ids.size, _CHUNK):
            part = ids[start : start + _CHUNK]
            _find_in(conn, programme.id, span, int(part[0]), int(part[-1]), about, held)
    return count(conn, programme.id)


def _find_in(
    conn: sa.Connection, programme_id: int, span: Span, first: int, last: int, about: dict[int, Any],
    held: Sequence[Any],
) -> None:  # fmt: skip
    rows = monthly.reports(conn, programme_id, span, first=first, last=last)
    if not rows.facility_id.size:
        return
    keys, row = np.unique(rows.facility_id << 32 | rows.product_id, return_inverse=True)
    facility_id, product_id = keys >> 32, keys & 0xFFFFFFFF
    lines = Lines(
        facility_id, product_id,
        np.unique(facility_id, return_inverse=True)[1].astype(np.intp),
        np.unique(product_id, return_inverse=True)[1].astype(np.intp),
        np.array([about[p].doses_per_vial for p in product_id.tolist()], dtype=np.float64),
        [about[p].unit for p in product_id.tolist()],
    )  # fmt: skip
    known = np.ones(row.size, dtype=bool)
    shape = (keys.size, span.until - span.since)
    grids = {name: rows.grid(name, row, known, shape) for name in monthly.AMOUNTS}
    flags = find(grids, lines, campaigns(held, span, facility_id, product_id))
    earlier = Span(span.since, span.until - WINDOW_MONTHS)
    keep(conn, programme_id, earlier, lines, _some(flags, flags.column < earlier.until - earlier.since))


def _some(flags: Flags, which: NDArray[np.bool_]) -> Flags:
    return Flags(*(getattr(flags, name)[which] for name in Flags.__slots__))


def campaigns(held: Sequence[Any], span: Span, facility_ids: Ints, product_ids: Ints) -> NDArray[np.bool_] | None:
    """Which months of each position a campaign was held in; `held` are rows of the statement `campaigns`."""
    mask = np.zeros((facility_ids.size, span.until - span.since), dtype=bool)
    for campaign in held:
        there = np.frombuffer(campaign.facility_ids or b"", dtype=">i4").astype(np.int64)
        rows = np.flatnonzero((product_ids == campaign.product_id) & np.isin(facility_ids, there))
        first = max(monthly.number(campaign.first_day), span.since)
        mask[rows, first - span.since : max(monthly.number(campaign.last_day) + 1 - span.since, 0)] = True
    return mask if mask.any() else None


def listed(
    conn: sa.Connection, programme_id: int, *, area_id: int | None = None, facility: str | None = None,
    product: str | None = None, judged: bool = False, skip: int = 0, limit: int = 50,
) -> list[Flag]:  # fmt: skip
    """A page of the flags, the newest month first; those that somebody has judged only where `judged` asks for them."""
    asked = {
        "programme_id": programme_id, "area_id": area_id, "facility": facility, "product": product, "judged": judged,
    }  # fmt: skip
    return [Flag(**r._asdict()) for r in conn.execute(SQL["listed"], asked | {"skip": skip, "limit": limit})]


def count(
    conn: sa.Connection, programme_id: int, *, area_id: int | None = None, facility: str | None = None,
    judged: bool = False,
) -> int:  # fmt: skip
    """How many flags there are."""
    asked = {"programme_id": programme_id, "area_id": area_id, "facility": facility, "judged": judged}
    return int(conn.execute(SQL["count"], asked).scalar_one())


def areas(conn: sa.Connection, programme_id: int) -> list[tuple[str, str]]:
    """Code and name of the first-level areas, by which the list is filtered."""
    return [(r.code, r.name) for r in conn.execute(SQL["areas"], {"programme_id": programme_id})]


@dataclass(frozen=True, slots=True)
class Place:
    """The facility of a flag, as rights ask for it."""

    facility_id: int
    name: str
    lineage: tuple[int, ...]


def place(conn: sa.Connection, programme_id: int, flag_id: int) -> Place:
    """Where a flag is; raises `UnknownFlag`."""
    row = conn.execute(SQL["place"], {"programme_id": programme_id, "id": flag_id}).one_or_none()
    if row is None:
        raise UnknownFlag("flag", "List them with GET /api/v1/<programme>/flags.", value=flag_id)
    return Place(row.facility_id, row.name, tuple(row.lineage))


def judge(
    conn: sa.Connection, programme_id: int, flag_id: int, verdict: str, note: str | None, actor: int, now: datetime
) -> None:
    """Keep what a person says of a flag; demand is worked out anew with the next refresh.

    "seen": known, the doubt stands. "right": the value is right after all and counts in full. "wrong": it counts for
    nothing. The value itself is never changed. Raises `InvalidVerdict` and `UnknownFlag`.
    """
    if verdict not in VERDICTS:
        raise InvalidVerdict("verdict", f"Send one of: {', '.join(VERDICTS)}.", reason="the verdict is none of ours")
    if verdict == "right" and not (note or "").strip():
        raise InvalidVerdict("note", "Say what happened.", reason="a value that is right after all needs its reason")
    asked = {"programme_id": programme_id, "id": flag_id, "verdict": verdict, "note": note, "actor": actor, "now": now}
    if not conn.execute(SQL["judge"], asked).rowcount:
        raise UnknownFlag("flag", "List them with GET /api/v1/<programme>/flags.", value=flag_id)
    conn.execute(SQL["remember"], {"programme_id": programme_id})
