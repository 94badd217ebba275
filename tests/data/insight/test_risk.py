from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from data.insight import demand, risk
from data.insight.policy import DAYS_PER_MONTH
from data.types import State

MONTH = DAYS_PER_MONTH


def assess(usable=100, amc=MONTH, *, delay=None, **more):
    """One position that needs a dose a day, unless told otherwise; 30 days to go, band 20 to 200."""
    given = {
        "usable": [usable],
        "doses_per_vial": 10,
        "demand": demand.plain([amc]),
        "days_to_next_delivery": 30,
        "days_since_report": 0,
        "minimum": 20,
        "maximum": 200,
    }
    return risk.assess(risk.Positions(**(given | more)), delay)


def state(*args, **more):
    return State(assess(*args, **more).state.item())


# The state, rule by rule, at its edges


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        # 1. No report
        ({"days_since_report": 38}, State.ADEQUATE),
        ({"days_since_report": 38.01}, State.NO_REPORT),
        ({"days_since_report": np.nan}, State.NO_REPORT),
        ({"usable": np.nan}, State.NO_REPORT),
        ({"days_since_report": 8, "report_interval_days": 7, "grace_days": 0}, State.NO_REPORT),
        ({"usable": 0, "days_since_report": 39}, State.NO_REPORT),
        ({"usable": 0, "amc": 0, "days_since_report": 39}, State.NO_REPORT),
        # 2. Inactive: no demand, whatever is in stock
        ({"usable": 0, "amc": 0}, State.INACTIVE),
        ({"usable": 9, "amc": 0}, State.INACTIVE),
        ({"usable": 100, "amc": 0}, State.INACTIVE),
        ({"usable": 5000, "amc": 0, "expiring": 5000}, State.INACTIVE),
        ({"usable": 0, "amc": np.nan}, State.INACTIVE),
        ({"usable": 100, "amc": np.nan}, State.INACTIVE),
        ({"usable": 100, "amc": np.nan, "handles": True}, State.INACTIVE),
        # 3. Stockout
        ({"usable": 0}, State.STOCKOUT),
        ({"usable": 9}, State.STOCKOUT),
        ({"usable": 9, "days_to_next_delivery": 0, "minimum": 0}, State.STOCKOUT),
        ({"usable": 0, "expiring": 5}, State.STOCKOUT),
        ({"usable": 0, "amc": np.nan, "handles": True}, State.STOCKOUT),
        ({"usable": 0, "amc": 0, "handles": True}, State.INACTIVE),
        ({"usable": 0, "doses_per_vial": 1}, State.STOCKOUT),
        # 4. Critical: cover shorter than the time to the delivery
        ({"usable": 10}, State.CRITICAL),
        ({"usable": 29}, State.CRITICAL),
        ({"usable": 30}, State.ADEQUATE),
        ({"usable": 29, "expiring": 20}, State.CRITICAL),
        ({"usable": 1, "doses_per_vial": 1}, State.CRITICAL),
        ({"usable": 25, "days_to_next_delivery": 25}, State.ADEQUATE),
        ({"usable": 25, "days_to_next_delivery": np.nan, "delivery_interval_days": 26}, State.CRITICAL),
        ({"usable": 25, "days_to_next_delivery": np.nan, "delivery_interval_days": 25}, State.ADEQUATE),
        ({"usable": 20, "days_to_next_delivery": 0}, State.ADEQUATE),
        # Overdue: the mean delay (7 days) is still to be bridged
        ({"usable": 20, "days_to_next_delivery": -40}, State.ADEQUATE),
        ({"usable": 6, "doses_per_vial": 1, "days_to_next_delivery": -1}, State.CRITICAL),
        # 5. Low, 7. exactly at the minimum
        ({"usable": 19, "days_to_next_delivery": 5}, State.LOW),
        ({"usable": 20, "days_to_next_delivery": 5}, State.ADEQUATE),
        ({"usable": 19, "days_to_next_delivery": 5, "expiring": 3}, State.LOW),
        ({"usable": 10, "days_to_next_delivery": 5}, State.LOW),
        # 6. Overstock, 7. exactly at the maximum
        ({"usable": 200}, State.ADEQUATE),
        ({"usable": 201}, State.OVERSTOCK),
        ({"usable": 100, "expiring": 1}, State.OVERSTOCK),
        ({"usable": 100, "expiring": 0}, State.ADEQUATE),
        ({"usable": 100, "expiring": np.nan}, State.ADEQUATE),
        # What is not known never decides
        ({"usable": 5000, "maximum": np.nan}, State.ADEQUATE),
        ({"usable": 40, "minimum": np.nan, "maximum": np.nan}, State.ADEQUATE),
    ],
)
def test_the_first_rule_that_applies_gives_the_state(facts, expected):
    assert state(**facts) == expected


