"""What of a programme may somebody reach? All of it, or some areas with all below them and single facilities.

Pure values. Who has which is app.auth's, what lies in them geo.reach's, and data.walls holds PostgreSQL to it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scope:
    """A part of a programme, by the ids of areas (with all below them) and of facilities; or the whole."""

    programme_id: int
    whole: bool = False
    areas: frozenset[int] = frozenset()
    facilities: frozenset[int] = frozenset()

    @property
    def empty(self) -> bool:
        """Whether nothing is within."""
        return not (self.whole or self.areas or self.facilities)

    def covers(self, facility_id: int, lineage: tuple[int, ...]) -> bool:
        """Whether a facility, lying in the areas of `lineage`, is within."""
        return self.whole or facility_id in self.facilities or not self.areas.isdisjoint(lineage)

    def covers_area(self, lineage: tuple[int, ...]) -> bool:
        """Whether all of an area is within; `lineage` are the ids from the nation down to itself."""
        return self.whole or not self.areas.isdisjoint(lineage)


def whole(programme_id: int) -> Scope:
    """All of a programme."""
    return Scope(programme_id, whole=True)


#: The ids of every place, as a filter that lets all through: a multirange as PostgreSQL writes it.
EVERYTHING = "{(,)}"
