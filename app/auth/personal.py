"""How are names and telephone numbers of people kept, read and masked? Sealed; and what is read stays out of logs.

What `data` reads of somebody is their id and sealed name, as `17 gAAAAA...`: it knows no keys. Who may read a name is
said by `app.auth.naming`.
"""

from __future__ import annotations

import re
from pathlib import Path

import sqlalchemy as sa

from app.auth.sealed import Box, Unopened
from app.logs import private
from data import db, errors, queries

SQL = queries.read(Path(__file__).parent / "sql" / "personal.sql")
#: What stands in place of something that the keys of this installation do not open.
UNREADABLE = "name cannot be read"
UNREADABLE_PHONE = "number cannot be read"
MOST_NAME = 200
#: ITU-T E.164: a country's code and a number, 15 digits at most.
_INTERNATIONAL = re.compile(r"\+[1-9][0-9]{6,14}")
#: What people write between the digits.
_BETWEEN = re.compile(r"[\s().\-/]+")


class InvalidName(errors.DataError):
    """This name cannot be kept: {reason}."""


class InvalidPhone(errors.DataError):
    """This telephone number cannot be kept: {reason}."""


def name(box: Box, said: str) -> str:
    """The sealed text of a name; raises `InvalidName`."""
    said = said.strip()
    if not said or len(said) > MOST_NAME or not said.isprintable():
        raise InvalidName("name", "Write how colleagues know them.", reason="it is missing or too long")
    return box.seal(said.encode())


def phone(box: Box, said: str) -> str | None:
    """The sealed text of a telephone number, None where it was left blank; raises `InvalidPhone`."""
    said = said.strip()
    if not said:
        return None
    digits = _BETWEEN.sub("", said)
    if digits.startswith("00"):
        digits = "+" + digits[2:]
    if not _INTERNATIONAL.fullmatch(digits):
        reason = "it is not an international number"
        raise InvalidPhone("phone", "Begin with + and the country's code, as in +234 803 555 0123.", reason=reason)
    return box.seal(digits.encode())


def read_name(box: Box, sealed: str) -> str:
    """The name that was sealed, or that it cannot be read."""
    return _read(box, sealed) or UNREADABLE


def read_phone(box: Box, sealed: str | None) -> str:
    """The number that was sealed; blank where there is none."""
    return "" if sealed is None else _read(box, sealed) or UNREADABLE_PHONE


def masked_name(user_id: int, read: str) -> str:
    """Initials and a number that is theirs alone, `A. O. #17`, which tells people apart and does not name them."""
    if read == UNREADABLE:
        return f"{UNREADABLE} (#{user_id})"
    initials = [next((c for c in word if c.isalnum()), "") for word in read.partition("@")[0].split()]
    return " ".join([*(f"{c.upper()}." for c in initials[:3] if c), f"#{user_id}"])


def masked_email(read: str) -> str:
    """The first letter and the domain: `a…@example.org`."""
    before, _, domain = read.partition("@")
    return f"{before[:1]}…@{domain}"


def masked_phone(read: str) -> str:
    """The last two digits: `…23`; blank where there is none."""
    return f"…{read[-2:]}" if read.startswith("+") else read


def renew(conn: sa.Connection, box: Box) -> int:
    """Seal every name and number with the first key; returns how many there are. Raises `Unopened`."""
    rows = conn.execute(SQL["every"]).all()
    for row in rows:
        kept = {"user_id": row.id, "name": box.renew(row.name), "phone": row.phone and box.renew(row.phone)}
        conn.execute(SQL["keep"], kept)
    return sum(1 if row.phone is None else 2 for row in rows)


def seal_plain(engine: sa.Engine, box: Box) -> int:
    """Seal the names that an older version left plain; returns how many. From then on no plain one can be there."""
    with db.transaction(engine) as conn:
        rows = conn.execute(SQL["plain"]).all()
        for row in rows:
            kept = {"user_id": row.id, "name": box.seal(row.name.encode()), "phone": row.phone}
            conn.execute(SQL["keep"], kept)
        if conn.execute(SQL["unvalidated"]).first() is not None:
            conn.execute(SQL["validate"])
        return len(rows)


def _read(box: Box, sealed: str) -> str | None:
    try:
        read = box.open(sealed).decode()
    except (Unopened, UnicodeDecodeError):
        return None
    private(read)
    return read
