"""Who may sign in? Users, their grants and their tokens, made by whoever runs the installation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa

from app.auth import emails, links, passwords, personal, second, tokens
from app.auth.principal import RIGHTS
from app.auth.sealed import Box
from data import db, errors, programmes, queries
from data.record import trail
from data.record.trail import Action

SQL = queries.read(Path(__file__).parent / "sql" / "users.sql")


class InvalidUser(errors.DataError):
    """The field {field} of this user cannot be used: {reason}."""


def address(said: str) -> str:
    """The e-mail address of somebody who is let in, as it is kept; raises `InvalidUser`."""
    email = emails.written(said)
    if not emails.usable(email):
        raise InvalidUser("email", "Give an e-mail address.", reason="it is not one")
    return email


def add(
    engine: sa.Engine, box: Box, email: str, name: str, password: str, *, phone: str = "", breached: Path | None = None
) -> int:
    """Add a user, or give one a new password, name and, where one is said, telephone number; returns the id.

    Ends the sessions of one who was there.
    """
    kept = {"email": address(email), "name": personal.name(box, name), "phone": personal.phone(box, phone)}
    passwords.check(password, email, name, breached=breached)
    hashed = passwords.hashed(password)
    with db.transaction(engine) as conn:
        user = conn.execute(SQL["add"], kept | {"password_hash": hashed}).one()
        conn.execute(SQL["end_sessions"], {"user_id": user.id})
        _log(conn, user.id, Action.PERSON_INVITED if user.fresh else Action.PASSWORD_CHANGED, email, {})
        return int(user.id)


def grant(
    engine: sa.Engine, email: str, role: str, programme: str, *, area: str | None = None, facility: str | None = None
) -> None:
    """Give a user a role in a programme: at an area and all below it, at one facility, or everywhere in it."""
    if role not in RIGHTS:
        raise InvalidUser("role", f"Take one of: {', '.join(RIGHTS)}.", reason=f"there is no role {role}")
    with db.transaction(engine) as conn:
        found = programmes.find(conn, programme)
        asked = {"email": emails.written(email), "role": role, "programme_id": found.id}
        area_id = _id(conn, "area", found.id, area)
        facility_id = _id(conn, "facility", found.id, facility)
        if not conn.execute(SQL["grant"], asked | {"area_id": area_id, "facility_id": facility_id}).rowcount:
            raise InvalidUser("email", "Add the user first.", reason=f"nobody has the e-mail {email}")
        where = {"role": role, "where": facility or area or "everywhere"}
        trail.write(conn, [found.id], trail.OPERATOR, Action.GRANT_GIVEN, emails.written(email), where)


def remove(engine: sa.Engine, email: str) -> None:
    """Put somebody out: ends sessions and tokens, takes the grants back, and forgets the user; records stay."""
    with db.transaction(engine) as conn:
        user = {"user_id": _user(conn, email, "Check how it is written.")}
        of_user = trail.programmes_of(conn, user["user_id"])
        for statement in ("end_all", "end_grants", "remove"):
            conn.execute(SQL[statement], user)
        trail.write(conn, of_user, trail.OPERATOR, Action.PERSON_REMOVED, emails.written(email))


def token(
    engine: sa.Engine,
    email: str,
    label: str,
    days: int,
    *,
    rights: Sequence[str] | None = None,
    programme: str | None = None,
    area: str | None = None,
) -> str:
    """A machine's token for a user, shown once; it may do what the user may do, or the part of it that is named."""
    with db.transaction(engine) as conn:
        user_id = _user(conn, email, "Add the user first.")
        made = tokens.make(conn, user_id, label, days, tokens.scope(conn, rights, programme, area))
        _log(conn, user_id, Action.TOKEN_MADE, email, {"label": label, "rights": rights, "days": days})
        return made


