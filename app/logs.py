"""How do processes speak? One JSON line an event, without secrets: tokens, cookies and bodies are never logged.

Nor are names, telephone numbers and e-mails of people: fields that hold them are masked, and so is whatever else in a
line is written like one, was read as one for this request, or was typed into such a field of its form.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

import structlog
import structlog.tracebacks
from flask import g, has_request_context, request

#: What a field is called that is never logged, in whole or as a part of its name.
_PRIVATE = re.compile(
    r"(^|_)(name|user_name|full_name|phone|email|e_mail|password|again|now|secret|token|code|cookie|authorization|key)$"
    r"|password|secret|token|cookie",
    re.IGNORECASE,
)
_MASK = "[masked]"
# From the beginning of a word and never back into it: in a word as long as a book that is nobody's address, a search
# that began anew at each letter would take minutes.
_EMAIL = re.compile(r"(?<![^\s@<>()\"'=,;])[^\s@<>()\"'=,;]++@[^\s@<>()\"'=,;]+\.[^\s@<>()\"'=,;.]+")
_PHONE = re.compile(r"(?<![\w.:+-])(?:\+|00)[1-9](?:[ ().-]?\d){6,14}(?!\w)")
#: PostgreSQL adds the values of a row that it refuses.
_DETAIL = re.compile(r"^(DETAIL|CONTEXT):.*$", re.MULTILINE)
#: A link for a new password stands in its address.
_LINK = re.compile(r"(/reset/)[^/\s]+")
#: Shorter words, as of a form, stand in too many others' place.
_LEAST = 3


def configure(level: str) -> None:
    """Write log lines of this level and above to standard output."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # Without local variables: they hold what people sent.
            structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False)),
            without_people,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
    )


def private(word: str) -> None:
    """Keep a word that this request has read, somebody's name, out of the lines that are logged while it lasts."""
    if has_request_context():
        g.setdefault("private_words", set()).add(word)


def without_people(logger: Any, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """The line without what names people; last before it is written."""
    words = sorted((w for w in _words() if len(w) >= _LEAST), key=len, reverse=True)
    # Not a word within another one: `Ann` is somebody, `annual` is not.
    said = re.compile("|".join(rf"(?<!\w){re.escape(w)}(?!\w)" for w in words), re.IGNORECASE) if words else None
    return {name: _clean(name, value, said) for name, value in event.items()}


def _clean(field: str, value: Any, said: re.Pattern[str] | None) -> Any:
    if isinstance(value, Mapping):
        # The frames of a trace have names too: of functions and files.
        return {k: v if k == "frames" else _clean(str(k), v, said) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(field, each, said) for each in value]
    if value is not None and _PRIVATE.search(field):
        return _MASK
    if not isinstance(value, str):
        return value
    value = _LINK.sub(r"\1" + _MASK, _DETAIL.sub(r"\1: " + _MASK, value))
    value = _PHONE.sub(_MASK, _EMAIL.sub(_MASK, value))
    return value if said is None else said.sub(_MASK, value)


def _words() -> set[str]:
    """What names people in the request at hand: what was read for it, and what its form was sent with."""
    if not has_request_context():
        return set()
    words = set(g.get("private_words", ()))
    principal = g.get("principal")
    if principal is not None:
        words |= {principal.name, principal.email}
    # Only a form that was read already: reading it here could fail.
    form = vars(request._get_current_object()).get("form", {})  # type: ignore[attr-defined]  # a proxy of werkzeug's
    return words | {value for name in form for value in form.getlist(name) if _PRIVATE.search(name)}
