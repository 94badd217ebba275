"""What lies ahead: by hand, by rules that always hold, and against simulated futures."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.insight import demand, expiry, risk
from data.insight.ahead import HORIZONS
from data.insight.delay import Delay
from data.insight.policy import DAYS_PER_MONTH

PUNCTUAL = Delay(on_time=1.0)
SURE = {"dispersion": 1.0, "uncertainty": 0.0}


def look(*, lots=None, daily=1.0, dispersion=10.0, uncertainty=0.4, delay=None, **more):
    """One position that needs a dose a day of a product of single doses, unless told otherwise."""
    given = {
        "usable": [100.0],
        "doses_per_vial": 1,
        "demand": demand.plain([daily * DAYS_PER_MONTH], dispersion=dispersion, uncertainty=uncertainty),
        "days_to_next_delivery": 30.0,
        "days_since_report": 0,
        "minimum": 0,
        "maximum": 75.0,
    } | more
    if lots is not None:
        held = sorted(lots, key=lambda lot: lot[1])
        rest = given["usable"][0] - sum(doses for doses, _ in held)
        doses, left = [d for d, _ in held] + [rest], [float(d) for _, d in held] + [np.nan]
        place = [0] * len(doses)
        given |= {
            "lots": expiry.lots(place, doses, left),
            "expiring": expiry.expiring(place, doses, left, given["demand"].daily_mean),
        }
    return risk.assess(risk.Positions(**given), delay)


# By hand: a demand that hardly varies


def test_twenty_doses_at_one_a_day_last_past_fourteen_days_and_not_thirty():
    answer = look(usable=[20.0], days_to_next_delivery=80.0, delay=PUNCTUAL, **SURE)
    assert answer.within[0] == pytest.approx([0, 0.05, 0.98, 1, 1], abs=0.05)
    # In 30 days thirty are asked for and twenty there; then it waits until day 80, and has what came for the rest.
    assert answer.short[0, 2] == pytest.approx(10, abs=0.3)
    assert answer.short[0, 3] == pytest.approx(40, abs=0.4)
    assert answer.short[0, 4] == pytest.approx(60, abs=0.6)


def test_a_delivery_in_time_is_no_stockout_and_the_next_one_counts_too():
    answer = look(usable=[40.0], days_to_next_delivery=20.0, maximum=60.0, delay=PUNCTUAL, **SURE)
    assert answer.within[0] == pytest.approx([0, 0, 0, 0, 0], abs=0.02)
    less = look(usable=[40.0], days_to_next_delivery=20.0, maximum=20.0, delay=PUNCTUAL, **SURE)
    # Filled up to twenty only, it is out twenty days after the delivery, ten before the next one.
    assert less.within[0] == pytest.approx([0, 0, 0.0, 1, 1], abs=0.05)


def test_what_is_on_the_way_adds_to_what_is_there_and_no_more():
    none = look(usable=[15.0], days_to_next_delivery=5.0, coming=0, maximum=500.0, delay=PUNCTUAL, **SURE)
    some = look(usable=[15.0], days_to_next_delivery=5.0, coming=8, maximum=500.0, delay=PUNCTUAL, **SURE)
    assert none.within[0, 2] == pytest.approx(0, abs=0.01)
    # Twenty-three doses for thirty days.
    assert some.within[0, 2] == pytest.approx(0.92, abs=0.03)
    assert some.short[0, 2] == pytest.approx(7, abs=0.5)


def test_a_lot_that_expires_takes_its_doses_with_it():
    """Eighty of a hundred doses expire in ten days: ten are used of these, twenty last until day thirty."""
    answer = look(usable=[100.0], lots=[(80, 10)], days_to_next_delivery=60.0, delay=PUNCTUAL, **SURE)
    kept = look(usable=[100.0], days_to_next_delivery=60.0, delay=PUNCTUAL, **SURE)
    assert kept.probability.item() < 0.01
    assert answer.probability.item() > 0.98
    assert answer.within[0, :2] == pytest.approx([0, 0], abs=0.01)
    assert answer.cover_p50.item() == pytest.approx(30, abs=1.5)
    assert kept.cover_p50.item() == pytest.approx(100, abs=2)


def test_when_everything_expires_the_shelf_is_empty_the_day_after():
    answer = look(usable=[50.0], lots=[(50, 8)], days_to_next_delivery=40.0, delay=PUNCTUAL)
    assert answer.within[0, 0] < 0.05
    assert answer.within[0, 1] == 1
    assert answer.probability.item() == 1
    assert answer.cover_p90.item() == 8


def test_a_place_that_is_out_is_short_of_all_that_is_asked_for_until_the_delivery():
    answer = look(usable=[0.0], days_to_next_delivery=12.0, maximum=300.0, delay=PUNCTUAL)
    assert answer.within[0].tolist() == [1, 1, 1, 1, 1]
    assert answer.short[0, 2] == pytest.approx(12, abs=0.6)


def test_without_a_demand_that_is_known_nothing_is_known_of_doses_short():
    answer = look(usable=[0.0], demand=demand.plain([np.nan]), handles=True)
    assert answer.within[0].tolist() == [1, 1, 1, 1, 1]
    assert np.isnan(answer.short).all()


def test_a_place_whose_deliveries_come_late_is_at_a_higher_risk():
    early, late = (
        look(usable=[40.0], delay=Delay(on_time=share, mean_days_late=days)).probability.item()
        for share, days in ((0.95, 3), (0.3, 20))
    )
    assert late > early + 0.1


# Rules that always hold

lots = st.lists(st.tuples(st.integers(1, 300), st.integers(1, 200)), max_size=4)
places = st.fixed_dictionaries(
    {
        "usable": st.integers(0, 3000),
        "amc": st.floats(0.5, 3000),
        "dispersion": st.floats(1, 60),
        "uncertainty": st.floats(0.3, 4),
        "due": st.one_of(st.just(np.nan), st.floats(-60, 120)),
        "interval": st.integers(7, 120),
        "maximum": st.floats(0, 6000),
        "coming": st.sampled_from([0, 0, 20, 400]),
        "on_time": st.floats(0.05, 1),
        "days_late": st.floats(1, 40),
        "lots": lots,
    }
)


def assess(rows):
    columns = {name: np.array([row[name] for row in rows], dtype=float) for name in rows[0] if name != "lots"}
    held = []
    for number, row in enumerate(rows):
        rest = row["usable"]
        for doses, left in sorted(row["lots"], key=lambda lot: lot[1]):
            doses = min(doses, rest)
            if doses:
                held.append((number, doses, float(left)))
                rest -= doses
        if rest:
            held.append((number, rest, np.nan))
    place, doses, left = ([lot[k] for lot in held] for k in range(3))
    need = demand.plain(columns["amc"], dispersion=columns["dispersion"], uncertainty=columns["uncertainty"])
    return risk.assess(
        risk.Positions(
            usable=columns["usable"],
            doses_per_vial=1,
            demand=need,
            days_to_next_delivery=columns["due"],
            days_since_report=0,
            minimum=0,
            maximum=columns["maximum"],
            delivery_interval_days=columns["interval"],
            coming=columns["coming"],
            expiring=expiry.expiring(place, doses, left, need.daily_mean),
            lots=expiry.lots(place, doses, left),
        ),
        Delay(columns["on_time"], columns["days_late"]),
    )


@given(st.lists(places, min_size=1, max_size=8))
def test_chances_are_chances_and_a_longer_time_is_never_safer(rows):
    answer = assess(rows)
    assert ((answer.within >= 0) & (answer.within <= 1)).all()
    assert ((answer.probability >= 0) & (answer.probability <= 1)).all()
    assert (np.diff(answer.within, axis=1) >= 0).all()
    assert (answer.short >= 0).all()
    assert (np.diff(answer.short, axis=1) >= 0).all()
    covers = np.stack([answer.cover_p10, answer.cover_p50, answer.cover_p90])
    assert (np.diff(covers, axis=0) >= 0).all()


@given(places, st.integers(1, 500))
def test_more_stock_is_never_riskier(row, more):
    less, much = assess([row]), assess([row | {"usable": row["usable"] + more}])
    assert (much.probability <= less.probability + 0.002).all()
    # The first horizons are before any delivery.
    waits = np.array(HORIZONS) <= np.nan_to_num(row["due"], nan=row["interval"])
    assert (much.within[:, waits] <= less.within[:, waits] + 0.002).all()


@given(places, st.floats(0, 0.9), st.floats(1, 30))
def test_later_deliveries_are_never_safer(row, share, days):
    soon = assess([row])
    late = assess([row | {"on_time": row["on_time"] * share, "days_late": row["days_late"] + days}])
    assert (late.probability >= soon.probability - 0.002).all()


@given(places, st.integers(1, 150))
def test_an_expiry_never_lowers_a_chance(row, left):
    """The same stock, part of which now expires."""
    sound = assess([row | {"lots": []}])
    dated = assess([row | {"lots": [(max(row["usable"] // 2, 1), left)]}])
    assert (dated.probability >= sound.probability).all()
    assert (dated.cover_p50 <= sound.cover_p50).all()
    waits = np.array(HORIZONS) <= np.nan_to_num(row["due"], nan=row["interval"])
    assert (dated.within[:, waits] >= sound.within[:, waits]).all()


@settings(max_examples=40)
@given(st.lists(places, min_size=2, max_size=30))
def test_one_position_by_itself_is_the_same_bit_by_bit_as_in_a_nation(rows):
    together = assess(rows)
    for number, row in enumerate(rows):
        alone = assess([row])
        for field in fields(alone):
            np.testing.assert_array_equal(getattr(alone, field.name)[0], getattr(together, field.name)[number])


def test_a_nation_larger_than_a_block_is_the_same_in_any_order():
    rng = np.random.default_rng(5)
    n = 5_000
    need = demand.plain(rng.gamma(1.5, 60, n), dispersion=10.0, uncertainty=0.4)
    p = risk.Positions(rng.integers(1, 400, n).astype(float), 1, need, rng.uniform(-9, 60, n), 0, 0, np.full(n, 90.0))
    order = rng.permutation(n)
    q = replace(
        p, usable=p.usable[order], days_to_next_delivery=p.days_to_next_delivery[order],
        demand=replace(need, **{f.name: getattr(need, f.name)[order] for f in fields(need)}),
    )  # fmt: skip
    one, other = risk.assess(p), risk.assess(q)
    np.testing.assert_array_equal(one.within[order], other.within)
    np.testing.assert_array_equal(one.short[order], other.short)


# Simulated futures


def simulate(rng, *, usable, daily, dispersion, uncertainty, due, interval, delay, maximum, coming=0, lots=(), n=8_000):
    """Half a day at a time: a level of demand for each future, lots that expire, deliveries that come late."""
    level = rng.gamma(1 / uncertainty, uncertainty, n)

    def late():
        return np.where(rng.random(n) < delay.on_time, 0.0, rng.exponential(delay.mean_days_late, n))

    arrives = rng.exponential(delay.mean_days_late, n) if due < 0 else due + late()
    held = [np.full(n, float(doses)) for doses, _ in lots] + [np.full(n, float(usable - sum(d for d, _ in lots)))]
    first, before, out = np.ones(n, dtype=bool), np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    short, within = np.zeros(n), []
    for step in range(2 * HORIZONS[-1]):
        for lot, (_, left) in zip(held, lots, strict=False):
            if step / 2 >= left:
                lot[:] = 0
        here = arrives <= step / 2
        brings = np.where(first & (coming > 0), coming, np.maximum(maximum - sum(held), 0))
        held[-1] += np.where(here, brings, 0)
        first &= ~here
        arrives = np.where(here, step / 2 + interval + late(), arrives)
        asked = rng.poisson(rng.gamma(daily / 2 * level / (dispersion - 1) + 1e-12, dispersion - 1)).astype(float)
        for lot in held:
            taken = np.minimum(lot, asked)
            lot -= taken
            asked -= taken
        short += asked
        out |= sum(held) <= 0
        before |= (sum(held) <= 0) & first
        if (step + 1) / 2 in HORIZONS:
            within.append((out.mean(), short.mean()))
    return before.mean(), *np.array(within).T


@pytest.mark.parametrize(
    "case",
    [
        {"usable": 60, "daily": 2.0, "due": 14, "interval": 30, "maximum": 75, "delay": Delay(0.75, 7)},
        {"usable": 100, "daily": 2.0, "due": 25, "interval": 30, "maximum": 75, "delay": Delay(0.6, 12)},
        {"usable": 20, "daily": 2.0, "due": -5, "interval": 30, "maximum": 180, "delay": Delay(0.75, 7)},
        {"usable": 40, "daily": 2.0, "due": 5, "interval": 7, "maximum": 75, "delay": Delay(0.75, 7)},
        {"usable": 300, "daily": 3.0, "due": 70, "interval": 90, "maximum": 400, "delay": Delay(0.75, 14)},
        {"usable": 40, "daily": 2.0, "due": 5, "interval": 30, "maximum": 75, "delay": Delay(0.75, 7), "coming": 40},
        {
            "usable": 200, "daily": 2.0, "due": 40, "interval": 90, "maximum": 300, "delay": Delay(0.75, 7),
            "lots": [(80, 15), (120, 50)],
        },
    ],
)  # fmt: skip
def test_simulated_futures_agree(case):
    before, within, short = simulate(np.random.default_rng(7), dispersion=8.0, uncertainty=0.35, **case)
    told = look(
        lots=case.get("lots"), usable=[float(case["usable"])], daily=case["daily"], dispersion=8.0, uncertainty=0.35,
        days_to_next_delivery=float(case["due"]), delivery_interval_days=case["interval"],
        maximum=float(case["maximum"]), coming=case.get("coming", 0), delay=case["delay"],
    )  # fmt: skip
    assert told.probability.item() == pytest.approx(before, abs=0.02)
    assert told.within[0] == pytest.approx(within, abs=0.05)
    assert told.short[0] == pytest.approx(short, abs=0.02 * case["daily"] * HORIZONS[-1] + 0.05 * short.max())
