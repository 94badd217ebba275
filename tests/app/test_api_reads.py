"""What can be read over HTTP, and what a wrong question gets."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import Client

from app import pipeline


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/small/changes", 400),
        ("/api/v1/small/changes?since=", 400),
        ("/api/v1/small/changes?since=-1", 400),
        ("/api/v1/small/changes?since=1.5", 400),
        ("/api/v1/small/changes?since=9999999999999999999", 400),
        ("/api/v1/small/areas/NOWHERE", 404),
        ("/api/v1/small/areas/E?vaccine=Aspirin", 404),
        ("/api/v1/small/areas/%00", 400),
        ("/api/v1/small/facilities/NOWHERE", 404),
        ("/api/v1/small/facilities/%00", 400),
        ("/api/v1/small/nothing", 404),
        ("/api/v1", 404),
        ("/tiles/small/1/areas/99/0/0.mvt", 404),
        ("/tiles/small/1/areas/6/64/0.mvt", 404),
        ("/tiles/small/1/facilities/2/0/0.mvt", 404),
        ("/tiles/small/1/rivers/6/32/31.mvt", 404),
        ("/tiles/small/7/areas/6/32/31.mvt", 404),
        ("/values/small/1/areas/99", 404),
        ("/values/small/1/99/0", 404),
        ("/values/small/1/areas/0?month=2020-13", 422),
    ],
)
def test_a_wrong_question_gets_the_common_answer(site: Any, path: str, status: int) -> None:
    answer = site.get(path)
    assert answer.status_code == status, answer.text
    body = answer.get_json()
    assert set(body) == {"error", "message", "details"}
    assert body["message"]


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
def test_what_can_only_be_read_says_so(site: Any, method: str) -> None:
    answer = getattr(Client(site.app), method)("/api/v1/small/registry", headers=site.signed("machine"))
    assert answer.status_code == 405
    assert set(answer.get_json()) == {"error", "message", "details"}


def test_a_search_for_odd_things_finds_nothing_and_breaks_nothing(site: Any) -> None:
    for asked in ("", "%", "_", "%25", "\\", "'", "a" * 5000, "%00", "%ED%A0%80"):
        answer = site.get(f"/api/v1/small/search?q={asked}")
        assert answer.status_code == 200, asked
        assert answer.get_json() == {"results": []}
    found = site.get("/api/v1/small/search?q=f-w2").get_json()["results"]
    assert {f["code"] for f in found} == {"F-W2a", "F-W2b"}


def test_what_was_missed_is_told_in_order(site: Any, event: Any) -> None:
    start = site.get("/api/v1/small/registry").get_json()["seq"]
    for doses in (10, 20):
        assert site.post(event(doses=doses)).status_code == 201
        pipeline.advance(site.engine)
    answer = site.get(f"/api/v1/small/changes?since={start}").get_json()
    assert [c["seq"] for c in answer["changes"]] == list(range(start + 1, answer["seq"] + 1))
    assert {"map:update", "stock:update"} <= {c["event"] for c in answer["changes"]}
    assert site.get("/api/v1/small/changes?since=999999").get_json() == {"seq": answer["seq"], "reload": True}
