"""Who comes in, who stays out, and how somebody leaves."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
from keys import BOX, KEY
from werkzeug.test import Client, TestResponse

from app import create_app
from app.__main__ import main
from app.auth import demo, passwords, sessions, users
from app.local import children
from app.pages import about
from data import db

PASSWORD = "a password for tests"
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture(autouse=True)
def _nobody_has_tried_yet(site: Any) -> None:
    with db.transaction(site.engine) as conn:
        conn.execute(sa.text("delete from sign_in_attempt"))


def form_token(client: Client, page: str = "/login") -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get(page, headers=HTML).text)
    assert found
    return found[1]


def sign_in(client: Client, email: str = "national@example.org", password: str = PASSWORD, **more: str) -> TestResponse:
    form = {"email": email, "password": password, "csrf_token": form_token(client)}
    return client.post("/login", data=form | more)


def cookie(answer: TestResponse, name: str = sessions.COOKIE) -> str:
    [found] = [c for c in answer.headers.getlist("Set-Cookie") if c.startswith(name + "=")]
    return str(found)


@pytest.mark.parametrize("path", ["/", "/small", "/small/alerts", "/small/about", "/nowhere", "/small?area=E"])
def test_a_stranger_who_opens_a_page_is_sent_to_the_sign_in_page(site: Any, path: str) -> None:
    answer = Client(site.app).get(path, headers=HTML)
    assert answer.status_code == 302
    where = urlsplit(answer.headers["Location"])
    assert (where.netloc, where.path) == ("", "/login")
    assert answer.request.path in answer.headers["Location"]


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/programmes",
        "/api/v1/small/registry",
        "/api/v1/small/changes?since=0",
        "/api/v1/small/search?q=po",
        "/api/v1/small/areas/E",
        "/api/v1/small/facilities/F-W1",
        "/tiles/small/1/areas/6/32/31.mvt",
        "/values/small/1/areas/0",
        "/values/small/1/1/0",
        "/_dash-layout",
        "/_dash-dependencies",
        "/nowhere",
    ],
)
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer x"}, {"Cookie": "vaxtrace_session=x"}])
def test_a_stranger_gets_nothing_from_any_address(site: Any, path: str, headers: dict[str, str]) -> None:
    # A client that keeps cookies would leave out one that is sent by hand.
    answer = Client(site.app, use_cookies=False).get(path, headers=headers)
    assert answer.status_code == 401
    assert answer.get_json()["error"] == "NotSignedIn"


def test_strangers_may_ask_for_health_and_the_sign_in_page_only(site: Any) -> None:
    client = Client(site.app)
    assert client.get("/health").get_json() == {"ok": True, "database": "ok", "redis": "ok"}
    assert "demo.example" not in client.get("/login").text
    with client.get("/assets/any/boot.js") as file:
        assert file.status_code == 200
    assert client.get("/assets/any/../app/settings.py").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/other",
        "/other/alerts",
        "/other/about",
        "/api/v1/other/registry",
        "/api/v1/other/changes?since=0",
        "/api/v1/other/search?q=post",
        "/api/v1/other/areas/E",
        "/api/v1/other/facilities/F-W1",
        "/tiles/other/1/areas/6/32/31.mvt",
        "/values/other/1/areas/0",
        "/values/other/1/1/0",
    ],
)
def test_another_programme_does_not_exist(site: Any, path: str) -> None:
    mine, theirs = site.get(path, "national"), site.get(path, "elsewhere")
    assert mine.status_code == 404
    assert theirs.status_code in (200, 204), theirs.text
    nowhere = site.get(path.replace("other", "nowhere"), "national")
    assert nowhere.status_code == 404
    assert nowhere.text.replace("nowhere", "other") == mine.text


def test_only_my_programmes_are_listed(site: Any) -> None:
    assert [p["code"] for p in site.get("/api/v1/programmes").get_json()["programmes"]] == ["small"]
    assert [p["code"] for p in site.get("/api/v1/programmes", "elsewhere").get_json()["programmes"]] == ["other"]


def test_signing_in_sets_a_cookie_that_scripts_and_other_sites_do_not_get(site: Any) -> None:
    client = Client(site.app)
    answer = sign_in(client, email=" National@Example.ORG ", next="/small?area=E")
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/small?area=E"
    flags = {part.strip() for part in cookie(answer).split(";")[1:]}
    assert {"HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=43200"} <= flags
    assert "Secure" not in flags
    assert client.get("/small", headers=HTML).status_code == 200
    stored = cookie(answer).split(";")[0].split("=")[1]
    with db.transaction(site.engine) as conn:
        hashes = conn.execute(sa.text("select token_hash from session")).scalars().all()
    assert sessions.token_hash(stored) in [bytes(h) for h in hashes]
    assert stored.encode() not in [bytes(h) for h in hashes]


def test_behind_tls_every_cookie_is_marked_secure(site: Any) -> None:
    app = create_app(site.settings.model_copy(update={"secure_cookies": True}))
    client = Client(app)
    page = client.get("/login", base_url="https://localhost")
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert token
    assert "; Secure" in cookie(page, "__Host-vaxtrace_login")
    form = {"email": "national@example.org", "password": PASSWORD, "csrf_token": token[1]}
    entered = cookie(client.post("/login", data=form, base_url="https://localhost"), "__Host-vaxtrace_session")
    assert {"Secure", "Path=/", "HttpOnly", "SameSite=Lax"} <= set(entered.split("; "))
    assert "Domain" not in entered
    assert client.get("/small/about", base_url="https://localhost").status_code == 200
    left = client.post("/logout", base_url="https://localhost", data={
        "csrf_token": re.findall(r'name="csrf_token" value="([^"]+)"', client.get("/small/about", base_url="https://localhost").text)[0]
    })  # fmt: skip
    assert "; Secure" in cookie(left, "__Host-vaxtrace_session"), "or no browser would let it be taken away"
    assert client.get("/small/about", base_url="https://localhost").status_code == 401
    app.close()


def test_a_cookie_that_another_host_of_the_domain_can_set_is_no_session(site: Any) -> None:
    app = create_app(site.settings.model_copy(update={"secure_cookies": True}))
    token = site.browser("national").get_cookie(sessions.COOKIE).value
    for name, status in ((sessions.COOKIE, 401), (f"__Host-{sessions.COOKIE}", 200)):
        browser = Client(app)
        browser.set_cookie(name, token)
        assert browser.get("/api/v1/programmes").status_code == status, name
    app.close()


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("national@example.org", "wrong"),
        ("nobody@example.org", PASSWORD),
        ("", PASSWORD),
        ("national@example.org", ""),
        ("' or 1=1 --", PASSWORD),
        ("national@example.org", "x" * 100_000),
    ],
    ids=["wrong password", "nobody", "no e-mail", "no password", "injection", "long"],
)
def test_a_wrong_sign_in_says_the_same_whatever_was_wrong(site: Any, email: str, password: str) -> None:
    answer = sign_in(Client(site.app), email, password)
    assert answer.status_code == 401
    assert "E-mail and password do not match" in answer.text
    assert not [c for c in answer.headers.getlist("Set-Cookie") if c.startswith(sessions.COOKIE)]


def test_who_signs_in_while_too_many_do_is_asked_to_wait(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "PATIENCE", 0.01)
    client = Client(site.app)
    with passwords.TURNS, passwords.TURNS:
        answer = sign_in(client)
        assert client.get("/health").status_code == 200
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert "Many people are signing in just now. Wait a few seconds and try again." in answer.text
    assert 'value="national@example.org"' in answer.text
    monkeypatch.undo()
    for password in ("wrong", "wrong", "wrong"):  # a wrong password gives its turn back
        assert sign_in(client, password=password).status_code == 401
    assert sign_in(client).status_code == 303


def test_a_sign_in_with_a_control_character_is_refused(site: Any) -> None:
    assert sign_in(Client(site.app), "national@example.org\x00").status_code == 400


def test_a_sign_in_without_the_pages_own_token_is_refused(site: Any) -> None:
    form = {"email": "national@example.org", "password": PASSWORD}
    client, another = Client(site.app), Client(site.app)
    assert client.post("/login", data=form | {"csrf_token": form_token(another)}).status_code == 400
    form_token(client)
    assert client.post("/login", data=form).status_code == 400
    assert client.post("/login", data=form | {"csrf_token": form_token(another)}).status_code == 400
    crossing = {"Sec-Fetch-Site": "cross-site"}
    token = form_token(client)
    assert client.post("/login", data=form | {"csrf_token": token}, headers=crossing).status_code == 403


def test_a_form_token_in_another_script_is_refused_like_any_other(site: Any) -> None:
    client = Client(site.app)
    form_token(client)
    form = {"email": "national@example.org", "password": PASSWORD, "csrf_token": "ключ-é"}
    assert client.post("/login", data=form).status_code == 400


def test_a_cookie_that_is_no_text_is_refused_like_any_other(site: Any) -> None:
    answer = Client(site.app).post("/login", data={"csrf_token": "x"}, headers={"Cookie": "vaxtrace_login=\xff"})
    assert answer.status_code == 400


@pytest.mark.parametrize("origin", ["http://[x", "null", "http://localhost.elsewhere.example", "localhost"])
def test_a_form_from_an_odd_origin_is_refused(site: Any, origin: str) -> None:
    assert Client(site.app).post("/login", data={}, headers={"Origin": origin}).status_code == 403


@pytest.mark.parametrize(
    "path",
    ["x/y.js", "dash/nothing.js", "dash/dash-renderer/build/dash_renderer.min.js.map", "plotly/..%2f..%2fpasswd"],
)
def test_a_file_that_dash_does_not_have_is_not_found(site: Any, path: str) -> None:
    answer = Client(site.app).get(f"/_dash-component-suites/{path}")
    assert answer.status_code == 404
    assert answer.get_json()["error"] == "NotThere"


@pytest.mark.parametrize(
    "target",
    [
        "https://elsewhere.example/",
        "//elsewhere.example",
        "/\\elsewhere.example",
        "\\\\elsewhere.example",
        "/\t/elsewhere.example",
        "/\n/elsewhere.example",
        " //elsewhere.example",
        "javascript:alert(1)",
        "elsewhere.example",
        "/login?next=/login",
        "",
    ],
)
def test_signing_in_never_leads_to_another_site(site: Any, target: str) -> None:
    client = Client(site.app)
    assert client.get("/login", query_string={"next": target}).status_code == 200
    answer = sign_in(client, next=target)
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/"


def test_signing_out_ends_the_session_in_every_process(site: Any) -> None:
    here = Client(site.app)
    token = cookie(sign_in(here)).split(";")[0].split("=")[1]
    other_process = create_app(site.settings)
    there = Client(other_process)
    there.set_cookie(sessions.COOKIE, token)
    assert there.get("/api/v1/programmes").status_code == 200

    assert here.get("/logout").status_code == 404
    assert here.post("/logout").status_code == 400
    assert here.post("/logout", data={"csrf_token": form_token(Client(site.app))}).status_code == 400
    mine = form_token(here, "/small/about")
    assert here.post("/logout", data={"csrf_token": mine}, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert here.get("/api/v1/programmes").status_code == 200

    answer = here.post("/logout", data={"csrf_token": mine})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert '"storage"' in answer.headers["Clear-Site-Data"]
    stolen = Client(site.app)
    stolen.set_cookie(sessions.COOKIE, token)
    assert stolen.get("/api/v1/programmes").status_code == 401
    assert children.wait_until(lambda: there.get("/api/v1/programmes").status_code == 401, 2)
    other_process.close()


def test_a_session_that_has_expired_is_nobodys(site: Any) -> None:
    client = Client(site.app)
    token = cookie(sign_in(client)).split(";")[0].split("=")[1]
    with db.transaction(site.engine) as conn:
        conn.execute(
            sa.text("update session set expires_at = now() - interval '1 second' where token_hash = :h"),
            {"h": sessions.token_hash(token)},
        )
    assert client.get("/api/v1/programmes").status_code == 401


def test_who_is_removed_is_out_everywhere_and_what_they_recorded_stays(
    site: Any, event: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _settings_of(site, monkeypatch)
    email = "leaving@example.org"
    users.add(site.engine, BOX, email, "Leaving", PASSWORD)
    users.grant(site.engine, email, "national", "small")
    token = {"Authorization": f"Bearer {users.token(site.engine, email, 'test', 1)}"}
    browser, machine = Client(site.app), Client(site.app)
    assert sign_in(browser, email).status_code == 303
    assert machine.post("/api/v1/stock-events", json=event(), headers=token).status_code == 201
    recorded = site.recorded()

    assert main(["user", "Leaving@example.org", "--remove"]) == 0
    assert "is out" in capsys.readouterr().out
    assert children.wait_until(lambda: browser.get("/api/v1/programmes").status_code == 401, 5)
    assert children.wait_until(lambda: machine.get("/api/v1/programmes", headers=token).status_code == 401, 5)
    assert sign_in(Client(site.app), email).status_code == 401
    assert site.recorded() == recorded
    assert main(["user", email, "--remove"]) == 1
    assert "nobody has the e-mail leaving@example.org" in capsys.readouterr().err
    users.add(site.engine, BOX, email, "Back", PASSWORD)
    back = Client(site.app)
    assert sign_in(back, email).status_code == 303
    assert back.get("/api/v1/programmes").get_json() == {"programmes": []}


def test_revoked_tokens_work_no_more_and_their_user_may_still_sign_in(
    site: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _settings_of(site, monkeypatch)
    email = "system@example.org"
    users.add(site.engine, BOX, email, "A system", PASSWORD)
    users.grant(site.engine, email, "machine", "small")
    made = [users.token(site.engine, email, label, 1) for label in ("one", "two")]
    client, browser = Client(site.app), Client(site.app)
    assert sign_in(browser, email).status_code == 303

    assert main(["token", email, "--revoke"]) == 0
    assert capsys.readouterr().out == "Tokens of system@example.org that work no more: 2.\n"
    for token in made:
        assert client.get("/api/v1/programmes", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert browser.get("/api/v1/programmes").status_code == 200
    assert site.get("/api/v1/programmes").status_code == 200
    assert main(["token", "nobody@example.org", "--revoke"]) == 1


def test_somebody_is_let_in_with_a_role_or_not_at_all(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _settings_of(site, monkeypatch)
    with pytest.raises(SystemExit, match="Give --programme and --role, or --remove"):
        main(["user", "new@example.org", "--programme", "small"])


def _settings_of(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command line find the site's database."""
    monkeypatch.setenv("DATABASE_URL", site.owners)
    for name in ("redis_url", "secret_key"):
        monkeypatch.setenv(name.upper(), getattr(site.settings, name).get_secret_value())


