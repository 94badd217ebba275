"""How do a private PostgreSQL and Redis run inside a folder? Made, started and stopped; the system's are not touched.

Both listen on unix sockets only, in folders that nobody else may enter. Used by `run` and by the tests.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pwd
import re
import shutil
import signal
import socket
import stat
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.local import children
from app.local.children import Child, Command, NotStarted

#: The name of the database and of its owner, inside the private cluster.
NAME = "vaxtrace"
#: Whom web and live connect as: it owns nothing.
WEB = "vaxtrace_web"
#: sockaddr_un holds 107 characters; ".s.PGSQL.5432" and a slash are part of them.
_LONGEST_FOLDER = 107 - len("/.s.PGSQL.5432")
#: Where root's clusters are whose own folder the other account cannot reach.
_ELSEWHERE = Path("/var/lib/vaxtrace")
_DEBIAN = Path("/usr/lib/postgresql")

_TUNED = {
    "shared_buffers": "256MB",
    "work_mem": "32MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "on",
    "random_page_cost": "1.1",
    "jit": "off",
    "max_connections": "200",
    "max_locks_per_transaction": "256",
    "synchronous_commit": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
}
# Synchronous commit stays on: what is acknowledged outlives a kill -9 of any process, only not of the machine.
_FOR_TESTS = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off", "shared_buffers": "128MB"}


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: its address, and the process behind it."""

    url: str
    child: Child

    def stop(self) -> None:
        """Stop it cleanly and wait until it has ended."""
        children.stop([self.child])


@dataclass(frozen=True, slots=True)
class Programs:
    """The PostgreSQL on this machine that we use: its major version and the folder of its programs."""

    major: int
    folder: Path


def start_postgres(folder: Path, *, durable: bool = True) -> Server:
    """Start the cluster kept in `folder/pg`, made first where there is none; returns when it accepts connections.

    `durable=False` is for tests: nothing is flushed to the disk. As root it runs as `postgres` or `nobody`, and where
    that account cannot reach `folder`, `folder/pg` becomes a link to a folder under /var/lib/vaxtrace.
    """
    user = _unprivileged()
    home = _place(folder / "pg", user)
    data = home / "data"
    programs = find_postgres(_major_of(data))
    _stop_half_dead(data)
    if not (data / "PG_VERSION").exists():
        _make_cluster(programs, data, user, durable=durable)
    sockets = _socket_folder(home / "socket", user)
    child = Child(
        Command(
            "postgres",
            [str(programs.folder / "postgres"), "-D", str(data), "-k", str(sockets), "-c", "listen_addresses="]
            + [
                f"--{key}={value}"
                for key, value in (_TUNED | ({} if durable else _FOR_TESTS) | _shared_memory()).items()
            ],
            cwd=Path("/"),
            user=user,
            stop_signal=signal.SIGINT,
            patience=8.0,
        ),
        folder,
    )
    child.start()
    _wait_ready(child, lambda: _accepts(data, child.pid), "PostgreSQL", seconds=120)
    _ensure_database(programs, sockets)
    return Server(f"postgresql://{NAME}@/{NAME}?host={sockets}", child)


def for_people(url: str) -> str:
    """The address at which web and live connect to the private cluster."""
    return url.replace(f"//{NAME}@", f"//{WEB}@", 1)


def start_redis(folder: Path, *, databases: int = 16) -> Server:
    """Start a Redis that keeps nothing on disk: all it holds can be made again from PostgreSQL."""
    program = shutil.which("redis-server")
    if program is None:
        raise NotStarted("redis-server is not installed: run `make run`, which installs it, or set REDIS_URL.")
    home = folder / "redis"
    home.mkdir(parents=True, exist_ok=True)
    path = _socket_folder(home, None) / "redis.sock"
    options = {
        "port": "0", "unixsocket": str(path), "unixsocketperm": "700", "dir": str(home), "save": "",
        "appendonly": "no", "maxmemory": "512mb", "maxmemory-policy": "allkeys-lru",
        "databases": str(databases), "daemonize": "no",
    }  # fmt: skip
    argv = [program, *(word for key, value in options.items() for word in (f"--{key}", value))]
    child = Child(Command("redis", argv, cwd=home), folder)
    child.start()
    _wait_ready(child, lambda: _pongs(path), "Redis", seconds=20)
    return Server(f"unix://{path}?db=0", child)


