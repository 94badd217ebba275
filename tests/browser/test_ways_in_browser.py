"""Which ways lead to it? A phone, the keyboard, dark light, and a browser that cannot draw the map."""

from __future__ import annotations

from tests.browser import screen
from tests.browser.conftest import PHONE

_TOUCH = {"viewport": PHONE, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}

#: What a thumb has to hit: links inside a sentence or a row that is a link itself are exempt, as in WCAG 2.5.8.
_TARGETS = """() => [...document.querySelectorAll('a, button, select, input, summary')]
  .filter((e) => !e.closest('tr, p, .skip, .chart, .formula, [hidden]'))
  .map((e) => [e.outerHTML.slice(0, 90), e.getBoundingClientRect(), getComputedStyle(e)])
  .filter(([, box, style]) => box.width > 0 && box.height > 0 && style.visibility !== 'hidden')
  .filter(([, box]) => box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth)
  .map(([html, { width, height }]) => [html, Math.round(width), Math.round(height)])"""


def _box(page, selector):
    return page.locator(selector).bounding_box()


def test_on_a_phone_the_panel_is_a_sheet_with_three_heights_under_a_thumb(visit, nigeria):
    page = screen.settled(visit(**_TOUCH))
    assert page.evaluate("() => document.scrollingElement.scrollWidth") == PHONE["width"]
    small = [target for target in page.evaluate(_TARGETS) if min(target[1:]) < 44]
    assert small == []
    panel = _box(page, "#panel")
    assert (panel["x"], panel["width"]) == (0, PHONE["width"])
    assert panel["y"] > PHONE["height"] * 0.3
    heights = set()
    for _ in range(3):
        before = _box(page, "#panel")["height"]
        page.locator("#panel-grip").tap()
        screen.until(page, lambda b=before: _box(page, "#panel")["height"] != b, "the sheet has another height")
        page.wait_for_timeout(300)
        heights.add(round(_box(page, "#panel")["height"]))
    assert len(heights) == 3
    facility = page.locator("#panel-body table").first.locator("tbody tr").first
    facility.tap()
    page.locator("#panel-body h2", has_text="Supplied by").wait_for()
    page.locator("#panel-body .chart svg.main-svg").first.wait_for()
    assert page.evaluate("() => document.scrollingElement.scrollWidth") == PHONE["width"]
    for path in ("/alerts", "/about", "/next", "/calibration", "/kpis"):
        page = visit(f"/nigeria-demo{path}", wait=False, **_TOUCH)
        page.locator("h1").wait_for()
        assert page.evaluate("() => document.scrollingElement.scrollWidth") == PHONE["width"], path


def test_a_tap_on_the_map_of_a_phone_opens_the_area(visit, nigeria):
    page = screen.settled(visit(**_TOUCH))
    kano = nigeria.one(
        "select a.code from area a join programme p on p.id = a.programme_id"
        " where p.code = :code and a.name = 'Kano' and a.level = 1"
    ).code
    page.touchscreen.tap(*screen.where(page, *nigeria.middle(kano)))
    screen.until(page, lambda: screen.words(page, "#panel-body h1") == "Kano", "the sheet is about Kano")
    screen.settled(page)
    _, y = screen.where(page, *nigeria.middle(kano))
    assert 56 < y < _box(page, "#panel")["y"]


def test_the_first_tab_leads_past_the_map(visit):
    page = visit()
    page.keyboard.press("Tab")
    skip = page.locator("a.skip")
    assert skip.evaluate("e => e === document.activeElement")
    box = skip.bounding_box()
    assert box["y"] >= 0
    page.keyboard.press("Enter")
    screen.until(
        page, lambda: page.evaluate("() => document.activeElement?.id") == "panel-body", "the list has the focus"
    )


