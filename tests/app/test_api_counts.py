"""/api/v1/<programme>/counts: a count from opening to the record, and who may do what."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from keys import BOX
from werkzeug.test import Client, TestResponse

from app.auth import users
from data import db

COUNTS = "/api/v1/small/counts"


@pytest.fixture(autouse=True)
def stock(site: Any, event: Any) -> Iterator[None]:
    """A lot A of 100 doses at F-W1, and no count under way afterwards; an officer of its state."""
    users.add(site.engine, BOX, "west@example.org", "Officer of the west", "a password for tests")
    users.grant(site.engine, "west@example.org", "area", "small", area="W")
    site.tokens.setdefault("west", users.token(site.engine, "west@example.org", "test", 1))
    site.post(event(kind="count", doses=100, lot="A", expiry="2031-05-31"))
    yield
    with db.transaction(site.engine) as conn:
        conn.execute(sa.text("delete from stock_count_line"))
        conn.execute(sa.text("delete from stock_count_product"))
        conn.execute(sa.text("delete from stock_count"))


def ask(site: Any, method: str, path: str, body: Any = None, who: str = "facility", **headers: str) -> TestResponse:
    return Client(site.app).open(COUNTS + path, method=method, json=body, headers=site.signed(who) | headers)


def opened(site: Any) -> str:
    answer = ask(site, "POST", "", {"facility": "F-W1", "products": ["BCG"]})
    assert answer.status_code == 201, answer.text
    return "/" + answer.get_json()["number"]


def saved(site: Any, number: str, **more: Any) -> TestResponse:
    [lines] = [p["lines"] for p in ask(site, "GET", number).get_json()["products"]]
    version = next((x["version"] for x in lines if x["lot"] == more.get("lot", "A")), 0)
    line = {"product": "BCG", "lot": "A", "version": version} | more
    return ask(site, "PUT", f"{number}/lines", {"lines": [line]})


def test_a_count_goes_from_opening_into_the_record(site: Any) -> None:
    number = opened(site)
    first = ask(site, "GET", number).get_json()
    assert first["status"] == "open"
    [product] = first["products"]
    assert product["lines"] == [{"lot": "A", "expiry": "2031-05-31", "found": False, "version": 0, "counted": None}], (
        "what is on record is not said before a number is entered"
    )
    answer = saved(site, number, vials=4, doses=18)
    assert answer.status_code == 200
    [line] = answer.get_json()["products"][0]["lines"]
    assert (line["counted"], line["on_record"], line["variance"], line["value"]) == (98, 100, -2, None)
    assert answer.get_json()["without_price"] == ["BCG"]
    refused = ask(site, "POST", f"{number}/submit")
    assert refused.status_code == 422
    assert "differs by -2 doses and nobody says why" in refused.get_json()["message"]
    saved(site, number, doses=98, reason="missing")
    posted = ask(site, "POST", f"{number}/submit").get_json()
    assert (posted["status"], posted["approved_by"]) == ("posted", None)
    held = site.get("/api/v1/small/facilities/F-W1").get_json()["positions"][0]
    assert held["usable"] == 98
    assert ask(site, "POST", f"{number}/submit").get_json()["posted_at"] == posted["posted_at"]


def test_who_counted_cannot_approve_and_the_officer_of_another_state_cannot_either(site: Any) -> None:
    number = opened(site)
    saved(site, number, doses=50, reason="missing")
    assert ask(site, "POST", f"{number}/submit").get_json()["status"] == "submitted"
    for who in ("facility", "analyst", "machine", "administrator"):
        refused = ask(site, "POST", f"{number}/approve", who=who)
        assert (refused.status_code, refused.get_json()["error"]) == (403, "NotAllowed"), who
    refused = ask(site, "POST", f"{number}/approve", who="area")
    assert (refused.status_code, refused.get_json()["error"]) == (404, "UnknownCount"), "it is of another state"
    back = ask(site, "POST", f"{number}/refuse", {"reason": "look behind the fridge"}, "west").get_json()
    assert (back["status"], back["refusal"]) == ("open", "look behind the fridge")
    # An officer who counts a line themselves is no longer another person.
    [line] = back["products"][0]["lines"]
    sent = {"product": "BCG", "lot": "A", "doses": 60, "reason": "missing", "version": line["version"]}
    ask(site, "PUT", f"{number}/lines", {"lines": [sent]}, "west")
    ask(site, "POST", f"{number}/submit")
    refused = ask(site, "POST", f"{number}/approve", who="west")
    assert (refused.status_code, refused.get_json()["error"]) == (403, "NotAnother")
    approved = ask(site, "POST", f"{number}/approve", {"note": "by phone"}, "national").get_json()
    assert (approved["status"], approved["approved_by"], approved["approval_note"]) == (
        "posted", "N. #1", "by phone",
    )  # fmt: skip


def test_only_who_may_count_there_counts(site: Any) -> None:
    for who, status in (("analyst", 403), ("administrator", 403), ("area", 404), ("elsewhere", 404)):
        answer = ask(site, "POST", "", {"facility": "F-W1"}, who)
        assert answer.status_code == status, who
    number = opened(site)
    for method, path, body in (
        ("PUT", "/lines", {"lines": []}),
        ("POST", "/submit", None),
        ("POST", "/cancel", {"reason": "no"}),
    ):
        assert ask(site, method, number + path, body, "analyst").status_code == 403
    assert ask(site, "GET", number, who="analyst").status_code == 200
    assert ask(site, "GET", number, who="elsewhere").status_code == 404


def test_two_people_are_told_of_each_other(site: Any) -> None:
    number = opened(site)
    saved(site, number, doses=90)
    late = ask(site, "PUT", f"{number}/lines", {"lines": [{"product": "BCG", "lot": "A", "doses": 80}]}, "west")
    assert late.status_code == 412
    details = late.get_json()["details"]
    assert (details["theirs"], details["yours"], details["version"]) == (90, 80, 1)
    assert "they counted 90, you counted 80" in late.get_json()["message"]


def test_what_moves_meanwhile_is_said_and_if_match_says_that_it_was_seen(site: Any, event: Any) -> None:
    number = opened(site)
    earlier = datetime.now(UTC).isoformat()
    saved(site, number, doses=99, reason="missing")
    site.post(event(kind="administered", doses=1, lot="A", occurred_at=earlier))
    moved = ask(site, "POST", f"{number}/submit")
    assert (moved.status_code, moved.get_json()["error"]) == (412, "Moved")
    assert moved.get_json()["details"]["lines"][0] | {"product": "", "lot": ""} == {
        "product": "", "lot": "", "counted": 99, "seen": 100, "now": 99,
    }  # fmt: skip
    etag = ask(site, "GET", number).headers["ETag"]
    answer = ask(site, "POST", f"{number}/submit", **{"If-Match": etag})
    assert answer.get_json()["status"] == "posted"


def test_what_cannot_be_read_names_its_field(site: Any) -> None:
    number = opened(site)
    for body, status, field in [
        ({"lines": [{"product": "BCG", "lot": "A", "doses": -1}]}, 422, "doses"),
        ({"lines": [{"product": "BCG", "lot": "A", "doses": 1.5}]}, 422, "lines.0.doses"),
        ({"lines": [{"product": "BCG", "lot": "New", "doses": 1}]}, 422, "expiry"),
        ({"lines": [{"product": "XYZ", "doses": 1}]}, 422, "product"),
        ({"lines": [], "more": 1}, 422, "more"),
        ({"lines": [], "counted_at": "2031-01-01T00:00:00Z"}, 422, "counted_at"),
        ([], 400, None),
    ]:
        answer = ask(site, "PUT", f"{number}/lines", body)
        assert answer.status_code == status, (body, answer.text)
        assert answer.get_json()["details"].get("field") == field
        assert answer.get_json()["message"].endswith(".")
    assert ask(site, "POST", f"{number}/cancel", {"reason": ""}).status_code == 422
    assert ask(site, "GET", "/CNT-NONE-1").status_code == 404
    twice = ask(site, "POST", "", {"facility": "F-W1"})
    assert (twice.status_code, twice.get_json()["details"]["number"]) == (409, number[1:])
    assert site.get(f"{COUNTS}?status=lost").status_code == 400


def test_the_list_has_what_waits_first(site: Any) -> None:
    done = opened(site)
    ask(site, "POST", f"{done}/cancel", {"reason": "opened by mistake"})
    waits = opened(site)
    saved(site, waits, doses=10, reason="missing")
    ask(site, "POST", f"{waits}/submit")
    rows = site.get(COUNTS).get_json()["counts"]
    assert [(c["number"], c["status"]) for c in rows] == [(waits[1:], "submitted"), (done[1:], "cancelled")]
    assert rows[0]["variance"] < 0
    assert rows[0]["value"] is None
    assert [c["number"] for c in site.get(f"{COUNTS}?status=submitted&facility=F-W1").get_json()["counts"]] == [
        waits[1:]
    ]
    assert site.get(f"{COUNTS}?facility=F-E1").get_json()["counts"] == []
