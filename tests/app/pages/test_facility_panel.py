from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from app.components import chart, panel_facility
from app.components.panel_product import Chosen
from data.insight import fan, formula
from data.outlook import Outlook
from data.record.shipments import Shipment
from data.stock import Facility, Line, LotHeld, Month, Place, Position
from data.types import Kind, State
from geo.network import Neighbour, Store

FACILITY = Facility(
    id=1, code="NG-F1", name="Gwale PHC", tier="primary health centre",
    lineage=[Place("NG", "Nigeria", 0, 0), Place("NG020", "Kano", 1, 19), Place("NG020-08", "Gwale", 2, 300)],
    lon=8.5, lat=11.9, catchment=800, supplies=False, delivery_interval_days=30, lead_time_days=7,
    report_interval_days=31, open=True, flags=[], state=State.STOCKOUT, probability=1.0,
    last_event_at=datetime(2026, 11, 20, 9, 0, tzinfo=UTC),
)  # fmt: skip

BCG = Position(
    product_id=1, code="BCG", name="BCG", seat=1, unit="dose", doses_per_vial=20, usable=0, total=40, amc=410.0,
    state=State.STOCKOUT, probability=1.0, cover_p10=0, cover_p50=0, cover_p90=0,
    next_delivery_on=date(2026, 11, 17), last_event_at=datetime(2026, 11, 20, 9, 0, tzinfo=UTC),
    out_since=datetime(2026, 11, 14, 9, 0, tzinfo=UTC),
)  # fmt: skip
PENTA = replace(
    BCG, product_id=4, code="PENTA", name="Pentavalent", seat=4, doses_per_vial=10, usable=1240, total=1240, amc=400.0,
    state=State.ADEQUATE, probability=0.004, cover_p10=60, cover_p50=94, cover_p90=120,
    next_delivery_on=date(2026, 11, 25), out_since=None,
)  # fmt: skip


def _months(**wanted: Any) -> list[Month]:
    plain = Month(date(2026, 1, 1), 500, 400, 420, 10, 0, 470, 0, int(State.ADEQUATE), 0.1)
    return [replace(plain, month=d, **wanted) for d in chart.slots(date(2026, 11, 1))]


def _chosen(position: Position = BCG, **more: Any) -> Chosen:
    given: dict[str, Any] = {
        "reasons": ["The delivery due on 17 Nov is 3 days late."], "spare": [], "band": (100.0, 500.0),
        "formulas": {"amc": formula.amc([420.0] * 12, [0] * 12, [30.0] * 12)}, "lots": [], "months": _months(),
        "lines": [],
    }  # fmt: skip
    return Chosen(position, **(given | more))


def _panel(
    now: datetime, positions: list[Position], chosen: Chosen | None, chain: tuple[Store, ...] = (), **more: Any
) -> Any:
    facility, held = more.pop("facility", FACILITY), more.pop("held", {})
    return panel_facility.render(now, facility, positions, chosen, chain, held, ["Nation", "State", "LGA"], **more)


def test_the_panel_says_first_what_is_out_and_since_when(now: datetime, text: Any) -> None:
    said = text(_panel(now, [BCG, PENTA], _chosen()))
    assert "Out of BCG for 6 days." in said
    assert "3 days late" in said


def test_every_vaccine_has_its_state_doses_use_cover_chance_and_delivery(now: datetime, text: Any, find: Any) -> None:
    panel = _panel(now, [BCG, PENTA], _chosen())
    table = find(panel, "Table")[0]
    rows = [text(r) for r in find(table, "Tr")]
    assert rows[0] == "Vaccine Usable, used{0} Lasts{0} Runs out{0}".format(" how it is worked out =")
    assert rows[1] == (
        "BCG Out of stock 0 doses 410 a month = 40 held - 40 not usable 0 days = at even use 0 days 100 %"
        " delivery 3 days late = out already"
    )
    assert rows[2] == (
        "Pentavalent Adequate 1,240 doses 400 a month = 1,240 held - 0 not usable 94 days 60 to 120 = at even use"
        " 94.4 days under 1 % before 25 Nov = P(demand until then \u2265 1,240), at 400 a month"
    )
    assert [r.to_plotly_json()["props"].get("data-view-href") for r in find(table, "Tr")] == [
        None, "?vaccine=BCG", "?vaccine=PENTA",
    ]  # fmt: skip


