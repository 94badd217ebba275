"""Ordering stock on plain pages: what is suggested and why, who sees which button, what is said when it cannot be."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from keys import BOX
from test_count_pages import HTML, Reader, read

from app.auth import users
from data import db

ORDERS = "/small/orders"


class Ends:
    """Who orders (the in-charge of F-W1), who decides (the officer above F-E1), and who works at F-E1."""

    def __init__(self, site: Any) -> None:
        self.site = site
        self.asks, self.decides, self.keeps = (Reader(site.browser(who)) for who in ("facility", "area", "keeper"))

    def sql(self, statement: str) -> None:
        with db.transaction(self.site.engine) as conn:
            conn.execute(sa.text(statement))

    def place(self, **typed: str) -> str:
        """The address of an order of F-W1."""
        page = self.asks.open(f"{ORDERS}/new?facility=F-W1")
        answer = self.asks.send(page, ORDERS, **({"vials.BCG": "3", "vials.MR": ""} | typed))
        assert answer.status_code == 303, read(answer)
        return str(answer.headers["Location"])

    def press(self, who: Reader, address: str, button: str, **typed: str) -> str:
        """What a reader sees after a button of an order's page."""
        answer = who.send(who.open(address), f"{address}/{button}", **typed)
        assert answer.status_code == 303, read(answer)
        return read(who.open(address))


@pytest.fixture
def ends(site: Any, event: Any) -> Iterator[Ends]:
    """140 doses of BCG in two lots at F-E1, which supplies F-W1, where 40 are and 80 are used a month."""
    users.add(site.engine, BOX, "keeper@example.org", "keeper", "a password for tests")
    users.grant(site.engine, "keeper@example.org", "facility", "small", facility="F-E1")
    made = Ends(site)
    made.sql("update facility f set supplier_id = s.id from facility s where f.code = 'F-W1' and s.code = 'F-E1'"
             " and s.programme_id = f.programme_id")  # fmt: skip
    for facility, lot, doses, expiry in (("F-E1", "A", 100, "2031-05-31"), ("F-E1", "B", 40, "2030-05-31"),
                                         ("F-W1", "A", 40, "2031-05-31"), ("F-W1", "B", 0, "2030-05-31")):  # fmt: skip
        sent = event(kind="count", facility=facility, lot=lot, doses=doses, expiry=expiry)
        assert site.post(sent).status_code == 201
    made.sql("update position p set amc = 80, coming = 20 from facility f, product r where f.id = p.facility_id"
             " and r.id = p.product_id and f.code = 'F-W1' and r.code = 'BCG'")  # fmt: skip
    made.sql("update position set amc = null where product_id in (select id from product where code = 'MR')")
    yield made
    with db.transaction(site.engine) as conn:
        left = "select number from stock_order where ended_at is null and refused_at is null"
        numbers = conn.execute(sa.text(left)).scalars().all()
    national = Reader(site.browser("national"))
    for number in numbers:
        page = national.open(f"{ORDERS}/{number}")
        if f"{ORDERS}/{number}/cancel" in page.text:
            answer = national.send(page, f"{ORDERS}/{number}/cancel", reason="the test is over")
            assert answer.status_code == 303


def amounts(page: Any) -> dict[str, str]:
    return dict(re.findall(r'name="vials\.([^"]+)"[^>]*value="([^"]*)"', page.text))


def test_the_form_suggests_what_fills_the_place_up_and_says_why(ends: Ends) -> None:
    page = ends.asks.open(f"{ORDERS}/new?facility=F-W1")
    # 1.25 months of 80 are 100; 40 are there and 20 on the way: 40 doses, 2 vials.
    assert amounts(page) == {"BCG": "2", "MR": ""}
    said = read(page)
    assert "BCG 40 doses usable, 20 on the way" in said
    assert "Suggested: 40 doses" in said
    assert "Here: 100 doses maximum - 40 doses usable - 20 doses coming, in whole vials of 20 doses = 40 doses." in said
    assert "Nothing is suggested: the demand is not known." in said
    ends.place(**{"vials.BCG": "1"})
    page = ends.asks.open(f"{ORDERS}/new?facility=F-W1")
    assert amounts(page)["BCG"] == "1", "what was asked for is not asked for again"
    assert "20 ordered before" in read(page)
    assert "Waits for approval: ORD-F-W1-" in read(page)


