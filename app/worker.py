"""Who does what follows? One process: hears the bell, advances the pipeline, publishes, and keeps the house.

Killing it at any moment loses nothing and doubles nothing: PostgreSQL holds the cursor, at which a second worker waits.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import sqlalchemy as sa
import structlog

from app import live, logs, pipeline, push
from app.auth import links, oidc, sealed, sessions, throttle, tokens
from app.settings import Settings
from data import db
from data.record import outbox, partitions
from geo import cache
from geo.cache import Down, Link

log = structlog.get_logger()

#: Batches are at least so many seconds apart: a burst becomes one push, and no browser is told more often.
PACE = 0.05
#: While a change is about to become readable it is looked for this often; otherwise the bell is waited for this long.
SOON, IDLE = 0.02, 1.0
#: How often it is looked for pushes of others, and for those that could not be sent.
LOOK = 1.0
#: How often the house is kept: new days, partitions ahead, what nobody reads any more.
HOUSEKEEPING = 60.0
#: How often every room is told its newest number; browsers ask by themselves when they hear nothing for longer.
HEARTBEAT = 10.0
OUTBOX_DAYS = 7


class Worker:
    """The loop, and what it holds."""

    def __init__(self, engine: sa.Engine, link: Link, emit: live.Emit, bell: Callable[[float], None]) -> None:
        self._engine = engine
        self._link = link
        self._emit = emit
        self._bell = bell
        self._stop = threading.Event()
        self._conn: sa.Connection | None = None
        self._kept_at = float("-inf")
        self._beat_at = float("-inf")
        self._looked_at = float("-inf")
        self._away = False

    def stop(self) -> None:
        """End the loop after the batch at hand."""
        self._stop.set()

    def run(self) -> None:
        """Work until stopped. What fails is logged with its trace and tried again a moment later."""
        while not self._stop.is_set():
            try:
                self.turn()
            except Exception as error:
                log.error("worker.failed", exc_info=error)
                self._hang_up()
                self._stop.wait(1.0)
        self._hang_up()

    def turn(self) -> None:
        """One turn: a batch if there is one, then what browsers have to be told, then wait for the bell."""
        began = time.monotonic()
        if began - self._kept_at >= HOUSEKEEPING:
            self.keep_house()
            self._kept_at = began
        told = self._advance()
        try:
            self._tell(told, began)
            self._away = False
        except Down:
            # Live processes may come back later than Redis does: the first beat that they hear tells all.
            self._beat_at = self._looked_at = float("-inf")
            if not self._away:
                log.warning("worker.redis_away", what="live updates pause; recording goes on")
            self._away = True
        if told.changes:
            self._stop.wait(max(0.0, PACE - (time.monotonic() - began)))
        else:
            self._bell(SOON if pipeline.waiting(self._engine) else IDLE)

    def _advance(self) -> pipeline.Told:
        """A batch, on a connection that is kept: those of the pool are asked first whether they are alive."""
        if self._conn is None:
            self._conn = self._engine.connect()
        with self._conn.begin():
            return pipeline.follow(self._conn, datetime.now(UTC))

    def _hang_up(self) -> None:
        if self._conn is not None:
            self._conn.close()
            self._conn = None

    def _tell(self, told: pipeline.Told, began: float) -> None:
        whole = pipeline.publish_told(self._link, self._emit, told)
        # What others have pushed, such as a load, and what could not be sent.
        if not whole or began - self._looked_at >= LOOK:
            pipeline.publish(self._engine, self._link, self._emit)
            self._looked_at = began
        pipeline.tell_watchers(told, self._emit)
        if began - self._beat_at >= HEARTBEAT and pipeline.beat(self._engine, self._emit):
            self._beat_at = began

    def keep_house(self) -> None:
        """What time itself asks for: a new local day, partitions ahead, forgetting what nobody reads any more."""
        for code in pipeline.refresh_due(self._engine):
            log.info("worker.new_day", programme=code)
        self._make_months(datetime.now(UTC).date())
        with db.transaction(self._engine) as conn:
            push.sweep(conn)
            outbox.sweep(conn, OUTBOX_DAYS)
            for statements in (sessions.SQL, links.SQL, throttle.SQL, tokens.SQL):
                conn.execute(statements["sweep"])

    def _make_months(self, today: date) -> None:
        """Partitions ahead; while a load holds what they name, they can wait for a later turn."""
        try:
            partitions.make(self._engine, today, today + timedelta(days=31 * partitions.AHEAD))
        except partitions.Busy:
            log.warning("worker.months_wait", what="somebody holds what new months name; tried again in a minute")


class Bell:
    """Listens for the outbox' NOTIFY on a connection of its own; without one it is only a wait."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._conn: psycopg.Connection[Any] | None = None

    def wait(self, seconds: float) -> None:
        """Wait until the bell rings, at most so many seconds."""
        try:
            if self._conn is None or self._conn.closed:
                self._conn = psycopg.connect(self._url, autocommit=True, application_name="vaxtrace bell")
                self._conn.execute("listen outbox")
            for _ in self._conn.notifies(timeout=seconds, stop_after=1):
                pass
        except psycopg.OperationalError:
            self._conn = None
            time.sleep(min(seconds, IDLE))


def main(settings: Settings) -> None:
    """Be the worker until SIGTERM or SIGINT."""
    logs.configure(settings.log_level)
    url = settings.database_url.get_secret_value()
    engine = db.engine(url, pool_size=2, application="vaxtrace worker")
    with db.transaction(engine) as conn:
        outbox.add_reader(conn, pipeline.READER)
        prefix, channel = cache.prefix(conn, settings.release), live.channel(conn)
    link = cache.connect(settings.redis_url.get_secret_value(), prefix)
    worker = Worker(engine, link, live.publisher(link, channel), Bell(url).wait)
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: worker.stop())
    stopped = threading.Event()
    if settings.oidc_issuer is not None:
        asking = (engine, settings, sealed.box(settings), stopped)
        threading.Thread(target=oidc.keep_asking, args=asking, daemon=True).start()
    try:
        worker.run()
    finally:
        stopped.set()
        engine.dispose()
