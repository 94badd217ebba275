"""One event is recorded by hand on a cheap phone, without scripts; the form says when the network is away."""

from __future__ import annotations

import os

import pytest

from tests.browser.conftest import sign_in

_PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}

#: Where the demo's in-charge works, and a vaccine of which it holds something.
_STOCK = """
    select f.code as facility, r.code as product, r.name, r.doses_per_vial, p2.usable
    from user_grant g
    join app_user u on u.id = g.user_id
    join programme p on p.id = g.programme_id
    join facility f on f.id = g.facility_id
    join position p2 on p2.facility_id = f.id and p2.usable > 60
    join product r on r.id = p2.product_id
    where u.email = 'facility@demo.example' and p.code = :code and r.doses_per_vial > 1
    order by r.seat
    limit 1
"""


def _fits(page):
    """Nothing is wider than the phone, and what a thumb has to hit is large enough."""
    assert page.evaluate("() => document.scrollingElement.scrollWidth") == 360
    for target in page.locator("main").locator("button, a.button, .amounts input, select, summary").all():
        if target.is_visible():
            assert target.bounding_box()["height"] >= 43.5, target.evaluate("e => e.outerHTML")


def _picture(page, name):
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_loss_is_recorded_and_taken_back_on_a_phone_with_scripts_or_without(context, product, nigeria, scheme):
    [of] = nigeria.rows(_STOCK)
    # The choice between light and dark is made by a script: without one a page is light.
    scripts = {"java_script_enabled": scheme == "dark", "color_scheme": scheme}
    page = context(**_PHONE, **scripts, storage_state=None).new_page()
    page.goto(f"{product.address}/nigeria-demo/record?facility={of.facility}&product={of.product}")
    with page.expect_navigation():
        sign_in(page, "facility@demo.example")
    _fits(page)
    _picture(page, f"choose-{scheme}")
    page.get_by_role("link", name="Lost or discarded").tap()
    page.get_by_label("Number", exact=True).fill("1")
    page.get_by_label("Note").fill("it fell")
    with page.expect_navigation():
        page.get_by_role("button", name="Record").tap()
    assert "A loss needs its reason. Choose one." in page.get_by_role("alert").inner_text()
    assert page.get_by_label("Note").input_value() == "it fell"
    _fits(page)
    _picture(page, f"refused-{scheme}")
    page.get_by_label("Why").select_option("broken")
    with page.expect_navigation():
        page.get_by_role("button", name="Record").tap()
    assert f"\N{MINUS SIGN}{of.doses_per_vial}" in page.locator("main").inner_text()
    _fits(page)
    _picture(page, f"done-{scheme}")
    page.get_by_role("link", name="A mistake? Take it back.").tap()
    page.get_by_label("Why").fill("it was another vaccine")
    _fits(page)
    _picture(page, f"back-{scheme}")
    with page.expect_navigation():
        page.get_by_role("button", name="Take it back").tap()
    assert "taken back" in page.get_by_role("status").inner_text()


def test_the_form_says_when_the_network_is_away(context, product, nigeria):
    [of] = nigeria.rows(_STOCK)
    profile = context(**_PHONE, storage_state=None)
    page = profile.new_page()
    page.goto(f"{product.address}/nigeria-demo/record?facility={of.facility}&product={of.product}&kind=receipt")
    with page.expect_navigation():
        sign_in(page, "facility@demo.example")
    away = page.get_by_text("This device is offline.")
    assert not away.is_visible()
    profile.set_offline(True)
    away.wait_for()
    profile.set_offline(False)
    away.wait_for(state="hidden")


def test_the_panel_of_the_facility_leads_to_the_form(visit, product, nigeria, context):
    [of] = nigeria.rows(_STOCK)
    page = visit(f"/nigeria-demo?facility={of.facility}&vaccine={of.product}")
    page.locator("#panel").get_by_role("link", name="Record", exact=True).first.click()
    page.get_by_role("heading", name=f"{of.name}: what happened?").wait_for()
