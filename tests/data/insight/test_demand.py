import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.insight import consumption, demand, months, policy
from data.insight.policy import DAYS_PER_MONTH

YEAR = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], dtype=float)


def estimate(used, days_out=None, reported=None, days=None, **more):
    used = np.atleast_2d(np.asarray(used, dtype=float))
    days = YEAR[: used.shape[1]] if days is None else days
    days_out = np.zeros_like(used) if days_out is None else np.atleast_2d(days_out)
    reported = ~np.isnan(used) if reported is None else np.atleast_2d(reported)
    return demand.estimate(used, days_out, reported, days, **more)


# The product's own


def test_the_same_use_every_month_is_its_own_mean_whatever_the_length_of_the_months():
    d = estimate([60] * 12)
    assert d.amc.item() == pytest.approx(60)
    assert d.daily_mean.item() == pytest.approx(60 / DAYS_PER_MONTH)
    assert d.months_used.item() == 12
    assert d.active.item()


def test_the_product_agrees_with_msupply_over_a_full_window():
    used = np.array([40, 55, 30, 0, 61, 47, 52, 38, 44, 20, 59, 50.0])
    out = np.array([0, 0, 10, 20, 0, 0, 0, 0, 0, 15, 0, 0.0])
    expected = consumption.msupply(used.sum(), 0, 12, YEAR.sum(), out.sum())
    assert estimate(used, out).amc.item() == pytest.approx(float(expected))


def test_a_month_that_was_not_reported_is_missing_and_not_zero():
    used = [60, np.nan, 60, np.nan, 60, 60]
    assert estimate(used).amc.item() == pytest.approx(60)
    # Even where somebody put a number beside it.
    unreported = estimate([60, 0, 60, 0, 60, 60], reported=[True, False, True, False, True, True])
    assert unreported.amc.item() == pytest.approx(60)
    assert unreported.months_used.item() == 4


def test_months_without_any_stock_do_not_lower_the_need():
    d = estimate([60, 60, 0, 0, 60, 60], [0, 0, 31, 30, 0, 0])
    assert d.amc.item() == pytest.approx(60)
    assert d.months_used.item() == 4


def test_days_out_raise_the_need_above_the_use():
    assert estimate([30] * 6, [15.5, 14, 15.5, 15, 15.5, 15]).amc.item() == pytest.approx(60)


def test_only_the_last_months_of_the_window_count():
    d = estimate([[500] * 6 + [60] * 6], window=6)
    assert d.amc.item() == pytest.approx(60)
    assert d.months_used.item() == 6


def test_a_place_that_had_stock_and_used_none_has_no_demand():
    d = estimate([[0] * 6, [50] * 6, [60] * 6, [70] * 6])
    assert d.amc[0] == 0
    assert d.active.tolist() == [False, True, True, True]


def test_two_quiet_months_are_too_few_to_say_that_there_is_no_demand():
    peers = [[50] * 6, [60] * 6, [70] * 6]
    two = estimate([[np.nan] * 4 + [0, 0], *peers])
    assert two.active[0]
    assert 0 < two.amc[0] < 60
    assert not estimate([[np.nan] * 3 + [0, 0, 0], *peers]).active[0]


def test_a_place_that_never_had_stock_has_no_known_demand_unless_it_is_meant_to():
    out = np.broadcast_to(YEAR[:6], (4, 6)) * np.array([[1], [0], [0], [0]])
    used = [[0] * 6, [50] * 6, [60] * 6, [70] * 6]
    unknown = estimate(used, out)
    assert np.isnan(unknown.amc[0])
    assert not unknown.active[0]
    meant = estimate(used, out, handles=[True] * 4)
    assert meant.amc[0] == pytest.approx(60)
    assert meant.active[0]


def test_a_place_out_of_stock_for_the_whole_window_is_still_in_demand():
    used = [[40, 40] + [0] * 10, [50] * 12, [60] * 12, [70] * 12]
    out = np.zeros((4, 12))
    out[0, 2:] = YEAR[2:]
    d = estimate(used, out)
    assert d.active[0]
    assert 40 <= d.amc[0] <= 60


