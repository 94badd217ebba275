"""How does a real browser look at it? Chromium with the session's cookie and the probe."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, sync_playwright

from app.auth.sessions import COOKIE
from tests.bench.stack import Stack, say

CHROMIUM = Path("/usr/bin/chromium")
#: WebGL without a graphics card; every figure from the browser includes what that costs the processor.
ARGUMENTS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
DESKTOP: Any = {"width": 1280, "height": 800}
_PROBE = Path(__file__).with_name("probe.js")


@contextmanager
def chromium() -> Iterator[Browser | None]:
    """A headless Chromium; None, said so, where there is none."""
    if not CHROMIUM.exists():
        say("Not measured: Chromium is not installed: sudo apt-get install chromium")
        yield None
        return
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        try:
            yield running
        finally:
            running.close()


def signed_in(browser: Browser, stack: Stack, address: str) -> BrowserContext:
    """A profile with an empty cache that is signed in at `address` (host:port)."""
    context = browser.new_context(viewport=DESKTOP, color_scheme="light")
    context.add_cookies([{"name": COOKIE, "value": stack.session, "url": f"http://{address}"}])
    context.add_init_script(path=_PROBE)
    return context
