"""What attackers try, and what they get. Each is tried as they would: over HTTP, with what they can have."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
import redis
from pydantic import ValidationError
from werkzeug.test import Client, TestResponse

from app import create_app, limits
from app.api.stock_events import Event
from app.auth import csrf, sessions
from app.errors import TooManyRequests
from app.settings import Settings
from tests.keys import KEY

HOSTILE = [
    "'; drop table stock_event; --",
    '"><script>alert(1)</script>',
    "{{7001*7}}${7001*7}%s%(a)s",
    "x' or '1'='1",
]
#: Wherever a reader can put text into an address.
ASKED = [
    "/api/v1/small/search?q={}", "/api/v1/small/areas/{}", "/api/v1/small/areas/E?vaccine={}",
    "/api/v1/small/facilities/{}", "/api/v1/small/facilities/F-W1?as_of={}",
    "/api/v1/small/facilities/F-W1?as_of=2026-01-01&sense={}", "/api/v1/small/facilities/F-W1/bin-card?product={}",
    "/api/v1/small/facilities/F-W1/bin-card?product=BCG&lot={}&from={}&to={}",
    "/api/v1/small/counts?facility={}", "/api/v1/small/shipments?facility={}", "/api/v1/small/changes?since={}",
    "/small/bin-card?facility={}&product={}", "/small/bin-card?facility=F-W1&product=BCG&from={}&to={}&lot={}",
    "/small/counts?facility={}", "/small/counts/new?facility={}", "/small/counts/{}", "/small/alerts?page={}",
    "/small/orders?facility={}", "/small/orders/new?facility={}", "/small/orders/{}",
    "/api/v1/small/orders?facility={}", "/api/v1/small/orders?status={}", "/api/v1/small/orders/{}",
    "/small/record?facility=F-W1&product=BCG&kind=receipt&partner={}&document={}",
    "/login?next={}", "/{}", "/small/{}", "/values/small/1/{}/1", "/tiles/small/1/{}/1/1/1.mvt",
]  # fmt: skip


def test_a_session_that_an_attacker_set_before_is_not_the_one_after_signing_in(site: Any) -> None:
    browser = Client(site.app)
    browser.set_cookie(sessions.COOKIE, "chosen-by-the-attacker")
    page = browser.get("/login")
    token = page.text.split('name="csrf_token" value="')[1].split('"')[0]
    form = {"email": "national@example.org", "password": "a password for tests", "csrf_token": token}
    answer = browser.post("/login", data=form)
    assert answer.status_code == 303
    now = browser.get_cookie(sessions.COOKIE)
    assert now is not None
    assert now.value != "chosen-by-the-attacker"
    attacker = Client(site.app)
    attacker.set_cookie(sessions.COOKIE, "chosen-by-the-attacker")
    assert attacker.get("/api/v1/programmes").status_code == 401


def _form_token(browser: Client) -> str:
    browser.get("/small/alerts", headers={"Accept": "text/html"})
    cookie = browser.get_cookie(csrf.COOKIE)
    assert cookie is not None
    return str(cookie.value)


def _changes(browser: Client, token: str | None) -> list[TestResponse]:
    """Everything that a signed-in browser can be made to send, by a form and by a script."""
    header = {} if token is None else {csrf.HEADER: token}
    field = {} if token is None else {csrf.FIELD: token}
    return [
        browser.post("/api/v1/stock-events", json={"programme": "small", "events": []}, headers=header),
        browser.post("/api/v1/small/counts", json={"facility": "F-W1"}, headers=header),
        browser.post("/_dash-update-component", json={}, headers=header),
        browser.post("/small/counts", data=field | {"facility": "F-W1"}),
        browser.post("/small/bin-card/resolve", data=field),
        browser.post("/logout", data=field),
    ]


def test_a_change_without_the_sessions_token_is_refused_wherever_it_goes(site: Any) -> None:
    for answer in _changes(site.browser("national"), None):
        assert (answer.status_code, answer.json["details"]["field"]) == (400, csrf.FIELD), answer.request.path


def test_a_token_that_was_seen_in_another_session_is_refused(site: Any) -> None:
    seen = _form_token(site.browser("national"))
    for answer in _changes(site.browser("national"), seen):
        assert (answer.status_code, answer.json["details"]["field"]) == (400, csrf.FIELD), answer.request.path


def test_a_token_is_of_no_use_after_its_session_has_ended(site: Any) -> None:
    browser = site.browser("national")
    token = _form_token(browser)
    session = browser.get_cookie(sessions.COOKIE).value
    assert browser.post("/logout", data={csrf.FIELD: token}).status_code == 303
    browser.set_cookie(sessions.COOKIE, session)
    assert {answer.status_code for answer in _changes(browser, token)} == {401}


def test_a_page_of_another_site_cannot_change_anything_even_with_the_token(site: Any) -> None:
    browser = site.browser("national")
    token = _form_token(browser)
    answer = browser.post("/logout", data={csrf.FIELD: token}, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403


@pytest.mark.parametrize("path", [
    "/api/v1/small/registry", "/api/v1/small/areas/E", "/api/v1/small/facilities/F-W1", "/api/v1/small/search?q=F",
    "/api/v1/small/changes?since=0", "/api/v1/small/facilities/F-W1/bin-card?product=BCG",
    "/api/v1/small/facilities/F-W1/bin-card.csv?product=BCG", "/api/v1/small/counts",
    "/api/v1/small/shipments?facility=F-W1",
    "/small/alerts", "/small/about", "/small/counts", "/small/bin-card?facility=F-W1&product=BCG",
])  # fmt: skip
def test_a_token_of_another_tenant_opens_nothing_and_is_not_told_what_there_is(site: Any, path: str) -> None:
    answer = site.get(path, "elsewhere")
    unknown = site.get(path.replace("/small", "/nowhere"), "elsewhere")
    assert answer.status_code == unknown.status_code == 404
    assert answer.json["message"] == unknown.json["message"].replace("nowhere", "small")


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_in_any_address_is_only_text(site: Any, text: str) -> None:
    before = site.recorded()
    for address in ASKED:
        path, _, query = address.partition("?")
        for kind in ("text/html", "application/json"):
            asked = path.replace("{}", text.replace("/", "%2F"))
            answer = Client(site.app).get(
                asked, query_string=dict(pair.replace("{}", text).split("=", 1) for pair in query.split("&") if pair),
                headers=site.signed("national") | {"Accept": kind},
            )  # fmt: skip
            assert answer.status_code < 500, address
            if answer.mimetype == "text/html":
                assert "<script>alert" not in answer.text, address
                assert "49007" not in answer.text, address
    assert site.recorded() == before


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("field", sorted(n for n, f in Event.model_fields.items() if "str" in str(f.annotation)))
def test_hostile_text_in_any_field_of_an_event_is_refused_or_shown_as_text(
    site: Any, event: Callable[..., dict[str, Any]], field: str, text: str
) -> None:
    answer = site.post(event(**{field: text[: 20 if field == "lot" else 200]}))
    assert answer.status_code in {200, 201, 404, 409, 422}
    card = site.get("/small/bin-card?facility=F-W1&product=BCG", "national", Accept="text/html")
    assert card.status_code == 200
    assert "<script>alert" not in card.text
    assert site.recorded()


@pytest.mark.parametrize("hidden", ["\u200b", "\u202e", "\u2066", "\ufeff", "\x7f", "\x85"])
@pytest.mark.parametrize("field", ["lot", "document", "source_id", "note"])
def test_what_nobody_sees_makes_no_other_lot_or_document(
    site: Any, event: Callable[..., dict[str, Any]], field: str, hidden: str
) -> None:
    before = site.recorded()
    answer = site.post(event(**{field: f"B{hidden}1", "expiry": "2033-01-31" if field == "lot" else None}))
    assert (answer.status_code, answer.json["details"]["field"]) == (422, field)
    assert site.recorded() == before


def test_what_begins_like_a_formula_stays_text_in_a_download(site: Any, event: Callable[..., dict[str, Any]]) -> None:
    assert site.post(event(document="=HYPERLINK(1)", note="@SUM(A1)")).status_code == 201
    rows = site.get("/api/v1/small/facilities/F-W1/bin-card.csv?product=BCG", "national").text
    cells = [cell.strip('"') for line in rows.splitlines() for cell in line.split(",")]
    assert not [cell for cell in cells if cell[:1] in {"=", "@"}]


@pytest.mark.parametrize("path", ["/api/v1/stock-events", "/api/v1/small/counts", "/_dash-update-component"])
def test_ten_megabytes_of_json_are_not_read(site: Any, path: str) -> None:
    body = json.dumps({"programme": "small", "note": "x" * 10_000_000})
    answer = Client(site.app).post(path, data=body, content_type="application/json", headers=site.signed("machine"))
    assert answer.status_code == 413
    assert answer.json["error"] == "TooLarge"


def test_a_compressed_body_is_not_unpacked(site: Any) -> None:
    packed = gzip.compress(b"0" * 50_000_000)
    answer = Client(site.app).post(
        "/api/v1/stock-events", data=packed, content_type="application/json",
        headers=site.signed("machine") | {"Content-Encoding": "gzip"},
    )  # fmt: skip
    assert answer.status_code == 400
    assert answer.json["error"] == "InvalidBody"


def _upload(site: Any, name: str, content: bytes) -> TestResponse:
    return Client(site.app).post(
        "/api/v1/small/facilities/F-W1/attachments", data={"file": (io.BytesIO(content), name)},
        headers=site.signed("facility"),
    )  # fmt: skip


def test_a_zip_bomb_is_no_paper(site: Any) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("zeros", bytes(40_000_000))
    for name in ("bomb.zip", "bomb.xlsx", "bomb.pdf"):
        answer = _upload(site, name, inner.getvalue())
        assert (answer.status_code, answer.json["error"]) == (422, "InvalidAttachment")


@pytest.mark.parametrize("name", ["../../etc/passwd", "C:\\Windows\\system.ini", "/root/x\x00.pdf", "..", "....//"])
def test_a_path_in_a_file_name_leads_nowhere(site: Any, name: str) -> None:
    answer = _upload(site, name, b"%PDF-1.4 " + name.encode())
    assert answer.status_code == 201
    number = answer.json["id"]
    back = site.get(f"/api/v1/small/facilities/F-W1/attachments/{number}", "facility")
    said = back.headers["Content-Disposition"]
    assert said.startswith("attachment")
    assert not {"/", "\\", "\r", "\n", "\x00"} & set(said)
    assert ".." not in said


@pytest.fixture
def bounded(site: Any) -> Iterator[Any]:
    """The same site where little may be asked, on counters of its own."""
    own = {
        "rate_person": "3/minute", "rate_token": "4/minute", "rate_address": "2/minute", "rate_work": "2/minute",
        "release": "bounded",
    }  # fmt: skip
    settings = site.settings.model_copy(update=own)
    with redis.Redis.from_url(settings.redis_url.get_secret_value()) as client:
        for key in client.scan_iter("*bounded:*"):
            client.delete(key)
    app = create_app(settings)
    yield app
    app.close()


def test_who_asks_too_much_is_told_when_to_come_back(site: Any, bounded: Any) -> None:
    def ask(**sent: Any) -> TestResponse:
        return Client(bounded).get("/api/v1/programmes", **sent)

    tokens = [ask(headers=site.signed("machine")).status_code for _ in range(5)]
    assert tokens == [200, 200, 200, 200, 429]
    over = ask(headers=site.signed("machine"))
    assert 1 <= int(over.headers["Retry-After"]) <= 60
    assert over.json["error"] == "TooManyRequests"
    assert ask(headers=site.signed("analyst")).status_code == 200, "another caller is not held back"
    assert [ask().status_code for _ in range(3)] == [401, 401, 429]


def test_strangers_of_one_connection_are_counted_together_whatever_address_of_it_they_take(bounded: Any) -> None:
    def ask(address: str) -> int:
        return Client(bounded).get("/api/v1/programmes", environ_base={"REMOTE_ADDR": address}).status_code

    assert [ask(f"2001:db8:1:2::{n}") for n in range(3)] == [401, 401, 429]
    assert ask("2001:db8:1:3::1") == 401


def test_who_has_a_nation_worked_out_again_and_again_is_told_when_to_come_back(
    site: Any, bounded: Any, event: Callable[..., dict[str, Any]]
) -> None:
    now = datetime.now(UTC)
    assert site.post(event(occurred_at=(now - timedelta(hours=1)).isoformat())).status_code == 201

    def past(minutes: int, who: str = "analyst", path: str = "/values/small/1/areas/0") -> TestResponse:
        query = {"as_of": (now - timedelta(minutes=minutes)).isoformat()}
        return Client(bounded).get(path, query_string=query, headers=site.signed(who))

    assert [past(n).status_code for n in (1, 2)] == [200, 200]
    assert past(2).status_code == 200, "what is at hand costs nothing"
    over = past(3)
    assert (over.status_code, over.json["error"]) == (429, "TooManyRequests")
    assert 1 <= int(over.headers["Retry-After"]) <= 60
    said = past(4, path="/api/v1/small/areas/SM")
    assert (said.status_code, said.json["error"]) == (429, "TooManyRequests"), "by whichever way"
    assert said.headers["Retry-After"] == str(said.json["details"]["seconds"])
    lens = Client(bounded).get("/values/small/1/areas/0?preset=MSH", headers=site.signed("analyst"))
    assert lens.status_code == 429
    assert past(3, "national").status_code == 200, "another caller is not held back"


def test_without_redis_that_work_is_counted_in_each_process(site: Any) -> None:
    own = {
        "rate_work": "1/minute",
        "release": "without",
        "redis_url": type(site.settings.redis_url)("unix:///nowhere/redis"),
    }
    work = limits.Work(site.settings.model_copy(update=own))
    limits.asking.set("person:7")
    work.spend()
    with pytest.raises(TooManyRequests):
        work.spend()
    limits.asking.set("")
    work.spend()


def test_a_person_is_counted_over_all_their_browsers(site: Any, bounded: Any) -> None:
    codes = []
    for _ in range(4):
        cookie = site.browser("facility").get_cookie(sessions.COOKIE)
        browser = Client(bounded)
        browser.set_cookie(sessions.COOKIE, cookie.value)
        codes.append(browser.get("/api/v1/programmes").status_code)
    assert codes == [200, 200, 200, 429]


def test_without_redis_the_limits_hold_in_each_process(site: Any) -> None:
    own = {
        "rate_token": "2/minute",
        "release": "without",
        "redis_url": type(site.settings.redis_url)("unix:///nowhere/redis"),
    }
    app = create_app(site.settings.model_copy(update=own))
    codes = [Client(app).get("/api/v1/programmes", headers=site.signed("analyst")).status_code for _ in range(3)]
    app.close()
    assert codes == [200, 200, 429]


@pytest.mark.parametrize(
    "key", ["k" * 40, "short", "change-me-change-me-0123456789abcdef", "the default secret key 0123"]
)
def test_a_key_that_is_weak_or_was_copied_is_refused(key: str) -> None:
    with pytest.raises(ValidationError, match=r"secret_key|SECRET_KEY"):
        Settings(database_url="postgresql://x", redis_url="redis://x", secret_key=key)  # type: ignore[arg-type]


@pytest.mark.parametrize("setting", ["database_url", "web_database_url", "redis_url"])
@pytest.mark.parametrize(
    "password", ["short", "postgres-postgres", "change-me-please-now", "vaxtrace12345", "p%61ssword-of-all"]
)
def test_a_password_of_a_server_that_is_weak_or_published_is_refused_outside_a_demo(
    setting: str, password: str
) -> None:
    told: dict[str, Any] = {"database_url": "postgresql://x", "redis_url": "redis://x", "secret_key": KEY}
    told[setting] = f"scheme://user:{password}@host/name"
    with pytest.raises(ValidationError, match=setting.upper()):
        Settings(**told, demo=False)
    assert Settings(**told, demo=True).demo
    told[setting] = f"scheme://user:{KEY}@host/name"
    assert not Settings(**told, demo=False).demo


def test_every_answer_has_the_headers_that_hold_a_browser_to_our_own_pages(site: Any) -> None:
    for path in ("/login", "/small/alerts", "/api/v1/programmes", "/nothing/here"):
        headers = site.get(path, "national").headers
        policy = headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy.split("script-src")[1].split(";")[0]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert "Access-Control-Allow-Origin" not in headers
        assert "Strict-Transport-Security" not in headers, "there is no TLS in front of this test"
    for path in ("/tiles/small/1/areas/6/32/31.mvt", "/values/small/1/areas/0", "/values/nothing"):
        headers = site.get(path, "national").headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    secure = Client(site.app).get("/login", base_url="https://localhost")
    assert "max-age=31536000" in secure.headers["Strict-Transport-Security"]


def test_bodies_are_bounded_by_routes_that_exist(site: Any) -> None:
    assert set(limits.LARGER) <= set(site.app._behind.view_functions)


class Forms(HTMLParser):
    """The forms of a page: address, method, the fields with what stands in them, and which of these can be changed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str, dict[str, str], list[str]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append((has.get("action", ""), has.get("method", "get").lower(), {}, []))
        elif self.found and has.get("name") and tag in {"input", "textarea", "button", "select"}:
            _, _, fields, typed = self.found[-1]
            fields[has["name"]] = has.get("value", "")
            if has["name"] != csrf.FIELD:
                typed.append(has["name"])


