"""Everything from one command: up, watched, kept after a kill -9, and gone when told, with nothing left behind."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from app.local import children, ports, servers

PROJECT = Path(__file__).parents[3]
_COPIED = ("app", "data", "geo", "assets")


class _Run:
    """`python -m app run` of a copied checkout, and what it prints."""

    def __init__(self, checkout, *arguments, **env):
        self.folder = checkout
        clean = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app", "run", "--still", "--facilities", "200", *arguments],
            cwd=checkout,
            env=clean | env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said = []

    def until(self, pattern):
        """Read on until a line matches."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)
            found = re.search(pattern, line)
            if found:
                return found
        pytest.fail(f"it ended without saying {pattern}:\n{''.join(self.said)}")

    def pids(self):
        """The pids of everything it started, by name."""
        files = {f.stem: f for f in (self.folder / ".local" / "run").glob("*.pid")}
        return {name: pid for name, file in files.items() if (pid := children.left_over(file)) and name != "run"}

    def end(self, signum=signal.SIGINT):
        """Send a signal, read what it still says, return its exit code."""
        self.process.send_signal(signum)
        rest, _ = self.process.communicate(timeout=120)
        self.said.append(rest)
        return self.process.returncode


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    if not (PROJECT / "assets" / "node_modules").is_dir():
        pytest.skip("the browser's libraries are not installed: run `make test`")
    folder = tmp_path_factory.mktemp("checkout")
    for name in _COPIED:
        shutil.copytree(
            PROJECT / name, folder / name, symlinks=True, ignore=shutil.ignore_patterns("node_modules", "__pycache__")
        )
    (folder / "assets" / "node_modules").symlink_to(PROJECT / "assets" / "node_modules")
    yield folder
    children.stop_left_over(folder / ".local")
    servers.remove(folder / ".local")


def _get(port, path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _gone(pids):
    return children.wait_until(lambda: not any(children.started_at(pid) for pid in pids), 30)


@pytest.mark.timeout(600)
def test_it_comes_up_survives_and_goes(checkout):
    wanted = ports.free_port()
    first = _Run(checkout, "--port", str(wanted))
    try:
        port = int(first.until(r"VaxTrace is up after .* http://127.0.0.1:(\d+)")[1])
        token = first.until(r"Bearer (\w+)")[1]
        first.until(r"Stop it with Ctrl-C")
        assert port == wanted
        assert _get(port, "/health")[0] == 200
        assert _get(port, "/api/v1/programmes")[0] == 401
        status, body = _get(port, "/api/v1/programmes", Authorization=f"Bearer {token}")
        assert status == 200
        loaded = json.loads(body)
        assert "national@demo.example" in "".join(first.said)

        # A second one from the same folder is refused, and harms nothing.
        other = _Run(checkout)
        other.until("runs from this folder already")
        assert other.process.wait(30) == 1
        assert other.process.stdout is not None
        other.process.stdout.close()
        assert _get(port, "/health")[0] == 200

        # What dies is started again.
        for name in ("web", "redis", "postgres"):
            os.kill(first.pids()[name], signal.SIGKILL)
            first.until(rf"{name} ended \(signal 9\)")
        assert children.wait_until(lambda: _get(port, "/health")[0] == 200, 60, every=0.5)

        # Killed itself, it takes everything with it; the next one finds the data.
        started = first.pids()
        assert set(started) >= {"postgres", "redis", "web", "live", "worker", "nginx"}
        first.end(signal.SIGKILL)
        assert _gone(started.values())
    finally:
        if first.process.poll() is None:
            first.end()

    second = _Run(checkout, "--port", str(wanted))
    try:
        assert second.until(r"Bearer (\w+)")[1] == token
        second.until(r"Stop it with Ctrl-C")
        assert "simulated facilities" not in "".join(second.said)
        status, body = _get(port, "/api/v1/programmes", Authorization=f"Bearer {token}")
        assert (status, json.loads(body)) == (200, loaded)
        started = second.pids()
        told = subprocess.run(
            [sys.executable, "-m", "app", "stop"], cwd=checkout, capture_output=True, timeout=60, check=False
        )
        assert told.returncode == 0
        assert second.process.wait(30) == 0
    finally:
        if second.process.poll() is None:
            second.end()
        second.process.communicate()
    assert _gone(started.values())
    assert {path.name for path in (checkout / ".local" / "run").iterdir()} == {"lock"}

    # Stopped in the middle of its start, it leaves nothing either.
    third = _Run(checkout, "--port", str(wanted))
    try:
        third.until("PostgreSQL is up")
    finally:
        code = third.end()
    assert code == 0
    assert third.pids() == {}
    assert {path.name for path in (checkout / ".local" / "run").iterdir()} == {"lock"}


def test_a_taken_port_is_passed_over():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        wanted = taken.getsockname()[1]
        assert ports.first_free(wanted) > wanted