def client(
    engine: sa.Engine,
    email: str,
    label: str,
    *,
    rights: Sequence[str] | None = None,
    programme: str | None = None,
    area: str | None = None,
) -> tuple[str, str]:
    """A connected system that acts for a user; returns its name and its secret, which is shown once."""
    with db.transaction(engine) as conn:
        user_id = _user(conn, email, "Add the user first.")
        made = tokens.add_client(conn, user_id, label, tokens.scope(conn, rights, programme, area))
        _log(conn, user_id, Action.TOKEN_MADE, email, {"client": made[0], "label": label, "rights": rights})
        return made


def end_client(engine: sa.Engine, email: str, name: str) -> None:
    """End a connected system of a user, and its tokens."""
    with db.transaction(engine) as conn:
        user_id = _user(conn, email, "Check how it is written.")
        if not conn.execute(tokens.SQL["end_client"], {"name": name, "user_id": user_id}).rowcount:
            raise InvalidUser("client", "Check how it is written.", reason=f"there is no {name} of {email}")
        _log(conn, user_id, Action.TOKEN_ENDED, email, {"client": name})


def reset(engine: sa.Engine, email: str, *, second_factor: bool = False) -> str:
    """The path of a link with which a user chooses a new password; the second factor goes too where that is wanted."""
    with db.transaction(engine) as conn:
        user_id = _user(conn, email, "Check how it is written.")
        path = links.make(conn, user_id, links.HANDED)
        if second_factor:
            second.take_away(conn, user_id)
            conn.execute(SQL["end_sessions"], {"user_id": user_id})
            _log(conn, user_id, Action.SECOND_FACTOR_OFF, email, {})
        _log(conn, user_id, Action.RESET_LINK_MADE, email, {})
        return path


def switch(engine: sa.Engine, what: str, *, stop: bool) -> None:
    """The kill switch of a person, by e-mail, or of a programme, by code; or let them go on again."""
    with db.transaction(engine) as conn:
        if "@" not in what:
            found = programmes.find(conn, what)
            conn.execute(SQL["stop_programme" if stop else "start_programme"], {"programme_id": found.id})
            action = Action.PROGRAMME_STOPPED if stop else Action.PROGRAMME_STARTED
            trail.write(conn, [found.id], trail.OPERATOR, action, what)
            return
        user = {"user_id": _user(conn, what, "Check how it is written.")}
        conn.execute(SQL["stop" if stop else "start"], user)
        if stop:
            conn.execute(tokens.SQL["end_everything"], user)
        _log(conn, user["user_id"], Action.PERSON_STOPPED if stop else Action.PERSON_STARTED, what, {})


def reseal(engine: sa.Engine, box: Box) -> int:
    """Seal everything that is kept sealed with the first key, all or nothing; returns how much there is.

    That is names, telephone numbers, secrets of second factors, and the ministry's tokens of sessions.
    """
    with db.transaction(engine) as conn:
        provided = conn.execute(personal.SQL["provided"]).all()
        for row in provided:
            kept = {"token_hash": row.token_hash, "provider_token": box.renew(row.provider_token)}
            conn.execute(personal.SQL["keep_provided"], kept)
        return len(provided) + second.renew(conn, box) + personal.renew(conn, box)


def revoke(engine: sa.Engine, email: str) -> int:
    """End every token of a user, whose systems are strangers within two seconds; returns how many there were."""
    with db.transaction(engine) as conn:
        user = {"user_id": _user(conn, email, "Check how it is written.")}
        ended = conn.execute(SQL["revoke"], user).rowcount
        _log(conn, user["user_id"], Action.TOKEN_ENDED, email, {"how many": ended})
        return ended


def _log(conn: sa.Connection, user_id: int, action: Action, email: str, details: dict[str, object]) -> None:
    trail.write(conn, trail.programmes_of(conn, user_id), trail.OPERATOR, action, emails.written(email), details)


def _user(conn: sa.Connection, email: str, remedy: str) -> int:
    found = conn.execute(SQL["user"], {"email": emails.written(email)}).scalar()
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
