"""The page of data quality, on Uganda's real reports."""

from __future__ import annotations

import pytest

from tests import product as products
from tests.browser.conftest import DESKTOP, PHONE

AXE = products.PROJECT / "assets" / "node_modules" / "axe-core" / "axe.min.js"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_doubted_values_can_be_read_anywhere(visit, uganda, scheme, viewport):
    page = visit("/uganda/quality", wait=False, viewport=viewport, color_scheme=scheme)
    assert page.get_by_role("heading", name="Data quality").is_visible()
    assert "are doubted" in page.locator(".lead").inner_text()
    rows = page.locator("main table tbody tr")
    assert rows.count() == 50
    # Nothing has to be pushed sideways, not even the table within its frame.
    assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
    assert page.evaluate(
        "() => { const t = document.querySelector('.table-wrap'); return t.scrollWidth <= t.clientWidth }"
    )
    rows.first.locator("summary").click()
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")
    assert [v["id"] for v in found["violations"] if v["impact"] in ("serious", "critical")] == []
    assert rows.first.get_by_role("button", name="Right after all").is_visible()


def test_a_verdict_is_given_without_javascript_and_stays(visit, context, uganda):
    page = visit("/uganda/quality", wait=False, profile=context(java_script_enabled=False))
    page.get_by_label("Area").select_option(index=1)
    page.get_by_role("button", name="Show").click()
    page.goto(page.url.split("?")[0])
    row = page.locator("main table tbody tr").first
    number = row.get_attribute("id")
    row.locator("summary").click()
    row.get_by_label("What happened").fill("National days")
    row.get_by_role("button", name="Right after all").click()
    assert page.locator(f"#{number}").count() == 0
    page.get_by_label("Which").select_option("All of them")
    page.get_by_role("button", name="Show").click()
    told = page.locator(f"#{number}").inner_text()
    assert "National days" in told
    assert "The month counts in full" in told
    flag = int(number.removeprefix("flag-"))
    assert uganda.one("select verdict from flag where id = :flag", flag=flag).verdict == "right"
