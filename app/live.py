"""Who is told, and when? The Socket.IO process: puts sockets into rooms, gives what was missed; who may open one is
said in app/handshake.py.

It passes on what app.pipeline publishes over the Redis queue. Who sees all of a programme is in its room; who sees a
part of it is in the room of that part, whose pushes are cut here, once for everybody in it.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import structlog
from flask import Flask, request
from flask_socketio import ConnectionRefusedError as Refused
from flask_socketio import SocketIO, emit, join_room, leave_room
from redis.backoff import ConstantBackoff
from redis.retry import Retry
from socketio import RedisManager
from sqlalchemy.exc import SQLAlchemyError

from app import logs, push
from app.auth import sealed
from app.auth.principal import Principal
from app.auth.sessions import Sessions
from app.handshake import Handshakes
from app.settings import Settings
from app.settings import read as read_settings
from data import db, errors, queries, walls
from data.scope import Scope
from geo import cache
from geo.cache import Link
from geo.reach import Reach, Reaches

SQL = queries.read(Path(__file__).parent / "sql" / "live.sql")
log = structlog.get_logger()

#: Sends an event with its payload to a room; returns how many live processes heard it. Raises `geo.cache.Down`.
Emit = Callable[[str, dict[str, Any], str], int]

#: A live process that has lost Redis looks for it this often, in seconds.
AGAIN_SECONDS = 0.5
#: A socket whose session has ended is closed within so many seconds.
RECHECK_SECONDS = 1.0
#: A page asks when it connects, looks at a facility or hears nothing: never so often in so many seconds.
MOST_ASKED, LATELY = 40, 10.0
#: After so many passes nobody remembers what a session might do before.
SETTLED = 3


def room(programme: str) -> str:
    """The room of everybody who watches a programme."""
    return f"programme:{programme}"


def part_room(programme: str, reach: Reach) -> str:
    """The room of everybody who watches the same part of a programme."""
    return f"part:{programme}:{reach.key}"


def facility_room(programme: str, facility: str) -> str:
    """The room of everybody who watches one facility."""
    return f"facility:{programme}:{facility}"


def channel(conn: sa.Connection) -> str:
    """The Redis channel between the worker and the live processes of this very database, whatever their release."""
    return f"{cache.prefix(conn, 'live', timeline=False)}:socketio"


def publisher(link: Link, to: str) -> Emit:
    """What the worker sends through: a writer to the channel that every live process reads.

    It writes the message of python-socketio's Redis manager by itself, because that one only logs what it could not
    send, and what was not sent has to be sent again.
    """

    def send(event: str, payload: dict[str, Any], room: str) -> int:
        message = json.dumps(
            {"method": "emit", "event": event, "data": [payload], "namespace": "/", "room": room, "host_id": "worker"}
        )
        return int(link.do(lambda client: client.publish(to, message)))

    return send


def create_live(settings: Settings, engine: sa.Engine, public: sa.Engine) -> tuple[Flask, SocketIO]:
    """The Flask app that only carries sockets, and its Socket.IO server."""
    app = Flask("app.live")
    app.config["SECRET_KEY"] = settings.secret_key.get_secret_value()
    with db.transaction(engine) as conn:
        queue = channel(conn)
    # Named, because Flask-SocketIO itself would look for Kombu behind a Redis on a unix socket.
    manager = Cutting(
        settings.redis_url.get_secret_value(),
        channel=queue,
        # Its own way back to a Redis that was away waits longer each time, up to a minute.
        redis_options={"retry": Retry(ConstantBackoff(AGAIN_SECONDS), -1)},
    )
    sockets = SocketIO(
        app,
        async_mode="gevent",
        client_manager=manager,
        cors_allowed_origins=None,
        manage_session=False,
        ping_interval=20,
        ping_timeout=20,
        max_http_buffer_size=20_000,
    )
    box, secure = sealed.box(settings), settings.secure_cookies
    known = Sessions(engine, box, demo=settings.demo, proxied=settings.proxies > 0, secure=secure)
    manager.cut = Sockets(sockets, engine, known, Reaches(public)).pass_on

    def later(seconds: float, work: Callable[[], None]) -> None:
        def wait() -> None:
            sockets.sleep(seconds)
            work()

        sockets.start_background_task(wait)

    app.wsgi_app = Handshakes(app.wsgi_app, known.current, settings.most_sockets, later)  # type: ignore[method-assign]
    return app, sockets


class Cutting(RedisManager):  # type: ignore[misc]  # python-socketio has no types
    """The queue from the worker, of which every message is also shown to `cut`, after those who see all have it."""

    cut: Callable[[dict[str, Any]], None] | None = None

    def _handle_emit(self, message: dict[str, Any]) -> None:
        super()._handle_emit(message)
        if self.cut is not None:
            self.cut(message)


@dataclass(slots=True)
class SignedIn:
    """A socket's session as it was when the socket was opened, with what its request said of it."""

    principal: Principal
    environ: dict[str, Any]
    granted: str | None = None
    settled: int = 0
    began: float = 0.0
    asked: int = 0

    def asks_too_much(self) -> bool:
        """Count one question; whether there were too many lately."""
        now = time.monotonic()
        if now - self.began > LATELY:
            self.began, self.asked = now, 0
        self.asked += 1
        return self.asked > MOST_ASKED


