"""How does somebody come in and go out? The sign-in form, signing out, and the gate before every route."""

from __future__ import annotations

from urllib.parse import quote

from flask import Blueprint, Flask, Response, make_response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from app.auth import csrf, demo, passwords, sessions
from app.errors import InvalidBody, NotAllowed, NotSignedIn, wants_page
from app.pages import again
from app.pages import login as login_page
from app.services import current, principal, services

#: What strangers may have: the sign-in page, files that are public anyway, and whether the service lives.
OPEN_ENDPOINTS = frozenset({"auth.login", "auth.sign_in", "static.asset", "health.health"})
OPEN_PATHS = ("/_dash-component-suites/", "/_favicon.ico")

blueprint = Blueprint("auth", __name__)


def guard(app: Flask) -> None:
    """Close every route to strangers, and every change to other sites' pages."""

    @app.before_request
    def gate() -> AnyResponse | None:
        if request.method not in {"GET", "HEAD", "OPTIONS"} and not csrf.same_origin(request):
            raise NotAllowed(remedy="This request came from another site's page.")
        if request.endpoint in OPEN_ENDPOINTS or request.path.startswith(OPEN_PATHS):
            return None
        if current() is not None:
            return None
        if wants_page():
            return redirect(f"/login?next={quote(request.full_path.rstrip('?'))}")
        if again.sent_by_hand():
            return again.page()
        raise NotSignedIn(remedy="Sign in, or send Authorization: Bearer with a valid token.")


@blueprint.get("/login")
def login() -> Response:
    """The sign-in page."""
    return _form("")


@blueprint.post("/login")
def sign_in() -> AnyResponse:
    """Check e-mail and password, open a session, and go where the person was going."""
    s = services()
    key = s.settings.secret_key.get_secret_value()
    try:
        bound = request.cookies.get(csrf.LOGIN_COOKIE, "")
    except UnicodeDecodeError:  # a cookie that no browser of ours was given
        bound = ""
    if not bound or not csrf.holds(key, bound.encode(), request.form.get(csrf.FIELD)):
        return _form("This page was open for too long. Please sign in again.", 400)
    email, password = request.form.get("email", ""), request.form.get("password", "")
    try:
        user_id = passwords.verify(s.engine, email, password, demo=s.settings.demo) if email and password else None
    except passwords.TooManyAtOnce as error:
        busy = _form(error.message, 429, email)
        busy.headers["Retry-After"] = "5"
        return busy
    if user_id is None:
        return _form("E-mail and password do not match. Check both and try again.", 401, email)
    answer = redirect(_inside(request.form.get("next", "/")), 303)
    answer.set_cookie(
        sessions.COOKIE,
        s.sessions.open(user_id, label=(request.user_agent.string or "")[:200]),
        max_age=sessions.LIFETIME,
        httponly=True,
        samesite="Lax",
        secure=s.settings.secure_cookies,
    )
    answer.delete_cookie(csrf.LOGIN_COOKIE)
    return answer


@blueprint.post("/logout")
def sign_out() -> AnyResponse:
    """End this session."""
    s = services()
    who = principal()
    if not csrf.holds(s.settings.secret_key.get_secret_value(), who.token_hash, request.form.get(csrf.FIELD)):
        raise InvalidBody(csrf.FIELD, "Reload the page and sign out again.", reason="its form token is missing")
    s.sessions.close(who)
    answer = redirect("/login", 303)
    answer.delete_cookie(sessions.COOKIE)
    answer.headers["Clear-Site-Data"] = '"cache", "storage"'
    return answer


def form_token() -> str:
    """The form token of the one who asks, for every form on a page."""
    return csrf.token(services().settings.secret_key.get_secret_value(), principal().token_hash)


def _form(error: str, status: int = 200, email: str = "") -> Response:
    s = services()
    value = csrf.new_login_value()
    target = _inside(request.values.get("next", "/"))
    token = csrf.token(s.settings.secret_key.get_secret_value(), value.encode())
    logins = demo.logins() if s.settings.demo else []
    answer = make_response(login_page.render(token, target, error, logins, email=email), status)
    answer.set_cookie(
        csrf.LOGIN_COOKIE, value, max_age=3600, httponly=True, samesite="Lax", secure=s.settings.secure_cookies
    )
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _inside(target: str) -> str:
    """Where to go after signing in: only ever a path of this application.

    Browsers drop tabs and line breaks from addresses: with them a path may turn into the address of another site.
    """
    outside = not target.startswith("/") or target.startswith(("//", "/\\", "/login")) or not target.isprintable()
    return "/" if outside else target
