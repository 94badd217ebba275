"""The map's page as a browser gets it: the document, Dash's layout, and the panel's callback, over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import small
import sqlalchemy as sa
from keys import BOX, KEY
from werkzeug.test import Client

from app import create_app, pipeline
from app.auth import csrf, sessions
from app.callbacks import panel
from app.settings import Settings
from data import db, programmes
from data.record import ledger
from data.types import Kind, StockEvent

NOW = datetime.now(UTC).replace(microsecond=0)


def _received(facility: str, product: str, doses: int, ago: timedelta, kind: Kind = Kind.RECEIPT) -> StockEvent:
    key = f"{facility}{product}{kind}"
    return StockEvent(facility, product, kind, doses, NOW - ago, source="test", source_id=key, opened_vial=True)


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    """The small country: one post received BCG and used it up a week ago, one still holds some, two are silent."""
    engine = db.engine(database_url)
    with db.transaction(engine) as conn:
        country = small.build(conn)
        ledger.record(
            conn,
            country.programme_id,
            [
                _received("F-W1", "BCG", 200, timedelta(days=9)),
                _received("F-W1", "BCG", 200, timedelta(days=7), Kind.ADMINISTERED),
                _received("F-E1", "BCG", 1240, timedelta(days=2)),
            ],
        )
        found = programmes.find(conn, "small")
        pipeline.refresh(conn, found, found.day(NOW), NOW, "test")
        small.build(conn, "hidden")
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
    """A browser that is signed in as the national officer."""
    settings = Settings(database_url=database_url, redis_url=redis_url, secret_key=KEY)  # type: ignore[arg-type]
    with db.transaction(engine) as conn:
        user = conn.scalar(sa.text("select id from app_user where email = 'officer@example.org'"))
    app = create_app(settings)
    browser = Client(app)
    browser.set_cookie(sessions.COOKIE, sessions.Sessions(engine, BOX, demo=False).open(user))
    yield browser
    app.close()


def _words(node: Any) -> str:
    """What can be read in Dash's JSON."""
    if isinstance(node, dict):
        props = node.get("props", {})
        return _words(_children(props["tree"]) if "tree" in props else props.get("children"))
    if isinstance(node, list):
        return " ".join(filter(None, (_words(n) for n in node)))
    return "" if node is None else str(node)


def _children(element: Any) -> list[Any]:
    """The words in a tree of `[tag, attributes, [child, ...]]`, in order."""
    return [w for child in element[2] for w in _children(child)] if isinstance(element, list) else [element]


def _form_token(client: Client) -> str:
    """What the page gave the browser to send with every change, as Dash reads it."""
    client.get("/small", headers={"Accept": "text/html"})
    cookie = client.get_cookie(csrf.COOKIE)
    assert cookie is not None
    return str(cookie.value)


def _show(client: Client, changed: str = "view.data", **view: Any) -> dict[str, Any]:
    """Ask the callback for a view and return its outputs by id."""
    body = {
        "output": "..panel-body.children...headline-slot.children...map.target..",
        "outputs": [
            {"id": "panel-body", "property": "children"},
            {"id": "headline-slot", "property": "children"},
            {"id": "map", "property": "target"},
        ],
        "inputs": [
            {"id": "view", "property": "data", "value": {"programme": "small", "theme": "light", **view}},
            {"id": "pulse", "property": "data", "value": 0},
        ],
        "changedPropIds": [changed],
    }
    answer = client.post("/_dash-update-component", json=body, headers={csrf.HEADER: _form_token(client)})
    assert answer.status_code == 200, answer.text
    return dict(json.loads(answer.text)["response"])


def test_the_document_names_the_programme_and_the_layout_follows_it(client: Client) -> None:
    page = client.get("/small")
    assert page.status_code == 200
    assert '<meta name="vaxtrace-programme" content="small">' in page.text
    layout = json.loads(client.get("/_dash-layout", headers={"Referer": "http://localhost/small"}).text)
    assert "Worst of all BCG MR" in _words(layout)
    assert "Simulated data" in _words(layout)
    assert "An officer National logistics officer" in _words(layout)


def test_the_nation_is_told_in_words_and_numbers(client: Client) -> None:
    shown = _show(client, vaccine="BCG")
    panel = _words(shown["panel-body"]["children"])
    assert "of 4 facilities did not report." in panel
    assert "Health post F-W1" in panel
    assert "Out of stock" in _words(shown["headline-slot"]["children"])
    assert shown["map"]["target"] == {"area": "SM", "facility": None, "bounds": [0, 0, 4, 2]}