@pytest.mark.parametrize("amc", [8, 100 / 3, 0.1 + 0.2, 1e6 / 7])
def test_a_band_from_a_real_valued_need_still_contains_its_own_ends(amc):
    stored = np.float32(amc)
    for level in (0.25 * float(stored), 1.25 * float(stored)):
        answer = state(
            level, amc, doses_per_vial=0.001, days_to_next_delivery=0, minimum=0.25 * amc, maximum=1.25 * amc
        )
        assert answer == State.ADEQUATE


def test_only_judged_positions_have_a_probability_and_a_stockout_is_certain():
    p = risk.Positions(
        usable=[100, 0, 0, 100, 100, 20],
        doses_per_vial=10,
        demand=demand.plain([MONTH, MONTH, 0, 0, np.nan, MONTH]),
        days_to_next_delivery=30,
        days_since_report=[99, 0, 0, 0, 0, 0],
        minimum=20,
        maximum=200,
    )
    answer = risk.assess(p)
    assert [State(s).name for s in answer.state] == [
        "NO_REPORT", "STOCKOUT", "INACTIVE", "INACTIVE", "INACTIVE", "CRITICAL",
    ]  # fmt: skip
    known = ~np.isnan(answer.probability)
    assert known.tolist() == [False, True, False, False, False, True]
    assert answer.probability[1] == 1
    assert (answer.cover_p10[1], answer.cover_p50[1], answer.cover_p90[1], answer.cover_days[1]) == (0, 0, 0, 0)
    assert np.isnan(answer.cover_p50[[0, 2, 3, 4]]).all()


# The probability


def test_the_probability_is_that_of_a_negative_binomial_when_deliveries_are_punctual():
    usable, amc, days, dispersion, uncertainty = 40, 45.0, 21, 3.0, 0.2
    mean = amc * days / MONTH
    variance = dispersion * mean + uncertainty * mean**2
    expected = stats.nbinom.sf(usable - 1, mean**2 / (variance - mean), mean / variance)
    answer = assess(
        usable, demand=demand.plain([amc], dispersion=dispersion, uncertainty=uncertainty),
        days_to_next_delivery=days, delay=risk.Delay(on_time=1.0),
    )  # fmt: skip
    assert answer.probability.item() == pytest.approx(expected, abs=0.002)


def test_the_probability_matches_simulated_futures_with_late_deliveries():
    rng = np.random.default_rng(11)
    usable, amc, due, delay = 50, 60.0, 14, risk.Delay(on_time=0.7, mean_days_late=8)
    late = np.where(rng.random(200_000) < delay.on_time, 0, rng.exponential(delay.mean_days_late, 200_000))
    mean = amc * (due + late) / MONTH
    excess = 4.0 - 1 + 0.3 * mean
    runs_out = (rng.poisson(rng.gamma(mean / excess, excess)) >= usable).mean()
    answer = assess(
        usable, demand=demand.plain([amc], dispersion=4.0, uncertainty=0.3), days_to_next_delivery=due, delay=delay
    )
    assert answer.probability.item() == pytest.approx(runs_out, abs=0.01)