def test_an_order_goes_through_both_ends_on_pages_alone(ends: Ends) -> None:
    address = ends.place(note="before the campaign")
    waits = read(ends.asks.open(address))
    assert "“before the campaign”" in waits
    assert "An officer of Health post F-E1 decides. Until then nothing of it is held." in waits
    assert "1 order waits for approval." in read(ends.decides.open(ORDERS))
    page = ends.decides.open(address)
    assert "60 doses ordered, 140 available now" in read(page)
    held = ends.press(ends.decides, address, "approve", note="as asked")
    assert "Approved, held" in held
    assert "60 held" in held
    assert "60 for ORD-F-W1-" in read(ends.keeps.open("/small/bin-card?facility=F-E1&product=BCG"))
    assert f'href="{address}"' in ends.keeps.open("/small/bin-card?facility=F-E1&product=BCG").text
    sent = ends.press(ends.keeps, address, "ship", **{"vials.BCG": "2"})
    assert "40 of lot B, expires 31 May 2030" in sent, "which lots to take from the shelf"
    page = ends.keeps.open(address)
    document = re.findall(r'name="document"[^>]*value="([^"]+)"', page.text)
    assert document == [f"{address.rsplit('/', 1)[1]}-2"], "the second part has a number of its own"
    ends.press(ends.keeps, address, "ship")
    seen = ends.asks.open(address)
    assert "of lot" not in read(seen), "the shelf of the store is not theirs to see"
    assert "partner=F-E1" in seen.text
    first = re.findall(r'href="([^"]*/record\?[^"]*kind=receipt[^"]*)"', seen.text)[0].replace("&amp;", "&")
    form = ends.asks.open(first)
    assert re.findall(r'name="(partner|document)"[^>]*value="([^"]+)"', form.text) == [
        ("partner", "F-E1"), ("document", address.rsplit("/", 1)[1]),
    ]  # fmt: skip
    for _ in range(2):
        page = ends.asks.open(address)
        action, whole = re.findall(rf'(action="{address}/receive")(.*?</form>)', page.text, re.DOTALL)[0]
        fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', whole))
        assert ends.asks.client.post(f"{address}/receive", data=fields, headers=HTML).status_code == 303, action
    closed = read(ends.asks.open(address))
    assert "Closed" in closed
    assert "BCG 60 60 60 arrived" in closed
    assert "All of it has arrived" not in closed


def test_buttons_are_of_who_may_press_them(ends: Ends) -> None:
    address = ends.place()

    def buttons(who: Reader) -> set[str]:
        return set(re.findall(rf'action="{address}/(\w+)"', who.open(address).text))

    analyst = Reader(ends.site.browser("analyst"))
    assert (buttons(ends.asks), buttons(ends.decides), buttons(ends.keeps), buttons(analyst)) == (
        {"cancel"}, {"approve", "refuse"}, set(), set(),
    )  # fmt: skip
    ends.press(ends.decides, address, "approve")
    assert (buttons(ends.asks), buttons(ends.decides), buttons(ends.keeps), buttons(analyst)) == (
        {"cancel"}, {"ship", "release"}, {"ship"}, set(),
    )  # fmt: skip
    assert "You may not order stock for Health post F-W1" in read(analyst.open(f"{ORDERS}/new?facility=F-W1"))
    answer = Reader(ends.site.browser("national")).client.get(address, headers=HTML)
    assert answer.status_code == 200
    released = ends.press(ends.decides, address, "release", reason="the road is closed")
    assert "Given up by" in released
    assert "“the road is closed”. Nothing of it is held any more." in released


