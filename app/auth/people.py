"""Who has which right, and who may change that? Administrators, within the area that they manage users in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from app.auth import links, personal, principal, second, tokens, users
from app.auth.principal import RIGHTS, ROLE_WORDS, Principal
from app.auth.sealed import Box
from app.auth.users import InvalidUser
from data import errors, programmes, queries
from data.programmes import Programme
from geo import places

SQL = queries.read(Path(__file__).parent / "sql" / "people.sql")


class UnknownPerson(errors.DataError):
    """There is nobody like that in the area that you administer."""


class OutOfReach(errors.DataError):
    """You may not do this: {reason}."""


@dataclass(frozen=True, slots=True)
class Held:
    """A role that somebody has somewhere; `place` is None for a whole programme."""

    id: int
    role: str
    place: str | None
    code: str | None
    lineage: tuple[int, ...]
    facility_id: int | None
    source: str

    @property
    def rights(self) -> frozenset[str]:
        """What comes with it."""
        return RIGHTS[self.role]

    @property
    def words(self) -> str:
        """The role, as people say it."""
        return ROLE_WORDS[self.role]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with roles in a programme, as far as an administrator's area goes.

    Name, e-mail and telephone number are masked where who asks may not see them: then they are not `openly` there.
    """

    id: int
    name: str
    email: str
    phone: str
    openly: bool
    demo: bool
    stopped_at: datetime | None
    second: bool
    password: bool
    seen_at: datetime | None
    held: tuple[Held, ...]

    def where(self, right: str) -> str:
        """Where this person has a right: `everywhere`, names of places, or nothing."""
        own = [h for h in self.held if right in h.rights]
        if any(h.place is None for h in own):
            return "everywhere"
        return ", ".join(dict.fromkeys(str(h.place) for h in own))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a role is given: a whole programme, an area, or a facility in one."""

    name: str
    area_id: int | None = None
    facility_id: int | None = None
    lineage: tuple[int, ...] = ()


def listed(
    conn: sa.Connection, box: Box, who: Principal, programme: Programme, user_id: int | None = None
) -> list[Person]:
    """Everybody with a role in the area that this administrator manages users in, in the order of their names."""
    scope = who.scope("users", programme.id)
    found: dict[int, list[sa.Row[Any]]] = {}
    for row in conn.execute(SQL["grants"], {"programme_id": programme.id, "user_id": user_id}):
        lineage = tuple(row.lineage)
        within = scope.covers_area(lineage) if row.facility_id is None else scope.covers(row.facility_id, lineage)
        if within:
            found.setdefault(row.user_id, []).append(row)
    personal_data = who.scope("personal", programme.id)
    everybody = []
    for rows in found.values():
        reach = [(tuple(r.lineage), r.facility_id) for r in rows]
        openly = rows[0].user_id == who.user_id or any(
            personal_data.covers_area(line) if facility is None else personal_data.covers(facility, line)
            for line, facility in reach
        )
        everybody.append(_person(box, rows, openly=openly))
    return sorted(everybody, key=lambda person: (person.name.casefold(), person.id))


def one(conn: sa.Connection, box: Box, who: Principal, programme: Programme, user_id: int) -> Person:
    """Somebody with a role in the administrator's area; raises `UnknownPerson`."""
    found = listed(conn, box, who, programme, user_id)
    if not found:
        raise UnknownPerson
    return found[0]


def place(conn: sa.Connection, programme: Programme, said: str) -> Place:
    """The place that was meant: a code, or a name that only one area or facility has; blank is the whole programme."""
    said = said.strip()
    if not said:
        return Place(programme.name)
    for kind in ("area", "facility"):
        row = conn.execute(SQL[kind], {"programme_id": programme.id, "code": said}).one_or_none()
        if row is not None:
            area_id = row.id if row.facility_id is None else None
            return Place(row.name, area_id, row.facility_id, tuple(row.lineage))
    found = places.search(conn, programme.id, said, 6)
    same = [f for f in found if places.fold(f.name) == places.fold(said)] or found
    if len(same) == 1:
        return place(conn, programme, same[0].code)
    if not same:
        raise errors.UnknownArea("place", "Write its code, or its name as the map has it.", value=said)
    known = ", ".join(f"{f.code} ({f.name}{f', {f.place}' if f.place else ''})" for f in same[:5])
    raise InvalidUser("place", f"Write one of these codes: {known}.", reason="several places are called so")