def test_beside_the_chances_stands_which_model_they_are_by(now: datetime, text: Any) -> None:
    model = "2016-01 to 2018-12, 1b9f03c2"
    seen = replace(PENTA, within=[0.01, 0.02, 0.05, 0.2, 0.4])
    ahead = Outlook(now.date(), [], True, fan.spread([], 400.0, 5.0, 0.3), None, [], [], None)

    def said(position: Position, model: str | None) -> str:
        return text(_panel(now, [position], _chosen(position, outlook=ahead, model=model)))

    assert "By the count model: what is there" in said(seen, None)
    assert f"the learned model ({model}) was not asked of this place" in said(seen, model)
    learnt = replace(seen, learned_shift=0.4)
    assert f"what this programme's past months taught: the learned model of {model}." in said(learnt, model)
    assert "count model" not in said(replace(BCG, within=[1.0] * 5), model)


def test_without_a_vaccine_in_the_view_the_worst_one_is_shown() -> None:
    assert panel_facility.choose([PENTA, BCG], None) is BCG
    assert panel_facility.choose([PENTA, BCG], "PENTA") is PENTA
    assert panel_facility.choose([PENTA, BCG], "GONE") is BCG
    assert panel_facility.choose([], "BCG") is None


def test_lots_say_which_are_expired_expire_soon_or_have_turned(now: datetime, text: Any) -> None:
    lots = [
        LotHeld("A1", date(2027, 6, 30), 100, 3, None),
        LotHeld("B2", date(2026, 11, 19), 40, 1, None),
        LotHeld("C3", now.date() + timedelta(days=30), 60, 2, None),
        LotHeld("D4", date(2028, 1, 31), 80, 1, None),
        LotHeld(None, None, 20, 1, None),
    ]
    said = text(_panel(now, [BCG], _chosen(lots=lots)))
    assert "A1 30 Jun 2027 100 stage 3: discard" in said
    assert "B2 19 Nov expired 40 stage 1" in said
    assert "C3 20 Dec in 30 days 60 stage 2" in said
    assert "D4 31 Jan 2028 80 stage 1" in said
    assert "no lot number not known 20 stage 1" in said


def test_the_vaccine_chosen_says_its_doses_as_vials_too(now: datetime, text: Any) -> None:
    said = text(_panel(now, [PENTA], _chosen(replace(PENTA, usable=1236))))
    assert "Usable 1,236 doses (123 vials + 6 doses)" in said


def test_doses_that_are_held_but_must_not_be_used_are_said(now: datetime, text: Any) -> None:
    assert "Held but not usable 40 doses" in text(_panel(now, [BCG], _chosen()))


def test_the_supply_chain_is_a_list_of_links_with_distances(now: datetime, text: Any, find: Any) -> None:
    chain = (Store(7, "S1", "Gwale store", "lga", "Gwale", 14.2), Store(8, "S2", "Far depot", "depot", "Kano", None))
    panel = _panel(now, [BCG], _chosen(), chain, held={7: 400})
    assert "Gwale store LGA store · 14 km away · holds 400 doses of BCG" in text(panel)
    assert "Far depot Depot · distance not known" in text(panel)
    assert "?facility=S1" in [a.href for a in find(panel, "A")]


def test_who_can_spare_some_nearby_is_offered_beside_the_reason(now: datetime, text: Any) -> None:
    near = Neighbour(9, "K1", "Kumbotso store", "lga", "Kumbotso", 14.0, 400)
    assert "Kumbotso store , 14 km away, can spare 400 doses." in text(_panel(now, [BCG], _chosen(spare=[near])))


def test_a_facility_without_a_recent_report_is_neither_stocked_nor_out(now: datetime, text: Any) -> None:
    silent = replace(FACILITY, state=State.NO_REPORT, last_event_at=now - timedelta(days=60))
    held = replace(PENTA, state=State.NO_REPORT)
    said = text(_panel(now, [held], _chosen(held, reasons=[]), facility=silent))
    assert "Last report 21 Sep; one is expected every 31 days. What is there now is not known." in said
    assert "Pentavalent No report 1,240 doses when last reported" in said
    assert "due" not in said
    assert "late" not in said


def test_a_facility_that_never_reported_says_so(now: datetime, text: Any) -> None:
    said = text(_panel(now, [], None, facility=replace(FACILITY, last_event_at=None)))
    assert "No stock has been reported here." in said
    assert "last report never" in said