def test_what_cannot_be_done_is_said_on_the_page_and_what_was_typed_stays(ends: Ends) -> None:
    page = ends.asks.open(f"{ORDERS}/new?facility=F-W1")
    wrong = ends.asks.send(page, ORDERS, **{"vials.BCG": "many", "note": "soon"})
    assert wrong.status_code == 422
    assert "many is not a whole number. Enter 0 or more, in digits." in read(wrong)
    assert amounts(wrong)["BCG"] == "many"
    assert 'value="soon"' in wrong.text
    nothing = ends.asks.send(wrong, ORDERS, **{"vials.BCG": "0"})
    assert "nothing is asked for" in read(nothing)
    address = ends.place(**{"vials.BCG": "8"})
    page = ends.decides.open(address)
    assert amounts(page)["BCG"] == "7", "no more is offered than is available"
    short = ends.decides.send(page, f"{address}/approve", **{"vials.BCG": "8"})
    assert short.status_code == 409
    assert "140 of 160 doses of BCG. Approve no more than that, or wait for its next delivery." in read(short)
    assert amounts(short)["BCG"] == "8"
    ends.press(ends.decides, address, "approve")
    stale = ends.decides.send(page, f"{address}/refuse", reason="too late")
    assert (stale.status_code, "is approved. This can be done while" in read(stale)) == (409, True)
    page = ends.keeps.open(address)
    ends.press(ends.keeps, address, "ship", **{"vials.BCG": "1"})
    changed = ends.keeps.send(page, f"{address}/ship", **{"vials.BCG": "1", "document": "DN-other"})
    assert (changed.status_code, "has changed since you looked at it" in read(changed)) == (412, True)


def test_the_same_form_sent_twice_is_one_order(ends: Ends) -> None:
    page = ends.asks.open(f"{ORDERS}/new?facility=F-W1")
    sent = [ends.asks.send(page, ORDERS, **{"vials.BCG": "2"}).headers["Location"] for _ in range(2)]
    assert sent[0] == sent[1]


def test_a_refusal_is_read_by_who_ordered_without_the_name_of_who_refused(ends: Ends) -> None:
    address = ends.place()
    ends.press(ends.decides, address, "refuse", reason="wait for the quarter's delivery")
    said = read(ends.asks.open(address))
    assert re.search(r"Refused by A\. #\d+ just now : “wait for the quarter's delivery”. Nothing of it is held\.", said)
    assert "Refused by area just now" in read(ends.decides.open(address))


def test_lists_are_of_both_ends_and_of_nobody_else(ends: Ends) -> None:
    address = ends.place()
    for who in (ends.asks, ends.decides, ends.keeps):
        assert address in who.open(ORDERS).text
    assert "Of Health post F-W1 only." in read(ends.asks.open(f"{ORDERS}?facility=F-W1"))
    users.add(ends.site.engine, BOX, "north@example.org", "north", "a password for tests")
    users.grant(ends.site.engine, "north@example.org", "area", "small", area="W2")
    north = Reader(ends.site.browser("north"))
    assert "Nothing was ordered here yet." in read(north.open(ORDERS))
    assert north.client.get(address, headers=HTML).status_code == 404


@pytest.mark.parametrize("text", ["'; drop table stock_order; --", '"><script>alert(1)</script>'])
def test_hostile_text_in_any_field_of_an_order_is_refused_or_shown_as_text(ends: Ends, text: str) -> None:
    address = ends.place(note=text)
    for who, button, fields in (
        (ends.decides, "approve", ("vials.BCG", "seen")), (ends.decides, "approve", ("note",)),
        (ends.keeps, "ship", ("at", "document")), (ends.keeps, "ship", ("document",)),
        (ends.asks, "receive", ("document",)), (ends.asks, "cancel", ("reason",)),
    ):  # fmt: skip
        page = who.open(address)
        assert "<script>alert" not in page.text
        if f"{address}/{button}" in page.text:
            answer = who.send(page, f"{address}/{button}", **dict.fromkeys(fields, text))
            assert answer.status_code < 500
            assert "<script>alert" not in answer.text
    assert "<script>alert" not in ends.keeps.open(address).text