def test_demo_users_exist_in_demo_mode_only(site: Any) -> None:
    with_demo = create_app(site.settings.model_copy(update={"demo": True}))
    try:
        demo.ensure(site.engine, BOX)
        known = Client(with_demo)
        assert "national@demo.example" in known.get("/login").text
        answer = sign_in(known, "national@demo.example", demo.PASSWORD)
        assert answer.status_code == 303
        assert known.get("/api/v1/programmes").status_code == 200

        real = Client(site.app)
        assert sign_in(real, "national@demo.example", demo.PASSWORD).status_code == 401
        real.set_cookie(sessions.COOKIE, cookie(answer).split(";")[0].split("=")[1])
        assert real.get("/api/v1/programmes").status_code == 401
        token = demo.api_token(site.engine, KEY)
        bearer = {"Authorization": f"Bearer {token}"}
        assert Client(site.app).get("/api/v1/programmes", headers=bearer).status_code == 401
        assert Client(with_demo).get("/api/v1/programmes", headers=bearer).status_code == 200
    finally:
        with_demo.close()


@pytest.mark.parametrize("path", ["/nope", "/other", "/other/alerts", "/assets/x/nope.js"])
def test_a_browser_that_finds_nothing_gets_a_page_with_a_way_on(site: Any, path: str) -> None:
    answer = site.browser("national").get(path, headers=HTML)
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert "<h1>There is nothing here</h1>" in answer.text
    assert 'href="/"' in answer.text
    assert "Accept" in answer.headers["Vary"]
    as_json = site.get(path, "national")
    assert (as_json.status_code, as_json.mimetype) == (404, "application/json")


