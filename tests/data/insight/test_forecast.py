import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.insight import forecast, season
from data.insight.demand import Source
from data.insight.forecast import View

NAN = np.nan


def history(used, *, administered=None, population=NAN, out=None, **more):
    used = np.asarray(used, dtype=float)
    given = np.full(used.shape, NAN) if administered is None else np.asarray(administered, dtype=float)
    days_out = np.zeros(used.shape) if out is None else np.asarray(out, dtype=float)
    return forecast.History(used, days_out, np.full(used.shape, 30.0), given, 0.5, population, **more)


def views(past):
    return {f.view: f for f in forecast.side_by_side(past)}


def test_steady_use_is_foretold_without_error():
    told = views(history([60] * 12, population=90.0, administered=[30] * 12))
    assert told[View.CONSUMPTION].monthly == pytest.approx(60)
    assert told[View.CONSUMPTION].mape == 0
    # 30 given x 1 / (1 - 0.5).
    assert told[View.SESSIONS].monthly == pytest.approx(60)
    assert (told[View.POPULATION].monthly, told[View.POPULATION].mape, told[View.POPULATION].bias) == (90, 0.5, 0.5)
    assert told[View.POPULATION].trials == 9


def test_errors_are_those_of_forecasts_made_from_the_months_before():
    used = [10, 20, 30, 40, 50]
    told = views(history(used))[View.CONSUMPTION]
    # Month 4 was foretold as (10 + 20 + 30) / 3 = 20, month 5 as 25; both too low.
    assert told.trials == 2
    assert told.mape == pytest.approx((20 + 25) / 90)
    assert told.bias == pytest.approx(-(20 + 25) / 90)
    # The naive forecast errs by 10 each month.
    assert told.mase == pytest.approx(22.5 / 10)


@settings(deadline=None)
@given(st.lists(st.integers(0, 200), min_size=4, max_size=14), st.integers(0, 500))
def test_the_future_changes_no_forecast_of_the_past(used, last):
    before = views(history(used))
    after = forecast.side_by_side(history([*used, last]))
    said = forecast._said(View.CONSUMPTION, history([*used, last]))[len(used)]
    assert said == pytest.approx(before[View.CONSUMPTION].monthly, nan_ok=True)
    assert len(after) == len(View)


def test_a_month_wholly_out_judges_nobody_and_a_month_partly_out_is_what_was_needed():
    told = views(history([60, 60, 60, 0, 30, 60], out=[0, 0, 0, 30, 15, 0]))[View.CONSUMPTION]
    assert told.trials == 2
    assert told.mape == pytest.approx(0)


def test_what_is_in_force_is_said_with_its_reason_and_with_a_better_view():
    found = forecast.side_by_side(history([10, 90, 20, 80, 30, 70, 25, 75, 50, 52], population=50.0))
    assert forecast.best(found) is View.POPULATION
    told = forecast.why(Source.CONSUMPTION, found)
    assert told.startswith("Its own months say what it uses while it has stock. By population")
    assert forecast.why(Source.POPULATION, found).endswith("so it needs what its children need.")
    assert forecast.best(forecast.side_by_side(history([NAN] * 5))) is None


# Seasons


def seasonal(months, swing, noise=0.05, places=40):
    rng = np.random.default_rng(3)
    level = rng.uniform(50, 200, (places, 1))
    wave = 1 + swing * np.sin(2 * np.pi * np.arange(months) / 12)
    return level * wave * rng.normal(1, noise, (places, months))


def learnt(used, first_month=0):
    return season.learn(used, np.zeros_like(used), np.full(used.shape[1], 30.0), first_month)


def test_a_season_that_the_data_carry_is_found_with_its_shape():
    found = learnt(seasonal(48, 0.4))
    assert found.carried
    assert found.gain > 0.3
    assert found.index[3] == pytest.approx(1.4, abs=0.12)
    assert found.index[9] == pytest.approx(0.6, abs=0.12)


def test_no_season_is_found_where_there_is_none_nor_in_less_than_two_years():
    assert not learnt(seasonal(48, 0.0, noise=0.3)).carried
    short = learnt(seasonal(24, 0.4))
    assert (short.carried, short.trials) == (False, 0)
    assert short.index.tolist() == [1] * 12


def test_a_trend_is_not_taken_for_a_season():
    used = np.linspace(100, 300, 48)[None, :] * np.random.default_rng(1).normal(1, 0.05, (30, 48))
    found = learnt(used)
    assert not found.carried or np.ptp(found.index) < 0.15


def test_a_season_is_put_into_the_forecast_of_use():
    past = history([60] * 12, season=np.r_[np.full(11, 1.0), 1.5], first_month=11)
    # The twelve months begin in December; so does the month to come.
    assert views(past)[View.CONSUMPTION].monthly == pytest.approx(90)
