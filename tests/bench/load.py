"""How many requests a second, at what price? wrk asks, /proc says what the servers paid."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.bench import cpu
from tests.bench.stack import say
from tests.product import PROJECT

CONNECTIONS = 16
_SCRIPT = Path(__file__).with_name("wrk.lua")
_PACKAGES = PROJECT / "app" / "local" / "packages.sh"


@dataclass(frozen=True, slots=True)
class Run:
    """How a run went: requests a second, CPU milliseconds of the servers per request, latencies in milliseconds."""

    rate: float
    cpu: float
    p50: float
    p99: float
    bad: int


def ready() -> bool:
    """Whether wrk is here; installs it where we may, otherwise says how."""
    if shutil.which("wrk"):
        return True
    if os.geteuid() == 0 and shutil.which("apt-get"):
        say("Installing wrk, the load generator.")
        for words in (["update"], ["install", "wrk"]):
            subprocess.run(["sh", str(_PACKAGES), *words], check=False, capture_output=True)
    if shutil.which("wrk"):
        return True
    say("Not measured: wrk, the load generator, is not installed: sudo apt-get install wrk")
    return False


def run(url: str, cookie: str, pids: Iterable[int], *, seconds: float = 2.0, rate: float | None = None) -> Run:
    """Ask for one address again and again; `rate` holds back to about so many requests a second."""
    pids = list(pids)
    env = dict(os.environ)
    if rate is not None:
        env["DELAY_MS"] = str(max(1, round(CONNECTIONS / rate * 1000)))
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "-s", str(_SCRIPT)]
    command += ["-H", f"Cookie: {cookie}", "-H", "Accept-Encoding: gzip", url]
    before = cpu.seconds(pids)
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=seconds + 30, check=True)
    spent = cpu.seconds(pids) - before
    said = json.loads(done.stdout.splitlines()[-1])
    return Run(
        rate=said["requests"] / said["seconds"],
        cpu=spent * 1000 / max(1, said["requests"]),
        p50=said["p50"],
        p99=said["p99"],
        bad=said["bad"],
    )