def find_postgres(major: int | None = None) -> Programs:
    """The newest PostgreSQL here that has PostGIS, or the one of version `major`; raises `NotStarted` without one."""
    found = [_programs(folder) for folder in _candidates()]
    fit = [p for p in found if p is not None and major in (None, p.major)]
    if not fit:
        raise NotStarted(
            f"The data in .local/pg needs PostgreSQL {major} with PostGIS, which is not installed any more: install "
            f"postgresql-{major}-postgis-3, or start afresh with `make clean`."
            if major
            else "PostgreSQL with PostGIS is not installed: run `make run`, which installs it, or set DATABASE_URL."
        )
    return max(fit, key=lambda p: p.major)


def remove(folder: Path) -> None:
    """Remove a folder of servers and what they keep elsewhere (see `_place`, `_socket_folder`); none may still run."""
    link = folder / "pg"
    if link.is_symlink():
        shutil.rmtree(link.resolve(), ignore_errors=True)
        with contextlib.suppress(OSError):
            _ELSEWHERE.rmdir()
    for home in (link.resolve() / "socket", folder / "redis"):
        shutil.rmtree(_short(home), ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def _candidates() -> list[Path]:
    on_path = shutil.which("postgres")
    return [*_DEBIAN.glob("[0-9]*/bin"), *([Path(on_path).resolve().parent] if on_path else [])]


def _programs(folder: Path) -> Programs | None:
    if not (folder / "postgres").exists() or not (folder / "initdb").exists():
        return None
    version = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    match = re.search(r"(\d+)", version)
    if match is None or int(match[1]) < 15:
        return None
    share = Path("/usr/share/postgresql") / match[1]
    if folder.is_relative_to(_DEBIAN) and not (share / "extension" / "postgis.control").exists():
        return None
    return Programs(int(match[1]), folder)


def _major_of(data: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError):
        return int((data / "PG_VERSION").read_text(encoding="ascii"))
    return None


def _unprivileged() -> str | None:
    """PostgreSQL refuses to run as root: whom it runs as instead; None where we are not root."""
    if os.geteuid() != 0:
        return None
    with contextlib.suppress(KeyError):
        return pwd.getpwnam("postgres").pw_name
    return "nobody"


def _place(wanted: Path, user: str | None) -> Path:
    """The folder for the cluster, owned by who runs it: `wanted`, or what it links to where `user` cannot get there."""
    if wanted.is_symlink():
        home = wanted.resolve()
        home.mkdir(parents=True, exist_ok=True)
    elif user is None or wanted.is_dir() or _can_enter(user, wanted.parent):
        home = wanted
        home.mkdir(parents=True, exist_ok=True)
    else:
        home = _ELSEWHERE / _digest(wanted)
        home.mkdir(parents=True, exist_ok=True)
        wanted.symlink_to(home)
    _give(home, user)
    return home


def _can_enter(user: str, folder: Path) -> bool:
    folder.mkdir(parents=True, exist_ok=True)
    account = pwd.getpwnam(user)
    test = subprocess.run(
        ["/usr/bin/test", "-x", folder],
        cwd="/",
        user=account.pw_uid,
        group=account.pw_gid,
        extra_groups=[],
        check=False,
    )
    return test.returncode == 0


def _give(folder: Path, user: str | None) -> None:
    """Make a folder private to who runs the server."""
    if user is not None:
        account = pwd.getpwnam(user)
        os.chown(folder, account.pw_uid, account.pw_gid)
    folder.chmod(0o700)


def _digest(path: Path) -> str:
    return hashlib.sha256(str(path.absolute()).encode()).hexdigest()[:12]


def _short(wanted: Path) -> Path:
    return Path("/tmp") / f"vaxtrace-{_digest(wanted)}"  # nosec B108  # made with mode 0700, or refused


def _socket_folder(wanted: Path, user: str | None) -> Path:
    """A private folder whose path is short enough for a socket: `wanted`, or one under /tmp."""
    folder = wanted.absolute()
    if len(str(folder)) > _LONGEST_FOLDER:
        folder = _short(wanted)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    # Anybody may make a folder in /tmp first: one that is not ours is not used.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in _ours(user):
        raise NotStarted(f"{folder} belongs to somebody else; remove it, then start again.")
    _give(folder, user)
    return folder


def _ours(user: str | None) -> set[int]:
    return {os.geteuid()} | ({pwd.getpwnam(user).pw_uid} if user else set())


def _make_cluster(programs: Programs, data: Path, user: str | None, *, durable: bool) -> None:
    """Make the cluster beside its place and move it there, so that an interrupted start leaves no half of one."""
    new = data.with_name("new")
    shutil.rmtree(new, ignore_errors=True)
    initdb = [str(programs.folder / "initdb"), "-D", str(new), "-U", NAME]
    options = ["--auth-local=trust", "--auth-host=reject", "--encoding=UTF8", "--locale=C.UTF-8"]
    _as(user, initdb + options + ([] if durable else ["--no-sync"]), "PostgreSQL could not make its folder")
    new.rename(data)


def _as(user: str | None, argv: Sequence[str | Path], failure: str) -> None:
    account = pwd.getpwnam(user) if user else None
    done = subprocess.run(
        argv,
        cwd="/",
        user=account.pw_uid if account else None,
        group=account.pw_gid if account else None,
        extra_groups=[] if account else None,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NotStarted(f"{failure}:\n{done.stdout}{done.stderr}")


def _stop_half_dead(data: Path) -> None:
    """Stop a PostgreSQL of a killed run that still holds this folder, once it is certain that it is this folder's."""
    try:
        pid = int((data / "postmaster.pid").read_text(encoding="ascii").split("\n", 1)[0])
        if Path(f"/proc/{pid}/cwd").resolve() != data.resolve():
            return
    except (OSError, ValueError):
        return
    children.end(pid, signal.SIGINT, patience=8.0)


def _accepts(data: Path, pid: int | None) -> bool:
    """The eighth line of postmaster.pid says "ready" once connections are accepted."""
    try:
        lines = (data / "postmaster.pid").read_text(encoding="ascii").splitlines()
    except OSError:
        return False
    return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"


def _pongs(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(2)
        try:
            client.connect(str(path))
            client.sendall(b"PING\r\n")
            return client.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def _wait_ready(child: Child, ready: children.Question, name: str, *, seconds: float) -> None:
    if children.wait_until(lambda: ready() or not child.running(), seconds) and child.running():
        return
    words = child.last_words()
    children.stop([child])
    raise NotStarted(f"{name} did not start. The end of {child.log}:\n{words}")


def _ensure_database(programs: Programs, sockets: Path) -> None:
    where = ["-h", str(sockets), "-U", NAME]
    listed = _client([str(programs.folder / "psql"), *where, "-d", "postgres", "-XAtlq"])
    if not any(line.startswith(f"{NAME}|") for line in listed.splitlines()):
        _client([str(programs.folder / "createdb"), *where, NAME])


def _client(argv: Sequence[str]) -> str:
    return subprocess.run(argv, capture_output=True, check=True, text=True, cwd="/").stdout


def _shared_memory() -> dict[str, str]:
    """A container's /dev/shm may hold 64 MB, less than one parallel query takes: System V memory has no such limit."""
    try:
        shm = os.statvfs("/dev/shm")  # nosec B108  # only measured
    except OSError:
        return {"dynamic_shared_memory_type": "sysv"}
    return {} if shm.f_bavail * shm.f_frsize >= 512 * 2**20 else {"dynamic_shared_memory_type": "sysv"}
