import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.insight import consumption, demand, formula, policy, shift

YEAR = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]


@pytest.mark.parametrize(("counted", "days"), [(0.12, 0), (0.12, 20), (0.4, 0), (0.4, 20)])
def test_what_was_learnt_is_put_in_so_that_anybody_can_recompute_it(counted, days):
    told = formula.probability(counted, usable=120, amc=107.0, dispersion=8.0, uncertainty=0.3, days=30)
    by, weight = float(shift.between(0.34, 0.05)), shift.weight(days)
    now = float(shift.laid(by, weight, counted, 0.12))
    model = "2016-01 to 2018-12, 1b9f03c2"
    learnt = formula.learnt(told, now, counted=counted, month=0.12, by=by, weight=weight, model=model)
    said = learnt.worked.split("the chance with the odds ")[1]
    odds = eval(said.replace(" x ", " * ").replace("^", "**"))  # only what the formula wrote
    assert odds / (1 + odds) == pytest.approx(now, rel=0.01)
    assert f"= {round(100 * counted)} % by count" in learnt.worked
    assert learnt.value == now
    assert model in learnt.note
    assert ("by the count model alone", counted) in [(f.name, f.value) for f in learnt.figures]


def test_a_nurse_reads_the_amc_with_the_figures_of_her_own_place():
    told = formula.amc([100.0] * 11 + [140.0], [0] * 11 + [14], YEAR)
    assert formula.words(told) == (
        "AMC = 1,240 doses / 12 months x 365 / (365 - 14) = 107 doses a month (Open mSupply)"
    )
    assert told.value == pytest.approx(1240 / 12 * 365 / 351)
    assert [f.value for f in told.figures] == [1240, 12, 365, 14]


@pytest.mark.parametrize(
    ("method", "sentence"),
    [
        ("OpenLMIS", "AMC = (100 x 30 / (30 - 10) + 70 x 30 / (30 - 0)) / 2 months, each and the mean rounded up"
                     " = 110 doses a month (OpenLMIS)"),
        ("MSH", "AMC = 170 doses / (2 months - 10 days / 30.5) = 102 doses a month (Management Sciences for Health)"),
        ("BHIMA", "AMC = 170 doses / 50 days in stock x 30.5 = 104 doses a month (BHIMA)"),
    ],
)  # fmt: skip
def test_each_method_shows_its_own_working(method, sentence):
    assert formula.words(formula.amc([100, 70], [10, 0], [30, 30], method=method)) == sentence


def test_a_month_that_was_not_reported_does_not_enter_the_working():
    told = formula.amc([100, None, 40], [0, None, 31], [30, 31, 31])
    assert [f.value for f in told.figures] == [100, 1, 30, 0]


def test_a_place_without_history_says_so_instead_of_a_number():
    told = formula.amc([None], [None], [30])
    assert told.value is None
    assert formula.words(told) == "AMC = no full month was reported with stock (Open mSupply)"


def test_a_thin_history_names_its_weight_and_that_of_its_peers():
    told = formula.amc([40], [0], [30], own_weight=0.4, peers=60)
    assert told.value == pytest.approx(0.4 * 40 + 0.6 * 60)
    assert "0.4 x (40 doses / 1 month x 30 / (30 - 0)) + 0.6 x 60 doses a month of like places" in formula.words(told)


@given(
    st.sampled_from(list(consumption.METHODS)),
    st.lists(st.tuples(st.integers(0, 500), st.integers(0, 31)), min_size=1, max_size=12),
)
def test_what_is_shown_is_what_the_definition_computes(method, months):
    used, out = [float(u) for u, _ in months], [float(min(o, d)) for (_, o), d in zip(months, YEAR, strict=False)]
    days = YEAR[: len(used)]
    told = formula.amc(used, out, days, method=method)
    computed = float(consumption.amc(method, [used], [out], [days])[0])
    assert told.value == computed if told.value is not None else math.isnan(computed)


@pytest.mark.parametrize("preset", policy.PRESETS)
def test_every_level_of_every_preset_can_be_recomputed_from_its_own_line(preset):
    for tell in (formula.minimum, formula.maximum, formula.reorder, formula.critical):
        told = tell(preset, 100.0, 7, 30)
        worked = told.worked.replace("doses a month", "").replace("months", "").replace("x", "*")
        assert told.value == pytest.approx(eval(worked), rel=1e-3)
        assert told.source in formula.words(told)


