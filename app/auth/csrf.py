"""Did this change come from our own page? A token bound to the session (or to the sign-in page's own cookie).

Forms carry it in a field, scripts in a header: Dash sends the value of a cookie that only our own pages can read.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, Request, Response, g, request

from app import services
from app.auth import rights, sessions
from app.errors import InvalidBody

View = TypeVar("View", bound=Callable[..., Any])

LOGIN_COOKIE = "vaxtrace_login"
FIELD = "csrf_token"
#: The names that Dash's renderer knows.
COOKIE, HEADER = "_csrf_token", "X-CSRFToken"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def guard(app: Flask, secret_key: str, *, secure: bool) -> None:
    """Refuse every change that a session's browser sends without the session's token.

    What strangers may have asks for no session: such forms have tokens of their own.
    """

    @app.before_request
    def wanted() -> None:
        view = app.view_functions.get(request.endpoint or "")
        rule = rights.rule_of(view)
        if request.method in SAFE or sessions.is_token(request.environ) or (rule and rule.where is rights.Where.OPEN):
            return
        if not getattr(view, "checks_its_form", False):
            check()

    @app.after_request
    def tell(answer: Response) -> Response:
        if answer.mimetype != "text/html" or sessions.is_token(request.environ):
            return answer
        who = g.get("principal")
        if who is not None:
            now = token(secret_key, who.token_hash)
            if request.cookies.get(COOKIE) != now:
                answer.set_cookie(COOKIE, now, samesite="Strict", secure=secure)
        return answer


def token(secret_key: str, bound_to: bytes) -> str:
    """The form token of a session hash or of the sign-in cookie's value."""
    return hmac.new(secret_key.encode(), b"form:" + bound_to, hashlib.sha256).hexdigest()


def holds(secret_key: str, bound_to: bytes, given: str | None) -> bool:
    """Whether the token given is the one of this session; compared in constant time, whatever was given."""
    return hmac.compare_digest(token(secret_key, bound_to).encode(), (given or "").encode(errors="replace"))


def check(remedy: str = "Reload the page and send it again.") -> None:
    """Raise `InvalidBody` where a change does not carry the token of its session."""
    key = services.services().settings.secret_key.get_secret_value()
    given = request.headers.get(HEADER) or request.form.get(FIELD)
    if not holds(key, services.principal().token_hash, given):
        reason = "its form token is missing, or is another session's"
        raise InvalidBody(FIELD, remedy, reason=reason)


def checked_by_itself(view: View) -> View:
    """Mark a view that calls `check` itself, to show its form again with all that was typed."""
    view.checks_its_form = True  # type: ignore[attr-defined]  # the guard reads it
    return view


def new_login_value() -> str:
    """A fresh value for the sign-in page's cookie."""
    return secrets.token_urlsafe(16)


def same_origin(request: Request) -> bool:
    """Whether a browser says that this request was made by our own pages; machines, which say nothing, pass."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = request.headers.get("Origin")
    return origin is None or origin.partition("://")[2] == request.host