def test_a_short_history_leans_on_its_peers_and_a_full_one_does_not():
    rng = np.random.default_rng(4)
    used = rng.poisson(60, (30, 12)).astype(float)
    used[0] = 200.0
    used[1, :11], used[1, 11] = np.nan, 200.0
    d = estimate(used)
    assert d.amc[0] == pytest.approx(200)
    assert 60 < d.amc[1] < 199
    assert d.own_weight[0] == 1
    assert 0 < d.own_weight[1] < 1
    assert d.uncertainty[1] > d.uncertainty[0]


def test_an_empty_history_takes_the_need_expected_of_its_population():
    d = estimate(
        [[120] * 6, [60] * 6, [240] * 6, [np.nan] * 6, [np.nan] * 6],
        expected_monthly=[100, 50, 200, 10, np.nan],
    )
    assert d.amc[3] == pytest.approx(12)
    assert d.active[3]
    assert np.isnan(d.amc[4])


def test_where_nobody_has_used_any_the_expected_need_stands():
    assert estimate([[np.nan] * 6], expected_monthly=[10]).amc.item() == 10


def test_nothing_known_is_nan_and_not_zero():
    d = estimate([[np.nan] * 6])
    assert np.isnan(d.amc.item())
    assert not d.active.item()
    assert np.isfinite(d.dispersion.item())
    assert np.isfinite(d.uncertainty.item())


def test_groups_do_not_learn_from_each_other():
    used = np.vstack([np.full((5, 6), 10.0), np.full((5, 6), 1000.0), [[np.nan] * 6] * 2])
    d = estimate(used, group=[0] * 5 + [1] * 5 + [0, 1], handles=[True] * 12)
    assert d.amc[10] == pytest.approx(10)
    assert d.amc[11] == pytest.approx(1000)


def test_one_place_estimated_by_itself_with_the_same_peers_is_the_same():
    rng = np.random.default_rng(7)
    used = rng.poisson(rng.gamma(2, 30, (40, 1)), (40, 12)).astype(float)
    used[rng.random(used.shape) < 0.3] = np.nan
    out = rng.integers(0, 20, used.shape)
    reported = ~np.isnan(used)
    group = rng.integers(0, 3, 40)
    together = demand.estimate(used, out, reported, YEAR, group=group)
    peers = demand.learn(used, out, reported, YEAR, group=group)
    for i in range(40):
        row = slice(i, i + 1)
        alone = demand.estimate(used[row], out[row], reported[row], YEAR, group=group[row], peers=peers)
        for name in ("amc", "dispersion", "uncertainty", "own_weight", "active"):
            np.testing.assert_array_equal(getattr(alone, name), getattr(together, name)[row])


def test_a_nation_is_summed_in_pieces_without_a_seam(monkeypatch):
    used = np.random.default_rng(1).poisson(30, (10, 12)).astype(float)
    whole = estimate(used)
    monkeypatch.setattr(months, "_CHUNK", 3)
    np.testing.assert_array_equal(estimate(used).amc, whole.amc)


def test_uneven_use_is_more_dispersed_than_even_use():
    even, lumpy = [50] * 12, [0, 100] * 6
    d = estimate([even, lumpy, even, lumpy])
    assert d.dispersion[1] > d.dispersion[0] >= 1


def test_no_position_is_no_error():
    d = demand.estimate(np.empty((0, 12)), np.empty((0, 12)), np.empty((0, 12), dtype=bool), YEAR)
    assert d.amc.size == 0


