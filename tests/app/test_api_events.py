"""POST /api/v1/stock-events: what is recorded, and what bad input gets."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from app.auth import csrf

NOW = datetime.now(UTC)


def refused(answer: TestResponse, status: int, error: str, field: str | None = None, **details: object) -> str:
    """Check the one shape of every refusal; returns its message."""
    assert answer.status_code == status, answer.text
    body = answer.get_json()
    assert set(body) == {"error", "message", "details"}
    assert body["error"] == error
    assert body["message"].endswith(".")
    if field is not None:
        assert body["details"]["field"] == field
        assert body["details"]["remedy"] in body["message"]
    assert {k: body["details"].get(k) for k in details} == details
    return str(body["message"])


def test_an_event_is_recorded_and_answered_with_its_balance(site: Any, event: Any) -> None:
    before = site.recorded()
    sent = event(facility="F-W2a", doses=120, lot="A1", expiry="2031-05-31", document="GRN 7", note="with love")
    answer = site.post(sent)
    assert answer.status_code == 201
    said = answer.get_json()
    assert said.pop("event_ids")
    assert said.pop("version") > 1
    assert said == {"lots": [{"lot": "A1", "doses": 120}], "balance": 120, "repeated": False}
    assert site.recorded() == [
        before[0] + 1,
        before[1] + 1,
        before[2] + 1,
        before[3] + 1,
        before[4] + 1,
        before[5] + 120,
    ]

    again = site.post(sent)
    assert again.status_code == 200
    assert again.get_json() == answer.get_json() | {"repeated": True}
    message = refused(site.post(sent | {"doses": 121}), 409, "ConflictingRepeat", "source_id")
    assert "is recorded already, with other content" in message
    assert site.recorded()[0] == before[0] + 1


def test_vials_become_doses_of_their_product(site: Any, event: Any) -> None:
    assert site.post(event(facility="F-W2b", doses=None, vials=3)).get_json()["balance"] == 60
    assert site.post(event(facility="F-W2b", product="MR", doses=None, vials=3)).get_json()["balance"] == 30


def test_a_batch_is_recorded_whole_or_not_at_all_and_says_which_event_is_wrong(site: Any, event: Any) -> None:
    good = [{k: v for k, v in event(facility="F-E1", doses=n).items() if k != "programme"} for n in (10, 20, 30)]
    before = site.recorded()
    for index, wrong, error in [
        (1, {"facility": "F-NONE"}, "UnknownFacility"),
        (2, {"product": "XYZ"}, "UnknownProduct"),
        (2, {"kind": "issue", "doses": 10_000}, "Overdraw"),
        (0, {"doses": -4}, "InvalidEvent"),
    ]:
        spoilt = [e | (wrong if i == index else {}) for i, e in enumerate(good)]
        answer = site.post({"programme": "small", "events": spoilt})
        assert answer.get_json()["error"] == error
        assert answer.get_json()["details"]["index"] == index
        assert site.recorded() == before
    answer = site.post({"programme": "small", "events": good})
    assert answer.status_code == 201
    assert [e["balance"] for e in answer.get_json()["events"]] == [10, 30, 60]
    half = [*good[:1], *({k: v for k, v in event(facility="F-E1", doses=n).items() if k != "programme"} for n in (1,))]
    answer = site.post({"programme": "small", "events": half})
    assert answer.status_code == 201
    assert [e["repeated"] for e in answer.get_json()["events"]] == [True, False]


WRONG: list[tuple[dict[str, Any], int, str, str]] = [
    ({"facility": "F-NONE"}, 404, "UnknownFacility", "facility"),
    ({"facility": "f-w1"}, 404, "UnknownFacility", "facility"),
    ({"facility": "'; drop table stock_event; --"}, 404, "UnknownFacility", "facility"),
    ({"facility": ""}, 422, "InvalidEvent", "facility"),
    ({"facility": None}, 422, "InvalidEvent", "facility"),
    ({"facility": 7}, 422, "InvalidEvent", "facility"),
    ({"facility": "F-W1\x00"}, 422, "InvalidEvent", "facility"),
    ({"facility": "F" * 201}, 422, "InvalidEvent", "facility"),
    ({"product": "Aspirin"}, 404, "UnknownProduct", "product"),
    ({"product": "Aspirin", "doses": None, "vials": 2}, 404, "UnknownProduct", "product"),
    ({"product": ["BCG"]}, 422, "InvalidEvent", "product"),
    ({"unit": "carton"}, 422, "InvalidEvent", "unit"),
    ({"boxes": 3, "doses": None}, 422, "InvalidEvent", "boxes"),
    ({"kind": "gift"}, 422, "InvalidEvent", "kind"),
    ({"kind": None}, 422, "InvalidEvent", "kind"),
    ({"doses": -1}, 422, "InvalidEvent", "doses"),
    ({"doses": 0}, 422, "InvalidEvent", "doses"),
    ({"doses": 1.5}, 422, "InvalidEvent", "doses"),
    ({"doses": 10.0}, 422, "InvalidEvent", "doses"),
    ({"doses": "10"}, 422, "InvalidEvent", "doses"),
    ({"doses": True}, 422, "InvalidEvent", "doses"),
    ({"doses": 10**12}, 422, "InvalidEvent", "doses"),
    ({"doses": 10**30}, 422, "InvalidEvent", "doses"),
    ({"doses": None, "vials": -1}, 422, "InvalidEvent", "doses"),
    ({"doses": None, "vials": 10**9}, 422, "InvalidEvent", "doses"),
    ({"doses": None}, 422, "InvalidEvent", "doses"),
    ({"vials": 2}, 422, "InvalidEvent", "doses"),
    ({"kind": "count", "doses": -3}, 422, "InvalidEvent", "doses"),
    ({"kind": "adjustment", "doses": 0, "reason": "x"}, 422, "InvalidEvent", "doses"),
    ({"kind": "adjustment", "doses": 5}, 422, "InvalidEvent", "reason"),
    ({"kind": "loss", "doses": 1}, 422, "InvalidEvent", "reason"),
    ({"kind": "loss", "doses": 1, "reason": "eaten"}, 422, "InvalidEvent", "reason"),
    ({"kind": "administered", "doses": 10_000_000}, 409, "Overdraw", "doses"),
    ({"occurred_at": (NOW + timedelta(days=1)).isoformat()}, 422, "InvalidEvent", "occurred_at"),
    ({"occurred_at": (NOW - timedelta(days=3000)).isoformat()}, 422, "InvalidEvent", "occurred_at"),
    ({"occurred_at": "9999-12-31T23:59:59-12:00"}, 422, "InvalidEvent", "occurred_at"),
    ({"occurred_at": "0001-01-01T00:00:00+14:00"}, 422, "InvalidEvent", "occurred_at"),
    ({"occurred_at": "2026-02-30T10:00:00Z"}, 422, "InvalidEvent", "occurred_at"),
    ({"occurred_at": "yesterday"}, 422, "InvalidEvent", "occurred_at"),
    ({"occurred_at": NOW.replace(tzinfo=None).isoformat()}, 422, "InvalidEvent", "occurred_at"),
    ({"occurred_at": None}, 422, "InvalidEvent", "occurred_at"),
    ({"source_id": None}, 422, "InvalidEvent", "source_id"),
    ({"source_id": "   "}, 422, "InvalidEvent", "source_id"),
    ({"source": "a\x00b"}, 422, "InvalidEvent", "source"),
    ({"source": "\ud800"}, 422, "InvalidEvent", "source"),
    ({"lot": "L" * 21, "expiry": "2030-01-01"}, 422, "InvalidEvent", "lot"),
    ({"lot": "\x00", "expiry": "2030-01-01"}, 422, "InvalidEvent", "lot"),
    ({"lot": "NEW"}, 422, "InvalidEvent", "expiry"),
    ({"lot": "NEW", "expiry": "31/05/2030"}, 422, "InvalidEvent", "expiry"),
    ({"expiry": "2030-01-01"}, 422, "InvalidEvent", "lot"),
    ({"note": "x" * 1001}, 422, "InvalidEvent", "note"),
    ({"note": "a\x00b"}, 422, "InvalidEvent", "note"),
    ({"programme": "nowhere"}, 404, "UnknownProgramme", "programme"),
    ({"programme": "other"}, 404, "UnknownProgramme", "programme"),
    ({"programme": 5}, 400, "InvalidBody", "programme"),
]


@pytest.mark.parametrize(("changed", "status", "error", "field"), WRONG, ids=lambda v: str(v)[:60])
def test_a_wrong_event_is_refused_with_its_field_and_remedy_and_records_nothing(
    site: Any, event: Any, changed: dict[str, Any], status: int, error: str, field: str
) -> None:
    before = site.recorded()
    message = refused(site.post(event(**changed)), status, error, field)
    assert "Value error" not in message
    assert site.recorded() == before


@pytest.mark.parametrize("field", ["facility", "product", "source", "source_id", "lot", "reason", "document"])
@pytest.mark.parametrize("around", ["{} ", " {}", "{}\n", "{}\u00a0"])
def test_blanks_around_a_word_are_refused_and_never_taken_off_silently(
    site: Any, event: Any, field: str, around: str
) -> None:
    whole = event(facility="F-W2a", kind="adjustment", lot="B1", expiry="2031-05-31", reason="found", document="GRN 7")
    before = site.recorded()
    message = refused(site.post(whole | {field: around.format(whole[field])}), 422, "InvalidEvent", field)
    assert (
        f"The field {field} of this stock event cannot be used: it begins or ends with blanks; take them off" in message
    )
    assert site.recorded() == before


@pytest.mark.parametrize("moment", [1_767_000_000, 1_767_000_000.5, "1767000000", True, [2026, 1, 1]])
def test_a_moment_that_is_not_iso_8601_is_refused(site: Any, event: Any, moment: object) -> None:
    before = site.recorded()
    refused(site.post(event(occurred_at=moment)), 422, "InvalidEvent", "occurred_at")
    assert site.recorded() == before


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"null", 400),
        (b"[]", 400),
        (b'"text"', 400),
        (b"[" * 100_000, 400),
        (b'{"events": 5}', 400),
        (b'{"events": []}', 400),
        (b'{"events": [1]}', 422),
        (b'{"events": [null]}', 422),
        (b'{"events": {"a": 1}}', 400),
        (b'{"events": [], "extra": 1}', 400),
        (b"{}", 422),
        (b'{"doses": NaN}', 422),
        (b" " * (11 * 1024 * 1024), 413),
    ],
    ids=lambda v: str(v)[:30],
)
def test_a_malformed_body_is_refused_and_records_nothing(site: Any, body: bytes, status: int) -> None:
    before = site.recorded()
    headers = site.signed("machine") | {"Content-Type": "application/json"}
    answer = Client(site.app).post("/api/v1/stock-events", data=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert set(answer.get_json()) == {"error", "message", "details"}
    assert site.recorded() == before


@pytest.mark.parametrize(
    "path", ["stock-events", "small/shipments/resolve", "small/counts"], ids=["events", "shipments", "counts"]
)
@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000, b"5"], ids=["lists", "objects", "a number"])
def test_a_body_of_brackets_within_brackets_is_no_object(site: Any, path: str, body: bytes) -> None:
    headers = site.signed("national") | {"Content-Type": "application/json"}
    refused(Client(site.app).post(f"/api/v1/{path}", data=body, headers=headers), 400, "InvalidBody")


def test_a_body_that_is_not_called_json_is_refused_with_the_remedy(site: Any, event: Any) -> None:
    answer = Client(site.app).post("/api/v1/stock-events", data=json.dumps(event()), headers=site.signed("machine"))
    assert "Content-Type: application/json" in refused(answer, 400, "InvalidBody")


def test_ten_thousand_events_are_taken_and_one_more_is_not(site: Any, event: Any) -> None:
    one = event(facility="F-W2b", product="MR", doses=1)
    del one["programme"]
    many = [one | {"source_id": f"many {n}"} for n in range(10_001)]
    before = site.recorded()
    message = refused(site.post({"programme": "small", "events": many}), 400, "InvalidBody", "events")
    assert "1 to 10,000 events" in message
    assert site.recorded() == before
    assert site.post({"programme": "small", "events": many[:-1]}).status_code == 201
    assert site.recorded()[0] == before[0] + 10_000


def test_stock_cannot_grow_beyond_what_can_be_counted(site: Any, event: Any) -> None:
    full = event(facility="F-W2b", kind="count", doses=100_000_000)
    assert site.post(full).status_code == 201
    before = site.recorded()
    refused(site.post(event(facility="F-W2b", doses=1)), 422, "InvalidEvent", "doses")
    assert site.recorded() == before
    assert site.post(event(facility="F-W2b", kind="count", doses=0)).status_code == 201


def test_doses_of_no_known_lot_are_counted_by_themselves(site: Any, event: Any) -> None:
    assert site.post(event(facility="F-W2b", kind="count", doses=7, without_lot=True)).status_code == 201
    assert site.post(event(facility="F-W2b", lot="N1", expiry="2099-01-31", doses=20)).status_code == 201
    answer = site.post(event(facility="F-W2b", kind="count", doses=5, without_lot=True))
    assert answer.json["lots"] == [{"lot": None, "doses": -2}]
    refused(site.post(event(without_lot=1)), 422, "InvalidEvent", "without_lot")


@pytest.mark.parametrize(
    ("who", "facility", "status"),
    [
        ("national", "F-W1", 201),
        ("machine", "F-E1", 201),
        ("area", "F-E1", 201),
        ("area", "F-W1", 403),
        ("facility", "F-W1", 201),
        ("facility", "F-W2a", 403),
        ("analyst", "F-W1", 403),
        ("administrator", "F-W1", 403),
    ],
)
def test_everybody_records_only_where_their_role_reaches(
    site: Any, event: Any, who: str, facility: str, status: int
) -> None:
    before = site.recorded()
    answer = site.post(event(facility=facility, doses=1), who)
    assert answer.status_code == status
    if status == 403:
        refused(answer, 403, "NotAllowed", "facility")
        assert site.recorded() == before


def test_one_event_that_is_not_allowed_refuses_the_batch(site: Any, event: Any) -> None:
    before = site.recorded()
    events = [event(programme=None, facility=f, doses=1) for f in ("F-W1", "F-W2a")]
    refused(site.post({"events": events}, "facility"), 403, "NotAllowed", "facility", index=1)
    assert site.recorded() == before


def test_strangers_and_people_of_other_programmes_record_nothing(site: Any, event: Any) -> None:
    before = site.recorded()
    client = Client(site.app)
    refused(client.post("/api/v1/stock-events", json=event()), 401, "NotSignedIn")
    wrong = {"Authorization": "Bearer 00000000000000000000000000000000"}
    refused(client.post("/api/v1/stock-events", json=event(), headers=wrong), 401, "NotSignedIn")
    refused(site.post(event(), "elsewhere"), 404, "UnknownProgramme", "programme")
    assert site.recorded() == before


def test_the_programme_may_be_left_out_by_who_has_one(site: Any, event: Any) -> None:
    before = site.recorded()
    assert site.post(event(programme=None, doses=2)).status_code == 201
    assert site.recorded()[0] == before[0] + 1


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
    ],
)
def test_another_sites_page_cannot_record_with_somebodys_cookie(site: Any, event: Any, headers: dict[str, str]) -> None:
    before = site.recorded()
    browser = site.browser("national")
    refused(browser.post("/api/v1/stock-events", json=event(), headers=headers), 403, "NotAllowed")
    assert site.recorded() == before
    browser.get("/small/alerts", headers={"Accept": "text/html"})
    token = browser.get_cookie(csrf.COOKIE).value
    same = {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost", csrf.HEADER: token}
    assert browser.post("/api/v1/stock-events", json=event(), headers=same).status_code == 201


def test_a_vial_that_does_not_divide_is_refused_with_what_would_do(site: Any, event: Any) -> None:
    error = refused(site.post(event(doses=30, opened_vial=None)), 422, "InvalidEvent", "doses")
    assert "Send 20 or 40, or opened_vial: true" in error
    assert site.post(event(vials=2, doses=None, opened_vial=None)).get_json()["lots"] == [{"lot": None, "doses": 40}]
    assert "how many vials a pack" in refused(site.post(event(packs=2, doses=None)), 422, "InvalidEvent", "packs")


def test_if_match_refuses_what_was_decided_on_an_older_state_with_both_values(site: Any, event: Any) -> None:
    first = site.post(event(doses=200))
    seen = first.headers["ETag"]
    assert site.post(event(kind="count", doses=180), **{"If-Match": seen}).status_code == 201
    answer = site.post(event(kind="count", doses=190), **{"If-Match": seen})
    assert answer.status_code == 412
    details = answer.get_json()["details"]
    assert (details["doses"], details["balance"]) == (190, 180)
    refused(site.post(event(), **{"If-Match": '"new"'}), 400, "InvalidBody", "If-Match")


@pytest.mark.parametrize("asked", ["body", "address"])
def test_partial_keeps_the_good_events_and_says_why_each_other_is_refused(site: Any, event: Any, asked: str) -> None:
    before = site.recorded()
    events = [
        event(doses=100), event(doses=-1), event(facility="nowhere"), event(kind="issue", doses=10_000_000),
        event(doses=20), {"what": 1},
    ]  # fmt: skip
    for each in events[:5]:
        each.pop("programme")
    body = {"programme": "small", "events": events} | ({"partial": True} if asked == "body" else {})
    answer = site.post(body, query="partial=true" if asked == "address" else "")
    assert answer.status_code == 201
    said = answer.get_json()
    assert (said["recorded"], said["refused"]) == (2, 4)
    assert [e.get("error") for e in said["events"]] == [
        None, "InvalidEvent", "UnknownFacility", "Overdraw", None, "InvalidEvent",
    ]  # fmt: skip
    assert [e["details"]["index"] for e in said["events"] if "error" in e] == [1, 2, 3, 5]
    assert site.recorded()[0] == before[0] + 2


def test_a_reversal_needs_no_amount_and_no_time(site: Any, event: Any) -> None:
    sent = event(doses=100)
    site.post(sent)
    back = event(kind="reversal", reverses=sent["source_id"], reason="typed twice", doses=None, occurred_at=None,
                 opened_vial=None)  # fmt: skip
    answer = site.post(back)
    assert answer.status_code == 201, answer.get_json()
    assert answer.get_json()["lots"] == [{"lot": None, "doses": -100}]
    assert site.post(back).get_json()["repeated"]


def test_many_who_record_at_once_share_commits_and_each_gets_their_own_answer(site: Any, event: Any) -> None:
    site.post(event(doses=40, facility="F-W2a", product="MR"))
    sent = [
        event(kind="administered", doses=3, facility="F-W2a", product="MR", source_id=f"at once {number}")
        for number in range(20)
    ]
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(site.post, sent))
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [201] * 13 + [409] * 7
    balances = sorted(a.get_json()["balance"] for a in answers if a.status_code == 201)
    # Who shares a commit with others is told the balance that they leave together.
    assert balances[0] == 1
    assert set(balances) <= set(range(1, 40, 3))
    here = site.get("/api/v1/small/facilities/F-W2a").get_json()["positions"]
    assert next(p["usable"] for p in here if p["code"] == "MR") == 1
    assert {a.get_json()["details"]["index"] for a in answers if a.status_code == 409} == {0}
