"""What answers HTTP? Tiles and vectors in front, the Flask application behind, served by granian's threads."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any

from app import create_app
from app.settings import Settings, read

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def application() -> Wsgi:
    """What granian serves."""
    made = create_app(read())
    # What was made stays for good, and little of what a request makes goes in circles: to look for such took as long as
    # all else that Python does for a list of events.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    return made


def main(settings: Settings) -> None:
    """Become the web process: one worker, because threads share what the process has cached."""
    command = ["granian", "--interface", "wsgi", "--workers", "1", "--blocking-threads", str(settings.threads)]
    command += ["--host", settings.host, "--port", str(settings.port), "--no-ws", "--log-level", "warning"]
    os.execv(sys.executable, [sys.executable, "-m", *command, "--factory", "app.web:application"])
