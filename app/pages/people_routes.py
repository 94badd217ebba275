"""At which addresses do administrators look after people? One page of who has which right, and one for each person."""

from __future__ import annotations

import sqlalchemy as sa
from flask import Blueprint, Response, make_response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from app.auth import csrf, emails, people, personal, rights, tokens, trail
from app.auth.people import Person
from app.auth.principal import RIGHT_WORDS, RIGHTS, ROLE_WORDS
from app.errors import NotAllowed
from app.pages import plain
from app.pages.account import device
from app.pages.routes import person as reader
from app.services import now, principal, services, transaction
from app.services import programme as find
from data import errors
from data.programmes import Programme
from data.record.trail import Action

blueprint = Blueprint("people", __name__, url_prefix="/<programme>/people")
HERE = "People"


@blueprint.before_request
def changed_by_people_only() -> None:
    """A token reads who has which right and changes none: it could let somebody in who may do more than it may."""
    if request.method not in csrf.SAFE and principal().kind != "browser":
        raise NotAllowed(remedy="Sign in with a browser to change who may do what.")


@blueprint.get("")
@rights.needs("users", rights.Where.PROGRAMME)
def listed(programme: str) -> Response:
    """Who has which right, in the area that the reader administers."""
    with transaction() as conn:
        return _listed(conn, _mine(conn, programme))


@blueprint.post("")
@rights.needs("users", rights.Where.PROGRAMME)
def invite(programme: str) -> AnyResponse:
    """Give a role to somebody by their e-mail; who is new gets a link to choose a password."""
    said = request.form
    try:
        with transaction() as conn:
            found = _mine(conn, programme)
            where = people.place(conn, found, said.get("place", ""))
            email, role = said.get("email", ""), said.get("role", "")
            guest = people.Guest(email, said.get("name", ""), said.get("phone", ""))
            user_id, path = people.invite(conn, services().box, principal(), found, guest, role, where)
            action = Action.GRANT_GIVEN if path is None else Action.PERSON_INVITED
            trail.note(conn, [found.id], action, emails.written(email), {"role": role, "where": where.name})
    except errors.DataError as error:
        return _again(programme, error)
    if path is None:
        return redirect(f"/{programme}/people/{user_id}", 303)
    with transaction() as conn:
        return _one(conn, found, people.one(conn, services().box, principal(), found, user_id), link=_link(path))


@blueprint.get("/<int:user_id>")
@rights.needs("users", rights.Where.PROGRAMME)
def one(programme: str, user_id: int) -> Response:
    """One person: roles, sessions, and what can be done."""
    with transaction() as conn:
        found = _mine(conn, programme)
        person = people.one(conn, services().box, principal(), found, user_id)
        answer = _one(conn, found, person)
        trail.note(conn, [found.id], Action.PERSONAL_SEEN, person.email)
        return answer


@blueprint.post("/<int:user_id>/details")
@rights.needs("users", rights.Where.PROGRAMME)
def call(programme: str, user_id: int) -> AnyResponse:
    """Another name and telephone number for somebody."""
    said, box = request.form, services().box
    try:
        with transaction() as conn:
            found = _mine(conn, programme)
            person = people.one(conn, box, principal(), found, user_id)
            people.call(conn, box, principal(), person, said.get("name", ""), said.get("phone", ""))
            trail.note(conn, [found.id], Action.DETAILS_CHANGED, person.email)
    except (people.OutOfReach, personal.InvalidName, personal.InvalidPhone) as error:
        return _again(programme, error, user_id)
    return redirect(f"/{programme}/people/{user_id}", 303)


@blueprint.post("/<int:user_id>/roles")
@rights.needs("users", rights.Where.PROGRAMME)
def give(programme: str, user_id: int) -> AnyResponse:
    """Give a further role."""
    said = request.form
    try:
        with transaction() as conn:
            found = _mine(conn, programme)
            person = people.one(conn, services().box, principal(), found, user_id)
            where = people.place(conn, found, said.get("place", ""))
            people.give(conn, principal(), found, user_id, said.get("role", ""), where)
            details = {"role": said.get("role", ""), "where": where.name}
            trail.note(conn, [found.id], Action.GRANT_GIVEN, person.email, details)
    except errors.DataError as error:
        return _again(programme, error, user_id)
    return redirect(f"/{programme}/people/{user_id}", 303)


@blueprint.post("/<int:user_id>/roles/<int:held>/take")
@rights.needs("users", rights.Where.PROGRAMME)
def take(programme: str, user_id: int, held: int) -> AnyResponse:
    """Take a role back."""
    try:
        with transaction() as conn:
            found = _mine(conn, programme)
            person = people.one(conn, services().box, principal(), found, user_id)
            taken = people.take(conn, principal(), found, person, held)
            details = {"role": taken.role, "where": taken.place or found.name}
            trail.note(conn, [found.id], Action.GRANT_TAKEN, person.email, details)
    except people.OutOfReach as error:
        return _again(programme, error, user_id)
    return redirect(f"/{programme}/people" if len(person.held) == 1 else f"/{programme}/people/{user_id}", 303)


#: What can be done to somebody's account, and what the log calls it.
_DEEDS = {
    "stop": (people.stop, Action.PERSON_STOPPED),
    "start": (people.start, Action.PERSON_STARTED),
    "end-sessions": (people.end_all, Action.SESSIONS_ENDED),
    "second-factor-off": (people.forget_second, Action.SECOND_FACTOR_OFF),
}


