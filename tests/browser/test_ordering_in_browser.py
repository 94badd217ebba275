"""A place orders on a phone whose browser runs no scripts; an officer decides, it is sent, and it arrives."""

from __future__ import annotations

import os

from tests.browser import screen
from tests.browser.conftest import PHONE, sign_in

_PHONE = {"viewport": PHONE, "has_touch": True, "is_mobile": True, "java_script_enabled": False, "storage_state": None}

#: Where the demo's in-charge works, with two vaccines of which the store that supplies it can spare some.
_WANTED = """
    select f.code as facility, f.name as facility_name, s.code as supplier, s.name as supplier_name, r.code as product,
        r.name, r.doses_per_vial, x.usable - x.reserved as available
    from user_grant g
    join app_user u on u.id = g.user_id
    join programme p on p.id = g.programme_id
    join facility f on f.id = g.facility_id
    join facility s on s.id = f.supplier_id
    join position x on x.facility_id = s.id
    join product r on r.id = x.product_id
    where u.email = 'facility@demo.example' and p.code = :code and r.doses_per_vial > 1
        and x.usable - x.reserved >= 4 * r.doses_per_vial
    order by r.seat
    limit 2
"""
_STOCK = """
    select x.usable, x.reserved
    from position x
    join facility f on f.id = x.facility_id
    join programme p on p.id = f.programme_id
    join product r on r.id = x.product_id
    where p.code = :code and f.code = :facility and r.code = :product
"""


def _press(page, name):
    with page.expect_navigation():
        page.get_by_role("button", name=name).click()


def _fits(page):
    """Nothing is wider than the phone, and what a thumb has to hit is large enough."""
    assert page.evaluate("() => document.scrollingElement.scrollWidth") == PHONE["width"]
    for target in page.locator("main").locator("button, .order-amount input, select, form > label input").all():
        if target.is_visible():
            assert target.bounding_box()["height"] >= 40, target.evaluate("e => e.outerHTML")


def _picture(page, name):
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


def test_a_place_orders_on_a_phone_and_gets_what_an_officer_approves(context, product, nigeria):
    first, second = nigeria.rows(_WANTED)
    page = context(**_PHONE).new_page()
    page.goto(f"{product.address}/nigeria-demo/orders/new?facility={first.facility}")
    with page.expect_navigation():
        sign_in(page, "facility@demo.example")
    assert "up to its maximum" in screen.words(page, "main")
    page.locator(".formula summary").first.tap()
    assert "maximum" in screen.words(page, ".formula .worked")
    _fits(page)
    _picture(page, "order-new")
    for box in page.locator(".order-amount input").all():
        box.fill("")
    page.get_by_label(first.name).fill("4")
    page.get_by_label(second.name).fill("2")
    _press(page, "Place this order")
    address = page.url
    assert f"An officer of {first.supplier_name} decides." in screen.words(page, "main")
    assert page.get_by_role("button", name="Approve, and hold it").count() == 0
    _fits(page)
    before = nigeria.one(_STOCK, facility=first.supplier, product=first.product)

    officer = context().new_page()
    officer.goto(f"{product.address}/nigeria-demo/orders")
    assert "1 order waits for approval." in screen.words(officer, "main")
    officer.get_by_role("link", name=first.facility_name).first.click()
    officer.get_by_label(first.name).fill("3")
    _picture(officer, "order-decide")
    _press(officer, "Approve, and hold it")
    held = nigeria.one(_STOCK, facility=first.supplier, product=first.product)
    assert held.reserved - before.reserved == 3 * first.doses_per_vial
    officer.get_by_label(second.name).fill("1")
    _press(officer, "It has left")
    assert "expires" in screen.words(officer, ".said")
    _picture(officer, "order-sent")

    page.goto(address)
    _fits(page)
    _picture(page, "order-arrives")
    there = nigeria.one(_STOCK, facility=first.facility, product=first.product)
    _press(page, "All of it has arrived as sent")
    now = nigeria.one(_STOCK, facility=first.facility, product=first.product)
    assert now.usable - there.usable == 3 * first.doses_per_vial
    officer.goto(address)
    officer.get_by_text("Release what is held").click()
    officer.get_by_label("Why will it not be sent?").fill("no more this month")
    _press(officer, "Release it for others")
    assert "Closed" in screen.words(officer, ".lead")
    after = nigeria.one(_STOCK, facility=second.supplier, product=second.product)
    assert (after.reserved, after.usable) == (0, second.available - second.doses_per_vial)


def test_the_panel_of_a_facility_leads_to_its_orders(visit, nigeria):
    code = nigeria.one(
        "select f.code from facility f join programme p on p.id = f.programme_id"
        " where p.code = :code and f.tier = 'facility' and f.open order by f.ordinal limit 1"
    ).code
    page = visit(f"/nigeria-demo?facility={code}")
    page.get_by_role("link", name="Order stock").click()
    page.get_by_role("heading", name="Order stock").wait_for()
    assert f"/nigeria-demo/orders/new?facility={code}" in page.url