def test_somebody_without_a_programme_is_told_whom_to_ask_and_may_sign_out(site: Any) -> None:
    users.add(site.engine, BOX, "new@example.org", "A newcomer", PASSWORD)
    browser = site.browser("new")
    page = browser.get("/", headers=HTML)
    assert (page.status_code, page.mimetype) == (404, "text/html")
    assert "You have no programme to look at yet. Ask your administrator for one." in page.text
    assert "Signed in as A newcomer" in page.text
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert token
    assert browser.post("/logout", data={"csrf_token": token[1]}).status_code == 303


def test_a_defect_is_a_page_to_a_browser_and_json_to_a_system(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> str:
        raise ZeroDivisionError("of ours")

    monkeypatch.setattr(about, "page", broken)
    browser = site.browser("national")
    page = browser.get("/small/about", headers=HTML)
    assert (page.status_code, page.mimetype) == (500, "text/html")
    assert "it has been logged" in page.text
    assert "ZeroDivisionError" not in page.text
    assert browser.get("/small/about").get_json()["error"] == "Unforeseen"


def test_every_answer_tells_browsers_what_our_pages_may_do(site: Any) -> None:
    answer = site.browser("national").get("/small/about", headers=HTML)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-inline" not in policy.split("script-src", 1)[1].split(";", 1)[0]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
