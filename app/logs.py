"""How do processes speak? One JSON line an event, without secrets: tokens, cookies and bodies are never logged."""

from __future__ import annotations

import logging

import structlog
import structlog.tracebacks


def configure(level: str) -> None:
    """Write log lines of this level and above to standard output."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # Without local variables: they hold what people sent.
            structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False)),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
    )
