"""Recording one event by hand, without JavaScript: what is refused stands beside its field; nothing typed is lost."""

from __future__ import annotations

import html
import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from test_count_pages import HTML, Reader, read
from werkzeug.test import Client, TestResponse

FORM = "/small/record"


@pytest.fixture
def reader(site: Any, event: Any) -> Reader:
    site.post(event(kind="count", doses=0))
    for lot in ("A", "C"):
        site.post(event(kind="release", doses=None, lot=lot, expiry="2031-05-31"))
        site.post(event(kind="vvm", doses=None, lot=lot, stage=1))
    site.post(event(kind="count", doses=100, lot="A", expiry="2031-05-31"))
    site.post(event(kind="count", doses=40, lot="B", expiry="2030-01-31"))
    return Reader(site.browser("facility"))


def form(reader: Reader, kind: str, **more: str) -> TestResponse:
    query = "&".join(f"{k}={v}" for k, v in ({"facility": "F-W1", "product": "BCG", "kind": kind} | more).items())
    return reader.open(f"{FORM}?{query}")


def send(reader: Reader, page: TestResponse, **typed: str) -> TestResponse:
    return reader.send(page, FORM, **typed)


def value(page: TestResponse, name: str) -> str:
    found = re.findall(rf'<input[^>]*name="{name}"[^>]*value="([^"]*)"', page.text)
    return html.unescape(found[0])


def test_one_is_asked_for_the_vaccine_then_for_what_happened(reader: Reader) -> None:
    assert "which vaccine" in read(reader.open(f"{FORM}?facility=F-W1"))
    page = reader.open(f"{FORM}?facility=F-W1&product=BCG")
    said = read(page)
    for title in ("Stock received", "Used in a session", "Lost or discarded", "Vial monitor read", "Correction"):
        assert title in said
    assert "140 doses usable now" in said


def test_a_session_says_which_lots_it_took_and_what_is_left(reader: Reader) -> None:
    answer = send(reader, form(reader, "administered"), amount="3", unit="vial")
    assert answer.status_code == 303
    said = read(reader.open(answer.headers["Location"]))
    assert "B expires 31 January 2030 \N{MINUS SIGN}40 A expires 31 May 2031 \N{MINUS SIGN}20" in said
    assert "Usable after it 80" in said


def test_a_form_that_is_sent_twice_is_recorded_once(reader: Reader) -> None:
    page = form(reader, "loss")
    first = send(reader, page, amount="1", unit="vial", reason="broken")
    again = send(reader, page, amount="1", unit="vial", reason="broken")
    changed = send(reader, page, amount="2", unit="vial", reason="broken")
    assert first.headers["Location"] == again.headers["Location"] == changed.headers["Location"]
    assert "120 doses usable now" in read(reader.open(f"{FORM}?facility=F-W1&product=BCG"))


@pytest.mark.parametrize(
    ("kind", "typed", "field", "reason"),
    [
        ("administered", {"amount": "900", "unit": "vial"}, "amount", "fewer than the 18000"),
        ("receipt", {"amount": "7", "unit": "dose"}, "amount", "7 doses are no whole number of vials of 20. Enter 20."),
        ("loss", {"amount": "1", "unit": "vial"}, "reason", "A loss needs its reason. Choose one."),
        ("receipt", {"amount": "1", "unit": "vial", "lot": "NEW"}, "expiry", "Enter the expiry date"),
        ("transfer_out", {"amount": "1", "unit": "vial", "partner": "NOWHERE"}, "partner", "NOWHERE"),
        ("transfer_out", {"amount": "1", "unit": "vial", "partner": "F-E1"}, "document", "needs its number"),
        ("quarantine", {"reason": "warm"}, "lot", "is of one lot"),
        ("administered", {"amount": "x"}, "amount", "in digits"),
        ("administered", {"amount": "1", "at": "2001-01-01T10:00"}, "at", "seven years"),
    ],
)
def test_what_is_refused_stands_beside_its_field_and_what_was_typed_stays(
    reader: Reader, kind: str, typed: dict[str, str], field: str, reason: str
) -> None:
    page = form(reader, kind)
    answer = send(reader, page, **typed, note="seen by two")
    assert 400 <= answer.status_code < 500
    assert value(answer, "note") == "seen by two"
    assert value(answer, "id") == value(page, "id")
    label = answer.text.index(f'name="{field}"')
    said = answer.text.index('class="form-error"', label)
    assert reason in html.unescape(answer.text[said : said + 400])
    assert 'aria-invalid="true"' in answer.text[label : label + 300]
    assert len(re.findall('class="form-error"', answer.text)) == 1
    if "amount" in typed:
        assert value(answer, "amount") == typed["amount"]


