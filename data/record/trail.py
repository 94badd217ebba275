"""Who saw or changed what, from where? The log for auditors: written beside what it tells of, never changed.

PostgreSQL numbers and chains the entries of each programme by itself (migration 0011); `python -m app audit` verifies
them. An entry waits for others of its programme until they commit, so it is the last that a transaction writes. What is
secret (passwords, codes, tokens) never comes here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, unique
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from data import queries
from data.schema.trail import INSTALLATION

SQL = queries.read(Path(__file__).parent / "sql" / "trail.sql")


@unique
class Action(StrEnum):
    """What is logged."""

    SIGNED_IN = "signed in"
    SIGN_IN_FAILED = "sign-in failed"
    SIGNED_OUT = "signed out"
    SESSIONS_ENDED = "sessions ended"
    PASSWORD_CHANGED = "password changed"
    RESET_LINK_MADE = "link for a new password made"
    SECOND_FACTOR_ON = "second factor set up"
    SECOND_FACTOR_OFF = "second factor taken away"
    RECOVERY_CODES_MADE = "recovery codes made"
    TOKEN_MADE = "token made"
    TOKEN_ROTATED = "token rotated"
    TOKEN_ENDED = "token ended"
    TOKEN_REUSED = "refresh token used twice"
    PERSON_INVITED = "person invited"
    PERSON_STOPPED = "person stopped"
    PERSON_STARTED = "person let in again"
    PERSON_REMOVED = "person removed"
    DETAILS_CHANGED = "name or telephone number changed"
    GRANT_GIVEN = "role given"
    GRANT_TAKEN = "role taken back"
    PROGRAMME_STOPPED = "programme stopped"
    PROGRAMME_STARTED = "programme started again"
    PERSONAL_SEEN = "personal data seen"
    EXPORTED = "exported"
    COUNT_APPROVED = "count approved"
    COUNT_REFUSED = "count sent back"
    ORDER_APPROVED = "order approved"
    ORDER_REFUSED = "order refused"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it, from where: an id and an e-mail as they are now, the address of the request."""

    id: int | None
    email: str
    address: str = ""


#: Whoever types commands on the server.
OPERATOR = Actor(None, "the command line")


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as it is read; `digest` is that of itself and of all before it."""

    number: int
    at: datetime
    actor_id: int | None
    actor: str
    action: str
    object: str
    details: dict[str, Any]
    address: str
    digest: bytes


def write(
    conn: sa.Connection,
    programmes: Iterable[int],
    actor: Actor,
    action: Action,
    object: str = "",
    details: Mapping[str, object] | None = None,
) -> None:
    """Log it in each of these programmes; where there is none, in the installation's own log."""
    conn.execute(SQL["write"], {
        "programmes": sorted(programmes) or [INSTALLATION], "actor_id": actor.id, "actor": actor.email,
        "action": action.value, "object": object, "details": json.dumps(details or {}, default=str),
        "address": actor.address,
    })  # fmt: skip


def programmes_of(conn: sa.Connection, user_id: int) -> list[int]:
    """The programmes in whose logs it stands what this person does to themselves."""
    return list(conn.execute(SQL["programmes_of"], {"user_id": user_id}).scalars())


def entries(
    conn: sa.Connection,
    programme_id: int,
    *,
    before: int | None = None,
    actor: str | None = None,
    action: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    most: int,
) -> Sequence[Entry]:
    """The newest entries of a programme, before a number where there is more; `actor` is a part of the e-mail."""
    asked = {"before": before, "actor": actor, "action": action, "since": since, "until": until, "most": most}
    return [Entry(*row) for row in conn.execute(SQL["entries"], asked | {"programme_id": programme_id})]
