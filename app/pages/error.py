"""What does a person read instead of a page that cannot be shown? What happened, what to try, and the ways out."""

from __future__ import annotations

from flask import g

from app.auth.routes import form_token
from app.pages import plain

_TITLES = {
    403: "You may not see this",
    404: "There is nothing here",
    503: "This cannot be read just now",
}


def render(message: str, status: int) -> str:
    """The page of an error; it asks the database nothing, which may be what failed."""
    title = _TITLES.get(status, "Something went wrong" if status >= 500 else "This did not work")
    who = g.get("principal")
    return plain.render("error.html", title=title, message=message, person=who, csrf=who and form_token())
