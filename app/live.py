"""Who is told, and when? The Socket.IO process: signs sockets in, puts them into rooms, gives what was missed.

It only passes on what app.pipeline publishes over the Redis queue; it computes nothing.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
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
from app.auth.principal import Principal
from app.auth.sessions import Sessions
from app.settings import Settings
from app.settings import read as read_settings
from data import db, errors, programmes
from geo import cache
from geo.cache import Link

log = structlog.get_logger()

#: Sends an event with its payload to a room; returns how many live processes heard it. Raises `geo.cache.Down`.
Emit = Callable[[str, dict[str, Any], str], int]

#: A live process that has lost Redis looks for it this often, in seconds.
AGAIN_SECONDS = 0.5
#: A socket whose session has ended is closed within so many seconds.
RECHECK_SECONDS = 1.0


def room(programme: str) -> str:
    """The room of everybody who watches a programme."""
    return f"programme:{programme}"


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


def create_live(settings: Settings, engine: sa.Engine) -> tuple[Flask, SocketIO]:
    """The Flask app that only carries sockets, and its Socket.IO server."""
    app = Flask("app.live")
    app.config["SECRET_KEY"] = settings.secret_key.get_secret_value()
    with db.transaction(engine) as conn:
        queue = channel(conn)
    sockets = SocketIO(
        app,
        async_mode="gevent",
        # Named, because Flask-SocketIO itself would look for Kombu behind a Redis on a unix socket.
        client_manager=RedisManager(
            settings.redis_url.get_secret_value(),
            channel=queue,
            # Its own way back to a Redis that was away waits longer each time, up to a minute.
            redis_options={"retry": Retry(ConstantBackoff(AGAIN_SECONDS), -1)},
        ),
        cors_allowed_origins=None,
        manage_session=False,
        ping_interval=20,
        ping_timeout=20,
        max_http_buffer_size=20_000,
    )
    Sockets(sockets, engine, Sessions(engine, demo=settings.demo, proxied=settings.proxies > 0))
    return app, sockets


class Sockets:
    """The sockets of this process: who each belongs to, and what it may ask."""

    def __init__(self, sockets: SocketIO, engine: sa.Engine, sessions: Sessions) -> None:
        self._sockets = sockets
        self._engine = engine
        self._sessions = sessions
        self.signed_in: dict[str, Principal] = {}
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
        self.signed_in[_sid()] = principal
        # Not by way of Redis, which would have to be there for it.
        emit("connected", {"programmes": sorted(principal.programmes)}, ignore_queue=True)

    def disconnect(self, reason: object = None) -> None:
        """Forget a socket."""
        self.signed_in.pop(_sid(), None)

    def subscribe(self, asked: object) -> dict[str, object]:
        """Join a programme's room, then answer with what was missed: in this order nothing falls in between."""
        code, since = _asked(asked, "programme", "since")
        if not self._may_see(code):
            return _UNKNOWN
        join_room(room(str(code)))
        with db.transaction(self._engine) as conn:
            programme = programmes.find(conn, str(code))
            return push.catch_up(conn, programme.id, since if isinstance(since, int) else -1)

    def watch(self, asked: object) -> dict[str, object]:
        """Join the room of one facility, to be told `facility:update`; an empty facility leaves it."""
        code, facility = _asked(asked, "programme", "facility")
        if not self._may_see(code):
            return _UNKNOWN
        for old in [r for r in self._sockets.server.rooms(_sid()) if str(r).startswith("facility:")]:
            leave_room(old)
        if isinstance(facility, str) and facility:
            join_room(facility_room(str(code), facility))
        return {"watching": facility or None}

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
            try:
                alive = self._sessions.alive([principal.token_hash for principal in held.values()])
            except (errors.DatabaseUnavailable, SQLAlchemyError):
                continue
            for sid, principal in held.items():
                if alive.get(principal.token_hash) != principal.programmes:
                    self._sockets.server.disconnect(sid)

    def _may_see(self, code: object) -> bool:
        principal = self._sessions.current(request.environ)
        return principal is not None and isinstance(code, str) and code in principal.programmes


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
    engine = db.engine(
        settings.database_url.get_secret_value(), pool_size=4, application="vaxtrace live", patience=db.PATIENT
    )
    app, _ = create_live(settings, engine)
    return app


def main(settings: Settings) -> None:
    """Become the live process: one gevent worker, because a socket belongs to one process."""
    command = ["gunicorn", "--worker-class", "gevent", "--workers", "1", "--worker-connections", "5000"]
    command += ["--bind", f"{settings.host}:{settings.port}", "--graceful-timeout", "5", "--log-level", "warning"]
    os.execv(sys.executable, [sys.executable, "-m", *command, "app.live:application()"])
