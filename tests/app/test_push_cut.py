"""What is left of each push for somebody who sees a part: nothing of elsewhere, and always its number."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from app import push
from data.scope import Scope
from geo import cut
from geo.aggregates import AreaLine
from geo.reach import Part, Reach

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
#: One district (seat 3, below 1, below the nation) with the facilities of ordinals 0 and 4.
DISTRICT = Reach(
    Scope(7, areas=frozenset({30})), 1, "k", "{[1,2]}", "{[30,31]}",
    facilities=np.array([0, 4]), areas=np.array([3]), facility_codes=frozenset({"A", "B"}), area_codes=frozenset({"D"}),
    parts={"N": Part(10, 0, 2, 9), "S": Part(20, 1, 2, 5)}, roots=(30,), root_seats=(3,),
)  # fmt: skip
ALERT = {
    "id": 1, "kind": "stockout", "facility_name": "n", "area_name": "a", "product": "BCG", "product_name": "BCG",
    "at": NOW, "text": "secret",
}  # fmt: skip
LINE = {
    "at": NOW, "facility_name": "n", "area_name": "a", "product": "BCG", "kind": "receipt", "doses": 1, "balance": 1,
    "unit": "dose", "text": "t",
}  # fmt: skip
NATION = AreaLine(0, 1, 1, 2, 3, 4, 5, 6, 7)
#: Of every kind of push one that tells of a facility inside and one of a facility outside.
SAID: dict[str, tuple[push.Push, push.Push]] = {
    "map:update": (
        push.MapUpdate(at=NOW, facilities=[(4, 1, 2, 9)], areas=[NATION, AreaLine(3, 1, 9, 9, 9, 2, 2, 1, 1)]),
        push.MapUpdate(at=NOW, facilities=[(5, 1, 2, 9)], areas=[NATION, AreaLine(2, 1, 9, 9, 9, 2, 2, 1, 1)]),
    ),
    "stock:update": (
        push.StockUpdate(lines=[push.Line(facility="A", **LINE), push.Line(facility="X", **LINE)]),
        push.StockUpdate(lines=[push.Line(facility="X", **LINE)]),
    ),
    "alert:new": (push.AlertNew(facility="A", **ALERT), push.AlertNew(facility="X", **ALERT)),
    "alert:resolved": (push.AlertResolved(facility="B", **ALERT), push.AlertResolved(facility="X", **ALERT)),
    "map:reload": (push.MapReload(reason="r"), push.MapReload(reason="r")),
}  # fmt: skip


def kinds(of: type[push.Push]) -> set[str]:
    named = {of.event} if "event" in of.__dict__ else set()
    return named.union(*(kinds(below) for below in of.__subclasses__()))


def left(said: push.Push) -> tuple[str, dict[str, Any]]:
    stored = push.Stored(1, said.event, said.model_dump(mode="json"))
    [each] = push.cut_to(None, DISTRICT, [stored])
    assert each.seq == 1
    return each.event, each.payload


def test_every_kind_of_push_is_here() -> None:
    assert kinds(push.Push) == SAID.keys()


@pytest.mark.parametrize("kind", SAID)
def test_what_is_inside_stays(kind: str) -> None:
    event, payload = left(SAID[kind][0])
    assert event == kind
    if kind == "map:update":
        assert payload["facilities"] == [[4, 1, 2, 9]]
        assert payload["areas"] == [
            [3, 1, 9, 9, 9, 2, 2, 1, 1], [0, 1, 9, 9, 9, 2, 2, 1, 1], [1, 1, 9, 9, 9, 2, 2, 1, 1],
        ], "the areas above are told the numbers of the part"  # fmt: skip
    if kind == "stock:update":
        assert [line["facility"] for line in payload["lines"]] == ["A"]


@pytest.mark.parametrize("kind", [k for k in SAID if k != "map:reload"])
def test_of_what_is_outside_only_the_number_is_left(kind: str) -> None:
    event, payload = left(SAID[kind][1])
    assert event in {"map:update", "stock:update"}
    assert not any(payload.get(name) for name in ("facilities", "areas", "lines"))
    assert "secret" not in json.dumps(payload)


def test_a_push_that_nobody_has_said_how_to_cut_is_not_told() -> None:
    event, payload = cut.push(DISTRICT, "order:new", {"doses": 12, "from": "X"})
    assert (event, payload) == ("map:update", {"at": None, "facilities": [], "areas": []})


def test_vectors_keep_what_is_inside() -> None:
    areas = bytes(range(12))
    assert cut.areas(DISTRICT, areas, [(0, 1, 50, 60, 70)]) == bytes(
        [50, 255, 255, 3, 60, 255, 255, 7, 70, 255, 255, 11]
    )
    assert cut.facilities(DISTRICT, 4, bytes([5, 6, 7, 8])) == bytes([5, 255, 7, 255])
    assert cut.facilities(DISTRICT, 1, bytes([5, 6, 7, 8])) == bytes([255] * 4)