def test_an_overdue_delivery_is_no_more_likely_today_for_being_longer_overdue():
    short, long = (assess(20, days_to_next_delivery=-days).probability.item() for days in (1, 60))
    assert short == long
    assert short > assess(20, days_to_next_delivery=0).probability.item()


def test_the_cover_quantiles_are_where_the_probability_says():
    for usable, amc in [(5, 3.0), (40, 45.0), (400, 90.0), (20, 200.0)]:
        need = demand.plain([amc], dispersion=4.0, uncertainty=0.2)
        cover = assess(usable, demand=need, doses_per_vial=1)
        for days, share in ((cover.cover_p10, 0.1), (cover.cover_p50, 0.5), (cover.cover_p90, 0.9)):
            if days.item() >= risk.MOST_COVER_DAYS:
                continue
            due = float(days.item())
            at = assess(usable, demand=need, doses_per_vial=1, days_to_next_delivery=due, delay=risk.Delay(on_time=1))
            assert at.probability.item() == pytest.approx(share, abs=0.08)


def test_cover_ends_at_two_years():
    answer = assess(1_000_000)
    assert answer.cover_p10.item() == answer.cover_p90.item() == answer.cover_days.item() == risk.MOST_COVER_DAYS


# Properties

amounts = st.integers(0, 5000)
needs = st.one_of(st.just(np.nan), st.just(0.0), st.floats(0.01, 5000))
days = st.one_of(st.just(np.nan), st.floats(-60, 200))
position = st.fixed_dictionaries(
    {
        "usable": amounts,
        "doses_per_vial": st.sampled_from([1, 2, 4, 5, 10, 20]),
        "amc": needs,
        "dispersion": st.floats(1, 60),
        "uncertainty": st.floats(0, 4),
        "days_to_next_delivery": days,
        "days_since_report": st.one_of(st.just(np.nan), st.integers(0, 60)),
        "minimum": st.one_of(st.just(np.nan), st.floats(0, 1000)),
        "maximum": st.one_of(st.just(np.nan), st.floats(1000, 5000)),
        "expiring": st.one_of(st.just(np.nan), amounts),
        "handles": st.booleans(),
    }
)


def positions(rows):
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    need = demand.plain(
        columns.pop("amc"), dispersion=columns.pop("dispersion"), uncertainty=columns.pop("uncertainty")
    )
    return risk.Positions(demand=need, **columns)


def take(p, index):
    need = replace(p.demand, **{f.name: getattr(p.demand, f.name)[index] for f in fields(p.demand)})
    own = {f.name: getattr(p, f.name) for f in fields(p) if f.name != "demand"}
    return risk.Positions(demand=need, **{k: v[index] if isinstance(v, np.ndarray) else v for k, v in own.items()})


def assert_same(one, other, index=slice(None)):
    for f in fields(one):
        np.testing.assert_array_equal(getattr(one, f.name), getattr(other, f.name)[index])


@given(st.lists(position, min_size=1, max_size=12))
def test_whatever_is_known_every_position_has_a_state_and_at_most_a_probability(rows):
    answer = risk.assess(positions(rows))
    assert set(answer.state.tolist()) <= {int(s) for s in State}
    unsaid = np.isin(answer.state, [State.NO_REPORT, State.INACTIVE])
    np.testing.assert_array_equal(np.isnan(answer.probability), unsaid)
    known = answer.probability[~np.isnan(answer.probability)]
    assert ((known >= 0) & (known <= 1)).all()
    assert (answer.probability[answer.state == State.STOCKOUT] == 1).all()
    covers = np.stack([answer.cover_p10, answer.cover_p50, answer.cover_p90])
    covers = covers[:, ~np.isnan(covers[0])]
    assert ((covers >= 0) & (covers <= risk.MOST_COVER_DAYS)).all()
    assert (np.diff(covers, axis=0) >= 0).all()


