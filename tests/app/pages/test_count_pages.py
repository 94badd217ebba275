"""Counting stock on plain pages: what a form keeps, what it shows and when, and who sees which button."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from werkzeug.test import Client, TestResponse

from data import db

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def read(page: TestResponse) -> str:
    """What can be read on a page."""
    body = re.sub(r"<head>.*?</head>", " ", page.text, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


class Reader:
    """A browser without JavaScript: it opens pages and sends their forms as they are, with what is typed."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def open(self, path: str) -> TestResponse:
        answer = self.client.get(path, headers=HTML)
        assert answer.status_code == 200, answer.text
        return answer

    def send(self, page: TestResponse, action: str, **typed: str) -> TestResponse:
        [form] = re.findall(rf'<form method="post" action="{re.escape(action)}".*?</form>', page.text, re.DOTALL)
        fields = {
            m[1]: html.unescape(m[2]) for m in re.finditer(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"', form)
        }
        fields |= dict(re.findall(r'<select name="([^"]+)".*?<option value="([^"]+)" selected', form, re.DOTALL))
        return self.client.post(action, data=fields | typed, headers=HTML)


@pytest.fixture
def reader(site: Any, event: Any) -> Iterator[Reader]:
    site.post(event(kind="count", doses=100, lot="A", expiry="2031-05-31"))
    yield Reader(site.browser("facility"))
    with db.transaction(site.engine) as conn:
        for table in ("stock_count_line", "stock_count_product", "stock_count"):
            conn.execute(sa.text(f"delete from {table}"))  # noqa: S608


def begun(reader: Reader) -> tuple[str, str]:
    """Open a count of BCG; its address, and the name of its one line."""
    page = reader.open("/small/counts/new?facility=F-W1")
    answer = reader.send(page, "/small/counts", which="some", product="BCG")
    assert answer.status_code == 303
    base = answer.headers["Location"]
    [line] = re.findall(r'name="line" value="(\d+)"', reader.open(f"{base}/products/BCG").text)
    return base, line


def test_a_vaccine_is_counted_blind_and_its_difference_is_shown_afterwards(reader: Reader) -> None:
    base, line = begun(reader)
    assert "Not yet counted: BCG." in read(reader.open(base))
    form = f"{base}/products/BCG"
    page = reader.open(form)
    assert "100" not in read(page)
    assert 'inputmode="numeric"' in page.text
    answer = reader.send(page, form, **{f"vials.{line}": "4", f"doses.{line}": "18"})
    assert (answer.status_code, answer.headers["Location"]) == (303, form)
    page = reader.open(form)
    assert "98 doses counted by facility" in read(page)
    assert "On record: 100. 2 doses missing , worth no price on record." in read(page)
    answer = reader.send(page, form, **{f"reason.{line}": "missing"})
    assert answer.headers["Location"] == base
    page = reader.open(base)
    assert "BCG, lot A Missing 100 98 \u22122 no price on record" in read(page)
    reader.send(page, f"{base}/submit")
    assert "In the record as document" in read(reader.open(base))


def test_what_cannot_be_kept_stays_typed_and_says_why(reader: Reader) -> None:
    base, line = begun(reader)
    form = f"{base}/products/BCG"
    page = reader.open(form)
    answer = reader.send(page, form, **{f"vials.{line}": "four", "new.lot": "N-1", "new.vials": "2"})
    assert answer.status_code == 422
    assert "four is not a whole number. Enter 0 or more, in digits." in read(answer)
    assert 'value="four"' in answer.text
    assert 'value="N-1"' in answer.text
    answer = reader.send(page, form, **{f"vials.{line}": "5", "new.lot": "N-1", "new.vials": "2"})
    assert "lot N-1 is new and its expiry is not given" in read(answer)
    answer = reader.send(
        page, form, **{f"vials.{line}": "5", "new.lot": "N-1", "new.expiry": "2032-01-31", "new.vials": "2"}
    )
    assert answer.status_code == 303
    assert "Lot N-1 expires 31 January 2032" in read(reader.open(form))


def test_a_form_that_is_sent_twice_is_kept_once_and_a_second_person_is_told(reader: Reader, site: Any) -> None:
    base, line = begun(reader)
    form = f"{base}/products/BCG"
    page, officer = reader.open(form), Reader(site.browser("national"))
    theirs = officer.open(form)
    for _ in range(2):
        assert reader.send(page, form, **{f"vials.{line}": "5"}).status_code == 303
    answer = officer.send(theirs, form, **{f"vials.{line}": "4"})
    assert answer.status_code == 412
    assert "they counted 100, you counted 80" in read(answer)
    assert 'value="4"' in answer.text


def test_an_officer_approves_or_sends_back_and_the_counter_sees_no_button_for_it(reader: Reader, site: Any) -> None:
    base, line = begun(reader)
    form = f"{base}/products/BCG"
    reader.send(reader.open(form), form, **{f"vials.{line}": "2"})
    reader.send(reader.open(form), form, **{f"reason.{line}": "missing"})
    page = reader.open(base)
    assert "BCG differs by 60 doses from the 100 on record, more than 5 % of them." in read(page)
    reader.send(page, f"{base}/submit")
    assert "Approve and post" not in reader.open(base).text
    officer = Reader(site.browser("national"))
    listed = read(officer.open("/small/counts"))
    assert "1 count waits for approval." in listed
    assert "Health post F-W1" in listed
    page = officer.open(base)
    assert "Approve and post" in page.text
    assert officer.send(page, f"{base}/refuse", reason="").status_code == 422
    officer.send(page, f"{base}/refuse", reason="count the cold box too")
    assert "\u201ccount the cold box too\u201d" in read(reader.open(base))
    reader.send(reader.open(base), f"{base}/submit")
    officer.send(officer.open(base), f"{base}/approve", note="agreed")
    assert "approved by national" in read(officer.open(base))


def test_the_sheet_for_paper_has_the_lots_and_not_what_is_on_record(reader: Reader) -> None:
    base, _ = begun(reader)
    page = reader.open(f"{base}/sheet")
    assert "A 31 May 2031" in read(page)
    assert page.text.count('class="spare"') == 2
    assert "100" not in read(page)
    answer = reader.send(reader.open(base), f"{base}/time", counted_at="1999-01-01T08:00")
    assert answer.status_code == 422
    assert "more than 31 days ago" in read(answer)


def test_a_form_without_its_token_changes_nothing(reader: Reader) -> None:
    base, line = begun(reader)
    answer = reader.client.post(f"{base}/products/BCG", data={"line": line, f"vials.{line}": "1"}, headers=HTML)
    assert answer.status_code == 400
    assert "Not yet counted: BCG." in read(reader.open(base))
    assert Reader(reader.client).client.post(f"{base}/cancel", data={"reason": "x"}).status_code == 400


def test_who_may_not_count_is_told_so(reader: Reader, site: Any) -> None:
    analyst = Reader(site.browser("analyst"))
    page = analyst.open("/small/counts/new?facility=F-W1")
    answer = analyst.send(page, "/small/counts", which="all")
    assert answer.status_code == 403
    assert "You may not count stock at Health post F-W1." in read(answer)
    base, _ = begun(reader)
    assert "You may look at this count, and not fill it in." in read(analyst.open(f"{base}/products/BCG"))
    assert "Give this count up" not in analyst.open(base).text
