"""What does a new day change? Every position of a programme judged anew, and only what differs written.

Numbers are read as columns, judged at once by the code that judges one position (data.assess), and compared with what
is stored: on most days most of it stays. Demand comes from full months and is worked out when one of them has changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from data import assess, columns, days_out, foretold, monthly, need, queries, seasons
from data.assess import Answer, Transition
from data.columns import NULL, Floats, Ints
from data.insight import ahead, delay
from data.programmes import Programme
from data.record import rules
from data.types import WORST, State

SQL = queries.read(Path(__file__).parent / "sql" / "nation.sql")

#: So many facilities are worked on at a time: memory stays flat for any nation.
_CHUNK = 6_000
#: Receipts of so many days say how late deliveries come; what is overdue counts for at most so many days.
_DELIVERIES_DAYS, _MOST_OVERDUE_DAYS = 365, 30
_OF_CHILDREN = ("need", "doses_per_child")
#: What the answer is compared with, besides the state.
_SHOWN = ("probability", "cover_p10", "cover_p50", "cover_p90", "short", "missed", "expiring")
_FLOATS = assess.FLOATS | {*_SHOWN, "was_probability"}


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh did: the first month that it closed, if any, and the positions and facilities that it changed.

    `pairs` are the positions (facility, product) whose state is another one. `trouble` says why a learned model that is
    there may not be asked.
    """

    closed: date | None
    transitions: list[Transition]
    pairs: list[tuple[int, int]]
    trouble: str


@dataclass(slots=True)
class _Nation:
    """What is known of all positions of a programme, sorted as the ledger sorts them, and of their facilities.

    `facility` and `product` are the places of a position's facility and product in `facilities` and `products`.
    """

    key: Ints
    facility: NDArray[np.intp]
    product: NDArray[np.intp]
    stored: dict[str, NDArray[Any]]
    facilities: dict[str, NDArray[Any]]
    products: dict[str, NDArray[Any]]


def refresh(conn: sa.Connection, programme: Programme, today: date, *, demand: bool = True) -> Refreshed:
    """Work out the risk of a whole programme for a local day.

    Without `demand`, that of positions is worked out only where a month has ended, one that was over has changed since,
    or a position has none yet; and a learned model is asked only where a month has ended, or another model is there.
    """
    conn.execute(SQL["plan_each"])
    closed = _close_months(conn, programme, today)
    marked = bool(conn.execute(SQL["months_changed"], {"programme_id": programme.id}).scalar_one())
    nation = _read(conn, programme, today)
    if demand or marked or closed is not None or np.isnan(nation.stored["dispersion"]).any():
        need.refresh(conn, programme, nation, list(_chunks(nation)), today)
    if closed is not None or np.isnan(nation.facilities["on_time"]).any():
        _learn_delays(conn, programme, nation, today)
    if closed is not None:
        seasons.learn(conn, programme, today)
    told = foretold.in_force(programme.code, monthly.number(today) - 1)
    if told.name != programme.model or (told.model is not None and (demand or closed is not None)):
        _foretell(conn, programme, nation, today, told)
    transitions: list[Transition] = []
    pairs: list[tuple[int, int]] = []
    for rows in _chunks(nation):
        changed, moved = _refresh_rows(conn, programme, nation, rows, today)
        transitions += changed
        pairs += moved
    conn.execute(SQL["store_day"], {"programme_id": programme.id, "today": today, "known": marked})
    return Refreshed(closed, transitions, pairs, told.trouble)


def mark(conn: sa.Connection, programme_id: int) -> None:
    """Remember that a month which is over was changed: demand is worked out with the next day."""
    conn.execute(SQL["mark"], {"programme_id": programme_id})


def _close_months(conn: sa.Connection, programme: Programme, today: date) -> date | None:
    """Keep how the months ended that are over since the last assessment; returns the first of them."""
    if programme.assessed_on is None:
        return None
    number, running = (d.year * 12 + d.month - 1 for d in (programme.assessed_on, today))
    if number < running:
        # Whoever records holds a position before its months: the other way round each would wait for the other.
        conn.execute(SQL["hold_all"], {"programme_id": programme.id})
    for month in range(number, running):
        first, following = _month(month), _month(month + 1)
        asked = {
            "programme_id": programme.id,
            "month": first,
            "ends": programme.midnight(following),
            "no_report": int(State.NO_REPORT),
        }
        conn.execute(SQL["close_month"], asked)
        days_out.fold(conn, programme, first, following)
    return _month(number) if number < running else None


