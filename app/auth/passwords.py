"""Is this the password? argon2id hashes, renewed when the parameters grow."""

from __future__ import annotations

import threading

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from app.auth.sessions import SQL
from data import db, errors

_hasher = PasswordHasher()
#: Each check takes 64 MiB and several cores: two at once in a process, so that guessing leaves pages their part.
TURNS = threading.BoundedSemaphore(2)
#: Seconds that somebody waits for a turn; a thread that waits longer answers nobody else meanwhile.
PATIENCE = 0.5
#: Checked when nobody has the e-mail, so that the answer takes as long as for somebody who exists.
_NOBODY = _hasher.hash("nobody has this password")


class TooManyAtOnce(errors.DataError):
    """Many people are signing in just now."""


def hashed(password: str) -> str:
    """The argon2id hash that is stored."""
    return _hasher.hash(password)


def verify(engine: sa.Engine, email: str, password: str, *, demo: bool) -> int | None:
    """The id of the user with this e-mail and password, or None; demo users only exist in demo mode.

    Raises `TooManyAtOnce` where no turn comes in time.
    """
    with db.transaction(engine) as conn:
        user = conn.execute(SQL["user_by_email"], {"email": email.strip()}).one_or_none()
    if not TURNS.acquire(timeout=PATIENCE):
        raise TooManyAtOnce(remedy="Wait a few seconds and try again.")
    try:
        _hasher.verify(user.password_hash if user else _NOBODY, password)
    except VerificationError:
        return None
    finally:
        TURNS.release()
    if user is None or (user.demo and not demo):
        return None
    if _hasher.check_needs_rehash(user.password_hash):
        with db.transaction(engine) as conn:
            conn.execute(SQL["rehash"], {"id": user.id, "password_hash": hashed(password)})
    return int(user.id)