def test_each_kind_does_what_it_says(reader: Reader) -> None:
    def after(kind: str, **typed: str) -> str:
        answer = send(reader, form(reader, kind), **typed)
        assert answer.status_code == 303, read(answer)
        return read(reader.open(answer.headers["Location"]))

    assert "Usable after it 180" in after("receipt", amount="2", unit="vial", lot="C", expiry="2031-05-31")
    assert "A expires" in after("loss", amount="1", unit="vial", lot="A", reason="heat")
    assert "Health post F-E1, WB-9" in after("transfer_out", amount="1", unit="vial", partner="F-E1", document="WB-9")
    assert "Usable after it 160" in after(
        "transfer_in", amount="1", unit="vial", partner="F-E1", document="WB-8", lot="C"
    )
    assert "Usable after it 150" in after("adjustment", amount="10", unit="dose", sign="-", reason="counted badly")
    assert "no change" in after("vvm", lot="C", stage="3")
    assert "Usable after it" in after("quarantine", lot="A", reason="a warm fridge")
    assert "Usable after it" in after("release", lot="A")
    assert "Usable after it" in after("return", amount="1", unit="vial")
    assert "Usable after it" in after("issue", amount="1", unit="vial", partner="F-W2a", document="WB-7")


def test_a_lot_that_is_not_on_the_list_is_typed(reader: Reader) -> None:
    answer = send(reader, form(reader, "adjustment"), amount="5", sign="+", lot="+", other="D", expiry="2033-01-31",
                  unit="dose", reason="found behind the others")  # fmt: skip
    assert "D expires 31 January 2033 +5" in read(reader.open(answer.headers["Location"]))


def test_a_late_entry_stands_where_it_happened(reader: Reader) -> None:
    at = datetime.now(UTC) - timedelta(days=3)
    answer = send(reader, form(reader, "receipt"), amount="1", unit="vial", at=f"{at:%Y-%m-%dT}09:30")
    said = read(reader.open(answer.headers["Location"]))
    assert "09:30 (Africa/Lagos)" in said


def test_an_entry_is_taken_back_from_the_bin_card_with_its_reason(reader: Reader) -> None:
    sent = send(reader, form(reader, "administered"), amount="1", unit="vial", document="day 7")
    card = reader.open("/small/bin-card?facility=F-W1&product=BCG")
    links = [html.unescape(m) for m in re.findall(r'href="(/small/record\?[^"]*kind=reversal[^"]*)"', card.text)]
    source_id = re.findall(r"id=([^&]+)", sent.headers["Location"])[0]
    [link] = [m for m in links if source_id in m]
    page = reader.open(link)
    assert "Given: \N{MINUS SIGN}20 of lot B" in read(page)
    refused = send(reader, page, reason=" ")
    assert "needs its reason" in read(refused)
    done = send(reader, page, reason="typed twice")
    assert "Usable after it 140" in read(reader.open(done.headers["Location"]))
    assert "It was taken back already." in read(reader.open(link))
    assert "It was taken back since." in read(reader.open(sent.headers["Location"]))


