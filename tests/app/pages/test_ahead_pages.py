"""The next 30 days and past predictions, as a browser and a spreadsheet get them."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import openpyxl
import pytest
import small
import sqlalchemy as sa
from keys import BOX, KEY
from werkzeug.test import Client

from app import create_app
from app.auth import sessions
from app.settings import Settings
from data import db
from geo import aggregates

NOW = datetime.now(UTC)


def _read(page: str) -> str:
    body = re.sub(r"<head>.*?</head>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    """Two posts that lack BCG, one near that has plenty; two months of predictions, the last without an outcome."""
    engine = db.engine(database_url)
    with db.transaction(engine) as conn:
        country = small.build(conn)
        bcg = country.products["BCG"]
        for facility, state, usable, missed, chance in (
            ("F-W1", 3, 25, 120.0, 0.6), ("F-W2a", 2, 0, 250.0, 1.0), ("F-W2b", 5, 5_000, None, 0.001),
        ):  # fmt: skip
            conn.execute(
                sa.text(
                    "update position set state = :state, usable = :usable, total = :usable,"
                    " missed = cast(:missed as real), short = cast(:missed as real) * 1.5,"
                    " within = cast(array[0, 0, :chance, 1, 1] as real[]), probability = cast(:chance as real),"
                    " amc = 100, cover_p10 = 3, cover_p50 = 7, cover_p90 = 12, last_event_at = now()"
                    " where facility_id = :facility and product_id = :product"
                ),
                {
                    "state": state, "usable": usable, "missed": missed, "chance": chance,
                    "facility": country.facilities[facility], "product": bcg,
                },
            )  # fmt: skip
        running = NOW.date().replace(day=1)
        months = [(running.year * 12 + running.month - 1 - back) for back in (3, 2, 1)]
        first, second, third = ((m // 12, m % 12 + 1) for m in months)
        for facility, closing in (("F-W1", 0), ("F-W2a", 300)):
            for (year, month), within, at in ((first, 0.65, 400), (second, 0.25, closing), (third, None, 50)):
                conn.execute(
                    sa.text(
                        "insert into stock_month (facility_id, product_id, month, closing, within_30)"
                        " values (:f, :p, make_date(:y, :m, 1), :closing, :within)"
                    ),
                    {"f": country.facilities[facility], "p": bcg, "y": year, "m": month, "closing": at,
                     "within": within},
                )  # fmt: skip
        aggregates.rebuild(conn, country.programme_id)
        conn.execute(
            sa.text(
                "with u as (insert into app_user (email, name, password_hash)"
                " values ('officer@example.org', :name, 'none') returning id)"
                " insert into user_grant (user_id, programme_id, role) select id, :programme, 'national' from u"
            ),
            {"programme": country.programme_id, "name": BOX.seal(b"An officer")},
        )
    yield engine
    engine.dispose()


@pytest.fixture
def client(engine: sa.Engine, database_url: str, redis_url: str) -> Iterator[Client]:
    settings = Settings(database_url=database_url, redis_url=redis_url, secret_key=KEY)  # type: ignore[arg-type]
    with db.transaction(engine) as conn:
        user = conn.scalar(sa.text("select id from app_user where email = 'officer@example.org'"))
    app = create_app(settings)
    browser = Client(app)
    browser.set_cookie(sessions.COOKIE, sessions.Sessions(engine, BOX, demo=False).open(user))
    yield browser
    app.close()


def test_the_page_ranks_places_by_children_and_says_why_and_who_can_help(client: Client) -> None:
    answer = client.get("/small/next")
    assert answer.status_code == 200
    said = _read(answer.text)
    assert (
        "370 children may be missed, each counted once for every vaccine: 555 doses short."
        " 2 of 3 places that report are more likely than not to run out."
    ) in said
    first, second = (said.index(name) for name in ("BCG at Health post F-W2a", "BCG at Health post F-W1"))
    assert first < second
    assert "Here: 375 doses short / 1.5 doses a child = 250 children. Source: docs/risk.md. 250 Doses short" in said
    assert "VaxTrace's count model, docs/risk.md. 375 Out within 30 days" in said
    assert " out now " in said
    assert "Health post F-W2b , 111 km away" not in said, "too far to help"
    assert "Simulated data" in said
    assert 'href="/small?facility=F-W2a&amp;vaccine=BCG"' in answer.text


def test_it_is_narrowed_by_area_and_vaccine_and_says_where_nothing_is_short(client: Client) -> None:
    said = _read(client.get("/small/next?area=W1&vaccine=BCG").text)
    assert "120 children may be missed: " in said
    assert "1 of 1 place that report are more likely than not to run out" in said
    assert "F-W2a" not in said
    empty = _read(client.get("/small/next?vaccine=MR").text)
    assert "none is expected to be short of MR" in empty
    assert "No place here is expected to be short of MR within 30 days." in empty


def test_what_is_not_there_is_said_with_its_status(client: Client) -> None:
    assert client.get("/small/next?area=XX").status_code == 404
    assert client.get("/small/next?vaccine=XX").status_code == 404
    assert "There is no page 9" in _read(client.get("/small/next?page=9").text)


def test_the_list_is_taken_away_whole_as_csv_workbook_and_json(client: Client) -> None:
    table = list(csv.reader(io.StringIO(client.get("/api/v1/small/next.csv?area=W").get_data(as_text=True))))
    head = next(i for i, row in enumerate(table) if row and row[0] == "Rank")
    rows = [dict(zip(table[head], row, strict=True)) for row in table[head + 1 :]]
    assert [(r["Facility code"], r["Children missed in 30 days"]) for r in rows] == [("F-W2a", "250"), ("F-W1", "120")]
    assert rows[1]["Chance of running out within 30 days (%)"] == "60.0"
    assert any("Simulated data" in row[0] for row in table if row)
    book = openpyxl.load_workbook(io.BytesIO(client.get("/api/v1/small/next.xlsx?area=W").data))
    assert book.sheetnames == ["Next 30 days"]
    assert client.get("/api/v1/small/next.pdf").status_code == 400
    told: Any = client.get("/api/v1/small/next?limit=1&skip=1").json
    assert [p["facility"] for p in told["places"]] == ["F-W1"]
    assert told["total"] == {"places": 2, "likely": 2, "of": 3, "facilities": 2, "missed": 370.0, "short": 555.0}
    assert client.get("/api/v1/small/next?limit=many").status_code == 400


def test_past_predictions_are_held_against_what_happened(client: Client) -> None:
    answer = client.get("/small/calibration")
    said = _read(answer.text)
    assert "Of 2 places shown at 60 to 70 %, 50 % ran out." in said
    assert "Of 2 places shown at 20 to 30 %, none ran out." in said
    assert answer.text.count('class="point"') == 2
    assert 'role="img" aria-label=' in answer.text
    told: Any = client.get("/api/v1/small/calibration").json
    assert (told["all"]["count"], told["all"]["happened"]) == (4, 1)
    assert list(told["by_product"]) == ["BCG"]
    assert len(told["by_month"]) == 2


def test_without_past_predictions_the_page_says_so(client: Client, engine: sa.Engine) -> None:
    with db.transaction(engine) as conn:
        conn.execute(sa.text("update stock_month set within_30 = null"))
    said = _read(client.get("/small/calibration").text)
    assert "No month has followed a prediction here yet." in said
    assert "No prediction can be held against a month that followed yet." in said


def test_strangers_and_other_programmes_see_nothing(client: Client) -> None:
    assert client.get("/other/next").status_code == 404
    client.delete_cookie(sessions.COOKIE)
    assert client.get("/small/next", headers={"Accept": "text/html"}).status_code == 302
    assert client.get("/api/v1/small/next").status_code == 401


def test_the_indicators_have_a_value_and_a_formula_each_and_say_what_is_not_carried(client: Client) -> None:
    answer = client.get("/small/kpis")
    assert answer.status_code == 200
    said = _read(answer.text)
    assert "How supply worked in Area SM" in said
    assert "Stockout rate, now : how it is worked out = Places that serve children and are out now" in said
    assert "Timeliness of reports: it needs the day on which each monthly report came." in said
    assert 'href="/api/v1/small/areas/SM/kpis.xlsx?' in answer.text
    west = _read(client.get("/small/kpis?area=W").text)
    assert "How supply worked in Area W" in west
    assert client.get("/small/kpis?from=soon").status_code == 400
    assert client.get("/small/kpis?area=XX").status_code == 404
