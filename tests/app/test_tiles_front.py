"""Tiles and values over HTTP, in front of everything else."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import mapbox_vector_tile
import pytest
import redis
import small
import sqlalchemy as sa
import structlog
from werkzeug.test import Client, TestResponse

from app.tiles import Front
from data import db
from data.scope import Scope, whole
from geo import aggregates, cache, held, outlines, tiles, values

NATION = "/tiles/small/1/areas/6/32/31.mvt"
EMPTY = "/tiles/small/1/areas/6/0/0.mvt"


@dataclass(frozen=True)
class Person:
    programmes: frozenset[str]

    def scope(self, right: str, programme_id: int) -> Scope:
        return whole(programme_id)


@dataclass(frozen=True)
class Site:
    """The front with a country behind it; the header `X-Person` names the programmes of who asks."""

    engine: sa.Engine
    front: Front
    client: Client

    def get(self, path: str, person: str | None = "small", **headers: str) -> TestResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.get(path, headers=named | ({} if person is None else {"X-Person": person}))


def who(environ: Mapping[str, Any]) -> Person | None:
    named = environ.get("HTTP_X_PERSON")
    return None if named is None else Person(frozenset(named.split()))


def behind(environ: Mapping[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Flask"]


@pytest.fixture
def site(database_url: str, redis_url: str) -> Iterator[Site]:
    engine = db.engine(database_url)
    with db.transaction(engine) as conn:
        for code in ("small", "other"):
            country = small.build(conn, code)
            outlines.draw(conn, country.programme_id)
            aggregates.rebuild(conn, country.programme_id)
            conn.execute(sa.text("insert into push values (:id, 5, 'map:reload', '{}')"), {"id": country.programme_id})
    front = Front(behind, engine, cache.Cache(cache.connect(redis_url, "test")), who)
    yield Site(engine, front, Client(front))
    engine.dispose()


@pytest.mark.parametrize("path", [NATION, "/values/small/1/areas/0"])
def test_a_defect_is_logged_and_answered_in_the_common_shape(site: Site, redis_url: str, path: str) -> None:
    def broken(environ: Mapping[str, Any]) -> Person | None:
        raise ZeroDivisionError("of ours")

    front = Front(behind, site.engine, cache.Cache(cache.connect(redis_url, "test")), broken)
    with structlog.testing.capture_logs() as logs:
        answer = Client(front).get(path)
    assert answer.status_code == 500
    assert set(json.loads(answer.data)) == {"error", "message", "details"}
    assert json.loads(answer.data)["error"] == "Unforeseen"
    [entry] = logs
    assert (entry["event"], entry["path"]) == ("request.failed", path)
    assert isinstance(entry["exc_info"], ZeroDivisionError)


def said(response: TestResponse) -> tuple[int, str, set[str]]:
    body = json.loads(response.data)
    assert set(body) == {"error", "message", "details"}
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    return response.status_code, body["error"], set(body["details"])


def test_a_tile_comes_compressed_and_for_ever(site: Site) -> None:
    response = site.get(NATION, **{"Accept_Encoding": "br, gzip;q=0.8"})
    assert response.status_code == 200
    assert response.headers["Content-Encoding"] == "gzip"
    assert response.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    assert response.headers["Content-Type"] == "application/vnd.mapbox-vector-tile"
    assert int(response.headers["Content-Length"]) == len(response.data)
    tile = mapbox_vector_tile.decode(gzip.decompress(response.data))
    assert {feature["properties"]["code"] for feature in tile["areas"]["features"]} >= {"SM", "W1"}
    assert site.get(NATION, **{"Accept_Encoding": "gzip"}).data == response.data


def test_gzip_goes_to_those_who_take_it_and_to_nobody_else(site: Site) -> None:
    for accepted in ("gzip", "br, gzip", "GZIP;q=1.0, br", "*", "deflate,gzip;q=0.5"):
        assert site.get(NATION, **{"Accept_Encoding": accepted}).headers["Content-Encoding"] == "gzip", accepted
    for accepted in ("", "br", "gzip;q=0", "identity, gzip;q=0.0", "xgzip"):
        response = site.get(NATION, **{"Accept_Encoding": accepted})
        assert "Content-Encoding" not in response.headers, accepted
        assert response.headers["Vary"] == "Accept-Encoding"
        assert "areas" in mapbox_vector_tile.decode(response.data)


def test_an_empty_tile_is_no_content_and_that_for_ever(site: Site) -> None:
    response = site.get(EMPTY)
    assert (response.status_code, response.data) == (204, b"")
    assert "immutable" in response.headers["Cache-Control"]
    assert "Content-Length" not in response.headers


def test_nothing_is_made_or_kept_of_the_rest_of_the_world(site: Site, redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        site.get(NATION)
        before = client.dbsize()
        for x in range(0, 4096, 100):
            response = site.get(f"/tiles/small/1/facilities/12/{x}/50.mvt")
            assert (response.status_code, response.data) == (204, b"")
        assert client.dbsize() == before
    facility = site.get("/tiles/small/1/facilities/8/128/127.mvt")
    assert (facility.status_code, facility.data == b"") == (200, False)


def test_what_the_browser_has_is_not_sent_again(site: Site) -> None:
    for path in (NATION, "/values/small/1/areas/1", "/values/small/1/1/0"):
        first = site.get(path)
        again = site.get(path, **{"If_None_Match": first.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")
        for name in ("ETag", "Cache-Control", "VaxTrace-Seq"):
            assert again.headers.get(name) == first.headers.get(name)
        assert site.get(path, **{"If_None_Match": '"other"'}).status_code == 200


def test_values_are_octets_with_the_push_they_include(site: Site) -> None:
    areas = site.get("/values/small/1/areas/1")
    assert (areas.status_code, len(areas.data), areas.headers["VaxTrace-Seq"]) == (200, 3 * 6, "5")
    assert areas.headers["Content-Type"] == "application/octet-stream"
    assert areas.headers["Cache-Control"] == "private, no-cache"
    east, west = site.get("/values/small/1/1/2"), site.get("/values/small/1/2/2")
    assert (len(east.data), len(west.data)) == (2 * 1, 2 * 3)
    assert west.data == bytes([0, 0, 0, 255, 255, 255])
    packed = site.get("/values/small/1/2/2", **{"Accept_Encoding": "gzip"})
    assert gzip.decompress(packed.data) == west.data


def test_a_past_month_is_asked_for_by_its_name(site: Site) -> None:
    with db.transaction(site.engine) as conn:
        conn.execute(
            sa.text(
                "insert into stock_month (facility_id, product_id, month, state, probability)"
                " select f.id, d.id, '2016-05-01', 2, 1 from facility f join product d using (programme_id)"
            )
        )
    assert site.get("/values/small/1/2/1?month=2016-05").data == bytes([2, 2, 2, 9, 9, 9])
    assert site.get("/values/small/1/2/1?month=2016-06").data == bytes([0, 0, 0, 255, 255, 255])
    for wrong in ("2016-13", "2016-5", "May", "2016-05-01", "0000-01"):
        assert said(site.get(f"/values/small/1/2/1?month={wrong}")) == (
            422,
            "InvalidMonth",
            {"field", "remedy", "value"},
        )


def test_strangers_get_nothing_not_even_whether_it_is_there(site: Site) -> None:
    site.get(NATION)
    for path in (NATION, EMPTY, "/values/small/1/areas/1", "/tiles/", "/values/nowhere/1/areas/1"):
        response = site.get(path, person=None)
        assert said(response)[:2] == (401, "NotSignedIn")
        assert response.headers["WWW-Authenticate"] == "Bearer"


def test_the_programme_of_others_does_not_exist(site: Site) -> None:
    assert site.get(NATION, person="small other").status_code == 200
    assert site.get("/tiles/other/1/areas/6/32/31.mvt", person="other").status_code == 200
    theirs = site.get("/tiles/other/1/areas/6/32/31.mvt")
    nowhere = site.get("/tiles/nowhere/1/areas/6/32/31.mvt", person="small nowhere")
    assert said(theirs) == said(nowhere) == (404, "UnknownProgramme", {"field", "remedy", "value"})
    assert said(site.get("/values/other/1/areas/1"))[:2] == (404, "UnknownProgramme")


#: Addresses with nothing behind them, and what they are told.
MISSING = [
    ("/tiles/small/1/roads/6/32/31.mvt", "UnknownLayer"),
    ("/tiles/small/1/areas/11/0/0.mvt", "OutsidePyramid"),
    ("/tiles/small/1/facilities/5/0/0.mvt", "OutsidePyramid"),
    ("/tiles/small/1/areas/6/64/0.mvt", "OutsidePyramid"),
    ("/tiles/small/2/areas/6/32/31.mvt", "OldVersion"),
    ("/values/small/2/areas/1", "OldVersion"),
    ("/values/small/1/areas/9", "UnknownSeat"),
    ("/values/small/1/9/1", "UnknownSeat"),
    ("/tiles/small/1/areas/6/32/-1.mvt", "NotThere"),
    ("/tiles/small/1/areas/6/32/31.png", "NotThere"),
    ("/tiles/small/1/areas/6/32/31.mvt/..", "NotThere"),
    ("/values/small/1/areas/1/", "NotThere"),
    ("/values/small/one/areas/1", "NotThere"),
]


def test_what_is_not_there_is_not_found_and_says_why(site: Site) -> None:
    for path, error in MISSING:
        status, name, details = said(site.get(path))
        assert (status, name) == (404, error), path
        assert "field" in details, path


def test_a_page_of_an_old_version_is_told_to_reload(site: Site) -> None:
    site.get(NATION)
    with db.transaction(site.engine) as conn:
        conn.execute(sa.text("update programme set registry_version = 2 where code = 'small'"))
    newer = NATION.replace("/1/", "/2/", 1)
    for _ in range(60):  # a process believes what it knows for a second
        if site.get(newer).status_code == 200:
            break
        threading.Event().wait(0.05)
    assert said(site.get(NATION))[:2] == (404, "OldVersion")
    assert json.loads(site.get(NATION).data)["details"]["remedy"] == "Reload the page."


def push(site: Site, seq: int, risk: int) -> None:
    """Another share of children at risk in the nation: committed, and applied in Redis."""
    with db.transaction(site.engine) as conn:
        row = conn.execute(
            sa.text(
                "update area_status s set children = 100, children_at_risk = :risk from area a, programme p"
                " where a.id = s.area_id and a.seat = 0 and s.product_seat = 1"
                " and p.id = a.programme_id and p.code = 'small'"
                " returning p.id, s.risk_share, s.out_share, s.reporting_share"
            ),
            {"risk": risk},
        ).one()
        conn.execute(sa.text("insert into push values (:id, :seq, 'map:update', '{}')"), {"id": row.id, "seq": seq})
    cell = [255 if share is None else share for share in row[1:]]
    assert values.apply(site.front._cache.link, row.id, seq, areas=[(0, 1, *cell)]) is values.Applied.APPLIED


NATION_AT_RISK = "/values/small/1/areas/1"


def risk_at(response: TestResponse) -> tuple[int, int]:
    """The push that an answer says it includes, and the nation's share in it."""
    assert response.status_code == 200
    return int(response.headers["VaxTrace-Seq"]), response.data[0]


