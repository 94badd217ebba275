"""The bin card in a browser: reached from the panel, readable on a desk, on a phone and on paper, and taken away."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.browser import screen
from tests.browser.conftest import PHONE

#: A position that has a lot of history, and was out of stock within the year.
_POSITION = (
    "select f.code as facility, r.code as product, p.total from stock_month m join facility f on f.id = m.facility_id"
    " join programme g on g.id = f.programme_id join product r on r.id = m.product_id"
    " join position p on p.facility_id = f.id and p.product_id = r.id"
    " where g.code = :code and m.days_out > 3 and m.month > now() - interval '8 months'"
    " order by m.month desc, f.code, r.code limit 1"
)


def _address(nigeria) -> str:
    at = nigeria.one(_POSITION)
    return f"/nigeria-demo/bin-card?facility={at.facility}&product={at.product}"


def test_the_panel_leads_to_the_bin_card_of_its_vaccine(visit, nigeria):
    at = nigeria.one(_POSITION)
    page = visit(f"/nigeria-demo?facility={at.facility}&vaccine={at.product}")
    page.get_by_role("link", name="Bin card", exact=True).click()
    page.wait_for_url("**/bin-card?**")
    assert f"facility={at.facility}" in page.url
    assert f"product={at.product}" in page.url
    last = page.locator("tbody tr.sum").last
    assert f"{at.total:,}" in last.inner_text()
    assert page.locator("tr.out .badge.state-stockout").count() >= 1
    assert page.locator(".bar .badge.simulated").is_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_table_fits_a_desk_and_a_phone(visit, nigeria, theme):
    address = _address(nigeria)
    desk = visit(address, wait=False, color_scheme=theme)
    assert desk.get_by_role("columnheader", name="Document").is_visible()
    assert not desk.get_by_role("columnheader", name="Change").is_visible()
    phone = visit(address, wait=False, color_scheme=theme, viewport=PHONE, has_touch=True)
    assert phone.get_by_role("columnheader", name="Change").is_visible()
    assert not phone.get_by_role("columnheader", name="Document").is_visible()
    for page in (desk, phone):
        wider = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wider <= 0, "the page itself never scrolls sideways"
    assert phone.locator(".downloads .button").first.bounding_box()["height"] >= 44


def test_a_period_is_chosen_and_what_is_wrong_is_said_above_the_form(visit, nigeria, watched):
    watched.expected.append("400")
    page = visit(_address(nigeria), wait=False)
    page.get_by_label("From").fill("2030-01-02")
    page.get_by_label("To").fill("2030-01-01")
    page.get_by_role("button", name="Show").click()
    page.get_by_role("alert").wait_for()
    assert "is after to" in page.get_by_role("alert").inner_text()
    page.get_by_label("To").fill("2030-01-03")
    page.get_by_role("button", name="Show").click()
    page.get_by_text("Nothing was recorded in this period.").wait_for()


def test_what_is_taken_away_ends_with_the_balance_on_screen(visit, nigeria):
    page = visit(_address(nigeria), wait=False)
    with page.expect_download() as waited:
        page.get_by_role("link", name="CSV").click()
    assert waited.value.suggested_filename.startswith("bin-card_")
    assert waited.value.suggested_filename.endswith(".csv")
    rows = list(csv.reader(Path(waited.value.path()).read_text(encoding="utf-8-sig").splitlines()))
    balance = rows[-1][9]
    assert f"{int(balance):,}" in screen.words(page, "tbody tr.sum:last-child")


def test_on_paper_there_is_the_table_and_nothing_to_press(visit, nigeria):
    page = visit(_address(nigeria), wait=False)
    page.emulate_media(media="print")
    assert page.locator("main table").is_visible()
    for gone in (".asks", ".downloads", ".rail", ".bar"):
        assert not page.locator(gone).first.is_visible()
    assert page.pdf().startswith(b"%PDF-")
