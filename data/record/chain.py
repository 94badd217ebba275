"""Is the record still what was written? Each row of a position carries the digest of itself and of the row before.

A position is locked by who writes to it, so that its rows form one chain in the order of their ids, and no writer waits
for another's. The position keeps the digest of its last row: a row that is changed, taken out or put in is found.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

#: What an answer holds, in the order of its digest.
ANSWER = ("event_ids", "lots", "balance", "version")

#: What the first row of a position follows.
START = b""
#: Between the fields of a row; no text of ours may hold it. What is null is another one.
_BETWEEN, _NULL = "\x1f", "\x00"

#: The columns of stock_event that the digest covers, in its order; the lot is there by number and expiry.
COLUMNS = (
    "kind", "entry", "doses", "counted", "reserved", "lot", "expiry", "lot_named", "reason", "stage", "occurred_at",
    "recorded_at", "source", "source_id", "actor_id", "document", "partner_id", "order_number", "note",
    "attachment_id", "reverses_id",
)  # fmt: skip


def digest(before: bytes, row: tuple[object, ...]) -> bytes:
    """The digest of a row (its `COLUMNS`) that follows the one with the digest `before`."""
    said = _BETWEEN.join([value if type(value) is str else _text(value) for value in row])
    return hashlib.sha256(before + said.encode()).digest()


#: What was said has a digest of so many bytes.
SAID = 32
#: So many bytes after it are of what was answered.
_ANSWERED = 8
_ENCODER = json.JSONEncoder()


def answered(said: bytes, programme_id: int, source: str, source_id: str, result: Mapping[str, Any]) -> bytes:
    """The digest of what was said, and a shorter one of this key with its first answer: `event_key.digest`."""
    key = _BETWEEN.join([str(programme_id), source, source_id, _ENCODER.encode({n: result.get(n) for n in ANSWER})])
    return said + hashlib.sha256(said + key.encode()).digest()[:_ANSWERED]


def _text(value: object) -> str:
    if value is None:
        return _NULL
    if isinstance(value, datetime):
        # Microseconds since 1970, as exact as PostgreSQL keeps them.
        since = value.astimezone(UTC) - _EPOCH
        return str((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)
    return value.isoformat() if isinstance(value, date) else str(value)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