@dataclass(frozen=True, slots=True)
class Guest:
    """Who is to be let in, as it was typed."""

    email: str
    name: str
    phone: str = ""


def invite(
    conn: sa.Connection, box: Box, who: Principal, programme: Programme, guest: Guest, role: str, where: Place
) -> tuple[int, str | None]:
    """Give a role to somebody, who is added where nobody has the e-mail; returns their id and the path of their link.

    There is no link for somebody who was here already.
    """
    email = users.address(guest.email)
    known = conn.execute(SQL["by_email"], {"email": email}).one_or_none()
    if known is not None and known.demo:
        raise InvalidUser("email", "Take another one.", reason="it is a published login")
    _may(who, programme, -1 if known is None else known.id, role, where)
    if known is not None:
        give(conn, who, programme, known.id, role, where)
        return known.id, None
    kept = {"email": email, "name": personal.name(box, guest.name), "phone": personal.phone(box, guest.phone)}
    user_id = int(conn.execute(SQL["invite"], kept).scalar_one())
    give(conn, who, programme, user_id, role, where)
    return user_id, links.make(conn, user_id, links.HANDED)


def give(conn: sa.Connection, who: Principal, programme: Programme, user_id: int, role: str, where: Place) -> None:
    """Give a role; raises `OutOfReach`."""
    _may(who, programme, user_id, role, where)
    conn.execute(SQL["give"], {
        "user_id": user_id, "programme_id": programme.id, "role": role, "area_id": where.area_id,
        "facility_id": where.facility_id,
    })  # fmt: skip


def take(conn: sa.Connection, who: Principal, programme: Programme, person: Person, held_id: int) -> Held:
    """Take a role back; raises `OutOfReach`."""
    held = next((h for h in person.held if h.id == held_id), None)
    if held is None:
        raise UnknownPerson
    where = Place(held.place or "", None, held.facility_id, held.lineage)
    _may(who, programme, person.id, held.role, where)
    conn.execute(SQL["take"], {"id": held.id})
    return held


def demand_whole(conn: sa.Connection, who: Principal, person: Person) -> None:
    """Raise where somebody has a role that this administrator could not take back: hands off their account."""
    for row in conn.execute(SQL["grants_of"], {"user_id": person.id}):
        may = principal.may_grant(
            who, person.id, row.role, row.programme_id, lineage=tuple(row.lineage), facility_id=row.facility_id
        )
        if not may:
            raise OutOfReach(
                remedy="You may take back the roles that they have in your area.",
                reason=f"{person.name} also has a role outside the area that you administer, or it is you",
            )


def call(conn: sa.Connection, box: Box, who: Principal, person: Person, name: str, phone: str) -> None:
    """Give somebody another name and telephone number; raises `OutOfReach`, `InvalidName`, `InvalidPhone`."""
    demand_whole(conn, who, person)
    if not person.openly:
        raise OutOfReach(reason="you may not see personal data here")
    own(conn, box, person.id, name, phone)


def own(conn: sa.Connection, box: Box, user_id: int, name: str, phone: str) -> None:
    """Keep another name and telephone number; raises `InvalidName`, `InvalidPhone`, and `OutOfReach` for a demo's."""
    kept = {"user_id": user_id, "name": personal.name(box, name), "phone": personal.phone(box, phone)}
    if conn.execute(personal.SQL["own"], {"user_id": user_id}).one().demo:
        raise OutOfReach("name", "Take a login of your own.", reason="this one is published with the demo")
    conn.execute(personal.SQL["keep"], kept)


