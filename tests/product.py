"""The whole product on this machine, as `make run` starts it, on any database and Redis."""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from app import vendor
from app.local import children, front, ports, prepare, servers
from app.local.children import Child, Command, NotStarted
from app.settings import Settings
from data import db, walls
from tests.keys import KEY

PROJECT = Path(__file__).resolve().parent.parent


@dataclass(slots=True)
class Product:
    """What runs: its address, a token for its API, and the processes behind it by name."""

    address: str
    token: str
    processes: dict[str, Child] = field(default_factory=dict)

    def ask(self, path: str, body: object = None) -> Any:
        """What the API answers to a GET, or with a body to a POST; raises `HTTPError` where it refuses."""
        request = urllib.request.Request(
            self.address + path,
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read())

    def stop(self) -> None:
        """Stop all of it, the front first."""
        children.stop(reversed(self.processes.values()))


def start(folder: Path, database_url: str, redis_url: str) -> Product:
    """Start it on a migrated database that holds a country; logs and pid files lie under `folder`."""
    vendor.build()
    secret = KEY
    settings = Settings(
        database_url=SecretStr(database_url),
        redis_url=SecretStr(redis_url),
        secret_key=SecretStr(secret),
        demo=True,
    )
    token = prepare.access(settings).token
    prepare.warm(settings)
    env = os.environ | {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "SECRET_KEY": secret,
        "DEMO": "true",
        "PROXIES": "1",
        "HOST": ports.HOST,
        "PYTHONUNBUFFERED": "1",
    }
    engine = db.engine(database_url)
    with db.transaction(engine) as conn:
        walls.let_in(conn, servers.for_people(database_url))
    engine.dispose()
    people = {"DATABASE_URL": servers.for_people(database_url)}
    web, live, port = (ports.free_port() for _ in range(3))
    product = Product(f"http://{ports.HOST}:{port}", token)
    for name, extra in (
        ("worker", {}), ("live", people | {"PORT": str(live)}), ("web", people | {"PORT": str(web)}),
    ):  # fmt: skip
        argv = [sys.executable, "-m", "app", name]
        product.processes[name] = Child(Command(name, argv, cwd=PROJECT, env=env | extra, patience=4.0), folder)
    product.processes["nginx"] = front.child(
        folder,
        listen=f"{ports.HOST}:{port}",
        web=f"{ports.HOST}:{web}",
        live=f"{ports.HOST}:{live}",
        assets=PROJECT / "assets",
    )
    for process in product.processes.values():
        process.start()
    everything = product.processes.values()
    children.wait_until(lambda: _well(product) or not all(p.running() for p in everything), 60, every=0.2)
    if not _well(product):
        said = "\n".join(process.last_words() for process in product.processes.values())
        product.stop()
        raise NotStarted(f"The product did not come up:\n{said}")
    return product


def _well(product: Product) -> bool:
    return _status(product.address + "/health") == 200 and _status(product.address + "/socket.io/") == 400


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return 0
