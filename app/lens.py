"""Through what are the numbers of now looked at? Another horizon for chances, another authority's levels for states.

What is kept is not changed by it: a lens belongs to a view, as its address says (`horizon=30`, `preset=WHO-EPI`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from data import errors
from data.insight import ahead, demand, policy, risk
from data.stock import Facility, Position
from data.types import State

#: States that minimum and maximum decide; no other one depends on them.
_BY_LEVEL = frozenset({State.LOW, State.OVERSTOCK, State.ADEQUATE})


class UnknownLens(errors.DataError):
    """{value} is no {field} that can be looked through."""


@dataclass(frozen=True, slots=True)
class Lens:
    """`horizon` in days, None is "before the next delivery"; the name of a `preset`, None is the programme's own."""

    horizon: int | None = None
    preset: str | None = None


#: Nothing but what is kept.
PLAIN = Lens()


def asked(view: Mapping[str, str | None]) -> Lens:
    """The lens of a view: the horizon where probabilities are shown, the preset where states are; `PLAIN` for the past.

    Raises `UnknownLens`.
    """
    if view.get("month") or view.get("as_of"):
        return PLAIN
    horizon, preset = view.get("horizon"), view.get("preset")
    if view.get("colour") == "probability" and horizon:
        if horizon not in map(str, ahead.HORIZONS):
            days = ", ".join(map(str, ahead.HORIZONS))
            raise UnknownLens("horizon", f"Choose one of {days} days.", value=horizon)
        return Lens(horizon=int(horizon))
    if view.get("colour") == "state" and preset:
        if preset not in policy.PRESETS:
            raise UnknownLens("preset", f"Choose one of {', '.join(policy.PRESETS)}.", value=preset)
        return Lens(preset=preset)
    return PLAIN


def preset_of(programme_preset: str, facility: Facility, position: Position) -> str:
    """The name of the preset in force for a position."""
    if position.preset is not None:
        return policy.NAMES[position.preset]
    return policy.STORES if facility.supplies else programme_preset


def band(preset: str, facility: Facility, position: Position) -> tuple[float, float] | None:
    """Minimum and maximum of a position by a preset; None where its demand is not known."""
    if not position.amc:
        return None
    low, high = policy.bands(preset, position.amc, facility.lead_time_days, facility.delivery_interval_days)
    return float(low), float(high)


def through(lens: Lens, facility: Facility, positions: Sequence[Position]) -> list[Position]:
    """The positions as they are seen: with another probability, or another state."""
    if lens.horizon is not None:
        place = ahead.HORIZONS.index(lens.horizon)
        return [replace(p, probability=None if p.within is None else p.within[place]) for p in positions]
    if lens.preset is not None:
        return [replace(p, state=_state(lens.preset, facility, p)) for p in positions]
    return list(positions)


def _state(preset: str, facility: Facility, position: Position) -> State:
    levels = band(preset, facility, position)
    if position.state not in _BY_LEVEL or levels is None or position.usable is None:
        return position.state
    # A report and a delivery of today: what is left to decide are the levels, by the rule that decides them anywhere.
    [state] = risk.states(
        risk.Positions(
            usable=[position.usable],
            doses_per_vial=position.doses_per_vial,
            demand=demand.plain([position.amc or np.nan]),
            days_to_next_delivery=0,
            days_since_report=0,
            minimum=levels[0],
            maximum=levels[1],
            expiring=np.nan if position.expiring is None else position.expiring,
        )
    )
    return State(int(state))
