"""Who answers for tiles and value vectors? A WSGI function in front of Flask: what is cached costs next to nothing.

It lets nobody in by itself: `who` says whose request this is, as everywhere else. It answers 200 with gzip where that
is accepted, 204 where a tile is empty, 304 where the browser has it; 401, 404, 405, 422, 500, 503 with the common body.
"""

from __future__ import annotations

import gzip
import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from http import HTTPStatus
from typing import Any, NamedTuple, Protocol
from urllib.parse import parse_qs
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import sqlalchemy as sa

from app import past
from app.errors import NotSignedIn, body, status, unforeseen
from data import db, lens, programmes
from data.errors import DataError, UnknownProgramme
from data.lens import Lens
from data.scope import Scope
from geo import cut, errors, parts, tile, tiles
from geo.cache import Cache, Key, Recent
from geo.held import Finished, Held, Which
from geo.lens import Lenses
from geo.past import Pasts
from geo.reach import Reach, Reaches
from geo.registry import Registries, Registry
from geo.values import Values, Vector, cut_to

#: A tile's address holds its version, so it never changes; `private` because it asks for a session.
FOREVER = "private, max-age=31536000, immutable"
ASK_AGAIN = "private, no-cache"

_TILE = re.compile(r"/tiles/([^/]+)/([0-9]{1,10})/([a-z_]+)/([0-9]{1,2})/([0-9]{1,9})/([0-9]{1,9})\.mvt")
_VALUES = re.compile(r"/values/([^/]+)/([0-9]{1,10})/(areas|[0-9]{1,9})/([0-9]{1,4})")
_PUSH = re.compile(r"[0-9]{1,18}")
_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")
_GZIP = re.compile(r"(?:^|,)\s*(?:gzip|\*)\s*(?:;\s*q=(?!0(?:\.0*)?\s*(?:,|$))[0-9.]+\s*)?(?=,|$)", re.IGNORECASE)

#: What a browser may do with any of it: take it for what it says it is, and show it on our pages only.
_KEPT_TO = (("X-Content-Type-Options", "nosniff"), ("Cross-Origin-Resource-Policy", "same-origin"))

_OK, _EMPTY, _UNCHANGED = "200 OK", "204 No Content", "304 Not Modified"

#: For who says what cannot be read as the number of a push: nothing held is as new as that.
_LATEST = 10**18

Headers = list[tuple[str, str]]


class ReadOnly(DataError):
    """Tiles and values can only be read."""


class Principal(Protocol):
    """Who asks, as far as this module cares."""

    @property
    def programmes(self) -> frozenset[str]:
        """The codes of the programmes of which anything may be seen."""

    def scope(self, right: str, programme_id: int) -> Scope:
        """Where in a programme a right is had."""


@dataclass(frozen=True, slots=True)
class ZippedKey(Key):
    """A compressed vector. Never stale: `etag` is the digest of its content."""

    etag: str


class Answer(NamedTuple):
    """A response before it is a response. `encoded` says that the content is gzip."""

    status: str
    content: bytes
    headers: Headers
    encoded: bool = False


