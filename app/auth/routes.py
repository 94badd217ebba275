"""How does somebody come in and go out? The sign-in form, its second step, signing out, and the gate to every route."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from flask import Blueprint, Flask, Response, make_response, redirect, request
from itsdangerous import BadData, URLSafeTimedSerializer
from werkzeug.wrappers import Response as AnyResponse

from app.auth import csrf, demo, emails, passwords, rights, second, sessions, throttle
from app.auth import trail as log
from app.errors import NotAllowed, NotSignedIn, wants_page
from app.pages import again
from app.pages import login as login_page
from app.services import current, principal, services, transaction
from data.record import trail
from data.record.trail import Action, Actor

#: What remains to an administrator who has yet to set up a second factor.
UNPROVED_ENDPOINTS = frozenset({"auth.sign_out", "account.second_factor", "account.set_up"})
#: Between the password and the code: a signed note of who it is, for so many seconds.
HALF_COOKIE, HALF_SECONDS = "vaxtrace_half", 300

blueprint = Blueprint("auth", __name__)


def guard(app: Flask) -> None:
    """Close every route to strangers, every change to other sites' pages, and what has no rule to everybody."""

    @app.before_request
    def gate() -> AnyResponse | None:
        if request.method not in {"GET", "HEAD", "OPTIONS"} and not csrf.same_origin(request):
            raise NotAllowed(remedy="This request came from another site's page.")
        rule = rights.rule_of(app.view_functions.get(request.endpoint or ""))
        if rule is not None and rule.where is rights.Where.OPEN:
            return None
        who = current()
        if who is not None:
            if rule is None and request.endpoint is not None:
                raise NotAllowed(remedy=f"Nobody has said who may have {request.endpoint}.")
            if not who.unproved or request.endpoint in UNPROVED_ENDPOINTS:
                return None
            if wants_page():
                return redirect("/account/second-factor")
            raise NotAllowed(remedy="Administrators set up a second factor first, at /account/second-factor.")
        if again.sent_by_hand():
            return again.page()
        if wants_page():
            return redirect(f"/login?next={quote(request.full_path.rstrip('?'))}")
        raise NotSignedIn(remedy="Sign in, or send Authorization: Bearer with a valid token.")


@blueprint.get("/login")
@rights.open_to_all
def login() -> Response:
    """The sign-in page."""
    return form("")


@blueprint.post("/login")
@rights.open_to_all
def sign_in() -> AnyResponse:
    """Check e-mail and password; then ask for the second factor, or open a session and go on."""
    s = services()
    if not form_is_ours(csrf.LOGIN_COOKIE):
        return form("This page was open for too long. Please sign in again.", 400)
    email, password = request.form.get("email", ""), request.form.get("password", "")
    if not (email and password):
        return form("E-mail and password do not match. Check both and try again.", 401, email)
    counted = throttle.of_password(email, log.address())
    try:
        throttle.attempt(s.engine, counted)
        user_id = passwords.verify(s.engine, email, password, demo=s.settings.demo)
    except (passwords.TooManyAtOnce, throttle.TooOften) as error:
        if isinstance(error, passwords.TooManyAtOnce):
            throttle.not_made(s.engine, counted)
        busy = form(error.message, 429, email)
        busy.headers["Retry-After"] = str(error.seconds if isinstance(error, throttle.TooOften) else 5)
        return busy
    if user_id is None:
        _log_failure(email, "password")
        return form("E-mail and password do not match. Check both and try again.", 401, email)
    throttle.succeeded(s.engine, counted)
    target = inside(request.form.get("next", "/"))
    with transaction() as conn:
        asked = second.standing(conn, user_id).on
    return halfway(user_id, target) if asked else enter(user_id, target, "password")


@blueprint.get("/login/code")
@rights.open_to_all
def second_step() -> AnyResponse:
    """The form for the code of the authenticator app."""
    return redirect("/login") if _half() is None else _code_form("")


@blueprint.post("/login/code")
@rights.open_to_all
def check_code() -> AnyResponse:
    """Check the code, open a session, and go where the person was going."""
    s, half = services(), _half()
    if half is None or not form_is_ours(HALF_COOKIE):
        return form("That took too long. Please sign in again.", 400)
    user_id, target, provider = half
    counted = throttle.of_code(user_id)
    try:
        throttle.attempt(s.engine, counted)
        with transaction() as conn:
            way = second.verify(conn, s.box, user_id, request.form.get("code", ""))
    except throttle.TooOften as error:
        busy = _code_form(error.message, 429)
        busy.headers["Retry-After"] = str(error.seconds)
        return busy
    except second.WrongCode as error:
        with transaction() as conn:
            email = conn.execute(sessions.SQL["email"], {"user_id": user_id}).scalar_one()
        _log_failure(email, "second factor")
        return _code_form(error.message, 401)
    throttle.succeeded(s.engine, counted)
    answer = enter(
        user_id, target, f"{'password' if provider is None else 'ministry'} and {way}", strong=True, provider=provider
    )
    drop(answer, HALF_COOKIE)
    return answer


@blueprint.post("/logout")
@rights.needs("", rights.Where.SIGNED_IN)
def sign_out() -> AnyResponse:
    """End this session."""
    with transaction() as conn:
        log.mine(conn, Action.SIGNED_OUT)
    services().sessions.close(principal())
    return left()


