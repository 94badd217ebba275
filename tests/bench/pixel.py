"""How long from an accepted event to the pixel in somebody else's browser, while a crowd watches and others record?"""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa
from playwright.sync_api import Page

from data import db
from data.types import State
from tests.bench import browser, cpu
from tests.bench.asking import Asker
from tests.bench.figures import Line, percentile
from tests.bench.stack import Stack, say
from tests.bench.traffic import Position, event
from tests.product import PROJECT

P50_MS, P99_MS = 100.0, 300.0
EVENTS, CLIENTS, RATE = 110, 200, 50
_PATIENCE_MS = 5000
#: A machine too busy for all of them is given so many seconds, and shows how many it managed.
_LONGEST = 90.0
_ZOOM = 12
#: Events that are not counted: the probe has to see the map before and after.
_WARM_UP = 2

# A facility that stands alone at that zoom, with enough of a vaccine: only it can change the middle of the map.
_ALONE = sa.text("""
    select g.code as programme, f.code as facility, r.code as product, p.usable, f.ordinal, r.seat,
           st_x(f.point) as lon, st_y(f.point) as lat
    from position p
    join facility f on f.id = p.facility_id and f.open and f.point is not null
    join product r on r.id = p.product_id
    join programme g on g.id = f.programme_id
    where g.id = :programme_id and p.state = :adequate and p.usable >= 20
      and not exists (select from facility o where o.id <> f.id and st_dwithin(o.point, f.point, 0.012))
    order by f.ordinal, r.seat
    limit 1
""")

_OTHERS = sa.text("""
    select g.code as programme, f.code as facility, r.code as product, p.usable
    from position p
    join facility f on f.id = p.facility_id and f.open
    join product r on r.id = p.product_id
    join programme g on g.id = f.programme_id
    where g.id = :programme_id and p.state = :adequate and p.usable between 20 and 5000 and f.code <> :but
    order by md5(f.code || r.code)
    limit 2000
""")


@dataclass(frozen=True, slots=True)
class Seen:
    """One event in ms: from sent to accepted; from accepted to its push in the browser, its drawing, its pixel."""

    accepted: float
    push: float = math.inf
    drawn: float = math.inf
    pixel: float = math.inf


def measure(stack: Stack) -> list[Line]:
    """Flip one facility between stocked and out of stock, and watch its circle."""
    with browser.chromium() as chromium:
        if chromium is None:
            return []
        with db.transaction(stack.engine) as conn:
            asked = {"programme_id": stack.programme.id, "adequate": int(State.ADEQUATE)}
            watched = conn.execute(_ALONE, asked).one()
            others = [dict(row) for row in conn.execute(_OTHERS, asked | {"but": watched.facility}).mappings()]
        page = browser.signed_in(chromium, stack, stack.front).new_page()
        place = f"{_ZOOM}/{watched.lat:.4f}/{watched.lon:.4f}"
        page.goto(f"http://{stack.front}/{watched.programme}?vaccine={watched.product}&at={place}")
        _ready(page)
        live = stack.product.processes["live"].pid or 0
        with _crowd(stack) as crowd, _traffic(stack, others) as traffic:
            time.sleep(2)
            before = cpu.seconds([live])
            began = time.monotonic()
            entry = f"[{watched.ordinal},{watched.seat},"
            position = Position(watched.programme, watched.facility, watched.product, watched.usable)
            seen = list(_flips(stack, page, position, entry))
            busy = (cpu.seconds([live]) - before) / (time.monotonic() - began)
        return _lines(seen, crowd, traffic, busy)


def _flips(stack: Stack, page: Page, position: Position, entry: str) -> Iterator[Seen]:
    """Empty and fill the shelf by turns, at moments that follow no beat."""
    chance = random.Random(5)
    asker = Asker(stack.front, {"Authorization": f"Bearer {stack.product.token}"})
    began = time.monotonic()
    for number in range(_WARM_UP + EVENTS):
        if time.monotonic() - began > _LONGEST and number % 2 == 0:
            break
        page.evaluate("bench.reset()")
        page.wait_for_timeout(chance.uniform(80, 180))
        doses = position.usable if number % 2 == 0 else -position.usable
        answer = asker.ask("/api/v1/stock-events", event(position, doses, "pixel"))
        assert answer.status == 201, answer.content
        times = page.evaluate("([entry, patience]) => bench.changed(entry, patience)", [entry, _PATIENCE_MS])
        if number < _WARM_UP:
            continue
        took, then = answer.seconds * 1000, answer.at * 1000
        if times is None:
            yield Seen(took)
        else:
            push = math.inf if times["push"] is None else times["push"] - then
            yield Seen(took, push, times["issued"] - then, times["pixel"] - then)
    asker.close()