class Front:
    """The WSGI application: `/tiles/` and `/values/` are answered here, everything else by the one behind."""

    def __init__(
        self,
        behind: WSGIApplication,
        engine: sa.Engine,
        cache: Cache,
        who: Callable[[Mapping[str, Any]], Principal | None],
        pasts: Pasts | None = None,
        lenses: Lenses | None = None,
        *,
        public: sa.Engine | None = None,
        reaches: Reaches | None = None,
    ) -> None:
        self._behind = behind
        self._engine = engine
        #: Shapes are drawn by who sees no stock.
        self._public = public or engine
        self._cache = cache
        self._who = who
        self._reaches = reaches or Reaches(self._public)
        self._values = Values(engine, cache.link, self._reaches.whole)
        self._pasts = pasts or Pasts(engine, self._reaches.whole)
        self._lenses = lenses or Lenses(engine, self._reaches.whole)
        self._registries = Registries(self._public)
        self._zipped = Recent(8 << 20)
        self._held = Held(8 << 20)

    def close(self) -> None:
        """Let go of the connections to PostgreSQL; a process keeps them until it ends."""
        self._engine.dispose()
        self._public.dispose()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        path = environ.get("PATH_INFO", "")
        if not path.startswith(("/tiles/", "/values/")):
            return self._behind(environ, start_response)
        try:
            answer, content = self._sent(environ, path)
        except Exception as error:
            answer = _said(unforeseen(path, error), HTTPStatus.INTERNAL_SERVER_ERROR)
            content = answer.content
        if answer.status not in (_EMPTY, _UNCHANGED):
            answer.headers.append(("Content-Length", str(len(content))))
        answer.headers.extend(_KEPT_TO)
        start_response(answer.status, answer.headers)
        return [content] if content and environ["REQUEST_METHOD"] != "HEAD" else []

    def _sent(self, environ: WSGIEnvironment, path: str) -> tuple[Answer, bytes]:
        """The answer, and its content in the form that the browser takes."""
        answer = self._answer(environ, path)
        if not answer.encoded:
            return answer, answer.content
        if not _GZIP.search(environ.get("HTTP_ACCEPT_ENCODING", "")):
            return answer, gzip.decompress(answer.content)
        answer.headers.append(("Content-Encoding", "gzip"))
        return answer, answer.content

    def _answer(self, environ: WSGIEnvironment, path: str) -> Answer:
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return _refusal(ReadOnly(), HTTPStatus.METHOD_NOT_ALLOWED, ("Allow", "GET, HEAD"))
        try:
            principal = self._who(environ)
            if principal is None:
                raise NotSignedIn(remedy="Sign in, or send Authorization: Bearer with a valid token.")
            known = environ.get("HTTP_IF_NONE_MATCH", "")
            if address := _TILE.fullmatch(path):
                return self._tile(principal, known, *address.groups())
            if address := _VALUES.fullmatch(path):
                code, version, place, product = address.groups()
                registry = self._find(principal, code, version)
                partition = None if place == "areas" else int(place)
                query = environ.get("QUERY_STRING", "")
                scope = principal.scope("see", registry.id)
                reach = None if scope.whole else self._reaches.find(scope)
                if through := _lens(query):
                    return _vector(known, self._through(registry, partition, int(product), through, environ, reach))
                if "as_of=" in query:
                    return _vector(known, self._past(registry, partition, int(product), query, reach))
                month = _month(query)
                key = None if reach is None else reach.key
                which = Which(registry.id, registry.version, partition, int(product), month, key)
                after = _after(environ.get("HTTP_VAXTRACE_AFTER"))
                return _vector(known, self._held.get(which, after) or self._finish(registry, which, after, reach))
            raise errors.NotThere(field="path")
        except NotSignedIn as error:
            return _refusal(error, status(error), ("WWW-Authenticate", "Bearer"))
        except DataError as error:
            return _refusal(error, status(error))

    def _tile(
        self, principal: Principal, known: str, code: str, version: str, layer: str, z: str, x: str, y: str
    ) -> Answer:
        registry = self._find(principal, code, version)
        key = tiles.TileKey(registry.id, registry.version, layer, int(z), int(x), int(y))
        content = self._cache.held(key)
        if content is None:
            tiles.check(layer, key.z, key.x, key.y)
            # Of the rest of the world nothing is asked for or kept: there are millions of such tiles.
            there = registry.box is not None and tile.near(registry.box, key.z, key.x, key.y)
            content = tiles.encoded(self._public, self._cache, key) if there else b""
        if not content:
            return Answer(_EMPTY, b"", [("Cache-Control", FOREVER)])
        # The end of a gzip file is the checksum and the length of what is in it: a digest that costs nothing.
        etag = f'W/"{content[-8:].hex()}"'
        headers = [("Cache-Control", FOREVER), ("ETag", etag), ("Vary", "Accept-Encoding")]
        if etag in known:
            return Answer(_UNCHANGED, b"", headers)
        return Answer(_OK, content, [("Content-Type", "application/vnd.mapbox-vector-tile"), *headers], encoded=True)

    def _finish(self, registry: Registry, which: Which, after: int, reach: Reach | None) -> Finished:
        read_at = time.monotonic()
        if which.partition is None:
            vector = self._values.areas(registry, which.product, which.month, after)
        else:
            vector = self._values.facilities(registry, which.partition, which.product, which.month, after)
        if reach is not None:
            vector = self._cut(registry, which, vector, reach)
        finished = self._packed(vector)
        self._held.put(which, finished, read_at)
        return finished

    def _cut(self, registry: Registry, which: Which, vector: Vector, reach: Reach) -> Vector:
        """What is left of a vector for somebody who sees a part; the areas above are read after it, so are as new."""
        if which.partition is not None:
            first, _ = registry.partitions[which.partition]
            return cut_to(registry, vector, cut.facilities(reach, first, vector.body))
        with db.transaction(self._engine, self._reaches.whole(registry.id)) as conn:
            lines = parts.lines(conn, reach, [which.product], which.month)
        return cut_to(registry, vector, cut.areas(reach, vector.body, lines))

    def _past(
        self, registry: Registry, partition: int | None, product: int, query: str, reach: Reach | None
    ) -> Finished:
        """The vector of a past moment."""
        if product not in registry.products:
            raise errors.UnknownSeat(value=product, field="product", remedy="Take a seat of the registry.")
        with db.transaction(self._engine, self._reaches.whole(registry.id)) as conn:
            sent = {name: values[-1] for name, values in parse_qs(query).items()}
            as_of = past.asked(conn, programmes.find(conn, registry.code), sent, datetime.now(UTC))
        if as_of is None:
            raise errors.NotThere(field="path")
        if partition is None:
            return self._packed(self._pasts.areas(registry, product, as_of, reach))
        return self._packed(self._pasts.facilities(registry, partition, product, as_of, reach))

    def _through(
        self,
        registry: Registry,
        partition: int | None,
        product: int,
        through: Lens,
        environ: WSGIEnvironment,
        reach: Reach | None,
    ) -> Finished:
        """The vector of now through a lens."""
        after = _after(environ.get("HTTP_VAXTRACE_AFTER"))
        if partition is None:
            return self._packed(self._lenses.areas(registry, product, through, after, reach))
        return self._packed(self._lenses.facilities(registry, partition, product, through, after, reach))

    def _packed(self, vector: Vector) -> Finished:
        key = ZippedKey(vector.etag)
        content = self._zipped.get(key)
        if content is None:
            content = gzip.compress(vector.body, compresslevel=6, mtime=0)
            self._zipped.put(key, content)
        return Finished(content, vector.etag, vector.seq)

    def _find(self, principal: Principal, code: str, version: str) -> Registry:
        # Somebody else's programme and one that does not exist look alike.
        if code not in principal.programmes:
            raise UnknownProgramme(value=code, field="programme", remedy="Choose one of /api/v1/programmes.")
        return self._registries.find(code, int(version))


