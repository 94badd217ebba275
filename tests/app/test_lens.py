"""What a view is looked at through, and how positions look then."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import lens
from app.lens import PLAIN
from data import lens as seen_through
from data.insight import ahead, demand, policy, risk
from data.lens import Lens
from data.stock import Facility, Position
from data.types import State

FACILITY = Facility(
    id=1, code="F1", name="Gwale PHC", tier="facility", lineage=[], lon=None, lat=None, catchment=100, supplies=False,
    delivery_interval_days=30, lead_time_days=7, report_interval_days=31, open=True, flags=[], state=State.ADEQUATE,
    probability=0.1, last_event_at=datetime(2026, 11, 20, tzinfo=UTC),
)  # fmt: skip
POSITION = Position(
    product_id=1, code="BCG", name="BCG", seat=1, unit="dose", doses_per_vial=20, usable=500, total=500, amc=400.0,
    state=State.ADEQUATE, probability=0.2, cover_p10=20, cover_p50=38, cover_p90=60, next_delivery_on=None,
    last_event_at=None, out_since=None, within=[0.01, 0.05, 0.2, 0.5, 0.9],
)  # fmt: skip


def test_a_horizon_goes_with_probabilities_and_a_preset_with_states() -> None:
    view = {"horizon": "30", "preset": "WHO-EPI"}
    assert lens.asked(view | {"colour": "probability"}) == Lens(horizon=30)
    assert lens.asked(view | {"colour": "state"}) == Lens(preset="WHO-EPI")
    assert lens.asked(view | {"colour": "risk"}) == PLAIN
    assert lens.asked(view | {"colour": "probability", "month": "2016-05"}) == PLAIN
    assert lens.asked(view | {"colour": "state", "as_of": "2026-03-04"}) == PLAIN
    assert lens.asked({}) == PLAIN


def test_what_nobody_offers_is_refused_with_what_there_is() -> None:
    with pytest.raises(seen_through.UnknownLens, match="31 is no horizon") as refused:
        lens.asked({"colour": "probability", "horizon": "31"})
    assert "7, 14, 30, 60, 90" in refused.value.remedy
    with pytest.raises(seen_through.UnknownLens, match="MINE is no preset") as refused:
        lens.asked({"colour": "state", "preset": "MINE"})
    assert "NPHCDA, WHO-EPI, OpenLMIS, MSH" in refused.value.remedy


def test_through_a_horizon_a_position_has_the_probability_of_its_days() -> None:
    for days, probability in zip(ahead.HORIZONS, POSITION.within or [], strict=True):
        [seen] = lens.through(Lens(horizon=days), FACILITY, [POSITION])
        assert seen.probability == probability
        assert seen.state == POSITION.state
    [unjudged] = lens.through(Lens(horizon=30), FACILITY, [replace(POSITION, within=None)])
    assert unjudged.probability is None


def test_through_a_preset_a_position_has_the_state_of_its_levels() -> None:
    # 500 doses at 400 a month are 1.25 months: the NPHCDA's maximum exactly, between WHO's 1 and 3, below OpenLMIS' 3.
    states = {name: lens.through(Lens(preset=name), FACILITY, [POSITION])[0].state for name in policy.PRESETS}
    assert states["NPHCDA"] == State.ADEQUATE
    assert states["WHO-EPI"] == State.ADEQUATE
    assert states["OpenLMIS"] == State.LOW
    assert lens.through(Lens(preset="NPHCDA"), FACILITY, [replace(POSITION, usable=501)])[0].state == State.OVERSTOCK


def test_no_preset_changes_what_does_not_stand_on_levels() -> None:
    for state in (State.STOCKOUT, State.CRITICAL, State.INACTIVE, State.NO_REPORT):
        [seen] = lens.through(Lens(preset="OpenLMIS"), FACILITY, [replace(POSITION, state=state)])
        assert seen.state == state


@settings(deadline=None)
@given(
    st.integers(20, 5_000), st.floats(1, 2_000), st.none() | st.floats(0, 50), st.sampled_from(sorted(policy.PRESETS))
)
def test_a_state_through_a_preset_is_the_state_of_a_programme_that_has_it(usable, amc, expiring, preset) -> None:
    position = replace(POSITION, usable=usable, amc=amc, expiring=expiring)
    low, high = policy.bands(preset, amc, FACILITY.lead_time_days, FACILITY.delivery_interval_days)
    [whole] = risk.states(
        risk.Positions(
            usable=[usable], doses_per_vial=20, demand=demand.plain([amc]), days_to_next_delivery=10,
            days_since_report=3, minimum=low, maximum=high, expiring=np.nan if expiring is None else expiring,
        )
    )  # fmt: skip
    kept = State(int(whole))
    [seen] = lens.through(Lens(preset=preset), FACILITY, [replace(position, state=kept)])
    assert seen.state == kept