def _ready(page: Page) -> None:
    """Wait until the map is painted, live and at rest, then start to look at its middle."""
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        page.wait_for_timeout(250)
        state = page.evaluate("window.vaxtrace?.state?.() ?? {}")
        if state.get("painted", 0) > 0 and state.get("live") == "live" and state.get("near"):
            page.wait_for_timeout(2000)
            page.evaluate("bench.look()")
            return
    raise RuntimeError(f"The map did not come up: {state}")


@contextmanager
def _crowd(stack: Stack) -> Iterator[dict[str, float]]:
    """The other watchers; what they got is in the dict afterwards."""
    asker = Asker(stack.front, {"Cookie": stack.cookie})
    seq = asker.json(f"/api/v1/{stack.programme.code}/registry")["seq"]
    asker.close()
    arguments = [stack.front, stack.programme.code, str(seq), str(CLIENTS)]
    with _process("crowd", arguments, f"{stack.cookie}\n") as (process, said):
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready", "the crowd could not subscribe"
        yield said


@contextmanager
def _traffic(stack: Stack, positions: list[dict[str, object]]) -> Iterator[dict[str, float]]:
    """Other people's events; how they went is in the dict afterwards."""
    lines = "".join(f"{json.dumps(position)}\n" for position in positions)
    with _process("traffic", [stack.front, str(RATE)], f"{stack.product.token}\n{lines}\n") as (_, said):
        yield said


@contextmanager
def _process(name: str, arguments: list[str], first: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, float]]]:
    process = subprocess.Popen(
        [sys.executable, "-m", f"tests.bench.{name}", *arguments],
        cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write(first)
    process.stdin.flush()
    said: dict[str, float] = {}
    try:
        yield process, said
        # The end of its input is its sign to finish.
        out, _ = process.communicate(timeout=30)
        said.update(json.loads(out.splitlines()[-1]))
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _lines(seen: list[Seen], crowd: dict[str, float], traffic: dict[str, float], busy: float) -> list[Line]:
    pixels, drawn = [s.pixel for s in seen], [s.drawn for s in seen]
    pushes, accepted = [s.push for s in seen], [s.accepted for s in seen]
    p50, p99 = percentile(pixels, 0.5), percentile(pixels, 0.99)
    if math.inf in pixels:
        say(f"{pixels.count(math.inf)} of {len(seen)} events were not seen within {_PATIENCE_MS / 1000:.0f} s.")
    return [
        Line(
            f"event accepted -> pixel, {len(seen)} events",
            _both(pixels),
            f"of it until the push is in the browser {_both(pushes)}",
            f"{p50 / max(percentile(pushes, 0.5), 1):.1f}x",
            f"p50 <= {P50_MS:.0f}, p99 <= {P99_MS:.0f} ms",
            p50 <= P50_MS and p99 <= P99_MS,
        ),
        Line("    until the page has drawn it, before the graphics card's part", _both(drawn)),
        Line("    event sent -> accepted", _both(accepted)),
        Line(
            f"    meanwhile {CLIENTS} sockets",
            f"{crowd['least']:.0f} to {crowd['most']:.0f} pushes each",
            f"live process {busy:.0%} of a core",
            budget="none lost",
            met=crowd["wrong"] == 0 and crowd["least"] > 0,
        ),
        Line(
            f"    meanwhile other events, {RATE}/s",
            f"{traffic['rate']:.0f}/s, {traffic['refused']:.0f} refused",
            f"answered p50 {traffic['p50']:.0f}, p99 {traffic['p99']:.0f} ms",
            budget=f">= {0.95 * RATE:.0f}/s",
            met=traffic["rate"] >= 0.95 * RATE and not traffic["refused"],
        ),
    ]


def _both(times: list[float]) -> str:
    return f"p50 {percentile(times, 0.5):.0f}, p99 {percentile(times, 0.99):.0f} ms"