def reset_link(conn: sa.Connection, who: Principal, person: Person) -> str:
    """The path of a link with which somebody chooses a new password."""
    demand_whole(conn, who, person)
    return links.make(conn, person.id, links.HANDED)


def stop(conn: sa.Connection, who: Principal, person: Person) -> None:
    """The kill switch: nothing of this person works within two seconds, and they cannot sign in."""
    demand_whole(conn, who, person)
    conn.execute(SQL["stop"], {"user_id": person.id})
    conn.execute(tokens.SQL["end_everything"], {"user_id": person.id})


def start(conn: sa.Connection, who: Principal, person: Person) -> None:
    """Let somebody sign in again; what was ended stays so."""
    demand_whole(conn, who, person)
    conn.execute(SQL["start"], {"user_id": person.id})


def end_all(conn: sa.Connection, who: Principal, person: Person) -> None:
    """End every session and token of somebody, who may sign in again."""
    demand_whole(conn, who, person)
    conn.execute(tokens.SQL["end_everything"], {"user_id": person.id})


def forget_second(conn: sa.Connection, who: Principal, person: Person) -> None:
    """Take somebody's second factor away, whose telephone is gone; their sessions end."""
    demand_whole(conn, who, person)
    second.take_away(conn, person.id)
    conn.execute(tokens.SQL["end_browsers"], {"user_id": person.id})


def stop_programme(conn: sa.Connection, who: Principal, programme: Programme) -> None:
    """The kill switch of a programme, for who administers all of it: nobody sees it within two seconds."""
    if not who.scope("users", programme.id).whole:
        raise OutOfReach(reason="that is for an administrator of the whole programme")
    conn.execute(SQL["stop_programme"], {"programme_id": programme.id})


def start_programme(conn: sa.Connection, user_id: int | None, code: str) -> int:
    """Let a stopped programme be seen again; returns its id. Without a user it is whoever types commands here."""
    found = conn.execute(SQL["start_programme"], {"user_id": user_id, "code": code}).scalar_one_or_none()
    if found is None:
        raise errors.UnknownProgramme("programme", "It is not stopped, or not yours to start.", value=code)
    return int(found)


def stopped(conn: sa.Connection, user_id: int) -> Sequence[sa.Row[Any]]:
    """The stopped programmes that somebody may start again."""
    return conn.execute(SQL["stopped"], {"user_id": user_id}).all()


def administered(conn: sa.Connection, who: Principal) -> list[Programme]:
    """The programmes in which somebody manages users."""
    return [p for p in programmes.every(conn) if who.has("users", p.code)]


def roles(conn: sa.Connection, user_id: int) -> list[tuple[str, str]]:
    """The roles of somebody in words, each with where."""
    return [
        (ROLE_WORDS[row.role], f"{row.place}, {row.programme}" if row.place else row.programme)
        for row in conn.execute(SQL["grants_of"], {"user_id": user_id})
    ]


def _may(who: Principal, programme: Programme, user_id: int, role: str, where: Place) -> None:
    may = principal.may_grant(who, user_id, role, programme.id, lineage=where.lineage, facility_id=where.facility_id)
    if not may:
        raise OutOfReach(
            "place",
            "Choose a place within the area that you administer; nobody changes their own roles.",
            reason=f"{ROLE_WORDS.get(role, 'that role')} at {where.name} is not yours to give or take",
        )


def _person(box: Box, rows: Sequence[sa.Row[Any]], *, openly: bool) -> Person:
    first = rows[0]
    held = tuple(Held(r.id, r.role, r.place, r.place_code, tuple(r.lineage), r.facility_id, r.source) for r in rows)
    name, phone, email = personal.read_name(box, first.name), personal.read_phone(box, first.phone), first.email
    if not openly:
        name, phone = personal.masked_name(first.user_id, name), personal.masked_phone(phone)
        email = personal.masked_email(email)
    return Person(
        first.user_id, name, email, phone, openly, first.demo, first.stopped_at, first.second, first.password,
        first.seen_at, held,
    )  # fmt: skip
