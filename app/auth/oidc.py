"""How does somebody sign in with the ministry's own provider? OpenID Connect: code flow with PKCE, state and nonce.

Somebody who was let in here is recognised by the e-mail that the provider has verified, and from then on by what the
provider calls them. While a session lasts the provider is asked again and again whether they are still theirs, with
its refresh token, which it rotates: one that it refuses, for being taken back or used twice, ends the session.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import requests
import sqlalchemy as sa
import structlog
from authlib.integrations.base_client import OAuthError
from authlib.integrations.flask_client import OAuth
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc6749 import OAuth2Error
from flask import Blueprint, Flask, current_app, request, session
from joserfc.errors import JoseError
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response as AnyResponse

from app.auth import emails, rights, routes, second, sessions
from app.auth import trail as log_of
from app.auth.principal import RIGHTS
from app.auth.sealed import Box
from app.services import services, transaction
from app.settings import Settings
from data import db, errors, queries
from data.record import trail
from data.record.trail import Action, Actor
from geo.errors import NotThere

log = structlog.get_logger()
SQL = queries.read(Path(__file__).parent / "sql" / "oidc.sql")
blueprint = Blueprint("oidc", __name__)

#: How long the provider is believed without being asked again, in seconds; how soon one that is away is tried again.
AGAIN, AWAY = 300, 60
#: Signatures that only the provider can make: never `none`, nor one by a secret that we have too.
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
#: Ways to prove oneself to the provider (RFC 8176) that are a second factor to us too.
_STRONG = frozenset({"mfa", "otp", "hwk"})
_PATIENCE = 10.0
#: A browser keeps no larger cookie.
_MOST_COOKIE = 3000
_TOOK_WRONG = (OAuthError, OAuth2Error, JoseError, requests.RequestException, ValueError, RuntimeError)


def prepare(app: Flask, settings: Settings) -> None:
    """Make the provider known to the application, if there is one; it is not asked anything yet."""
    if settings.oidc_issuer is None:
        return
    app.config.update(SESSION_COOKIE_NAME="vaxtrace_ministry", SESSION_COOKIE_SAMESITE="Lax")
    app.config.update(SESSION_COOKIE_SECURE=settings.secure_cookies, SESSION_COOKIE_PATH="/login")
    OAuth(app).register(
        "ministry",
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret and settings.oidc_client_secret.get_secret_value(),
        server_metadata_url=f"{settings.oidc_issuer}/.well-known/openid-configuration",
        client_kwargs={"scope": settings.oidc_scopes, "code_challenge_method": "S256", "default_timeout": _PATIENCE},
    )


@blueprint.get("/login/ministry")
@rights.open_to_all
def leave() -> AnyResponse:
    """Go to the provider."""
    provider = _provider()
    session["next"] = routes.inside(request.args.get("next", "/"))
    base = services().settings.public_url or request.host_url.rstrip("/")
    try:
        answer: AnyResponse = provider.authorize_redirect(f"{base}/login/ministry/back")
    except _TOOK_WRONG as error:
        return _failed(error)
    return answer


@blueprint.get("/login/ministry/back")
@rights.open_to_all
def back() -> AnyResponse:
    """Come back from the provider, with a code that it takes for a word on who it is."""
    provider, s = _provider(), services()
    try:
        _only_signed(provider, s.settings)
        given = provider.authorize_access_token()
        said: Mapping[str, Any] = given["userinfo"]
    except (*_TOOK_WRONG, KeyError) as error:
        return _failed(error)
    target = routes.inside(str(session.pop("next", "/")))
    with transaction() as conn:
        user_id = _recognised(conn, str(s.settings.oidc_issuer), said)
        own = user_id is not None and second.standing(conn, user_id).on
        if user_id is not None and s.settings.oidc_roles:
            _take_roles(conn, user_id, s.settings.oidc_roles, said.get(s.settings.oidc_groups_claim))
        if user_id is None:
            actor = Actor(None, "somebody unknown", log_of.address())
            trail.write(conn, [], actor, Action.SIGN_IN_FAILED, "", {"wrong": "not known here", "by": "ministry"})
    if user_id is None:
        return routes.form("You are not known here yet. Ask an administrator of your programme to let you in.", 403)
    strong = not _STRONG.isdisjoint(_list(said.get("amr")))
    kept = _kept(s.box, given.get("refresh_token"))
    if own and not strong:
        return routes.halfway(user_id, target, kept)
    return routes.enter(user_id, target, "ministry", strong=strong, provider=kept)


def keep_asking(engine: sa.Engine, settings: Settings, box: Box, stop: threading.Event) -> None:
    """Ask the provider about sessions that are due, until it is time to stop: the work of a thread."""
    while not stop.wait(5.0):
        try:
            while ask_again(engine, settings, box):
                pass
        except (SQLAlchemyError, errors.DataError) as error:
            log.error("oidc.failed", exc_info=error)


def ask_again(engine: sa.Engine, settings: Settings, box: Box) -> bool:
    """Ask the provider about one session that is due; whether there was one. One that it refuses ends."""
    with db.transaction(engine) as conn:
        due = conn.execute(SQL["due"]).one_or_none()
        if due is None:
            return False
        key = {"token_hash": due.token_hash}
        try:
            fresh = _refreshed(settings, box.open(due.provider_token).decode())
        except (OAuthError, OAuth2Error) as error:
            if error.error not in {"invalid_grant", "access_denied"}:
                conn.execute(SQL["renewed"], key | {"provider_token": due.provider_token, "provider_seconds": AWAY})
                log.warning("oidc.odd_answer", error=error.error)
                return True
            conn.execute(SQL["refused"], key)
            actor = Actor(due.user_id, "the ministry's sign-in")
            trail.write(conn, trail.programmes_of(conn, due.user_id), actor, Action.SESSIONS_ENDED, "no longer known")
        except (requests.RequestException, ValueError) as error:
            # A provider that is away puts nobody out.
            conn.execute(SQL["renewed"], key | {"provider_token": due.provider_token, "provider_seconds": AWAY})
            log.warning("oidc.away", error=type(error).__name__)
        else:
            conn.execute(SQL["renewed"], key | {"provider_token": box.seal(fresh.encode()), "provider_seconds": AGAIN})
    return True


def _provider() -> Any:
    made = current_app.extensions.get("authlib.integrations.flask_client")
    if made is None:
        raise NotThere("path")
    return made.create_client("ministry")


def _only_signed(provider: Any, settings: Settings) -> None:
    """Believe the provider's description of itself only as far as it should be."""
    described = provider.load_server_metadata()
    if described.get("issuer", "").rstrip("/") != settings.oidc_issuer:
        raise ValueError("the provider calls itself something else")
    offered = described.get("id_token_signing_alg_values_supported") or ["RS256"]
    described["id_token_signing_alg_values_supported"] = [a for a in offered if a in _ALGORITHMS]


