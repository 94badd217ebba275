"""What follows from the stock on record? Reads positions, asks data.insight, writes state, probability and cover.

One position after an event (here) and a nation at midnight (data.nation) are judged by the same code; only the demand
is worked out beforehand, from full months, and kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from data import columns, queries
from data.columns import Floats, Ints
from data.insight import demand, expiry, policy, risk
from data.programmes import Programme
from data.record import rules
from data.types import WORST, State

SQL = queries.read(Path(__file__).parent / "sql" / "assess.sql")

#: A report counts as missing only this many days after its interval.
GRACE_DAYS = 15
#: Probabilities are kept to so many decimals: a far smaller chance is nobody's, and need not be written every night.
DECIMALS = 4

FLOATS = frozenset({"amc", "dispersion", "uncertainty", "probability", "tracer_probability", "tracer_was_probability"})


@dataclass(frozen=True, slots=True)
class Transition:
    """A facility's state for a product seat (0: the worst of its tracers), before and after.

    `recoloured` says that a map which shows state or decile shows it differently now.
    """

    facility_id: int
    ordinal: int
    product_seat: int
    old: int
    new: int
    decile: int
    recoloured: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What was assessed of n positions; `due` are days until the planned delivery, NaN where there is none."""

    usable: Ints
    state: NDArray[np.uint8]
    probability: NDArray[np.float32]
    cover_p10: NDArray[np.float32]
    cover_p50: NDArray[np.float32]
    cover_p90: NDArray[np.float32]
    due: Floats


def touched(
    conn: sa.Connection, programme: Programme, touched_pairs: Sequence[tuple[int, int]], today: date
) -> list[Transition]:
    """Assess the positions (facility, product) that events touched, and the worst of their facilities; returns all.

    The caller holds the positions until its commit.
    """
    if not touched_pairs:
        return []
    facility_ids, product_ids = np.array(touched_pairs, dtype=np.int64).T
    order = np.lexsort((product_ids, facility_ids))
    facility_ids, product_ids = facility_ids[order], product_ids[order]
    asked = {
        "facility_ids": columns.ints(facility_ids),
        "product_ids": columns.ints(product_ids),
        "today": today,
        "timezone": programme.timezone,
        "last_usable_stage": rules.LAST_USABLE_STAGE,
    }
    i = columns.read(conn.execute(SQL["touched"], asked).one(), FLOATS)
    found = answer(programme, i, i["lot_place"], i["lot_doses"], columns.nullable(i["lot_days_left"]))

    # The other tracers of these facilities stay as they are.
    state, probability = i["tracer_state"], i["tracer_probability"]
    asked_keys, keys = key(facility_ids, product_ids), key(i["tracer_facility_id"], i["tracer_product_id"])
    place = np.minimum(np.searchsorted(asked_keys, keys), asked_keys.size - 1)
    again = asked_keys[place] == keys
    state[again], probability[again] = found.state[place[again]], found.probability[place[again]]
    facilities, first, row = np.unique(i["tracer_facility_id"], return_index=True, return_inverse=True)
    worst = worst_of(row, i["tracer_product_id"], state, probability)
    store(conn, programme, today, facility_ids, product_ids, i["version"], found, facilities, *worst)
    return [
        *transitions(
            facility_ids, i["ordinal"], i["seat"], i["state"], i["probability"], found.state, found.probability
        ),
        *transitions(
            facilities, i["tracer_ordinal"][first], np.full(facilities.size, WORST),
            i["tracer_was"][first], i["tracer_was_probability"][first], *worst,
        ),
    ]  # fmt: skip


def answer(
    programme: Programme, i: dict[str, NDArray[Any]], lot_place: Ints, lot_doses: Ints, lot_days_left: Floats
) -> Answer:
    """Judge positions by what was read of them; their usable lots in the order of place and expiry."""
    need = demand.plain(i["amc"], dispersion=i["dispersion"], uncertainty=i["uncertainty"])
    usable = np.bincount(lot_place, lot_doses, minlength=i["amc"].size)
    due = columns.nullable(i["received_day"]) + i["delivery_interval_days"]
    preset = policy.held(i["preset"], programme.preset, supplies=i["supplies"] > 0)
    low, high = policy.bands_of(preset, need.amc, i["lead_time_days"], i["delivery_interval_days"])
    found = risk.assess(
        risk.Positions(
            usable=usable,
            doses_per_vial=i["doses_per_vial"],
            demand=need,
            days_to_next_delivery=due,
            days_since_report=-columns.nullable(i["event_day"]),
            minimum=low,
            maximum=high,
            delivery_interval_days=i["delivery_interval_days"],
            report_interval_days=i["report_interval_days"],
            grace_days=GRACE_DAYS,
            expiring=expiry.expiring(lot_place, lot_doses, lot_days_left, need.daily_mean),
        )
    )
    return Answer(
        usable.astype(np.int64), found.state, np.round(found.probability, DECIMALS),
        found.cover_p10, found.cover_p50, found.cover_p90, due,
    )  # fmt: skip


def key(facility_ids: Ints, product_ids: Ints) -> Ints:
    """One number for each position, in the ledger's order."""
    return facility_ids << 32 | product_ids


def worst_of(
    row: NDArray[np.intp], product_ids: Ints, state: NDArray[Any], probability: NDArray[Any]
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """State and probability of each facility by those of its tracers; `row` numbers the facilities from 0."""
    products, column = np.unique(product_ids, return_inverse=True)
    shape = (int(row.max(initial=-1)) + 1, products.size)
    states, held = np.zeros(shape, dtype=np.uint8), np.zeros(shape, dtype=bool)
    probabilities = np.full(shape, np.nan, dtype=np.float32)
    states[row, column], held[row, column], probabilities[row, column] = state, True, probability
    return risk.worst(states, probabilities, held)


def store(
    conn: sa.Connection,
    programme: Programme,
    today: date,
    facility_ids: Ints,
    product_ids: Ints,
    version: Ints,
    found: Answer,
    facilities: Ints,
    worst_state: NDArray[np.uint8],
    worst_probability: NDArray[np.float32],
) -> None:
    """Write the answers for positions at this version of each, and the worst of facilities."""
    conn.execute(
        SQL["store"],
        {
            "today": today,
            "timezone": programme.timezone,
            "facility_ids": columns.ints(facility_ids),
            "product_ids": columns.ints(product_ids),
            "versions": columns.ints(version),
            "usable": columns.ints(found.usable),
            "states": columns.ints(found.state),
            "probabilities": columns.floats(found.probability),
            "cover_p10": columns.floats(found.cover_p10),
            "cover_p50": columns.floats(found.cover_p50),
            "cover_p90": columns.floats(found.cover_p90),
            "due": columns.whole(found.due),
            "status_facility_ids": columns.ints(facilities),
            "status_states": columns.ints(worst_state),
            "status_probabilities": columns.floats(worst_probability),
            "null": columns.NULL,
            "stockout": int(State.STOCKOUT),
            "no_report": int(State.NO_REPORT),
        },
    )


def transitions(
    facility_ids: Ints,
    ordinals: Ints,
    seats: Ints,
    old: Ints,
    old_probability: Floats,
    new: NDArray[np.uint8],
    probability: NDArray[np.float32],
) -> list[Transition]:
    """One transition for each row."""
    decile = risk.decile(probability)
    recoloured = (old != new) | (decile != risk.decile(old_probability))
    values = (facility_ids, ordinals, seats, old, new, decile, recoloured)
    return [Transition(*row) for row in zip(*(v.tolist() for v in values), strict=True)]
