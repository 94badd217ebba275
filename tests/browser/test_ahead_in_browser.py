"""What is ahead, on screen: horizons, presets, the range of stock, the next 30 days, past predictions, formulas."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from tests.browser import screen, stock
from tests.browser.conftest import PHONE

_PHONE = {"viewport": PHONE, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}

#: Facilities of Kano with their chances of running out of BCG, before the next delivery and within 30 days.
_CHANCES = (
    "select f.ordinal, x.probability, x.within[3] as within from position x join facility f on f.id = x.facility_id"
    " join programme p on p.id = f.programme_id join product d on d.id = x.product_id"
    " join area a on a.id = f.partition_id where p.code = :code and d.code = 'BCG' and a.name = 'Kano'"
    " and x.within is not null order by f.ordinal"
)
_DELIVERED = (
    "select f.code, d.code as product, d.name as product_name from position x join facility f on f.id = x.facility_id"
    " join programme p on p.id = f.programme_id join product d on d.id = x.product_id where p.code = :code"
    " and x.state = 6 and x.next_delivery_on > current_date and x.probability > 0 and f.catchment > 0"
    " order by x.probability desc, f.code limit 1"
)


def _query(page):
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def _deciles(rows, name):
    return [10 + min(9, int(round(float(getattr(r, name)) * 10, 5))) for r in rows]


def _near_kano(visit, nigeria, query, **options):
    kano = nigeria.one(
        "select a.code from area a join programme p on p.id = a.programme_id"
        " where p.code = :code and a.name = 'Kano' and a.level = 1"
    ).code
    lon, lat = nigeria.middle(kano)
    return screen.settled(visit(f"/nigeria-demo?{query}&at=9.00/{lat:.4f}/{lon:.4f}", **options))


@pytest.mark.parametrize("options", [{}, _PHONE], ids=["desktop", "phone"])
def test_a_horizon_colours_by_its_chance_says_so_and_back_takes_it_away(visit, nigeria, watched, options):
    page = _near_kano(visit, nigeria, "vaccine=BCG&colour=probability", **options)
    rows = nigeria.rows(_CHANCES)
    ordinals = [r.ordinal for r in rows]
    usual = _deciles(rows, "probability")
    screen.until(page, lambda: screen.shown(page, "facilities", ordinals) == usual, "the usual chances are painted")
    watched.requests.clear()
    page.locator("#horizon").select_option("30")
    within = _deciles(rows, "within")
    assert within != usual
    screen.until(page, lambda: screen.shown(page, "facilities", ordinals) == within, "the chances of 30 days")
    assert watched.tiles() == []
    assert _query(page)["horizon"] == "30"
    title = page.locator("#legend .legend-title")
    assert title.text_content() == "Chance of a stockout within 30 days"
    screen.until(page, lambda: "within 30 days" in screen.words(page), "the panel says which chances")
    copied = screen.settled(visit(page.url[page.url.index("/nigeria-demo") :], **options))
    screen.until(copied, lambda: screen.shown(copied, "facilities", ordinals) == within, "the link shows the same")
    assert copied.locator("#horizon").input_value() == "30"
    page.go_back()
    screen.until(page, lambda: screen.shown(page, "facilities", ordinals) == usual, "Back shows the usual chances")
    assert page.locator("#horizon").input_value() == ""


def test_what_is_seen_through_a_horizon_follows_a_push(visit, nigeria, product):
    place = stock.stocked(nigeria, 1)
    page = screen.settled(
        visit(f"/nigeria-demo?vaccine={place.product}&colour=probability&horizon=14&at=11.00/{place.lat}/{place.lon}")
    )
    screen.until(page, lambda: screen.shown(page, "facilities", [place.ordinal])[0] in range(10, 19), "it has stock")
    stock.use_up(product, place)
    screen.until(page, lambda: screen.shown(page, "facilities", [place.ordinal]) == [19], "it is out for certain")
    stock.refill(product, place)
    screen.until(page, lambda: screen.shown(page, "facilities", [place.ordinal]) != [19], "it is stocked again")


def test_another_authoritys_levels_colour_the_states_and_are_named(visit, nigeria):
    page = _near_kano(visit, nigeria, "vaccine=BCG&colour=state")
    ordinals = [r.ordinal for r in nigeria.rows(_CHANCES)]
    own = screen.shown(page, "facilities", ordinals)
    assert "NPHCDA, minimum 25\u00a0%" in page.locator("#legend .legend-title").inner_text()
    page.locator("#preset").select_option("OpenLMIS")
    screen.until(page, lambda: screen.shown(page, "facilities", ordinals) != own, "other states are painted")
    seen = screen.shown(page, "facilities", ordinals)
    # Only what goes by the levels may differ; six months of stock are more than anybody's maximum here.
    assert all(a == b or {a, b} <= {4, 5, 6} for a, b in zip(own, seen, strict=True))
    assert seen.count(4) > own.count(4)
    assert "OpenLMIS, minimum 3, maximum 6 periods" in page.locator("#legend .legend-title").inner_text()
    screen.until(page, lambda: "States by OpenLMIS" in screen.words(page), "the panel says whose levels")
    page.get_by_role("link", name="Show the programme's own").click()
    screen.until(page, lambda: screen.shown(page, "facilities", ordinals) == own, "the programme's own are back")
    assert "preset" not in _query(page)


def test_the_past_has_no_horizon_to_choose(visit, nigeria, product):
    month = product.ask("/api/v1/nigeria-demo/registry")["months"][0]
    page = visit(f"/nigeria-demo?colour=probability&horizon=30&month={month}")
    assert page.locator("#horizon").is_hidden()
    assert "before the next delivery" in page.locator("#legend .legend-title").inner_text()


def test_a_facility_draws_what_is_ahead_and_tells_it_in_a_table(visit, nigeria):
    place = nigeria.one(_DELIVERED)
    page = visit(f"/nigeria-demo?facility={place.code}&vaccine={place.product}")
    chart = page.locator("#panel-body .chart").first
    chart.locator("svg.main-svg").first.wait_for()
    assert "A delivery is due" in chart.get_attribute("aria-label")
    heading = page.locator("#panel-body h2", has_text="Stock ahead")
    assert heading.is_visible()
    table = page.locator("#panel-body details.as-table").first
    table.locator("summary").focus()
    page.keyboard.press("Enter")
    rows = table.locator("tbody tr")
    screen.until(page, lambda: rows.count() == 14, "a row for each week and the last day")
    assert "delivery due" in table.inner_text()
    chances = page.get_by_role("table", name=f"Chance of running out of {place.product_name}").locator("tbody td")
    assert chances.count() == 5


def test_a_number_opens_to_its_formula_by_key_and_by_touch(visit, nigeria):
    place = nigeria.one(_DELIVERED)
    for options in ({}, _PHONE):
        page = visit(f"/nigeria-demo?facility={place.code}&vaccine={place.product}", **options)
        formula = page.locator("#panel-body .facts details.formula", has_text="Average monthly use").first
        summary = formula.locator("summary")
        assert "how it is worked out" in summary.text_content()
        if options:
            summary.scroll_into_view_if_needed()
            assert summary.bounding_box()["height"] >= 44
            summary.tap()
        else:
            summary.focus()
            page.keyboard.press("Enter")
        said = formula.locator(".worked")
        said.wait_for()
        assert "Doses used / months" in said.inner_text()


def test_the_next_30_days_lead_to_the_place_and_are_taken_away(visit, nigeria):
    page = visit("/nigeria-demo/next", wait=False)
    shown = page.locator(".shortfall")
    assert shown.count() > 0
    first = nigeria.one(
        "select x.missed from position x join counted c on c.facility_id = x.facility_id"
        " join facility f on f.id = x.facility_id join programme p on p.id = f.programme_id"
        " where p.code = :code and f.open order by x.missed desc nulls last limit 1"
    ).missed
    assert shown.first.locator(".large").inner_text() == f"{round(first):,}"
    with page.expect_download() as taken:
        page.get_by_role("link", name="CSV").click()
    assert taken.value.suggested_filename.startswith("next-30-days_")
    page.get_by_label("Vaccine").select_option("BCG")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**vaccine=BCG**")
    assert all(text.startswith("BCG at ") for text in page.locator(".shortfall h2").all_inner_texts())
    page.locator(".shortfall h2 a").first.click()
    screen.ready(page)
    assert _query(page)["vaccine"] == "BCG"
    page.locator("#panel-body h2.chosen", has_text="BCG").wait_for()


def test_past_predictions_are_shown_as_a_picture_words_and_a_table(visit, nigeria):
    page = visit("/nigeria-demo/calibration", wait=False)
    assert page.get_by_role("img").first.is_visible()
    points = page.locator("svg.reliability circle.point")
    rows = page.get_by_role("table", name="Predictions by the chance that was shown").locator("tbody tr")
    assert points.count() == rows.count() == page.locator(".said li").count() > 3


def test_the_indicators_of_an_area_open_to_their_formulas(visit, nigeria):
    page = visit("/nigeria-demo/kpis", wait=False)
    indicator = page.locator(".indicators details.formula").first
    indicator.locator("summary").click()
    assert "places x vaccines that handle it and report" in indicator.locator(".worked").inner_text()
    page.get_by_label("State").select_option(label="Kano")
    page.get_by_role("button", name="Show").click()
    page.get_by_role("heading", name="How supply worked in Kano").wait_for()
    with page.expect_download() as taken:
        page.get_by_role("link", name="Excel").click()
    assert taken.value.suggested_filename.endswith(".xlsx")
