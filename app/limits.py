"""How much may one caller ask? The size of a body by route, and requests a minute by person, token or address.

Counted in Redis for all processes together (a fixed window of a minute); while Redis is away, by each process for
itself. Files that are public anyway and /health are not counted; tiles and vectors, which cost next to nothing, are
answered before this.
"""

from __future__ import annotations

import time

from flask import Flask, Response, request
from flask_limiter import Limiter, RateLimitExceeded
from werkzeug.exceptions import RequestEntityTooLarge

from app import services
from app.auth import sessions
from app.errors import TooLarge, TooManyRequests
from app.settings import Settings

#: The largest body in bytes: 10,000 events of 830 bytes each; a paper of 2 MiB in its form; everything else.
MOST_BYTES = 1024 * 1024
LARGER = {"stock_events.post": 8 * 1024 * 1024, "attachments.post": 2_200_000}

UNCOUNTED = frozenset({"static.asset", "health.health", "plotly"})
_SUITES = "/_dash-component-suites/"


def register(app: Flask, settings: Settings) -> None:
    """Bound every request of the application; before anything else looks at it."""
    allowed = {"person": settings.rate_person, "token": settings.rate_token, "address": settings.rate_address}

    @app.before_request
    def size() -> None:
        request.max_content_length = LARGER.get(request.endpoint or "", MOST_BYTES)

    limiter = Limiter(
        caller,
        application_limits=[lambda: allowed[caller().partition(":")[0]]],
        application_limits_exempt_when=_uncounted,
        storage_uri=_storage(settings.redis_url.get_secret_value()),
        storage_options={"socket_timeout": 1, "socket_connect_timeout": 1},
        strategy="fixed-window",
        in_memory_fallback_enabled=True,
        key_prefix=f"{settings.release}:rate",
    )
    limiter.init_app(app)

    @app.errorhandler(RequestEntityTooLarge)
    def larger(error: RequestEntityTooLarge) -> Response:
        most = f"{request.max_content_length:,} bytes" if request.max_content_length else "number of fields"
        said = TooLarge("body", "Send it in several parts.", value=most)
        return app.make_response(app.handle_user_exception(said))

    @app.errorhandler(RateLimitExceeded)
    def over(error: RateLimitExceeded) -> Response:
        limit = limiter.current_limit
        wait = max(1, int(limit.reset_at - time.time())) if limit else 60
        said = TooManyRequests(remedy=f"Wait {wait} s and ask again, or ask for more at once.", value=error.description)
        answer = app.make_response(app.handle_user_exception(said))
        answer.headers["Retry-After"] = str(wait)
        return answer


def caller() -> str:
    """Who is counted: a person over all their browsers, a token, or the address of a stranger."""
    who = services.current()
    if who is None:
        return f"address:{request.remote_addr}"
    if sessions.is_token(request.environ):
        return f"token:{who.token_hash.hex()[:24]}"
    return f"person:{who.user_id}"


def _uncounted() -> bool:
    return request.endpoint in UNCOUNTED or request.path.startswith(_SUITES)


def _storage(redis_url: str) -> str:
    """The address of Redis as the library for limits spells it."""
    return f"redis+{redis_url}" if redis_url.startswith("unix://") else redis_url
