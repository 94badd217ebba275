"""Whatever is killed, whenever: nothing that was acknowledged is lost or doubled, and everything agrees afterwards.

Each round kills one process of web, worker and PostgreSQL, any of them, with SIGKILL. Of the first two there are two
each, so that those who record find one that is warm. CHAOS_ROUNDS=500 kills as often.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import small
import sqlalchemy as sa
import watching
from keys import BOX, KEY

from app import pipeline
from app.auth import users
from app.local import children, ports, servers
from app.local.children import Child, Command
from data import db, migrate, programmes
from data.types import Kind
from geo import cache, registry, values

PROJECT = Path(__file__).resolve().parents[2]
ROUNDS = int(os.environ.get("CHAOS_ROUNDS", "50"))
WRITERS = 3
FACILITIES = ["F-E1", "F-W1", "F-W2a", "F-W2b"]
#: What happens, the more often the more frequent.
KINDS = [
    *[Kind.RECEIPT] * 6, *[Kind.ADMINISTERED] * 4, Kind.COUNT, Kind.COUNT, Kind.LOSS, Kind.ADJUSTMENT, Kind.RESERVE,
    Kind.VVM, *[Kind.TRANSFER_OUT] * 2, *[Kind.TRANSFER_IN] * 2, *[Kind.REVERSAL] * 2,
]  # fmt: skip
#: How long ago: mostly now, sometimes late by hours or weeks, in minutes.
AGO = [0, 0, 0, 0, 60, 60 * 24, 60 * 24 * 20, 60 * 24 * 40]


class Writer(threading.Thread):
    """Somebody who records over HTTP, one thing after the other, and repeats what was not answered."""

    def __init__(self, number: int, ports: list[int], token: str) -> None:
        super().__init__()
        self._number = number
        self._ports = ports
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._chance = random.Random(number)
        self._done = threading.Event()
        self._made = 0
        self._reversible: list[dict[str, Any]] = []
        #: By source and source_id: what was answered.
        self.acknowledged: dict[tuple[str, str], dict[str, Any]] = {}
        self.refused = 0
        self.repeats = 0
        self.unforeseen: list[str] = []

    def run(self) -> None:
        while not self._done.is_set():
            events = [self._event() for _ in range(self._chance.choice([1, 1, 1, 4]))]
            status, said = self._insist({"programme": "small", "events": events, "partial": len(events) > 1})
            if status in (200, 201, 422, 409):
                self._take(events, said)
            else:
                self.unforeseen.append(f"{status}: {said}")
            time.sleep(self._chance.random() / 50)

    def _take(self, events: list[dict[str, Any]], said: dict[str, Any]) -> None:
        for event, answer in zip(events, said.get("events", [said] * len(events)), strict=True):
            if "error" in answer:
                self.refused += 1
                continue
            self.acknowledged[event["source"], event["source_id"]] = answer
            if event["kind"] != Kind.REVERSAL:
                self._reversible.append(event)

    def _event(self) -> dict[str, Any]:
        chance = self._chance
        self._made += 1
        kind = chance.choice(KINDS if self._reversible else KINDS[:10])
        here, there = chance.sample(FACILITIES, 2)
        at = datetime.now(UTC) - timedelta(minutes=chance.choice(AGO))
        event = {"facility": here, "product": chance.choice(["BCG", "MR"]), "kind": kind, "occurred_at": at.isoformat(),
                 "source": f"writer {self._number}", "source_id": str(self._made)}  # fmt: skip
        if kind is Kind.REVERSAL:
            back = self._reversible.pop(chance.randrange(len(self._reversible)))
            same = {"facility": back["facility"], "product": back["product"]}
            return event | same | {"reverses": back["source_id"], "reason": "typed twice"}
        if kind is Kind.VVM:
            return event | {"lot": "A", "expiry": f"{at.year + 2}-01-31", "stage": chance.randint(1, 3)}
        event["doses"] = 0 if kind is Kind.COUNT and chance.random() < 0.3 else chance.choice([20, 40])
        if kind is Kind.RECEIPT and chance.random() < 0.5:
            event |= {"lot": chance.choice("AB"), "expiry": f"{date.today().year + 2}-01-31"}  # noqa: DTZ011
        if kind in (Kind.TRANSFER_OUT, Kind.TRANSFER_IN):
            event |= {"partner": there, "document": f"WB {self._number} {self._made // 9}"}
        if kind in (Kind.LOSS, Kind.ADJUSTMENT):
            event["reason"] = "other"
        if kind is Kind.RESERVE:
            event["order"] = f"PO {self._number}"
        return event

    def _insist(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """The answer to it, however often it has to be sent; what answers is chosen anew each time."""
        sent = json.dumps(body).encode()
        while True:
            there = http.client.HTTPConnection("127.0.0.1", self._chance.choice(self._ports), timeout=10)
            try:
                there.request("POST", "/api/v1/stock-events", sent, self._headers)
                answer = there.getresponse()
                said = json.loads(answer.read())
                # The database is away, or went away in between: nobody knows what became of it.
                if answer.status < 500:
                    return answer.status, said
            except (OSError, http.client.HTTPException, ValueError):
                pass
            finally:
                there.close()
            self.repeats += 1
            time.sleep(0.02)

    def finish(self) -> None:
        self._done.set()
        self.join()


class Victims:
    """What runs, and is killed and started again. Nobody else's processes are ever touched."""

    def __init__(self, folder: Path, server: servers.Server, redis_url: str) -> None:
        self.folder = folder
        self.server = server
        self.ports = [ports.free_port() for _ in range(2)]
        env = os.environ | {"DATABASE_URL": server.url, "REDIS_URL": redis_url, "SECRET_KEY": KEY,
                            "HOST": "127.0.0.1"}  # fmt: skip
        self.children = {
            f"{name}-{n}": Child(
                Command(f"{name}-{n}", [sys.executable, "-m", "app", name], cwd=PROJECT,
                        env=env | {"PORT": str(self.ports[n])}), folder)
            for name in ("web", "worker") for n in range(2)
        }  # fmt: skip
        self.killed = dict.fromkeys([*self.children, "postgres"], 0)
        for child in self.children.values():
            child.start()

    def warm(self) -> list[str]:
        """Who may be killed: of the web processes never the only one that answers."""
        webs = [f"web-{n}" for n, port in enumerate(self.ports) if answers(port)]
        workers = [name for name in self.children if name.startswith("worker")]
        return [*(webs if len(webs) == 2 else []), *workers, "postgres"]

    def kill(self, name: str) -> None:
        """Kill it as the kernel does, and start it again."""
        self.killed[name] += 1
        child = self.server.child if name == "postgres" else self.children[name]
        os.killpg(child.pid or 0, signal.SIGKILL)
        child.finish(time.monotonic() + 5)
        if name == "postgres":
            self.server = servers.start_postgres(self.folder)
        else:
            child.start()

    def stop(self) -> None:
        children.stop(self.children.values())
        self.server.stop()


