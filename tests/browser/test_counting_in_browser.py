"""A facility is counted on a phone whose browser runs no scripts, and an officer approves what was found."""

from __future__ import annotations

import os

from tests.browser import screen
from tests.browser.conftest import PHONE, sign_in

_PHONE = {"viewport": PHONE, "has_touch": True, "is_mobile": True, "java_script_enabled": False, "storage_state": None}

#: Where the demo's in-charge works, and two of its vaccines of which it holds something, with what is on record by lot.
_STOCK = """
    select f.code as facility, r.code as product, r.name, r.doses_per_vial, sum(b.doses)::int as doses, count(*) as lots
    from user_grant g
    join app_user u on u.id = g.user_id
    join programme p on p.id = g.programme_id
    join facility f on f.id = g.facility_id
    join lot_balance b on b.facility_id = f.id and b.doses > 0
    join product r on r.id = b.product_id
    where u.email = 'facility@demo.example' and p.code = :code and r.doses_per_vial > 1
    group by f.code, r.id
    order by r.seat
    limit 2
"""
_LOTS = """
    select t.number, b.doses
    from lot_balance b
    join facility f on f.id = b.facility_id
    join programme p on p.id = f.programme_id
    join product r on r.id = b.product_id
    left join lot t on t.id = b.lot_id
    where p.code = :code and f.code = :facility and r.code = :product and b.doses > 0
"""


def _enter(page, of, lots):
    for lot in lots:
        box = page.locator(f'fieldset[data-lot="{lot.number or ""}"]')
        box.locator('input[name^="vials."]').fill(str(lot.doses // of.doses_per_vial))
        box.locator('input[name^="doses."]').fill(str(lot.doses % of.doses_per_vial))


def _follow(page, role, name):
    with page.expect_navigation():
        page.get_by_role(role, name=name).tap()


def _fits(page):
    """Nothing is wider than the phone, and what a thumb has to hit is large enough."""
    assert page.evaluate("() => document.scrollingElement.scrollWidth") == PHONE["width"]
    for target in page.locator("main").locator("button, .amounts input, select, summary").all():
        if target.is_visible():
            assert target.bounding_box()["height"] >= 43.5, target.evaluate("e => e.outerHTML")


def _picture(page, name):
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


def test_a_facility_is_counted_on_a_phone_and_an_officer_approves(context, product, nigeria):
    agrees, differs = nigeria.rows(_STOCK)
    page = context(**_PHONE).new_page()
    page.goto(f"{product.address}/nigeria-demo/counts/new?facility={agrees.facility}")
    with page.expect_navigation():
        sign_in(page, "facility@demo.example")
    page.get_by_text("Count only some").tap()
    for of in (agrees, differs):
        page.get_by_label(of.name, exact=True).check()
    _fits(page)
    _picture(page, "new")
    _follow(page, "button", "Count these")
    _follow(page, "link", f"Count {agrees.name}")
    _fits(page)
    _picture(page, "blind")
    assert "On record" not in screen.words(page, "main")
    _enter(page, agrees, nigeria.rows(_LOTS, facility=agrees.facility, product=agrees.product))
    _follow(page, "button", "Save and go on")
    page.get_by_role("heading", name=differs.name).wait_for()
    lots = nigeria.rows(_LOTS, facility=differs.facility, product=differs.product)
    for box in page.locator('.lot input[name^="vials."]').all()[: len(lots)]:
        box.fill("0")
    _follow(page, "button", "Save and go on")
    page.locator(".result").first.wait_for()
    assert "missing" in screen.words(page, ".result")
    for choice in page.get_by_label("Why does it differ?").all():
        choice.select_option("missing")
    _fits(page)
    _picture(page, "differs")
    _follow(page, "button", "Save and go on")
    _fits(page)
    _picture(page, "overview")
    assert "Another person has to approve it." in screen.words(page, "main")
    _follow(page, "button", "Send for approval")
    page.get_by_text("Waits for approval").wait_for()
    address = page.url
    assert page.get_by_role("button", name="Approve and post").count() == 0

    officer = context().new_page()
    officer.goto(f"{product.address}/nigeria-demo/counts")
    assert "1 count waits for approval." in screen.words(officer, "main")
    _picture(officer, "list")
    officer.goto(f"{address}/sheet")
    officer.emulate_media(media="print")
    assert not officer.locator(".rail").is_visible()
    _picture(officer, "sheet")
    officer.emulate_media(media="screen")
    officer.goto(address)
    _picture(officer, "approve")
    officer.get_by_role("button", name="Approve and post").click()
    officer.get_by_text("In the record as document").wait_for()
    left = nigeria.rows(_LOTS, facility=differs.facility, product=differs.product)
    assert left == []


def test_the_panel_of_a_facility_leads_to_its_count(visit, nigeria):
    code = nigeria.one(
        "select f.code from facility f join programme p on p.id = f.programme_id"
        " where p.code = :code and f.tier = 'facility' and f.open order by f.ordinal limit 1"
    ).code
    page = visit(f"/nigeria-demo?facility={code}")
    page.get_by_role("link", name="Count the stock").click()
    page.get_by_role("heading", name="Count the stock of").wait_for()
    assert f"/nigeria-demo/counts/new?facility={code}" in page.url
