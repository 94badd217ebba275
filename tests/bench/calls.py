"""How long does any page or API call take? Each asked many times on many places, one after the other, through nginx."""

from __future__ import annotations

import functools
import json
import random
from collections.abc import Callable, Sequence

import sqlalchemy as sa
from playwright.sync_api import Request

from app.auth import csrf
from data import db
from tests.bench import browser
from tests.bench.asking import Asker
from tests.bench.figures import Line, middle, percentile
from tests.bench.stack import Stack

P95_MS = 200.0
TIMES = 40

Next = Callable[[], str]


def measure(stack: Stack) -> list[Line]:
    """The 95th percentile of every kind of call, beside a health check that asks PostgreSQL and Redis."""
    chance = random.Random(11)
    asker = Asker(stack.front, {"Cookie": stack.cookie})
    base = [asker.ask("/health").seconds * 1000 for _ in range(TIMES)]
    lines = []
    for name, path in _paths(stack, chance).items():
        taken = []
        for _ in range(TIMES):
            answer = asker.ask(path())
            assert answer.status == 200, f"{name}: {answer.status} {answer.content[:300]!r}"
            taken.append(answer.seconds * 1000)
        lines.append(_line(name, taken, base))
    asker.close()
    asker = Asker(stack.front, {"Cookie": stack.cookie, csrf.HEADER: _form_token(stack)})
    for name, body in _callbacks(stack):
        answers = [asker.ask("/_dash-update-component", raw=body) for _ in range(TIMES)]
        assert {answer.status for answer in answers} <= {200, 204}, name
        lines.append(_line(name, [answer.seconds * 1000 for answer in answers], base))
    asker.close()
    return lines


def _form_token(stack: Stack) -> str:
    """What the page gives a browser to send with every change."""
    asker = Asker(stack.front, {"Cookie": stack.cookie})
    said = asker.ask(f"/{stack.programme.code}").headers["Set-Cookie"]
    asker.close()
    return said.partition(f"{csrf.COOKIE}=")[2].partition(";")[0]


def _line(name: str, taken: Sequence[float], base: Sequence[float]) -> Line:
    p95 = percentile(taken, 0.95)
    return Line(
        name,
        f"p50 {middle(taken):.0f}, p95 {p95:.0f} ms",
        f"/health p50 {middle(base):.0f} ms",
        f"{middle(taken) / middle(base):.1f}x",
        f"p95 <= {P95_MS:.0f} ms",
        p95 <= P95_MS,
    )


def _paths(stack: Stack, chance: random.Random) -> dict[str, Next]:
    code = stack.programme.code
    with db.transaction(stack.engine) as conn:
        asked = {"id": stack.programme.id}
        facilities = conn.execute(sa.text("select code from facility where programme_id = :id"), asked).scalars().all()
        areas = conn.execute(sa.text("select code from area where programme_id = :id"), asked).scalars().all()
        words = conn.execute(sa.text("select name from facility where programme_id = :id"), asked).scalars().all()

    def word() -> str:
        return "".join(letter for letter in chance.choice(words)[:5] if letter.isalnum())

    return {
        "page, the map": lambda: f"/{code}",
        "API, registry": lambda: f"/api/v1/{code}/registry",
        "API, search": lambda: f"/api/v1/{code}/search?q={word()}",
        "API, an area": lambda: f"/api/v1/{code}/areas/{chance.choice(areas)}",
        "API, a facility": lambda: f"/api/v1/{code}/facilities/{chance.choice(facilities)}",
        "Dash, the layout": lambda: "/_dash-layout",
    }


def _callbacks(stack: Stack) -> list[tuple[str, str]]:
    """What Chromium sends for the panels of the nation and of a facility, and for the headline, to be sent again."""
    found: dict[str, str] = {}
    with browser.chromium() as chromium, db.transaction(stack.engine) as conn:
        if chromium is None:
            return []
        facility = conn.execute(
            sa.text(
                "select code from facility where programme_id = :id and open and tier = 'facility' order by id limit 1"
            ),
            {"id": stack.programme.id},
        ).scalar_one()

        for place, query in (("nation", ""), ("facility", f"?facility={facility}")):
            sent: list[str] = []
            page = browser.signed_in(chromium, stack, stack.front).new_page()
            page.on("request", functools.partial(_keep, sent))
            page.goto(f"http://{stack.front}/{stack.programme.code}{query}")
            page.wait_for_timeout(6000)
            for body in sent:
                found[f"Dash, {json.loads(body)['output'].strip('.')[:40]}, {place}"] = body
    return list(found.items())


def _keep(sent: list[str], request: Request) -> None:
    if "/_dash-update-component" in request.url and request.post_data:
        sent.append(request.post_data)