@given(position, st.integers(0, 500))
def test_more_stock_never_raises_the_probability(row, more):
    richer = row | {"usable": row["usable"] + more}
    less, much = risk.assess(positions([row, richer])).probability
    # The table is within 0.4 percentage points of the function; between two of its points it may rise by a fraction.
    assert np.isnan(less) or np.isnan(much) or much <= less + 5e-4


@given(position, st.floats(0, 90))
def test_a_later_delivery_never_lowers_the_probability(row, later):
    # From overdue to due the wait changes its meaning; between planned days it may only grow.
    row = row | {"days_to_next_delivery": abs(np.nan_to_num(row["days_to_next_delivery"]))}
    soon, late = risk.assess(
        positions([row, row | {"days_to_next_delivery": row["days_to_next_delivery"] + later}])
    ).probability
    assert np.isnan(soon) or late >= soon - 1e-6


@given(st.lists(position, min_size=2, max_size=10), st.randoms())
def test_the_order_of_positions_does_not_matter(rows, random):
    order = list(range(len(rows)))
    random.shuffle(order)
    p = positions(rows)
    assert_same(risk.assess(take(p, np.array(order))), risk.assess(p), np.array(order))


@settings(max_examples=30)
@given(st.lists(position, min_size=1, max_size=40))
def test_one_position_by_itself_is_the_same_as_in_a_nation(rows):
    p = positions(rows)
    together = risk.assess(p)
    for i in range(len(rows)):
        assert_same(risk.assess(take(p, slice(i, i + 1))), together, slice(i, i + 1))


@given(position, st.sampled_from([2, 5, 10, 20]))
def test_the_state_is_the_same_whether_counted_in_doses_or_in_vials(row, size):
    scaled = {k: row[k] * size for k in ("usable", "doses_per_vial", "amc", "minimum", "maximum")}
    one, other = risk.assess(positions([row, row | scaled])).state
    # Expiry decides by the single dose, which is not a matter of scale.
    assert one == other


def test_a_nation_of_no_positions_is_no_error():
    empty = np.empty(0)
    answer = risk.assess(risk.Positions(empty, 10, demand.plain(empty), empty, empty, empty, empty))
    assert answer.state.size == 0


# Deciles and the worst of the tracers


def test_deciles_begin_at_their_own_tenth_and_no_probability_has_its_own_byte():
    values = np.array([0, 0.0999, 0.1, 0.3, 0.7, 0.8999, 0.9, 1, np.nan], dtype=np.float32)
    assert risk.decile(values).tolist() == [0, 0, 1, 3, 7, 8, 9, 9, 255]


def test_a_facility_takes_the_worst_of_its_tracers():
    states = np.array(
        [
            [State.ADEQUATE, State.LOW, State.STOCKOUT],
            [State.ADEQUATE, State.OVERSTOCK, State.STOCKOUT],
            [State.NO_REPORT, State.INACTIVE, State.STOCKOUT],
            [State.NO_REPORT, State.NO_REPORT, State.ADEQUATE],
        ]
    )
    chances = np.array([[0.1, 0.3, 1], [0.2, 0.05, 1], [np.nan, np.nan, 1], [np.nan, np.nan, 0.5]])
    state, chance = risk.worst(states, chances, [True, True, False])
    assert state.tolist() == [State.LOW, State.OVERSTOCK, State.INACTIVE, State.NO_REPORT]
    np.testing.assert_array_equal(chance, np.array([0.3, 0.2, np.nan, np.nan], dtype=np.float32))


def test_a_facility_without_a_tracer_is_inactive():
    state, chance = risk.worst([[State.STOCKOUT]], [[1.0]], [[False]])
    assert state.item() == State.INACTIVE
    assert np.isnan(chance.item())
    assert risk.worst(np.empty((2, 0)), np.empty((2, 0)))[0].tolist() == [State.INACTIVE] * 2
