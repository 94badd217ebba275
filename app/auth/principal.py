"""Who is asking? A person or a machine with its grants; pure, and the one table of rights."""

from __future__ import annotations

from dataclasses import dataclass

#: What each role may do. Reading is open to every role, inside the programmes granted.
RIGHTS: dict[str, frozenset[str]] = {
    "national": frozenset({"see", "record", "count", "approve"}),
    "area": frozenset({"see", "record", "count", "approve"}),
    "facility": frozenset({"see", "record", "count"}),
    "analyst": frozenset({"see"}),
    "administrator": frozenset({"see"}),
    "machine": frozenset({"see", "record", "count"}),
}

ROLE_WORDS = {
    "national": "National logistics officer",
    "area": "Cold chain officer",
    "facility": "Facility in-charge",
    "analyst": "Analyst",
    "administrator": "Administrator",
    "machine": "Connected system",
}


@dataclass(frozen=True, slots=True)
class Grant:
    """A role in a programme, at an area and all below it, at one facility, or (both None) everywhere in it."""

    programme_id: int
    programme: str
    role: str
    area_id: int | None
    facility_id: int | None

    def covers(self, facility_id: int, lineage: tuple[int, ...]) -> bool:
        """Whether a facility, lying in the areas of `lineage`, is within this grant."""
        if self.facility_id is not None:
            return self.facility_id == facility_id
        return self.area_id is None or self.area_id in lineage


@dataclass(frozen=True, slots=True)
class Principal:
    """A signed-in person or machine. `token_hash` names the session; it is not a secret."""

    user_id: int
    name: str
    email: str
    token_hash: bytes
    grants: tuple[Grant, ...]
    programmes: frozenset[str]

    def may(self, right: str, programme_id: int, facility_id: int, lineage: tuple[int, ...]) -> bool:
        """Whether any grant gives this right at this facility."""
        return any(
            g.programme_id == programme_id and right in RIGHTS[g.role] and g.covers(facility_id, lineage)
            for g in self.grants
        )

    def role_words(self, programme: str) -> str:
        """The role in this programme, as people say it."""
        return next((ROLE_WORDS[g.role] for g in self.grants if g.programme == programme), "")
