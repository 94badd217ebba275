from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from urllib.parse import parse_qs

from app.components import panel_area
from data.types import State
from geo.areas import Area, Status, Worst


def _status(code: str, name: str, silent: int, out: int, critical: int, adequate: int, **more: int) -> Status:
    counts = {"children": 0, "children_at_risk": 0, "children_out": 0, "risk_share": 255, "reporting_share": 0}
    return Status(
        id=1, seat=1, code=code, name=name, no_report=silent, inactive=0, stockout=out, critical=critical, low=0,
        overstock=0, adequate=adequate, out_share=0, last_event_at=None, **(counts | more),
    )  # fmt: skip


KANO = _status("NG020", "Kano", 50, 40, 25, 785, children=400_000, risk_share=20, children_out=31_000)
ABIA = _status("NG001", "Abia", 0, 1, 0, 299, children=100_000, risk_share=1, children_out=1)
BORNO = _status("NG008", "Borno", 200, 0, 0, 0)
NATION = _status("NG", "Nigeria", 250, 41, 25, 1_084, children=500_000, risk_share=16, children_out=31_001)
LEVELS = ["Nation", "State", "LGA"]
PLACE = Area(1, 0, "NG", "Nigeria", 0, 220_000_000, None, [("NG", "Nigeria", 0)], (2.7, 4.2, 14.7, 13.9))
STATE = replace(PLACE, code="NG020", name="Kano", level=1, way=[*PLACE.way, ("NG020", "Kano", 1)])


def test_the_panel_opens_with_what_is_so_and_says_its_denominators(now: Any, text: Any) -> None:
    said = text(panel_area.render(now, PLACE, NATION, [KANO, ABIA, BORNO], [], LEVELS, product_name="BCG"))
    assert "41 of 1,150 facilities that report are out of BCG; 31,001 children a year depend on them." in said
    assert "25 more may run out before the next delivery." in said
    assert "250 of 1,400 facilities did not report." in said
    assert "2 of 3 states have a facility out of BCG." in said


def test_where_none_is_out_nobody_is_more() -> None:
    area = _status("NG001", "Abia", 0, 0, 25, 300, children=100_000, risk_share=1, children_out=0)
    assert panel_area.finding(area, "BCG") == (
        "None of 325 facilities that report is out of BCG. 25 may run out before the next delivery."
    )


def test_one_facility_out_is_said_in_the_singular() -> None:
    assert (
        panel_area.finding(ABIA, "BCG")
        == "1 of 300 facilities that report is out of BCG; 1 child a year depends on it."
    )


def test_where_nothing_is_out_that_is_what_is_said() -> None:
    fine = replace(ABIA, stockout=0, adequate=300, children_out=0)
    assert panel_area.finding(fine, None) == "None of 300 facilities that report is out of at least one vaccine."


def test_an_area_that_does_not_report_is_not_called_stocked() -> None:
    assert panel_area.finding(BORNO, "BCG") == (
        "None of 200 facilities has reported BCG: whether there is stock is not known."
    )
    assert "No facility here handles BCG." in panel_area.finding(replace(BORNO, no_report=0), "BCG")


def test_child_areas_say_children_at_risk_facilities_out_and_how_many_report(now: Any, text: Any, find: Any) -> None:
    panel = panel_area.render(now, PLACE, NATION, [KANO, ABIA, BORNO], [], LEVELS)
    rows = [text(r) for r in find(panel, "Tr")]
    assert rows == [
        "State Children at risk how it is worked out = Out how it is worked out = Reporting how it is worked out =",
        "Kano 20 % = 0 / 400,000 children a year 40 = 40 / 850 850 of 900 = 0 %",
        "Abia 1 % = 0 / 100,000 children a year 1 = 1 / 300 300 of 300 = 0 %",
        "Borno no data 0 0 of 200 = 0 %",
    ]
    assert [a.href for a in find(panel, "A")] == ["?area=NG020", "?area=NG001", "?area=NG008"]


def test_worst_facilities_say_their_state_cover_chance_and_since_when(now: Any, text: Any, find: Any) -> None:
    since = now - timedelta(days=6)
    out = Worst("F1", "Gwale PHC", 7, "Gwale", "BCG", "BCG", State.STOCKOUT, 1.0, 0, 0, 0, 0, since)
    near = Worst("F2", "Dala PHC", 8, "Dala", "OPV", "Oral polio", State.CRITICAL, 0.71, 2, 4, 9, 60, None)
    panel = panel_area.render(now, STATE, KANO, [], [out, near], LEVELS)
    rows = [text(r) for r in find(panel, "Tr")]
    assert rows[1] == "Gwale PHC Gwale Out of stock BCG for 6 days 0 days 100 % = out already"
    assert rows[2] == "Dala PHC Dala Critical Oral polio 4 days (2 to 9) 71 % = P(demand until then ≥ 60 usable)"
    assert {"?facility=F1", "?facility=F2"} <= {a.href for a in find(panel, "A")}


def test_a_row_leads_to_its_place_whatever_its_code_is_made_of(now: Any, find: Any) -> None:
    odd = Worst("A&B +1#2", "Gwale PHC", 7, "Gwale", "BCG", "BCG", State.STOCKOUT, 1.0, 0, 0, 0, 0, None)
    panel = panel_area.render(now, STATE, KANO, [replace(ABIA, code="x=1&y")], [odd], LEVELS)
    led = [r.to_plotly_json()["props"].get("data-view-href") for r in find(panel, "Tr")]
    assert [parse_qs(href[1:]) for href in led if href] == [{"facility": ["A&B +1#2"]}, {"area": ["x=1&y"]}]


def test_the_breadcrumb_leads_back_to_the_nation_and_marks_where_one_is(now: Any, text: Any, find: Any) -> None:
    gwale = replace(STATE, name="Gwale", level=2, way=[*STATE.way, ("NG020-08", "Gwale", 2)])
    nav = find(panel_area.render(now, gwale, ABIA, [], [], LEVELS), "Nav")[0]
    assert [(a.children, a.href) for a in find(nav, "A")] == [("Nigeria", "?area="), ("Kano", "?area=NG020")]
    assert text(find(nav, "Span")) == "Gwale"


def test_a_past_month_is_told_in_the_past_tense(now: Any, text: Any) -> None:
    said = text(panel_area.render(now, PLACE, NATION, [], [], LEVELS, product_name="BCG", month=date(2016, 5, 1)))
    assert "As it was at the end of May 2016." in said
    assert "were out of BCG" in said
    assert "No facility here was out of BCG, or low." in said


def test_simulated_areas_are_labelled(now: Any, text: Any) -> None:
    assert "Simulated data" in text(panel_area.render(now, PLACE, NATION, [], [], LEVELS, notice="Simulated."))
    assert "Simulated data" not in text(panel_area.render(now, PLACE, NATION, [], [], LEVELS))
