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
