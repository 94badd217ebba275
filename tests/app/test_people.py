"""Administrators: who has which right, letting people in and putting them out, the kill switches, and the log."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from werkzeug.test import Client

from app import create_app
from app.auth import sessions, users
from app.local import children
from data import db
from data.record import audit
from tests.app.people import PASSWORD, Somebody
from tests.keys import BOX

_numbers = iter(range(1, 1000))
Make = Callable[..., Somebody]


@pytest.fixture
def person(site: Any) -> Make:
    """Makes people who are signed in, administrators with their second factor."""

    def make(role: str = "national", programme: str = "small", **where: str) -> Somebody:
        email = f"member{next(_numbers)}@example.org"
        users.add(site.engine, BOX, email, f"Member {email.split('@')[0]}", PASSWORD)
        users.grant(site.engine, email, role, programme, **where)
        somebody = Somebody(site, email)
        token = sessions.Sessions(site.engine, BOX, demo=False).open(somebody.id, strong=True)
        somebody.client.set_cookie(sessions.COOKIE, token)
        return somebody

    return make


def _invite(admin: Somebody, email: str, role: str = "analyst", place: str = "", name: str = "New") -> Any:
    return admin.send("/small/people", email=email, role=role, place=place, name=name)


def _errors(answer: Any) -> str:
    return " ".join(re.findall(r'role="alert">([^<]+)', answer.text))


def _log(site: Any, programme: str = "small") -> list[tuple[str, str, str]]:
    with db.transaction(site.engine) as conn:
        found = conn.execute(
            sa.text(
                "select l.actor, l.action, l.object from audit_log l join programme p on p.id = l.programme_id"
                " where p.code = :code order by number"
            ),
            {"code": programme},
        )
        return [tuple(row) for row in found]  # type: ignore[misc]


def test_one_page_shows_who_has_which_right_and_where(person: Make) -> None:
    admin, officer = person("administrator"), person("area", area="E")
    page = admin.get("/small/people").text
    row = page.split(officer.email)[1].split("</tr>")[0]
    assert "Cold chain officer" in row
    assert 'aria-label="yes, Area E"' in row
    assert row.count("yes, Area E") == 8, "see, record, count, approve, order, alerts, export, personal"


@pytest.mark.parametrize("role", ["national", "area", "facility", "analyst", "machine"])
def test_who_manages_no_users_sees_none(site: Any, person: Make, role: str) -> None:
    where = {"area": {"area": "E"}, "facility": {"facility": "F-W1"}}.get(role, {})
    somebody = person(role, **where)
    for path in ("/small/people", f"/small/people/{somebody.id}", "/small/log", "/small/log.csv"):
        assert somebody.get(path).status_code == 403, path
    for path in ("", "/1/stop", "/1/link", "/1/roles", "/stop-programme"):
        assert somebody.send(f"/small/people{path}", "/account").status_code == 403, path
    assert person("administrator", "other").get("/small/people").status_code == 404


def test_somebody_who_is_let_in_chooses_a_password_and_comes_in(site: Any, person: Make) -> None:
    admin = person("administrator")
    answer = _invite(admin, " New.One@Example.org ", "area", "area e")
    [link] = re.findall(r"http://localhost(/reset/[\w-]+)", answer.text)
    newcomer = Somebody(site, "new.one@example.org")
    assert newcomer.send(link, password=PASSWORD, again=PASSWORD).status_code == 303
    assert newcomer.sign_in().status_code == 303
    assert newcomer.inside
    assert (admin.email, "person invited", "new.one@example.org") in _log(site)
    again = _invite(admin, "new.one@example.org", "facility", "F-W1")
    assert (again.status_code, "reset" in again.text) == (303, False), "who is here keeps the password"


@pytest.mark.parametrize(
    ("email", "role", "place", "name", "said"),
    [
        ("no-address", "analyst", "", "N", "Give an e-mail address."),
        ("a@example.org", "analyst", "", "", "Write how colleagues know them."),
        ("a@example.org", "king", "", "N", "not yours to give"),
        ("a@example.org", "analyst", "Atlantis", "N", "no area with the code Atlantis"),
        ("a@example.org", "analyst", "Health post", "N", "Write one of these codes: F-"),
    ],
)
def test_an_invitation_that_cannot_be_sent_says_why(
    site: Any, person: Make, email: str, role: str, place: str, name: str, said: str
) -> None:
    answer = _invite(person("administrator"), email, role, place, name)
    assert answer.status_code == 422
    assert said in _errors(answer)
    with db.transaction(site.engine) as conn:
        assert conn.scalar(sa.text("select count(*) from app_user where email = 'a@example.org'")) == 0


def test_administrators_of_an_area_see_and_grant_within_it_only(site: Any, person: Make) -> None:
    admin = person("administrator", area="E")
    near, far, both = (
        person("facility", facility="F-E1"),
        person("facility", facility="F-W1"),
        person("area", area="E1"),
    )
    users.grant(site.engine, both.email, "analyst", "small")
    page = admin.get("/small/people").text
    assert near.email in page
    assert far.email not in page
    assert admin.get(f"/small/people/{far.id}").status_code == 404
    for place in ("", "SM", "W", "F-W1"):
        assert "not yours to give" in _errors(_invite(admin, near.email, "analyst", place)), place
    assert _invite(admin, near.email, "analyst", "E1").status_code == 303
    base = f"/small/people/{both.id}"
    assert "Analyst" not in admin.get(base).text.split("Give a further role")[0], (
        "a role elsewhere is not theirs to see"
    )
    for deed in ("stop", "link", "end-sessions", "second-factor-off"):
        answer = admin.send(f"{base}/{deed}", base)
        assert answer.status_code == 422, deed
        assert "also has a role outside the area" in _errors(answer)
    assert both.inside
    assert admin.get("/small/log").status_code == 403, "the log tells of the whole programme"


def test_nobody_raises_themselves(site: Any, person: Make) -> None:
    admin = person("administrator")
    assert "nobody changes their own roles" in _errors(_invite(admin, admin.email, "national"))
    base = f"/small/people/{admin.id}"
    answer = admin.send(f"{base}/roles", base, role="national", place="")
    assert "nobody changes their own roles" in _errors(answer)
    assert "or it is you" in _errors(admin.send(f"{base}/stop", base))


def test_a_role_is_taken_back_and_not_by_a_forged_number(site: Any, person: Make) -> None:
    admin, somebody, other = person("administrator"), person("area", area="E"), person("area", area="W")
    page = admin.get(f"/small/people/{somebody.id}").text
    [held] = re.findall(r"/roles/(\d+)/take", page)
    assert admin.send(f"/small/people/{other.id}/roles/{held}/take", f"/small/people/{other.id}").status_code == 404
    assert admin.send(f"/small/people/{somebody.id}/roles/{held}/take", "/small/people").status_code == 303
    assert children.wait_until(lambda: not somebody.inside, 2)
    assert other.inside


def test_a_stopped_person_is_out_in_every_process_within_two_seconds(site: Any, person: Make) -> None:
    admin, somebody = person("administrator"), person()
    token = {"Authorization": f"Bearer {users.token(site.engine, somebody.email, 'test', 1)}"}
    name, secret = users.client(site.engine, somebody.email, "system")
    process = create_app(site.settings)
    other = Client(process)
    assert other.get("/api/v1/programmes", headers=token).status_code == 200
    assert somebody.inside
    base = f"/small/people/{somebody.id}"
    assert admin.send(f"{base}/stop", base).status_code == 303
    assert children.wait_until(
        lambda: not somebody.inside and other.get("/api/v1/programmes", headers=token).status_code == 401, 2
    )
    assert somebody.elsewhere().sign_in().status_code == 401
    asked = Client(site.app).post("/api/v1/token", data={"grant_type": "client_credentials"}, auth=(name, secret))
    assert asked.status_code == 401
    assert admin.send(f"{base}/start", base).status_code == 303
    assert somebody.elsewhere().sign_in().status_code == 303
    process.close()


def test_a_stopped_programme_is_nobodys_until_it_is_started_again(site: Any, person: Make) -> None:
    admin, near, somebody = person("administrator"), person("administrator", area="E"), person()
    both = person()
    users.grant(site.engine, both.email, "national", "other")
    stop = "/small/people/stop-programme"
    assert "the whole programme" in _errors(near.send(stop, "/small/people", name="small"))
    assert "was not named" in _errors(admin.send(stop, "/small/people", name="other"))
    assert somebody.inside
    assert admin.send(stop, "/small/people", name="small").status_code == 303
    try:
        assert children.wait_until(lambda: not somebody.inside, 2)
        assert somebody.get("/small").status_code == 404
        assert somebody.get("/values/small/1/areas/0").status_code == 404
        assert both.inside, "another programme goes on"
        assert near.send("/account/programmes/small/start", "/account").status_code == 404
    finally:
        assert admin.send("/account/programmes/small/start", "/account").status_code == 303
    assert children.wait_until(lambda: somebody.inside, 2)
    actions = [action for _, action, _ in _log(site)]
    assert actions.index("programme stopped") < actions.index("programme started again")


def test_an_administrator_ends_one_token_of_somebody(site: Any, person: Make) -> None:
    admin, somebody = person("administrator"), person("machine")
    ended, kept = (users.token(site.engine, somebody.email, label, 1) for label in ("to end", "to keep"))
    page = admin.get(f"/small/people/{somebody.id}").text
    [number] = [n for n in re.findall(r"sessions/(\d+)/end", page.split("to end")[1].split("</li>")[0])]
    base = f"/small/people/{somebody.id}"
    other = f"/small/people/{person().id}"
    assert admin.send(f"{other}/sessions/{number}/end", base).status_code == 404
    assert admin.send(f"{base}/sessions/{number}/end", base).status_code == 303
    client = Client(site.app)

    def code(token: str) -> int:
        return client.get("/api/v1/programmes", headers={"Authorization": f"Bearer {token}"}).status_code

    assert children.wait_until(lambda: code(ended) == 401, 2)
    assert code(kept) == 200


def test_a_lost_telephone_is_set_up_anew_by_way_of_an_administrator(site: Any, person: Make) -> None:
    admin, somebody = person("administrator"), person()
    somebody.set_up()
    base = f"/small/people/{somebody.id}"
    assert admin.send(f"{base}/second-factor-off", base).status_code == 303
    assert children.wait_until(lambda: not somebody.inside, 2)
    assert somebody.sign_in().headers["Location"] == "/"


# --- the log


def test_the_log_tells_who_did_what_from_where_and_holds_no_secret(site: Any, person: Make) -> None:
    admin, somebody = person("administrator"), person()
    somebody.elsewhere("203.0.113.5").sign_in("a wrong but secret password")
    somebody.sign_in()
    made = somebody.send("/account/tokens", label="for a test", right="see", programme="", area="", days="3")
    [token] = re.findall(r'<code class="key">([\w-]+)</code>', made.text)
    exported = somebody.get("/api/v1/small/facilities/F-W1/bin-card.csv?product=BCG")
    assert exported.status_code == 200
    assert somebody.get("/api/v1/small/facilities/F-W1/bin-card.csv?product=nothing").status_code == 404
    page = admin.get("/small/log").text
    for said in (
        "Sign-in failed",
        "203.0.113.5",
        "Signed in",
        "Token made: for a test",
        "Exported: /api/v1/small/facilities/F-W1/bin-card.csv",
    ):
        assert said in page, said
    with db.transaction(site.engine) as conn:
        everything = str(conn.execute(sa.text("select * from audit_log")).all())
    for secret in ("a wrong but secret password", PASSWORD, token):
        assert secret not in everything


def test_a_paper_that_is_taken_away_in_parts_is_logged_too(site: Any, person: Make) -> None:
    somebody = person()
    base = "/api/v1/small/facilities/F-W1/attachments"
    token = {"Authorization": f"Bearer {users.token(site.engine, somebody.email, 'paper', 1)}"}
    sent = Client(site.app).post(base, data={"file": (io.BytesIO(b"%PDF-1.4 in parts"), "a.pdf")}, headers=token)
    path = f"{base}/{sent.json['id']}"
    part = Client(site.app).get(path, headers=token | {"Range": "bytes=0-"})
    assert (part.status_code, part.data) == (206, b"%PDF-1.4 in parts")
    assert (somebody.email, "exported", path) in _log(site)
    only_see = users.token(site.engine, somebody.email, "may look", 1, rights=["see"])
    refused = Client(site.app).get(path, headers={"Authorization": f"Bearer {only_see}"})
    assert refused.status_code == 403


def test_what_is_done_on_the_command_line_is_logged(site: Any) -> None:
    email = "typed@example.org"
    for _ in range(2):
        users.add(site.engine, BOX, email, "Typed", PASSWORD)
        users.grant(site.engine, email, "analyst", "small")
    users.reset(site.engine, email)
    users.switch(site.engine, email, stop=True)
    users.remove(site.engine, email)
    with db.transaction(site.engine) as conn:
        logged = conn.execute(sa.text(
            "select action from audit_log where object = :email and actor = 'the command line' order by at"
        ), {"email": email}).scalars().all()  # fmt: skip
    assert logged == [
        "person invited", "role given", "password changed", "role given", "link for a new password made",
        "person stopped", "person removed",
    ]  # fmt: skip


def test_an_e_mail_that_nobody_has_is_not_kept(site: Any) -> None:
    Somebody(site, "my-password-in-the-wrong-field@example.org").sign_in()
    with db.transaction(site.engine) as conn:
        rows = str(conn.execute(sa.text("select * from audit_log where programme_id = 0")).all())
    assert "somebody unknown" in rows
    assert "my-password-in-the-wrong-field" not in rows


def test_each_view_of_personal_data_and_of_the_log_is_logged(site: Any, person: Make) -> None:
    admin, somebody = person("administrator"), person()
    for path in ("/small/people", f"/small/people/{somebody.id}", "/small/log", "/small/log.csv"):
        assert admin.get(path).status_code == 200
    mine = [(action, what) for actor, action, what in _log(site) if actor == admin.email]
    assert mine == [
        ("personal data seen", "the list of people"),
        ("personal data seen", somebody.email),
        ("personal data seen", "the log"),
        ("exported", "/small/log.csv"),
    ]


def test_the_log_is_taken_away_by_person_action_and_day(person: Make) -> None:
    admin = person("administrator")
    admin.get("/small/people")
    answer = admin.get(f"/small/log.csv?who={admin.email}&what=personal+data+seen&from=2020-01-01")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(r["actor"], r["action"]) for r in rows] == [(admin.email, "personal data seen")]
    assert len(rows[0]["digest"]) == 64
    assert list(csv.DictReader(io.StringIO(admin.get("/small/log.csv?to=2020-01-01").text))) == []
    assert admin.get("/small/log?from=yesterday").status_code == 400


def test_what_somebody_types_is_no_formula_in_the_file(site: Any, person: Make) -> None:
    admin, somebody = person("administrator"), person()
    somebody.send("/account/tokens", label='=HYPERLINK("http://x")', right="see", programme="", area="", days="3")
    assert "'=HYPERLINK" in admin.get("/small/log.csv").text


def test_the_programmes_logs_are_walled_off(site: Any, person: Make) -> None:
    mine, theirs = person("administrator"), person("administrator", "other")
    mine.get("/small/people")
    theirs.get("/other/people")
    assert mine.email not in str(_log(site, "other"))
    assert theirs.email not in str(_log(site))
    assert theirs.get("/small/log").status_code == 404


def test_nobody_changes_the_log_and_who_does_is_found(site: Any, person: Make) -> None:
    person("administrator").get("/small/people")
    for change in ("update audit_log set actor = 'x'", "delete from audit_log", "truncate audit_log"):
        with pytest.raises(sa.exc.IntegrityError, match="append-only"), db.transaction(site.engine) as conn:
            conn.execute(sa.text(change))
    assert _differences(site) == []
    forgeries = [
        "update audit_log set actor = 'somebody else' where number = 2",
        'update audit_log set details = \'{"role": "x"}\' where number = 2',
        "delete from audit_log where number = 2",
        "delete from audit_log where (programme_id, number) in (select programme_id, number from audit_head)",
        "delete from audit_log",
        "update audit_log set number = number + 1 where number = (select max(number) from audit_log)",
    ]
    for forgery in forgeries:
        with site.engine.connect() as conn, conn.begin() as transaction:
            conn.execute(sa.text("alter table audit_log disable trigger user"))
            assert conn.execute(sa.text(forgery)).rowcount
            assert [d.place for d in audit.differences(conn) if _of_log(d)], forgery
            transaction.rollback()
    assert _differences(site) == []


def test_entries_written_at_once_form_one_chain(site: Any, person: Make) -> None:
    from concurrent.futures import ThreadPoolExecutor

    everybody = [person("administrator") for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert {a.status_code for a in pool.map(lambda p: p.get("/small/people"), everybody * 5)} == {200}
    assert _differences(site) == []


def _of_log(difference: audit.Difference) -> bool:
    return "the log" in difference.check.replace("_", " ")


def _differences(site: Any) -> list[Any]:
    with db.transaction(site.engine) as conn:
        return [d for d in audit.differences(conn) if _of_log(d)]
