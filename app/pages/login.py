"""How does somebody sign in? A plain form; the address that receives it is wired in `create_app`."""

from __future__ import annotations

from collections.abc import Sequence

from app.auth.demo import Login
from app.pages import plain


def render(csrf: str, next: str, error: str, demo_logins: Sequence[Login], *, email: str = "") -> str:
    """The sign-in page; `error` is a sentence or empty, so is `email`, what was typed; no logins outside demo mode."""
    return plain.render("login.html", csrf=csrf, next=next, error=error, demo_logins=demo_logins, email=email)
