"""A real OpenID provider on loopback for tests: `python -m tests.provider PORT`; Authlib's own server side.

Whoever comes is signed in as the person that the test has named at /control, where it also asks for what an honest
provider never does.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, ClassVar

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "true"  # on loopback there is nobody in between

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import AuthorizationCodeMixin, ClientMixin, TokenMixin
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, RefreshTokenGrant
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import UserInfo
from authlib.oidc.core.grants import OpenIDCode
from flask import Flask, Response, jsonify, request
from joserfc.jwk import KeySet, RSAKey

CLIENT_ID, CLIENT_SECRET = "vaxtrace", "a secret between the two of us"


class State:
    """What this process remembers."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.key = RSAKey.generate_key(2048, {"kid": "1"})
        self.wrong_key = RSAKey.generate_key(2048, {"kid": "1"})
        self.person: dict[str, Any] = {}
        self.mischief = ""
        self.away = False
        self.codes: dict[str, Code] = {}
        self.refresh: dict[str, Token] = {}
        self.asked: dict[str, str] = {}


@dataclass
class Code(AuthorizationCodeMixin):
    """A code between the browser and the token."""

    code: str
    redirect_uri: str
    scope: str
    nonce: str | None
    code_challenge: str | None
    code_challenge_method: str | None
    person: dict[str, Any]

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope

    def get_nonce(self) -> str | None:
        return self.nonce

    def get_auth_time(self) -> int:
        return int(time.time())

    def get_acr(self) -> None:
        return None

    def get_amr(self) -> list[str] | None:
        return self.person.get("amr")


@dataclass
class Token(TokenMixin):
    """A refresh token; `line` is shared by those that descend from one sign-in."""

    scope: str
    person: dict[str, Any]
    line: dict[str, bool] = field(default_factory=lambda: {"ended": False})
    used: bool = False

    def check_client(self, client: Any) -> bool:
        return True

    def get_scope(self) -> str:
        return self.scope


class Client(ClientMixin):
    """The one that is known here."""

    client_id = CLIENT_ID

    def get_client_id(self) -> str:
        return CLIENT_ID

    def get_default_redirect_uri(self) -> str:
        return ""

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri.endswith("/login/ministry/back")

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == CLIENT_SECRET

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method in {"client_secret_basic", "client_secret_post"}

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in {"authorization_code", "refresh_token"}


class Codes(AuthorizationCodeGrant):
    """A code for who is signed in here."""

    TOKEN_ENDPOINT_AUTH_METHODS: ClassVar[list[str]] = ["client_secret_basic", "client_secret_post"]

    def save_authorization_code(self, code: str, asked: Any) -> None:
        said = asked.payload.data
        self.server.state.codes[code] = Code(
            code, asked.payload.redirect_uri, asked.payload.scope, said.get("nonce"), said.get("code_challenge"),
            said.get("code_challenge_method"), dict(self.server.state.person),
        )  # fmt: skip

    def query_authorization_code(self, code: str, client: Any) -> Code | None:
        return self.server.state.codes.get(code)

    def delete_authorization_code(self, code: Code) -> None:
        self.server.state.codes.pop(code.code, None)

    def authenticate_user(self, code: Code) -> Any:
        return SimpleNamespace(person=code.person)


class Refresh(RefreshTokenGrant):
    """Refresh tokens rotate; one that is used twice ends its line."""

    TOKEN_ENDPOINT_AUTH_METHODS: ClassVar[list[str]] = ["client_secret_basic", "client_secret_post"]
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> Token | None:
        found = self.server.state.refresh.get(refresh_token)
        if found is None or found.line["ended"]:
            return None
        if found.used:
            found.line["ended"] = True
            return None
        return found

    def authenticate_user(self, credential: Token) -> Any:
        return SimpleNamespace(person=credential.person)

    def revoke_old_credential(self, credential: Token) -> None:
        credential.used = True


class Identity(OpenIDCode):
    """What is signed."""

    def __init__(self, state: State) -> None:
        super().__init__(require_nonce=True)
        self.state = state

    def exists_nonce(self, nonce: str, request: Any) -> bool:
        return any(code.nonce == nonce for code in self.state.codes.values())

    def resolve_client_private_key(self, client: Any) -> KeySet:
        return KeySet([self.state.wrong_key if self.state.mischief == "key" else self.state.key])

    def get_client_algorithm(self, client: Any) -> str:
        return "none" if self.state.mischief == "none" else "RS256"

    def get_client_claims(self, client: Any) -> dict[str, Any]:
        late = {"exp": int(time.time()) - 3600} if self.state.mischief == "late" else {}
        return late | {
            "iss": "http://127.0.0.1:1" if self.state.mischief == "issuer" else self.state.issuer,
            "aud": ["somebody else" if self.state.mischief == "audience" else CLIENT_ID],
        }

    def get_authorization_code_claims(self, authorization_code: Any) -> dict[str, Any]:
        claims = super().get_authorization_code_claims(authorization_code)
        return claims | ({"nonce": "another"} if self.state.mischief == "nonce" else {})

    def generate_user_info(self, user: Any, scope: str) -> UserInfo:
        return UserInfo({k: v for k, v in user.person.items() if k != "amr"})


def create(issuer: str) -> Flask:
    """The provider."""
    app, state = Flask("provider"), State(issuer)
    app.config["OAUTH2_REFRESH_TOKEN_GENERATOR"] = True

    def save_token(token: dict[str, Any], asked: Any) -> None:
        line = getattr(asked.refresh_token, "line", None) or {"ended": False}
        state.refresh[token["refresh_token"]] = Token(token["scope"], asked.user.person, line)

    server = AuthorizationServer(
        app, query_client=lambda name: Client() if name == CLIENT_ID else None, save_token=save_token
    )

    server.state = state  # type: ignore[attr-defined]  # the grants find it there
    server.register_grant(Codes, [Identity(state), CodeChallenge(required=True)])
    server.register_grant(Refresh)

    @app.get("/.well-known/openid-configuration")
    def described() -> tuple[Response, int]:
        return jsonify({
            "issuer": "http://127.0.0.1:1" if state.mischief == "description" else issuer,
            "authorization_endpoint": f"{issuer}/authorize", "token_endpoint": f"{issuer}/token",
            "jwks_uri": f"{issuer}/keys", "id_token_signing_alg_values_supported": ["RS256", "none", "HS256"],
            "code_challenge_methods_supported": ["S256"],
        }), 503 if state.away else 200  # fmt: skip

    @app.get("/keys")
    def keys() -> Response:
        return jsonify(KeySet([state.key]).as_dict(private=False))

    @app.get("/authorize")
    def authorize() -> Response:
        state.asked = request.args.to_dict()
        grant = server.get_consent_grant(end_user=SimpleNamespace(person=state.person))
        answer: Response = server.create_authorization_response(
            grant_user=SimpleNamespace(person=state.person), grant=grant
        )
        return answer

    @app.post("/token")
    def token() -> Response:
        answer: Response = server.create_token_response()
        return answer

    @app.route("/control", methods=["GET", "POST"])
    def control() -> Response:
        """What only a test asks for."""
        if request.method == "POST":
            for name, value in request.get_json().items():
                if name == "end":
                    for held in state.refresh.values():
                        held.line["ended"] = True
                else:
                    setattr(state, name, value)
        return jsonify(
            {"asked": state.asked, "refresh": list(state.refresh), "used": [t.used for t in state.refresh.values()]}
        )

    return app


if __name__ == "__main__":
    create(f"http://127.0.0.1:{sys.argv[1]}").run("127.0.0.1", int(sys.argv[1]), threaded=True)