class Sockets:
    """The sockets of this process: who each belongs to, what it may ask, and what is left of a push for it."""

    def __init__(self, sockets: SocketIO, engine: sa.Engine, sessions: Sessions, reaches: Reaches) -> None:
        self._sockets = sockets
        self._engine = engine
        self._sessions = sessions
        self._reaches = reaches
        self.signed_in: dict[str, SignedIn] = {}
        #: The parts that somebody here watches: by the room of a programme, by their own.
        self._parts: dict[str, dict[str, Scope]] = defaultdict(dict)
        sockets.on_event("connect", self.connect)
        sockets.on_event("disconnect", self.disconnect)
        sockets.on_event("subscribe", self.subscribe)
        sockets.on_event("watch", self.watch)
        sockets.on_error_default(self.failed)
        sockets.start_background_task(self.recheck)

    def connect(self, auth: object = None) -> None:
        """Take in a socket whose request carries a session."""
        principal = self._sessions.current(request.environ)
        if principal is None:
            raise Refused("Sign in first.")
        said = {name: request.environ[name] for name in _SAYS_WHO if name in request.environ}
        self.signed_in[_sid()] = SignedIn(principal, said)
        # Not by way of Redis, which would have to be there for it.
        emit("connected", {"programmes": sorted(principal.programmes)}, ignore_queue=True)

    def disconnect(self, reason: object = None) -> None:
        """Forget a socket."""
        self.signed_in.pop(_sid(), None)

    def subscribe(self, asked: object) -> dict[str, object]:
        """Join a programme's room, then answer with what was missed: in this order nothing falls in between."""
        if self._asks_too_much():
            return _TOO_MUCH
        code, since = _asked(asked, "programme", "since")
        scope = self._scope(code)
        if scope is None:
            return _UNKNOWN
        reach = self._reaches.find(scope)
        if not reach.whole:
            self._parts[room(str(code))][part_room(str(code), reach)] = scope
        join_room(room(str(code)) if reach.whole else part_room(str(code), reach))
        with db.transaction(self._engine, self._reaches.whole(scope.programme_id)) as conn:
            return push.catch_up(conn, scope.programme_id, since if isinstance(since, int) else -1, reach)

    def pass_on(self, message: dict[str, Any]) -> None:
        """Tell those who watch a part of a programme what is left for them of what the others were told."""
        watched = self._parts.get(str(message.get("room")))
        if not watched or message.get("method") != "emit":
            return
        [said] = message["data"]
        for name, scope in list(watched.items()):
            if not self._sockets.server.manager.rooms.get("/", {}).get(name):
                del watched[name]
                continue
            try:
                event, payload = self._cut(message["event"], said, scope)
            except (errors.DataError, SQLAlchemyError) as error:
                # Not told: whoever misses a number asks for it.
                log.warning("socket.not_cut", error=type(error).__name__)
                continue
            self._sockets.server.emit(event, payload, room=name, namespace="/", ignore_queue=True)

    def _cut(self, event: str, said: dict[str, Any], scope: Scope) -> tuple[str, dict[str, Any]]:
        if event == "seq":
            return event, said
        reach = self._reaches.find(scope)
        payload = {name: value for name, value in said.items() if name != "seq"}
        stored = push.Stored(said["seq"], event, payload)
        if push.says_enough(reach, stored):
            [left] = push.cut_to(None, reach, [stored])
        else:
            with db.transaction(self._engine, self._reaches.whole(scope.programme_id)) as conn:
                [left] = push.cut_to(conn, reach, [stored])
        return left.event, {"seq": left.seq, **left.payload}

    def watch(self, asked: object) -> dict[str, object]:
        """Join the room of one facility, to be told `facility:update`; an empty facility leaves it."""
        if self._asks_too_much():
            return _TOO_MUCH
        code, facility = _asked(asked, "programme", "facility")
        scope = self._scope(code)
        if scope is None:
            return _UNKNOWN
        for old in [r for r in self._sockets.server.rooms(_sid()) if str(r).startswith("facility:")]:
            leave_room(old)
        if isinstance(facility, str) and facility:
            if not self._reaches.find(scope).has_facility(facility):
                return _ELSEWHERE
            join_room(facility_room(str(code), facility))
        return {"watching": facility or None}

    def _asks_too_much(self) -> bool:
        one = self.signed_in.get(_sid())
        return one is None or one.asks_too_much()

    def failed(self, error: Exception) -> dict[str, object]:
        """Answer an error in words; what was not foreseen is logged with its trace."""
        foreseen = isinstance(error, errors.DataError | SQLAlchemyError)
        log.error("socket.failed", error=type(error).__name__, exc_info=None if foreseen else error)
        if request.event["message"] == "connect":  # type: ignore[attr-defined]  # Flask-SocketIO adds it
            # An answer would let the socket in.
            raise Refused("Sign-in cannot be checked now. Try again in a moment.")
        return {"error": type(error).__name__, "message": "This could not be answered. Reload the page."}

    def recheck(self) -> None:
        """Close, every second, the sockets whose session has ended or may see something else now."""
        while True:
            self._sockets.sleep(RECHECK_SECONDS)
            held = dict(self.signed_in)
            hashes = [one.principal.token_hash for one in held.values()]
            try:
                alive, granted = self._sessions.alive(hashes), self._granted(hashes)
                gone = [sid for sid, one in held.items() if not self._stands(one, alive, granted)]
            except (errors.DatabaseUnavailable, SQLAlchemyError):
                continue
            for sid in gone:
                self._sockets.server.disconnect(sid)

    def _stands(self, one: SignedIn, alive: Mapping[bytes, frozenset[str]], granted: Mapping[bytes, str]) -> bool:
        """Whether a socket may go on: its session lives, and may do what it might when the socket was opened."""
        key = one.principal.token_hash
        if alive.get(key) != one.principal.programmes:
            return False
        if one.granted != granted.get(key):
            one.granted, one.settled = granted.get(key), 0
        if one.settled >= SETTLED:
            return True
        # A session is remembered for a moment: only what it says some passes later is sure to be the newest.
        one.settled += 1
        now = self._sessions.current(one.environ)
        return now is not None and now.grants == one.principal.grants

    def _granted(self, hashes: Sequence[bytes]) -> dict[bytes, str]:
        if not hashes:
            return {}
        with db.transaction(self._engine) as conn:
            rows = conn.execute(SQL["standing"], {"token_hashes": list(set(hashes))})
            return {bytes(r.token_hash): r.granted for r in rows}

    def _scope(self, code: object) -> Scope | None:
        """What of a programme the one who asks may see; None where that is nothing."""
        principal = self._sessions.current(request.environ)
        if principal is None or not isinstance(code, str) or (programme_id := principal.programme_id(code)) is None:
            return None
        scope = principal.scope("see", programme_id)
        return None if scope.empty else scope


