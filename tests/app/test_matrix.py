"""Every route, file, tile, vector and callback x every role x in and out of their area, from the app's own maps.

A route or callback that has no line here, or no rule, fails the test: whoever adds one says who may have it. What
sockets are asked and told is in test_live.py, what is left of each push in tests/geo/test_cut.py.
"""

from __future__ import annotations

import io
import itertools
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from visiting import PEOPLE, Site
from werkzeug.test import Client, TestResponse

from app import pipeline
from app.auth import csrf, sessions
from app.auth.principal import RIGHTS
from app.auth.rights import Where, rule_of
from app.auth.sessions import token_hash
from app.pages.map import PAGE
from data.types import Kind

#: What lies where. The officer of E sees F-E1, the in-charge of F-W1 that facility; the others all of it.
FACILITIES = {"F-E1": "E1", "F-W1": "W1", "F-W2a": "W2", "F-W2b": "W2"}
#: Who is asked for what each facility orders, and who ships to it.
PARTNER = {"F-E1": "F-W1", "F-W1": "F-E1", "F-W2a": "F-W2b", "F-W2b": "F-W2a"}
#: Of each facility an amount and a lot that stand in no answer by chance.
DOSES = {"F-E1": 271_913, "F-W1": 382_024, "F-W2a": 493_135, "F-W2b": 604_246}
INSIDE = {"area": {"F-E1"}, "facility": {"F-W1"}}
AREAS = {
    "area": {"SM": True, "E": False, "E1": False, "W": None, "W1": None, "W2": None},
    "facility": {"SM": True, "W": True, "W1": True, "E": None, "E1": None, "W2": None},
}
ROLES = [*PEOPLE, "elsewhere"]
_numbers = itertools.count()


@dataclass(frozen=True)
class Asked:
    """A request about a place: its address, and what is sent with it."""

    path: str
    json: Any = None
    form: dict[str, str] | None = None


Ask = Callable[["World", str], Asked]


@dataclass(frozen=True)
class Case:
    """What a route is asked; `place` is the kind of place that it is asked about, None where it is about none.

    `right` is one more than the rule of the view says, for a part of what it answers. `there` says that what is asked
    for exists. `browser` says that no token may do it: it is asked with a session.
    """

    ask: Ask
    place: str | None = None
    right: str | None = None
    there: bool = True
    browser: bool = False


