"""At which addresses does somebody look after their own account? Each change is logged."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from flask import Blueprint, Response, make_response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from app.auth import links, passwords, people, personal, rights, second, throttle, tokens, totp, trail
from app.auth.principal import RIGHT_WORDS, Principal
from app.auth.routes import form_token, left
from app.auth.sealed import Unopened
from app.errors import NotAllowed
from app.pages import account as pages
from app.services import now, principal, services, transaction
from data import errors
from data.record.trail import Action

blueprint = Blueprint("account", __name__, url_prefix="/account")
_ISSUER = "VaxTrace"


@blueprint.before_request
def people_only() -> None:
    """A token never reaches the account of who made it: it could make itself anything."""
    if principal().kind != "browser":
        raise NotAllowed(remedy="Sign in with a browser to look after an account.")


@blueprint.get("")
@rights.needs("see", rights.Where.SIGNED_IN)
def overview() -> Response:
    """Roles, ways to sign in, sessions, what is administered."""
    who = principal()
    with transaction() as conn:
        own = tokens.of(conn, who.user_id)
        kept = conn.execute(personal.SQL["own"], {"user_id": who.user_id}).one()
        return _page(
            "account.html", roles=people.roles(conn, who.user_id), standing=second.standing(conn, who.user_id),
            phone=personal.read_phone(services().box, kept.phone),
            browsers=[s for s in own if s.kind == "browser"], tokens=[s for s in own if s.kind == "token"],
            administers=people.administered(conn, who), stopped=people.stopped(conn, who.user_id),
        )  # fmt: skip


@blueprint.post("/sessions/<int:number>/end")
@rights.needs("see", rights.Where.SIGNED_IN)
def end(number: int) -> AnyResponse:
    """End one session or token."""
    with transaction() as conn:
        kind, label = tokens.end(conn, principal().user_id, number)
        action = Action.SESSIONS_ENDED if kind == "browser" else Action.TOKEN_ENDED
        trail.mine(conn, action, label)
    return redirect("/account" if kind == "browser" else "/account/tokens", 303)


@blueprint.post("/sign-out-everywhere")
@rights.needs("see", rights.Where.SIGNED_IN)
def sign_out_everywhere() -> AnyResponse:
    """End every session in a browser."""
    who = principal()
    with transaction() as conn:
        conn.execute(tokens.SQL["end_browsers"], {"user_id": who.user_id})
        trail.mine(conn, Action.SESSIONS_ENDED, "everywhere")
    services().sessions.forget(who.token_hash)
    return left()


@blueprint.get("/details")
@rights.needs("see", rights.Where.SIGNED_IN)
def details() -> Response:
    """The form for another name and telephone number."""
    return _details()


@blueprint.post("/details")
@rights.needs("see", rights.Where.SIGNED_IN)
def change_details() -> AnyResponse:
    """Keep another name and telephone number."""
    who, said, box = principal(), request.form, services().box
    try:
        with transaction() as conn:
            people.own(conn, box, who.user_id, said.get("name", ""), said.get("phone", ""))
            trail.mine(conn, Action.DETAILS_CHANGED)
    except (people.OutOfReach, personal.InvalidName, personal.InvalidPhone) as error:
        return _details(error)
    services().sessions.forget(who.token_hash)
    return redirect("/account", 303)


@blueprint.get("/password")
@rights.needs("see", rights.Where.SIGNED_IN)
def password() -> Response:
    """The form for another password."""
    return _page("account_password.html", error="")


@blueprint.post("/password")
@rights.needs("see", rights.Where.SIGNED_IN)
def change_password() -> AnyResponse:
    """Keep another password; every other session ends."""
    s, who, said = services(), principal(), request.form
    counted = throttle.of_password(who.email, trail.address())
    try:
        throttle.attempt(s.engine, counted)
        if passwords.verify(s.engine, who.email, said.get("now", ""), demo=False) != who.user_id:
            raise passwords.WeakPassword("now", "Type it as you sign in with it.", reason="the one you have is another")
        throttle.succeeded(s.engine, counted)
        new = said.get("password", "")
        links.twice(new, said.get("again", ""))
        passwords.check(new, who.email, who.name, breached=s.settings.breached_passwords)
    except (passwords.WeakPassword, passwords.TooManyAtOnce, throttle.TooOften) as error:
        return _page("account_password.html", 422, error=error.message)
    hashed = passwords.hashed(new)
    with transaction() as conn:
        links.change(conn, who.user_id, hashed, keep=who.token_hash)
        trail.mine(conn, Action.PASSWORD_CHANGED, "", {"by": "password"})
    return redirect("/account", 303)


@blueprint.get("/second-factor")
@rights.needs("see", rights.Where.SIGNED_IN)
def second_factor() -> Response:
    """What to scan, or how it stands."""
    return _second("")


@blueprint.post("/second-factor")
@rights.needs("see", rights.Where.SIGNED_IN)
def set_up() -> Response:
    """Set it up, once the first code is right; the recovery codes are shown here and never again."""
    who, s = principal(), services()
    try:
        owner, _, secret = s.box.open(request.form.get("secret", "")).partition(b":")
        if owner != str(who.user_id).encode():
            raise Unopened
        with transaction() as conn:
            codes = second.set_up(conn, s.box, who.user_id, secret, request.form.get("code", ""))
            second.prove(conn, who.token_hash)
            trail.mine(conn, Action.SECOND_FACTOR_ON)
    except Unopened:
        return _second("This page was open for too long. Scan the new picture.", 400)
    except second.WrongCode as error:
        return _second(error.message, 422, secret)
    except second.NotSetUp as error:
        return _second(error.message, 409)
    s.sessions.forget(who.token_hash)
    return _second("", codes=codes, fresh=True)


@blueprint.post("/second-factor/codes")
@rights.needs("see", rights.Where.SIGNED_IN)
def new_codes() -> Response:
    """New recovery codes, for who can show a code."""
    try:
        with transaction() as conn:
            _prove(conn)
            codes = second.new_codes(conn, principal().user_id)
            trail.mine(conn, Action.RECOVERY_CODES_MADE)
    except (second.WrongCode, throttle.TooOften) as error:
        return _second(error.message, 422)
    return _second("", codes=codes)


@blueprint.post("/second-factor/off")
@rights.needs("see", rights.Where.SIGNED_IN)
def take_away() -> AnyResponse:
    """Take it away, for who can show a code and need not have one."""
    who = principal()
    try:
        with transaction() as conn:
            if second.standing(conn, who.user_id).required:
                raise NotAllowed(remedy="Administrators keep their second factor.")
            _prove(conn)
            second.take_away(conn, who.user_id)
            trail.mine(conn, Action.SECOND_FACTOR_OFF, who.email)
    except (second.WrongCode, throttle.TooOften) as error:
        return _second(error.message, 422)
    return redirect("/account", 303)


@blueprint.get("/tokens")
@rights.needs("see", rights.Where.SIGNED_IN)
def own_tokens() -> Response:
    """The tokens, and the form for another."""
    return _tokens("", pages.typed({}, ["see"]))


@blueprint.post("/tokens")
@rights.needs("see", rights.Where.SIGNED_IN)
def make_token() -> Response:
    """Make a token, which is shown once."""
    said, rights = request.form, request.form.getlist("right")
    try:
        with transaction() as conn:
            offered = {right for right, _ in _offered(principal())}
            programme = said.get("programme") or None
            if not set(rights) <= offered or (programme is not None and programme not in principal().programmes):
                raise NotAllowed(remedy="A token may do nothing that you may not.")
            scope = tokens.scope(conn, rights, programme, said.get("area", "").strip() or None)
            days = int(said.get("days", "")) if said.get("days", "").isdecimal() else 0
            made = tokens.make(conn, principal().user_id, said.get("label", ""), days, scope)
            details = {"rights": rights, "programme": programme, "area": said.get("area", "").strip(), "days": days}
            trail.mine(conn, Action.TOKEN_MADE, said.get("label", ""), details)
    except errors.DataError as error:
        return _tokens(error.message, pages.typed(said, rights), status=422)
    return _tokens("", pages.typed({}, ["see"]), made=made)


@blueprint.post("/tokens/<int:number>/rotate")
@rights.needs("see", rights.Where.SIGNED_IN)
def rotate(number: int) -> Response:
    """Another token with the same scope, which is shown once; the old one goes on for a day."""
    with transaction() as conn:
        made, label = tokens.rotate(conn, principal().user_id, number)
        trail.mine(conn, Action.TOKEN_ROTATED, label)
    return _tokens("", pages.typed({}, ["see"]), made=made, rotated=True)


@blueprint.post("/programmes/<code>/start")
@rights.needs("see", rights.Where.SIGNED_IN)
def start_programme(code: str) -> AnyResponse:
    """Let a programme that was stopped be seen again."""
    with transaction() as conn:
        programme_id = people.start_programme(conn, principal().user_id, code)
        trail.note(conn, [programme_id], Action.PROGRAMME_STARTED, code)
    return redirect("/account", 303)


def _details(error: errors.DataError | None = None) -> Response:
    who, said = principal(), request.form
    with transaction() as conn:
        kept = conn.execute(personal.SQL["own"], {"user_id": who.user_id}).one()
    phone = personal.read_phone(services().box, kept.phone)
    return _page(
        "account_details.html", 200 if error is None else 422, error="" if error is None else error.message,
        field=error and error.field, name=said.get("name", who.name), phone=said.get("phone", phone),
    )  # fmt: skip


def _prove(conn: sa.Connection) -> None:
    """Take a code for something that only the owner of the second factor may do."""
    s, who = services(), principal()
    counted = throttle.of_code(who.user_id)
    throttle.attempt(s.engine, counted)
    second.verify(conn, s.box, who.user_id, request.form.get("code", ""))
    throttle.succeeded(s.engine, counted)


def _offered(who: Principal) -> list[tuple[str, str]]:
    """The rights that somebody has anywhere, in words."""
    return [(right, said) for right, said in RIGHT_WORDS.items() if any(g.gives(right) for g in who.grants)]


def _second(error: str, status: int = 200, secret: bytes | None = None, **more: Any) -> Response:
    s, who = services(), principal()
    secret = secret or totp.new_secret()
    with transaction() as conn:
        standing = second.standing(conn, who.user_id)
    uri = totp.uri(secret, who.email, _ISSUER)
    values = {
        "standing": standing, "error": error, "codes": (), "fresh": False, "uri": uri, "key": totp.words(secret),
        "picture": pages.picture(uri), "sealed": s.box.seal(f"{who.user_id}:".encode() + secret),
    }  # fmt: skip
    return _page("account_second.html", status, **(values | more))


def _tokens(
    error: str, typed: dict[str, Any], *, status: int = 200, made: str | None = None, rotated: bool = False
) -> Response:
    who = principal()
    with transaction() as conn:
        own = [t for t in tokens.of(conn, who.user_id) if t.kind != "browser"]
    return _page(
        "account_tokens.html", status, error=error, typed=typed, tokens=own, made=made, rotated=rotated,
        overlap=tokens.OVERLAP_HOURS, offered=_offered(who), programmes=sorted(who.programmes),
    )  # fmt: skip


def _page(template: str, status: int = 200, **values: Any) -> Response:
    answer = make_response(pages.page(template, principal(), form_token(), now(), **values), status)
    answer.headers["Cache-Control"] = "no-store"
    return answer