def _vector(known: str, vector: Finished) -> Answer:
    etag = f'W/"{vector.etag}"'
    headers = [
        ("Cache-Control", ASK_AGAIN),
        ("ETag", etag),
        ("Vary", "Accept-Encoding"),
        ("VaxTrace-Seq", str(vector.seq)),
    ]
    if etag in known:
        return Answer(_UNCHANGED, b"", headers)
    return Answer(_OK, vector.content, [("Content-Type", "application/octet-stream"), *headers], encoded=True)


def _after(said: str | None) -> int:
    """The push that the answer has to include; 0 for who has heard of none."""
    if said is None:
        return 0
    return int(said) if _PUSH.fullmatch(said) else _LATEST


def _lens(query: str) -> Lens | None:
    if "preset=" not in query and "horizon=" not in query:
        return None
    asked = {name: values[-1] for name, values in parse_qs(query).items()}
    return lens.asked(asked.get("preset"), asked.get("horizon"), now="month" not in asked and "as_of" not in asked)


def _month(query: str) -> date | None:
    asked = parse_qs(query).get("month", [""])[-1] if query else ""
    if not asked:
        return None
    found = _MONTH.fullmatch(asked)
    if found is None or found[1] == "0000":
        raise errors.InvalidMonth(value=asked, field="month", remedy="Take one of the registry's months.")
    return date(int(found[1]), int(found[2]), 1)


def _refusal(error: DataError, code: HTTPStatus, *headers: tuple[str, str]) -> Answer:
    if "seconds" in error.details:
        headers = (*headers, ("Retry-After", str(error.details["seconds"])))
    return _said(body(error), code, *headers)


def _said(what: dict[str, Any], code: HTTPStatus, *headers: tuple[str, str]) -> Answer:
    content = json.dumps(what, default=str).encode()
    return Answer(_line(code), content, [("Content-Type", "application/json"), ("Cache-Control", "no-store"), *headers])


def _line(code: HTTPStatus) -> str:
    return f"{code.value} {code.phrase}"
