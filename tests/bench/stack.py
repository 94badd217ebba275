"""What is measured? The whole product on servers of its own under .local/bench, loaded once and kept between runs."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from app import countries
from app.auth import demo
from app.auth.sessions import COOKIE, Sessions
from app.local import children, ports, prepare, servers
from data import db, programmes
from data.programmes import Programme
from geo import cache, tiles
from tests import product as products
from tests.keys import BOX, settings
from tests.product import PROJECT, Product

LOCAL = PROJECT / ".local" / "bench"
SEED = 7

# The baseline: the very nginx that stands in front of the product, serving the same bytes from a file.
_PLAIN = """server {{
    listen {listen};
    root {files};
    location / {{
        types {{ application/vnd.mapbox-vector-tile mvt; }}
        gzip_static off;
        add_header Content-Encoding gzip;
        add_header Vary Accept-Encoding;
        add_header Cache-Control "private, max-age=31536000, immutable";
    }}
}}
"""


@dataclass(frozen=True, slots=True)
class Stack:
    """What runs, and how to reach each part of it. Addresses are `host:port`."""

    product: Product
    database_url: str
    redis_url: str
    front: str
    web: str
    plain: str
    files: Path
    session: str
    programme: Programme
    engine: sa.Engine
    postgres: children.Child
    redis: children.Child

    @property
    def cookie(self) -> str:
        """The Cookie header of somebody who is signed in as the nation's manager."""
        return f"{COOKIE}={self.session}"

    def warm(self) -> None:
        """Make the tiles of the first view, as every start does."""
        with db.transaction(self.engine) as conn:
            link = cache.connect(self.redis_url, cache.prefix(conn, "dev"))
        tiles.warm(self.engine, cache.Cache(link), self.programme.id)

    def pids(self) -> list[int]:
        """Every process that has a part in an answer; their children count with them."""
        processes = (*self.product.processes.values(), self.postgres, self.redis)
        return [process.pid for process in processes if process.pid is not None]


@contextmanager
def running(facilities: int) -> Iterator[Stack]:
    """Start all of it with the demo country of that size; all of it is stopped at the end, by pid."""
    if children.stop_left_over(LOCAL):
        say("Stopped what an earlier run left behind.")
    _keep_only(facilities)
    shutil.rmtree(LOCAL / "log", ignore_errors=True)
    postgres = servers.start_postgres(LOCAL)
    redis = servers.start_redis(LOCAL)
    started: list[Product] = []
    try:
        if not prepare.newest_tables(settings(postgres.url)):
            _load(postgres.url, facilities)
        files, plain = LOCAL / "files", f"{ports.HOST}:{ports.free_port()}"
        files.mkdir(exist_ok=True)
        extra = LOCAL / "nginx" / "http.d"
        extra.mkdir(parents=True, exist_ok=True)
        (extra / "plain.conf").write_text(_PLAIN.format(listen=plain, files=files), encoding="utf-8")
        # A crowd of one session watches.
        os.environ["MOST_SOCKETS"] = "100000"
        started.append(products.start(LOCAL, postgres.url, redis.url))
        yield _stack(started[0], postgres, redis, files, plain)
    finally:
        for product in started:
            product.stop()
        redis.stop()
        postgres.stop()


def say(text: str) -> None:
    """A line about what is going on."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _stack(product: Product, postgres: servers.Server, redis: servers.Server, files: Path, plain: str) -> Stack:
    engine = db.engine(postgres.url, application="bench")
    with db.transaction(engine) as conn:
        user = conn.execute(demo.SQL["known"], {"email": "national@demo.example"}).one()
        programme = programmes.every(conn)[0]
    return Stack(
        product=product,
        database_url=postgres.url,
        redis_url=redis.url,
        front=product.address.removeprefix("http://"),
        web=f"{ports.HOST}:{(product.processes['web'].command.env or {})['PORT']}",
        plain=plain,
        files=files,
        session=Sessions(engine, BOX, demo=True).open(user.id, label="bench"),
        programme=programme,
        engine=engine,
        postgres=postgres.child,
        redis=redis.child,
    )


def _keep_only(facilities: int) -> None:
    """Remove a country of another size; the same one is kept, and gets older by the day as a real one does."""
    size = LOCAL / "facilities"
    if size.exists() and size.read_text(encoding="ascii") == str(facilities):
        return
    servers.remove(LOCAL)
    LOCAL.mkdir(parents=True)
    size.write_text(str(facilities), encoding="ascii")


def _load(database_url: str, facilities: int) -> None:
    began = datetime.now(UTC)
    say(f"Loading the demo country of {facilities:,} facilities; it is kept for the next run.")
    engine = db.engine(database_url)
    try:
        countries.bring_in_demo(engine, BOX, facilities=facilities, seed=SEED, say=lambda text: say(f"    {text}"))
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            conn.exec_driver_sql("analyze")
    finally:
        engine.dispose()
    say(f"    Loaded in {(datetime.now(UTC) - began).total_seconds():.0f} s.")
