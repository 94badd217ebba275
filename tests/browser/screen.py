"""What does a reader see? Pixels, texts and the map's own account of itself, waited for by asking again.

Playwright's `wait_for_function` evaluates strings, which the page's policy forbids: everything here polls instead.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Sequence
from typing import Any

from playwright.sync_api import Page

#: Seconds that something may take to appear on a busy machine; nothing asserts that it is quick.
PATIENCE = 60.0

Point = tuple[float, float]
Colour = tuple[int, int, int]


def until(page: Page, ask: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    """Ask until the answer is true, and return it; the page lives on meanwhile."""
    end = time.monotonic() + patience
    while not (answer := ask()):
        assert time.monotonic() < end, f"waited in vain until {what}"
        page.wait_for_timeout(50)
    return answer


def state(page: Page) -> dict[str, Any]:
    """What the map says of itself; see assets/README.md."""
    return page.evaluate("() => window.vaxtrace?.state?.() ?? {}")


def ready(page: Page) -> Page:
    """The page with its map painted, its panel read and its socket live."""
    until(page, lambda: state(page).get("painted"), "the map is painted")
    until(page, lambda: state(page).get("live") == "live", "the page is live")
    page.locator("#panel-body h1").wait_for()
    page.locator("#headline").wait_for()
    return page


def shown(page: Page, kind: str, ids: Sequence[int]) -> list[int | None]:
    """The classes that the map paints for area seats or facility ordinals."""
    return page.evaluate("([kind, ids]) => ids.map((id) => window.vaxtrace.shown(kind, id))", [kind, list(ids)])


def settled(page: Page) -> Page:
    """The page once its map has come to rest where the view wants it, with all of its tiles."""
    last: list[Any] = []

    def resting() -> bool:
        map_ = state(page)
        # Twice the same: what Dash answers may still move the map.
        now = [map_.get("resting"), page.url, map_.get("zoom"), map_.get("painted")]
        same, last[:] = now == last, now
        page.wait_for_timeout(100)
        return same and bool(map_.get("resting"))

    until(page, resting, "the map rests")
    return page


def where(page: Page, lon: float, lat: float) -> Point:
    """Where on the page a place is drawn."""
    x, y = page.evaluate("([lon, lat]) => window.vaxtrace.where(lon, lat)", [lon, lat])
    return x, y


def colours(page: Page, at: Point, reach: int = 0) -> set[Colour]:
    """The colours of the page as it is drawn, at a point and so many pixels around it."""
    side = 2 * reach + 1
    clip: Any = {"x": round(at[0]) - reach, "y": round(at[1]) - reach, "width": side, "height": side}
    png = base64.b64encode(page.screenshot(type="png", clip=clip)).decode("ascii")
    blank = page.context.new_page()
    try:
        found = blank.evaluate(_DECODE, png)
    finally:
        blank.close()
    return {(red, green, blue) for red, green, blue in found}


_DECODE = """async (png) => {
  const bytes = Uint8Array.from(atob(png), (letter) => letter.charCodeAt(0));
  const image = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  const canvas = new OffscreenCanvas(image.width, image.height);
  const paper = canvas.getContext("2d");
  paper.drawImage(image, 0, 0);
  const { data } = paper.getImageData(0, 0, image.width, image.height);
  return Array.from({ length: data.length / 4 }, (_, place) => [...data.slice(4 * place, 4 * place + 3)]);
}"""


def painted(page: Page, at: Point, colour: Colour, reach: int = 0) -> bool:
    """Whether a colour is on the page at a point, or so many pixels around it."""
    return any(close(one, colour) for one in colours(page, at, reach))


def close(one: Colour, other: Colour, by: int = 12) -> bool:
    """Whether two colours look the same."""
    return all(abs(a - b) <= by for a, b in zip(one, other, strict=True))


def colour_of(page: Page, selector: str) -> Colour:
    """The background colour of an element."""
    text = page.locator(selector).first.evaluate("e => getComputedStyle(e).backgroundColor")
    red, green, blue = (int(float(part)) for part in text.split("(")[1].rstrip(")").split(",")[:3])
    return red, green, blue


def words(page: Page, selector: str = "#panel-body") -> str:
    """The text of an element as a reader sees it, blanks folded."""
    return " ".join(page.locator(selector).first.inner_text().split())


def numbers(page: Page) -> list[str]:
    """The headline's values and what they are of, without the age of the newest report, which counts on."""
    return [words(page, f"#headline-{name} .{part}") for name in ("out", "risk") for part in ("value", "detail")]
