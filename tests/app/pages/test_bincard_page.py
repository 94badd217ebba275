"""The bin card as a browser gets it: what it says, what it asks, and what it says when it cannot."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import small
import sqlalchemy as sa

from app.pages import bincard as page
from app.pages import plain
from data import programmes
from data.record import ledger, shipments
from data.types import Kind, StockEvent

NOW = datetime.now(UTC).replace(microsecond=0)
PERSON = plain.Person("Somebody", "National logistics officer", "token-of-the-session")
POSITION = {"facility": "F-W1", "product": "BCG"}


def _read(made: str) -> str:
    body = re.sub(r"<head>.*?</head>", " ", made, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def _event(kind: Kind, doses: int, days: float, number: str, **more: Any) -> StockEvent:
    fields = {"facility": "F-W1", "product": "BCG", "source": "test", "source_id": number} | more
    return StockEvent(kind=kind, doses=doses, occurred_at=NOW - timedelta(days=days), opened_vial=True, **fields)


@pytest.fixture
def country(conn: sa.Connection) -> small.Small:
    made = small.build(conn)
    ledger.record(conn, made.programme_id, [
        _event(Kind.RECEIPT, 40, 30, "r1", lot="L<1>", expiry=(NOW + timedelta(days=900)).date(), note="<b>bold</b>"),
        _event(Kind.ADMINISTERED, 40, 20, "a1"),
        _event(Kind.RECEIPT, 200, 10, "r2"),
        _event(Kind.TRANSFER_OUT, 40, 2, "t1", partner="F-E1", document="WB-1"),
        _event(Kind.RESERVE, 20, 1, "p1", order="PO-1"),
    ], now=NOW)  # fmt: skip
    return made


def _page(conn: sa.Connection, country: small.Small, **said: str) -> tuple[str, int]:
    made, status = page.page(conn, programmes.find(conn, country.code), PERSON, said, NOW, records=True, called=str)
    return made, int(status)


def test_the_page_says_what_came_and_went_and_when_there_was_nothing(conn: sa.Connection, country: small.Small) -> None:
    made, status = _page(conn, country, **POSITION)
    text = _read(made)
    assert status == 200
    assert "Bin card of BCG at Health post F-W1" in text
    assert "0 to begin with, 240 in, 80 out." in text
    assert "Out of stock on 9 days" in text
    assert re.search(r"Out of stock for 9 days, \d", text)
    assert "WB-1 from Health post F-W1 to Health post F-E1: 40 doses sent" in text
    assert "20 doses (20 for PO-1)" in text
    assert "Reserved: 20 for order PO-1" in text
    assert "Simulated data" in text
    assert "&lt;b&gt;bold" in made
    assert "<b>bold" not in made, "a note is text"
    assert 'href="/api/v1/small/facilities/F-W1/bin-card.xlsx?product=BCG"' in made


def test_what_came_late_and_what_is_taken_back_is_said_in_words(conn: sa.Connection, country: small.Small) -> None:
    ledger.record(conn, country.programme_id, [_event(Kind.COUNT, 150, 1, "c1")], now=NOW)
    ledger.record(conn, country.programme_id, [_event(Kind.ADMINISTERED, 10, 5, "late")], now=NOW)
    undo = _event(Kind.REVERSAL, 0, 0, "undo", reverses="late", reason="another place")
    ledger.record(conn, country.programme_id, [undo], now=NOW)
    text = _read(_page(conn, country, **POSITION)[0])
    assert "Recalculated after a late entry: counted" in text
    assert "Takes back late: given another place" in text
    assert "Given (taken back later)" in text


def test_a_card_of_one_lot_keeps_it_in_the_form_and_in_the_downloads(conn: sa.Connection, country: small.Small) -> None:
    made, _ = _page(conn, country, **POSITION, lot="L<1>")
    assert '<option value="L&lt;1&gt;" selected>' in made
    assert "bin-card.csv?product=BCG&amp;lot=L%3C1%3E" in made
    assert "of lot L<1>" in _read(made)


@pytest.mark.parametrize(
    ("said", "status", "says"),
    [
        ({}, 200, "A bin card is of one vaccine at one facility."),
        ({"facility": "F-W1"}, 200, "Choose a vaccine to see its bin card."),
        ({**POSITION, "from": "2026-05-02", "to": "2026-05-01"}, 400, "from (2026-05-02) is after to (2026-05-01)"),
        ({**POSITION, "to": "soon"}, 400, "to is not a day"),
        ({**POSITION, "lot": "NONE"}, 404, "There is no lot NONE"),
        ({**POSITION, "from": "2015-01-01", "to": "2015-02-01"}, 200, "Nothing was recorded in this period."),
    ],
)
def test_a_page_without_a_card_says_what_to_do(
    conn: sa.Connection, country: small.Small, said: dict[str, str], status: int, says: str
) -> None:
    made, code = _page(conn, country, **said)
    assert (code, says in _read(made)) == (status, True)


def test_a_long_card_shows_the_newest_lines_and_says_where_the_others_are(
    conn: sa.Connection, country: small.Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "MOST_SHOWN", 2)
    text = _read(_page(conn, country, **POSITION)[0])
    assert "The newest 2 lines of this period; 3 before them are in the downloads." in text
    assert "Balance before these lines" in text


def test_a_shipment_that_is_closed_on_the_page_is_gone_from_it(site: Any) -> None:
    for each in (
        {"kind": "receipt", "doses": 100, "source_id": "page-1"},
        {"kind": "transfer_out", "doses": 40, "source_id": "page-2", "partner": "F-E1", "document": "WB-P"},
    ):
        sent = {"programme": "small", "facility": "F-W1", "product": "BCG", "source": "page"} | each
        assert site.post(sent | {"occurred_at": NOW.isoformat()}, "national").status_code == 201
    assert "WB-P" in (seen := site.browser("analyst").get("/small/bin-card?facility=F-W1&product=BCG").text)
    assert "Say why" not in seen, "who may not record is not asked"
    browser = site.browser("facility")
    found = browser.get("/small/bin-card?facility=F-W1&product=BCG").text
    token = re.search(
        r'action="/small/bin-card/resolve">\s*<input type="hidden" name="csrf_token" value="(\w+)"', found
    )
    assert token is not None
    said = {"facility": "F-W1", "product": "BCG", "document": "WB-P", "reason": "it was stolen"}
    assert browser.post("/small/bin-card/resolve", data=said).status_code == 400, "not without our token"
    answer = browser.post("/small/bin-card/resolve", data=said | {"csrf_token": token[1]})
    assert (answer.status_code, answer.location) == (303, "/small/bin-card?facility=F-W1&product=BCG")
    assert "WB-P" not in browser.get(answer.location).text.split("<table")[0]
    with site.engine.connect() as conn:
        row = conn.execute(sa.text("select resolution, resolved_by from shipment where document = 'WB-P'")).one()
        assert row.resolution == "it was stolen"
        assert row.resolved_by is not None
        programme = programmes.find(conn, "small")
        assert [w for w in shipments.open_for(conn, programme.id) if w.document == "WB-P"] == []
