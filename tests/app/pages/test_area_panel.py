from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from app.components import panel_area
from app.components.panel_area import Area, Worst
from data.types import State

KANO = Area("NG020", "Kano", 900, 850, 40, 65, children=400_000, children_at_risk=80_000, children_out=31_000)
ABIA = Area("NG001", "Abia", 300, 300, 1, 1, children=100_000, children_at_risk=1_000, children_out=1)
BORNO = Area("NG008", "Borno", 200, 0, 0, 0, children=0, children_at_risk=0, children_out=0)
NATION = Area("NG", "Nigeria", 1_400, 1_150, 41, 66, children=500_000, children_at_risk=81_000, children_out=31_001)
LEVELS = ["country", "state", "LGA"]
WAY = [("NG", "Nigeria", 0)]


def test_the_panel_opens_with_what_is_so_and_says_its_denominators(now: Any, text: Any) -> None:
    said = text(panel_area.render(now, NATION, WAY, LEVELS, [KANO, ABIA, BORNO], [], product_name="BCG"))
    assert "41 of 1,150 facilities that report are out of BCG; 31,001 children a year depend on them." in said
    assert "25 more may run out before the next delivery." in said
    assert "250 of 1,400 facilities did not report." in said
    assert "2 of 3 states have a facility out of BCG." in said


def test_one_facility_out_is_said_in_the_singular() -> None:
    assert (
        panel_area.finding(ABIA, "BCG")
        == "1 of 300 facilities that report is out of BCG; 1 child a year depends on it."
    )


def test_where_nothing_is_out_that_is_what_is_said() -> None:
    fine = replace(ABIA, out=0, at_risk=0, children_out=0)
    assert panel_area.finding(fine, None) == "None of 300 facilities that report is out of at least one vaccine."


def test_an_area_that_does_not_report_is_not_called_stocked() -> None:
    assert panel_area.finding(BORNO, "BCG") == (
        "None of 200 facilities has reported BCG: whether there is stock is not known."
    )
    assert "No facility here handles BCG." in panel_area.finding(replace(BORNO, handling=0), "BCG")


def test_child_areas_are_sorted_by_the_share_of_children_at_risk_and_unknown_ones_come_last(
    now: Any, text: Any, find: Any
) -> None:
    panel = panel_area.render(now, NATION, WAY, LEVELS, [BORNO, ABIA, KANO], [])
    rows = [text(r) for r in find(panel, "Tr")]
    assert rows == [
        "State Children at risk Out Reporting",
        "Kano 20 % 40 850 of 900",
        "Abia 1 % 1 300 of 300",
        "Borno no data 0 0 of 200",
    ]
    assert [a.href for a in find(panel, "A")] == ["?area=NG020", "?area=NG001", "?area=NG008"]


def test_worst_facilities_say_their_state_cover_chance_and_since_when(now: Any, text: Any, find: Any) -> None:
    out = Worst("F1", "Gwale PHC", "Gwale", "BCG", "BCG", State.STOCKOUT, 1.0, 0, 0, 0, now - timedelta(days=6))
    near = Worst("F2", "Dala PHC", "Dala", "OPV", "Oral polio", State.CRITICAL, 0.71, 2, 4, 9, None)
    panel = panel_area.render(now, KANO, [*WAY, ("NG020", "Kano", 1)], LEVELS, [], [out, near])
    rows = [text(r) for r in find(panel, "Tr")]
    assert rows[1] == "Gwale PHC Gwale Out of stock BCG for 6 days 0 days 100 %"
    assert rows[2] == "Dala PHC Dala Critical Oral polio 4 days (2 to 9) 71 %"
    assert {"?facility=F1", "?facility=F2"} <= {a.href for a in find(panel, "A")}


def test_the_breadcrumb_leads_back_to_the_nation_and_marks_where_one_is(now: Any, text: Any, find: Any) -> None:
    way = [("NG", "Nigeria", 0), ("NG020", "Kano", 1), ("NG020-08", "Gwale", 2)]
    nav = find(panel_area.render(now, KANO, way, LEVELS, [], []), "Nav")[0]
    assert [(a.children, a.href) for a in find(nav, "A")] == [("Nigeria", "?area="), ("Kano", "?area=NG020")]
    assert text(find(nav, "Span")) == "Gwale"


def test_a_past_month_is_told_in_the_past_tense(now: Any, text: Any) -> None:
    said = text(panel_area.render(now, NATION, WAY, LEVELS, [], [], product_name="BCG", month=date(2016, 5, 1)))
    assert "As it was at the end of May 2016." in said
    assert "were out of BCG" in said
    assert "No facility here was out of BCG or close to it." in said


def test_simulated_areas_are_labelled(now: Any, text: Any) -> None:
    assert "Simulated data" in text(panel_area.render(now, NATION, WAY, LEVELS, [], [], notice="Simulated."))
    assert "Simulated data" not in text(panel_area.render(now, NATION, WAY, LEVELS, [], []))
