"""What sees somebody whose session has ended, and who has just sent a form? That nothing of it is lost."""

from __future__ import annotations

from urllib.parse import quote

from flask import Response, make_response, request

from app.auth import csrf
from app.errors import FORMS
from app.pages import plain

#: No form of ours holds as much; what is longer is not carried on.
_MOST = 20_000
#: Fields of forms that are typed anew: nothing secret stands in a page that a stranger may find open.
_SECRET = frozenset({"password", "again", "now", "code", "secret"})


def sent_by_hand() -> bool:
    """Whether this is a form that a browser sent, rather than a request of a program."""
    return request.method == "POST" and request.mimetype in FORMS and request.accept_mimetypes.quality("text/html") == 1


def page() -> Response:
    """What was typed, in a page that sends it again once its sender has signed in; files have to be chosen anew."""
    typed = [(name, value) for name, value in request.form.items(multi=True) if name != csrf.FIELD]
    if sum(len(value) for _, value in typed) > _MOST or any(name in _SECRET for name, _ in typed):
        typed = []
    login = f"/login?next={quote(request.path)}"
    # Two slashes would begin the address of another host.
    action = "/" + request.full_path.rstrip("?").lstrip("/")
    made = plain.render("again.html", typed=typed, action=action, login=login)
    answer = make_response(made, 401)
    answer.headers["Cache-Control"] = "no-store"
    return answer
