"""Second factors, links for a new password, sessions of one's own: as browsers have them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from app import create_app
from app.auth import links, passwords, sealed, second, sessions, throttle, totp, users
from app.local import children
from app.pages.account import device
from data import db
from tests.app.people import PASSWORD, Somebody, recovery_codes
from tests.keys import BOX

_numbers = iter(range(1, 1000))
Make = Callable[..., Somebody]


@pytest.fixture
def person(site: Any) -> Make:
    """Makes people with a role in the programme."""
    with db.transaction(site.engine) as conn:
        conn.execute(sa.text("delete from sign_in_attempt"))

    def make(role: str = "national", email: str = "", **where: str) -> Somebody:
        email = email or f"person{next(_numbers)}@example.org"
        users.add(site.engine, BOX, email, "Somebody", PASSWORD)
        users.grant(site.engine, email, role, "small", **where)
        return Somebody(site, email)

    return make


def _wind(site: Any, statement: str, **values: Any) -> None:
    with db.transaction(site.engine) as conn:
        conn.execute(sa.text(statement), values)


# --- passwords


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("short", "too short"),
        ("x" * 129, "too long"),
        ("password1234", "others would try"),
        ("qwertyuiop12", "others would try"),
        ("aaaaaaaaaaaaaaa", "others would try"),
        ("vaxtracevaxtrace", "others would try"),
        ("aminayusuf1990", "others would try"),
    ],
)
def test_a_password_that_others_would_guess_is_refused(password: str, why: str) -> None:
    with pytest.raises(passwords.WeakPassword, match=why):
        passwords.check(password, "amina.yusuf@example.org", "Amina Yusuf")


def test_a_password_of_the_list_of_breaches_is_refused(tmp_path: Any) -> None:
    import hashlib

    words = [f"the {n} herons of the delta" for n in range(200)]
    lines = sorted(f"{hashlib.sha1(w.encode()).hexdigest().upper()}:{n}" for n, w in enumerate(words))
    (tmp_path / "list.txt").write_text("\n".join(lines) + "\n")
    for word in words:
        with pytest.raises(passwords.WeakPassword, match="known from a breach"):
            passwords.check(word, breached=tmp_path / "list.txt")
    for n in range(200, 260):
        passwords.check(f"the {n} herons of the delta", breached=tmp_path / "list.txt")


def test_changing_the_password_ends_the_other_sessions_and_the_links(site: Any, person: Make) -> None:
    here = person()
    there = here.elsewhere()
    assert here.sign_in().status_code == there.sign_in().status_code == 303
    with db.transaction(site.engine) as conn:
        old_link = links.make(conn, here.id, 1)
    new = "nine otters under a bridge"
    form = {"now": PASSWORD, "password": new, "again": new}
    assert here.send("/account/password", **(form | {"now": "wrong"})).status_code == 422
    assert here.send("/account/password", **(form | {"again": "another"})).status_code == 422
    assert here.send("/account/password", **(form | {"password": "short", "again": "short"})).status_code == 422
    assert there.inside
    assert here.send("/account/password", **form).status_code == 303
    assert here.inside
    assert children.wait_until(lambda: not there.inside, 2)
    assert there.sign_in(PASSWORD).status_code == 401
    assert there.sign_in(new).status_code == 303
    assert there.get(old_link).status_code == 404


# --- guessing


def test_who_guesses_waits_and_the_one_whose_password_it_is_does_not(person: Make) -> None:
    victim = person()
    guesser = victim.elsewhere("203.0.113.9")
    for _ in range(5):
        assert guesser.sign_in("wrong").status_code == 401
    refused = guesser.sign_in(PASSWORD)
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= throttle.FIRST + 1
    assert "Too many attempts from here. Try again in" in refused.text
    assert victim.sign_in().status_code == 303


def test_the_answer_is_the_same_for_an_e_mail_that_nobody_has(site: Any, person: Make) -> None:
    known, unknown = person(), Somebody(site, "nobody-at-all@example.org")
    for _ in range(7):
        mine, theirs = known.sign_in("wrong"), unknown.sign_in("wrong")
        assert mine.status_code == theirs.status_code
        said = [re.findall(r'role="alert"[^>]*>([^<]+)', answer.text) for answer in (mine, theirs)]
        assert re.sub(r"\d+", "", said[0][0]) == re.sub(r"\d+", "", said[1][0])
        assert mine.headers.get("Retry-After") == theirs.headers.get("Retry-After") or mine.status_code == 429


def test_another_letter_that_postgresql_takes_for_an_i_is_another_address(site: Any, person: Make) -> None:
    with db.transaction(site.engine) as conn:
        assert conn.scalar(sa.text("select lower('İ') = 'i'")), "that is what this test is about"
    somebody = person("facility", facility="F-W1", email="amina@example.org")
    odd = Somebody(site, "amİna@example.org", somebody.address)
    assert odd.sign_in().status_code == 401
    assert somebody.sign_in().status_code == 303


def test_the_wait_doubles_and_ends(site: Any, person: Make) -> None:
    guesser = person()
    keys = throttle.of_password(guesser.email, guesser.address)
    for _ in range(5):
        throttle.attempt(site.engine, keys)
    waits = []
    for _ in range(8):
        with pytest.raises(throttle.TooOften) as refused:
            throttle.attempt(site.engine, keys)
        waits.append(refused.value.seconds)
        _wind(site, "update sign_in_attempt set last_at = last_at - make_interval(secs => :s)", s=waits[-1])
        throttle.attempt(site.engine, keys)
    assert [round(w / 15) for w in waits] == [1, 2, 4, 8, 16, 32, 60, 60]
    throttle.succeeded(site.engine, keys)
    throttle.attempt(site.engine, keys)


def test_many_accounts_tried_from_one_address_are_slowed_down(site: Any, person: Make) -> None:
    person()
    for n in range(50):
        throttle.attempt(site.engine, throttle.of_password(f"{n}@example.org", "2001:db8:1:2::1"))
    with pytest.raises(throttle.TooOften):
        throttle.attempt(site.engine, throttle.of_password("51@example.org", "2001:db8:1:2:ffff::9"))
    throttle.attempt(site.engine, throttle.of_password("51@example.org", "2001:db8:1:3::1"))


# --- the session


def test_signing_in_opens_a_new_session_whatever_the_browser_brought(site: Any, person: Make) -> None:
    somebody = person()
    planted = "a-token-that-somebody-else-chose-for-me"
    somebody.client.set_cookie(sessions.COOKIE, planted)
    somebody.sign_in()
    assert somebody.client.get_cookie(sessions.COOKIE).value != planted  # type: ignore[union-attr]
    first = somebody.client.get_cookie(sessions.COOKIE).value  # type: ignore[union-attr]
    again = somebody.elsewhere()
    again.client.set_cookie(sessions.COOKIE, first)
    assert again.inside
    again.sign_in()
    assert again.client.get_cookie(sessions.COOKIE).value != first  # type: ignore[union-attr]
    assert children.wait_until(lambda: not somebody.inside, 2), "the session that signed in anew has ended"


def test_sessions_are_listed_with_device_and_address_and_ended_one_by_one(person: Make) -> None:
    here = person()
    there, stranger = here.elsewhere("198.51.100.7"), person()
    for one in (here, there, stranger):
        one.sign_in()
    page = here.get("/account").text
    assert "192.0.2.1" in page
    assert "198.51.100.7" in page
    [number] = re.findall(r"/account/sessions/(\d+)/end", page)
    assert stranger.send(f"/account/sessions/{number}/end", "/account").status_code == 404
    assert there.inside
    assert here.client.post(f"/account/sessions/{number}/end").status_code == 400, "without the form's token"
    assert here.send(f"/account/sessions/{number}/end", "/account").status_code == 303
    assert children.wait_until(lambda: not there.inside, 2)
    assert here.inside


def test_signing_out_everywhere_ends_every_browser_in_every_process(site: Any, person: Make) -> None:
    here = person()
    there = here.elsewhere()
    here.sign_in()
    there.sign_in()
    process = create_app(site.settings)
    other = Somebody(site, here.email, app=process)
    other.client.set_cookie(sessions.COOKIE, there.client.get_cookie(sessions.COOKIE).value)  # type: ignore[union-attr]
    assert other.inside
    assert here.send("/account/sign-out-everywhere", "/account").status_code == 303
    assert not here.inside
    assert children.wait_until(lambda: not there.inside and not other.inside, 2)
    process.close()


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36", "Chrome on Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Version/17.5 Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/126.0 Safari/537.36 Edg/126.0", "Edge on Windows"),
        ("curl/8.5.0", "curl"),
        ("", "An unknown device"),
    ],
)
def test_a_device_is_called_what_people_call_it(agent: str, words: str) -> None:
    assert device(agent) == words


# --- the second factor


def test_the_codes_are_those_of_the_standard() -> None:
    secret = b"12345678901234567890"  # RFC 6238, appendix B, the last six of its eight digits
    for at, code in [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")]:
        assert totp.code(secret, totp.step(at)) == code


@given(st.binary(min_size=20, max_size=20), st.integers(300, 2**33), st.integers(-4, 4))
def test_a_code_is_good_around_its_time_and_never_twice(secret: bytes, now: int, beside: int) -> None:
    code = totp.code(secret, max(0, totp.step(now) + beside))
    near = {totp.code(secret, max(0, totp.step(now) + near)) for near in (-1, 0, 1)}
    found = totp.match(secret, f"{code[:3]} {code[3:]}", now, -1)
    assert (found is not None) == (code in near)
    if found is not None:
        later = totp.match(secret, code, now, found)
        assert later is None or later > found


def test_with_a_second_factor_the_password_is_not_enough(site: Any, person: Make) -> None:
    here = person()
    here.sign_in()
    assert len(recovery_codes(here.set_up())) == second.CODES
    there = here.elsewhere()
    answer = there.sign_in(next="/small/alerts")
    assert answer.headers["Location"] == "/login/code"
    assert not there.inside
    assert there.get("/small").status_code == 302
    assert there.send("/login/code", code="000000").status_code == 401
    code = there.code(1)  # the one of now was used when it was set up
    assert there.client.post("/login/code", data={"code": code}).status_code == 400, "without the form's token"
    answer = there.send("/login/code", code=code)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/small/alerts")
    assert there.inside


def test_a_code_that_was_used_is_not_good_again(person: Make) -> None:
    here = person()
    here.sign_in()
    here.set_up(-1)
    seen, first, second_time = here.code(), here.elsewhere("198.51.100.1"), here.elsewhere("198.51.100.2")
    first.sign_in()
    second_time.sign_in()
    assert first.send("/login/code", code=seen).status_code == 303
    assert second_time.send("/login/code", code=seen).status_code == 401


def test_guessing_codes_is_slowed_down_for_whoever_has_the_password(person: Make) -> None:
    here = person()
    here.sign_in()
    here.set_up(-1)
    for n in range(5):
        guesser = here.elsewhere(f"203.0.113.{n}")
        guesser.sign_in()
        assert guesser.send("/login/code", code="000000").status_code == 401
    guesser = here.elsewhere("203.0.113.99")
    guesser.sign_in()
    answer = guesser.send("/login/code", code=here.code(0))
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0


def test_the_note_between_password_and_code_is_nobody_elses_and_soon_too_old(
    person: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = person()
    here.sign_in()
    here.set_up(-1)
    there = here.elsewhere()
    there.client.set_cookie("vaxtrace_half", '[1, "/"].forged.signature')
    assert there.get("/login/code").status_code == 302
    there.sign_in()
    token = there.token("/login/code")
    later = time.time() + 400
    monkeypatch.setattr(time, "time", lambda: later)
    assert there.client.post("/login/code", data={"csrf_token": token, "code": here.code()}).status_code == 400
    assert not there.inside


def test_a_recovery_code_is_good_once(person: Make) -> None:
    here = person()
    here.sign_in()
    [code, *_] = recovery_codes(here.set_up())
    first, again = here.elsewhere("198.51.100.1"), here.elsewhere("198.51.100.2")
    first.sign_in()
    again.sign_in()
    assert first.send("/login/code", code=code.lower().replace("-", " ")).status_code == 303
    assert again.send("/login/code", code=code).status_code == 401
    assert "9 recovery codes left" in first.get("/account").text


def test_an_administrator_sees_nothing_until_a_second_factor_is_set_up(site: Any, person: Make) -> None:
    admin = person("administrator")
    admin.sign_in()
    for path in ("/small", "/small/people", "/account", "/account/tokens", "/"):
        answer = admin.get(path)
        assert (answer.status_code, answer.headers.get("Location")) == (302, "/account/second-factor"), path
    for path in ("/api/v1/programmes", "/api/v1/small/registry", "/values/small/1/areas/0"):
        assert admin.client.get(path).status_code in (403, 404), path
    assert "As an administrator you need one" in admin.get("/account/second-factor").text
    assert admin.set_up().status_code == 200
    assert admin.inside
    assert admin.get("/small/people").status_code == 200
    assert admin.send("/account/second-factor/off", "/account/second-factor", code=admin.code(1)).status_code == 403


def test_who_becomes_an_administrator_is_asked_in_the_sessions_that_are_open(site: Any, person: Make) -> None:
    somebody = person()
    somebody.sign_in()
    assert somebody.inside
    users.grant(site.engine, somebody.email, "administrator", "small")
    assert children.wait_until(lambda: not somebody.inside, 2)
    assert somebody.get("/small").headers["Location"] == "/account/second-factor"


def test_the_second_factor_is_taken_away_with_a_code_only(person: Make) -> None:
    here = person()
    here.sign_in()
    here.set_up(-1)
    off, page = "/account/second-factor/off", "/account/second-factor"
    assert here.send(off, page, code="123456").status_code == 422
    assert here.send(off, page, code=here.code()).status_code == 303
    there = here.elsewhere()
    assert there.sign_in().headers["Location"] == "/"


def test_a_secret_that_was_shown_to_somebody_else_cannot_be_set_up(person: Make) -> None:
    mine, theirs = person(), person()
    mine.sign_in()
    theirs.sign_in()
    page = theirs.get("/account/second-factor").text
    hidden = re.search(r'name="secret" value="([^"]+)"', page)
    assert hidden
    answer = mine.send("/account/second-factor", secret=hidden[1], code="000000")
    assert answer.status_code == 400


def test_the_secret_is_sealed(site: Any, person: Make) -> None:
    here = person()
    here.sign_in()
    here.set_up(-1)
    with db.transaction(site.engine) as conn:
        kept = conn.scalar(sa.text("select totp_secret from app_user where id = :id"), {"id": here.id})
    assert here.secret not in kept.encode()
    assert sealed.box(site.settings).open(kept) == here.secret


# --- links


def test_a_link_is_good_once_and_ends_every_session(site: Any, person: Make) -> None:
    here = person()
    here.sign_in()
    path = users.reset(site.engine, here.email)
    new = "nine otters under a bridge"
    late = here.elsewhere()
    assert here.email in late.get(path).text
    other = here.elsewhere("198.51.100.8")
    token = other.token(path)
    assert late.send(path, password=new, again="nine otters").status_code == 422
    assert late.send(path, password=new, again=new).status_code == 303
    assert other.client.post(path, data={"csrf_token": token, "password": new, "again": new}).status_code == 404
    assert late.get(path).status_code == 404
    assert children.wait_until(lambda: not here.inside, 2)
    assert late.sign_in(new).status_code == 303
    assert late.elsewhere().sign_in(PASSWORD).status_code == 401


def test_a_link_does_not_outlive_its_time_and_does_not_replace_the_second_factor(site: Any, person: Make) -> None:
    here = person()
    here.sign_in()
    here.set_up(-1)
    path = users.reset(site.engine, here.email)
    new = "nine otters under a bridge"
    there = here.elsewhere()
    assert there.send(path, password=new, again=new).status_code == 303
    assert there.sign_in(new).headers["Location"] == "/login/code"
    old = users.reset(site.engine, here.email)
    _wind(site, "update reset_link set expires_at = now() - interval '1 second'")
    assert there.get(old).status_code == 404


def test_without_a_mail_server_the_page_says_whom_to_ask(site: Any) -> None:
    page = Somebody(site, "anybody@example.org").get("/forgot")
    assert "Ask an administrator" in page.text


def test_an_address_is_believed_from_our_own_proxy_only(site: Any, person: Make) -> None:
    behind = create_app(site.settings.model_copy(update={"proxies": 1}))
    for app, seen in ((behind, "203.0.113.44"), (site.app, "192.0.2.1")):
        somebody = Somebody(site, person().email, app=app)
        token = somebody.token("/login")
        answer = somebody.client.post(
            "/login",
            data={"csrf_token": token, "email": somebody.email, "password": PASSWORD},
            headers={"X-Forwarded-For": "198.51.100.99, 203.0.113.44"},
            environ_base={"REMOTE_ADDR": "192.0.2.1"},
        )
        assert answer.status_code == 303
        with db.transaction(site.engine) as conn:
            address = conn.scalar(sa.text("select address from session where user_id = :i"), {"i": somebody.id})
        assert address == seen
    behind.close()
