"""A paper that goes with an event: what is kept, once, and that the ledger knows where it belongs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import small
import sqlalchemy as sa

from data import errors
from data.record import attachments, ledger
from data.types import Kind, StockEvent

NOW = datetime.now(UTC).replace(microsecond=0)
PNG = b"\x89PNG\r\n\x1a\n" + b"a picture"


def _event(attachment: int, **more: object) -> StockEvent:
    fields: dict[str, object] = {"facility": "F-W1", "source_id": f"with {attachment}"} | more
    return StockEvent(
        product="BCG", kind=Kind.RECEIPT, doses=40, occurred_at=NOW - timedelta(hours=1), source="test",
        attachment=attachment, **fields,  # type: ignore[arg-type]
    )  # fmt: skip


def test_a_file_is_kept_as_it_came_and_only_once(conn: sa.Connection) -> None:
    country = small.build(conn)
    place = country.facilities["F-W1"]
    kept, new = attachments.keep(conn, country.programme_id, place, r"C:\notes\../a note\x00.png", PNG, None)
    assert new
    assert attachments.keep(conn, country.programme_id, place, "other.png", PNG, None) == (kept, False)
    found = attachments.read(conn, place, kept)
    assert (found.content, found.media_type) == (PNG, "image/png")
    assert found.name == "x00.png"
    elsewhere, new = attachments.keep(conn, country.programme_id, country.facilities["F-E1"], "n.png", PNG, None)
    assert (new, elsewhere != kept) == (True, True)
    with pytest.raises(errors.UnknownAttachment):
        attachments.read(conn, place, elsewhere)
    with pytest.raises(errors.UnknownAttachment):
        attachments.read(conn, place, 2**70)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "empty"), (b"<svg/>", "another kind"), (PNG + b"x" * attachments.MOST_BYTES, "larger than 2,097,152 bytes")],
)
def test_a_file_is_refused_for_what_it_is_whatever_it_is_called(
    conn: sa.Connection, content: bytes, reason: str
) -> None:
    country = small.build(conn)
    with pytest.raises(attachments.InvalidAttachment, match=reason):
        attachments.keep(conn, country.programme_id, country.facilities["F-W1"], "note.png", content, None)


def test_an_event_names_only_an_attachment_of_its_own_facility(conn: sa.Connection) -> None:
    country = small.build(conn)
    kept, _ = attachments.keep(conn, country.programme_id, country.facilities["F-W1"], "note.png", PNG, None)
    ledger.record(conn, country.programme_id, [_event(kept)])
    for wrong in (_event(kept, facility="F-E1", source_id="elsewhere"), _event(kept + 1), _event(2**80), _event(-1)):
        with pytest.raises(errors.InvalidEvent, match=r"no attachment .* is on record at Health post"):
            ledger.record(conn, country.programme_id, [wrong])
    [row] = conn.execute(sa.text("select attachment_id from stock_event")).all()
    assert row.attachment_id == kept


def test_an_attachment_of_another_programme_is_none_of_this_one(conn: sa.Connection) -> None:
    country, other = small.build(conn), small.build(conn, "other")
    kept, _ = attachments.keep(conn, other.programme_id, other.facilities["F-W1"], "note.png", PNG, None)
    with pytest.raises(errors.InvalidEvent, match="no attachment"):
        ledger.record(conn, country.programme_id, [_event(kept)])
