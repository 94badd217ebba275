"""Names and telephone numbers of people: sealed in the table, opened by right, masked elsewhere, never in logs."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import openpyxl
import pypdf
import pytest
import sqlalchemy as sa
import structlog
from alembic import command
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import Client

from app import create_app, logs
from app.__main__ import main
from app.auth import demo, personal, sealed, sessions, users
from app.errors import unforeseen
from data import db, migrate
from tests.app.people import PASSWORD, Somebody, close
from tests.keys import BOX, KEY

NAME, PHONE = "Ngozi Eze-Adebayo", "+2348035550123"
_numbers = iter(range(1, 1000))
Make = Callable[..., Somebody]


@pytest.fixture
def person(site: Any) -> Make:
    """Makes people who are signed in, with a name and a telephone number of their own."""

    def make(role: str = "national", name: str = NAME, phone: str = PHONE, **where: str) -> Somebody:
        email = f"named{next(_numbers)}@example.org"
        users.add(site.engine, BOX, email, name, PASSWORD, phone=phone)
        users.grant(site.engine, email, role, "small", **where)
        somebody = Somebody(site, email)
        token = sessions.Sessions(site.engine, BOX, demo=False).open(somebody.id, strong=True)
        somebody.client.set_cookie(sessions.COOKIE, token)
        return somebody

    return make


@pytest.fixture
def told(site: Any, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Commands work on the site's database with its key."""
    monkeypatch.setenv("DATABASE_URL", site.owners)
    monkeypatch.setenv("REDIS_URL", site.settings.redis_url.get_secret_value())
    monkeypatch.setenv("SECRET_KEY", KEY)
    return monkeypatch


def _table(site: Any) -> list[sa.Row[Any]]:
    with db.transaction(site.engine) as conn:
        return list(conn.execute(sa.text("select * from app_user order by id")))


def _seen(site: Any) -> list[tuple[str, str, Any]]:
    with db.transaction(site.engine) as conn:
        return [
            tuple(row)
            for row in conn.execute(
                sa.text(
                    "select actor, object, details from audit_log where action = 'personal data seen' order by number"
                )
            )
        ]


def _recorded(site: Any, event: Any, who: Somebody) -> None:
    token = users.token(site.engine, who.email, "test", 1)
    answer = Client(site.app).post(
        "/api/v1/stock-events", json=event(facility="F-W1"), headers={"Authorization": f"Bearer {token}"}
    )
    assert answer.status_code == 201, answer.text


# --- at rest


def test_no_way_in_leaves_a_plain_name_or_number_in_the_table(
    site: Any, person: Make, told: pytest.MonkeyPatch
) -> None:
    admin = person("administrator", "Aisha Administrator")
    form = {"role": "analyst", "place": "", "name": "Invited Ibrahim", "phone": "0044 20 7946 0000"}
    assert admin.send("/small/people", email="invited.one@example.org", **form).status_code == 200
    told.setattr("sys.stdin", io.StringIO("seven herons cross the delta\n"))
    argv = ["user", "typed@example.org", "--name", "Typed Tunde", "--phone", "+33 1 23 45 67 89"]
    assert main([*argv, "--programme", "small", "--role", "analyst"]) == 0
    own = person("analyst", "Before Marriage")
    assert own.send("/account/details", name="After Marriage", phone="+1 (202) 555-0143").status_code == 303
    demo.ensure(site.engine, BOX)
    try:
        rows = _table(site)
        for row in rows:
            assert row.name.startswith("gAAAAA")
            assert row.phone is None or row.phone.startswith("gAAAAA")
        kept = " ".join(str(value) for row in rows for value in row)
        for plain in ("Ibrahim", "Tunde", "Marriage", "Aisha", "7946", "5550143", "1234567", "Demo:"):
            assert plain not in kept
        opened = {(personal.read_name(BOX, r.name), personal.read_phone(BOX, r.phone)) for r in rows}
        assert {
            ("Invited Ibrahim", "+442079460000"), ("Typed Tunde", "+33123456789"), ("After Marriage", "+12025550143"),
            ("Demo: Analyst", ""),
        } <= opened  # fmt: skip
    finally:
        with db.transaction(site.engine) as conn:
            conn.execute(sa.text("delete from user_grant g using app_user u where u.id = g.user_id and u.demo"))
            conn.execute(sa.text("delete from app_user where demo"))


@pytest.mark.parametrize("column", ["name", "phone"])
def test_postgresql_takes_no_plain_name_or_number_in(site: Any, column: str) -> None:
    change = sa.text(
        {"name": "update app_user set name = 'Ngozi'", "phone": "update app_user set phone = '+1'"}[column]
    )
    with pytest.raises(sa.exc.IntegrityError, match=f"{column}_sealed"), db.transaction(site.engine) as conn:
        conn.execute(change)


