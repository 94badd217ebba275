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
from data.insight import ahead, delay, demand, expiry, policy, risk, shift
from data.programmes import Programme
from data.record import rules
from data.types import WORST, State

SQL = queries.read(Path(__file__).parent / "sql" / "assess.sql")

#: A report counts as missing only this many days after its interval.
GRACE_DAYS = 15
#: Probabilities are kept in whole percent, days of cover to a tenth, doses and children whole: nobody decides by less,
#: and what stays the same need not be written every night.
DECIMALS = 2
#: What was sent and has not arrived after so many days beyond its time on the way is on its way no more.
GIVEN_UP_DAYS = 60

FLOATS = frozenset({
    "amc", "dispersion", "uncertainty", "probability", "tracer_probability", "tracer_was_probability",
    "on_time", "days_late", "doses_per_child", "learned_shift",
})  # fmt: skip


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
    """What was assessed of n positions, as it is stored; `due` are days until the next delivery, NaN for none.

    `within` [n, 5] goes by `ahead.HORIZONS`; `short` and `missed` are of the next 30 days; `expiring` as in
    data.insight.expiry. `coming` doses are expected in `coming_due` days.
    """

    usable: Ints
    state: NDArray[np.uint8]
    probability: NDArray[np.float32]
    cover_p10: NDArray[np.float32]
    cover_p50: NDArray[np.float32]
    cover_p90: NDArray[np.float32]
    due: Floats
    within: NDArray[np.float32]
    short: NDArray[np.float32]
    missed: NDArray[np.float32]
    expiring: Floats
    coming: Ints
    coming_due: Floats


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
    i = read(conn, programme, facility_ids, product_ids, today)
    lots = i["lot_place"], i["lot_doses"], columns.nullable(i["lot_days_left"])
    found = answer(programme, i, *lots, programme.assessed_on or today)

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


def read(
    conn: sa.Connection, programme: Programme, facility_ids: Ints, product_ids: Ints, today: date
) -> dict[str, NDArray[Any]]:
    """What the assessment needs of single positions, in their order; see the statement."""
    asked = {
        "facility_ids": columns.ints(facility_ids),
        "product_ids": columns.ints(product_ids),
        "today": today,
        "timezone": programme.timezone,
        "last_usable_stage": rules.LAST_USABLE_STAGE,
        "given_up_days": GIVEN_UP_DAYS,
    }
    return columns.read(conn.execute(SQL["touched"], asked).one(), FLOATS)


def answer(
    programme: Programme, i: dict[str, NDArray[Any]], lot_place: Ints, lot_doses: Ints, lot_days_left: Floats, day: date
) -> Answer:
    """Judge positions by what was read of them; their usable lots in the order of place and expiry.

    `day` is the one for which the programme stands: what was learnt counts for less as its month goes by.
    """
    known = positions(programme, i, lot_place, lot_doses, lot_days_left, day)
    found = risk.assess(known, lateness(i["on_time"], i["days_late"]))
    short = found.short[:, ahead.MONTH]
    p10, p50, p90 = (np.round(days, 1) for days in (found.cover_p10, found.cover_p50, found.cover_p90))
    return Answer(
        np.asarray(known.usable).astype(np.int64),
        found.state,
        np.round(found.probability, DECIMALS),
        p10,
        p50,
        p90,
        np.asarray(known.days_to_next_delivery),
        np.round(found.within, DECIMALS),
        np.round(short),
        np.round(short / i["doses_per_child"].astype(np.float32)),
        np.round(np.asarray(known.expiring)),
        i["coming"],
        columns.nullable(i["coming_day"]),
    )


def positions(
    programme: Programme, i: dict[str, NDArray[Any]], lot_place: Ints, lot_doses: Ints, lot_days_left: Floats, day: date
) -> risk.Positions:
    """What was read of positions, as data.insight.risk wants it."""
    need = demand.plain(i["amc"], dispersion=i["dispersion"], uncertainty=i["uncertainty"])
    preset = policy.held(i["preset"], programme.preset, supplies=i["supplies"] > 0)
    low, high = policy.bands_of(preset, need.amc, i["lead_time_days"], i["delivery_interval_days"])
    return risk.Positions(
        usable=np.bincount(lot_place, lot_doses, minlength=i["amc"].size),
        doses_per_vial=i["doses_per_vial"],
        demand=need,
        # What is known to be on the way is the next delivery; otherwise it is due an interval after the last one.
        days_to_next_delivery=np.where(i["coming"] > 0, columns.nullable(i["coming_day"]), planned(i)),
        days_since_report=-columns.nullable(i["event_day"]),
        minimum=low,
        maximum=high,
        delivery_interval_days=i["delivery_interval_days"],
        report_interval_days=i["report_interval_days"],
        grace_days=GRACE_DAYS,
        expiring=expiry.expiring(lot_place, lot_doses, lot_days_left, need.daily_mean),
        coming=i["coming"],
        lots=expiry.lots(lot_place, lot_doses, lot_days_left),
        shift=i["learned_shift"],
        shift_weight=shift.weight(day.day - 1),
    )


def counted(
    programme: Programme, i: dict[str, NDArray[Any]], lot_place: Ints, lot_doses: Ints, lot_days_left: Floats, day: date
) -> Floats:
    """P(running out within 30 days) by the count model alone, as it comes; NaN for who is out, silent or inactive."""
    alone = i | {"learned_shift": np.full(i["amc"].size, np.nan)}
    known = positions(programme, alone, lot_place, lot_doses, lot_days_left, day)
    found = risk.assess(known, lateness(i["on_time"], i["days_late"]))
    return np.where(found.state == State.STOCKOUT, np.nan, found.within[:, ahead.MONTH].astype(np.float64))


def planned(i: dict[str, NDArray[Any]]) -> Floats:
    """Days until an interval after the last delivery; NaN where there was none."""
    return np.asarray(columns.nullable(i["received_day"]) + i["delivery_interval_days"])


def lateness(on_time: Floats, days_late: Floats) -> delay.Delay:
    """The delays that were learnt; what is assumed of all where nothing was."""
    return delay.Delay(
        np.where(np.isnan(on_time), delay.ON_TIME, on_time), np.where(np.isnan(days_late), delay.DAYS_LATE, days_late)
    )


def key(facility_ids: Ints, product_ids: Ints) -> Ints:
    """One number for each position, in the ledger's order."""
    return facility_ids << 32 | product_ids


def find(keys: Ints, facility_ids: Ints, product_ids: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    """Where these positions are among sorted keys, and which of them are there at all."""
    wanted = key(facility_ids, product_ids)
    if not keys.size:
        return np.zeros(wanted.size, dtype=np.int64), np.zeros(wanted.size, dtype=bool)
    place = np.minimum(np.searchsorted(keys, wanted), keys.size - 1)
    return place, keys[place] == wanted


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
            **{f"within_{days}": columns.floats(found.within[:, k]) for k, days in enumerate(ahead.HORIZONS)},
            "short": columns.floats(found.short),
            "missed": columns.floats(found.missed),
            "expiring": columns.floats(found.expiring),
            "coming": columns.ints(found.coming),
            "coming_due": columns.whole(found.coming_due),
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
