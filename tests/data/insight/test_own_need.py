"""What explains a place's demand is what was computed among all: the same number, and its formula comes to it."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.insight import consumption, demand, formula, own_need, policy
from data.insight.demand import Source
from data.insight.own_need import Own
from data.insight.peers import Peers

YEAR = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], dtype=float)
MONTHS = [date(2026, m, 1) for m in range(1, 13)]
NAN = np.nan


def nation(seed, places=40):
    """Places of two tiers in three areas, thin histories and full ones, with and without children and sessions."""
    rng = np.random.default_rng(seed)
    children = np.where(rng.random(places) < 0.7, rng.integers(20, 500, places), NAN).astype(float)
    group = rng.integers(0, 2, places)
    children = np.where(group == 1, NAN, children)
    level = rng.gamma(2, 40, places)[:, None]
    used = np.where(
        rng.random((places, 12)) < rng.choice([0.05, 0.9, 1], places)[:, None], rng.poisson(level, (places, 12)), NAN
    )
    out = np.where(rng.random((places, 12)) < 0.1, rng.integers(1, 29, (places, 12)), 0).astype(float)
    weight = rng.choice([1, 1, 1, 0.1, 0], (places, 12)).astype(float)
    return {
        "used": used, "out": out, "weight": weight, "children": children, "group": group,
        "area": rng.integers(0, 3, places),
        "administered": np.where(rng.random((places, 1)) < 0.3, rng.poisson(20, (places, 12)), NAN).astype(float),
        "window": rng.choice([6, 12], places), "method": rng.integers(0, 4, places),
        "handles": rng.random(places) < 0.8,
    }  # fmt: skip


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000))
def test_one_place_is_explained_by_the_number_that_it_has_among_all(seed):
    at = nation(seed)
    expected = demand.from_population(at["children"], 2.0, 0.4)
    need, taught = demand.work_out(
        at["used"], at["out"], ~np.isnan(at["used"]), YEAR, group=at["group"], area=at["area"],
        expected_monthly=expected, handles=at["handles"], weight=at["weight"], window=at["window"],
        method=at["method"], given=demand.from_sessions(at["administered"], np.full(40, 0.4), at["out"], YEAR),
    )  # fmt: skip
    for i in range(40):
        mine = at["group"][i] * taught.areas + at["area"][i]
        peers = Peers(*(getattr(taught, n)[[mine]] for n in ("level", "spread", "dispersion", "drift", "ratio")))
        own = Own(
            months=MONTHS, used=at["used"][i], days_out=at["out"][i], days=YEAR, weight=at["weight"][i],
            campaign=np.zeros(12, dtype=bool), administered=at["administered"][i], handles=bool(at["handles"][i]),
            method=policy.METHOD_NAMES[int(at["method"][i])], window=int(at["window"][i]), wastage=0.4,
            children=at["children"][i], doses_per_child=2.0, peers=peers,
        )  # fmt: skip
        found = own_need.work_out(own)
        assert found.amc[0] == pytest.approx(need.amc[i], nan_ok=True)
        assert found.source[0] == need.source[i]
        assert found.uncertainty[0] == pytest.approx(need.uncertainty[i])
        source = Source(int(found.source[0]))
        told = own_need._BY[source](own, found, "doses")
        if "used none" in own_need.explain(own, "doses").note:
            continue
        assert (told.value is None) == np.isnan(need.amc[i])
        if told.value is not None:
            # OpenLMIS rounds up in its own way, whatever a month counts.
            assert told.value == pytest.approx(need.amc[i], rel=1e-9), (source, formula.words(told))


def own(used, **more):
    said = {
        "months": MONTHS, "used": np.array(used, dtype=float), "days_out": np.zeros(12), "days": YEAR,
        "weight": np.ones(12), "campaign": np.zeros(12, dtype=bool), "administered": np.full(12, NAN), "handles": True,
        "method": consumption.MSUPPLY, "window": 12, "wastage": 0.5, "children": NAN, "doses_per_child": NAN,
        "peers": None,
    } | more  # fmt: skip
    return Own(**said)


def test_months_that_do_not_count_are_named_with_their_reason():
    used = np.full(12, 100.0)
    used[2] = NAN
    out = np.zeros(12)
    out[5] = 30
    campaign = np.zeros(12, dtype=bool)
    campaign[7] = True
    weight = np.ones(12)
    weight[[9, 10]] = 0, 0.1
    told = own_need.explain(own(used, days_out=out, campaign=campaign, weight=weight), "doses")
    assert told.worked == "710 doses / 7.1 months x 215 / (215 - 0)"
    assert "left out are months of a campaign: Aug 2026, not reported: Mar 2026" in told.note
    assert "out of stock (nearly) throughout: Jun 2026, doubted: Oct 2026" in told.note
    assert "months that are doubted count for less" in told.note
    assert told.text.endswith("its own months say what it uses while it has stock")


def test_a_thin_history_says_what_it_is_drawn_towards():
    peers = Peers(np.array([1.2]), np.array([0.2]), np.array([5.0]), np.array([0.1]), np.array([True]))
    used = np.full(12, NAN)
    used[-2:] = 30.0
    told = own_need.explain(
        own(used, peers=peers, children=600.0, doses_per_child=1.0, likes="the health facilities of Kano"), "doses"
    )
    # 600 children a year, half of it wasted: 100 doses a month, of which like places use 1.2.
    assert "of like places" in told.worked
    assert (
        "the health facilities of Kano: they use 1.2 x what their children need, which is 100 doses a month"
        in told.note
    )
    assert 30 < told.value < 120
    nothing = own_need.explain(own(np.full(12, NAN), peers=peers, children=600.0, doses_per_child=1.0), "doses")
    assert nothing.worked == "600 children x 1 / 12 / (1 - 0.5) x 1.2"
    assert nothing.value == pytest.approx(120)


def test_what_was_never_used_and_never_expected_has_no_number():
    told = own_need.explain(own(np.full(12, NAN), handles=False), "pieces")
    assert (told.value, told.unit) == (None, "pieces a month")
    assert "nothing is known" in told.text


def test_stock_without_use_is_said_to_need_none():
    peers = Peers(np.array([80.0]), np.array([900.0]), np.array([5.0]), np.array([0.1]), np.array([False]))
    used = np.full(12, NAN)
    used[:4] = 0.0
    told = own_need.explain(own(used, peers=peers), "doses")
    assert told.value == 0
    assert "it had stock in 4 months and used none" in told.note