@blueprint.post(f"/<int:user_id>/<any({', '.join(repr(d) for d in _DEEDS)}):deed>")
@rights.needs("users", rights.Where.PROGRAMME)
def act(programme: str, user_id: int, deed: str) -> AnyResponse:
    """Stop somebody, let them in again, end their sessions and tokens, or take their second factor away."""
    work, action = _DEEDS[deed]
    try:
        with transaction() as conn:
            found = _mine(conn, programme)
            person = people.one(conn, services().box, principal(), found, user_id)
            work(conn, principal(), person)
            trail.note(conn, [found.id], action, person.email)
    except people.OutOfReach as error:
        return _again(programme, error, user_id)
    return redirect(f"/{programme}/people/{user_id}", 303)


@blueprint.post("/<int:user_id>/link")
@rights.needs("users", rights.Where.PROGRAMME)
def link(programme: str, user_id: int) -> AnyResponse:
    """A link for a new password, to hand over."""
    try:
        with transaction() as conn:
            found = _mine(conn, programme)
            person = people.one(conn, services().box, principal(), found, user_id)
            path = people.reset_link(conn, principal(), person)
            answer = _one(conn, found, person, link=_link(path))
            trail.note(conn, [found.id], Action.RESET_LINK_MADE, person.email)
    except people.OutOfReach as error:
        return _again(programme, error, user_id)
    return answer


@blueprint.post("/<int:user_id>/sessions/<int:number>/end")
@rights.needs("users", rights.Where.PROGRAMME)
def end(programme: str, user_id: int, number: int) -> AnyResponse:
    """The kill switch of one session or token."""
    try:
        with transaction() as conn:
            found = _mine(conn, programme)
            person = people.one(conn, services().box, principal(), found, user_id)
            people.demand_whole(conn, principal(), person)
            kind, label = tokens.end(conn, user_id, number)
            action = Action.SESSIONS_ENDED if kind == "browser" else Action.TOKEN_ENDED
            trail.note(conn, [found.id], action, person.email, {"label": label})
    except people.OutOfReach as error:
        return _again(programme, error, user_id)
    return redirect(f"/{programme}/people/{user_id}", 303)


@blueprint.post("/stop-programme")
@rights.needs("users", rights.Where.PROGRAMME)
def stop_programme(programme: str) -> AnyResponse:
    """The kill switch of the programme, which its name has to be typed for."""
    try:
        with transaction() as conn:
            found = _mine(conn, programme)
            if request.form.get("name", "").strip() != programme:
                raise people.OutOfReach(remedy=f"Type {programme} to stop it.", reason="the programme was not named")
            people.stop_programme(conn, principal(), found)
            trail.note(conn, [found.id], Action.PROGRAMME_STOPPED, programme)
    except people.OutOfReach as error:
        return _again(programme, error)
    services().sessions.forget(principal().token_hash)
    return redirect("/account", 303)


def _mine(conn: sa.Connection, programme: str) -> Programme:
    """The programme, for who manages users somewhere in it."""
    found = find(conn, programme)
    if not principal().has("users", programme):
        raise NotAllowed(remedy="People and their rights are looked after by administrators.")
    return found


def _again(programme: str, error: errors.DataError, user_id: int | None = None) -> Response:
    """The page that a refused form came from, with the sentence of why."""
    with transaction() as conn:
        found = _mine(conn, programme)
        if user_id is None:
            return _listed(conn, found, error.message, 422, field=error.field)
        somebody = people.one(conn, services().box, principal(), found, user_id)
        return _one(conn, found, somebody, error=error.message, status=422, field=error.field)


def _listed(
    conn: sa.Connection, found: Programme, error: str = "", status: int = 200, *, field: str | None = None
) -> Response:
    everybody = people.listed(conn, services().box, principal(), found)
    page = plain.framed(
        "people.html", HERE, found, reader(found.code), everybody=everybody, error=error, field=field, now=now(),
        rights=RIGHT_WORDS, roles=ROLE_WORDS, table=RIGHTS,
        typed={name: request.form.get(name, "") for name in ("email", "name", "phone", "role", "place")},
        whole=principal().scope("users", found.id).whole,
    )  # fmt: skip
    trail.note(conn, [found.id], Action.PERSONAL_SEEN, "the list of people", {"people": len(everybody)})
    return _unstored(page, status)


def _one(
    conn: sa.Connection,
    found: Programme,
    person: Person,
    *,
    link: str = "",
    error: str = "",
    status: int = 200,
    field: str | None = None,
) -> Response:
    try:
        people.demand_whole(conn, principal(), person)
        reach = ""
    except people.OutOfReach as refused:
        reach = refused.message
    page = plain.framed(
        "person.html", HERE, found, reader(found.code), somebody=person, link=link, error=error, field=field, now=now(),
        sessions=[] if reach else tokens.of(conn, person.id), reach=reach, roles=ROLE_WORDS, device=device,
        myself=person.id == principal().user_id,
        typed={name: request.form[name] for name in ("name", "phone") if name in request.form} if field else {},
    )  # fmt: skip
    return _unstored(page, status)


def _link(path: str) -> str:
    return (services().settings.public_url or request.host_url.rstrip("/")) + path


def _unstored(page: str, status: int) -> Response:
    answer = make_response(page, status)
    answer.headers["Cache-Control"] = "no-store"
    return answer
