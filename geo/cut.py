"""What is left of it for somebody who sees a part? Vectors and pushes, cut to what lies within a reach. Pure.

An area that is wholly within keeps its values; one above it is given those of the part; every other area, and every
facility that is not within, has `NO_DATA`, of which a map draws the outline and no colour.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from geo.reach import Reach

#: The byte of what is not within: of an area "no data", of a facility no state that there is, and no probability.
NO_DATA = 255
#: What is left of a push of which nothing is: it keeps its number, so that nobody believes to have missed one.
NOTHING = "map:update"


def areas(reach: Reach, body: bytes, lines: Iterable[Sequence[int]]) -> bytes:
    """The three vectors of areas; `lines` (seat, product seat, risk, out, reporting, ...) are of the areas above."""
    rows = np.frombuffer(body, dtype=np.uint8).reshape(3, -1)
    left = np.full_like(rows, NO_DATA)
    left[:, reach.areas] = rows[:, reach.areas]
    for seat, _, risk, out, reporting, *_ in lines:
        left[:, seat] = risk, out, reporting
    return left.tobytes()


def facilities(reach: Reach, first: int, body: bytes) -> bytes:
    """The two vectors of the facilities from ordinal `first` on."""
    rows = np.frombuffer(body, dtype=np.uint8).reshape(2, -1)
    own = reach.facilities - first
    own = own[(own >= 0) & (own < rows.shape[1])]
    left = np.full_like(rows, NO_DATA)
    left[:, own] = rows[:, own]
    return left.tobytes()


def push(
    reach: Reach, event: str, payload: dict[str, Any], above: Iterable[Sequence[int]] | None = None
) -> tuple[str, dict[str, Any]]:
    """A push as somebody is told it; `above` are the lines of the areas above, which only `map:update` tells."""
    if event == "map:update":
        own, seats = set(reach.facilities.tolist()), set(reach.areas.tolist())
        kept = [line for line in payload["areas"] if line[0] in seats]
        left = [one for one in payload["facilities"] if one[0] in own]
        return event, payload | {"facilities": left, "areas": [*kept, *map(list, above or ())]}
    if event == "stock:update":
        return event, payload | {
            "lines": [line for line in payload["lines"] if line["facility"] in reach.facility_codes]
        }
    if event == "map:reload" or payload.get("facility") in reach.facility_codes:
        return event, payload
    return NOTHING, {"at": payload.get("at"), "facilities": [], "areas": []}


def touched(reach: Reach, payload: dict[str, Any]) -> set[int]:
    """The product seats for which a `map:update` changes the numbers of a reach, and so of the areas above it."""
    seats = set(reach.root_seats)
    found = {line[1] for line in payload["areas"] if line[0] in seats}
    if reach.loose:
        own = set(reach.facilities.tolist())
        found |= {one[1] for one in payload["facilities"] if one[0] in own}
    return found


def above(reach: Reach, payload: dict[str, Any]) -> list[list[int]] | None:
    """The lines of the areas above, where a `map:update` says enough: of a reach that is one area, they are its own.

    None where PostgreSQL has to be asked.
    """
    if len(reach.root_seats) != 1 or reach.loose:
        return None
    [root] = reach.root_seats
    own = [line for line in payload["areas"] if line[0] == root]
    return [[part.seat, *line[1:]] for line in own for part in reach.parts.values()]
