"""How does somebody sign in? A plain form; the address that receives it is wired in `create_app`."""

from __future__ import annotations

from collections.abc import Sequence

from app.auth.demo import Login
from app.pages import plain


def render(
    csrf: str, next: str, error: str | None, demo_logins: Sequence[Login], *, email: str = "", head: str = ""
) -> str:
    """The sign-in page; `error` is a sentence, `demo_logins` is empty outside demo mode, `email` what was typed."""
    return plain.render(
        "login.html", head=head, csrf=csrf, next=next, error=error, demo_logins=demo_logins, email=email
    )
