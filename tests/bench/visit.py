"""How long does a first visit take on a slow line, and the next one? Real Chromium behind such a line."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import BrowserContext

from tests.bench import browser, link
from tests.bench.figures import Line
from tests.bench.stack import Stack
from tests.product import PROJECT

BITS, ROUND_TRIP = 1.6e6, 0.150
FIRST_S, NEXT_S, BYTES = 5.0, 1.5, 900_000
#: Nothing on the line for so long means that the page is done.
_QUIET = 1.5
_LONGEST = 40.0
_CLASSES = PROJECT / "assets" / "modules" / "classes.mjs"


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit in seconds since it began: map painted, panel there, live; and in bytes: until painted, until quiet."""

    painted: float
    panel: float
    live: float
    until_painted: int
    total: int
    connections: int


def measure(stack: Stack) -> list[Line]:
    """The first visit with an empty cache, then the next one in the same profile; each three times, the median."""
    with (
        browser.chromium() as chromium,
        link.slow(stack.front, bits_per_second=BITS, round_trip=ROUND_TRIP) as line,
    ):
        if chromium is None:
            return []
        firsts, nexts = [], []
        for _ in range(3):
            context = browser.signed_in(chromium, stack, line.address)
            firsts.append(_visit(stack, context, line))
            nexts.append(_visit(stack, context, line))
            context.close()
    first = sorted(firsts, key=lambda v: v.painted)[1]
    again = sorted(nexts, key=lambda v: v.painted)[1]
    # The best that the line allows: what had come down by then at its rate, and a round trip each to connect and ask.
    floor = first.until_painted * 8 / BITS + 2 * ROUND_TRIP
    return [
        Line(
            "first visit, map painted",
            f"{first.painted:.2f} s",
            f"the line alone {floor:.2f} s",
            f"{first.painted / floor:.2f}x",
            f"<= {FIRST_S:.0f} s",
            first.painted <= FIRST_S,
        ),
        Line("    panel filled, live", f"{first.panel:.2f}, {first.live:.2f} s"),
        Line(
            "    on the wire, painted and in all",
            f"{first.until_painted / 1000:.0f}, {first.total / 1000:.0f} kB",
            f"{first.connections} connections",
            budget=f"<= {BYTES / 1000:.0f} kB",
            met=first.total <= BYTES,
        ),
        Line(
            "next visit, map painted",
            f"{again.painted:.2f} s",
            f"{again.total / 1000:.0f} kB in all",
            budget=f"<= {NEXT_S} s",
            met=again.painted <= NEXT_S,
        ),
    ]


def _visit(stack: Stack, context: BrowserContext, line: link.Link) -> Visit:
    page = context.new_page()
    line.reset()
    page.add_init_script(f"window.bench.record({json.dumps(_colours())})")
    page.goto(f"http://{line.address}/{stack.programme.code}", wait_until="commit", timeout=_LONGEST * 1000)
    began = time.monotonic()
    curve: list[tuple[float, int]] = []
    quiet_since, seen, painted_once = time.monotonic(), -1, False
    while time.monotonic() - began < _LONGEST:
        page.wait_for_timeout(50)
        now, painted_once = page.evaluate("[performance.now(), bench.coloured()]")
        curve.append((now, line.down))
        if line.down > seen + 200 or not painted_once:
            quiet_since, seen = time.monotonic(), line.down
        elif time.monotonic() - quiet_since > _QUIET:
            break
    marks: dict[str, Any] = page.evaluate("bench.marks()")
    total = line.down
    painted = _painted(marks)
    page.close()
    until = next((down for at, down in curve if at >= painted), total)
    return Visit(
        painted=painted / 1000,
        panel=marks.get("panel", float("nan")) / 1000,
        live=marks.get("live", float("nan")) / 1000,
        until_painted=until,
        total=total,
        connections=line.connections,
    )


def _painted(marks: dict[str, Any]) -> float:
    """When the map had nine tenths of the colour that it has in the end, not only when it said that it was painted."""
    samples = marks["samples"]
    end = samples[-1][1]
    assert end > 0.05, f"the map has no colour: {marks}"
    return float(next(at for at, share in samples if share >= 0.9 * end))


def _colours() -> list[list[int]]:
    """The colours of areas on light ground, as the browser's own module names them."""
    ramp = re.search(r"RISK_RAMP = \{\s*light: \[(.*?)\]", _CLASSES.read_text(encoding="utf-8"), re.DOTALL)
    assert ramp is not None
    hexes = re.findall(r"#([0-9A-Fa-f]{6})", ramp[1])
    return [[int(text[i : i + 2], 16) for i in (0, 2, 4)] for text in hexes]
