"""What does a tile cost that nobody has asked for yet, beside its SQL in psql? And what if a hundred ask at once?"""

from __future__ import annotations

import itertools
import random
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import redis

from app.local import servers
from app.local.children import Child
from data import db
from geo import layers, tile, tiles
from tests.bench.asking import Asker
from tests.bench.figures import Line, middle, percentile
from tests.bench.stack import Stack

BUDGET = 1.3
#: Tiles of each layer that are measured, all with something on them, and how many ask for one at once.
TILES = 80
CROWD = 100

Place = tuple[int, int, int]


def measure(stack: Stack) -> list[Line]:
    """Median times of cold tiles through HTTP and of the same statements in psql, interleaved; then one flight."""
    with redis.Redis.from_url(stack.redis_url) as client:
        client.flushall()
    asker = Asker(stack.web, {"Cookie": stack.cookie})
    registry = asker.json(f"/api/v1/{stack.programme.code}/registry")
    chance = random.Random(1)
    box = tuple(registry["bbox"])
    lines = []
    with _psql(stack.database_url) as psql:
        for name in (layers.AREAS.name, layers.FACILITIES.name):
            places = [(z, x, y) for z in _zooms(name) for x, y in tile.covering(box, z)]
            chance.shuffle(places)
            with db.transaction(stack.engine) as conn:
                full = (p for p in places if tiles.read(conn, stack.programme.id, name, *p))
                chosen = list(itertools.islice(full, TILES))
            lines += _layer(stack, asker, psql, name, registry["version"], chosen)
    lines.append(_flight(stack, registry["version"], box))
    asker.close()
    stack.warm()
    return lines


def _zooms(layer: str) -> range:
    # Those that the start makes ahead are never cold.
    return range(max(tiles.WARM) + 1, 11) if layer == layers.AREAS.name else range(6, 10)


def _layer(stack: Stack, asker: Asker, psql: Psql, layer: str, version: int, places: Sequence[Place]) -> list[Line]:
    ours, bare, again = [], [], []
    for number, place in enumerate(places):
        psql.time(layer, stack.programme.id, place)  # PostgreSQL has read the pages, for both alike
        path = f"/tiles/{stack.programme.code}/{version}/{layer}/{'/'.join(map(str, place))}.mvt"
        for turn in (number, number + 1):
            if turn % 2:
                answer = asker.ask(path)
                assert answer.status in (200, 204), f"{path}: {answer.status}"
                ours.append(answer.seconds * 1000)
                again.append(asker.ask(path).seconds * 1000)
            else:
                bare.append(psql.time(layer, stack.programme.id, place))
    ratio = sum(ours) / sum(bare)
    missing = [first - then for first, then in zip(ours, again, strict=True)]
    return [
        Line(
            f"cold tile, {layer}, {len(places)} of them",
            f"{middle(ours):.1f} ms, p95 {percentile(ours, 0.95):.1f}",
            f"psql {middle(bare):.1f} ms, p95 {percentile(bare, 0.95):.1f}",
            f"{ratio:.2f}x (sums)",
            f"<= {BUDGET}x",
            ratio <= BUDGET,
        ),
        Line(
            "    without what it takes when warm",
            f"{middle(missing):.1f} ms, p95 {percentile(missing, 0.95):.1f}",
            f"warm {middle(again):.1f} ms",
            f"{sum(missing) / sum(bare):.2f}x (sums)",
        ),
    ]


class Psql:
    """One psql that runs the named statements as they are written, and says how long each took."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        # A statement's parameters are written as psql writes its variables: it runs the very same text.
        self._statements = {name: tiles.SQL[name].text.strip().removesuffix(";") for name in layers.LAYERS}

    def time(self, layer: str, programme_id: int, place: Place) -> float:
        """Milliseconds of the statement of a tile, as psql's \\timing gives them."""
        z, x, y = place
        box = tile.bounds(z, x, y) if layer == layers.AREAS.name else tile.degrees(z, x, y)
        values = {"programme_id": programme_id, "z": z, "x": x, "y": y, "units": f"{float(tile.UNITS << z)}"}
        values |= dict(zip(("west", "south", "east", "north"), (f"({edge!r})" for edge in box), strict=True))
        if layer != layers.AREAS.name:
            values["cell"] = layers.cell(z)
        said = "".join(f"\\set {name} {value}\n" for name, value in values.items())
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(f"{said}{self._statements[layer]} \\g /dev/null\n")
        stdin.flush()
        for line in stdout:
            if line.startswith("Time: "):
                return float(line.split()[1])
        raise RuntimeError("psql has ended")


@contextmanager
def _psql(url: str) -> Iterator[Psql]:
    program = servers.find_postgres().folder / "psql"
    process = subprocess.Popen(
        [str(program), "-XAtq", "-v", "ON_ERROR_STOP=1", url],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write("set timezone to 'UTC';\nset jit to off;\n\\timing on\n")
    try:
        yield Psql(process)
    finally:
        process.stdin.close()
        process.wait(10)


def _flight(stack: Stack, version: int, box: tuple[float, float, float, float]) -> Line:
    """A hundred askers of one cold tile; PostgreSQL's own log says how often it was made."""
    place = max(((6, x, y) for x, y in tile.covering(box, 6)), key=lambda p: p[1])
    with redis.Redis.from_url(stack.redis_url) as client:
        client.flushall()
    path = f"/tiles/{stack.programme.code}/{version}/{layers.AREAS.name}/{'/'.join(map(str, place))}.mvt"
    askers = [Asker(stack.web, {"Cookie": stack.cookie}) for _ in range(CROWD)]
    for asker in askers:
        asker.ask(f"/values/{stack.programme.code}/{version}/areas/0")
    with _statements_logged(stack) as made:
        together = threading.Barrier(CROWD)
        taken: list[float] = []

        def ask(asker: Asker) -> None:
            together.wait()
            answer = asker.ask(path)
            assert answer.status == 200
            taken.append(answer.seconds * 1000)

        threads = [threading.Thread(target=ask, args=(asker,)) for asker in askers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for asker in askers:
        asker.close()
    return Line(
        f"one tile missed by {CROWD} at once",
        f"made {made[0]} time{'' if made[0] == 1 else 's'}",
        f"all answered in {max(taken):.0f} ms",
        budget="made once",
        met=made[0] == 1 and len(taken) == CROWD,
    )


@contextmanager
def _statements_logged(stack: Stack) -> Iterator[list[int]]:
    """Count the makings of a tile meanwhile, from the server's log of statements."""
    count = [0]
    log: Child = stack.postgres
    with stack.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.exec_driver_sql("alter system set log_statement = 'all'")
        conn.exec_driver_sql("select pg_reload_conf()")
        time.sleep(0.3)
        start = log.log.stat().st_size
        try:
            yield count
        finally:
            time.sleep(0.3)
            with log.log.open("rb") as file:
                file.seek(start)
                count[0] = file.read().count(b"ST_AsMVT(s, 'areas'")
            conn.exec_driver_sql("alter system reset log_statement")
            conn.exec_driver_sql("select pg_reload_conf()")