def test_the_critical_level_of_msh_is_the_minimum_and_the_need_during_delivery():
    low, top = formula.minimum("MSH", 100.0, 7, 30).value, formula.critical("MSH", 100.0, 7, 30).value
    assert top == pytest.approx(low + 100 * 7 / policy.DAYS_PER_MONTH)


def test_nothing_is_divided_by_no_demand():
    assert formula.mos(500, 0).value is None
    assert formula.cover(500, None).value is None
    assert "nothing to divide by" in formula.words(formula.mos(500, 0))


def test_months_of_stock_and_days_of_cover_agree():
    assert formula.cover(500, 125).value == pytest.approx(formula.mos(500, 125).value * policy.DAYS_PER_MONTH)


def test_a_share_is_told_in_percent_with_both_its_numbers():
    told = formula.kpi(
        "Reporting rate", "reports received / reports expected", 1200, 1400,
        numerator_name="reports received", denominator_name="reports expected",
    )  # fmt: skip
    assert formula.words(told).startswith("Reporting rate = 1,200 reports received / 1,400 reports expected = 85.7 %")
    nothing = formula.kpi("Reporting rate", "", 0, 0, numerator_name="received", denominator_name="expected")
    assert nothing.value is None
    assert nothing.note == "nothing to divide by: no expected"


def test_a_doubted_month_counts_for_its_weight_in_the_formula_as_it_does_in_demand():
    used, weight = [100.0] * 11 + [2000.0], [1.0] * 11 + [0.1]
    told = formula.amc(used, [0] * 12, [30] * 12, weight=weight)
    assert told.value == pytest.approx(1300 / 11.1)
    in_force = demand.estimate([used], np.zeros((1, 12)), np.ones((1, 12), dtype=bool), np.full(12, 30.0),
                               weight=[weight], window=11)  # fmt: skip
    assert formula.amc(used[1:], [0] * 11, [30] * 11, weight=weight[1:]).value == pytest.approx(in_force.amc.item())
    assert "doubted" in told.note


def test_demand_from_sessions_and_from_population_shows_its_own_working():
    told = formula.sessions([30, None, 30], [0, None, 0], [30, 31, 30], 0.5)
    assert formula.words(told) == ("AMC = 60 doses / 2 months x 60 / (60 - 0) / (1 - 0.5) = 60 doses a month (WHO)")
    told = formula.population(1200, 3, 0.25)
    assert formula.words(told) == "AMC = 1,200 children x 3 / 12 / (1 - 0.25) = 400 doses a month (WHO)"
    assert formula.population(1200, 3, 0.25, ratio=0.8).value == pytest.approx(320)
    assert formula.population(None, 3, 0.25).value is None


def test_the_spells_of_days_out_add_up():
    told = formula.days_out([(0, 3), (12, 1)])
    assert told.value == 4
    assert formula.words(told).startswith("Days out of stock = 3 days + 1 day = 4 days")


def test_a_chance_names_the_need_until_the_delivery():
    told = formula.probability(0.314, usable=120, amc=107.0, dispersion=8.0, uncertainty=0.3, days=12)
    assert "42.2 doses are expected in 12 days) = 31.4 %" in formula.words(told)
    assert formula.probability(None, usable=0, amc=None, dispersion=None, uncertainty=None, days=None).value is None


def test_a_formula_travels_as_json():
    sent = formula.data(formula.mos(500, float("nan")))
    assert json.loads(json.dumps(sent, allow_nan=False))["value"] is None


def test_what_to_order_is_said_with_what_is_there_and_on_its_way():
    asked = {"usable": 120, "coming": 40, "awaited": 0, "doses_per_vial": 20}
    said = formula.to_order("NPHCDA", 400, 7, 30, **asked)
    assert said.value == policy.to_order(500, 120, 40, 0, 20)
    assert formula.words(said).startswith(
        "To order = 500 doses maximum - 120 doses usable - 40 doses coming, in whole vials of 20 doses = 340 doses"
    )
    assert said.note == (
        "the maximum is 400 doses a month x 1.25 months = 500 doses:"
        " minimum 25 %, maximum 125 % of the month's need (NPHCDA)"
    )
    unknown = formula.to_order("NPHCDA", None, 7, 30, **asked)
    assert (unknown.value, unknown.worked, unknown.note) == (None, "", "the demand is not known")
