"""Every page: who may see it, what it says of its data, and whether everybody can use it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import product as products
from tests.browser import screen
from tests.browser.conftest import PHONE, sign_in

TOUCH = {"viewport": PHONE, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
AXE = products.PROJECT / "assets" / "node_modules" / "axe-core" / "axe.min.js"
_FACILITY = (
    "select f.code from facility f join programme p on p.id = f.programme_id join facility_status s"
    " on s.facility_id = f.id where p.code = :code and s.state = 2 order by f.code limit 1"
)


@pytest.mark.parametrize("path", ["/", "/nigeria-demo/about"])
def test_strangers_see_the_sign_in_page_and_come_to_where_they_were_going(visit, watched, path):
    page = visit(path, storage_state=None, wait=False)
    assert page.url.split("/login")[1].startswith("?next=/")
    assert page.get_by_role("heading", name="VaxTrace").is_visible()
    assert page.evaluate("() => document.cookie") == ""
    sign_in(page)
    wanted = path if path != "/" else "/nigeria-demo"
    screen.until(page, lambda: page.url.split("?")[0].endswith(wanted.split("?")[0]), "the page that was asked for")
    page.locator("h1").first.wait_for()


def test_a_wrong_password_says_what_to_do_and_keeps_the_address(visit, watched):
    watched.expected.append("401")
    page = visit("/login", storage_state=None, wait=False)
    sign_in(page, password="not the password")
    page.get_by_role("alert").wait_for()
    assert "do not match" in page.get_by_role("alert").inner_text()
    assert page.get_by_label("E-mail").input_value() == "national@demo.example"


def test_a_demo_login_signs_in_with_one_press_and_out_again(visit, watched):
    # What the map was about to ask for when its session ended.
    watched.expected.append("401")
    page = visit("/login", storage_state=None, wait=False)
    page.locator(".demo-login").first.click()
    screen.ready(page)
    page.locator(".person summary").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/login*")
    page.goto(page.url.split("/login")[0] + "/nigeria-demo")
    assert "/login?next=" in page.url


def test_every_page_of_the_demo_says_that_it_is_simulated(visit, nigeria):
    facility = nigeria.one(_FACILITY).code
    for path in ("/alerts", "/about", "/next", "/calibration", "/kpis", "/orders"):
        page = visit(f"/nigeria-demo{path}", wait=False)
        assert page.locator(".bar .badge.simulated").is_visible()
    page = visit(f"/nigeria-demo?facility={facility}")
    assert page.locator(".bar .badge.simulated").is_visible()
    page.locator("#panel-body .badge.simulated").first.wait_for()


def test_an_alert_leads_to_its_facility_and_vaccine(visit):
    page = visit("/nigeria-demo/alerts", wait=False)
    row = page.locator("main table tbody tr").first
    name, vaccine = (row.locator(part).first.inner_text().strip() for part in ("a", "td:nth-child(2) small"))
    row.locator("a").first.click()
    screen.ready(page)
    screen.until(page, lambda: screen.words(page, "#panel-body h1") == name, "the panel is about the facility")
    assert vaccine in page.locator("#panel-body h2").all_inner_texts()[0] or vaccine in screen.words(page)


def _violations(page):
    page.evaluate(Path(AXE).read_text(encoding="utf-8"))
    found = page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{v['impact']}: {v['id']}: {node['target']}: {node['failureSummary']}"
        for v in found["violations"]
        if v["impact"] in ("serious", "critical")
        for node in v["nodes"]
    ]


#: Pages of a facility and one of its vaccines.
_OF_FACILITY = ("bin-card", "record", "record?kind=loss", "record?kind=receipt", "counts/new")


@pytest.mark.parametrize("options", [{}, {"color_scheme": "dark"}, TOUCH], ids=["light", "dark", "phone"])
def test_no_page_shuts_anybody_out(visit, nigeria, options):
    facility = nigeria.one(_FACILITY).code
    found = {}
    of = [f"/{p}{'&' if '?' in p else '?'}facility={facility}&product=BCG" for p in _OF_FACILITY]
    pages = (
        "/orders",
        f"/orders/new?facility={facility}",
        "/alerts",
        "/about",
        "/next",
        "/calibration",
        "/kpis",
        "/quality",
        "/counts",
        *of,
    )
    for path in ("", f"?facility={facility}", *pages):
        page = visit(f"/nigeria-demo{path}", wait=not path.startswith("/"), **options)
        page.locator("h1").first.wait_for()
        if path.startswith("?"):
            page.locator("#panel-body .chart svg.main-svg").first.wait_for()
        found[path or "map"] = _violations(page)
        page.context.close()
    for path in ("/account", "/account/tokens", "/account/details", "/account/password", "/account/second-factor"):
        page = visit(path, wait=False, **options)
        found[path] = _violations(page)
        page.context.close()
    for path in ("/login", "/forgot"):
        page = visit(path, wait=False, storage_state=None, **options)
        found[path] = _violations(page)
        page.context.close()
    assert not any(found.values()), json.dumps(found, indent=1)