def test_a_held_vector_goes_only_to_those_who_know_no_later_push(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.get(NATION_AT_RISK)
    monkeypatch.setattr(held, "MOMENT", 3600.0)
    push(site, 6, 61)
    site.get(NATION_AT_RISK, **{"VaxTrace_After": "6"})
    push(site, 7, 71)
    assert risk_at(site.get(NATION_AT_RISK)) == (6, 61)
    assert risk_at(site.get(NATION_AT_RISK, **{"VaxTrace_After": "6"})) == (6, 61)
    assert risk_at(site.get(NATION_AT_RISK, **{"VaxTrace_After": "7"})) == (7, 71)
    # It is held now: nobody is taken back to what was before it.
    assert risk_at(site.get(NATION_AT_RISK)) == (7, 71)


def test_a_held_vector_is_gone_after_a_moment(site: Site) -> None:
    site.get(NATION_AT_RISK)
    push(site, 6, 61)
    for _ in range(200):
        if risk_at(site.get(NATION_AT_RISK)) == (6, 61):
            return
        threading.Event().wait(0.02)
    pytest.fail("the vector of before the push is still given")


@pytest.mark.parametrize("said", ["", "six", "-1", "6.0", "+6", "0x6", "\xb2", "1" * 19, "6, 7", "9" * 400])
def test_who_says_what_is_no_push_is_answered_anew(site: Site, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setattr(held, "MOMENT", 3600.0)
    site.get(NATION_AT_RISK)
    push(site, 6, 61)
    assert risk_at(site.get(NATION_AT_RISK, **{"VaxTrace_After": said})) == (6, 61)


def test_who_says_a_push_that_is_yet_to_come_gets_what_there_is(site: Site) -> None:
    site.get(NATION_AT_RISK)
    push(site, 6, 61)
    for _ in range(2):
        assert risk_at(site.get(NATION_AT_RISK, **{"VaxTrace_After": "999"})) == (6, 61)


def test_what_is_held_is_not_for_everyone_either(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held, "MOMENT", 3600.0)
    assert site.get(NATION_AT_RISK).status_code == 200
    assert said(site.get(NATION_AT_RISK, person=None))[:2] == (401, "NotSignedIn")
    assert said(site.get(NATION_AT_RISK, person="other"))[:2] == (404, "UnknownProgramme")
    assert site.get("/values/other/1/areas/1", person="other").headers["VaxTrace-Seq"] == "5"
    with db.transaction(site.engine) as conn:
        conn.execute(sa.text("update programme set registry_version = 2 where code = 'small'"))
    for _ in range(60):  # a process believes what it knows for a second
        answer = site.get(NATION_AT_RISK)
        if answer.status_code == 404:
            break
        threading.Event().wait(0.05)
    assert said(answer)[:2] == (404, "OldVersion")


def test_versions_that_follow_the_clock_go_on_after_2038(site: Site) -> None:
    with db.transaction(site.engine) as conn:
        conn.execute(sa.text("update programme set registry_version = 2200000000 where code = 'other'"))
    front = Client(Front(behind, site.engine, site.front._cache, who))
    for path in ("/tiles/other/2200000000/areas/6/32/31.mvt", "/values/other/2200000000/areas/0"):
        for _again in range(2):  # made, then read from the cache
            assert front.get(path, headers={"X-Person": "other"}).status_code == 200, path


def test_head_says_what_get_would_send(site: Site) -> None:
    for path in (NATION, "/values/small/1/areas/1"):
        got = site.get(path)
        head = site.client.head(path, headers={"X-Person": "small"})
        assert (head.status_code, head.data) == (200, b"")
        assert head.headers["Content-Length"] == str(len(got.data))
        assert head.headers["ETag"] == got.headers["ETag"]


def test_nothing_can_be_written_here(site: Site) -> None:
    response = site.client.post(NATION, headers={"X-Person": "small"})
    assert said(response)[:2] == (405, "ReadOnly")
    assert response.headers["Allow"] == "GET, HEAD"


def test_everything_else_goes_to_the_application_behind(site: Site) -> None:
    assert site.get("/", person=None).data == b"Flask"
    assert site.get("/tilesets", person=None).data == b"Flask"


def test_a_hundred_browsers_that_miss_a_tile_together_make_it_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    made, lock, read = [], threading.Lock(), tiles.read

    def counted(*args: Any, **named: Any) -> bytes:
        with lock:
            made.append(args)
        return read(*args, **named)

    monkeypatch.setattr(tiles, "read", counted)
    with ThreadPoolExecutor(100) as threads:
        answers = list(threads.map(lambda _: site.get("/tiles/small/1/facilities/8/128/127.mvt"), range(100)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.data for answer in answers}) == 1
    assert len(made) == 1


def test_cached_tiles_are_answered_while_the_database_is_away(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    ready = site.get(NATION).data
    away = db.engine("postgresql://nobody@127.0.0.1:1/none")
    for part in (site.front, site.front._registries, site.front._values):
        monkeypatch.setattr(part, "_engine", away)
    monkeypatch.setattr(site.front, "_public", away)
    assert site.get(NATION).data == ready
    response = site.get("/tiles/small/1/areas/7/64/63.mvt")
    assert said(response)[:2] == (503, "DatabaseUnavailable")