def test_a_facility_is_told_with_its_stock_lots_and_history(client: Client) -> None:
    shown = _show(client, facility="F-E1", vaccine="BCG")
    panel = _words(shown["panel-body"]["children"])
    assert "1,240 doses" in panel
    assert "62 vials" in panel
    assert "no lot number" in panel
    assert "received 1,240 doses" in panel
    assert shown["map"]["target"]["bounds"] == [3.0, 1.0, 3.0, 1.0]


def test_a_pulse_reads_the_panel_again_and_names_the_same_place(client: Client) -> None:
    shown = _show(client, "pulse.data", area="W")
    assert "Area W" in _words(shown["panel-body"]["children"])
    assert shown["map"]["target"] == _show(client, area="W")["map"]["target"]


def test_below_a_programme_is_no_second_map(client: Client) -> None:
    assert client.get("/small", headers={"Accept": "text/html"}).status_code == 200
    answer = client.get("/small/map", headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert "There is nothing here" in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    ("view", "said"),
    [
        ({"facility": "GONE"}, "There is no facility with the code GONE in this programme."),
        ({"area": "GONE"}, "There is no area with the code GONE in this programme."),
        ({"vaccine": "GONE"}, "There is no product with the code GONE in this programme."),
        ({"programme": "nowhere"}, "There is no programme called nowhere."),
        # It exists, but this reader may not see it: the answer is the same.
        ({"programme": "hidden"}, "There is no programme called hidden."),
    ],
)
def test_what_is_not_there_is_said_in_words_with_a_way_back(client: Client, view: dict[str, str], said: str) -> None:
    shown = _show(client, **view)
    panel = _words(shown["panel-body"]["children"])
    assert said in panel
    assert "Show the whole country" in panel
    assert "map" not in shown


@pytest.mark.parametrize(
    ("view", "said", "back"),
    [
        ({"month": "soon"}, "soon is not a month; months look like 2016-05.", "Show now"),
        ({"as_of": "1999-01-01"}, "1999-01-01 cannot be shown: it lies before the record.", "Show now"),
        ({"colour": "state", "preset": "OURS"}, "OURS is no preset.", "Show the programme's own"),
    ],
)
def test_a_moment_or_levels_that_cannot_be_shown_lead_back_to_the_same_place(
    client: Client, view: dict[str, str], said: str, back: str
) -> None:
    shown = _show(client, area="W", **view)
    panel = _words(shown["panel-body"]["children"])
    assert said in panel
    assert back in panel
    assert "whole country" not in panel
    assert "map" not in shown


@pytest.mark.parametrize(
    ("view", "said"),
    [
        ({"area": ["W"]}, "The area of this view cannot be used: it is not text."),
        ({"facility": {"a": 1}}, "The facility of this view cannot be used: it is not text."),
        ({"vaccine": 7}, "The vaccine of this view cannot be used: it is not text."),
        ({"programme": ["small"]}, "The programme of this view cannot be used: it is not text."),
        ({"area": "W\x00"}, "The area of this view cannot be used: it holds a character that cannot be printed."),
        ({"area": "\ud800"}, "The area of this view cannot be used: it holds a character that cannot be printed."),
        ({"month": 201605}, "The month of this view cannot be used: it is not text."),
        ({"month": "0001-01"}, "0001-01 is not a month"),
        ({"month": "1989-12"}, "1989-12 is not a month"),
        ({"month": "9999-12"}, "9999-12 is not a month"),
    ],
    ids=str,
)
def test_a_forged_view_is_refused_in_words(client: Client, view: dict[str, Any], said: str) -> None:
    assert said in _words(_show(client, **view)["panel-body"]["children"])


def test_a_view_that_is_not_an_object_is_refused_in_words() -> None:
    for forged in (["small"], "small", 7):
        with pytest.raises(panel.InvalidView, match="it is not an object"):
            panel.parse(forged)


def test_a_facility_of_another_programme_is_not_shown(client: Client, engine: sa.Engine) -> None:
    with db.transaction(engine) as conn:
        conn.execute(
            sa.text(
                "update facility set code = 'F-ELSEWHERE' where code = 'F-E1'"
                " and programme_id = (select id from programme where code = 'hidden')"
            )
        )
    panel = _words(_show(client, facility="F-ELSEWHERE")["panel-body"]["children"])
    assert "There is no facility with the code F-ELSEWHERE" in panel


def test_plain_pages_are_read_without_dash(client: Client) -> None:
    for address in ("/small/alerts", "/small/about"):
        page = client.get(address)
        assert page.status_code == 200
        assert "dash_renderer" not in page.text
        assert "Simulated data" in page.text
    assert client.get("/hidden/alerts").status_code == 404


def test_strangers_are_led_to_the_sign_in_page(client: Client) -> None:
    client.delete_cookie(sessions.COOKIE)
    for address in ("/small", "/small/alerts", "/small/about"):
        answer = client.get(address, headers={"Accept": "text/html"})
        assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (302, "/login")
