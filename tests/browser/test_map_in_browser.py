"""What a reader can do with the map: see it, switch it, go into it and back, search it, share it."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from data.types import State
from tests.browser import screen

# LOOK: the colour of each state, in light.
STATE_COLOUR = {State.STOCKOUT: (127, 13, 31), State.ADEQUATE: (166, 213, 184)}

_AREA = "select a.code, a.name, a.seat from area a join programme p on p.id = a.programme_id where p.code = :code"
_WORST = (
    "select f.code, f.name, f.ordinal, ST_X(f.point) as lon, ST_Y(f.point) as lat, a.code as area, a.name as area_name"
    " from facility f join programme p on p.id = f.programme_id join facility_status s on s.facility_id = f.id"
    " join area a on a.id = f.area_id where p.code = :code and s.state = 2 and f.point is not null and a.level = 2"
    " order by f.code limit 1"
)


def _query(page):
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def _kano(country):
    return country.one(f"{_AREA} and a.level = 1 and a.name = 'Kano'")


def _heading(page, name):
    screen.until(page, lambda: screen.words(page, "#panel-body h1") == name, f"the panel is about {name}")


def test_the_map_paints_every_state_in_the_colour_that_its_legend_explains(visit, nigeria):
    page = screen.settled(visit())
    states = nigeria.rows(f"{_AREA} and a.level = 1 order by a.seat")
    assert len(states) == 2
    for area in states:
        (shown,) = screen.shown(page, "areas", [area.seat])
        assert 0 <= shown <= 9
        legend = screen.colour_of(page, f"#legend .ramp-step:nth-child({shown + 1})")
        at = screen.where(page, *nigeria.middle(area.code))
        # Its name may be written across its middle.
        assert screen.painted(page, at, legend, reach=14), f"{area.name} is not painted as class {shown}"
        share = nigeria.one(
            "select s.risk_share from area_status s join area a on a.id = s.area_id join programme p"
            " on p.id = a.programme_id where p.code = :code and a.code = :area and s.product_seat = 0",
            area=area.code,
        ).risk_share
        label = page.locator(f"#legend .ramp-step:nth-child({shown + 1})").get_attribute("title")
        low, high = (int(number) for number in re.findall(r"\d+", label))
        assert low <= share <= high


def test_switching_the_vaccine_repaints_without_a_single_tile(visit, nigeria, watched):
    page = screen.settled(visit())
    seats = [a.seat for a in nigeria.rows(f"{_AREA} order by a.seat")]
    area = _kano(nigeria)
    at = screen.where(page, *nigeria.middle(area.code))
    before, colours = screen.shown(page, "areas", seats), screen.colours(page, at)
    watched.requests.clear()
    page.locator("#vaccine").select_option("BCG")
    screen.until(page, lambda: screen.state(page)["product"] == 1, "the vaccine is BCG")
    screen.until(page, lambda: screen.shown(page, "areas", seats) != before, "other classes are painted")
    screen.until(page, lambda: screen.colours(page, at) != colours, "Kano has another colour")
    assert watched.tiles() == []
    assert _query(page)["vaccine"] == "BCG"
    screen.until(page, lambda: "BCG" in screen.words(page, "#panel-body .lead"), "the panel is about BCG")
    out = nigeria.one(
        "select s.stockout from area_status s join area a on a.id = s.area_id join programme p"
        " on p.id = a.programme_id where p.code = :code and a.seat = 0 and s.product_seat = 1"
    ).stockout
    assert screen.words(page, "#headline-out .value") == str(out)


def test_a_click_on_a_state_goes_there_and_back_returns_to_the_nation(visit, nigeria):
    page = screen.settled(visit(reduced_motion="no-preference"))
    nation = screen.state(page)["zoom"]
    kano = _kano(nigeria)
    x, y = screen.where(page, *nigeria.middle(kano.code))
    page.mouse.click(x, y)
    _heading(page, "Kano")
    assert _query(page)["area"] == kano.code
    screen.settled(page)
    assert screen.state(page)["zoom"] > nation + 0.5
    worst = page.locator("#panel-body table").first.locator("tbody tr")
    assert worst.count() == 10
    assert {t.split()[0] for t in worst.locator("td:nth-child(2)").all_inner_texts()} <= {"Out", "Critical"}
    listed = worst.first.locator("a").first.inner_text()
    inside = nigeria.one(
        "select count(*) as n from facility f join area a on a.id = f.partition_id where f.name = :name"
        " and a.code = :area",
        name=listed,
        area=kano.code,
    )
    assert inside.n >= 1
    page.go_back()
    _heading(page, "Nigeria")
    assert "area" not in _query(page)
    screen.settled(page)
    assert abs(screen.state(page)["zoom"] - nation) < 0.3


def test_a_copied_link_shows_the_same_place_and_vaccine(visit, nigeria):
    first = visit("/nigeria-demo?vaccine=MR")
    kano = _kano(nigeria)
    screen.settled(first)
    first.mouse.click(*screen.where(first, *nigeria.middle(kano.code)))
    _heading(first, "Kano")
    screen.settled(first)
    other = visit(first.url.removeprefix(first.url.split("/nigeria-demo")[0]))
    _heading(other, "Kano")
    screen.settled(other)
    assert _query(other) == _query(first)
    assert other.locator("#vaccine").input_value() == "MR"
    point = nigeria.middle(kano.code)
    for one, two in zip(screen.where(first, *point), screen.where(other, *point), strict=True):
        assert abs(one - two) < 12
    seats = [a.seat for a in nigeria.rows(f"{_AREA} order by a.seat")]
    assert screen.shown(first, "areas", seats) == screen.shown(other, "areas", seats)
    assert screen.numbers(first) == screen.numbers(other)


def test_an_area_is_found_with_the_keyboard_alone(visit, nigeria):
    page = visit()
    area = nigeria.one(f"{_AREA} and a.level = 2 and a.name = 'Bebeji'")
    page.keyboard.press("/")
    page.keyboard.type("bebe")
    page.locator("#search-results [role=option]").first.wait_for()
    page.keyboard.press("ArrowDown")
    assert page.locator("#search-results [aria-selected=true]").inner_text().startswith("Bebeji")
    page.keyboard.press("Enter")
    _heading(page, "Bebeji")
    assert _query(page)["area"] == area.code
    screen.settled(page)
    x, y = screen.where(page, *nigeria.middle(area.code))
    assert 64 < x < 880
    assert 56 < y < 800


def test_a_facility_is_found_with_the_keyboard_alone(visit, nigeria):
    facility = nigeria.one(_WORST)
    page = visit()
    page.keyboard.press("/")
    page.keyboard.type(facility.code)
    page.locator(f"#search-results [data-code='{facility.code}']").wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    _heading(page, facility.name)
    assert _query(page)["facility"] == facility.code


def test_a_click_on_a_facility_tells_its_stock_its_risk_its_year_and_its_supplier(visit, nigeria):
    facility = nigeria.one(_WORST)
    page = visit(f"/nigeria-demo?area={facility.area}")
    screen.settled(page)
    screen.until(page, lambda: screen.state(page)["near"], "facilities are drawn")
    assert screen.shown(page, "facilities", [facility.ordinal]) == [State.STOCKOUT]
    at = screen.where(page, facility.lon, facility.lat)
    screen.until(
        page, lambda: screen.painted(page, at, STATE_COLOUR[State.STOCKOUT], reach=6), "the facility is drawn as out"
    )
    page.mouse.click(*at)
    _heading(page, facility.name)
    assert _query(page)["facility"] == facility.code
    said = screen.words(page)
    for part in ("Out of stock", "Cover", "Chance of running out", "Average monthly use", "Supplied by", "km away"):
        assert part in said
    assert page.locator("#panel-body tr[data-view-href^='?vaccine=']").count() >= 10
    assert page.locator("#panel-body .callout p").first.inner_text().strip().endswith(".")
    chart = page.locator("#panel-body .chart svg.main-svg").first
    chart.wait_for()
    screen.until(page, lambda: page.locator("#panel-body .chart svg.main-svg").count() >= 4, "both charts are drawn")
    data = page.evaluate(
        "() => [...document.querySelectorAll('#panel-body .js-plotly-plot')].flatMap((plot) =>"
        " plot.data.map((d) => [d.name, [...d.x].length]))"
    )
    assert dict(data)["Balance"] == dict(data)["Used"] == 12


def test_a_vaccine_of_a_facility_lists_its_lots_in_order_of_issue(visit, nigeria):
    held = nigeria.one(
        "select f.code as facility, pr.code as product, string_agg(l.number, ' ' order by l.expiry, l.number) as lots,"
        " sum(b.doses) as doses from lot_balance b join facility f on f.id = b.facility_id"
        " join lot l on l.id = b.lot_id join product pr on pr.id = b.product_id"
        " join programme p on p.id = f.programme_id where p.code = :code and b.doses > 0 and b.vvm_stage <= 2"
        " and l.expiry > current_date group by f.code, pr.code having count(*) > 1"
        " and min(b.vvm_stage) = max(b.vvm_stage)"
        " order by f.code, pr.code limit 1"
    )
    page = visit(f"/nigeria-demo?facility={held.facility}&vaccine={held.product}")
    lots = page.locator("#panel-body h2:has-text('Lots, in order of issue') + div tbody tr")
    lots.first.wait_for()
    assert lots.locator("td:first-child").all_inner_texts() == held.lots.split()
    doses = [int(text.replace(",", "")) for text in lots.locator("td:nth-child(3)").all_inner_texts()]
    assert sum(doses) == held.doses


def test_after_a_facility_its_state_is_fitted_as_well_as_at_first(visit, nigeria):
    facility = nigeria.one(_WORST)
    page = visit(f"/nigeria-demo?facility={facility.code}")
    screen.settled(page)
    page.locator("#panel-body .crumbs a", has_text=re.compile("^(Kano|Lagos)$")).click()
    screen.until(
        page, lambda: screen.words(page, "#panel-body h1") in ("Kano", "Lagos"), "the panel is about the state"
    )
    screen.settled(page)
    direct = screen.settled(visit(f"/nigeria-demo?area={_query(page)['area']}"))
    assert abs(screen.state(page)["zoom"] - screen.state(direct)["zoom"]) < 0.3


def test_a_headline_number_colours_the_map_by_itself(visit, nigeria):
    page = screen.settled(visit())
    seats = [a.seat for a in nigeria.rows(f"{_AREA} order by a.seat")]
    page.locator("#headline-reporting").click()
    screen.until(page, lambda: screen.state(page)["colour"] == "reporting", "the map shows reporting")
    assert all(10 <= shown <= 19 for shown in screen.shown(page, "areas", seats) if shown != -1)
    assert "Facilities that report" in screen.words(page, "#legend")
    # What Dash renders anew is pressed again before the next frame.
    pressed = page.locator("#headline-reporting")
    screen.until(page, lambda: pressed.get_attribute("aria-pressed") == "true", "the number is pressed")


@pytest.mark.parametrize("place", ["area=NG999", "facility=nowhere"])
def test_a_link_to_what_is_not_there_says_so_and_leads_back(visit, place):
    page = visit(f"/nigeria-demo?{place}", wait=False)
    page.locator("#panel-body .error h1").wait_for()
    page.locator("#panel-body .error a").click()
    _heading(page, "Nigeria")


def test_choosing_a_vaccine_of_a_facility_brings_what_is_said_of_it_into_view(visit, nigeria):
    facility = nigeria.one(_WORST)
    page = visit(f"/nigeria-demo?facility={facility.code}")
    page.locator("#panel-body tr[data-view-href='?vaccine=OPV']").click()
    chosen = page.locator("#panel-body h2.chosen", has_text="Oral polio")
    chosen.wait_for()
    panel = page.locator("#panel-body").bounding_box()

    def in_view():
        box = chosen.bounding_box()
        return box and panel["y"] <= box["y"] < panel["y"] + 150

    screen.until(page, in_view, "the vaccine's part is at the top of the panel")


def test_a_place_is_gone_to_even_when_its_panel_is_read_again_meanwhile(visit):
    """Dash drops an answer that a newer question has overtaken: the newer one must lead there as well."""
    page = screen.settled(visit())
    held = []
    page.route("**/_dash-update-component*", lambda route: held.append(route))
    page.locator("#panel-body table").first.locator("tbody tr a").first.click()
    screen.until(page, lambda: len(held) == 1, "the panel of the facility is asked for")
    page.evaluate("() => window.dash_clientside.set_props('pulse', { data: 1000 })")
    screen.until(page, lambda: len(held) == 2, "it is asked for once more")
    for request in held:
        request.continue_()
    screen.until(page, lambda: screen.state(page)["near"], "the map is at the facility")
