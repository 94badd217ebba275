"""How does somebody sign in, or get a new password? Plain forms; the addresses that receive them are app.auth's."""

from __future__ import annotations

from collections.abc import Sequence

from app.auth.demo import Login
from app.pages import plain


def render(
    csrf: str, next: str, error: str, demo_logins: Sequence[Login], *, email: str = "", ministry: str | None = None
) -> str:
    """The sign-in page; `error` is a sentence or empty, so is `email`, what was typed; no logins outside demo mode.

    `ministry` is what people call the provider that they may sign in with instead, if there is one.
    """
    return plain.render(
        "login.html", csrf=csrf, next=next, error=error, demo_logins=demo_logins, email=email, ministry=ministry
    )


def code(csrf: str, error: str) -> str:
    """The second step: the code of the authenticator app."""
    return plain.render("login_code.html", csrf=csrf, error=error)


def forgotten(csrf: str, *, mails: bool, sent: bool, error: str = "") -> str:
    """Where a link for a new password comes from; `mails` says that this installation can send it."""
    return plain.render("forgot.html", csrf=csrf, mails=mails, sent=sent, error=error)


def choose(csrf: str, name: str, email: str, error: str) -> str:
    """A new password, for whoever holds a link that is still good."""
    return plain.render("reset.html", csrf=csrf, name=name, email=email, error=error)
