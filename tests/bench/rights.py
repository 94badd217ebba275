"""What do the checks of rights and the walls of PostgreSQL cost? The same reading with all of them, and without any."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

import sqlalchemy as sa

from app import shortfall
from app.auth.principal import Grant, Principal
from app.auth.sessions import Sessions, token_hash
from data import db, kpis, stock, walls
from data.db import Seen
from data.programmes import Programme
from data.scope import Scope
from geo import areas
from geo.reach import Reaches
from tests.bench.figures import Line, middle
from tests.bench.stack import Stack
from tests.keys import BOX

#: How often a page's reading is timed, and a list of a nation's; what the checks may add.
PAGES, LISTS = 500, 25
MOST_ADDED_MS, MOST_RATIO = 1.0, 1.15

Work = Callable[[], None]
Reading = Callable[[sa.Connection], object]


def measure(stack: Stack) -> list[Line]:
    """A facility's page of its officer, whose session is looked up anew, and the longest readings of a nation."""
    url, programme = stack.database_url, stack.programme
    plain, walled, public = db.engine(url), db.engine(url, role=walls.APP), db.engine(url, role=walls.REGISTRY)
    reaches, known = Reaches(public), Sessions(walled, BOX, demo=True)
    with db.transaction(plain) as conn:
        asked = {"id": programme.id}
        place = conn.execute(
            sa.text("select id, code, area_id from facility where programme_id = :id order by id limit 1"), asked
        ).one()
        nation = areas.area(conn, programme.id, None)
        readings = _readings(conn, programme, nation)
    officer = Grant(programme.id, programme.code, "area", place.area_id, None)
    who = Principal(1, "", "", b"", (officer,), frozenset({officer.programme}))

    def without() -> None:
        with db.transaction(plain) as conn:
            stock.positions(conn, place.id)

    def checked() -> None:
        known.forget(token_hash(stack.session))
        assert known.current({"HTTP_COOKIE": stack.cookie}) is not None
        assert reaches.find(who.scope("see", programme.id)).has_facility(place.code)
        with db.transaction(walled, reaches.seen(who.scopes("see"))) as conn:
            stock.positions(conn, place.id)

    bare, all_of_it = _both(without, checked, PAGES)
    lines = [_page(bare, all_of_it)]
    seen = reaches.seen((Scope(programme.id, whole=True),))
    for name, reading in readings.items():
        lines.append(_list(name, *_both(_work(plain, None, reading), _work(walled, seen, reading), LISTS)))
    for engine in (plain, walled, public):
        engine.dispose()
    return lines


def _readings(conn: sa.Connection, programme: Programme, nation: areas.Area) -> dict[str, Reading]:
    now = datetime.now(UTC)
    today = programme.day(now)
    first, last = kpis.period_of(kpis.months(conn, programme.id, today))
    place = (nation.id, nation.code, nation.name)
    return {
        "a nation's indicators": lambda conn: kpis.read(conn, programme, place, first, last, today),
        "a nation's next 30 days": lambda conn: shortfall.read(conn, programme, nation, None, now),
    }


def _work(engine: sa.Engine, seen: Seen | None, reading: Reading) -> Work:
    def work() -> None:
        with db.transaction(engine, seen) as conn:
            reading(conn)

    return work


def _both(without: Work, checked: Work, times: int) -> tuple[float, float]:
    """The middle of each in milliseconds, taken in turn; the first tenth, which fills caches, does not count."""
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(times):
        for work, found in zip((without, checked), taken, strict=True):
            began = time.perf_counter()
            work()
            found.append((time.perf_counter() - began) * 1000)
    bare, all_of_it = (middle(found[times // 10 :]) for found in taken)
    return bare, all_of_it


def _page(bare: float, all_of_it: float) -> Line:
    added = all_of_it - bare
    return Line(
        "Rights and walls, added to a facility's reading", f"p50 +{added:.2f} ms", f"without {bare:.2f} ms",
        f"{all_of_it / bare:.2f}x", f"<= {MOST_ADDED_MS:.0f} ms", added <= MOST_ADDED_MS,
    )  # fmt: skip


def _list(name: str, bare: float, all_of_it: float) -> Line:
    return Line(
        f"Walls, added to {name}", f"p50 {all_of_it - bare:+.1f} ms", f"without {bare:.1f} ms",
        f"{all_of_it / bare:.2f}x", f"<= {MOST_RATIO:.2f}x", all_of_it / bare <= MOST_RATIO,
    )  # fmt: skip
