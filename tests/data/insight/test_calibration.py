"""Scores of counted cases are the scores of the cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.insight import calibration, scores
from data.insight.calibration import Cases
from data.insight.scores import Bin

outcomes = st.lists(st.tuples(st.integers(0, 100), st.booleans()), min_size=1, max_size=60)


def _counted(hundredths: list[int], happened: list[bool]) -> Cases:
    """Each case as a count of its own, at exactly its hundredth."""
    p, y = np.array(hundredths) / 100, np.array(happened, dtype=np.float64)
    fine = np.minimum(np.array(hundredths), 99).astype(np.int64)
    return Cases(fine, np.ones(p.size), p, y, (p - y) ** 2)


@settings(deadline=None)
@given(outcomes)
def test_counted_cases_have_the_scores_of_the_cases(cases: list[tuple[int, bool]]) -> None:
    hundredths, happened = map(list, zip(*cases, strict=True))
    # 1.00 shares its hundredth with 0.99, which are then ties.
    hundredths = [99 if t == 100 else t for t in hundredths]
    p, y = np.array(hundredths) / 100, np.array(happened)
    found = calibration.score(_counted(hundredths, happened))
    assert found.count == len(cases)
    assert found.happened == sum(happened)
    assert found.brier == pytest.approx(scores.brier(p, y))
    assert found.error == pytest.approx(scores.calibration_error(p, y))
    expected = scores.reliability(p, y)
    assert [(b.low, b.count) for b in found.bins] == [(b.low, b.count) for b in expected]
    if 0 < sum(happened) < len(happened):
        assert found.auc == pytest.approx(scores.auc(p, y))
        assert found.skill == pytest.approx(scores.skill(p, y, y.mean()))
    else:
        assert found.auc is None
        assert found.skill is None


def test_without_a_case_there_is_no_score() -> None:
    found = calibration.score(_counted([], []))
    assert found.count == 0
    assert found.brier is None
    assert found.bins == []


def test_a_bin_is_said_in_words() -> None:
    assert calibration.sentence(Bin(0.6, 0.7, 1240, 0.65, 0.66)) == "Of 1,240 places shown at 60 to 70 %, 66 % ran out."
    assert calibration.sentence(Bin(0.0, 0.1, 1, 0.05, 0.0)) == "Of 1 place shown at 0 to 10 %, none ran out."
    assert "over 99 % ran out" in calibration.sentence(Bin(0.9, 1.0, 1000, 0.95, 0.999))
    assert "under 1 % ran out" in calibration.sentence(Bin(0.0, 0.1, 1000, 0.05, 0.001))
    assert "all ran out" in calibration.sentence(Bin(0.9, 1.0, 10, 0.95, 1.0))
