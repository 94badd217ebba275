"""Did this form come from our own page? A token bound to the session (or to the sign-in page's own cookie)."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from flask import Request

LOGIN_COOKIE = "vaxtrace_login"
FIELD = "csrf_token"


def token(secret_key: str, bound_to: bytes) -> str:
    """The form token of a session hash or of the sign-in cookie's value."""
    return hmac.new(secret_key.encode(), b"form:" + bound_to, hashlib.sha256).hexdigest()


def holds(secret_key: str, bound_to: bytes, given: str | None) -> bool:
    """Whether the token given is the one of this session; compared in constant time, whatever was given."""
    return hmac.compare_digest(token(secret_key, bound_to).encode(), (given or "").encode(errors="replace"))


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