#: Pages with forms, by who sees them.
WRITTEN_ON = [
    ("facility", "/small/record?facility=F-W1&product=BCG&kind=receipt"),
    ("facility", "/small/record?facility=F-W1&product=BCG&kind=loss"),
    ("facility", "/small/record?facility=F-W1&product=BCG&kind=adjustment"),
    ("facility", "/small/counts/new?facility=F-W1"), ("facility", "/small/bin-card?facility=F-W1&product=BCG"),
    ("facility", "/small/orders/new?facility=F-W1"),
    ("national", "/small/next"), ("national", "/small/kpis"),
    ("analyst", "/account/details"), ("analyst", "/account/password"), ("analyst", "/account/tokens"),
    ("administrator", "/small/people"), ("administrator", "/small/log"), (None, "/login"),
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE[:2])
@pytest.mark.parametrize(("who", "path"), WRITTEN_ON)
def test_hostile_text_in_every_field_of_every_form_is_refused_or_shown_as_text(
    site: Any, who: str | None, path: str, text: str
) -> None:
    browser = Client(site.app) if who is None else site.browser(who)
    page = browser.get(path, headers={"Accept": "text/html"})
    assert page.status_code == 200, page.text[:300]
    forms = [form for form in Forms(page.text).found if form[3]]
    assert forms, "there is nothing to type into"
    for action, method, fields, typed in forms:
        said = fields | dict.fromkeys(typed, text)
        address = action or path
        if method == "post":
            answer = browser.post(address, data=said, headers={"Accept": "text/html"})
        else:
            answer = browser.get(address.partition("?")[0], query_string=said, headers={"Accept": "text/html"})
        assert answer.status_code < 500, address
        assert answer.mimetype == "text/html", address
        assert "<script>alert" not in answer.text, address
    again = browser.get(path, headers={"Accept": "text/html"})
    assert again.status_code < 500
    assert "<script>alert" not in again.text
