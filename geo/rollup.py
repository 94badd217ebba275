"""What do facilities and areas say, where it is worked out and not kept? Numbers become statuses and vectors. Pure.

The past (geo.past), lenses (geo.lens) and parts of a programme (geo.parts) share it; what is kept is rolled up by
geo.aggregates, in PostgreSQL.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from data.columns import Ints
from data.types import WORST, WORST_FIRST, State
from geo.areas import Status
from geo.registry import Registry
from geo.values import Vector

#: The byte of an area without a number.
NO_DATA = 255
#: States from the worst, and the rank of each.
BY_RANK = np.array([int(state) for state in WORST_FIRST], dtype=np.uint8)
RANK = np.argsort(BY_RANK).astype(np.uint8)

_SHARES = ("risk_share", "out_share", "reporting_share")


class Named(Protocol):
    """An area of the registry."""

    @property
    def id(self) -> int:
        """Its row."""

    @property
    def seat(self) -> int:
        """Its place in every vector of areas."""

    @property
    def code(self) -> str:
        """Its code."""

    @property
    def name(self) -> str:
        """Its name."""


def worst(ordinal: Ints, state: NDArray[np.uint8], held: NDArray[np.bool_], product_seat: int) -> NDArray[np.uint8]:
    """The worst state of each facility's positions, which are given by ordinal.

    One that has none here, but is `held` to handle other products, is inactive for a single product.
    """
    rank = np.full(held.size, RANK.size, dtype=np.uint8)
    np.minimum.at(rank, ordinal, RANK[state])
    none = np.where(held & (product_seat != WORST), np.uint8(State.INACTIVE), np.uint8(State.NO_REPORT))
    return np.where(rank < RANK.size, BY_RANK[np.minimum(rank, RANK.size - 1)], none).astype(np.uint8)


def share(part: int, whole: int) -> int:
    """A whole percentage as the generated columns of data.schema make it; 255 of nothing."""
    if not whole:
        return NO_DATA
    return max(1, (200 * part + whole) // (2 * whole)) if part else 0


def status(area: Named, numbers: Sequence[int], last_event_at: datetime | None = None) -> Status:
    """The roll-up of an area: `numbers` are its facilities by state, then its children: all, at risk, without stock."""
    *states, children, at_risk, without = numbers
    handling = sum(states)
    return Status(
        area.id,
        area.seat,
        area.code,
        area.name,
        **{state.name.lower(): count for state, count in zip(sorted(State), states, strict=True)},
        children=children,
        children_at_risk=at_risk,
        children_out=without,
        risk_share=share(at_risk, children),
        out_share=share(without, children),
        reporting_share=share(handling - states[0], handling),
        last_event_at=last_event_at,
    )


def worst_first(found: Sequence[Status]) -> list[Status]:
    """Areas by the share of children at risk, the largest first, then by their number; those without one last."""
    return sorted(found, key=lambda s: (s.risk_share == NO_DATA, -s.risk_share, -s.children_at_risk, s.name))


def shares(registry: Registry, seq: int, found: Sequence[Status]) -> Vector:
    """The three vectors of all areas, in the order of their seats."""
    return vector(registry, seq, b"".join(bytes(getattr(s, name) for s in found) for name in _SHARES))


def vector(registry: Registry, seq: int, body: bytes) -> Vector:
    """A vector with the digest of what is in it."""
    digest = hashlib.blake2b(body, digest_size=9, salt=registry.version.to_bytes(8, "big"))
    return Vector(body, seq, digest.hexdigest())
