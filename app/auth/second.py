"""Is it really them? The second factor: an authenticator app's codes, and recovery codes for when it is gone."""

from __future__ import annotations

import base64
import secrets
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from app.auth import totp
from app.auth.sealed import Box
from app.auth.sessions import token_hash
from data import errors, queries

SQL = queries.read(Path(__file__).parent / "sql" / "second.sql")
#: How many recovery codes are made; each has 80 bits, so that a hash of it says nothing.
CODES = 10


class WrongCode(errors.DataError):
    """This code is not right, or was used already."""


class NotSetUp(errors.DataError):
    """The second factor could not be changed: {reason}."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How it stands with somebody's second factor; `codes` are the recovery codes left."""

    on: bool
    since: datetime | None
    required: bool
    demo: bool
    codes: int


def standing(conn: sa.Connection, user_id: int) -> Standing:
    """Whether a second factor is set up, and whether it has to be."""
    row = conn.execute(SQL["has"], {"user_id": user_id}).one()
    return Standing(row.on, row.since, row.required, row.demo, row.codes)


def verify(conn: sa.Connection, box: Box, user_id: int, given: str) -> str:
    """Take a code of the app, or a recovery code, which is then spent; says which. Raises `WrongCode`."""
    kept = conn.execute(SQL["kept"], {"user_id": user_id}).one_or_none()
    if kept is not None and kept.totp_secret is not None:
        step = totp.match(box.open(kept.totp_secret), given, time.time(), kept.totp_step)
        if step is not None:
            conn.execute(SQL["used"], {"user_id": user_id, "step": step})
            return "authenticator app"
        spent = {"user_id": user_id, "code_hash": token_hash(_bare(given))}
        if conn.execute(SQL["recover"], spent).rowcount:
            return "recovery code"
    raise WrongCode("code", "Wait for the next one that the app shows, and check that the phone's clock is right.")


def set_up(conn: sa.Connection, box: Box, user_id: int, secret: bytes, given: str) -> list[str]:
    """Begin to ask for a second factor, once its first code is right; returns the recovery codes."""
    step = totp.match(secret, given, time.time(), 0)
    if step is None:
        raise WrongCode("code", "Wait for the next one that the app shows, and check that the phone's clock is right.")
    kept = {"user_id": user_id, "secret": box.seal(secret), "step": step}
    if not conn.execute(SQL["set_up"], kept).rowcount:
        raise NotSetUp("code", "Take the one there is away first.", reason="there is one already, or this is a demo")
    return new_codes(conn, user_id)


def prove(conn: sa.Connection, of_session: bytes) -> None:
    """Remember that this session has given a second factor, and end the person's others that have not."""
    conn.execute(SQL["prove"], {"token_hash": of_session})


def take_away(conn: sa.Connection, user_id: int) -> bool:
    """Ask for no second factor any more; whether there was one."""
    conn.execute(SQL["forget_codes"], {"user_id": user_id})
    return bool(conn.execute(SQL["take_away"], {"user_id": user_id}).rowcount)


def new_codes(conn: sa.Connection, user_id: int) -> list[str]:
    """Recovery codes in place of those there were; only their hashes are kept."""
    codes = [_grouped(base64.b32encode(secrets.token_bytes(10)).decode("ascii")) for _ in range(CODES)]
    conn.execute(SQL["forget_codes"], {"user_id": user_id})
    conn.execute(SQL["keep_codes"], {"user_id": user_id, "hashes": [token_hash(_bare(code)) for code in codes]})
    return codes


def renew(conn: sa.Connection, box: Box) -> int:
    """Seal every secret with the first key of this installation; returns how many there are."""
    rows = conn.execute(SQL["sealed"]).all()
    for row in rows:
        conn.execute(SQL["seal"], {"user_id": row.id, "secret": box.renew(row.totp_secret)})
    return len(rows)


def _grouped(code: str) -> str:
    return "-".join(code[i : i + 4] for i in range(0, len(code), 4))


def _bare(code: str) -> str:
    return "".join(c for c in code.upper() if c.isalnum())
