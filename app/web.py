"""What answers HTTP? Tiles and vectors in front, the Flask application behind, served by granian's threads."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from typing import Any

from app import create_app
from app.settings import Settings, read

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def application() -> Wsgi:
    """What granian serves."""
    return create_app(read())


def main(settings: Settings) -> None:
    """Become the web process: one worker, because threads share what the process has cached."""
    command = ["granian", "--interface", "wsgi", "--workers", "1", "--blocking-threads", str(settings.threads)]
    command += ["--host", settings.host, "--port", str(settings.port), "--no-ws", "--log-level", "warning"]
    os.execv(sys.executable, [sys.executable, "-m", *command, "--factory", "app.web:application"])
