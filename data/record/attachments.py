"""Which papers go with the record? Delivery notes, count sheets, photographs: kept as they came, by facility.

What a file is, its first bytes say, never its name or its sender.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from data import errors, queries

SQL = queries.read(Path(__file__).parent / "sql" / "attachments.sql")

#: The largest file, in bytes: a photograph of a page is a tenth of it.
MOST_BYTES = 2 * 1024 * 1024
LONGEST_NAME = 120
LARGEST_ID = 2**63 - 1

_FIRST_BYTES = ((b"%PDF-", "application/pdf"), (b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"))


class InvalidAttachment(errors.DataError):
    """This file cannot be kept: {reason}."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file as it came, and when."""

    id: int
    name: str
    media_type: str
    content: bytes
    sha256: bytes
    created_at: datetime


def keep(
    conn: sa.Connection, programme_id: int, facility_id: int, name: str, content: bytes, actor_id: int | None
) -> tuple[int, bool]:
    """Keep a file: its id, and whether it is new; the same file there again is the one that is kept already."""
    asked = {
        "programme_id": programme_id, "facility_id": facility_id, "name": _name(name), "content": content,
        "media_type": media_type(content), "sha256": hashlib.sha256(content).digest(), "actor_id": actor_id,
    }  # fmt: skip
    new = conn.execute(SQL["keep"], asked).scalar_one_or_none()
    if new is not None:
        return int(new), True
    known = {"facility_id": facility_id, "sha256": asked["sha256"]}
    return int(conn.execute(SQL["known"], known).scalar_one()), False


def read(conn: sa.Connection, facility_id: int, attachment_id: int) -> Attachment:
    """The file; raises `UnknownAttachment`."""
    row = None
    if 0 < attachment_id <= LARGEST_ID:
        asked = {"facility_id": facility_id, "id": attachment_id}
        row = conn.execute(SQL["read"], asked).one_or_none()
    if row is None:
        raise errors.UnknownAttachment("attachment", "Its link is on the bin card.", value=attachment_id)
    return Attachment(row.id, row.name, row.media_type, bytes(row.content), bytes(row.sha256), row.created_at)


def places(conn: sa.Connection, programme_id: int, ids: Sequence[int]) -> dict[int, int]:
    """The facility of each of these attachments; ids that nobody has are left out."""
    asked = [i for i in set(ids) if 0 < i <= LARGEST_ID]
    if not asked:
        return {}
    return {r.id: r.facility_id for r in conn.execute(SQL["places"], {"programme_id": programme_id, "ids": asked})}


def media_type(content: bytes) -> str:
    """What a file is, by its first bytes; raises `InvalidAttachment` where it is none that is kept."""
    if len(content) > MOST_BYTES:
        reason = f"it is larger than {MOST_BYTES:,} bytes"
        raise InvalidAttachment("file", "Send a smaller picture, or fewer pages.", reason=reason)
    found = next((kind for first, kind in _FIRST_BYTES if content.startswith(first)), None)
    if found is None:
        raise InvalidAttachment("file", "Send a PDF, a JPEG or a PNG.", reason="it is of another kind, or empty")
    return found


def _name(name: str) -> str:
    """The name without a path and without what cannot be printed; the end, which says the kind, is kept."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(c for c in last if c.isprintable()).strip(" .")[-LONGEST_NAME:] or "attachment"
