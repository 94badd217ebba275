"""The pages without a map, as a browser gets them."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta

import pytest
import small
import sqlalchemy as sa

from app.auth.demo import Login
from app.pages import about, alerts, login, plain
from data import programmes
from geo import reach

NOW = datetime(2026, 11, 20, 11, 0, tzinfo=UTC)
PERSON = plain.Person("Demo: National logistics officer", "National logistics officer", "token-of-the-session")


def _read(page: str) -> str:
    """What can be read on a page."""
    body = re.sub(r"<head>.*?</head>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


@pytest.fixture
def country(conn: sa.Connection) -> small.Small:
    return small.build(conn)


def _open_alert(conn: sa.Connection, country: small.Small, facility: str, product: str, opened_at: datetime) -> None:
    conn.execute(
        sa.text(
            "insert into alert (programme_id, facility_id, product_id, kind, opened_at)"
            " values (:programme, :facility, :product, 'stockout', :at)"
        ),
        {
            "programme": country.programme_id, "facility": country.facilities[facility],
            "product": country.products[product], "at": opened_at,
        },
    )  # fmt: skip


def _alerts(conn: sa.Connection, country: small.Small, number: int = 1) -> str:
    programme = programmes.find(conn, country.code)
    return alerts.page(conn, programme, PERSON, number, reach.everything(programme.id), now=NOW)


def test_the_sign_in_form_carries_its_token_and_where_to_go(conn: sa.Connection) -> None:
    page = login.render("abc123", "/demo?area=NG020&vaccine=BCG", "", [])
    assert '<input type="hidden" name="csrf_token" value="abc123">' in page
    assert 'value="/demo?area=NG020&amp;vaccine=BCG"' in page
    assert 'autocomplete="current-password"' in page
    assert 'role="alert"' not in page


def test_a_refused_sign_in_says_why_and_keeps_the_address_typed() -> None:
    page = login.render("t", "/", "E-mail and password do not match.", [], email='a"b@example.org')
    assert "E-mail and password do not match." in _read(page)
    assert 'value="a&#34;b@example.org"' in page


def test_demo_logins_are_offered_only_where_there_are_any_and_say_that_data_is_simulated() -> None:
    offered = login.render("t", "/", "", [Login("Analyst", "analyst@demo.example", "open-sesame")])
    assert "simulated" in _read(offered)
    assert "Analyst analyst@demo.example" in _read(offered)
    assert offered.count('name="csrf_token"') == 2
    assert "Demo" not in _read(login.render("t", "/", "", []))


def test_what_somebody_typed_cannot_become_markup() -> None:
    page = login.render("t", "/", "", [], email="<script>alert(1)</script>")
    assert "<script>alert" not in page


def test_open_alerts_link_to_the_facility_and_its_area(conn: sa.Connection, country: small.Small) -> None:
    _open_alert(conn, country, "F-W1", "BCG", NOW - timedelta(days=6))
    page = _alerts(conn, country)
    assert "1 alert is open." in _read(page)
    assert "Health post F-W1 Area W1 Out of stock BCG 6 days ago" in _read(page)
    assert 'href="/small?facility=F-W1&amp;vaccine=BCG"' in page
    assert 'href="/small?area=W1&amp;vaccine=BCG"' in page
    assert 'title="14 November 2026, 12:00 (Africa/Lagos)"' in page


def test_alerts_are_read_page_by_page(
    conn: sa.Connection, country: small.Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerts, "PER_PAGE", 2)
    for hours, facility in enumerate(country.facilities, 1):
        _open_alert(conn, country, facility, "MR", NOW - timedelta(hours=hours))
    first, second = _alerts(conn, country, 1), _alerts(conn, country, 2)
    assert "Page 1 of 2" in _read(first)
    assert 'href="?page=2"' in first
    assert "Health post F-E1" in first
    assert "Health post F-E1" not in second
    assert 'href="?page=1"' in second
    assert "There is no page 3: 4 alerts fit on 2 pages." in _read(_alerts(conn, country, 3))


def test_without_alerts_the_page_says_so(conn: sa.Connection, country: small.Small) -> None:
    assert "No alert is open" in _read(_alerts(conn, country))


def test_every_framed_page_marks_simulated_data_and_lets_one_sign_out(
    conn: sa.Connection, country: small.Small
) -> None:
    for page in (_alerts(conn, country), about.page(conn, programmes.find(conn, "small"), PERSON)):
        assert "Simulated data" in _read(page)
        assert "Made for tests." in _read(page)
        assert '<form method="post" action="/logout">' in page
        assert 'name="csrf_token" value="token-of-the-session"' in page
    conn.execute(sa.text("update programme set simulated = false"))
    assert "Simulated" not in _read(_alerts(conn, country))


def test_the_page_about_the_data_says_what_was_refused_and_why(conn: sa.Connection, country: small.Small) -> None:
    conn.execute(
        sa.text("update programme set sources = '{\"WHO / KEMRI 2019, CC BY 4.0\"}' where id = :id"),
        {"id": country.programme_id},
    )
    conn.execute(
        sa.text(
            "insert into finding (programme_id, severity, subject, reason, count, remedy, examples) values (:id,"
            " 'refused', 'facilities', 'has no coordinates', 1114, 'Add lon and lat.', '{row 12: Gwale PHC}')"
        ),
        {"id": country.programme_id},
    )
    said = _read(about.page(conn, programmes.find(conn, "small"), PERSON))
    assert "WHO / KEMRI 2019, CC BY 4.0" in said
    assert "Refused facilities 1,114 Has no coordinates Add lon and lat. 1 example row 12: Gwale PHC" in said
    assert "NPHCDA: minimum 25 %, maximum 125 % of the month's need." in said
    assert "Average monthly use (AMC) AMC = doses used / months" in said
    assert "Stores serve none: they are listed and alerted, not counted." in said
    assert "MR MR not known 10 not known 50 %" in said


def test_the_rail_marks_the_section_that_is_open(conn: sa.Connection, country: small.Small) -> None:
    page = _alerts(conn, country)
    assert re.search(r'href="/small/alerts" aria-current="page"', page)
    assert page.count("aria-current") == 1
