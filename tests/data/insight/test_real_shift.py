"""Does what was learnt still help when it is a month old, over other horizons, and before the next delivery?

On Côte d'Ivoire's reports, each model trained on the past alone. The figures are in docs/risk.md, from `measure`.
"""

from pathlib import Path

import numpy as np
import pytest

from data.insight import demand, history, learned, policy, risk, scores, shift
from data.insight.ahead import HORIZONS, MONTH
from data.insight.backtest_rivals import month_lengths
from data.insight.delay import Delay
from data.insight.learned_history import empty
from data.insight.learned_trees import Growth
from data.packs import monthly, reader

PACK = Path(__file__).resolve().parents[2] / "packs" / "civ"
LEAD, INTERVAL = 14, 30


def counted(h, t, preset, tier, due=None):
    """What the count model says at the end of month t: within each horizon, and before the next delivery."""
    lengths = month_lengths(h)
    arrived = np.nan_to_num(h.received[:, : t + 1]) > 0
    back = arrived[:, ::-1].argmax(axis=1)
    since = np.where(arrived.any(axis=1), 15 + lengths[: t + 1].sum() - np.cumsum(lengths)[t - back], np.nan)
    seen = slice(max(0, t + 1 - history.WINDOW_MONTHS), t + 1)
    amounts = {name: getattr(h, name)[:, seen] for name in ("closing", "opening", "received", "used", "days_out")}
    need = demand.estimate(
        amounts["used"],
        demand.days_out_at_least(
            amounts["days_out"], amounts["opening"], amounts["received"], lengths[seen], used=amounts["used"]
        ),
        ~np.isnan(amounts["closing"]), lengths[seen], group=np.unique(h.product * 100 + tier, return_inverse=True)[1],
        handles=(np.nan_to_num(amounts["closing"] + amounts["received"] + amounts["used"]) > 0).any(axis=1),
    )  # fmt: skip
    low, high = policy.bands(preset, need.amc, LEAD, INTERVAL)
    found = risk.assess(
        risk.Positions(
            usable=np.nan_to_num(h.closing[:, t]), doses_per_vial=1, demand=need,
            days_to_next_delivery=INTERVAL - since if due is None else due, delivery_interval_days=INTERVAL,
            days_since_report=np.where(np.isnan(h.closing[:, t]), np.nan, 0), minimum=low, maximum=high,
        ),
        None if due is None else Delay(on_time=1),
    )  # fmt: skip
    return found.within, found.probability


def measure(folder, first, last, preset="OpenLMIS", seeds=learned.SEEDS, growth=None):
    """Forecasts of the months from `first` to `last`, made at the end of the month before, of shelves with stock."""
    country = reader.read(PACK, folder)
    h = monthly.history(country).without("ordered")
    tier = country.facilities["tier"].factorize()[0][h.facility]
    out, known, cases = empty(h), learned.lessons(h), {}
    said, chances = {}, {}
    for t in range(first - h.first - 2, last - h.first):
        model = learned.fit(h.until(h.first + t), known=known, seeds=seeds, growth=growth)
        said[t] = learned.predict(model, h.until(h.first + t)).astype(np.float64)
        chances[t] = counted(h, t, preset, tier)

    def case(name, rows, happened, **told):
        for method, chance in told.items():
            cases.setdefault(name, {}).setdefault(method, []).append(np.column_stack([chance[rows], happened[rows]]))

    for t in range(first - h.first - 1, last - h.first):
        within = chances[t][0]
        month, then = within[:, MONTH], chances[t - 1][0][:, MONTH]
        by, old = shift.between(said[t], month), shift.between(said[t - 1], then)
        held = (h.closing[:, t] > 0) & ~np.isnan(month)
        told = held & ~np.isnan(h.closing[:, t + 1])
        case("at the month's end", told, out[:, t + 1], count=month, in_force=shift.laid(by, 1, month, month))
        case("a month old", told & (h.closing[:, t - 1] > 0) & ~np.isnan(then), out[:, t + 1], count=month,
             in_force=shift.laid(old, shift.weight(30), month, month), unfaded=shift.laid(old, 1, month, month),
             as_it_was=said[t - 1], plain=plain(said[t - 1], then, month))  # fmt: skip
        for months, place in ((2, HORIZONS.index(60)), (3, HORIZONS.index(90))):
            # The outcome has to lie within the months that are looked at.
            if t + months <= last - h.first:
                ahead = slice(t + 1, t + 1 + months)
                case(f"within {months} months", held & ~np.isnan(h.closing[:, ahead]).any(axis=1),
                     out[:, ahead].any(axis=1), count=within[:, place],
                     in_force=shift.laid(by, 1, within[:, place], month),
                     plain=plain(said[t], month, within[:, place]))  # fmt: skip
        alone = counted(h, t, preset, tier, np.full(len(out), month_lengths(h)[t + 1]))[1]
        case("before a delivery, of those that received nothing", told & (np.nan_to_num(h.received[:, t + 1]) == 0),
             out[:, t + 1], count=alone, in_force=shift.laid(by, 1, alone, month),
             plain=plain(said[t], month, alone))  # fmt: skip
    return {name: {m: _scored(np.concatenate(parts)) for m, parts in told.items()} for name, told in cases.items()}


def plain(learnt, month, now):
    """All of the distance between what was learnt and what was counted, laid on what is counted now: not done."""
    return 1 / (1 + np.exp(shift.log_odds(month) - shift.log_odds(learnt) - shift.log_odds(now)))


def _scored(pairs):
    chance, happened = pairs[:, 0], pairs[:, 1] > 0
    return {
        "n": len(pairs), "foretold": round(float(chance.mean()), 4), "happened": round(float(happened.mean()), 4),
        "auc": round(scores.auc(chance, happened), 4), "brier": round(scores.brier(chance, happened), 4),
        "calibration": round(scores.calibration_error(chance, happened), 4),
    }  # fmt: skip


@pytest.fixture(scope="module")
def found(shared_data):
    return measure(shared_data, 2017 * 12 + 8, 2017 * 12 + 10, seeds=(1,), growth=Growth(trees=80, rate=0.12))


def test_what_was_learnt_beats_the_count_at_the_months_end_and_when_it_is_a_month_old(found):
    for moment in ("at the month's end", "a month old"):
        count, in_force = found[moment]["count"], found[moment]["in_force"]
        assert in_force["n"] > 1000
        assert in_force["brier"] < count["brier"], moment
        assert in_force["calibration"] < count["calibration"], moment


def test_it_helps_over_two_and_three_months_as_it_is_laid_on_them(found):
    for moment in ("within 2 months", "within 3 months"):
        count, in_force, plain = (found[moment][name] for name in ("count", "in_force", "plain"))
        assert in_force["brier"] < count["brier"], moment
        assert in_force["auc"] > plain["auc"], moment


def test_before_a_delivery_it_does_no_harm_to_a_count_that_is_right(found):
    count, in_force = (
        found["before a delivery, of those that received nothing"][name] for name in ("count", "in_force")
    )
    assert in_force["brier"] < count["brier"] + 0.003