@given(
    st.lists(
        st.lists(
            st.tuples(
                st.one_of(st.none(), st.integers(0, 10_000)), st.one_of(st.none(), st.integers(0, 31)), st.booleans()
            ),
            min_size=12,
            max_size=12,
        ),
        min_size=1,
        max_size=8,
    )
)
def test_whatever_was_reported_the_need_is_unknown_or_a_finite_amount(rows):
    table = np.array([[(np.nan if u is None else u, np.nan if o is None else o, r) for u, o, r in row] for row in rows])
    d = demand.estimate(table[..., 0], table[..., 1], table[..., 2] > 0, YEAR)
    assert (np.isnan(d.amc) | (np.isfinite(d.amc) & (d.amc >= 0))).all()
    assert np.isfinite(d.dispersion).all()
    assert (d.dispersion >= 1).all()
    assert np.isfinite(d.uncertainty).all()
    assert ((d.own_weight >= 0) & (d.own_weight <= 1)).all()
    np.testing.assert_array_equal(d.active, np.nan_to_num(d.amc) > 0)


# What balances prove, and what has changed


def test_a_month_that_opened_empty_and_received_nothing_was_out_throughout():
    out = demand.days_out_at_least(
        [[np.nan, np.nan, np.nan, 4]], [[0, 0, 5, 0]], [[0, 10, 0, 0]], np.array([31, 28, 31, 30]), used=[[0, 5, 0, 6]]
    )
    assert out.tolist() == [[31, 0, 0, 4]]


def test_months_in_which_a_place_never_had_any_say_nothing_of_its_demand_whatever_days_were_reported():
    out = demand.days_out_at_least([[0, 0]], [[0, 0]], [[0, 0]], np.array([31, 28]), used=[[0, np.nan]])
    assert out.tolist() == [[31, 28]]
    used = np.array([[0.0, 0.0], [80.0, 90.0]])
    need = estimate(used, days_out=np.vstack([out, [0, 0]]), days=np.array([31, 28]), handles=[False, True])
    # Not what the other place needs: nobody says that this one is meant to have it.
    assert np.isnan(need.amc[0])


def test_a_rise_of_use_is_told_against_the_months_before():
    ratio = demand.shift(np.array([[50] * 9 + [70] * 3]), np.zeros((1, 12)), np.ones((1, 12), dtype=bool), YEAR)
    assert ratio.item() == pytest.approx(1.4)


def test_a_change_is_not_told_from_an_incomplete_quarter():
    reported = np.ones((1, 12), dtype=bool)
    reported[0, 10] = False
    assert np.isnan(demand.shift(np.full((1, 12), 50), np.zeros((1, 12)), reported, YEAR).item())


def test_a_stored_mean_is_demand_only_where_it_is_above_zero():
    assert demand.plain([np.nan, 0.0, 12.0]).active.tolist() == [False, False, True]


# Like places of the same area, and other views of need


def test_a_thin_place_leans_on_the_places_of_its_own_area_where_areas_differ():
    rng = np.random.default_rng(5)
    area = np.repeat(np.arange(6), 20)
    level = np.array([20, 30, 40, 150, 200, 300])[area] * rng.gamma(20, 1 / 20, 120)
    used = rng.poisson(level[:, None], (120, 12)).astype(float)
    thin = np.arange(120) % 20 == 0
    used[thin] = np.nan
    days, out = np.full(12, 30.0), np.zeros_like(used)
    handles = np.ones(120, dtype=bool)
    wide = demand.estimate(used, out, ~np.isnan(used), days, handles=handles).amc[thin]
    near = demand.estimate(used, out, ~np.isnan(used), days, handles=handles, area=area).amc[thin]
    assert np.abs(near - level[thin]).sum() < np.abs(wide - level[thin]).sum() / 3


def test_where_areas_do_not_differ_an_area_of_few_places_is_not_believed():
    rng = np.random.default_rng(6)
    used = rng.poisson(rng.gamma(5, 12, (200, 1)), (200, 12)).astype(float)
    used[0] = np.nan
    days, out, area = np.full(12, 30.0), np.zeros_like(used), np.arange(200) // 4
    told = [
        demand.estimate(used, out, ~np.isnan(used), days, handles=np.ones(200, dtype=bool), **more).amc[0]
        for more in ({}, {"area": area})
    ]
    assert told[1] == pytest.approx(told[0], rel=0.1)


