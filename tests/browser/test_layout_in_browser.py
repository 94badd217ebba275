"""Does anything lie over something else, or end where its words do not? Every window that people have, measured."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.browser import screen

WINDOWS = {
    "desk": {"viewport": {"width": 1440, "height": 900}},
    "laptop": {"viewport": {"width": 1280, "height": 800}},
    "small laptop": {"viewport": {"width": 1024, "height": 768}},
    "tablet": {"viewport": {"width": 820, "height": 1180}},
    "phone": {"viewport": {"width": 390, "height": 844}},
    "small phone": {"viewport": {"width": 360, "height": 740}},
    "two hundred percent": {"viewport": {"width": 640, "height": 400}},
}

#: What stands over the map, beside the panel.
_PARTS = ("#headline", ".lens", "#legend", "#month-slider", "#day-field", "#past-banner", "#panel")

_BOXES = """(parts) => Object.fromEntries(parts.map((part) => [part, document.querySelector(part)])
  .filter(([, e]) => e && getComputedStyle(e).display !== 'none' && e.getBoundingClientRect().height > 0)
  .map(([part, e]) => [part, e.getBoundingClientRect()])
  .map(([part, { left, top, right, bottom }]) => [part, [left, top, right, bottom]]))"""

#: Single lines whose end is not on screen.
_CUT = """() => [...document.querySelectorAll(
    '#headline .value, #headline .delta, .month-output, .past-text, .month-now, .rail-link span')]
  .filter((e) => e.getClientRects().length && getComputedStyle(e).visibility !== 'hidden')
  .filter((e) => {
    const box = e.getBoundingClientRect();
    const around = e.closest('.headline-cell, #month-slider, .past-banner, .rail-link').getBoundingClientRect();
    return box.right > around.right + 1 || box.left < around.left - 1 || e.scrollWidth > Math.ceil(box.width) + 1;
  }).map((e) => [e.className, e.textContent])"""


def _over(one: list[float], other: list[float]) -> bool:
    return one[0] < other[2] - 1 and other[0] < one[2] - 1 and one[1] < other[3] - 1 and other[1] < one[3] - 1


def _wrong(page: Any) -> list[Any]:
    boxes = page.evaluate(_BOXES, list(_PARTS))
    width, height = page.viewport_size["width"], page.viewport_size["height"]
    wrong: list[Any] = [f"{a} over {b}" for a in boxes for b in boxes if a < b and _over(boxes[a], boxes[b])]
    wrong += [
        f"{a} outside" for a, (x, y, right, low) in boxes.items() if min(x, y) < 0 or right > width or low > height
    ]
    return wrong + page.evaluate(_CUT)


@pytest.mark.parametrize("window", WINDOWS)
def test_nothing_over_the_map_lies_over_something_else_or_is_cut_off(visit, nigeria, window):
    long_ago = (datetime.now(UTC) - timedelta(days=40)).date()
    found = {}
    for name, query in {
        "now": "",
        "a horizon": "?colour=probability&horizon=30",
        "levels of another authority": "?colour=state&preset=WHO-EPI&vaccine=BCG",
        "a month": f"?month={long_ago:%Y-%m}",
        "a day": f"?as_of={long_ago}&vaccine=BCG",
    }.items():
        page = screen.settled(visit(f"/{nigeria.code}{query}", **WINDOWS[window]))
        screen.until(page, lambda p=page: p.locator("#legend > *").count() > 0, "the legend is drawn")
        found[name] = _wrong(page)
        page.context.close()
    assert not any(found.values()), found


@pytest.mark.parametrize("window", ["tablet", "small phone", "two hundred percent"])
def test_a_mouse_moves_the_sheet_as_a_finger_does(visit, window):
    page = screen.settled(visit(**WINDOWS[window]))
    seen = {_height(page)}
    for _ in range(2):
        before = _height(page)
        page.locator("#panel-grip").click()
        screen.until(page, lambda b=before: _height(page) != b, "the sheet has another height")
        page.wait_for_timeout(300)
        seen.add(_height(page))
    assert len(seen) == 3


def _height(page: Any) -> int:
    return round(page.locator("#panel").bounding_box()["height"])


def test_a_panel_as_wide_as_a_page_hides_what_it_would_cut_off(visit):
    page = screen.settled(visit())
    assert page.locator("#headline").is_visible()
    page.locator("#panel-grip").click()
    screen.until(page, lambda: page.locator("#headline").is_hidden(), "the strip is gone")
    assert page.locator("#legend").is_hidden()
    assert page.locator("#panel-body h1").is_visible()
    page.locator("#panel-grip").click()
    screen.until(page, lambda: page.locator("#headline").is_visible(), "the strip is back")


def test_a_past_that_cannot_be_read_is_not_painted_with_what_is_so_now(visit, nigeria, watched):
    watched.expected.append("422")
    page = visit(f"/{nigeria.code}?as_of=1999-01-01", wait=False)
    page.locator(".map-message").wait_for()
    said = screen.words(page, ".map-message")
    assert "The map has no numbers to show." in said
    assert "Choose a later one." in said
    page.locator("#panel-body a", has_text="Show now").click()
    screen.until(page, lambda: screen.state(page).get("painted"), "the map is painted")
    screen.until(page, lambda: page.locator(".map-message").count() == 0, "the message is gone")
    assert "as_of" not in page.url


def test_a_panel_that_could_not_be_read_says_so_and_is_read_when_the_network_is_back(visit, watched):
    watched.expected += ["ERR_INTERNET_DISCONNECTED", "Callback failed"]
    page = screen.settled(visit())
    name = screen.words(page, "#panel-body table a")
    page.context.set_offline(True)
    page.locator("#panel-body table a").first.click()
    screen.until(page, lambda: page.locator(".map-message").count(), "it is said")
    assert "still shows what was there before" in screen.words(page, ".map-message")
    page.context.set_offline(False)
    screen.until(page, lambda: screen.words(page, "#panel-body h1") == name, "the panel is about the facility")
    screen.until(page, lambda: page.locator(".map-message").count() == 0, "nothing is said any more")


def test_a_panel_that_is_waited_for_shows_it(visit):
    page = screen.settled(visit())
    name = screen.words(page, "#panel-body table a")
    slow = page.context.new_cdp_session(page)
    slow.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 3000, "downloadThroughput": -1, "uploadThroughput": -1},
    )
    page.locator("#panel-body table a").first.click()
    page.locator("#panel[data-waiting]").wait_for()
    screen.until(page, lambda: screen.words(page, "#panel-body h1") == name, "the panel is about the facility")
    screen.until(page, lambda: page.locator("#panel[data-waiting]").count() == 0, "nothing is waited for")


def test_without_scripts_the_map_leads_to_the_pages_that_do_without(visit):
    page = visit(wait=False, java_script_enabled=False)
    links = page.locator(".without-scripts a")
    assert [a.inner_text() for a in links.all()] == [
        "Ahead",
        "Alerts",
        "Counts",
        "Orders",
        "Indicators",
        "Accuracy",
        "About",
    ]
    links.filter(has_text="Alerts").click()
    assert page.locator("h1").inner_text() == "Open alerts"