def left() -> AnyResponse:
    """The way out of a session that has ended: nothing of it stays in the browser."""
    answer = redirect("/login", 303)
    drop(answer, sessions.COOKIE)
    answer.headers["Clear-Site-Data"] = '"cache", "storage"'
    return answer


def form_token() -> str:
    """The form token of the one who asks, for every form on a page."""
    return csrf.token(services().settings.secret_key.get_secret_value(), principal().token_hash)


def halfway(user_id: int, target: str, provider: dict[str, Any] | None = None) -> AnyResponse:
    """The first proof is given: ask for the second factor. Nothing may be seen until then."""
    answer = redirect("/login/code", 303)
    _set(answer, HALF_COOKIE, _halves().dumps([user_id, target, provider]), HALF_SECONDS)
    drop(answer, csrf.LOGIN_COOKIE)
    return answer


def enter(
    user_id: int, target: str, way: str, *, strong: bool = False, provider: dict[str, Any] | None = None
) -> AnyResponse:
    """Open a new session, whatever the browser brought along, and go on; `way` is how they proved who they are."""
    s = services()
    device = (request.user_agent.string or "")[:200]
    with transaction() as conn:
        before = sessions.token_of(request.environ, secure=s.settings.secure_cookies)
        if before is not None:
            conn.execute(sessions.SQL["close"], {"token_hash": sessions.token_hash(before)})
        token = sessions.opened(conn, user_id, label=device, strong=strong, address=log.address())
        if provider is not None:
            conn.execute(sessions.SQL["provided"], provider | {"token_hash": sessions.token_hash(token)})
        email = conn.execute(sessions.SQL["email"], {"user_id": user_id}).scalar_one()
        actor = Actor(user_id, email, log.address())
        trail.write(conn, trail.programmes_of(conn, user_id), actor, Action.SIGNED_IN, device, {"by": way})
    s.sessions.forget(None if before is None else sessions.token_hash(before))
    answer = redirect(target, 303)
    _set(answer, sessions.COOKIE, token, sessions.LIFETIME)
    drop(answer, csrf.LOGIN_COOKIE)
    return answer


def form(error: str, status: int = 200, email: str = "") -> Response:
    """The sign-in page, with a sentence of what went wrong."""
    s = services()
    value = csrf.new_login_value()
    target = inside(request.values.get("next", "/"))
    token = csrf.token(s.settings.secret_key.get_secret_value(), value.encode())
    logins = demo.logins() if s.settings.demo else []
    ministry = s.settings.oidc_name if s.settings.oidc_issuer else None
    answer = make_response(login_page.render(token, target, error, logins, email=email, ministry=ministry), status)
    return stranger(answer, csrf.LOGIN_COOKIE, value)


def stranger(answer: Response, cookie: str, value: str) -> Response:
    """A page with a form for somebody who is not signed in; its token goes with this cookie."""
    _set(answer, cookie, value, 3600)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def inside(target: str) -> str:
    """Where to go after signing in: only ever a path of this application.

    Browsers drop tabs and line breaks from addresses: with them a path may turn into the address of another site.
    """
    outside = not target.startswith("/") or target.startswith(("//", "/\\", "/login")) or not target.isprintable()
    return "/" if outside else target


def form_is_ours(cookie: str) -> bool:
    """Whether the form of a stranger is the one that went with this cookie."""
    bound = _sent(cookie)
    key = services().settings.secret_key.get_secret_value()
    return bool(bound) and csrf.holds(key, bound.encode(), request.form.get(csrf.FIELD))


def _code_form(error: str, status: int = 200) -> Response:
    key = services().settings.secret_key.get_secret_value()
    token = csrf.token(key, _sent(HALF_COOKIE).encode())
    answer = make_response(login_page.code(token, error), status)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _halves() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(services().settings.secret_key.get_secret_value(), salt="half signed in")


def _half() -> tuple[int, str, dict[str, Any] | None] | None:
    """Who has given the first proof within the last minutes, where they were going, and what the provider gave."""
    try:
        user_id, target, provider = _halves().loads(_sent(HALF_COOKIE), max_age=HALF_SECONDS)
    except BadData:
        return None
    return int(user_id), str(target), provider


def _sent(name: str) -> str:
    """A cookie of ours that came along; blank where there is none, or one that no browser of ours was given."""
    try:
        return request.cookies.get(sessions.cookie(name, secure=services().settings.secure_cookies), "")
    except UnicodeDecodeError:
        return ""


def _set(answer: AnyResponse, name: str, value: str, seconds: int) -> None:
    secure = services().settings.secure_cookies
    called = sessions.cookie(name, secure=secure)
    answer.set_cookie(called, value, max_age=seconds, httponly=True, samesite="Lax", secure=secure)


def drop(answer: AnyResponse, name: str) -> None:
    """Take a cookie of ours away again."""
    secure = services().settings.secure_cookies
    answer.delete_cookie(sessions.cookie(name, secure=secure), httponly=True, samesite="Lax", secure=secure)


def _log_failure(email: str, what: str) -> None:
    """Log a failed attempt; an e-mail that nobody has is not kept, for it may be a password typed in a wrong place."""
    with transaction() as conn:
        known = conn.execute(sessions.SQL["user_by_email"], {"email": emails.written(email)}).one_or_none()
        actor = Actor(
            known.id if known else None, emails.written(email) if known else "somebody unknown", log.address()
        )
        programmes = trail.programmes_of(conn, known.id) if known else []
        trail.write(conn, programmes, actor, Action.SIGN_IN_FAILED, "", {"wrong": what})
