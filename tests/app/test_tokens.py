"""What connected systems come in with: tokens that somebody made, and those that they fetch for themselves."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from werkzeug.test import Client, TestResponse

from app.auth import tokens, users
from app.local import children
from data import db
from tests.app.people import PASSWORD, Somebody
from tests.keys import BOX

_numbers = iter(range(1, 1000))
Make = Callable[..., Somebody]


@pytest.fixture
def person(site: Any) -> Make:
    def make(role: str = "national", **where: str) -> Somebody:
        email = f"owner{next(_numbers)}@example.org"
        users.add(site.engine, BOX, email, "Somebody", PASSWORD)
        users.grant(site.engine, email, role, "small", **where)
        somebody = Somebody(site, email)
        somebody.sign_in()
        return somebody

    return make


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _works(site: Any, token: str) -> bool:
    return Client(site.app).get("/api/v1/programmes", headers=_bearer(token)).status_code == 200


def _post(site: Any, token: str, event: dict[str, Any]) -> int:
    return Client(site.app).post("/api/v1/stock-events", json=event, headers=_bearer(token)).status_code


def _made(answer: TestResponse) -> str:
    found = re.search(r'<code class="key">([\w-]+)</code>', answer.text)
    assert found, re.findall(r'role="alert">([^<]+)', answer.text)
    return found[1]


def _make(somebody: Somebody, **form: Any) -> TestResponse:
    usual = {"label": "a logger", "right": ["see", "record"], "programme": "small", "area": "", "days": "30"}
    return somebody.send("/account/tokens", **(usual | form))


def test_a_token_may_do_what_was_ticked_and_no_more(site: Any, person: Make, event: Any) -> None:
    somebody = person()
    reading, recording = _made(_make(somebody, right=["see"])), _made(_make(somebody))
    assert _works(site, reading)
    assert _post(site, reading, event()) == 403
    assert _post(site, recording, event()) == 201


def test_a_token_of_an_area_may_do_nothing_beside_it(site: Any, person: Make, event: Any) -> None:
    token = _made(_make(person(), area="E"))
    assert _post(site, token, event(facility="F-E1")) == 201
    assert _post(site, token, event(facility="F-W1")) == 403


def test_a_token_never_does_more_than_who_made_it(site: Any, person: Make, event: Any) -> None:
    analyst, officer = person("analyst"), person("area", area="E")
    assert "may do nothing that you may not" in _make(analyst, right=["see", "record"]).text
    assert "may do nothing that you may not" in _make(officer, programme="other").text
    token = _made(_make(officer, area="W"))
    assert Client(site.app).get("/api/v1/programmes", headers=_bearer(token)).get_json() == {"programmes": []}
    assert _post(site, token, event(facility="F-W1")) != 201
    whole = _made(_make(officer))
    assert _post(site, whole, event(facility="F-E1")) == 201
    with db.transaction(site.engine) as conn:
        conn.execute(sa.text("delete from user_grant where user_id = :id"), {"id": officer.id})
    assert children.wait_until(lambda: _post(site, whole, event(facility="F-E1")) != 201, 2)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"right": []}, "it could do nothing"),
        ({"right": ["everything"]}, "may do nothing that you may not"),
        ({"days": "0"}, "too long or short"),
        ({"days": "366"}, "too long or short"),
        ({"days": "-1"}, "too long or short"),
        ({"area": "nowhere"}, "no area with the code nowhere"),
        ({"programme": "", "area": "E"}, "no programme is chosen"),
    ],
)
def test_a_token_that_cannot_be_made_says_why(person: Make, form: dict[str, Any], said: str) -> None:
    answer = _make(person(), **form)
    assert answer.status_code == 422
    assert said in answer.text


def test_a_token_is_shown_once_and_its_last_use_is_told(site: Any, person: Make) -> None:
    somebody = person()
    token = _made(_make(somebody))
    page = somebody.get("/account/tokens").text
    assert token not in page
    assert "Not used yet" in page
    answer = Client(site.app).get(
        "/api/v1/programmes", headers=_bearer(token), environ_base={"REMOTE_ADDR": "203.0.113.77"}
    )
    assert answer.status_code == 200
    page = somebody.get("/account/tokens").text
    assert "Last used" in page
    assert "203.0.113.77" in page
    with db.transaction(site.engine) as conn:
        assert token.encode() not in [bytes(h) for h in conn.scalars(sa.text("select token_hash from session"))]


def test_a_rotated_token_goes_on_beside_the_new_one_for_a_while(site: Any, person: Make, event: Any) -> None:
    somebody = person()
    old = _made(_make(somebody, right=["see"]))
    [number] = re.findall(r"/account/tokens/(\d+)/rotate", somebody.get("/account/tokens").text)
    stranger = person()
    assert stranger.send(f"/account/tokens/{number}/rotate", "/account/tokens").status_code == 404
    new = _made(somebody.send(f"/account/tokens/{number}/rotate", "/account/tokens"))
    assert _works(site, old)
    assert _works(site, new)
    assert _post(site, new, event()) == 403, "with the same scope"
    with db.transaction(site.engine) as conn:
        left = conn.scalar(
            sa.text("select extract(epoch from expires_at - now()) / 3600 from session where id = :id"), {"id": number}
        )
        life = conn.scalar(
            sa.text("select max(expires_at) - now() from session where user_id = :id"), {"id": somebody.id}
        )
    assert tokens.OVERLAP_HOURS - 1 < left <= tokens.OVERLAP_HOURS
    assert 29 <= life.days <= 30


def test_a_token_that_is_ended_is_out_within_two_seconds(site: Any, person: Make) -> None:
    somebody = person()
    token = _made(_make(somebody))
    assert _works(site, token)
    [number] = re.findall(r"/account/sessions/(\d+)/end", somebody.get("/account/tokens").text)
    somebody.send(f"/account/sessions/{number}/end", "/account/tokens")
    assert children.wait_until(lambda: not _works(site, token), 2)


def test_a_token_opens_no_account(site: Any, person: Make) -> None:
    token = _made(_make(person()))
    for path in ("/account", "/account/tokens", "/account/second-factor"):
        assert Client(site.app).get(path, headers=_bearer(token)).status_code == 403


# --- systems that fetch their tokens


class System:
    """A connected system."""

    def __init__(self, site: Any, owner: Somebody, **scope: Any) -> None:
        self.site = site
        self.name, self.secret = users.client(site.engine, owner.email, "dhis2", **scope)

    def ask(self, **form: str) -> TestResponse:
        return Client(self.site.app).post("/api/v1/token", data=form, auth=(self.name, self.secret))

    def begin(self) -> dict[str, Any]:
        answer = self.ask(grant_type="client_credentials")
        assert answer.status_code == 200, answer.text
        assert answer.headers["Cache-Control"] == "no-store"
        said: dict[str, Any] = answer.get_json()
        return said

    def go_on(self, token: str) -> TestResponse:
        return self.ask(grant_type="refresh_token", refresh_token=token)


def test_a_system_fetches_a_token_that_may_do_what_it_was_let(site: Any, person: Make, event: Any) -> None:
    system = System(site, person("machine"), rights=["see", "record"], programme="small", area="W")
    said = system.begin()
    assert (said["token_type"], said["scope"], said["expires_in"]) == ("Bearer", "see record", tokens.ACCESS_SECONDS)
    assert _post(site, said["access_token"], event(facility="F-W1")) == 201
    assert _post(site, said["access_token"], event(facility="F-E1")) == 403
    with db.transaction(site.engine) as conn:
        left = conn.scalar(sa.text("select max(expires_at) - now() from session where kind = 'access'"))
    assert left.total_seconds() <= tokens.ACCESS_SECONDS


@pytest.mark.parametrize(
    ("name", "secret"), [("", ""), (None, "wrong"), ("vt-nobody", None), (None, ""), ("x" * 5000, "y" * 5000)]
)
def test_a_system_that_cannot_prove_who_it_is_gets_nothing(
    site: Any, person: Make, name: str | None, secret: str | None
) -> None:
    system = System(site, person("machine"))
    form = {
        "grant_type": "client_credentials",
        "client_id": system.name if name is None else name,
        "client_secret": system.secret if secret is None else secret,
    }
    answer = Client(site.app).post("/api/v1/token", data=form)
    assert (answer.status_code, answer.get_json()["error"]) == (401, "invalid_client")
    with db.transaction(site.engine) as conn:
        conn.execute(sa.text("delete from sign_in_attempt"))


def test_refresh_tokens_rotate_and_one_used_twice_ends_the_whole_line(site: Any, person: Make) -> None:
    system = System(site, person("machine"))
    first, another = system.begin(), system.begin()
    second_pair = system.go_on(first["refresh_token"]).get_json()
    third = system.go_on(second_pair["refresh_token"]).get_json()
    assert _works(site, third["access_token"])
    stolen = system.go_on(first["refresh_token"])
    assert (stolen.status_code, stolen.get_json()["error"]) == (400, "invalid_grant")
    assert "used before" in stolen.get_json()["error_description"]
    assert system.go_on(third["refresh_token"]).status_code == 400, "the newest of that line too"
    for pair in (first, second_pair, third):
        assert children.wait_until(lambda pair=pair: not _works(site, pair["access_token"]), 2)
    assert _works(site, another["access_token"]), "another line goes on"
    with db.transaction(site.engine) as conn:
        logged = conn.scalars(sa.text("select object from audit_log where action = 'refresh token used twice'"))
        assert system.name in list(logged)


def test_a_refresh_token_of_another_system_or_too_old_is_refused(site: Any, person: Make) -> None:
    owner = person("machine")
    mine, theirs = System(site, owner), System(site, owner)
    pair = mine.begin()
    assert theirs.go_on(pair["refresh_token"]).status_code == 400
    assert _works(site, pair["access_token"]), "a guess of others ends nothing"
    with db.transaction(site.engine) as conn:
        conn.execute(sa.text("update refresh_token set expires_at = now() - interval '1 second'"))
    assert mine.go_on(pair["refresh_token"]).get_json()["error"] == "invalid_grant"
    assert mine.ask(grant_type="password").get_json()["error"] == "unsupported_grant_type"


def test_of_two_that_use_a_refresh_token_at_once_one_gets_nothing(site: Any, person: Make) -> None:
    from concurrent.futures import ThreadPoolExecutor

    system = System(site, person("machine"))
    token = system.begin()["refresh_token"]
    with ThreadPoolExecutor(4) as pool:
        codes = [answer.status_code for answer in pool.map(system.go_on, [token] * 4)]
    assert codes.count(200) == 1


def test_a_system_that_is_ended_is_out_with_its_tokens(site: Any, person: Make) -> None:
    owner = person("machine")
    system = System(site, owner)
    pair = system.begin()
    assert _works(site, pair["access_token"])
    users.end_client(site.engine, owner.email, system.name)
    assert children.wait_until(lambda: not _works(site, pair["access_token"]), 2)
    assert system.go_on(pair["refresh_token"]).status_code == 401