def test_peers_learnt_by_area_estimate_one_place_as_they_do_all():
    rng = np.random.default_rng(7)
    used = rng.poisson(rng.gamma(5, 12, (90, 1)), (90, 12)).astype(float)
    used[:, :9] = np.where(rng.random((90, 1)) < 0.5, np.nan, used[:, :9])
    group, area, out, said = np.arange(90) % 3, np.arange(90) // 18, np.zeros_like(used), ~np.isnan(used)
    together = demand.estimate(used, out, said, YEAR, group=group, area=area)
    peers = demand.learn(used, out, said, YEAR, group=group, area=area)
    for i in (0, 41, 89):
        row = slice(i, i + 1)
        alone = demand.estimate(used[row], out[row], said[row], YEAR, group=group[row], area=area[row], peers=peers)
        assert alone.amc.item() == together.amc[i]


def test_sessions_are_in_force_where_too_few_months_of_use_are_known():
    used = np.array([[np.nan] * 12, [np.nan] * 10 + [50, 55], [60.0] * 12])
    given = demand.from_sessions(np.full((3, 12), 30.0), [0.5] * 3, np.zeros((3, 12)), np.full(12, 30.0))
    found = demand.estimate(used, np.zeros((3, 12)), ~np.isnan(used), np.full(12, 30.0), given=given)
    assert found.amc.tolist() == [60, 60, 60]
    assert [demand.Source(s).name for s in found.source] == ["SESSIONS", "SESSIONS", "CONSUMPTION"]


def test_the_source_in_force_follows_from_what_is_known():
    used = np.array([[60.0] * 12, [np.nan] * 6 + [50.0] * 6, [np.nan] * 12, [np.nan] * 12, [70.0] * 12, [80.0] * 12])
    need = np.array([60.0, 60.0, 60.0, np.nan, 60.0, 60.0])
    handles = np.array([True, True, True, False, True, True])
    found = demand.estimate(
        used, np.zeros_like(used), ~np.isnan(used), np.full(12, 30.0), expected_monthly=need, handles=handles
    )
    assert [demand.Source(s).name for s in found.source[:4]] == ["CONSUMPTION", "BLEND", "POPULATION", "NONE"]
    peers = demand.estimate(used[[0, 4, 5, 2]], np.zeros((4, 12)), ~np.isnan(used[[0, 4, 5, 2]]), np.full(12, 30.0),
                            handles=np.ones(4, dtype=bool))  # fmt: skip
    assert demand.Source(peers.source[3]) is demand.Source.PEERS
    assert set(demand.WHY) == set(demand.Source)


def test_population_needs_children_doses_and_what_is_wasted():
    # 1,200 children a year x 3 doses x 90 % / 12 months / (1 - 0.25).
    assert demand.from_population(1200, 3, 0.25, coverage=0.9) == pytest.approx(360)
    assert np.isnan(demand.from_population(np.nan, 3, 0.25))


@pytest.mark.parametrize("method", consumption.METHODS)
def test_any_method_of_amc_can_be_in_force(method):
    used, out = np.array([[40, 55, 30, 0, 61, 47.0]]), np.array([[0, 0, 10, 31, 0, 0.0]])
    days = np.array([31, 28, 31, 31, 30, 31.0])
    found = demand.estimate(
        used, out, ~np.isnan(used), days, method=[policy.METHOD_CODES[method]], window=[6], handles=[True]
    )
    assert found.amc.item() == pytest.approx(float(consumption.amc(method, used, out, days)[0]))


@given(st.lists(st.integers(0, 300), min_size=1, max_size=12))
def test_without_days_out_the_methods_agree_but_for_rounding_and_the_length_of_a_month(used):
    used = [float(u) for u in used]
    days, out = [30.5] * len(used), [0.0] * len(used)
    found = {method: float(consumption.amc(method, used, out, days)) for method in consumption.METHODS}
    mean = sum(used) / len(used)
    assert found["mSupply"] == pytest.approx(mean)
    assert found["MSH"] == pytest.approx(mean)
    assert found["BHIMA"] == pytest.approx(mean)
    assert mean <= found["OpenLMIS"] + 1e-9 < mean + 1 + 1e-6