def test_a_past_month_says_so_and_leaves_out_what_is_only_known_now(now: datetime, text: Any) -> None:
    past = replace(PENTA, usable=340, cover_p10=None, cover_p50=None, cover_p90=None, amc=None, next_delivery_on=None)
    chosen = _chosen(past, lots=[LotHeld("A1", None, 5, 1, None)], reasons=[])
    said = text(_panel(now, [past], chosen, month=date(2016, 5, 1)))
    assert "As it was at the end of May 2016." in said
    assert "A1" not in said
    assert "Next delivery" not in said
    assert "Vaccine Balance Runs out Pentavalent Adequate 340 doses 34 vials under 1 %" in said


def test_simulated_stock_is_labelled_on_the_panel(now: datetime, text: Any) -> None:
    real = _panel(now, [BCG], _chosen())
    invented = _panel(now, [BCG], _chosen(), notice="All of it is simulated.")
    assert "Simulated data" not in text(real)
    assert "Simulated data" in text(invented)


def test_the_bin_card_shows_each_line_with_the_balance_after_it(now: datetime, text: Any) -> None:
    line = Line(
        id=7, kind=Kind.ADMINISTERED, doses=-12, counted=None, reason=None, occurred_at=now - timedelta(hours=2),
        recorded_at=now, source="api", document=None, lot="A1", balance=388,
    )  # fmt: skip
    said = text(_panel(now, [BCG], _chosen(lines=[line])))
    assert "2 hours ago given lot A1 \u221212 388" in said


def test_the_chart_has_a_sentence_and_a_table_that_say_the_same(now: datetime, text: Any, find: Any) -> None:
    months = _months()
    months[3] = replace(months[3], days_out=9)
    panel = _panel(now, [BCG], _chosen(months=months))
    said = text(panel)
    assert "used 5,040 doses, received 4,800 doses; out of stock on 9 days, in Mar 2026." in said
    assert find(panel, "Graph")[0].figure["layout"]["shapes"]
    assert "Mar 2026 400 420 10 470 9" in said


def test_a_month_that_was_not_reported_is_a_gap_and_not_a_zero() -> None:
    months = _months()
    del months[5]
    drawn = chart.figure(months, date(2026, 11, 1), "dose", (100, 500), "light")
    balance = next(t for t in drawn["data"] if t["name"] == "Balance")
    assert balance["y"][5] is None
    assert balance["connectgaps"] is False
    assert "1 month without a report." in chart.sentence(months, date(2026, 11, 1), "dose")


def test_the_chart_of_the_dark_theme_has_its_own_inks() -> None:
    light, dark = (chart.figure(_months(), date(2026, 11, 1), "dose", None, t) for t in ("light", "dark"))
    assert light["layout"]["template"]["layout"]["font"] != dark["layout"]["template"]["layout"]["font"]
    assert light["data"][1]["line"]["color"] != dark["data"][1]["line"]["color"]


def test_twelve_months_end_with_the_one_asked_for() -> None:
    assert chart.slots(date(2026, 2, 1))[0] == date(2025, 3, 1)
    assert chart.slots(date(2026, 2, 1))[-1] == date(2026, 2, 1)


def test_the_panel_says_what_is_on_its_way_and_leads_to_the_bin_card(now: datetime, text: Any, find: Any) -> None:
    way = Shipment(
        1, "WB-7", "BCG", "BCG", "NG-S1", "Kano store", "NG-F1", "Gwale PHC", 400, 0, 400, False,
        datetime(2026, 11, 18, 9, 0, tzinfo=UTC), None, None, None,
    )  # fmt: skip
    short = replace(way, document="WB-8", received=300, in_transit=100, differs=True)
    panel = _panel(now, [BCG], _chosen(ways=[way, short], bin_card="/demo/bin-card?facility=NG-F1&product=BCG"))
    said = text(panel)
    assert "400 doses from Kano store to Gwale PHC , sent 2 days ago WB-7 · Not received yet." in said
    assert "WB-8 · 300 arrived; nobody has said why." in said
    assert [a.href for a in find(panel, "A") if a.children == "Bin card"] == [
        "/demo/bin-card?facility=NG-F1&product=BCG"
    ]
    assert "In transit" not in text(_panel(now, [BCG], _chosen()))