def test_names_that_an_older_version_left_plain_are_sealed_by_migrate(
    database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command.downgrade(migrate.config(database_url), "0012")
    engine = db.engine(database_url)
    with db.transaction(engine) as conn:
        conn.execute(sa.text("insert into app_user (email, name) values ('old@example.org', 'Olu Old')"))
    for name, value in (("DATABASE_URL", database_url), ("REDIS_URL", redis_url), ("SECRET_KEY", KEY)):
        monkeypatch.setenv(name, value)
    assert main(["migrate"]) == 0
    assert "Names that were sealed: 1." in capsys.readouterr().out
    with db.transaction(engine) as conn:
        kept = conn.scalar(sa.text("select name from app_user"))
        valid = conn.scalar(sa.text("select convalidated from pg_constraint where conname = 'ck_app_user_name_sealed'"))
    assert (personal.read_name(BOX, kept), valid) == ("Olu Old", True)
    assert main(["migrate"]) == 0
    assert capsys.readouterr().out == ""
    engine.dispose()


# --- who reads them


def test_a_bin_card_names_people_by_right_and_files_and_the_api_never_do(site: Any, person: Make, event: Any) -> None:
    recorder = person("facility", facility="F-W1")
    _recorded(site, event, recorder)
    masked = f"N. E. #{recorder.id}"
    page = "/small/bin-card?facility=F-W1&product=BCG"
    for role, name in (("national", NAME), ("area", NAME), ("analyst", masked)):
        reader = person(role, f"Reader {role}", **({"area": "W"} if role == "area" else {}))
        before = len(_seen(site))
        text = reader.get(page).text
        assert name in text, role
        assert (NAME in text) == (name == NAME)
        told_of = _seen(site)[before:]
        if name == NAME:
            [(actor, what, details)] = told_of
            assert (actor, what) == (reader.email, "/small/bin-card")
            assert recorder.id in details["people"]
        else:
            assert told_of == []
    before = len(_seen(site))
    assert NAME in recorder.get(page).text, "everybody reads their own"
    assert _seen(site)[before:] == []

    officer = person("national", "Officer Obi")
    base = "/api/v1/small/facilities/F-W1/bin-card"
    lines = officer.get(f"{base}?product=BCG").get_json()["lines"]
    assert masked in {line["who"] for line in lines}
    found = officer.get(f"{base}.csv?product=BCG").text
    assert masked in {cell for row in csv.reader(io.StringIO(found)) for cell in row}
    book = openpyxl.load_workbook(io.BytesIO(officer.get(f"{base}.xlsx?product=BCG").data))
    cells = {str(cell) for sheet in book for row in sheet.iter_rows(values_only=True) for cell in row}
    assert masked in cells
    paper = pypdf.PdfReader(io.BytesIO(officer.get(f"{base}.pdf?product=BCG").data))
    words = " ".join(p.extract_text() for p in paper.pages)
    assert masked in words.replace("\n", " ")
    for said in (json.dumps(lines), found, " ".join(cells), words):
        assert "Ngozi" not in said
        assert "Obi" not in said, "who takes a file away is masked in it too"


def test_a_count_and_its_list_name_people_by_right_and_the_api_does_not(site: Any, person: Make) -> None:
    counter = person("facility", facility="F-W1")
    opened = counter.send("/small/counts", "/small/counts/new?facility=F-W1", facility="F-W1", which="all")
    number = opened.headers["Location"].rsplit("/", 1)[1]
    masked = f"N. E. #{counter.id}"
    officer, analyst = person("area", "Officer Obi", area="W"), person("analyst", "Analyst Ada")
    try:
        for page in (f"/small/counts/{number}", "/small/counts"):
            assert NAME in officer.get(page).text
            assert masked in analyst.get(page).text
            assert NAME not in analyst.get(page).text
        assert officer.get(f"/api/v1/small/counts/{number}").get_json()["opened_by"] == masked
        [listed] = [c for c in officer.get("/api/v1/small/counts").get_json()["counts"] if c["number"] == number]
        assert listed["person"] == masked
    finally:
        page = counter.send(f"/small/counts/{number}/cancel", f"/small/counts/{number}", reason="a test")
        assert page.status_code == 303


def test_the_right_to_personal_data_holds_only_where_it_was_given(site: Any, person: Make, event: Any) -> None:
    recorder = person("facility", facility="F-W1")
    _recorded(site, event, recorder)
    reader = person("analyst", "Both Bola")
    users.grant(site.engine, reader.email, "area", "small", area="E")
    text = reader.get("/small/bin-card?facility=F-W1&product=BCG").text
    assert f"N. E. #{recorder.id}" in text
    assert NAME not in text


def test_people_are_masked_for_a_token_that_may_manage_users_but_not_see_personal_data(site: Any, person: Make) -> None:
    admin, other = person("administrator", "Aisha Administrator", ""), person("analyst")
    pages = ("/small/people", f"/small/people/{other.id}")
    for page in pages:
        text = admin.get(page).text
        assert NAME in text
        assert PHONE in text
        assert other.email in text
    with db.transaction(site.engine) as conn:
        conn.execute(sa.text("update app_user set phone = null where id <> :id"), {"id": other.id})
    token = users.token(site.engine, admin.email, "narrow", 1, rights=["see", "users"], programme="small")
    for page in pages:
        text = Client(site.app).get(page, headers={"Authorization": f"Bearer {token}"}).text
        assert f"N. E. #{other.id}" in text
        assert "…23" in text
        assert "n…@example.org" in text
        for private in (NAME, PHONE, other.email):
            assert private not in text


def test_a_number_that_is_none_is_refused_by_its_field_and_what_was_typed_stays(site: Any, person: Make) -> None:
    somebody = person("analyst")
    answer = somebody.send("/account/details", name="Ada Obi", phone="0803 555 0123")
    assert answer.status_code == 422
    assert "Begin with + and the country's code" in answer.text.replace("&#39;", "'")
    [field] = re.findall(r'<input type="tel"[^>]*>', answer.text)
    assert 'value="0803 555 0123"' in field
    assert 'aria-invalid="true"' in field
    admin = person("administrator", "Aisha Administrator")
    refused = admin.send("/small/people", email="x@example.org", name="X", role="analyst", place="", phone="12")
    assert refused.status_code == 422
    assert [row for row in _table(site) if row.email == "x@example.org"] == []


def test_an_administrator_changes_a_name_and_a_number_within_reach_and_the_log_has_neither(
    site: Any, person: Make
) -> None:
    admin, other = person("administrator", "Aisha Administrator"), person("analyst")
    page = f"/small/people/{other.id}"
    assert admin.send(f"{page}/details", page, name="Renamed Rose", phone="").status_code == 303
    [row] = [r for r in _table(site) if r.id == other.id]
    assert (personal.read_name(BOX, row.name), row.phone) == ("Renamed Rose", None)
    with db.transaction(site.engine) as conn:
        log = conn.execute(sa.text("select * from audit_log")).all()
    assert ("name or telephone number changed", other.email) in {(e.action, e.object) for e in log}
    kept = " ".join(str(value) for entry in log for value in entry)
    for plain in ("Rose", "Ngozi", PHONE):
        assert plain not in kept
    users.grant(site.engine, other.email, "analyst", "other")
    refused = admin.send(f"{page}/details", page, name="Y", phone="")
    assert refused.status_code == 422
    assert "outside the area" in refused.text


# --- keys


@pytest.fixture
def kept(site: Any) -> Iterator[None]:
    """What is sealed is afterwards as it was."""
    before = _table(site)
    yield
    with db.transaction(site.engine) as conn:
        for row in before:
            change = "update app_user set name = :name, phone = :phone, totp_secret = :totp_secret where id = :id"
            conn.execute(sa.text(change), row._asdict())


@pytest.mark.usefixtures("kept")
def test_the_key_is_changed_by_a_command_and_the_old_one_opens_nothing_afterwards(
    site: Any, person: Make, told: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    somebody = person("analyst")
    with db.transaction(site.engine) as conn:
        secret = "update app_user set totp_secret = :s where id = :id"
        conn.execute(sa.text(secret), {"s": BOX.seal(b"a second factor"), "id": somebody.id})
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    for keys in (old, f"{new} {old}", new):
        told.setenv("ENCRYPTION_KEYS", keys)
        assert main(["seal"]) == 0
    assert re.search(r"Sealed anew: \d+\.", capsys.readouterr().out)
    only_old, only_new = (sealed.Box([Fernet(key)]) for key in (old, new))
    rows = _table(site)
    for row in rows:
        for text in (row.name, row.phone, row.totp_secret):
            if text is not None:
                assert only_new.open(text)
                for gone in (only_old, BOX):
                    with pytest.raises(sealed.Unopened):
                        gone.open(text)
    [mine] = [row for row in rows if row.id == somebody.id]
    assert (personal.read_name(only_new, mine.name), personal.read_phone(only_new, mine.phone)) == (NAME, PHONE)
    assert only_new.open(mine.totp_secret) == b"a second factor"
    told.setenv("ENCRYPTION_KEYS", old)
    assert main(["seal"]) == 1
    assert "ENCRYPTION_KEYS has to hold the key that it was sealed with" in capsys.readouterr().err
    assert _table(site) == rows, "all of it is sealed anew, or nothing"


def test_with_a_key_that_is_wrong_pages_say_that_names_cannot_be_read(site: Any, person: Make, event: Any) -> None:
    recorder = person("facility", facility="F-W1")
    _recorded(site, event, recorder)
    reader = person("administrator", "Aisha Administrator")
    app = create_app(site.settings.model_copy(update={"secret_key": type(site.settings.secret_key)(KEY[1:] + "1")}))
    there = Client(app)
    cookie = reader.client.get_cookie(sessions.COOKIE)
    assert cookie is not None
    there.set_cookie(sessions.COOKIE, cookie.value)
    for page in ("/small/people", f"/small/people/{recorder.id}", "/account", "/account/details"):
        answer = there.get(page)
        assert answer.status_code == 200, page
        assert "name cannot be read" in answer.text, page
    card = there.get("/small/bin-card?facility=F-W1&product=BCG")
    assert f"name cannot be read (#{recorder.id})" in card.text
    app.close()
    close(app)


# --- logs


def test_an_error_of_the_database_is_logged_without_whom_it_was_about(
    site: Any, person: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    somebody = person("analyst", "Halima Hidden")
    broken = "alter table app_user add constraint refuses check (id <> {}) not valid"
    with db.transaction(site.engine) as conn:
        conn.execute(sa.text(broken.format(somebody.id)))
    try:
        answer = somebody.send("/account/details", name="Halima Renamed", phone="+234 803 555 9999")
    finally:
        with db.transaction(site.engine) as conn:
            conn.execute(sa.text("alter table app_user drop constraint refuses"))
    assert answer.status_code == 503
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    [line] = [line for line in lines if line["event"] == "request.database"]
    said = json.dumps(line)
    assert "refuses" in said, "what is wrong is still said"
    assert "account_routes.py" in said
    for private in ("Halima", "Renamed", "5559999", "555 9999", somebody.email, "gAAAAA"):
        assert private not in said, private
        assert private not in answer.text


def test_a_defect_whose_words_name_somebody_is_logged_without_them(
    site: Any, person: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    somebody = person("analyst", "Halima Hidden")
    flask = site.app._behind  # the application behind the front
    cookie = somebody.client.get_cookie(sessions.COOKIE)
    assert cookie is not None
    with flask.test_request_context("/", headers={"Cookie": f"{sessions.COOKIE}={cookie.value}"}):
        flask.preprocess_request()
        personal.read_name(BOX, BOX.seal(NAME.encode()))
        words = f"no card of {NAME} for HALIMA HIDDEN at +234 803-555-0123, x.y@example.org, /reset/abcDEF123"
        answer = unforeseen("/reset/abcDEF123", KeyError(words))
    [line] = [json.loads(x) for x in capsys.readouterr().out.splitlines() if "request.failed" in x]
    said = json.dumps(line)
    assert "no card of [masked] for [masked] at [masked], [masked], /reset/[masked]" in said
    for private in ("Ngozi", "Halima", "HALIMA", "0123", "example.org", "abcDEF"):
        assert private not in said
        assert private not in json.dumps(answer)


@given(
    st.sampled_from(["name", "user_name", "phone", "email", "password", "refresh_token", "client_secret", "cookie"]),
    st.text(st.characters(categories=["L", "N"]), min_size=4).map(lambda text: f"<{text}>"),
)
def test_a_field_of_that_kind_is_never_logged(field: str, value: str) -> None:
    line = {"event": "x", "at": {"deep": [{field: value}]}, field: value, "programme": "small"}
    kept = logs.without_people(None, "info", line)
    assert value not in str(kept)
    assert kept["programme"] == "small"


@pytest.mark.parametrize(
    "said",
    ["2026-11-20T19:09:04.123456+00:00", "10.0.0.12:8050", "seq 2348035550123", "+12 doses", "a @ b", "1+2345678"],
)
def test_what_names_nobody_is_logged_as_it_is(said: str) -> None:
    assert logs.without_people(None, "info", {"event": said}) == {"event": said}


# --- masks


@given(st.text(max_size=40), st.integers(1, 10**6), st.integers(1, 10**6))
def test_a_mask_tells_people_apart_and_holds_no_word_of_a_name(name: str, one: int, other: int) -> None:
    masked = personal.masked_name(one, name)
    assert (masked == personal.masked_name(other, name)) == (one == other)
    assert len(masked.replace(f"#{one}", "").replace(" ", "").replace(".", "")) <= 9


def test_structlog_writes_through_the_mask(site: Any) -> None:
    assert logs.without_people in structlog.get_config()["processors"]
    assert site.app is not None


@pytest.mark.parametrize(
    ("name", "masked"),
    [("Amina Okafor", "A. O. #7"), ("ọlá b. c. d.", "Ọ. B. C. #7"), ("amina@example.org", "A. #7"), ("…", "#7")],
)
def test_a_mask_is_initials_and_a_number(name: str, masked: str) -> None:
    assert personal.masked_name(7, name) == masked