def test_a_paper_is_kept_although_the_event_was_refused_and_goes_with_it_then(reader: Reader, site: Any) -> None:
    page = form(reader, "receipt")
    fields = {"csrf_token": value(page, "csrf_token"), "id": value(page, "id"), "kind": "receipt", "facility": "F-W1",
              "product": "BCG", "unit": "dose"}  # fmt: skip
    file = (io.BytesIO(b"%PDF-1.4 delivery note"), "note.pdf")
    refused = reader.client.post(FORM, data=fields | {"amount": "7", "file": file}, headers=HTML)
    assert "is kept already" in read(refused)
    kept = {"attachment": value(refused, "attachment"), "amount": "20"}
    assert reader.client.post(FORM, data=fields | kept, headers=HTML).status_code == 303
    assert "note.pdf" in read(reader.open("/small/bin-card?facility=F-W1&product=BCG"))


def test_a_paper_may_be_as_large_as_one_that_is_sent_by_itself(reader: Reader) -> None:
    page = form(reader, "receipt")
    fields = {"csrf_token": value(page, "csrf_token"), "id": value(page, "id"), "kind": "receipt", "facility": "F-W1",
              "product": "BCG", "unit": "dose", "amount": "20"}  # fmt: skip
    file = ("large.pdf", b"%PDF-1.4 " + bytes(1_900_000))
    sent = requests.Request("POST", "http://localhost", data=fields, files={"file": file}).prepare()
    answer = reader.client.post(FORM, data=sent.body, content_type=sent.headers["Content-Type"], headers=HTML)
    assert answer.status_code == 303, read(answer)[:300]


@pytest.mark.parametrize("path", ["/account/password", "/account/second-factor"])
def test_what_is_secret_is_not_carried_on_where_the_session_had_ended(site: Any, path: str) -> None:
    typed = {"now": "the old one of mine", "password": "seven herons", "again": "seven herons", "code": "123456",
             "secret": "gAAAAAsealed"}  # fmt: skip
    for name, value in typed.items():
        answer = Client(site.app).post(path, data={name: value, "label": "x"}, headers=HTML)
        assert (answer.status_code, answer.mimetype) == (401, "text/html")
        assert value not in answer.text


def test_a_form_is_sent_again_to_us_and_nobody_else(site: Any) -> None:
    asked = {"PATH_INFO": "//evil.example/small/record"}
    answer = Client(site.app).post("/", data={"note": "x"}, headers=HTML, environ_overrides=asked)
    assert answer.status_code == 401
    assert 'action="/evil.example/small/record"' in answer.text


def test_nothing_typed_is_lost_where_the_session_had_ended(reader: Reader, site: Any) -> None:
    page = form(reader, "administered")
    typed = {"amount": "1", "unit": "vial", "note": "twelve <children>", "kind": "administered", "facility": "F-W1",
             "product": "BCG", "id": value(page, "id")}  # fmt: skip
    stranger = Client(site.app)
    answer = stranger.post(FORM, data=typed | {"csrf_token": value(page, "csrf_token")}, headers=HTML)
    assert answer.status_code == 401
    assert answer.mimetype == "text/html"
    assert "You were signed out" in read(answer)
    assert value(answer, "note") == "twelve <children>"
    assert "csrf_token" not in answer.text
    # Signed in again, in another tab: the page is sent as it is, looked over, and sent.
    asked = reader.client.post(FORM, data=typed, headers=HTML)
    assert asked.status_code == 400
    assert "Nothing is lost" in read(asked)
    assert value(asked, "amount") == "1"
    assert send(reader, asked).status_code == 303
    program = stranger.post("/api/v1/stock-events", json={})
    assert program.mimetype == "application/json"


def test_who_may_not_record_there_is_told_so_and_sees_no_button(site: Any) -> None:
    for who in ("analyst", "area"):
        browser = site.browser(who)
        answer = browser.get(f"{FORM}?facility=F-W1&product=BCG&kind=receipt", headers=HTML)
        assert answer.status_code == 403, who
        card = browser.get("/small/bin-card?facility=F-W1&product=BCG", headers=HTML).text
        assert "/small/record" not in card
    assert site.browser("elsewhere").get(f"{FORM}?facility=F-W1", headers=HTML).status_code == 404


def test_a_page_is_small(reader: Reader) -> None:
    assert len(form(reader, "receipt").data) < 8_000
