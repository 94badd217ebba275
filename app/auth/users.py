"""Who may sign in? Users, their grants and their tokens, made by whoever runs the installation."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from app.auth import passwords
from app.auth.principal import RIGHTS
from app.auth.sessions import Sessions
from data import db, errors, programmes, queries

SQL = queries.read(Path(__file__).parent / "sql" / "users.sql")

_DAY = 24 * 3600


class InvalidUser(errors.DataError):
    """The field {field} of this user cannot be used: {reason}."""


def add(engine: sa.Engine, email: str, name: str, password: str, *, breached: Path | None = None) -> int:
    """Add a user, or give one a new password and name; returns the id. Ends the sessions of one who was there."""
    if "@" not in email or email != email.strip():
        raise InvalidUser("email", "Give an e-mail address.", reason="it is not one")
    passwords.check(password, email, name, breached=breached)
    with db.transaction(engine) as conn:
        stored = {"email": email.lower(), "name": name, "password_hash": passwords.hashed(password)}
        user_id = int(conn.execute(SQL["add"], stored).scalar_one())
        conn.execute(SQL["end_sessions"], {"user_id": user_id})
        return user_id


def grant(
    engine: sa.Engine, email: str, role: str, programme: str, *, area: str | None = None, facility: str | None = None
) -> None:
    """Give a user a role in a programme: at an area and all below it, at one facility, or everywhere in it."""
    if role not in RIGHTS:
        raise InvalidUser("role", f"Take one of: {', '.join(RIGHTS)}.", reason=f"there is no role {role}")
    with db.transaction(engine) as conn:
        found = programmes.find(conn, programme)
        asked = {"email": email.lower(), "role": role, "programme_id": found.id}
        area_id = _id(conn, "area", found.id, area)
        facility_id = _id(conn, "facility", found.id, facility)
        if not conn.execute(SQL["grant"], asked | {"area_id": area_id, "facility_id": facility_id}).rowcount:
            raise InvalidUser("email", "Add the user first.", reason=f"nobody has the e-mail {email}")


def remove(engine: sa.Engine, email: str) -> None:
    """Put somebody out: ends sessions and tokens, takes the grants back, and forgets the user; records stay."""
    with db.transaction(engine) as conn:
        user = {"user_id": _user(conn, email, "Check how it is written.")}
        for statement in ("end_all", "end_grants", "remove"):
            conn.execute(SQL[statement], user)


def token(engine: sa.Engine, email: str, label: str, days: int) -> str:
    """A machine's token for a user, shown once; it may do what the user may do."""
    with db.transaction(engine) as conn:
        user_id = _user(conn, email, "Add the user first.")
    return Sessions(engine, demo=False).open(user_id, kind="token", label=label, seconds=days * _DAY)


def revoke(engine: sa.Engine, email: str) -> int:
    """End every token of a user, whose systems are strangers within two seconds; returns how many there were."""
    with db.transaction(engine) as conn:
        user = {"user_id": _user(conn, email, "Check how it is written.")}
        return conn.execute(SQL["revoke"], user).rowcount


def _user(conn: sa.Connection, email: str, remedy: str) -> int:
    found = conn.execute(SQL["user"], {"email": email.lower()}).scalar()
    if found is None:
        raise InvalidUser("email", remedy, reason=f"nobody has the e-mail {email}")
    return int(found)


def _id(conn: sa.Connection, kind: str, programme_id: int, code: str | None) -> int | None:
    if code is None:
        return None
    found = conn.execute(SQL[kind], {"programme_id": programme_id, "code": code}).scalar()
    if found is None:
        unknown = errors.UnknownArea if kind == "area" else errors.UnknownFacility
        raise unknown(kind, "Search for it by name to find its code.", value=code)
    return int(found)
