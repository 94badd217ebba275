"""Who is asking? A person or a machine with its grants; pure, and the one table of rights."""

from __future__ import annotations

from dataclasses import dataclass

from data.scope import Scope

#: What can be done, in words; each is had somewhere: in a programme, in an area and all below it, at a facility.
RIGHT_WORDS: dict[str, str] = {
    "see": "See stock, risk and what has happened",
    "record": "Record what happens to stock",
    "count": "Count stock",
    "approve": "Approve counts and orders of others",
    "order": "Order stock",
    "alerts": "Manage alerts: acknowledge, assign, comment",
    "export": "Take files away: CSV, workbooks, PDF",
    "personal": "See personal data: names, telephone numbers and e-mail addresses of staff",
    "users": "Manage users: invite, grant within the own area, put out",
}

#: Rights that are given and that nothing asks for yet: alerts open and close by the data, and nobody handles one.
UNUSED = frozenset({"alerts"})

#: What each role may do, where it was granted. The one table of rights: nothing else says who may do what.
RIGHTS: dict[str, frozenset[str]] = {
    "national": frozenset({"see", "record", "count", "approve", "order", "alerts", "export", "personal"}),
    "area": frozenset({"see", "record", "count", "approve", "order", "alerts", "export", "personal"}),
    "facility": frozenset({"see", "record", "count", "order", "alerts", "export"}),
    "analyst": frozenset({"see", "export"}),
    "administrator": frozenset({"see", "export", "personal", "users"}),
    "machine": frozenset({"see", "record", "count", "order", "export"}),
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
    """A role in a programme, at an area and all below it, at one facility, or (both None) everywhere in it.

    `only` narrows it to some of the role's rights, as a token may be; None takes nothing away.
    """

    programme_id: int
    programme: str
    role: str
    area_id: int | None
    facility_id: int | None
    only: frozenset[str] | None = None

    def gives(self, right: str) -> bool:
        """Whether this right comes with it."""
        return right in RIGHTS[self.role] and (self.only is None or right in self.only)

    def covers(self, facility_id: int, lineage: tuple[int, ...]) -> bool:
        """Whether a facility, lying in the areas of `lineage`, is within this grant."""
        if self.facility_id is not None:
            return self.facility_id == facility_id
        return self.area_id is None or self.area_id in lineage


@dataclass(frozen=True, slots=True)
class Principal:
    """A signed-in person or machine. `token_hash` names the session; it is not a secret.

    `unproved` says that a second factor has to be set up first; until then there are no grants.
    """

    user_id: int
    name: str
    email: str
    token_hash: bytes
    grants: tuple[Grant, ...]
    programmes: frozenset[str]
    session_id: int = 0
    kind: str = "browser"
    unproved: bool = False

    def may(self, right: str, programme_id: int, facility_id: int, lineage: tuple[int, ...]) -> bool:
        """Whether any grant gives this right at this facility."""
        return any(g.programme_id == programme_id and g.gives(right) and g.covers(facility_id, lineage)
                   for g in self.grants)  # fmt: skip

    def programme_id(self, programme: str) -> int | None:
        """The id of a programme in which anything is granted, by its code."""
        return next((g.programme_id for g in self.grants if g.programme == programme), None)

    def has(self, right: str, programme: str) -> bool:
        """Whether any grant gives this right anywhere in the programme of this code."""
        return any(g.programme == programme and g.gives(right) for g in self.grants)

    def scope(self, right: str, programme_id: int) -> Scope:
        """Where in a programme this right is had."""
        own = [g for g in self.grants if g.programme_id == programme_id and g.gives(right)]
        if any(g.area_id is None and g.facility_id is None for g in own):
            return Scope(programme_id, whole=True)
        return Scope(
            programme_id,
            areas=frozenset(g.area_id for g in own if g.area_id is not None),
            facilities=frozenset(g.facility_id for g in own if g.facility_id is not None),
        )

    def scopes(self, right: str) -> tuple[Scope, ...]:
        """The same in every programme in which it is had at all, in the order of their ids."""
        ids = sorted({g.programme_id for g in self.grants if g.gives(right)})
        return tuple(self.scope(right, programme_id) for programme_id in ids)

    def role_words(self, programme: str) -> str:
        """The role in this programme, as people say it."""
        return next((ROLE_WORDS[g.role] for g in self.grants if g.programme == programme), "")


def may_grant(
    who: Principal, to_user_id: int, role: str, programme_id: int, *,
    lineage: tuple[int, ...] = (), facility_id: int | None = None,
) -> bool:  # fmt: skip
    """Whether somebody may give, or take back, this role there: at the area that `lineage` ends with, at the facility
    that lies in it, or (an empty lineage) in the whole programme.

    Only within the area in which they manage users, and nobody to themselves.
    """
    if role not in RIGHTS or to_user_id == who.user_id:
        return False
    scope = who.scope("users", programme_id)
    return scope.covers_area(lineage) if facility_id is None else scope.covers(facility_id, lineage)