class World:
    """The site with a count, an order, a paper and a shipment at every facility."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.counts: dict[str, str] = {}
        self.orders: dict[str, str] = {}
        self.papers: dict[str, int] = {}
        self.versions = 1

    def flask(self) -> Any:
        return self.site.app._behind  # type: ignore[attr-defined]  # the application behind the front

    def form(self, who: str, **fields: str) -> dict[str, str]:
        key = self.site.settings.secret_key.get_secret_value()
        return fields | {csrf.FIELD: csrf.token(key, token_hash(self.site.tokens[who]))}

    def send(self, method: str, asked: Asked, who: str | None, *, browser: bool = False) -> TestResponse:
        """The answer to somebody; forms carry their token."""
        if browser and who is not None:
            client = self.site.browser(who)
            session = client.get_cookie(sessions.COOKIE).value
            key = self.site.settings.secret_key.get_secret_value()
            return client.open(asked.path, method=method, headers={csrf.HEADER: csrf.token(key, token_hash(session))})
        form = None if asked.form is None else self.form(str(who) if who else "machine", **asked.form)
        return Client(self.site.app).open(
            asked.path, method=method, json=asked.json, data=form, headers=self.site.signed(who)
        )


@pytest.fixture(scope="module")
def world(site: Site) -> World:
    made = World(site)
    now = datetime.now(UTC)
    expiry = (now + timedelta(days=700)).date().isoformat()
    for facility, doses in DOSES.items():
        said = {
            "programme": "small", "facility": facility, "product": "BCG", "kind": "receipt", "doses": doses,
            "occurred_at": (now - timedelta(hours=2)).isoformat(), "source": "matrix", "source_id": facility,
            "lot": f"LOT{facility}", "expiry": expiry, "opened_vial": True,
        }  # fmt: skip
        assert site.post(said).status_code == 201
        partner = PARTNER[facility]
        sent = said | {"kind": "issue", "doses": 13, "source_id": f"{facility} sent", "document": f"DN{facility}",
                       "partner": partner, "occurred_at": (now - timedelta(hours=1)).isoformat()}  # fmt: skip
        sent.pop("expiry")
        assert site.post(sent).status_code == 201
        opened = Client(site.app).post(
            "/api/v1/small/counts", json={"facility": facility, "products": ["MR"]}, headers=site.signed("machine")
        )
        made.counts[facility] = opened.get_json()["number"]
        asked = {"facility": facility, "supplier": partner, "lines": [{"product": "BCG", "doses": 20}]}
        ordered = Client(site.app).post("/api/v1/small/orders", json=asked, headers=site.signed("machine"))
        made.orders[facility] = ordered.get_json()["number"]
        paper = Client(site.app).post(
            f"/api/v1/small/facilities/{facility}/attachments",
            data={"file": (io.BytesIO(b"%PDF-1.4 " + facility.encode()), "a.pdf")},
            headers=site.signed("machine"),
        )
        made.papers[facility] = paper.get_json()["id"]
    while pipeline.advance(site.engine).changes:
        pass
    return made


def event(w: World, facility: str) -> Asked:
    at = datetime.now(UTC).isoformat()
    return Asked("/api/v1/stock-events", {
        "programme": "small", "facility": facility, "product": "MR", "kind": Kind.RECEIPT, "doses": 1,
        "occurred_at": at, "source": "matrix", "source_id": f"event {next(_numbers)}", "opened_vial": True,
    })  # fmt: skip


def count(tail: str, json: Any = None, form: dict[str, str] | None = None) -> Ask:
    base = "/small/counts" if form is not None or json == "page" else "/api/v1/small/counts"
    return lambda w, f: Asked(f"{base}/{w.counts[f]}{tail}", None if json == "page" else json, form)


def order(tail: str, json: Any = None, form: dict[str, str] | None = None) -> Ask:
    base = "/small/orders" if form is not None or json == "page" else "/api/v1/small/orders"
    return lambda w, f: Asked(f"{base}/{w.orders[f]}{tail}", None if json == "page" else json, form)


def at(path: str, json: Any = None, form: dict[str, str] | None = None) -> Ask:
    def fill(value: Any, facility: str) -> Any:
        return {k: v.replace("FACILITY", facility) for k, v in value.items()} if isinstance(value, dict) else value

    def ask(w: World, place: str) -> Asked:
        spot = path.replace("PLACE", place).replace("PAPER", str(w.papers.get(place, 0)))
        return Asked(spot, fill(json, place), fill(form, place))

    return ask


def of_person(tail: str) -> Case:
    """What an administrator does to somebody, who is not there."""
    return Case(at(f"/small/people/999999/{tail}"), there=False, browser=True)


REASON = {"reason": "a broken seal"}
#: No step of an order is done here, so that all of them find the same: what they lack is looked at after who asks.
NOTHING = {"lines": [{"product": "MR", "doses": 10}]}
#: Every route of the application by method and rule, beside those that strangers may have.
CASES: dict[tuple[str, str], Case] = {
    ("POST", "/logout"): Case(at("/logout", form={})),
    ("GET", "/"): Case(at("/")),
    ("GET", "/<path:path>"): Case(at("/small")),
    ("GET", "/_dash-layout"): Case(at("/_dash-layout")),
    ("GET", "/_dash-dependencies"): Case(at("/_dash-dependencies")),
    ("GET", "/_reload-hash"): Case(at("/_reload-hash")),
    ("GET", "/assets/<path:filename>"): Case(at("/assets/nothing")),
    ("POST", "/_dash-update-component"): Case(at("/_dash-update-component", json={})),
    ("GET", "/api/v1/programmes"): Case(at("/api/v1/programmes")),
    ("GET", "/api/v1/<programme>/registry"): Case(at("/api/v1/small/registry")),
    ("GET", "/api/v1/<programme>/changes"): Case(at("/api/v1/small/changes?since=1")),
    ("GET", "/api/v1/<programme>/search"): Case(at("/api/v1/small/search?q=post")),
    ("GET", "/api/v1/<programme>/areas/<code>"): Case(at("/api/v1/small/areas/PLACE"), "area"),
    ("GET", "/api/v1/<programme>/facilities/<code>"): Case(at("/api/v1/small/facilities/PLACE"), "facility"),
    ("POST", "/api/v1/stock-events"): Case(event, "facility"),
    ("GET", "/api/v1/<programme>/facilities/<code>/bin-card"): Case(
        at("/api/v1/small/facilities/PLACE/bin-card?product=BCG"), "facility"
    ),
    ("GET", "/api/v1/<programme>/facilities/<code>/bin-card.<kind>"): Case(
        at("/api/v1/small/facilities/PLACE/bin-card.csv?product=BCG"), "facility", "export"
    ),
    ("POST", "/api/v1/<programme>/facilities/<code>/attachments"): Case(
        at("/api/v1/small/facilities/PLACE/attachments"), "facility"
    ),
    ("GET", "/api/v1/<programme>/facilities/<code>/attachments/<int:number>"): Case(
        at("/api/v1/small/facilities/PLACE/attachments/PAPER"), "facility", "export"
    ),
    ("GET", "/api/v1/<programme>/shipments"): Case(at("/api/v1/small/shipments?facility=PLACE"), "facility"),
    ("POST", "/api/v1/<programme>/shipments/resolve"): Case(
        at("/api/v1/small/shipments/resolve", json={"document": "DNFACILITY", "product": "BCG", **REASON}), "shipment"
    ),
    ("GET", "/api/v1/<programme>/counts"): Case(at("/api/v1/small/counts")),
    ("POST", "/api/v1/<programme>/counts"): Case(
        at("/api/v1/small/counts", json={"facility": "FACILITY"}), "facility"
    ),
    ("GET", "/api/v1/<programme>/counts/<number>"): Case(count(""), "facility"),
    ("PUT", "/api/v1/<programme>/counts/<number>/lines"): Case(count("/lines", {"lines": []}), "facility"),
    ("POST", "/api/v1/<programme>/counts/<number>/submit"): Case(count("/submit"), "facility"),
    ("POST", "/api/v1/<programme>/counts/<number>/approve"): Case(count("/approve"), "facility"),
    ("POST", "/api/v1/<programme>/counts/<number>/refuse"): Case(count("/refuse", REASON), "facility"),
    ("POST", "/api/v1/<programme>/counts/<number>/cancel"): Case(count("/cancel", {"reason": " "}), "facility"),
    ("GET", "/api/v1/<programme>/orders"): Case(at("/api/v1/small/orders")),
    ("POST", "/api/v1/<programme>/orders"): Case(
        lambda w, f: Asked("/api/v1/small/orders", {"facility": f, "supplier": f, "lines": []}), "facility"
    ),
    ("GET", "/api/v1/<programme>/orders/<number>"): Case(order(""), "order"),
    ("POST", "/api/v1/<programme>/orders/<number>/approve"): Case(order("/approve", NOTHING), "supplier"),
    ("POST", "/api/v1/<programme>/orders/<number>/refuse"): Case(order("/refuse", {"reason": " "}), "supplier"),
    ("POST", "/api/v1/<programme>/orders/<number>/ship"): Case(order("/ship"), "supplier"),
    ("POST", "/api/v1/<programme>/orders/<number>/receive"): Case(order("/receive", {"document": "x"}), "facility"),
    ("POST", "/api/v1/<programme>/orders/<number>/cancel"): Case(order("/cancel", {"reason": " "}), "facility"),
    ("POST", "/api/v1/<programme>/orders/<number>/release"): Case(order("/release", REASON), "supplier"),
    ("GET", "/<programme>/orders"): Case(at("/small/orders")),
    ("GET", "/<programme>/orders/new"): Case(at("/small/orders/new?facility=PLACE"), "facility"),
    ("POST", "/<programme>/orders"): Case(at("/small/orders", form={"facility": "FACILITY"}), "facility"),
    ("GET", "/<programme>/orders/<number>"): Case(order("", "page"), "order"),
    ("POST", "/<programme>/orders/<number>/approve"): Case(
        order("/approve", form={"vials.BCG": "0", "vials.MR": "0"}), "supplier"
    ),
    ("POST", "/<programme>/orders/<number>/refuse"): Case(order("/refuse", form={"reason": ""}), "supplier"),
    ("POST", "/<programme>/orders/<number>/ship"): Case(order("/ship", form={}), "supplier"),
    ("POST", "/<programme>/orders/<number>/receive"): Case(order("/receive", form={"document": "x"}), "facility"),
    ("POST", "/<programme>/orders/<number>/cancel"): Case(order("/cancel", form={"reason": ""}), "facility"),
    ("POST", "/<programme>/orders/<number>/release"): Case(order("/release", form=REASON), "supplier"),
    ("GET", "/<programme>/alerts"): Case(at("/small/alerts")),
    ("GET", "/<programme>/about"): Case(at("/small/about")),
    ("GET", "/<programme>/bin-card"): Case(at("/small/bin-card?facility=PLACE&product=BCG"), "facility"),
    ("POST", "/<programme>/bin-card/resolve"): Case(
        at("/small/bin-card/resolve", form={"document": "DNFACILITY", "product": "BCG", **REASON}), "shipment"
    ),
    ("GET", "/<programme>/counts"): Case(at("/small/counts")),
    ("GET", "/<programme>/counts/new"): Case(at("/small/counts/new?facility=PLACE"), "facility"),
    ("POST", "/<programme>/counts"): Case(
        at("/small/counts", form={"facility": "FACILITY", "which": "all"}), "facility"
    ),
    ("GET", "/<programme>/counts/<number>"): Case(count("", "page"), "facility"),
    ("GET", "/<programme>/counts/<number>/sheet"): Case(count("/sheet", "page"), "facility"),
    ("GET", "/<programme>/counts/<number>/products/<product>"): Case(count("/products/MR", "page"), "facility"),
    ("POST", "/<programme>/counts/<number>/products/<product>"): Case(count("/products/MR", form={}), "facility"),
    ("POST", "/<programme>/counts/<number>/time"): Case(count("/time", form={}), "facility"),
    ("POST", "/<programme>/counts/<number>/submit"): Case(count("/submit", form={}), "facility"),
    ("POST", "/<programme>/counts/<number>/approve"): Case(count("/approve", form={}), "facility"),
    ("POST", "/<programme>/counts/<number>/refuse"): Case(count("/refuse", form=REASON), "facility"),
    ("POST", "/<programme>/counts/<number>/cancel"): Case(count("/cancel", form={"reason": ""}), "facility"),
    # Of themselves: without the token of a form nothing is done, so that the sessions of this test go on.
    ("GET", "/account"): Case(at("/account")),
    ("GET", "/account/details"): Case(at("/account/details")),
    ("POST", "/account/details"): Case(at("/account/details")),
    ("GET", "/account/password"): Case(at("/account/password")),
    ("POST", "/account/password"): Case(at("/account/password")),
    ("POST", "/account/programmes/<code>/start"): Case(at("/account/programmes/small/start")),
    ("GET", "/account/second-factor"): Case(at("/account/second-factor")),
    ("POST", "/account/second-factor"): Case(at("/account/second-factor")),
    ("POST", "/account/second-factor/codes"): Case(at("/account/second-factor/codes")),
    ("POST", "/account/second-factor/off"): Case(at("/account/second-factor/off")),
    ("POST", "/account/sessions/<int:number>/end"): Case(at("/account/sessions/1/end")),
    ("POST", "/account/sign-out-everywhere"): Case(at("/account/sign-out-everywhere")),
    ("GET", "/account/tokens"): Case(at("/account/tokens")),
    ("POST", "/account/tokens"): Case(at("/account/tokens")),
    ("POST", "/account/tokens/<int:number>/rotate"): Case(at("/account/tokens/1/rotate")),
    # Of others: whoever manages users.
    ("GET", "/<programme>/log"): Case(at("/small/log"), right="users"),
    ("GET", "/<programme>/log.csv"): Case(at("/small/log.csv"), right="users"),
    ("GET", "/<programme>/people"): Case(at("/small/people")),
    ("POST", "/<programme>/people"): Case(at("/small/people"), browser=True),
    ("GET", "/<programme>/people/<int:user_id>"): Case(at("/small/people/999999"), there=False),
    (
        "POST",
        "/<programme>/people/<int:user_id>/<any('stop', 'start', 'end-sessions', 'second-factor-off'):deed>",
    ): of_person("stop"),
    ("POST", "/<programme>/people/<int:user_id>/details"): of_person("details"),
    ("POST", "/<programme>/people/<int:user_id>/link"): of_person("link"),
    ("POST", "/<programme>/people/<int:user_id>/roles"): of_person("roles"),
    ("POST", "/<programme>/people/<int:user_id>/roles/<int:held>/take"): of_person("roles/1/take"),
    ("POST", "/<programme>/people/<int:user_id>/sessions/<int:number>/end"): of_person("sessions/1/end"),
    ("POST", "/<programme>/people/stop-programme"): Case(at("/small/people/stop-programme"), browser=True),
    # Figures, lists and forms.
    ("GET", "/<programme>/calibration"): Case(at("/small/calibration")),
    ("GET", "/api/v1/<programme>/calibration"): Case(at("/api/v1/small/calibration")),
    ("GET", "/<programme>/kpis"): Case(at("/small/kpis?area=PLACE"), "area"),
    ("GET", "/api/v1/<programme>/areas/<code>/kpis"): Case(at("/api/v1/small/areas/PLACE/kpis"), "area"),
    ("GET", "/api/v1/<programme>/areas/<code>/kpis.<kind>"): Case(
        at("/api/v1/small/areas/PLACE/kpis.csv"), "area", "export"
    ),
    ("GET", "/<programme>/next"): Case(at("/small/next")),
    ("GET", "/api/v1/<programme>/next"): Case(at("/api/v1/small/next")),
    ("GET", "/api/v1/<programme>/next.<kind>"): Case(at("/api/v1/small/next.csv"), right="export"),
    ("GET", "/api/v1/<programme>/facilities/<code>/forecasts"): Case(
        at("/api/v1/small/facilities/PLACE/forecasts"), "facility"
    ),
    ("GET", "/<programme>/quality"): Case(at("/small/quality")),
    ("POST", "/<programme>/quality/<int:number>"): Case(at("/small/quality/999999", form={}), there=False),
    ("GET", "/api/v1/<programme>/flags"): Case(at("/api/v1/small/flags")),
    ("POST", "/api/v1/<programme>/flags/<int:number>"): Case(
        at("/api/v1/small/flags/999999", json={"verdict": "seen"}), there=False
    ),
    ("GET", "/<programme>/record"): Case(at("/small/record?facility=PLACE"), "facility"),
    ("POST", "/<programme>/record"): Case(
        at("/small/record", form={"facility": "FACILITY", "product": "MR", "kind": "receipt", "doses": "1"}), "facility"
    ),
    ("GET", "/<programme>/record/done"): Case(at("/small/record/done?source=matrix&id=PLACE"), "facility"),
}  # fmt: skip
#: What a stranger may have; nothing of a programme is in any of it.
OPEN = {
    ("GET", "/login"), ("POST", "/login"), ("GET", "/health"), ("GET", "/assets/<digest>/<path:path>"),
    ("GET", "/_favicon.ico"), ("GET", "/_dash-component-suites/plotly/package_data/plotly.min.js"),
    ("GET", "/_dash-component-suites/<string:package_name>/<path:fingerprinted_path>"),
    ("GET", "/forgot"), ("POST", "/forgot"), ("GET", "/reset/<token>"), ("POST", "/reset/<token>"),
    ("GET", "/login/code"), ("POST", "/login/code"), ("GET", "/login/ministry"), ("GET", "/login/ministry/back"),
    ("POST", "/api/v1/token"),
}  # fmt: skip
#: Of every callback, by its outputs, what is sent to it about a facility or an area.
CALLBACKS: dict[str, Callable[[dict[str, str]], dict[str, Any]]] = {
    "..panel-body.children...headline-slot.children...map.target..": lambda view: {
        "outputs": [
            {"id": "panel-body", "property": "children"}, {"id": "headline-slot", "property": "children"},
            {"id": "map", "property": "target"},
        ],
        "inputs": [
            {"id": "view", "property": "data", "value": {"programme": "small"} | view},
            {"id": "pulse", "property": "data", "value": 0},
        ],
    },
}  # fmt: skip


def views(w: World) -> dict[tuple[str, str], Any]:
    flask = w.flask()
    return {
        (method, rule.rule): flask.view_functions[rule.endpoint]
        for rule in flask.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def within(role: str, case: Case, place: str) -> bool:
    """Whether a place is within the area of a role."""
    if role not in INSIDE or case.place is None:
        return role != "elsewhere"
    if case.place == "area":
        return AREAS[role][place] is not None
    if case.place in ("shipment", "order"):
        return place in {"F-E1", "F-W1"}
    if case.place == "supplier":
        return PARTNER[place] in INSIDE[role]
    return place in INSIDE[role]


def refused_beyond(role: str) -> set[str]:
    """What must not be in any answer to a role: amounts and lots of facilities that are elsewhere."""
    mine = set() if role == "elsewhere" else INSIDE.get(role, set(FACILITIES))
    told = [(f"{n:,}", str(n), f"LOT{f}") for f, n in DOSES.items() if f not in mine]
    # Doses less those that were sent away.
    told += [(f"{n - 13:,}", str(n - 13)) for f, n in DOSES.items() if f not in mine]
    return {word for words in told for word in words}


def test_every_route_has_a_rule_and_a_line_in_the_matrix(world: World) -> None:
    found = views(world)
    assert {key for key, view in found.items() if rule_of(view) is None} == set(), "say who may have these"
    opened = {key for key, view in found.items() if getattr(rule_of(view), "where", None) is Where.OPEN}
    assert opened == OPEN
    assert found.keys() - OPEN == CASES.keys(), "say here what these are asked"


def test_every_callback_has_a_rule_and_a_line_in_the_matrix(world: World) -> None:
    found = world.flask().extensions[PAGE].callback_map
    assert found.keys() == CALLBACKS.keys()
    for name, callback in found.items():
        rule = rule_of(callback["callback"])
        assert rule is not None, name
        assert rule.right == "see", name


def places(case: Case) -> list[str]:
    return ["SM", "E", "E1", "W", "W1", "W2"] if case.place == "area" else list(FACILITIES) if case.place else [""]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("key", CASES, ids=lambda key: " ".join(key))
def test_who_may_what_where(world: World, key: tuple[str, str], role: str) -> None:
    if key == ("POST", "/logout"):
        pytest.skip("it would end the session of this test; test_auth.py has it")
    case, rule = CASES[key], rule_of(views(world)[key])
    assert rule is not None
    for place in places(case):
        asked = case.ask(world, place)
        answer = world.send(key[0], asked, role, browser=case.browser)
        said = f"{role} {key} {place}: {answer.status_code} {answer.text[:300]}"
        rights = RIGHTS[PEOPLE[role][0]] if role in PEOPLE else RIGHTS["national"]
        for word in refused_beyond(role):
            assert word not in answer.text, f"{word} in {said}"
        if rule.where is Where.SIGNED_IN:
            continue
        if role == "elsewhere" or not within(role, case, place):
            assert answer.status_code in {403, 404}, said
        elif rule.right not in rights or (case.right or rule.right) not in rights:
            assert answer.status_code in ({403} if case.there else {403, 404}), said
        elif not case.there:
            assert answer.status_code in {400, 404, 422}, said
        elif case.place == "shipment":
            # It is resolved once.
            assert answer.status_code in {200, 303} or answer.get_json()["error"] == "UnknownShipment", said
        else:
            assert answer.status_code not in {401, 403, 404, 500, 503}, said


@pytest.mark.parametrize("key", [key for key, case in CASES.items() if case.browser], ids=lambda key: " ".join(key))
def test_a_token_changes_nobodys_rights(world: World, key: tuple[str, str]) -> None:
    answer = world.send(key[0], CASES[key].ask(world, ""), "administrator")
    assert answer.status_code == 403
    assert "Sign in with a browser" in answer.json["message"]


@pytest.mark.parametrize("key", CASES, ids=lambda key: " ".join(key))
def test_a_stranger_gets_nothing(world: World, key: tuple[str, str]) -> None:
    for place in places(CASES[key]):
        answer = world.send(key[0], CASES[key].ask(world, place), None)
        assert answer.status_code == 401, answer.text[:200]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", CALLBACKS)
@pytest.mark.parametrize("view", [{"facility": f} for f in FACILITIES] + [{"area": a} for a in AREAS["area"]] + [{}],
                         ids=str)  # fmt: skip
@pytest.mark.parametrize("when", ["now", "then"])
def test_what_a_callback_answers(world: World, name: str, role: str, view: dict[str, str], when: str) -> None:
    moment = {"as_of": datetime.now(UTC).isoformat()} if when == "then" else {}
    body = CALLBACKS[name](view | moment)
    asked = {"output": name, "changedPropIds": ["view.data"], "state": []} | body
    answer = Client(world.site.app).post("/_dash-update-component", json=asked, headers=world.site.signed(role))
    assert answer.status_code == 200, answer.text[:300]
    for word in refused_beyond(role):
        assert word not in answer.text
    facility, area = view.get("facility"), view.get("area", "SM")
    if role == "elsewhere":
        assert "There is no programme called small" in answer.text
        return
    if facility is not None:
        inside = role not in INSIDE or facility in INSIDE[role]
        assert ("may lie outside your area" in answer.text) is not inside
        assert (f"{DOSES[facility] - 13:,}" in answer.text) is inside
        return
    seen = AREAS[role][area] if role in AREAS else False
    assert ("may lie outside your area" in answer.text) is (seen is None)
    assert ("Your part of it: 1 of" in answer.text) is (seen is True)


def cells(w: World, role: str, path: str) -> bytes:
    answer = w.site.get(path, who=role)
    assert answer.status_code == 200, answer.text
    return bytes(answer.data)


WHEN = ["", f"?month={datetime.now(UTC):%Y-%m}", f"?as_of={datetime.now(UTC).isoformat().replace('+', '%2B')}"]


@pytest.mark.parametrize("when", [0, 1, 2], ids=["now", "month", "moment"])
@pytest.mark.parametrize("product", [0, 1, 2])
@pytest.mark.parametrize("role", [*PEOPLE])
def test_vectors_are_cut_to_the_area(world: World, role: str, product: int, when: int) -> None:
    ordinals = dict(zip(range(4), FACILITIES, strict=True))
    seats = {0: "SM", 1: "E", 2: "W", 3: "E1", 4: "W1", 5: "W2"}
    query = ["", WHEN[1], f"?as_of={datetime.now(UTC).isoformat().replace('+', '%2B')}"][when]
    for partition, first, size in ((1, 0, 1), (2, 1, 3)):
        path = f"/values/small/1/{partition}/{product}{query}"
        mine, every = cells(world, role, path), cells(world, "national", path)
        for place in range(size):
            inside = role not in INSIDE or ordinals[first + place] in INSIDE[role]
            for row in (0, size):
                assert mine[row + place] == (every[row + place] if inside else 255), (partition, place)
    path = f"/values/small/1/areas/{product}{query}"
    mine, every = cells(world, role, path), cells(world, "national", path)
    for seat, area in seats.items():
        how = AREAS[role][area] if role in AREAS else False
        for row in (0, 6, 12):
            if how is None:
                assert mine[row + seat] == 255, area
            elif how is False:
                assert mine[row + seat] == every[row + seat], area
    if role in AREAS and when != 1:
        state = cells(world, role, f"/values/small/1/{1 if role == 'area' else 2}/{product}{query}")[0]
        assert mine[12] == (100 if state else 0), "of the one facility, not of the nation"


@pytest.mark.parametrize("role", [*PEOPLE])
def test_an_area_that_is_seen_in_part_says_so_and_counts_the_part(world: World, role: str) -> None:
    for code, how in (AREAS[role] if role in AREAS else dict.fromkeys(AREAS["area"], False)).items():
        answer = world.site.get(f"/api/v1/small/areas/{code}?vaccine=BCG", who=role)
        if how is None:
            assert answer.status_code == 404
            continue
        said = answer.get_json()
        assert said["partial"] is how
        below = {b["code"] for b in said["below"]}
        if how:
            assert said["part"]["facilities"] == 1 < said["part"]["of"] + (code == "W1")
            states = ("no_report", "inactive", "stockout", "critical", "low", "overstock", "adequate")
            assert sum(said["status"][state] for state in states) == 1
            assert all(AREAS[role][b] is not None for b in below)
            assert {w["code"] for w in said["worst"]} <= INSIDE[role]


#: Wherever numbers of an area, or of the whole programme, are answered: as JSON, as files and as pages.
ADDED_UP = [
    "/api/v1/small/areas/SM/kpis", "/api/v1/small/areas/SM/kpis.csv", "/api/v1/small/next", "/api/v1/small/next.csv",
    "/api/v1/small/calibration", "/api/v1/small/flags", "/small/kpis", "/small/next", "/small/calibration",
    "/small/quality", "/small/alerts",
]  # fmt: skip


@pytest.mark.parametrize("path", ADDED_UP)
@pytest.mark.parametrize("role", [*PEOPLE])
def test_numbers_of_a_part_say_so_wherever_they_stand(world: World, role: str, path: str) -> None:
    answer = world.site.get(path, who=role, Accept="text/html" if path.startswith("/small") else "application/json")
    assert answer.status_code == 200, answer.text[:200]
    part = role in AREAS
    if answer.is_json:
        assert answer.json["partial"] is part
        assert answer.json.get("part") == ({"facilities": 1, "of": 4} if part else None)
    else:
        said = "Only a part of it" if path.endswith(".csv") else "Your part of "
        assert (said in answer.text) is part
        assert ("1 of 4 facilities" in answer.text) is part


@pytest.mark.parametrize("path", [
    "/small/quality?area={area}", "/api/v1/small/flags?area={area}", "/api/v1/small/flags?facility={facility}",
    "/small/kpis?area={area}", "/small/next?area={area}", "/api/v1/small/next?area={area}",
    "/small/counts?facility={facility}", "/api/v1/small/counts?facility={facility}",
])  # fmt: skip
def test_a_list_of_elsewhere_is_not_there_rather_than_empty(world: World, path: str) -> None:
    here, there = {"area": "E1", "facility": "F-E1"}, {"area": "W1", "facility": "F-W1"}
    assert world.site.get(path.format(**here), who="area").status_code == 200
    assert world.site.get(path.format(**there), who="area").status_code == 404


@pytest.mark.parametrize("role", ROLES)
def test_tiles_are_shapes_of_the_registry_for_all_of_the_programme(world: World, role: str) -> None:
    for layer, z, x, y in (("areas", 6, 32, 31), ("facilities", 8, 128, 127)):
        answer = world.site.get(f"/tiles/small/1/{layer}/{z}/{x}/{y}.mvt", who=role)
        if role == "elsewhere":
            assert answer.status_code == 404
        else:
            assert answer.data == world.site.get(f"/tiles/small/1/{layer}/{z}/{x}/{y}.mvt", who="national").data
    assert world.site.get("/tiles/small/1/areas/6/32/31.mvt", who=None).status_code == 401
    assert world.site.get("/values/small/1/areas/0", who=None).status_code == 401
    if role == "elsewhere":
        assert world.site.get("/values/small/1/areas/0", who=role).status_code == 404


@pytest.mark.parametrize("role", list(INSIDE))
def test_what_was_missed_is_cut_and_keeps_its_numbers(world: World, role: str) -> None:
    mine = world.site.get("/api/v1/small/changes?since=1", who=role).get_json()
    every = world.site.get("/api/v1/small/changes?since=1", who="national").get_json()
    assert [c["seq"] for c in mine["changes"]] == [c["seq"] for c in every["changes"]]
    told = json.dumps(mine)
    assert {f for f in FACILITIES if f in told} <= INSIDE[role]
    moved = {one[0] for c in mine["changes"] if c["event"] == "map:update" for one in c["payload"]["facilities"]}
    assert moved == {list(FACILITIES).index(f) for f in INSIDE[role]}
    places = {line[0] for c in mine["changes"] if c["event"] == "map:update" for line in c["payload"]["areas"]}
    assert places <= {seat for seat, a in enumerate(("SM", "E", "W", "E1", "W1", "W2")) if AREAS[role][a] is not None}


@pytest.mark.parametrize("role", [*INSIDE, "national"])
def test_search_finds_what_can_be_seen(world: World, role: str) -> None:
    found = world.site.get("/api/v1/small/search?q=post", who=role).get_json()["results"]
    assert {hit["code"] for hit in found} == INSIDE.get(role, set(FACILITIES))
    areas = world.site.get("/api/v1/small/search?q=area", who=role).get_json()["results"]
    assert {hit["code"] for hit in areas} == {
        a for a in AREAS["area"] if role not in AREAS or AREAS[role][a] is not None
    }


@pytest.mark.parametrize("role", [*INSIDE, "national"])
def test_lists_have_what_can_be_seen(world: World, role: str) -> None:
    listed = world.site.get("/api/v1/small/counts", who=role).get_json()["counts"]
    assert {c["facility"] for c in listed} == INSIDE.get(role, set(FACILITIES))
    ways = world.site.get("/api/v1/small/shipments", who=role).get_json()["shipments"]
    asked = world.site.get("/api/v1/small/orders", who=role).get_json()["orders"]
    assert {o["number"] for o in asked} == {
        number for f, number in world.orders.items() if {f, PARTNER[f]} & INSIDE.get(role, set(FACILITIES))
    }
    assert {w["sender"] for w in ways} <= ({"F-E1", "F-W1"} if role in INSIDE else set(FACILITIES))
    page = world.site.get("/small/alerts", who=role).text
    shown = set(re.findall(r"Health post (F-\w+)", page))
    assert shown <= INSIDE.get(role, set(FACILITIES))


@pytest.mark.parametrize(
    ("role", "where"), [("area", "/small?area=E"), ("facility", "/small?facility=F-W1"), ("national", "/small")]
)
def test_who_has_one_place_begins_there(world: World, role: str, where: str) -> None:
    assert world.site.get("/", who=role).headers["Location"] == where


def test_a_route_without_a_rule_is_refused_to_everybody(site: Site) -> None:
    flask = site.app._behind  # type: ignore[attr-defined]  # the application behind the front
    rules = flask.view_functions["reads.mine"]
    flask.view_functions["reads.mine"] = lambda: "everything"
    try:
        answer = site.get("/api/v1/programmes", who="national")
    finally:
        flask.view_functions["reads.mine"] = rules
    assert (answer.status_code, "Nobody has said who may have reads.mine" in answer.text) == (403, True)
