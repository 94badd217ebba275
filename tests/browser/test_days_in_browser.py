"""Any day on the map: a date field, the switch between what was so and what was known, and a banner that says which."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.browser import screen


def test_the_map_of_any_day_says_that_it_is_of_that_day(visit, nigeria, watched):
    page = screen.settled(visit(f"/{nigeria.code}?vaccine=BCG"))
    day = (datetime.now(UTC) - timedelta(days=40)).date().isoformat()
    watched.requests.clear()
    page.locator("#day-input").fill(day)
    page.locator("#day-input").dispatch_event("change")
    screen.until(page, lambda: screen.state(page)["as_of"] == day, "the map shows that day")
    screen.until(page, lambda: "As it was on" in page.locator("#past-banner").inner_text(), "the banner says so")
    screen.until(page, lambda: "As it was on" in screen.words(page), "the panel says so")
    assert f"as_of={day}" in page.url
    assert watched.tiles() == []
    page.locator("#day-now").click()
    screen.until(page, lambda: screen.state(page)["as_of"] is None, "the map shows now")
    assert page.locator("#past-banner").is_hidden()
