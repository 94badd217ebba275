"""How much may one caller ask? The size of a body by route, and requests a minute by person, token or address.

Counted in Redis for all processes together (a fixed window of a minute); while Redis is away, by each process for
itself. Files that are public anyway and /health are not counted. Tiles and vectors, which cost next to nothing, are
answered before this; but the views of a nation that have to be worked out for them, at a past moment or by another
preset, are counted for whoever asks first, by whichever way.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

from flask import Flask, Response, request
from flask_limiter import Limiter, RateLimitExceeded
from limits import parse
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import FixedWindowRateLimiter
from redis.exceptions import RedisError
from werkzeug.exceptions import RequestEntityTooLarge

from app import services
from app.auth import throttle
from app.auth.principal import Principal
from app.errors import TooLarge, TooManyRequests
from app.settings import Settings

#: The largest body in bytes: 10,000 events of 830 bytes each; a paper of 2 MiB in its form; everything else.
MOST_BYTES = 1024 * 1024
LARGER = {"stock_events.post": 8 * 1024 * 1024, "attachments.post": 2_200_000, "record_pages.record": 2_200_000}

UNCOUNTED = frozenset({"static.asset", "health.health", "plotly"})
_SUITES = "/_dash-component-suites/"


#: Who is asking, as `name` has it, for work that knows of no request; blank is nobody who is counted.
asking: ContextVar[str] = ContextVar("asking", default="")
_PATIENCE = {"socket_timeout": 1, "socket_connect_timeout": 1}


class Work:
    """How much is worked out anew for whom: past moments and other presets of a whole nation."""

    def __init__(self, settings: Settings) -> None:
        self._most = parse(settings.rate_work)
        self._prefix = f"{settings.release}:work"
        shared = storage_from_string(_storage(settings.redis_url.get_secret_value()), **_PATIENCE)
        self._counted = FixedWindowRateLimiter(shared)
        #: By this process alone, while Redis is away.
        self._alone = FixedWindowRateLimiter(MemoryStorage())

    def spend(self) -> None:
        """Count one for who is asking; raises `TooManyRequests`."""
        who = asking.get()
        if not who:
            return
        try:
            counted, allowed = self._counted, self._counted.hit(self._most, self._prefix, who)
        except RedisError:
            counted, allowed = self._alone, self._alone.hit(self._most, self._prefix, who)
        if not allowed:
            wait = max(1, int(counted.get_window_stats(self._most, self._prefix, who).reset_time - time.time()))
            raise TooManyRequests(
                remedy=f"Wait {wait} s, then look at another day.", value=str(self._most), seconds=wait
            )


def register(app: Flask, settings: Settings) -> None:
    """Bound every request of the application; before anything else looks at it."""
    allowed = {"person": settings.rate_person, "token": settings.rate_token, "address": settings.rate_address}

    @app.before_request
    def size() -> None:
        request.max_content_length = LARGER.get(request.endpoint or "", MOST_BYTES)
        asking.set(caller())

    limiter = Limiter(
        caller,
        application_limits=[lambda: allowed[caller().partition(":")[0]]],
        application_limits_exempt_when=_uncounted,
        storage_uri=_storage(settings.redis_url.get_secret_value()),
        storage_options=_PATIENCE,  # type: ignore[arg-type]  # numbers are what Redis takes
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
        remedy = f"Wait {wait} s and ask again, or ask for more at once."
        said = TooManyRequests(remedy=remedy, value=error.description, seconds=wait)
        return app.make_response(app.handle_user_exception(said))


def caller() -> str:
    """Who is counted: a person over all their browsers, a token, or the address of a stranger."""
    who = services.current()
    return f"address:{throttle.place(str(request.remote_addr))}" if who is None else name(who)


def counted(
    current: Callable[[Mapping[str, Any]], Principal | None],
) -> Callable[[Mapping[str, Any]], Principal | None]:
    """The same question of who asks, which also remembers it for what is counted as work."""

    def ask(environ: Mapping[str, Any]) -> Principal | None:
        who = current(environ)
        asking.set("" if who is None else name(who))
        return who

    return ask


def name(who: Principal) -> str:
    """What somebody is counted as: a person, or a token by itself."""
    return f"person:{who.user_id}" if who.kind == "browser" else f"token:{who.token_hash.hex()[:24]}"


def _uncounted() -> bool:
    return request.endpoint in UNCOUNTED or request.path.startswith(_SUITES)


def _storage(redis_url: str) -> str:
    """The address of Redis as the library for limits spells it."""
    return f"redis+{redis_url}" if redis_url.startswith("unix://") else redis_url
