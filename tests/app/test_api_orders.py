"""/api/v1/<programme>/orders: an order from placing to arrival over HTTP, and who sees and may do what."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from keys import BOX
from werkzeug.test import Client, TestResponse

from app.auth import users
from data import db

ORDERS = "/api/v1/small/orders"
#: In-charge of F-W1, who orders; the officer above F-E1, who approves there; somebody who works at F-E1; another state.
ORDERS_, APPROVES, KEEPS, ELSEWHERE = "facility", "area", "keeper", "other-area"


@pytest.fixture(autouse=True)
def stock(site: Any, event: Any) -> Iterator[None]:
    """140 doses of BCG in two lots and 50 of MR at F-E1, which supplies F-W1; no order under way afterwards."""
    for who, role, where in ((KEEPS, "facility", {"facility": "F-E1"}), (ELSEWHERE, "area", {"area": "W2"})):
        users.add(site.engine, BOX, f"{who}@example.org", who, "a password for tests")
        users.grant(site.engine, f"{who}@example.org", role, "small", **where)
        site.tokens.setdefault(who, users.token(site.engine, f"{who}@example.org", "test", 1))
    with db.transaction(site.engine) as conn:
        conn.execute(sa.text("update facility f set supplier_id = s.id from facility s where f.code = 'F-W1'"
                             " and s.code = 'F-E1' and s.programme_id = f.programme_id"))  # fmt: skip
    for product, doses, lot, expiry in (
        ("BCG", 100, "A", "2031-05-31"), ("BCG", 40, "B", "2030-05-31"), ("MR", 50, "M", "2031-01-31"),
    ):  # fmt: skip
        sent = event(facility="F-E1", product=product, kind="count", doses=doses, lot=lot, expiry=expiry)
        assert site.post(sent).status_code == 201
    yield
    with db.transaction(site.engine) as conn:
        left = conn.execute(sa.text("select number from stock_order where ended_at is null and refused_at is null"))
        for number in left.scalars().all():
            ask(site, "POST", f"/{number}/cancel", {"reason": "the test is over"}, "national")


def ask(site: Any, method: str, path: str = "", body: Any = None, who: str = ORDERS_, **headers: str) -> TestResponse:
    return Client(site.app).open(ORDERS + path, method=method, json=body, headers=site.signed(who) | headers)


def placed(site: Any, bcg: int = 60, **more: Any) -> str:
    body = {"facility": "F-W1", "lines": [{"product": "BCG", "doses": bcg}, {"product": "MR", "vials": 2}]}
    answer = ask(site, "POST", body=body | more)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"].endswith(answer.get_json()["number"])
    return "/" + answer.get_json()["number"]


def done(site: Any, path: str, body: Any = None, who: str = APPROVES, **headers: str) -> dict[str, Any]:
    answer = ask(site, "POST", path, body, who, **headers)
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.get_json()
    return said


def test_the_life_of_an_order(site: Any) -> None:
    number = placed(site, note="for the campaign")
    assert ask(site, "GET", number).get_json()["status"] == "placed"
    approved = done(site, f"{number}/approve", {"lines": [{"product": "MR", "doses": 10}], "note": "less MR"})
    assert (approved["status"], approved["approved_by"], approved["approval_note"]) == ("approved", "A. #2", "less MR")
    assert [(x["product"], x["ordered"], x["approved"], x["reserved"]) for x in approved["lines"]] == [
        ("BCG", 60, 60, 60), ("MR", 20, 10, 10),
    ]  # fmt: skip
    card = site.get("/api/v1/small/facilities/F-E1/bin-card?product=BCG", "keeper").get_json()["now"]
    assert (card["reserved"], card["available"]) == (60, 80)
    assert card["promised"] == [{"order": number[1:], "doses": 60}]
    shipped = done(site, f"{number}/ship", {"lines": [{"product": "BCG", "vials": 2}], "document": "DN-1"}, KEEPS)
    bcg = shipped["lines"][0]
    assert (shipped["status"], bcg["shipped"], bcg["left"], bcg["reserved"], bcg["in_transit"]) == (
        "shipped", 40, 20, 20, 40,
    )  # fmt: skip
    assert done(site, f"{number}/ship", None, KEEPS)["lines"][0]["left"] == 0
    seen = ask(site, "GET", number).get_json()
    assert seen["lines"][0]["in_transit"] == 60, "who ordered sees what is coming, and not the shelf that it came from"
    assert site.get("/api/v1/small/facilities/F-E1/bin-card?product=BCG", ORDERS_).status_code == 404
    done(site, f"{number}/receive", {"document": "DN-1"}, ORDERS_)
    closed = done(site, f"{number}/receive", {"document": number[1:]}, ORDERS_)
    assert (closed["status"], [x["received"] for x in closed["lines"]]) == ("closed", [60, 10])
    lots = site.get("/api/v1/small/facilities/F-W1", ORDERS_).get_json()["positions"][0]["lots"]
    assert {(x["number"], x["doses"]) for x in lots} >= {("A", 20), ("B", 40)}


def test_the_same_again_is_answered_as_it_is(site: Any) -> None:
    body = {"facility": "F-W1", "lines": [{"product": "BCG", "doses": 40}], "reference": "till 7"}
    first = ask(site, "POST", body=body)
    again = ask(site, "POST", body=body)
    assert (first.status_code, again.status_code, again.get_json()) == (201, 200, first.get_json())
    other = ask(site, "POST", body=body | {"note": "x"})
    assert (other.status_code, other.get_json()["error"]) == (409, "OtherReference")
    number = f"/{first.get_json()['number']}"
    assert done(site, f"{number}/approve") == done(site, f"{number}/approve")
    part = {"lines": [{"product": "BCG", "doses": 20}], "document": "till 7"}
    assert done(site, f"{number}/ship", part, KEEPS) == done(site, f"{number}/ship", part, KEEPS)
    there = {"document": "till 7"}
    assert done(site, f"{number}/receive", there, ORDERS_) == done(site, f"{number}/receive", there, ORDERS_)
    why = {"reason": "enough"}
    assert done(site, f"{number}/cancel", why, ORDERS_) == done(site, f"{number}/cancel", why, ORDERS_)


def test_what_there_is_too_little_of_is_said_and_less_may_be_approved(site: Any) -> None:
    done(site, f"{placed(site, 100)}/approve")
    number = placed(site, 80)
    refused = ask(site, "POST", f"{number}/approve", None, APPROVES)
    assert (refused.status_code, refused.get_json()["error"]) == (409, "TooLittle")
    assert "40 of 80 doses of BCG. Approve no more than that" in refused.get_json()["message"]
    assert refused.get_json()["details"]["lines"] == [
        {"product": "BCG", "name": "BCG", "asked": 80, "available": 40}
    ]  # fmt: skip
    assert ask(site, "GET", number).get_json()["status"] == "placed"
    less = done(site, f"{number}/approve", {"lines": [{"product": "BCG", "doses": 40}]})
    assert [x["reserved"] for x in less["lines"]] == [40, 20]


def test_each_step_is_of_who_has_the_right_at_its_end(site: Any) -> None:
    number = placed(site)
    why = {"reason": "no"}
    for path, body, refused in (
        ("/approve", None, (ORDERS_, KEEPS, "analyst", "administrator", "machine")),
        ("/refuse", why, (ORDERS_, KEEPS, "analyst", "administrator", "machine")),
        ("/ship", None, (ORDERS_, "analyst", "administrator")),
        ("/release", why, (ORDERS_, KEEPS, "analyst", "machine")),
        ("/receive", {"document": "x"}, (APPROVES, KEEPS, "analyst")),
        ("/cancel", why, (APPROVES, KEEPS, "analyst", "administrator")),
    ):
        for who in refused:
            answer = ask(site, "POST", number + path, body, who)
            assert (answer.status_code, answer.get_json()["error"]) == (403, "NotAllowed"), (path, who)
    for who, status in (("analyst", 403), (APPROVES, 404), (KEEPS, 404), ("elsewhere", 404)):
        body = {"facility": "F-W1", "lines": [{"product": "BCG", "doses": 20}]}
        assert ask(site, "POST", body=body, who=who).status_code == status, who
    own = f"/{ask(site, 'POST', body=body, who='national').get_json()['number']}"
    mine = ask(site, "POST", f"{own}/approve", None, "national")
    assert (mine.status_code, mine.get_json()["error"]) == (403, "NotAnother")


def test_another_area_sees_nothing_of_it(site: Any) -> None:
    number = placed(site)
    for who in (ELSEWHERE, "elsewhere"):
        for method, path, body in (
            ("GET", "", None), ("POST", "/approve", None), ("POST", "/refuse", {"reason": "x"}),
            ("POST", "/ship", None), ("POST", "/receive", {"document": "x"}), ("POST", "/cancel", {"reason": "x"}),
            ("POST", "/release", {"reason": "x"}),
        ):  # fmt: skip
            answer = ask(site, method, number + path, body, who)
            assert answer.status_code == 404, (who, path)
            assert "60" not in answer.text.replace(number[1:], "")
    assert ask(site, "GET", who=ELSEWHERE).get_json() == {"orders": []}
    for who in (ORDERS_, KEEPS, APPROVES, "national", "analyst"):
        assert number[1:] in {o["number"] for o in ask(site, "GET", who=who).get_json()["orders"]}, who
    assert ask(site, "GET", "?facility=F-E1", who=ORDERS_).status_code == 404
    assert ask(site, "GET", "?facility=F-E1", who=KEEPS).get_json()["orders"]


def test_lists_are_chosen_by_status_and_place(site: Any) -> None:
    waits, held = placed(site), placed(site)
    done(site, f"{held}/approve")

    def numbers(query: str) -> list[str]:
        return [f"/{o['number']}" for o in ask(site, "GET", query, who="national").get_json()["orders"]]

    assert numbers("?status=placed") == [waits]
    assert numbers("?status=approved") == [held]
    assert numbers("?facility=F-W1")[:2] == [waits, held]
    assert numbers("?facility=F-W2a") == []
    answer = ask(site, "GET", "?status=lost")
    assert (answer.status_code, answer.get_json()["details"]["field"]) == (400, "status")


def test_what_cannot_be_read_names_its_field(site: Any) -> None:
    line = {"product": "BCG", "doses": 20}
    for body, status, field in [
        ({"facility": "F-W1", "lines": []}, 422, "lines"),
        ({"facility": "F-W1", "lines": [line, line]}, 422, "lines"),
        ({"facility": "F-W1", "lines": [{"product": "BCG"}]}, 422, "lines.0"),
        ({"facility": "F-W1", "lines": [line | {"vials": 1}]}, 422, "lines.0"),
        ({"facility": "F-W1", "lines": [line | {"doses": 30}]}, 422, "doses"),
        ({"facility": "F-W1", "lines": [line | {"doses": 2**40}]}, 422, "doses"),
        ({"facility": "F-W1", "lines": [line | {"doses": 20.5}]}, 422, "lines.0.doses"),
        ({"facility": "F-W1", "lines": [line | {"product": "XYZ"}]}, 404, "product"),
        ({"facility": "F-W1", "lines": [line], "supplier": "F-W1"}, 422, "supplier"),
        ({"facility": "F-W1", "lines": [line], "supplier": "F-NONE"}, 404, "supplier"),
        ({"facility": "F-NONE", "lines": [line]}, 404, "facility"),
        ({"facility": "F-W1", "lines": [line], "more": 1}, 422, "more"),
        ([], 400, None),
    ]:
        answer = ask(site, "POST", body=body)
        assert (answer.status_code, answer.get_json()["details"].get("field")) == (status, field), body
    number = placed(site)
    done(site, f"{number}/approve")
    for body, field in [
        ({"lines": [{"product": "BCG", "doses": 80}]}, "doses"),
        ({"lines": [{"product": "BCG", "doses": -20}]}, "doses"),
        ({"document": " x"}, "document"),
        ({"occurred_at": "2020-01-01T00:00:00Z"}, "occurred_at"),
        ({"occurred_at": "yesterday"}, "occurred_at"),
    ]:
        answer = ask(site, "POST", f"{number}/ship", body, KEEPS)
        assert (answer.status_code, answer.get_json()["details"]["field"]) == (422, field), body
    assert ask(site, "POST", f"{number}/release", {"reason": ""}, APPROVES).status_code == 422
    early = ask(site, "POST", f"{placed(site)}/release", {"reason": "x"}, APPROVES)
    assert (early.status_code, early.get_json()["error"]) == (409, "NotNow")


def test_if_match_holds_a_step_to_what_was_seen(site: Any) -> None:
    number = placed(site)
    etag = ask(site, "GET", number).headers["ETag"]
    done(site, f"{number}/approve", None, APPROVES, **{"If-Match": etag})
    changed = ask(site, "POST", f"{number}/ship", None, KEEPS, **{"If-Match": etag})
    assert (changed.status_code, changed.get_json()["error"]) == (412, "OrderChanged")
    assert f'"{changed.get_json()["details"]["etag"]}"' == ask(site, "GET", number).headers["ETag"]


def test_decisions_are_in_the_log_once(site: Any) -> None:
    first, second = placed(site), placed(site)
    for _ in range(2):
        done(site, f"{first}/approve")
        done(site, f"{second}/refuse", {"reason": "the road is closed"})
    log = Client(site.app).get("/small/log.csv", headers=site.signed("administrator")).text
    assert log.count(f"order approved,{first[1:]}") == 1
    assert log.count(f"order refused,{second[1:]}") == 1
    assert "the road is closed" in log


def test_two_approvals_over_http_at_once_never_promise_the_same_doses(site: Any) -> None:
    numbers = [placed(site, 80), placed(site, 80)]
    start, came = threading.Barrier(2), []

    def approve(number: str) -> None:
        start.wait()
        came.append(ask(site, "POST", f"{number}/approve", {"lines": [{"product": "MR", "doses": 0}]}, APPROVES))

    threads = [threading.Thread(target=approve, args=(number,)) for number in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(a.status_code for a in came) == [200, 409], [a.text for a in came]
    card = site.get("/api/v1/small/facilities/F-E1/bin-card?product=BCG", KEEPS).get_json()["now"]
    assert (card["reserved"], card["available"]) == (80, 60)


def test_indicators_say_what_was_shipped_and_received_of_what_was_ordered(site: Any) -> None:
    today = datetime.now(UTC).date()
    last = (today.replace(day=1) - timedelta(days=1)).replace(day=1)
    asked = f"/api/v1/small/areas/%s/kpis?from={last:%Y-%m}&to={last:%Y-%m}"
    before = site.get(asked % "SM").get_json()
    assert "order_fill_rate" not in {i["code"] for i in before["indicators"]}
    assert ("Order fill rate, refill rate", "orders: none was placed here in this period") in {
        (m["name"], m["needs"]) for m in before["missing"]
    }
    number, gone = placed(site, 100), placed(site)
    done(site, f"{gone}/cancel", {"reason": "a mistake"}, ORDERS_)
    done(site, f"{number}/approve", {"lines": [{"product": "BCG", "doses": 80}]})
    done(site, f"{number}/ship", {"lines": [{"product": "BCG", "doses": 60}], "document": "DN-K1"}, KEEPS)
    done(site, f"{number}/receive", {"document": "DN-K1"}, ORDERS_)
    done(site, f"{number}/ship", {"lines": [{"product": "BCG", "doses": 20}], "document": "DN-K2"}, KEEPS)
    with db.transaction(site.engine) as conn:
        conn.execute(sa.text("update stock_order set placed_at = :at where number in (:a, :b)"),
                     {"at": last + timedelta(days=3), "a": number[1:], "b": gone[1:]})  # fmt: skip
    for who, area in (("machine", "SM"), (ORDERS_, "W1")):
        said = site.get(asked % area, who).get_json()
        of = {(i["code"], i["product"]): i for i in said["indicators"]}
        assert of["order_fill_rate", "BCG"]["value"] == 0.8
        assert of["refill", "BCG"]["value"] == 0.6
        assert of["order_fill_rate", "BCG"]["worked"] == "80 doses shipped / 100 doses ordered"
        assert of["order_fill_rate", "MR"]["value"] == 0
        assert of["order_fill_rate", None]["value"] == pytest.approx(80 / 120)
        assert "Order fill rate, refill rate" not in {m["name"] for m in said["missing"]}
    of = {i["code"] for i in site.get(asked % "E").get_json()["indicators"]}
    assert "refill" not in of, "what is ordered is counted where it is ordered"
