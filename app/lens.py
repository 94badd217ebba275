"""Through what are the numbers of now looked at? Another horizon for chances, another authority's levels for states.

What is kept is not changed by it: a lens belongs to a view, as its address says (`horizon=30`, `preset=WHO-EPI`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from data import lens
from data.insight import ahead, policy, risk
from data.lens import Lens
from data.stock import Facility, Position
from data.types import State

#: Nothing but what is kept.
PLAIN = Lens()


def asked(view: Mapping[str, str | None]) -> Lens:
    """The lens of a view: the horizon where probabilities are shown, the preset where states are; `PLAIN` for the past.

    Raises `UnknownLens`.
    """
    if view.get("month") or view.get("as_of"):
        return PLAIN
    colour = view.get("colour")
    preset = view.get("preset") if colour == "state" else None
    horizon = view.get("horizon") if colour == "probability" else None
    return lens.asked(preset, horizon) or PLAIN


def preset_of(programme_preset: str, facility: Facility, position: Position) -> str:
    """The name of the preset in force for a position."""
    if position.preset is not None:
        return position.preset
    return policy.STORES if facility.supplies else programme_preset


def band(preset: str, facility: Facility, position: Position) -> tuple[float, float] | None:
    """Minimum and maximum of a position by a preset; None where its demand is not known."""
    if not position.amc:
        return None
    low, high = policy.bands(preset, position.amc, facility.lead_time_days, facility.delivery_interval_days)
    return float(low), float(high)


def through(seen: Lens, facility: Facility, positions: Sequence[Position]) -> list[Position]:
    """The positions as they are seen: with another probability, or another state."""
    shown = list(positions)
    if seen.horizon is not None:
        place = ahead.HORIZONS.index(seen.horizon)
        shown = [replace(p, probability=None if p.within is None else p.within[place]) for p in shown]
    if seen.preset is not None:
        shown = [replace(p, state=_state(seen.preset, facility, p)) for p in shown]
    return shown


def _state(preset: str, facility: Facility, position: Position) -> State:
    levels = band(preset, facility, position) or (math.nan, math.nan)
    usable, expiring = (math.nan if v is None else float(v) for v in (position.usable, position.expiring))
    state = np.array([int(position.state)], dtype=np.uint8)
    [under] = risk.under_bands(state, *(np.array([v]) for v in (usable, *levels, expiring)))
    return State(int(under))
