"""How long after a kill switch is somebody out: a page, a token and an open socket, by person, token and programme?"""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable
from functools import partial

import socketio

from app.auth import sessions, tokens, users
from data import db
from tests.bench.figures import Line, middle
from tests.bench.stack import Stack
from tests.keys import BOX

BUDGET_S = 2.0
ROUNDS = 8
_EMAIL = "switched@example.org"


def measure(stack: Stack) -> list[Line]:
    """Throw each switch some times while a page, a token and a socket are in use; how long each goes on."""
    users.add(stack.engine, BOX, _EMAIL, "Switched", "seven herons cross the delta")
    code = stack.programme.code
    switches: dict[str, Callable[[str], None]] = {
        "a person": lambda _: users.switch(stack.engine, _EMAIL, stop=True),
        "a session or token": partial(_end, stack),
        "a programme": lambda _: users.switch(stack.engine, code, stop=True),
    }
    lines = []
    for what, throw in switches.items():
        taken = [seconds for _ in range(ROUNDS) for seconds in _round(stack, throw)]
        longest = max(taken)
        beside = f"median {middle(taken):.2f} s of {len(taken)} ways in"
        lines.append(
            Line(f"{what} is out", f"{longest:.2f} s", beside, "", f"<= {BUDGET_S:.0f} s", longest <= BUDGET_S)
        )
    users.remove(stack.engine, _EMAIL)
    return lines


def _round(stack: Stack, throw: Callable[[str], None]) -> list[float]:
    """Come in with a page's session, a token and a socket, throw the switch, and see how long each goes on."""
    users.switch(stack.engine, _EMAIL, stop=False)
    users.switch(stack.engine, stack.programme.code, stop=False)
    users.grant(stack.engine, _EMAIL, "national", stack.programme.code)
    with db.transaction(stack.engine) as conn:
        user_id = conn.execute(users.SQL["user"], {"email": _EMAIL}).scalar_one()
        session = sessions.opened(conn, user_id)
        token = tokens.make(conn, user_id, "bench", 1)
    ways = [{"Cookie": f"{sessions.COOKIE}={session}"}, {"Authorization": f"Bearer {token}"}]
    paths = [f"/{stack.programme.code}/about", f"/api/v1/{stack.programme.code}/registry"]
    gone = threading.Event()
    socket = socketio.Client(reconnection=False)
    socket.on("disconnect", lambda *_: gone.set())
    socket.connect(stack.product.address, headers=ways[0], transports=["websocket"], wait_timeout=10)
    assert all(_inside(stack, path, way) for path, way in zip(paths, ways, strict=True))
    out: dict[int, float] = {}
    throw(_EMAIL)
    began = time.monotonic()
    watching = [threading.Thread(target=_watch, args=(stack, paths[n], ways[n], began, out, n)) for n in range(2)]
    for thread in watching:
        thread.start()
    gone.wait(10)
    out[2] = time.monotonic() - began
    for thread in watching:
        thread.join()
    socket.disconnect()
    return list(out.values())


def _watch(stack: Stack, path: str, way: dict[str, str], began: float, out: dict[int, float], number: int) -> None:
    while time.monotonic() - began < 10 and _inside(stack, path, way):
        time.sleep(0.02)
    out[number] = time.monotonic() - began


def _inside(stack: Stack, path: str, way: dict[str, str]) -> bool:
    connection = http.client.HTTPConnection(stack.front, timeout=10)
    try:
        connection.request("GET", path, headers=way)
        return connection.getresponse().status == 200
    finally:
        connection.close()


def _end(stack: Stack, email: str) -> None:
    with db.transaction(stack.engine) as conn:
        user_id = conn.execute(users.SQL["user"], {"email": email}).scalar_one()
        conn.execute(tokens.SQL["end_everything"], {"user_id": user_id})