def test_whoever_tabs_sees_where_they_are(visit):
    page = visit()
    seen, unmarked = [], []
    for _ in range(16):
        page.keyboard.press("Tab")
        name, marked = page.evaluate(
            """() => {
              const e = document.activeElement;
              // A field may be marked by the box around it.
              const marked = [e, e.parentElement].map((one) => getComputedStyle(one)).some(
                (style) => style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2);
              return [e.id || e.className || e.tagName, marked];
            }"""
        )
        seen.append(name)
        if not marked:
            unmarked.append(name)
    assert unmarked == []
    assert {"search", "vaccine", "colour", "theme-toggle"} <= set(seen)


def test_the_map_can_be_used_with_keys_alone(visit):
    page = screen.settled(visit())
    page.locator(".maplibregl-canvas").focus()
    zoom = screen.state(page)["zoom"]
    page.keyboard.press("+")
    screen.until(page, lambda: screen.state(page)["zoom"] > zoom + 0.5, "the map is closer")
    assert page.locator(".map-cross").is_visible()


def test_dark_follows_the_system_and_the_readers_choice_outlives_a_reload(visit):
    page = screen.settled(visit(color_scheme="dark"))
    assert page.evaluate("() => document.documentElement.dataset.theme") == "dark"
    corner = (_box(page, "#stage-map")["x"] + 20, 400)
    (dark,) = screen.colours(page, corner)
    assert max(dark) < 60
    page.locator("#theme-toggle").click()
    screen.until(page, lambda: min(next(iter(screen.colours(page, corner)))) > 180, "the map is light")
    page.reload()
    screen.settled(screen.ready(page))
    assert page.evaluate("() => document.documentElement.dataset.theme") == "light"
    seats = [0, 1, 2]
    assert all(shown is not None and shown >= 0 for shown in screen.shown(page, "areas", seats))


def test_without_webgl_the_same_numbers_are_a_table_that_can_be_sorted(context, visit, nigeria):
    profile = context()
    profile.add_init_script(
        "const real = HTMLCanvasElement.prototype.getContext;"
        "HTMLCanvasElement.prototype.getContext = function (kind, ...more) {"
        "  return kind.startsWith('webgl') ? null : real.call(this, kind, ...more);"
        "};"
    )
    page = visit(profile=profile, wait=False)
    page.get_by_role("alert").filter(has_text="cannot draw the map").wait_for()
    table = page.locator("#panel-body table.sortable").first
    table.wait_for()
    rows = nigeria.rows(
        "select a.name, s.risk_share from area_status s join area a on a.id = s.area_id join programme p"
        " on p.id = a.programme_id where p.code = :code and a.level = 1 and s.product_seat = 0 order by a.name"
    )
    said = {
        row.locator("td").first.inner_text().split("\n")[0]: row.locator("td").nth(1).inner_text().strip()
        for row in table.locator("tbody tr").all()
    }
    assert said == {row.name: f"{row.risk_share} %" for row in rows}
    table.locator("thead th").first.click()
    assert table.locator("thead th").first.get_attribute("aria-sort") == "ascending"
    names = [text.split("\n")[0] for text in table.locator("tbody td:first-child").all_inner_texts()]
    assert names == sorted(names)
    page.locator("#vaccine").select_option("BCG")
    screen.until(page, lambda: "BCG" in screen.words(page, "#panel-body .lead"), "the panel is about BCG")
    table.locator("tbody a", has_text="Kano").click()
    screen.until(page, lambda: screen.words(page, "#panel-body h1") == "Kano", "the panel is about Kano")


def test_a_page_at_rest_moves_nothing(visit):
    """What moves for ever makes the browser draw the whole map again and again: a phone's battery pays for it."""
    page = screen.settled(visit(reduced_motion="no-preference"))
    moving = (
        "() => document.getAnimations().filter((one) => one.effect.getTiming().iterations === Infinity)"
        ".map((one) => one.animationName)"
    )
    screen.until(page, lambda: page.evaluate(moving) == [], "nothing moves")
