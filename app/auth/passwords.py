"""Is this the password? argon2id hashes, renewed when the parameters grow."""

from __future__ import annotations

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from app.auth.sessions import SQL
from data import db

_hasher = PasswordHasher()
#: Checked when nobody has the e-mail, so that the answer takes as long as for somebody who exists.
_NOBODY = _hasher.hash("nobody has this password")


def hashed(password: str) -> str:
    """The argon2id hash that is stored."""
    return _hasher.hash(password)


def verify(engine: sa.Engine, email: str, password: str, *, demo: bool) -> int | None:
    """The id of the user with this e-mail and password, or None; demo users only exist in demo mode."""
    with db.transaction(engine) as conn:
        user = conn.execute(SQL["user_by_email"], {"email": email.strip()}).one_or_none()
    try:
        _hasher.verify(user.password_hash if user else _NOBODY, password)
    except VerificationError:
        return None
    if user is None or (user.demo and not demo):
        return None
    if _hasher.check_needs_rehash(user.password_hash):
        with db.transaction(engine) as conn:
            conn.execute(SQL["rehash"], {"id": user.id, "password_hash": hashed(password)})
    return int(user.id)
