"""Signing in with the ministry's own provider: a process of its own, which speaks OpenID Connect over HTTP."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import sqlalchemy as sa
from pydantic import SecretStr

from app import create_app
from app.auth import oidc, sealed, users
from app.local import children, ports
from app.settings import Settings
from data import db
from tests import provider
from tests.app.people import PASSWORD, Somebody
from tests.keys import BOX

_numbers = iter(range(1, 1000))
_ROLES = {"epi": "national@small", "east": "area@small/E", "nowhere": "area@small/X", "odd": "king@small"}


@dataclass
class Ministry:
    """The provider, and our application that knows it."""

    address: str
    app: Any
    settings: Settings

    def say(self, **said: Any) -> dict[str, Any]:
        told: dict[str, Any] = requests.post(f"{self.address}/control", json=said, timeout=10).json()
        return told


@pytest.fixture(scope="module")
def ministry(site: Any) -> Iterator[Ministry]:
    port = ports.free_port()
    address = f"http://127.0.0.1:{port}"
    project = Path(__file__).resolve().parents[2]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.provider", str(port)], cwd=project, stderr=subprocess.DEVNULL
    )

    def up() -> bool:
        try:
            return requests.get(f"{address}/keys", timeout=2).ok
        except requests.ConnectionError:
            return False

    assert children.wait_until(up, 60)
    told = {
        "oidc_issuer": address, "oidc_client_id": provider.CLIENT_ID, "oidc_roles": _ROLES,
        "oidc_client_secret": SecretStr(provider.CLIENT_SECRET), "oidc_name": "Ministry of Health",
    }  # fmt: skip
    settings = site.settings.model_copy(update=told)
    app = create_app(settings)
    yield Ministry(address, app, settings)
    app.close()
    process.terminate()
    process.wait(10)


@pytest.fixture
def person(site: Any, ministry: Ministry) -> Callable[..., Somebody]:
    ministry.say(mischief="", away=False)

    def make(role: str | None = "national") -> Somebody:
        email = f"ministry{next(_numbers)}@example.org"
        users.add(site.engine, BOX, email, "Somebody", PASSWORD)
        if role is not None:
            users.grant(site.engine, email, role, "small")
        return Somebody(site, email, app=ministry.app)

    return make


def _go(ministry: Ministry, somebody: Somebody, path: str = "/login/ministry", **claims: Any) -> str:
    """Go to the provider as somebody, who is signed in there, and bring back where it sends them to."""
    usual = {"sub": f"sub of {somebody.email}", "email": somebody.email, "email_verified": True}
    ministry.say(person=usual | claims)
    there = somebody.get(path)
    assert there.status_code == 302, there.text
    assert there.headers["Location"].startswith(f"{ministry.address}/authorize?")
    back = requests.get(there.headers["Location"], allow_redirects=False, timeout=10)
    assert back.status_code == 302, back.text
    parts = urlsplit(back.headers["Location"])
    return f"{parts.path}?{parts.query}"


def _sign_in(ministry: Ministry, somebody: Somebody, path: str = "/login/ministry", **claims: Any) -> Any:
    return somebody.get(_go(ministry, somebody, path, **claims))


def test_somebody_comes_in_by_way_of_the_ministry(ministry: Ministry, person: Any) -> None:
    somebody = person()
    assert "Use Ministry of Health" in somebody.get("/login").text
    answer = _sign_in(ministry, somebody, "/login/ministry?next=/small/alerts")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/small/alerts")
    assert somebody.inside
    asked = ministry.say()["asked"]
    assert asked["code_challenge_method"] == "S256"
    assert len(asked["code_challenge"]) == 43
    assert {"state", "nonce"} <= set(asked)


def test_without_a_provider_there_is_no_such_way(site: Any) -> None:
    somebody = Somebody(site, "x@example.org")
    assert somebody.get("/login/ministry").status_code == 404
    assert somebody.get("/login/ministry/back?code=x&state=y").status_code == 404
    assert "ministry" not in somebody.get("/login").text


def test_nobody_is_let_in_who_was_not_let_in_here(ministry: Ministry, person: Any) -> None:
    somebody = person()
    for claims in (
        {"email": "stranger@example.org"},
        {"email_verified": False},
        {"email_verified": "true"},
        {"email_verified": None},
        {"email": ""},
        {"email": None},
        {"email": somebody.email.replace("i", "İ")},
        {"email": somebody.email.replace("m", "\uff4d")},
    ):
        answer = _sign_in(ministry, somebody, **claims)
        assert answer.status_code == 403, claims
        assert "You are not known here yet" in answer.text
        assert not somebody.inside


def test_who_is_known_stays_so_when_the_e_mail_changes_and_nobody_else_gets_in_with_it(
    ministry: Ministry, person: Any
) -> None:
    somebody = person()
    _sign_in(ministry, somebody, sub="constant")
    again = somebody.elsewhere()
    again.client = Somebody(somebody.site, "", app=ministry.app).client
    assert _sign_in(ministry, again, sub="constant", email="new@example.org").status_code == 303
    thief = Somebody(somebody.site, somebody.email, app=ministry.app)
    assert _sign_in(ministry, thief, sub="another").status_code == 403, "the e-mail was given to somebody else there"


@pytest.mark.parametrize("mischief", ["nonce", "issuer", "audience", "key", "none", "late"])
def test_a_word_that_is_not_the_providers_or_not_for_us_is_refused(
    ministry: Ministry, person: Any, mischief: str
) -> None:
    somebody = person()
    ministry.say(mischief=mischief)
    answer = _sign_in(ministry, somebody)
    assert answer.status_code == 502
    assert "did not work" in answer.text
    assert not somebody.inside


def test_a_provider_that_calls_itself_something_else_is_refused(site: Any, ministry: Ministry, person: Any) -> None:
    somebody = person()
    ministry.say(mischief="description")
    fresh = create_app(ministry.settings)
    somebody.client = Somebody(site, "", app=fresh).client
    assert _sign_in(ministry, somebody).status_code == 502
    fresh.close()


def test_a_way_back_that_was_not_begun_in_this_browser_is_refused(ministry: Ministry, person: Any) -> None:
    attacker, victim = person(), person()
    back = _go(ministry, attacker)
    assert victim.get(back).status_code == 502, "somebody else's code is pushed onto a browser"
    assert not victim.inside
    assert attacker.get(back.replace("state=", "state=x")).status_code == 502
    back = _go(ministry, attacker)
    assert attacker.get(back).status_code == 303
    again = attacker.get(back)
    assert again.status_code == 502, "a code is good once"


def test_what_the_provider_refuses_is_said_and_its_words_are_not_shown(person: Any) -> None:
    answer = person().get(
        "/login/ministry/back?error=access_denied&error_description=<script>alert(1)</script>&state=x"
    )
    assert answer.status_code == 502
    assert "alert(1)" not in answer.text


def test_a_provider_that_is_away_says_so_and_passwords_still_work(site: Any, ministry: Ministry, person: Any) -> None:
    somebody = person()
    ministry.say(away=True)
    fresh = create_app(ministry.settings)
    somebody.client = Somebody(site, "", app=fresh).client
    assert somebody.get("/login/ministry").status_code == 502
    assert somebody.sign_in().status_code == 303
    fresh.close()


def test_signing_in_never_leads_to_another_site(ministry: Ministry, person: Any) -> None:
    answer = _sign_in(ministry, person(), "/login/ministry?next=https://elsewhere.example/")
    assert answer.headers["Location"] == "/"


def _roles(site: Any, somebody: Somebody) -> list[tuple[str, str | None, str]]:
    with db.transaction(site.engine) as conn:
        rows = conn.execute(
            sa.text(
                "select g.role, a.code, g.source from user_grant g left join area a on a.id = g.area_id"
                " where g.user_id = :id order by 1"
            ),
            {"id": somebody.id},
        )
        return [tuple(row) for row in rows]  # type: ignore[misc]


def test_groups_give_roles_and_take_them_back(site: Any, ministry: Ministry, person: Any) -> None:
    somebody = person("analyst")
    _sign_in(ministry, somebody, groups=["east", "epi", "nowhere", "odd", "unheard of"])
    given = ("analyst", None, "given")
    assert _roles(site, somebody) == [given, ("area", "E", "group"), ("national", None, "group")]
    _sign_in(ministry, somebody, groups="east")
    assert _roles(site, somebody) == [given, ("area", "E", "group")]
    _sign_in(ministry, somebody)
    assert _roles(site, somebody) == [given]
    with db.transaction(site.engine) as conn:
        logged = conn.execute(sa.text(
            "select action, details->>'role', details->>'where' from audit_log where actor = 'the ministry''s sign-in'"
            " and object = :email order by number"
        ), {"email": somebody.email}).all()  # fmt: skip
    assert ("role given", "area", "E") in [tuple(row) for row in logged]
    assert logged[-1][:2] == ("role taken back", "area")


def test_the_second_factor_is_asked_for_unless_the_ministry_has_asked(ministry: Ministry, person: Any) -> None:
    somebody, admin = person(), person("administrator")
    somebody.sign_in()
    somebody.set_up(-1)
    somebody.client.delete_cookie("vaxtrace_session")
    assert _sign_in(ministry, somebody).headers["Location"] == "/login/code"
    assert not somebody.inside
    assert somebody.send("/login/code", code=somebody.code()).status_code == 303
    assert somebody.inside
    _sign_in(ministry, admin)
    assert admin.get("/small").headers["Location"] == "/account/second-factor"
    _sign_in(ministry, admin, amr=["pwd", "mfa"])
    assert admin.get("/small/people").status_code == 200


def _due(site: Any) -> None:
    with db.transaction(site.engine) as conn:
        conn.execute(sa.text("update session set provider_due = now() where provider_due is not null"))


def _only(site: Any, somebody: Somebody) -> None:
    with db.transaction(site.engine) as conn:
        conn.execute(
            sa.text("delete from session where provider_due is not null and user_id <> :i"), {"i": somebody.id}
        )


def test_the_provider_is_asked_again_with_a_token_that_rotates(site: Any, ministry: Ministry, person: Any) -> None:
    somebody = person()
    _sign_in(ministry, somebody)
    _only(site, somebody)
    box = sealed.box(ministry.settings)
    before = ministry.say()["refresh"]
    assert not oidc.ask_again(site.engine, ministry.settings, box), "it is not due yet"
    for turn in range(1, 4):
        _due(site)
        assert oidc.ask_again(site.engine, ministry.settings, box)
        told = ministry.say()
        assert len(told["refresh"]) == len(before) + turn
        assert somebody.inside
    with db.transaction(site.engine) as conn:
        kept = conn.scalar(sa.text("select provider_token from session where user_id = :i"), {"i": somebody.id})
    assert box.open(kept).decode() == told["refresh"][-1]
    assert told["refresh"][-1] not in kept


def test_a_refresh_token_used_by_somebody_else_ends_the_session(site: Any, ministry: Ministry, person: Any) -> None:
    somebody = person()
    _sign_in(ministry, somebody)
    _only(site, somebody)
    box = sealed.box(ministry.settings)
    stolen = ministry.say()["refresh"][-1]
    auth = (provider.CLIENT_ID, provider.CLIENT_SECRET)
    form = {"grant_type": "refresh_token", "refresh_token": stolen}
    assert requests.post(f"{ministry.address}/token", data=form, auth=auth, timeout=10).ok
    _due(site)
    assert oidc.ask_again(site.engine, ministry.settings, box)
    assert children.wait_until(lambda: not somebody.inside, 2)


def test_who_is_put_out_at_the_ministry_is_out_here_and_one_that_is_away_puts_nobody_out(
    site: Any, ministry: Ministry, person: Any
) -> None:
    somebody = person()
    _sign_in(ministry, somebody)
    _only(site, somebody)
    box = sealed.box(ministry.settings)
    ministry.say(away=True)
    _due(site)
    assert oidc.ask_again(site.engine, ministry.settings, box)
    assert somebody.inside
    ministry.say(away=False, end=True)
    _due(site)
    assert oidc.ask_again(site.engine, ministry.settings, box)
    assert children.wait_until(lambda: not somebody.inside, 2)
    with db.transaction(site.engine) as conn:
        last = conn.execute(sa.text("select actor, action from audit_log order by at desc limit 1")).one()
    assert tuple(last) == ("the ministry's sign-in", "sessions ended")


def test_state_and_verifier_are_no_use_to_a_page(ministry: Ministry, person: Any) -> None:
    somebody = person()
    answer = somebody.get("/login/ministry")
    [kept] = [c for c in answer.headers.getlist("Set-Cookie") if c.startswith("vaxtrace_ministry=")]
    assert {"HttpOnly", "SameSite=Lax", "Path=/login"} <= {part.strip() for part in kept.split(";")}
    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert query["scope"] == ["openid email profile"]
