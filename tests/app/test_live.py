"""The live path with real processes: an event goes in over HTTP and comes out of every socket, whatever breaks."""

from __future__ import annotations

import contextlib
import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import product
import pytest
import small
import socketio
import sqlalchemy as sa
from product import PROJECT
from sockets import Person, Refused, Socket, handshake

from app import day, live, pipeline
from app.local import children, servers
from app.local.servers import Server
from app.settings import Settings
from data import db, programmes

MOST_SOCKETS = int(Settings.model_fields["most_sockets"].default)


class Running:
    """The product with a small country, and a Redis of its own that may be stopped."""

    def __init__(self, running: product.Product, engine: sa.Engine, folder: Path, redis: Server) -> None:
        self.address = running.address
        self.product = running
        self.engine = engine
        self._folder = folder
        self._redis = redis

    def record(self, kind: str, doses: int, facility: str = "F-W1", **more: object) -> Any:
        fields = {"facility": facility, "product": "BCG", "kind": kind, "doses": doses, "source": "test",
                  "opened_vial": True}  # fmt: skip
        when = {"occurred_at": datetime.now(UTC).isoformat(), "source_id": uuid4().hex}
        return self.product.ask("/api/v1/stock-events", fields | when | {"programme": "small"} | more)

    def fetch(self, path: str) -> tuple[Any, bytes]:
        """The headers and the body of an answer."""
        request = urllib.request.Request(self.address + path, headers={"Authorization": f"Bearer {self.product.token}"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.headers, answer.read()

    def seq(self) -> int:
        return int(self.product.ask("/api/v1/small/registry")["seq"])

    def stop_redis(self) -> None:
        self._redis.stop()

    def start_redis(self) -> None:
        self._redis = servers.start_redis(self._folder)

    def stop(self) -> None:
        self.product.stop()
        self._redis.stop()


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory, administration: sa.Engine, postgres: Server, template: str
) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("live")
    with administration.connect() as conn:
        conn.exec_driver_sql(f"create database live_tests template {template} strategy file_copy")
    url = postgres.url.replace(f"/{servers.NAME}?", "/live_tests?")
    engine = db.engine(url)
    with db.transaction(engine) as conn:
        small.build(conn)
        found = programmes.find(conn, "small")
        pipeline.refresh(conn, found, found.day(datetime.now(UTC)), datetime.now(UTC), "a first day")
    redis = servers.start_redis(folder)
    started = Running(product.start(folder, url, redis.url), engine, folder, redis)
    with db.transaction(engine) as conn:
        small.build(conn, "other")
    yield started
    started.stop()
    servers.remove(folder)
    engine.dispose()
    with administration.connect() as conn:
        conn.exec_driver_sql("drop database live_tests with (force)")


@pytest.fixture(scope="module")
def person(running: Running) -> Person:
    """Somebody who stays signed in: from one address nobody signs in as often as there are tests."""
    return Person(running.address)


@pytest.fixture
def sockets(running: Running, person: Person) -> Iterator[Any]:
    """Opens sockets of one person, and closes them after the test."""
    with contextlib.ExitStack() as opened:

        def opener(**asked: Any) -> Socket:
            socket = Socket(running.address, asked.pop("cookies", person.cookies), **asked)
            opened.callback(socket.close)
            return socket

        yield opener


def numbered(heard: list[tuple[str, dict[str, Any]]]) -> list[int]:
    return [payload["seq"] for event, payload in heard if "seq" in payload and event != "seq"]


@pytest.mark.parametrize("cookies", ["", "vaxtrace_session=guessed"])
def test_a_stranger_gets_no_socket(running: Running, cookies: str) -> None:
    with pytest.raises(Refused, match="Sign in first"):
        Socket(running.address, cookies)


@pytest.mark.parametrize("query", ["EIO=4&transport=polling", "EIO=4", "EIO", "transport=polling&EIO=4&x=sid"])
def test_a_stranger_begins_no_socket_that_would_then_be_held_open(running: Running, query: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{running.address}/socket.io/?{query}", timeout=10)
    assert refused.value.code == 401
    refused.value.close()


def test_a_session_holds_so_many_sockets_and_no_more(running: Running) -> None:
    one, other = Person(running.address), Person(running.address, "analyst")
    said = [handshake(running.address, one.cookies) for _ in range(MOST_SOCKETS + 1)]
    assert {code for code, _ in said[:-1]} == {200}
    assert said[-1][0] == 429
    assert "TooManyRequests" in said[-1][1]
    with pytest.raises(Refused, match="Close some of the pages"):
        Socket(running.address, one.cookies)
    assert handshake(running.address, other.cookies)[0] == 200


def test_a_socket_that_asks_all_the_time_is_told_to_wait(running: Running, sockets: Any) -> None:
    socket, other = sockets(programme=None), sockets(programme=None)
    said = [socket.ask("watch", programme="small", facility="F-W1") for _ in range(live.MOST_ASKED + 1)]
    assert said[-2] == {"watching": "F-W1"}
    assert said[-1]["error"] == "TooManyRequests"
    assert socket.ask("subscribe", programme="small", since=0)["error"] == "TooManyRequests"
    assert "seq" in other.ask("subscribe", programme="small", since=0)


def test_a_token_may_open_a_socket_too(running: Running) -> None:
    client = socketio.Client(reconnection=False)
    client.connect(
        running.address, headers={"Authorization": f"Bearer {running.product.token}"}, transports=["websocket"]
    )
    assert "seq" in client.call("subscribe", {"programme": "small", "since": 0})
    client.disconnect()
    client.eio.wait()


@pytest.mark.parametrize("programme", ["other", "nowhere", "", ["small"], {"a": 1}, 7])
def test_a_programme_that_is_not_mine_is_unknown(running: Running, sockets: Any, programme: object) -> None:
    socket = sockets(programme=None)
    for event in ("subscribe", "watch"):
        assert socket.ask(event, programme=programme, since=0, facility="F-W1")["error"] == "UnknownProgramme"
    assert socket.client.call("subscribe", "nonsense")["error"] == "UnknownProgramme"


def test_an_event_reaches_every_socket_in_one_sequence(running: Running, sockets: Any) -> None:
    before = running.seq()
    here, there = sockets(since=before), sockets(since=before, cookies=Person(running.address, "analyst").cookies)
    assert here.missed == {"seq": before, "changes": []}
    running.record("receipt", 60, "F-E1")
    first = here.until("stock:update")
    running.record("administered", 60, "F-E1")
    heard = first + here.until("alert:new")
    assert {"connected", "map:update", "stock:update", "alert:new"} <= {event for event, _ in heard}
    assert numbered(heard) == list(range(before + 1, before + 1 + len(numbered(heard))))
    [line] = heard[-2][1]["lines"]
    assert (line["facility"], line["kind"], line["doses"], line["balance"]) == ("F-E1", "administered", -60, 0)
    assert heard[-1][1]["text"] == "Health post F-E1 (Area E1) is out of BCG."
    assert numbered(there.until("alert:new")) == numbered(heard)
    running.record("receipt", 40, "F-E1")
    assert here.until("alert:resolved")[-1][1]["id"] == heard[-1][1]["id"]


def test_who_comes_back_gets_what_was_missed_or_reads_everything_again(running: Running, sockets: Any) -> None:
    before = running.seq()
    watching = sockets(since=before)
    running.record("receipt", 30)
    heard = watching.until("stock:update")
    back = sockets(since=before).missed
    assert [c["seq"] for c in back["changes"]] == numbered(heard)
    assert back["changes"][-1] == {
        "seq": heard[-1][1]["seq"], "event": "stock:update", "payload": {"lines": heard[-1][1]["lines"]},
    }  # fmt: skip
    for since in (10**9, -5, None, "3", 2.5):
        assert sockets(since=since).missed == {"seq": running.seq(), "reload": True}


def test_only_those_who_watch_a_facility_are_told_to_read_it_again(running: Running, sockets: Any) -> None:
    watcher, other = sockets(since=running.seq()), sockets(since=running.seq())
    assert watcher.ask("watch", programme="small", facility="F-W2a") == {"watching": "F-W2a"}
    other.ask("watch", programme="small", facility="F-W2a")
    other.ask("watch", programme="small", facility="F-W2b")
    running.record("receipt", 30, "F-W2a")
    assert watcher.until("facility:update")[-1][1] == {"facility": "F-W2a", "ordinal": 2, "product": "BCG"}
    watcher.ask("watch", programme="small", facility="")
    running.record("receipt", 30, "F-W2a")
    running.record("receipt", 30, "F-W2b")
    heard = other.until("facility:update")
    assert [p["facility"] for e, p in heard if e == "facility:update"] == ["F-W2b"]
    running.record("receipt", 1, "F-E1")
    assert "facility:update" not in [e for e, _ in watcher.until("stock:update", seq=running_head(watcher, running))]


def running_head(socket: Socket, running: Running) -> int:
    """The number of the newest ticker line, once the worker has done everything recorded so far."""
    assert children.wait_until(lambda: not pipeline.waiting(running.engine), 10)
    with db.transaction(running.engine) as conn:
        return int(conn.execute(sa.text("select max(seq) from push where event = 'stock:update'")).scalar_one())


#: The officer of E: the nation, whose part is E, then E and its district.
OWN_SEATS = {0, 1, 3}


def test_who_sees_a_part_hears_of_that_part_in_the_same_sequence(running: Running, sockets: Any) -> None:
    before = running.seq()
    officer = Person(running.address, "area")
    part, every = sockets(since=before, cookies=officer.cookies), sockets(since=before)
    running.record("receipt", 31_415, "F-W1")
    running.record("receipt", 27_182, "F-E1")
    head = running_head(every, running)
    heard, told = part.until("stock:update", seq=head), every.until("stock:update", seq=head)
    assert numbered(heard) == numbered(told) == list(range(before + 1, head + 1))
    assert "F-W1" not in json.dumps(heard)
    assert "31,415" not in json.dumps(heard)
    assert [line["facility"] for event, p in heard if event == "stock:update" for line in p["lines"]] == ["F-E1"]
    updates = [p for event, p in heard if event == "map:update"]
    assert {one[0] for p in updates for one in p["facilities"]} == {0}
    areas = {(line[0], line[1]): line[2:] for p in updates for line in p["areas"]}
    assert {seat for seat, _ in areas} == OWN_SEATS
    assert areas[0, 1] == areas[1, 1], "what is told of the nation is of the part"
    missed = sockets(since=before, cookies=officer.cookies).missed
    assert [(c["seq"], c["event"]) for c in missed["changes"] if c["seq"] <= head] == [
        (p["seq"], event) for event, p in heard if event in ("map:update", "stock:update", "alert:new")
    ]
    assert "F-W1" not in json.dumps(missed)


def test_no_room_is_entered_by_its_name_nor_a_facility_watched_that_is_elsewhere(
    running: Running, sockets: Any
) -> None:
    socket = sockets(since=running.seq(), cookies=Person(running.address, "area").cookies)
    assert socket.ask("watch", programme="small", facility="F-W1")["error"] == "UnknownFacility"
    assert socket.ask("watch", programme="small", facility="nowhere")["error"] == "UnknownFacility"
    assert socket.ask("watch", programme="small", facility="F-E1") == {"watching": "F-E1"}
    for forged in ("programme:small", "small:F-W1", "part:small:x"):
        assert socket.ask("subscribe", programme=forged, since=0)["error"] == "UnknownProgramme"
    running.record("receipt", 5, "F-W1")
    head = running_head(socket, running)
    assert "facility:update" not in [event for event, _ in socket.until("stock:update", seq=head)]


def test_every_event_that_a_socket_may_send_is_one_of_those_tested_here() -> None:
    source = (PROJECT / "app" / "live.py").read_text(encoding="utf-8")
    assert set(re.findall(r'on_event\("([^"]+)"', source)) == {"connect", "disconnect", "subscribe", "watch"}


def test_another_grant_closes_the_socket_and_several_places_add_up(running: Running, sockets: Any) -> None:
    officer = Person(running.address, "area")
    socket = sockets(since=running.seq(), cookies=officer.cookies)
    with db.transaction(running.engine) as conn:
        conn.execute(sa.text(
            "insert into user_grant (user_id, programme_id, role, facility_id)"
            " select u.id, f.programme_id, 'facility', f.id from app_user u, facility f join programme p"
            " on p.id = f.programme_id where u.email = 'area@demo.example' and f.code = 'F-W2a' and p.code = 'small'"
        ))  # fmt: skip
    assert children.wait_until(lambda: not socket.client.connected, 6)
    before = running.seq()
    again = sockets(since=before, cookies=officer.cookies)
    running.record("receipt", 9, "F-W2b")
    running.record("receipt", 8, "F-W2a")
    head = running_head(again, running)
    heard = again.until("stock:update", seq=head)
    assert numbered(heard) == list(range(before + 1, head + 1))
    assert "F-W2b" not in json.dumps(heard)
    nation = [line for event, p in heard if event == "map:update" for line in p["areas"] if line[:2] == [0, 1]]
    assert nation[-1][5] == 2, "F-E1 and F-W2a, of four"


def test_a_session_that_is_signed_out_loses_its_socket(running: Running, sockets: Any) -> None:
    leaving, staying = Person(running.address), sockets(since=running.seq())
    socket = sockets(cookies=leaving.cookies, since=running.seq())
    leaving.sign_out()
    assert children.wait_until(lambda: not socket.client.connected, 4)
    assert staying.client.connected
    with pytest.raises(Refused, match="Sign in first"):
        Socket(running.address, leaving.cookies)


def test_a_person_whose_right_to_see_is_taken_away_loses_the_socket(running: Running, sockets: Any) -> None:
    socket = sockets(since=running.seq(), cookies=Person(running.address, "administrator").cookies)
    with db.transaction(running.engine) as conn:
        conn.execute(sa.text("delete from user_grant where role = 'administrator'"))
    assert children.wait_until(lambda: not socket.client.connected, 4)


@pytest.mark.parametrize("what", ["national@demo.example", "small"])
def test_a_kill_switch_closes_open_sockets_within_two_seconds(running: Running, sockets: Any, what: str) -> None:
    statement, back = (
        ("update app_user set stopped_at = now() where email = :what", "update app_user set stopped_at = null")
        if "@" in what
        else ("update programme set stopped_at = now() where code = :what", "update programme set stopped_at = null")
    )
    socket = sockets(cookies=Person(running.address).cookies, since=running.seq())
    try:
        with db.transaction(running.engine) as conn:
            conn.execute(sa.text(statement), {"what": what})
        assert children.wait_until(lambda: not socket.client.connected, 2)
    finally:
        with db.transaction(running.engine) as conn:
            conn.execute(sa.text(back))
    again = Socket(running.address, Person(running.address).cookies)
    assert again.client.connected
    again.close()


def test_a_simulated_day_is_sent_through_the_api_and_says_what_it_is(running: Running) -> None:
    for facility in ("F-E1", "F-W1", "F-W2a", "F-W2b"):
        for vaccine in ("BCG", "MR"):
            running.record("receipt", 20, facility, product=vaccine)
            running.record("count", 0, facility, product=vaccine)
    assert children.wait_until(lambda: not pipeline.waiting(running.engine), 10)
    assert day.run(running.engine, running.address, running.product.token, every=0.01, most=5) == 5
    with db.transaction(running.engine) as conn:
        sent = conn.execute(sa.text("select kind, doses from stock_event where source = 'simulated-day'")).all()
    assert len(sent) == 5
    assert all(kind == "receipt" and doses > 0 for kind, doses in sent), "an empty shelf is refilled"


def test_a_quiet_programme_says_its_number_now_and_then(running: Running, sockets: Any) -> None:
    socket = sockets(since=running.seq())
    assert socket.until("seq", seconds=15)[-1][1] == {"seq": running.seq()}


def test_without_the_database_nobody_is_let_in_and_all_goes_on_when_it_is_back(
    running: Running, sockets: Any, administration: sa.Engine
) -> None:
    before = running.seq()
    socket, person = sockets(since=before), Person(running.address)
    with administration.connect() as conn:
        conn.exec_driver_sql("alter database live_tests with allow_connections false")
        try:
            conn.exec_driver_sql("select pg_terminate_backend(pid) from pg_stat_activity where datname = 'live_tests'")
            with pytest.raises(Refused, match="DatabaseUnavailable"):
                Socket(running.address, person.cookies)
            for path in ("/health", "/api/v1/small/registry"):
                with pytest.raises(urllib.error.HTTPError) as refused:
                    running.product.ask(path)
                assert refused.value.code == 503
                refused.value.close()
        finally:
            conn.exec_driver_sql("alter database live_tests with allow_connections true")
    running.engine.dispose()
    assert socket.client.connected
    running.record("receipt", 3)
    assert numbered(socket.until("stock:update")) == [before + 1, before + 2]
    assert sockets(since=before, cookies=person.cookies).missed["seq"] == before + 2
    assert all(process.running() for process in running.product.processes.values())


def test_without_redis_recording_and_reading_go_on_and_pushes_come_back(running: Running, sockets: Any) -> None:
    before = running.seq()
    socket = sockets(since=before)
    pids = {name: process.pid for name, process in running.product.processes.items()}
    running.record("receipt", 200)
    socket.until("stock:update")
    running.stop_redis()
    try:
        health = running.product.ask("/health")
        assert health["ok"]
        assert "live updates pause" in health["redis"]
        assert running.record("count", 150)["balance"] == 150
        assert running.record("administered", 10)["balance"] == 140
        assert children.wait_until(lambda: not pipeline.waiting(running.engine), 10)
        version = running.product.ask("/api/v1/small/registry")["version"]
        headers, cells = running.fetch(f"/values/small/{version}/areas/1")
        assert (int(headers["VaxTrace-Seq"]), len(cells)) == (running.seq(), 3 * 6)
        assert b"Alerts" in running.fetch("/small/alerts")[1]
        late = sockets(since=before)
        assert late.missed["seq"] == running.seq(), "a socket opened meanwhile is answered from PostgreSQL"
    finally:
        running.start_redis()
    socket.until("seq", seq=running.seq(), seconds=30)
    assert running.product.ask("/health")["redis"] == "ok"
    missed = socket.ask("subscribe", programme="small", since=before)
    head = missed["seq"]
    assert [c["seq"] for c in missed["changes"]] == list(range(before + 1, head + 1))
    running.record("receipt", 5)
    heard = socket.until("stock:update", seq=head + 2)
    assert numbered(heard)[-2:] == [head + 1, head + 2]
    assert {name: process.pid for name, process in running.product.processes.items()} == pids
    assert all(process.running() for process in running.product.processes.values())