def _recognised(conn: sa.Connection, issuer: str, said: Mapping[str, Any]) -> int | None:
    """Who it is to us: by what the provider calls them, or, the first time, by an e-mail that it has verified."""
    asked = {"issuer": issuer, "subject": str(said["sub"])}
    known = conn.execute(SQL["known"], asked).one_or_none()
    if known is not None:
        return int(known.id)
    if said.get("email_verified") is not True or not said.get("email"):
        return None
    named = conn.execute(SQL["by_email"], {"email": emails.written(str(said["email"])), "issuer": issuer}).one_or_none()
    if named is None or conn.execute(SQL["link"], asked | {"user_id": named.id}).rowcount != 1:
        return None
    return int(named.id)


def _take_roles(conn: sa.Connection, user_id: int, roles: Mapping[str, str], groups: object) -> None:
    """Give the roles of the person's groups, and take back what groups gave that they are in no longer; both logged."""
    found: dict[tuple[int, str, int | None], str] = {}
    for group in _list(groups):
        role, _, place = roles.get(group, "").partition("@")
        code, _, area = place.partition("/")
        at = conn.execute(SQL["area"], {"programme": code, "area": area or None}).one_or_none()
        if role in RIGHTS and at is not None and (not area or at.area_id is not None):
            found[at.programme_id, role, at.area_id] = area or "everywhere"
    held = {"user_id": user_id, "programmes": [f[0] for f in found], "roles": [f[1] for f in found],
            "areas": [f[2] for f in found]}  # fmt: skip
    changed = [(Action.GRANT_TAKEN, tuple(row)) for row in conn.execute(SQL["forget_groups"], held)]
    changed += [(Action.GRANT_GIVEN, tuple(row)) for row in conn.execute(SQL["give_groups"], held)]
    email = conn.execute(sessions.SQL["email"], {"user_id": user_id}).scalar_one()
    actor = Actor(None, "the ministry's sign-in", log_of.address())
    for action, (programme_id, role, area_id) in sorted(changed, key=lambda each: each[1][0]):
        # Who is only signing in sees no area yet, not even its name: the code is that of the settings.
        where = found.get((programme_id, role, area_id)) or (f"area {area_id}" if area_id else "everywhere")
        trail.write(conn, [programme_id], actor, action, email, {"role": role, "where": where, "by": "group"})


def _refreshed(settings: Settings, token: str) -> str:
    """A new refresh token for this one; the provider may let the old one go on."""
    described = requests.get(f"{settings.oidc_issuer}/.well-known/openid-configuration", timeout=_PATIENCE)
    described.raise_for_status()
    secret = settings.oidc_client_secret and settings.oidc_client_secret.get_secret_value()
    with OAuth2Session(settings.oidc_client_id, secret, default_timeout=_PATIENCE) as client:
        given = client.refresh_token(described.json()["token_endpoint"], refresh_token=token)
    return str(given.get("refresh_token") or token)


def _kept(box: Box, token: object) -> dict[str, Any] | None:
    if not isinstance(token, str):
        return None
    sealed = box.seal(token.encode())
    return {"provider_token": sealed, "provider_seconds": AGAIN} if len(sealed) < _MOST_COOKIE else None


def _list(claim: object) -> Sequence[str]:
    return [str(part) for part in claim] if isinstance(claim, list) else [claim] if isinstance(claim, str) else []


def _failed(error: Exception) -> AnyResponse:
    # Its words may come from anybody who sends somebody to our address: they are logged, not shown.
    log.warning("oidc.refused", error=type(error).__name__, why=str(error)[:200])
    return routes.form("The ministry's sign-in did not work. Try it again, or use your password.", 502)
