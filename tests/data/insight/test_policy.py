import math

import numpy as np
import pytest

from data.insight import policy


@pytest.mark.parametrize(
    ("preset", "minimum", "maximum"),
    [("NPHCDA", 25, 125), ("WHO-EPI", 100, 300), ("OpenLMIS", 300, 600)],
)
def test_a_preset_in_months_gives_its_share_of_the_monthly_need(preset, minimum, maximum):
    low, high = policy.bands(preset, [100.0], [7], [30])
    assert (low.item(), high.item()) == (minimum, maximum)


def test_msh_adds_lead_time_safety_and_review_period():
    month = policy.DAYS_PER_MONTH
    low, high = policy.bands("MSH", [100.0], [month / 2], [month])
    assert low.item() == pytest.approx(50 + 100)
    assert high.item() == pytest.approx(50 + 100 + 100)


def test_an_unknown_need_has_no_bands():
    low, high = policy.bands("NPHCDA", [np.nan, 8.0], [7, 7], [30, 30])
    assert np.isnan(low[0])
    assert np.isnan(high[0])
    assert (low[1], high[1]) == (2.0, 10.0)


def test_a_preset_that_needs_no_lead_time_does_not_ask_for_one():
    low, _ = policy.bands("NPHCDA", [8.0], [np.nan], [np.nan])
    assert low.item() == 2.0


def test_an_unknown_preset_is_refused():
    with pytest.raises(KeyError):
        policy.bands("NONE", [1.0], [7], [30])


def test_every_preset_says_its_formula_and_its_source():
    assert all(preset.formula and preset.source for preset in policy.PRESETS.values())


# Which preset holds where

TIERS = ("clinic", "hospital", "store")


def chosen(rules, tier, product, supplies=False, default="NPHCDA"):
    found = policy.choose(rules, default, tier=[TIERS.index(tier)], product=[product], supplies=[supplies], tiers=TIERS)
    return policy.NAMES[found.preset[0]], policy.METHOD_NAMES[found.method[0]], int(found.window[0])


def test_without_any_rule_the_programmes_preset_holds_and_stores_have_theirs():
    assert chosen([], "clinic", 1) == ("NPHCDA", "mSupply", 12)
    assert chosen([], "store", 1, supplies=True) == ("MSH", "mSupply", 12)


def test_the_most_specific_rule_wins_whatever_the_order():
    rules = [
        policy.Rule("clinic", 2, "OpenLMIS", "OpenLMIS", 3),
        policy.Rule(None, None, "NPHCDA"),
        policy.Rule(None, 2, "MSH", "BHIMA", 6),
        policy.Rule("clinic", None, "WHO-EPI"),
    ]
    for order in (rules, rules[::-1]):
        assert chosen(order, "clinic", 2) == ("OpenLMIS", "OpenLMIS", 3)
        assert chosen(order, "clinic", 1)[0] == "WHO-EPI"
        assert chosen(order, "hospital", 2) == ("MSH", "BHIMA", 6)
        assert chosen(order, "hospital", 1)[0] == "NPHCDA"


def test_a_store_takes_another_preset_only_by_its_tier():
    assert chosen([policy.Rule(None, 1, "WHO-EPI")], "store", 1, supplies=True)[0] == "MSH"
    assert chosen([policy.Rule("store", None, "WHO-EPI")], "store", 1, supplies=True)[0] == "WHO-EPI"


def test_a_rule_for_a_tier_that_nobody_has_changes_nothing():
    assert chosen([policy.Rule("ship", None, "WHO-EPI")], "clinic", 1)[0] == "NPHCDA"


def test_bands_by_position_are_those_of_its_own_preset():
    numbers = np.array([policy.CODES[name] for name in policy.PRESETS])
    low, high = policy.bands_of(numbers, np.full(4, 80.0), np.full(4, 7), np.full(4, 30))
    for place, name in enumerate(policy.PRESETS):
        assert (low[place], high[place]) == policy.bands(name, 80.0, 7, 30)


def test_bands_by_one_name_and_by_numbers_are_the_same():
    supplies = np.array([True, False, False])
    by_name = policy.bands_of("WHO-EPI", [10.0, 20.0, np.nan], [7] * 3, [30] * 3, supplies=supplies)
    found = policy.choose([], "WHO-EPI", tier=[2, 0, 0], product=[1, 1, 1], supplies=supplies, tiers=TIERS)
    by_number = policy.bands_of(found.preset, [10.0, 20.0, np.nan], [7] * 3, [30] * 3)
    np.testing.assert_array_equal(by_name, by_number)


def test_the_reorder_level_is_the_minimum_and_what_is_used_until_the_order_arrives():
    for preset in policy.PRESETS.values():
        low = preset.minimum.doses(100.0, 7, 30)
        assert preset.reorder.doses(100.0, 7, 30) == pytest.approx(low + 100 * 7 / policy.DAYS_PER_MONTH)


@pytest.mark.parametrize(
    ("maximum", "usable", "coming", "awaited", "vial", "doses"),
    [
        (500, 120, 40, 0, 20, 340),  # exactly whole vials
        (501, 120, 40, 0, 20, 360),  # rounded up
        (500, 120, 40, 100, 20, 240),  # what was asked for already is not asked for again
        (12.5, 0, 0, 0, 20, 20),  # a small place takes a vial
        (500, 500, 0, 0, 20, 0),
        (500, 400, 300, 0, 20, 0),  # never less than nothing
        (math.nan, 0, 0, 0, 20, None),
        (None, 0, 0, 0, 20, None),
    ],
)
def test_an_order_fills_up_to_the_maximum_in_whole_vials(maximum, usable, coming, awaited, vial, doses):
    assert policy.to_order(maximum, usable, coming, awaited, vial) == doses