#: What of a request says whose it is, and where it came from.
_SAYS_WHO = ("HTTP_COOKIE", "HTTP_AUTHORIZATION", "REMOTE_ADDR", "werkzeug.proxy_fix.orig")
_ELSEWHERE: dict[str, object] = {
    "error": "UnknownFacility",
    "message": "There is no such facility, or it lies outside your area.",
}
_TOO_MUCH: dict[str, object] = {
    "error": "TooManyRequests",
    "message": f"More was asked than {MOST_ASKED} questions in {LATELY:.0f} seconds. Wait a moment.",
}
_UNKNOWN: dict[str, object] = {
    "error": "UnknownProgramme",
    "message": "There is no such programme, or you may not see it.",
}


def _sid() -> str:
    """The socket that asks."""
    return str(request.sid)  # type: ignore[attr-defined]  # Flask-SocketIO adds it


def _asked(asked: object, first: str, second: str) -> tuple[object, object]:
    return (asked.get(first), asked.get(second)) if isinstance(asked, dict) else (None, None)


def application() -> Flask:
    """What gunicorn serves; its gevent worker has made the standard library cooperative before this is imported."""
    settings = read_settings()
    logs.configure(settings.log_level)
    url, patience = settings.database_url.get_secret_value(), db.PATIENT
    engine = db.engine(url, pool_size=4, application="vaxtrace live", patience=patience, role=walls.APP)
    public = db.engine(url, pool_size=1, application="vaxtrace live, registry", patience=patience, role=walls.REGISTRY)
    app, _ = create_live(settings, engine, public)
    return app


def main(settings: Settings) -> None:
    """Become the live process: one gevent worker, because a socket belongs to one process."""
    command = ["gunicorn", "--worker-class", "gevent", "--workers", "1", "--worker-connections", "5000"]
    command += ["--bind", f"{settings.host}:{settings.port}", "--graceful-timeout", "5", "--log-level", "warning"]
    os.execv(sys.executable, [sys.executable, "-m", *command, "app.live:application()"])
