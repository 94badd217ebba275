"""How does everything run from one command? Servers, tables, the demo country, the processes, and their orderly end."""

from __future__ import annotations

import fcntl
import http.client
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

from pydantic import SecretStr

from app import vendor
from app.local import children, front, ports, prepare, servers, watch
from app.local.children import Child, Command, NotStarted
from app.settings import RUNNING, Settings

PROJECT = Path(__file__).resolve().parents[2]
LOCAL = PROJECT / ".local"
PORT = 8050
FACILITIES = 8000
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: Asked to stop one group after the other: while a group finishes it may still need the next one.
_STOP_ORDER = (("day", "nginx"), ("web", "live", "worker"), ("redis", "postgres"))


def run(*, still: bool, facilities: int | None, seed: int | None, port: int) -> int:
    """Start all of VaxTrace, keep it running until Ctrl-C or SIGTERM, then stop it; returns the exit code."""
    asked_to_stop = threading.Event()

    def interrupt(signum: int, frame: object) -> None:
        # The exception alone may be lost: Python ignores one that is raised inside a callback of its own.
        asked_to_stop.set()
        raise KeyboardInterrupt

    for signum in _SIGNALS:
        signal.signal(signum, interrupt)
    started: list[Child] = []
    try:
        with _only_one():
            try:
                _start(started, still=still, facilities=facilities, seed=seed, wanted=port)
                watch.keep(started, _say, done=asked_to_stop.is_set)
            finally:
                _stop(started)
    except KeyboardInterrupt:
        pass
    except NotStarted as error:
        _say(f"\n{error}")
        return 1
    _say("Stopped.")
    return 0


def stop() -> int:
    """Stop what runs from this checkout, also what a killed run left; returns the exit code."""
    pid = children.left_over(LOCAL / "run" / "run.pid")
    if pid is not None:
        children.end(pid, signal.SIGTERM, patience=25.0)
    for name in children.stop_left_over(LOCAL):
        _say(f"Stopped {name}.")
    return 0


def clean() -> int:
    """Stop what runs from this checkout and remove everything that was installed, made or kept for it."""
    stop()
    for folder in (*(LOCAL / "test").glob("*"), LOCAL / "bench", LOCAL):
        servers.remove(folder)
    assets = PROJECT / "assets"
    for folder in (assets / "vendor", assets / "node_modules"):
        shutil.rmtree(folder, ignore_errors=True)
    for twin in (*assets.rglob("*.br"), *assets.rglob("*.gz")):
        twin.unlink()
    return 0


def _start(started: list[Child], *, still: bool, facilities: int | None, seed: int | None, wanted: int) -> None:
    """Start everything in order and say where it is; what was started is appended to `started` as it goes."""
    began = time.monotonic()
    if children.stop_left_over(LOCAL):
        _say("Stopped what an earlier run left behind.")
    shutil.rmtree(LOCAL / "log", ignore_errors=True)
    vendor.build()
    env = (
        os.environ
        | _servers(started)
        | {"SECRET_KEY": _secret_key(), "DEMO": "true", "PROXIES": "1", "PYTHONUNBUFFERED": "1"}
    )
    with _step("The tables are at their newest version"):
        whole = prepare.newest_tables(_settings(env))
    if whole and not (facilities is None and seed is None):
        _say("A country is loaded already: --facilities and --seed count again after `make clean`.")
    if not whole:
        _load_demo(env, facilities or FACILITIES, seed)
    _write_down(env)
    settings = _settings(env)
    access = prepare.access(settings)
    port = ports.first_free(wanted)
    with _step("web, live and worker answer, the map is drawn"):
        _processes(started, env, port)
        prepare.warm(settings)
        _wait_healthy(started, port)
    if not still:
        _begin(started, _python("day", env | {"API": f"http://{ports.HOST}:{port}", "API_TOKEN": access.token}))
    _say(_summary(port, wanted, access, time.monotonic() - began))


