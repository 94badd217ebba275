"""At which addresses does somebody get a new password? Asking for a link, and choosing one with it."""

from __future__ import annotations

import threading

from flask import Blueprint, Response, make_response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from app import mail
from app.auth import csrf, emails, links, passwords, personal, rights, routes, throttle
from app.auth import trail as log
from app.pages import login as pages
from app.services import Services, services, transaction
from data import db
from data.record import trail
from data.record.trail import Action, Actor

blueprint = Blueprint("reset", __name__)


@blueprint.get("/forgot")
@rights.open_to_all
def ask() -> Response:
    """Ask for a link."""
    return _asking()


@blueprint.post("/forgot")
@rights.open_to_all
def send() -> Response:
    """Send a link to somebody who exists; the answer is the same, and as quick, for everybody else."""
    s = services()
    if not routes.form_is_ours(csrf.LOGIN_COOKIE):
        return _asking("This page was open for too long. Please send it again.", 400)
    try:
        throttle.attempt(s.engine, throttle.of_link(log.address()))
    except throttle.TooOften as error:
        busy = _asking(error.message, 429)
        busy.headers["Retry-After"] = str(error.seconds)
        return busy
    if mail.works(s.settings):
        email = emails.written(request.form.get("email", ""))
        threading.Thread(target=_send, args=(s, email, log.address()), daemon=True).start()
    return _asking(sent=True)


@blueprint.get("/reset/<token>")
@rights.open_to_all
def choose(token: str) -> Response:
    """The form for a new password."""
    return _choosing(token, "")


@blueprint.post("/reset/<token>")
@rights.open_to_all
def change(token: str) -> AnyResponse:
    """Keep the new password; every session ends, and the person signs in with it."""
    if not routes.form_is_ours(csrf.LOGIN_COOKIE):
        return _choosing(token, "This page was open for too long. Please type it again.", 400)
    password = request.form.get("password", "")
    try:
        with transaction() as conn:
            who = links.owner(conn, services().box, token)
        links.twice(password, request.form.get("again", ""))
        passwords.check(password, who.email, who.name, breached=services().settings.breached_passwords)
    except passwords.WeakPassword as error:
        return _choosing(token, error.message, 422)
    hashed = passwords.hashed(password)
    with transaction() as conn:
        links.use(conn, token, hashed)
        actor = Actor(who.id, who.email, log.address())
        trail.write(conn, trail.programmes_of(conn, who.id), actor, Action.PASSWORD_CHANGED, "", {"by": "link"})
    return redirect("/login", 303)


def _send(s: Services, email: str, address: str) -> None:
    with db.transaction(s.engine) as conn:
        who = conn.execute(links.SQL["who"], {"email": email}).one_or_none()
        if who is None:
            return
        path = links.make(conn, who.id, links.ASKED)
        actor = Actor(who.id, who.email, address)
        trail.write(conn, trail.programmes_of(conn, who.id), actor, Action.RESET_LINK_MADE, who.email, {"by": "e-mail"})
    mail.send(
        s.settings,
        who.email,
        "A new password for VaxTrace",
        f"{personal.read_name(s.box, who.name)},\n\nsomebody, probably you, asked for a new password for VaxTrace. "
        "Choose it here, within an hour:\n\n"
        f"{s.settings.public_url}{path}\n\nIf it was not you, do nothing: your password stays as it is.\n",
    )


def _asking(error: str = "", status: int = 200, *, sent: bool = False) -> Response:
    s = services()
    value = csrf.new_login_value()
    token = csrf.token(s.settings.secret_key.get_secret_value(), value.encode())
    page = pages.forgotten(token, mails=mail.works(s.settings), sent=sent, error=error)
    return routes.stranger(make_response(page, status), csrf.LOGIN_COOKIE, value)


def _choosing(token: str, error: str, status: int = 200) -> Response:
    with transaction() as conn:
        who = links.owner(conn, services().box, token)
    value = csrf.new_login_value()
    form = csrf.token(services().settings.secret_key.get_secret_value(), value.encode())
    answer = make_response(pages.choose(form, who.name, who.email, error), status)
    return routes.stranger(answer, csrf.LOGIN_COOKIE, value)
