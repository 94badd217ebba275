"""POST /api/v1/token: how does a connected system fetch tokens? OAuth 2: client credentials, then refresh tokens."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from app.auth import rights, throttle, tokens
from app.auth import trail as log
from app.services import services, transaction
from data.record import trail
from data.record.trail import Action, Actor

blueprint = Blueprint("tokens", __name__)


@blueprint.post("/api/v1/token")
@rights.open_to_all
def token() -> Response:
    """A pair of tokens for a connected system that proves who it is; errors as RFC 6749 has them."""
    s = services()
    name, secret = _credentials()
    kind = request.form.get("grant_type")
    if kind not in {"client_credentials", "refresh_token"}:
        return _refused("unsupported_grant_type", "Send grant_type=client_credentials or refresh_token as a form.")
    counted = throttle.of_password(f"client {name}", log.address())
    try:
        throttle.attempt(s.engine, counted)
        with transaction() as conn:
            who = tokens.client(conn, name, secret, demo=s.settings.demo)
    except throttle.TooOften as error:
        busy = _refused("slow_down", error.message, 429)
        busy.headers["Retry-After"] = str(error.seconds)
        return busy
    except tokens.InvalidClient as error:
        refused = _refused("invalid_client", error.message, 401)
        refused.headers["WWW-Authenticate"] = "Basic"
        return refused
    throttle.succeeded(s.engine, counted)
    actor = Actor(who.user_id, who.email, log.address())
    with transaction() as conn:
        try:
            pair = (
                tokens.begin(conn, who)
                if kind == "client_credentials"
                else tokens.refresh(conn, who, request.form.get("refresh_token", ""))
            )
        except tokens.InvalidGrant as error:
            return _refused("invalid_grant", error.message)
        of_user = trail.programmes_of(conn, who.user_id)
        if pair is None:
            trail.write(conn, of_user, actor, Action.TOKEN_REUSED, name)
            return _refused("invalid_grant", "This refresh token was used before: all tokens of its line have ended.")
        if kind == "client_credentials":
            trail.write(conn, of_user, actor, Action.SIGNED_IN, name, {"by": "client credentials"})
    said = {
        "access_token": pair.access, "token_type": "Bearer", "expires_in": tokens.ACCESS_SECONDS,
        "refresh_token": pair.refresh,
    }  # fmt: skip
    return _unstored(jsonify(said | ({} if pair.rights is None else {"scope": " ".join(pair.rights)})))


def _credentials() -> tuple[str, str]:
    basic = request.authorization
    if basic is not None and basic.type == "basic":
        return basic.username or "", basic.password or ""
    return request.form.get("client_id", ""), request.form.get("client_secret", "")


def _refused(error: str, why: str, status: int = 400) -> Response:
    answer = jsonify({"error": error, "error_description": why})
    answer.status_code = status
    return _unstored(answer)


def _unstored(answer: Response) -> Response:
    answer.headers["Cache-Control"] = "no-store"
    return answer