@given(
    st.lists(st.lists(st.integers(0, 50), min_size=1, max_size=6), min_size=12, max_size=12),
    st.sampled_from(list(consumption.METHODS)),
)
def test_how_a_months_use_is_split_into_events_changes_no_amc(events, method):
    whole = [float(sum(month)) for month in events]
    split = [float(sum(sorted(month, reverse=True))) for month in events]
    halves = [sum(part / 2 + part / 2 for part in month) for month in events]
    answers = {float(consumption.amc(method, used, [2.0] * 12, YEAR)) for used in (whole, split, halves)}
    assert len(answers) == 1


def test_where_no_children_are_known_thin_histories_borrow_all_the_same():
    used = np.full((40, 12), np.nan)
    used[:38] = 100.0
    used[38, -1] = 20.0
    nobody_knows = np.full(40, np.nan)
    need = estimate(used, expected_monthly=nobody_knows, handles=np.ones(40, dtype=bool))
    assert 20 < need.amc[38] < 100
    assert need.source[38] == demand.Source.BLEND
    assert need.amc[39] == pytest.approx(98, abs=2)
    assert need.source[39] == demand.Source.PEERS
    # Of one group the children are known, of the other they are not: each is compared by what is known of it.
    group = np.repeat([0, 1], 20)
    of_children = np.where(group == 0, 50.0, np.nan)
    need = estimate(used, group=group, expected_monthly=of_children, handles=np.ones(40, dtype=bool))
    assert need.source[39] == demand.Source.PEERS
    used[0] = np.nan
    need = estimate(used, group=group, expected_monthly=of_children, handles=np.ones(40, dtype=bool))
    assert (need.source[0], need.amc[0]) == (demand.Source.POPULATION, pytest.approx(100))


# How much levels move


@pytest.mark.parametrize(("moves", "found"), [(0.0, (0.01, 0.04)), (0.1, (0.06, 0.14)), (0.5, (0.35, 0.65))])
def test_how_much_levels_move_is_learnt_from_the_places_themselves(moves, found):
    rng = np.random.default_rng(3)
    usual = rng.gamma(4, 150, (600, 1))
    # From the tenth month on each place needs another amount, apart by that squared relative error.
    later = rng.gamma(1 / moves, moves, (600, 1)) if moves else np.ones((600, 1))
    level = np.where(np.arange(12) >= 9, usual * later, usual)
    used = rng.poisson(level).astype(float)
    need = estimate(used)
    told = float(np.median(need.uncertainty))
    assert found[0] <= told <= found[1]


def test_a_few_places_move_little_of_what_is_assumed_of_levels_and_chance_none():
    rng = np.random.default_rng(4)
    steady = estimate(rng.poisson(400, (2, 12)).astype(float))
    # Drawn towards what is assumed as all places together, and once more as a group of them.
    assert steady.uncertainty == pytest.approx(0.3 * (10 / 12) ** 2, rel=0.1)
    # Of counts as thin as these nothing can be told: chance alone moves them as much.
    thin = estimate(rng.poisson(0.3, (200, 12)).astype(float))
    assert 0.15 < float(np.median(thin.uncertainty)) < 0.6


def test_each_group_s_levels_move_as_its_own_places_do():
    rng = np.random.default_rng(5)
    group = np.repeat([0, 1], 300)
    later = np.where(group == 1, rng.gamma(2, 0.5, 600), 1.0)[:, None]
    used = rng.poisson(np.where(np.arange(12) >= 9, 500 * later, 500.0)).astype(float)
    need = estimate(used, group=group)
    assert float(np.median(need.uncertainty[group == 0])) < 0.06
    assert float(np.median(need.uncertainty[group == 1])) > 0.3