def answers(port: int) -> bool:
    there = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        there.request("GET", "/health")
        return there.getresponse().status in (200, 503)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        there.close()


@pytest.fixture
def victims(redis_url: str, tmp_path: Path) -> Iterator[Victims]:
    server = servers.start_postgres(tmp_path)
    migrate.upgrade(server.url)
    engine = db.engine(server.url)
    now = datetime.now(UTC)
    with db.transaction(engine) as conn:
        small.build(conn)
        programme = programmes.find(conn, "small")
        pipeline.refresh(conn, programme, programme.day(now), now, "a first day")
    engine.dispose()
    made = Victims(tmp_path, server, redis_url)
    yield made
    made.stop()
    servers.remove(tmp_path)


def test_nothing_acknowledged_is_lost_or_doubled_whatever_is_killed(victims: Victims, redis_url: str) -> None:
    chance = random.Random()
    engine = db.engine(victims.server.url)
    users.add(engine, BOX, "machine@example.org", "machine", "a password for tests")
    users.grant(engine, "machine@example.org", "machine", "small")
    token = users.token(engine, "machine@example.org", "test", 1)
    assert children.wait_until(lambda: all(answers(port) for port in victims.ports), 60)
    away = watching.Browser(engine)
    writers = [Writer(n, victims.ports, token) for n in range(WRITERS)]
    for writer in writers:
        writer.start()
    try:
        for _ in range(ROUNDS):
            time.sleep(chance.random() / 2)
            victims.kill(chance.choice(victims.warm()))
    finally:
        for writer in writers:
            writer.finish()
    assert children.wait_until(lambda: followed(engine), 60), victims.children["worker-0"].last_words(40)
    assert sum(victims.killed.values()) == ROUNDS
    assert sum(w.repeats for w in writers) > 0, "nobody was interrupted"
    assert [w.unforeseen for w in writers] == [[]] * WRITERS
    assert sum(len(w.acknowledged) for w in writers) > ROUNDS, "too little was recorded to tell"

    assert watching.wrong(engine) == []
    assert recorded(engine) == {key: rows(answer) for w in writers for key, answer in w.acknowledged.items()}
    away.catch_up()
    assert away.shown() == watching.Browser(engine).shown()
    follows(engine, redis_url)
    engine.dispose()


def rows(answer: dict[str, Any]) -> list[tuple[int, int]]:
    """The rows that an answer spoke of: their ids and doses."""
    return sorted(zip(answer["event_ids"], (lot["doses"] for lot in answer["lots"]), strict=True))


def recorded(engine: sa.Engine) -> dict[tuple[str, str], list[tuple[int, int]]]:
    """What is on record of each event that was sent; a late one revises others, which is no event."""
    found: dict[tuple[str, str], list[tuple[int, int]]] = {}
    with db.transaction(engine) as conn:
        for r in conn.execute(
            sa.text("select source, source_id, id, doses from stock_event where entry <> 'revision' order by id")
        ):
            found.setdefault((r.source, r.source_id), []).append((r.id, r.doses))
    return found


def followed(engine: sa.Engine) -> bool:
    try:
        return not pipeline.waiting(engine)
    except sa.exc.SQLAlchemyError:
        return False


def follows(engine: sa.Engine, redis_url: str) -> None:
    """Redis has what PostgreSQL has, and nothing was told twice."""
    with db.transaction(engine) as conn:
        link = cache.connect(redis_url, cache.prefix(conn, "dev"))
        found = registry.registries(conn)["small"]
        head = conn.scalar(sa.text("select max(seq) from push"))
        assert conn.execute(_TOLD_TWICE).all() == []
    assert children.wait_until(lambda: values.followed(link, found.id) in (None, head), 10)
    cells = watching.Browser(engine).cells["areas", 0]
    assert values.Values(engine, link).areas(found, 0).body == b"".join(bytes(cells[i::4]) for i in (1, 2, 3))


#: Lines of the ticker that were told in two pushes; every event here has a moment of its own.
_TOLD_TWICE = sa.text(
    "select line->>'at', line->>'facility', line->>'product', line->>'kind', count(*)"
    " from push, jsonb_array_elements(payload->'lines') as line where event = 'stock:update'"
    " group by 1, 2, 3, 4 having count(*) > 1"
)