def _write_down(env: Mapping[str, str]) -> None:
    """Let commands typed beside this run work on the same country; only this user can read it."""
    lines = [f"{name}='{env[name]}'\n" for name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "DEMO")]
    RUNNING.unlink(missing_ok=True)
    with os.fdopen(os.open(RUNNING, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.writelines(lines)


def _settings(env: Mapping[str, str]) -> Settings:
    """What the processes are told, for what happens in this one."""
    names = ("DATABASE_URL", "WEB_DATABASE_URL", "REDIS_URL", "SECRET_KEY")
    secrets = {name.lower(): SecretStr(env[name]) for name in names if name in env}
    return Settings(**secrets, demo=True)  # type: ignore[arg-type]  # the other fields come from the environment


def _servers(started: list[Child]) -> dict[str, str]:
    """Start a server of our own for each address that the environment does not give."""
    urls = {name: os.environ[name] for name in ("DATABASE_URL", "REDIS_URL") if os.environ.get(name)}
    for name, word, start in (
        ("DATABASE_URL", "PostgreSQL", servers.start_postgres),
        ("REDIS_URL", "Redis", servers.start_redis),
    ):
        if name in urls:
            _say(f"  {word} is the one that {name} names")
            continue
        with _step(f"{word} is up"):
            server = start(LOCAL)
            started.append(server.child)
            urls[name] = server.url
            if name == "DATABASE_URL":
                urls["WEB_DATABASE_URL"] = servers.for_people(server.url)
    return urls


def _load_demo(env: dict[str, str], facilities: int, seed: int | None) -> None:
    argv = ["--facilities", str(facilities), *([] if seed is None else ["--seed", str(seed)])]
    began = time.monotonic()
    _say(f"  The demo country is made: Nigeria's areas, {facilities:,} simulated facilities, 12 months of stock")
    if children.complete(_command("demo", env, *argv)):
        raise NotStarted("The demo country could not be loaded; the lines above say why.")
    _say(f"  {'The demo country is loaded':<46}{time.monotonic() - began:6.1f} s")


def _processes(started: list[Child], env: dict[str, str], port: int) -> None:
    web, live = ports.free_port(), ports.free_port()
    people = {"DATABASE_URL": env.get("WEB_DATABASE_URL", env["DATABASE_URL"])}
    for name, extra in (("web", people | {"PORT": str(web)}), ("live", people | {"PORT": str(live)}), ("worker", {})):
        _begin(started, _python(name, env | {"HOST": ports.HOST} | extra))
    nginx = front.child(
        LOCAL,
        listen=f"{ports.HOST}:{port}",
        web=f"{ports.HOST}:{web}",
        live=f"{ports.HOST}:{live}",
        assets=PROJECT / "assets",
    )
    _begin(started, nginx)


def _begin(started: list[Child], child: Child) -> None:
    started.append(child)
    child.start()


def _python(name: str, env: dict[str, str]) -> Child:
    return Child(_command(name, env), LOCAL)


def _command(name: str, env: dict[str, str], *arguments: str) -> Command:
    return Command(name, [sys.executable, "-m", "app", name, *arguments], cwd=PROJECT, env=env, patience=4.0)


def _wait_healthy(started: Sequence[Child], port: int) -> None:
    """Wait until web and live answer through the front; a process that ends meanwhile ends the start."""
    dead: list[Child] = []

    def settled() -> bool:
        dead.extend(child for child in started if not child.running())
        # To a stranger without a handshake the live process says 400: an answer of its own.
        return bool(dead) or (_answers(port, "/health", 200) and _answers(port, "/socket.io/", 400))

    if not children.wait_until(settled, 120, every=0.2):
        raise NotStarted(f"http://{ports.HOST}:{port}/health is not well after two minutes. Logs are in {LOCAL}/log.")
    if dead:
        raise NotStarted(f"{dead[0].name} ended at its start. The end of {dead[0].log}:\n{dead[0].last_words(20)}")


def _answers(port: int, path: str, status: int) -> bool:
    connection = http.client.HTTPConnection(ports.HOST, port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == status
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _stop(started: Sequence[Child]) -> None:
    """Stop what was started, group by group; from here on nothing interrupts any more."""
    for signum in _SIGNALS:
        signal.signal(signum, signal.SIG_IGN)
    if started:
        _say("\nStopping.")
    for names in _STOP_ORDER:
        children.stop([child for child in started if child.name in names])
    # What was started in the very moment of the interrupt is in no list yet.
    children.stop_left_over(LOCAL)


@contextmanager
def _only_one() -> Iterator[None]:
    """Hold this checkout for one run; the kernel lets go of it however the process ends."""
    folder = LOCAL / "run"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise NotStarted(
                "VaxTrace runs from this folder already: stop it with Ctrl-C there, or `make stop`."
            ) from error
        pid_file = folder / "run.pid"
        pid_file.write_text(f"{os.getpid()} {children.started_at(os.getpid())}\n", encoding="ascii")
        try:
            yield
        finally:
            pid_file.unlink(missing_ok=True)
            RUNNING.unlink(missing_ok=True)


@contextmanager
def _step(text: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    _say(f"  {text:<46}{time.monotonic() - began:6.1f} s")


def _secret_key() -> str:
    """This checkout's own secret, made once and readable by its owner only."""
    path = LOCAL / "secret-key"
    if not path.exists():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(token_hex(32))
    return os.environ.get("SECRET_KEY") or path.read_text(encoding="ascii")


def _summary(port: int, wanted: int, access: prepare.Access, seconds: float) -> str:
    taken = f"\nPort {wanted} is taken, so it is {port} this time." if port != wanted else ""
    logins = "\n".join(f"    {login.email:<28}{login.password:<20}{login.role}" for login in access.logins)
    return f"""{taken}
VaxTrace is up after {seconds:.1f} s:  http://{ports.HOST}:{port}

  Sign in as (e-mail, password, role)
{logins}

  API   curl -H "Authorization: Bearer {access.token}" http://{ports.HOST}:{port}/api/v1/programmes

Stop it with Ctrl-C. What each process says is in {(LOCAL / "log").relative_to(PROJECT)}/.
"""


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