def _month(number: int) -> date:
    return date(number // 12, number % 12 + 1, 1)


def _read(conn: sa.Connection, programme: Programme, today: date) -> _Nation:
    asked = {"programme_id": programme.id, "today": today, "timezone": programme.timezone}
    facilities = columns.read(conn.execute(SQL["facilities"], asked).one(), _FLOATS)
    rows = conn.execute(SQL["products"], asked).all()
    products = {
        name: np.array([row._mapping[name] for row in rows], dtype=np.float64 if name in _OF_CHILDREN else np.int64)
        for name in ("id", "seat", "doses_per_vial", "tracer", *_OF_CHILDREN)
    }
    row = conn.execute(SQL["positions"], asked).one()
    within = columns.arrays(row.within, len(ahead.HORIZONS))
    stored = columns.read(row, _FLOATS) | {"within": within}
    key = assess.key(stored["facility_id"], stored["product_id"])
    order = np.argsort(key)
    stored = {name: values[order] for name, values in stored.items()}
    key = key[order]
    stored |= _coming(conn, asked, key)
    return _Nation(
        key=key,
        facility=np.searchsorted(facilities["id"], stored["facility_id"]),
        product=np.searchsorted(products["id"], stored["product_id"]),
        stored=stored,
        facilities=facilities,
        products=products,
    )


def _coming(conn: sa.Connection, asked: dict[str, Any], keys: Ints) -> dict[str, Ints]:
    """What is on the way to each position, and in how many days it is expected."""
    told = columns.read(conn.execute(SQL["coming"], asked | {"given_up_days": assess.GIVEN_UP_DAYS}).one(), _FLOATS)
    doses, day = np.zeros(keys.size, dtype=np.int64), np.full(keys.size, NULL)
    place, known = assess.find(keys, told["facility_id"], told["product_id"])
    doses[place[known]], day[place[known]] = told["doses"][known], told["day"][known]
    return {"coming": doses, "coming_day": day}


def _learn_delays(conn: sa.Connection, programme: Programme, nation: _Nation, today: date) -> None:
    """How late deliveries come to each facility, from the receipts of the last year."""
    at = nation.facilities
    asked = {
        "programme_id": programme.id,
        "timezone": programme.timezone,
        "today": today,
        "starts": programme.midnight(today - timedelta(days=_DELIVERIES_DAYS)),
        "ends": programme.midnight(today + timedelta(days=1)),
        "tolerance": delay.TOLERANCE_DAYS,
        "most_overdue": _MOST_OVERDUE_DAYS,
        "no_report": int(State.NO_REPORT),
    }
    told = columns.read(conn.execute(SQL["deliveries"], asked).one(), _FLOATS)
    supplier = np.unique(at["supplier_id"], return_inverse=True)[1]
    on_time, days_late = delay.learn(told["came"], told["late"], told["days"], [at["tier"], supplier])
    # As PostgreSQL will have it: what is judged now and after an event must be the same number.
    at["on_time"], at["days_late"] = (v.astype(np.float32).astype(np.float64) for v in (on_time, days_late))
    named = {"facility_id": "facility_id", "came": "deliveries", "late": "late", "days": "days_late"}
    conn.execute(
        SQL["store_delays"],
        {name: columns.ints(told[column]) for column, name in named.items()}
        | {"on_time": columns.floats(on_time), "mean_days_late": columns.floats(days_late)},
    )


def _foretell(conn: sa.Connection, programme: Programme, nation: _Nation, today: date, told: foretold.InForce) -> None:
    """Ask the learned model, and lay what it says on what was counted as the last month ended."""

    def counted() -> Floats:
        # Only of where nothing has happened since, and of the day itself.
        found = np.full(nation.key.size, np.nan)
        for rows in _chunks(nation) if today.day == 1 else ():
            i = _known(nation, rows)
            now = assess.counted(programme, i, *_lots(conn, programme, nation, rows, today), today)
            found[rows] = np.where(i["event_day"] < 0, now, np.nan)
        return found

    stored = nation.stored
    stored["learned_shift"] = foretold.refresh(
        conn, programme, nation.key, stored["learned_shift"], today, told, counted
    )


def _chunks(nation: _Nation) -> Iterator[slice]:
    """Slices of positions that each hold whole facilities."""
    last = int(nation.facility[-1]) + 1 if nation.key.size else 0
    bounds = np.searchsorted(nation.facility, [*range(0, last, _CHUNK), last])
    for first, past in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        if first < past:
            yield slice(first, past)


def _range(nation: _Nation, rows: slice) -> dict[str, int]:
    ids = nation.stored["facility_id"]
    return {"first": int(ids[rows.start]), "last": int(ids[rows.stop - 1])}


def _refresh_rows(
    conn: sa.Connection, programme: Programme, nation: _Nation, rows: slice, today: date
) -> tuple[list[Transition], list[tuple[int, int]]]:
    """Judge a slice of positions and the worst of their facilities; write what differs, and answer what it shows."""
    i, found = _judged(conn, programme, nation, rows, today)
    stored, facility, product = i, nation.facility[rows], nation.product[rows]
    which = np.flatnonzero(_differing(i, found))
    asked = {name: columns.ints(stored[name][which]) for name in ("facility_id", "product_id", "version")}
    overtaken = columns.read(conn.execute(SQL["hold"], asked).one(), _FLOATS)["place"]
    # An event came in between: its own assessment follows, until then the old one stands.
    state, probability = found.state.copy(), found.probability.copy()
    state[which[overtaken]] = stored["state"][which[overtaken]]
    probability[which[overtaken]] = stored["probability"][which[overtaken]]

    tracer = nation.products["tracer"][product] > 0
    places, row = np.unique(facility[tracer], return_inverse=True)
    worst = assess.worst_of(row, product[tracer], state[tracer], probability[tracer])
    was, was_probability = (nation.facilities[name][places] for name in ("was", "was_probability"))
    changed = np.flatnonzero((was != worst[0]) | need.differing(was_probability, worst[1]))
    part = Answer(*(getattr(found, name)[which] for name in Answer.__slots__))
    assess.store(
        conn, programme, today, stored["facility_id"][which], stored["product_id"][which], stored["version"][which],
        part, nation.facilities["id"][places[changed]], worst[0][changed], worst[1][changed],
    )  # fmt: skip
    moved = np.flatnonzero(stored["state"] != state)
    shown = np.flatnonzero(was != worst[0])
    ids, ordinals = nation.facilities["id"][places[shown]], nation.facilities["ordinal"][places[shown]]
    listed = [
        *assess.transitions(
            stored["facility_id"][moved], i["ordinal"][moved], i["seat"][moved],
            stored["state"][moved], stored["probability"][moved], state[moved], probability[moved],
        ),
        *assess.transitions(
            ids, ordinals, np.full(shown.size, WORST), np.where(was[shown] == NULL, State.NO_REPORT, was[shown]),
            was_probability[shown], worst[0][shown], worst[1][shown],
        ),
    ]  # fmt: skip
    return listed, list(zip(stored["facility_id"][moved].tolist(), stored["product_id"][moved].tolist(), strict=True))


def _judged(
    conn: sa.Connection, programme: Programme, nation: _Nation, rows: slice, today: date
) -> tuple[dict[str, NDArray[Any]], Answer]:
    """What is stored of a slice of positions, with what it is judged by; and the answer."""
    i = _known(nation, rows)
    return i, assess.answer(programme, i, *_lots(conn, programme, nation, rows, today), today)


def _known(nation: _Nation, rows: slice) -> dict[str, NDArray[Any]]:
    facility, product = nation.facility[rows], nation.product[rows]
    of_facility = (
        "delivery_interval_days", "lead_time_days", "report_interval_days", "supplies", "ordinal", "on_time",
        "days_late",
    )  # fmt: skip
    return (
        {name: values[rows] for name, values in nation.stored.items()}
        | {name: nation.facilities[name][facility] for name in of_facility}
        | {name: nation.products[name][product] for name in ("seat", "doses_per_vial", "doses_per_child")}
    )


def _differing(stored: dict[str, NDArray[Any]], found: Answer) -> NDArray[np.bool_]:
    """Which of some positions are stored otherwise than they were judged."""
    differs = (stored["usable"] != found.usable) | (stored["state"] != found.state)
    differs |= need.differing(columns.nullable(stored["due"]), found.due)
    differs |= (stored["was_coming"] != found.coming) | (stored["was_coming_day"] != stored["coming_day"])
    differs |= need.differing(stored["within"], found.within).any(axis=1)
    for name in _SHOWN:
        differs |= need.differing(stored[name], getattr(found, name))
    return np.asarray(differs)


def _lots(
    conn: sa.Connection, programme: Programme, nation: _Nation, rows: slice, today: date
) -> tuple[Ints, Ints, Floats]:
    """The usable lots of a slice of positions: place in it, doses and days left, sorted by place and expiry."""
    asked = {"programme_id": programme.id, "today": today, "last_usable_stage": rules.LAST_USABLE_STAGE}
    lots = columns.read(conn.execute(SQL["lots"], asked | _range(nation, rows)).one(), _FLOATS)
    place, known = assess.find(nation.key[rows], lots["facility_id"], lots["product_id"])
    # Null is the least of integers and has to come last.
    last = np.where(lots["days_left"] == NULL, 2**31, lots["days_left"])
    order = np.argsort((place << 32) + last)
    order = order[known[order]]
    return place[order], lots["doses"][order], columns.nullable(lots["days_left"])[order]


# -- is it as it would be made now? ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Misjudged:
    """A position, or (no product) the worst of a facility, that is stored otherwise than it would be judged."""

    facility_id: int
    product_id: int | None
    stands: str
    should: str


def misjudged(conn: sa.Connection, programme: Programme, days: Sequence[date], *, demand: bool) -> Iterator[Misjudged]:
    """Positions that are stored otherwise than they would be judged on any of these local days.

    What is stored is of one day, or, just after midnight, of the next. Demand is compared where `demand` says that
    nothing waits to be worked out, and no month or place is new since it was. Writes nothing.
    """
    conn.execute(SQL["plan_each"])
    marked = bool(conn.execute(SQL["months_changed"], {"programme_id": programme.id}).scalar_one())
    nation = _read(conn, programme, days[0])
    if demand and not marked and not np.isnan(nation.stored["dispersion"]).any():
        fresh = need.worked_out(conn, programme, nation, list(_chunks(nation)), days[0])
        yield from _other_demand(nation, fresh)
    yield from _other_shift(conn, programme, nation, days[0])
    of_day = [nation, *(_read(conn, programme, day) for day in days[1:])]
    for rows in _chunks(nation):
        answers = [_judged(conn, programme, n, rows, day) for n, day in zip(of_day, days, strict=True)]
        wrong = np.logical_and.reduce([_differing(*answer) for answer in answers])
        i, found = answers[0]
        for k in np.flatnonzero(wrong).tolist():
            stands = _words({name: i[name][k] for name in _JUDGED} | {"due": columns.nullable(i["due"])[k]})
            should = _words({name: getattr(found, name)[k] for name in (*_JUDGED, "due")})
            yield Misjudged(int(i["facility_id"][k]), int(i["product_id"][k]), *_apart(stands, should))
        yield from _other_worst(nation, rows)


_JUDGED = ("usable", "state", *_SHOWN)


def _other_demand(nation: _Nation, fresh: dict[str, NDArray[Any]]) -> Iterator[Misjudged]:
    stored = nation.stored
    differs = np.logical_or.reduce([need.differing(stored[name], fresh[name]) for name in fresh])
    for k in np.flatnonzero(differs).tolist():
        said = (_words({name: of[name][k] for name in fresh}) for of in (stored, fresh))
        yield Misjudged(int(stored["facility_id"][k]), int(stored["product_id"][k]), *_apart(*said))


def _other_shift(conn: sa.Connection, programme: Programme, nation: _Nation, day: date) -> Iterator[Misjudged]:
    """Positions whose shift does not follow from what was said of them at the end of the last month."""
    stands = nation.stored["learned_shift"]
    should = np.full(stands.size, np.nan)
    if programme.model is not None:
        should = foretold.said(conn, programme, nation.key, monthly.number(day) - 1)
    for k in np.flatnonzero(need.differing(stands, should)).tolist():
        told = (_words({"learned shift": of[k]}) for of in (stands, should))
        yield Misjudged(int(nation.stored["facility_id"][k]), int(nation.stored["product_id"][k]), *_apart(*told))


def _other_worst(nation: _Nation, rows: slice) -> Iterator[Misjudged]:
    """Facilities that show something else than the worst of their tracers, as these are stored."""
    product, stored = nation.product[rows], {name: values[rows] for name, values in nation.stored.items()}
    tracer = nation.products["tracer"][product] > 0
    places, row = np.unique(nation.facility[rows][tracer], return_inverse=True)
    worst = assess.worst_of(row, product[tracer], stored["state"][tracer], stored["probability"][tracer])
    was = {name: nation.facilities[name][places] for name in ("was", "was_probability")}
    for k in np.flatnonzero((was["was"] != worst[0]) | need.differing(was["was_probability"], worst[1])).tolist():
        stands = _words({"state": was["was"][k], "probability": was["was_probability"][k]})
        should = _words({"state": worst[0][k], "probability": worst[1][k]})
        yield Misjudged(int(nation.facilities["id"][places[k]]), None, *_apart(stands, should))


def _words(values: dict[str, Any]) -> dict[str, str]:
    """Values by name as a person reads them."""
    return {
        name: "nothing" if np.isnan(value) or value == NULL
        else State(int(value)).name.lower().replace("_", " ") if name == "state"
        else f"{value:.6g}"
        for name, value in values.items()
    }  # fmt: skip


def _apart(stands: dict[str, str], should: dict[str, str]) -> tuple[str, str]:
    """Only what differs of two descriptions."""
    names = [name for name in stands if stands[name] != should[name]]
    return tuple(", ".join(f"{name} {of[name]}" for name in names) for of in (stands, should))  # type: ignore[return-value]
