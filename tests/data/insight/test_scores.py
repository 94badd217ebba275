"""The scores of predictions, against cases worked out by hand and against their definitions."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from data.insight import scores

CASES = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60)


def test_scores_of_four_predictions_are_those_worked_out_by_hand() -> None:
    p, y = [0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]
    assert scores.auc(p, y) == 0.75
    assert math.isclose(scores.brier(p, y), (0.01 + 0.16 + 0.4225 + 0.04) / 4)
    assert math.isclose(scores.skill(p, y, 0.5), 1 - scores.brier(p, y) / 0.25)
    assert scores.precision_recall(p, y, 0.4) == (0.5, 0.5)


def test_a_bin_holds_its_lower_end_and_the_last_one_also_certainty() -> None:
    found = scores.reliability([0.0, 0.1, 0.3, 0.7, 1.0], [0, 1, 0, 1, 1])
    assert [(b.low, b.count, b.happened) for b in found] == [
        (0.0, 1, 0.0), (0.1, 1, 1.0), (0.3, 1, 0.0), (0.7, 1, 1.0), (0.9, 1, 1.0),
    ]  # fmt: skip


def test_where_all_ended_alike_there_is_no_ranking_and_no_skill() -> None:
    assert math.isnan(scores.auc([0.2, 0.4], [1, 1]))
    assert math.isnan(scores.skill([0.2], [1], 1.0))
    assert all(math.isnan(v) for v in scores.precision_recall([0.1], [0], 0.5))


@given(CASES)
def test_scores_keep_their_bounds_and_auc_is_its_definition(cases: list[tuple[float, bool]]) -> None:
    p, y = np.array([c[0] for c in cases]), np.array([c[1] for c in cases])
    assert 0 <= scores.brier(p, y) <= 1
    assert 0 <= scores.calibration_error(p, y) <= 1
    assert sum(b.count for b in scores.reliability(p, y)) == len(cases)
    hits, misses = p[y], p[~y]
    if hits.size and misses.size:
        wins = (hits[:, None] > misses).sum() + (hits[:, None] == misses).sum() / 2
        assert math.isclose(scores.auc(p, y), wins / hits.size / misses.size)
