"""On a phone whose browser runs no scripts: a second factor is set up and asked for; people, tokens, sessions, log."""

from __future__ import annotations

import base64
import os
import time

import pytest

from app.auth import totp, users
from tests.browser import screen
from tests.browser.conftest import PHONE, sign_in
from tests.keys import BOX

_PHONE = {"viewport": PHONE, "has_touch": True, "is_mobile": True, "java_script_enabled": False, "storage_state": None}
_PASSWORD = "seven herons cross the delta"


def _fits(page):
    """Nothing is wider than the phone, and what a thumb has to hit is large enough."""
    assert page.evaluate("() => document.scrollingElement.scrollWidth") == PHONE["width"]
    for target in page.locator("main").locator("button, a.button, .stacked input, select, summary").all():
        if target.is_visible():
            assert target.bounding_box()["height"] >= 43.5, target.evaluate("e => e.outerHTML")


def _picture(page, name):
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


def _tap(page, name, role="button"):
    with page.expect_navigation():
        page.get_by_role(role, name=name, exact=True).tap()


def _next_code(secret, at=0):
    return totp.code(secret, totp.step(time.time()) + at)


@pytest.fixture(scope="module")
def administrator(loaded):
    email = "administrator@example.org"
    users.add(loaded, BOX, email, "Hauwa Bello", _PASSWORD)
    users.grant(loaded, email, "administrator", "nigeria-demo")
    return email


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_administrator_sets_a_second_factor_up_and_signs_in_with_it(
    context, product, nigeria, administrator, loaded, scheme
):
    with loaded.begin() as conn:
        conn.exec_driver_sql(
            "update app_user set totp_secret = null, totp_step = 0 where email = 'administrator@example.org'"
        )
    page = context(**_PHONE, color_scheme=scheme).new_page()
    page.goto(f"{product.address}/nigeria-demo/people")
    assert screen.words(page, ".demo-banner") == "Demo, open to anybody: enter nothing real."
    _picture(page, f"login-{scheme}")
    with page.expect_navigation():
        sign_in(page, administrator, _PASSWORD)
    page.get_by_text("As an administrator you need one before you go on.").wait_for()
    _fits(page)
    picture = page.locator(".qr svg").bounding_box()
    assert picture["width"] >= 180
    assert abs(picture["width"] - picture["height"]) < 2
    page.get_by_text("It cannot be scanned?").tap()
    secret = base64.b32decode(page.locator("code.key").text_content().replace(" ", ""))
    _picture(page, f"second-{scheme}")
    page.get_by_label("Code", exact=True).fill("12 34 56")
    _tap(page, "Set it up")
    assert "This code is not right" in screen.words(page, ".form-error")
    assert base64.b32decode(page.locator("code.key").text_content().replace(" ", "")) == secret, "the same picture"
    page.get_by_label("Code", exact=True).fill(_next_code(secret, -1))
    _tap(page, "Set it up")
    assert page.locator(".codes li").count() == 10
    _fits(page)
    _picture(page, f"codes-{scheme}")
    _tap(page, "I have kept them", "link")
    _fits(page)
    _picture(page, f"account-{scheme}")

    page.locator("summary[aria-label=Account]").tap()
    _tap(page, "Sign out")
    sign_in(page, administrator, _PASSWORD)
    page.get_by_role("heading", name="Second step").wait_for()
    _fits(page)
    _picture(page, f"step-{scheme}")
    page.get_by_label("Code", exact=True).fill(_next_code(secret))
    _tap(page, "Go on")
    page.goto(f"{product.address}/account")
    assert "with second factor" in screen.words(page, "main")
    _tap(page, "People and rights", "link")
    _fits(page)
    _picture(page, f"people-{scheme}")
    page.get_by_label("E-mail").fill(f"new.{scheme}@example.org")
    page.get_by_label("Name (of somebody new)").fill("Musa Sani")
    page.get_by_label("Role").select_option(label="Cold chain officer")
    page.get_by_label("Where?").fill("Kano")
    _tap(page, "Give this role")
    assert "/reset/" in screen.words(page, "code.key")
    _fits(page)
    _picture(page, f"person-{scheme}")
    page.goto(f"{product.address}/nigeria-demo/log")
    assert "Person invited" in screen.words(page, "main")
    _fits(page)
    _picture(page, f"log-{scheme}")
    page.goto(f"{product.address}/account/tokens")
    page.get_by_label("What is it for?").fill("DHIS2")
    _tap(page, "Make it")
    assert len(screen.words(page, "code.key")) >= 40
    _fits(page)
    _picture(page, f"tokens-{scheme}")


def test_people_and_rights_on_a_desk(context, product, administrator, loaded):
    page = context(storage_state=None).new_page()
    from app.auth.sessions import COOKIE, Sessions

    with loaded.connect() as conn:
        user = conn.exec_driver_sql("select id from app_user where email = 'administrator@example.org'").scalar_one()
    token = Sessions(loaded, BOX, demo=True).open(user, strong=True)
    page.context.add_cookies([{"name": COOKIE, "value": token, "url": product.address}])
    for name, path in [("people", "/nigeria-demo/people"), ("log", "/nigeria-demo/log"), ("account", "/account")]:
        page.goto(product.address + path)
        page.locator("h1").wait_for()
        _picture(page, f"desk-{name}")
        assert page.evaluate("() => document.scrollingElement.scrollWidth") == 1280, path
    page.goto(f"{product.address}/nigeria-demo")
    screen.ready(page)
    banner, bar = page.locator(".demo-banner").bounding_box(), page.locator(".bar").bounding_box()
    assert banner["y"] == 0
    assert bar["y"] + bar["height"] <= page.locator(".stage").bounding_box()["y"]
    _picture(page, "desk-map")
    page.get_by_label("Account").click()
    page.get_by_role("link", name="My account").click()
    page.get_by_role("heading", name="Where you are signed in").wait_for()
