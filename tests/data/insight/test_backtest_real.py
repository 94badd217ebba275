"""Are real stockouts foretold as docs/risk.md says? On Côte d'Ivoire's reports, from each month's past alone.

Fewer trees and months than there, to be quick: what is asked is less than what was measured.
"""

from pathlib import Path

import numpy as np
import pytest

from data.insight import backtest
from data.insight.learned_trees import Growth
from data.packs import monthly, reader

PACK = Path(__file__).resolve().parents[2] / "packs" / "civ"
MONTHS = (2018 * 12 + 5, 2018 * 12 + 7)


@pytest.fixture(scope="module")
def history(shared_data):
    return monthly.history(reader.read(PACK, shared_data))


@pytest.fixture(scope="module")
def found(history):
    return backtest.run(history, *MONTHS, seeds=(1,), growth=Growth(trees=80, rate=0.12), boosting=False)


def test_a_pack_is_read_as_it_was_reported(history):
    assert history.closing.shape == (1235, 36)
    assert history.first == 2016 * 12
    assert int((~np.isnan(history.closing)).sum()) == 29_579
    # site C4001, product AS27134 in January 2018: 147 at first, 13 used, 134 left, nothing ordered.
    at = np.flatnonzero((history.closing[:, 24] == 134) & (history.opening[:, 24] == 147) & (history.used[:, 24] == 13))
    assert (history.ordered[at, 24] == 0).any()
    assert (history.area >= 0).all()
    assert (history.product >= 0).all()
    assert (history.facility >= 0).all()


def test_the_learned_model_foretells_real_stockouts_better_than_any_rule(found):
    learnt, held = (backtest.score(found, backtest.LEARNED, held) for held in (False, True))
    assert learnt.cases > 2500
    assert learnt.auc > 0.93
    assert held.auc > 0.79
    assert learnt.calibration_error < 0.03
    for rule in (backtest.MONTHS_OF_STOCK, backtest.COUNTS_TRANSLATED, backtest.POISSON, backtest.CLIMATOLOGY):
        for rows in (False, True):
            ruled = backtest.score(found, rule, rows)
            mine = backtest.score(found, backtest.WITHOUT_ORDERS, rows)
            assert mine.brier < ruled.brier, rule


def test_months_of_stock_reaches_what_was_published_of_it(found):
    one = backtest.score(found, backtest.MONTHS_OF_STOCK, held=False)
    assert one.auc == pytest.approx(0.895, abs=0.02)
