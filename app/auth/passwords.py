"""Is this the password, and is it a good one? argon2id hashes, renewed when the parameters grow.

A password is refused where it is short, where it is among those that are known from breaches, or where it is quickly
guessed by whoever knows them, the language and the person.
"""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from app.auth import emails
from app.auth.sessions import SQL
from data import db, errors

LEAST, MOST = 12, 128
#: A password has to take this many guesses, as zxcvbn counts them with 30,000 passwords from breaches: a power of ten.
GUESSES = 10.0
_hasher = PasswordHasher()
#: Each check takes 64 MiB and several cores: two at once in a process, so that guessing leaves pages their part.
TURNS = threading.BoundedSemaphore(2)
#: Seconds that somebody waits for a turn; a thread that waits longer answers nobody else meanwhile.
PATIENCE = 0.5
#: Checked when nobody has the e-mail, so that the answer takes as long as for somebody who exists.
_NOBODY = _hasher.hash("nobody has this password")


class TooManyAtOnce(errors.DataError):
    """Many people are signing in just now."""


class WeakPassword(errors.DataError):
    """This password cannot be used: {reason}."""


def hashed(password: str) -> str:
    """The argon2id hash that is stored."""
    return _hasher.hash(password)


def check(password: str, *about: str, breached: Path | None = None) -> None:
    """Raise `WeakPassword` for one that others would guess; `about` is what they know of the person."""
    if not LEAST <= len(password) <= MOST:
        length = "short" if len(password) < LEAST else "long"
        remedy = f"Use {LEAST} to {MOST} characters; a sentence is easy to remember."
        raise WeakPassword("password", remedy, reason=f"it is too {length}")
    # Lists of breached passwords are of SHA-1: it finds a password there, and keeps none.
    digest = hashlib.sha1(password.encode(errors="replace"), usedforsecurity=False).hexdigest().upper()
    if breached is not None and _listed(breached, digest):
        raise WeakPassword("password", "Choose another one.", reason="it is known from a breach")
    # Takes a tenth of a second to be read, and who only looks at the map never needs it.
    from zxcvbn import zxcvbn

    known = [part for text in about for part in (text, *text.replace("@", " ").replace(".", " ").split())]
    if zxcvbn(password[:72], user_inputs=["vaxtrace", *known])["guesses_log10"] < GUESSES:
        remedy = "Use some words that do not belong together, and not your name or e-mail."
        raise WeakPassword("password", remedy, reason="it is among the first that others would try")


def verify(engine: sa.Engine, email: str, password: str, *, demo: bool) -> int | None:
    """The id of the user with this e-mail and password, or None; demo users only exist in demo mode.

    Raises `TooManyAtOnce` where no turn comes in time.
    """
    with db.transaction(engine) as conn:
        user = conn.execute(SQL["user_by_email"], {"email": emails.written(email)}).one_or_none()
    if not TURNS.acquire(timeout=PATIENCE):
        raise TooManyAtOnce(remedy="Wait a few seconds and try again.")
    try:
        _hasher.verify(user.password_hash if user and user.password_hash else _NOBODY, password)
    except VerificationError:
        return None
    finally:
        TURNS.release()
    if user is None or not user.password_hash or (user.demo and not demo):
        return None
    if _hasher.check_needs_rehash(user.password_hash):
        with db.transaction(engine) as conn:
            conn.execute(SQL["rehash"], {"id": user.id, "password_hash": hashed(password)})
    return int(user.id)


def _listed(file: Path, digest: str) -> bool:
    """Whether a file of sorted lines, each a SHA-1 in hexadecimal and perhaps `:times`, has this one."""
    wanted = digest.encode()
    with file.open("rb") as lines:
        low, high = 0, file.stat().st_size
        while low < high:
            middle = (low + high) // 2
            lines.seek(middle)
            if middle:
                lines.readline()
            line = lines.readline()
            if line and line[:40].upper() < wanted:
                low = middle + 1
            else:
                high = middle
        lines.seek(low)
        if low:
            lines.readline()
        return lines.readline()[:40].upper() == wanted
