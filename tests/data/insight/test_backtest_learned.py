"""Does the learned model come out the same each time, read fast what it grew, and say what it cannot do?"""

import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import special
from test_backtest import FIRST, made

from data import models
from data.insight import learned, learned_features, learned_trees
from data.insight.learned_trees import Growth

QUICK = {"seeds": (1, 2), "growth": Growth(trees=15, depth=3)}


@pytest.fixture(scope="module")
def history():
    return made()


@pytest.fixture(scope="module")
def model(history):
    return learned.fit(history, programme="somewhere", **QUICK)


def test_the_same_data_give_the_same_bytes(history, model):
    again = learned.fit(made(), programme="somewhere", **QUICK)
    assert learned.dump(again) == learned.dump(model)
    assert learned.dump(learned.fit(made(seed=4), programme="somewhere", **QUICK)) != learned.dump(model)


def test_a_model_that_was_kept_foretells_the_same(history, model, tmp_path):
    models.path("somewhere", tmp_path).write_bytes(learned.dump(model))
    kept, name = models.stored("somewhere", tmp_path)
    assert re.fullmatch(r"2020-01 to 2021-10, [0-9a-f]{8}", name)
    assert kept.told == model.told
    assert learned.dump(kept) == learned.dump(model)
    np.testing.assert_array_equal(learned.predict(kept, history), learned.predict(model, history))
    assert models.stored("elsewhere", tmp_path) is None


def test_only_positions_that_reported_the_last_month_are_foretold(history, model):
    chance = learned.predict(model, history)
    told = ~np.isnan(history.closing[:, -1])
    assert 0 < told.sum() < len(told)
    np.testing.assert_array_equal(np.isnan(chance), ~told)
    assert ((chance[told] > 0) & (chance[told] < 1)).all()


def test_empty_shelves_are_more_likely_to_be_empty_again(history, model):
    chance, closing = learned.predict(model, history), history.closing[:, -1]
    assert np.nanmean(chance[closing == 0]) > 2 * np.nanmean(chance[closing > 40])


def test_what_the_record_does_not_keep_has_no_part_in_a_model(history, model):
    other = replace(history, ordered=history.ordered + 1000)
    np.testing.assert_array_equal(learned.predict(model, other), learned.predict(model, history))
    assert "ordered" not in model.told.inputs
    assert learned.dump(learned.fit(other, programme="somewhere", **QUICK)) == learned.dump(model)


def test_columns_made_before_give_the_same_probabilities(history, model):
    table, names = learned_features.table(history.without("ordered"))
    assert tuple(names) == model.names
    told = learned.asked(history)
    np.testing.assert_allclose(
        learned.foretell(model, table)[told], learned.predict(model, history)[told], rtol=0, atol=1e-6
    )


def test_older_months_than_are_looked_back_on_change_nothing(model):
    long = made(months=learned_features.MOST_MONTHS + 6)
    recent = long.until(long.last, learned_features.MOST_MONTHS)
    assert recent.months == learned_features.MOST_MONTHS
    np.testing.assert_array_equal(learned.predict(model, long), learned.predict(model, recent))


def test_a_history_of_one_month_can_be_asked(history, model):
    assert np.isfinite(learned.predict(model, history.until(FIRST))).any()


def test_too_little_history_teaches_nothing_and_says_so(history):
    with pytest.raises(learned.TooLittleHistory, match="the count model answers alone"):
        learned.fit(history.until(FIRST + 8), **QUICK)
    with pytest.raises(learned.TooLittleHistory, match="it has 3 months"):
        learned.fit(history.until(FIRST + 2), **QUICK)


def test_a_file_that_is_no_model_is_refused(model):
    with pytest.raises(learned.UnreadableModel, match="not one that train wrote"):
        learned.load(b"something else")
    other = replace(model, told=replace(model.told, features=learned_features.VERSION + 1))
    with pytest.raises(learned.UnreadableModel, match="another version"):
        learned.load(learned.dump(other))


def test_trees_find_a_rule_that_no_single_column_shows():
    rng = np.random.default_rng(5)
    values = rng.random((4000, 3)).astype(np.float32)
    happened = (values[:, 0] > 0.5) != (values[:, 2] > 0.5)
    edges = learned_trees.cut(values)
    bins = learned_trees.place_all(values, edges)
    how = Growth(trees=200, rate=0.1, depth=4, columns=1, rows=0.5)
    trees = learned_trees.grow(bins, happened.astype(float), np.ones(4000), 1, how)
    fresh = rng.random((1000, 3)).astype(np.float32)
    p = special.expit(learned_trees.log_odds(trees, learned_trees.place_all(fresh, edges)))
    assert ((p > 0.5) == ((fresh[:, 0] > 0.5) != (fresh[:, 2] > 0.5))).mean() > 0.95


def test_where_nothing_can_be_told_the_rate_is_given():
    happened = np.arange(2000) % 4 == 0
    bins = np.ones((2000, 2), dtype=np.uint8)
    trees = learned_trees.grow(bins, happened.astype(float), np.ones(2000), 1, Growth(trees=10, columns=1, rows=1))
    np.testing.assert_allclose(special.expit(learned_trees.log_odds(trees, bins)), 0.25, atol=1e-6)


@given(arrays.arrays(np.uint8, (7, 5), elements=st.integers(0, 32)), st.integers(0, 2**32 - 1))
def test_reading_trees_together_is_walking_each_of_them(bins, seed):
    rng = np.random.default_rng(seed)
    trees = learned_trees.Trees(
        start=0.5,
        column=rng.integers(0, 5, (4, 3)).astype(np.uint16),
        above=rng.integers(0, 32, (4, 3)).astype(np.uint8),
        leaf=rng.normal(size=(4, 8)).astype(np.float32),
    )
    for row, told in zip(bins, learned_trees.log_odds(trees, bins), strict=True):
        total = trees.start
        for column, above, leaf in zip(trees.column, trees.above, trees.leaf, strict=True):
            answers = "".join(str(int(row[c] > a)) for c, a in zip(column, above, strict=True))
            total += leaf[int(answers, 2)]
        assert told == pytest.approx(total, abs=1e-5)


@given(arrays.arrays(np.float32, 60, elements=st.floats(-100, 100, width=32) | st.just(float("nan"))))
def test_bins_keep_the_order_and_what_is_not_known_is_apart(column):
    edges = learned_trees.cut(column[:, None])[0]
    placed = learned_trees.place(column, edges)
    known = ~np.isnan(column)
    np.testing.assert_array_equal(placed == 0, ~known)
    order = np.argsort(column[known], kind="stable")
    assert all(one <= two for one, two in pairwise(placed[known][order].tolist()))
    assert placed.max() <= learned_trees.BINS
