"""The past over HTTP: facilities, areas and the map of any moment, and what a wrong moment gets."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import plotly
import pytest
import sqlalchemy as sa

from app import pipeline
from app.callbacks import panel
from data import db, month_marks, programmes
from data.record import ledger
from data.types import Kind, StockEvent
from geo import reach
from geo.lens import Lenses
from geo.past import Pasts

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
AREAS = {"SM": 0, "E": 1, "W": 2}


def month(ago: int) -> date:
    number = NOW.year * 12 + NOW.month - 1 - ago
    return date(number // 12, number % 12 + 1, 1)


@pytest.fixture(scope="module")
def history(site: Any) -> Any:
    """A year of use at every facility; then a delivery, and a loss that was told of only yesterday."""
    used = sa.text(
        "insert into stock_month (facility_id, product_id, month, opening, received, used, closing)"
        " select p.facility_id, p.product_id, CAST(:month AS date), 100, 100, 100, 100 from position p"
        " join facility f on f.id = p.facility_id join programme g on g.id = f.programme_id where g.code = 'small'"
        " on conflict do nothing"
    )
    with db.transaction(site.engine) as conn:
        programme = programmes.find(conn, "small")
        for facility, doses in (("F-E1", 100), ("F-W1", 20), ("F-W2a", 400)):
            for product in ("BCG", "MR"):
                key = (f"{facility} {product}", NOW - 20 * DAY)
                came = StockEvent(facility, product, Kind.RECEIPT, doses, key[1], "pack", key[0], lot="L1",
                                  expiry=month(-30))  # fmt: skip
                ledger.record(conn, programme.id, [came], now=NOW - 20 * DAY)
        lost = StockEvent("F-E1", "BCG", Kind.LOSS, 100, NOW - 10 * DAY, "pack", "lost", reason="heat")
        ledger.record(conn, programme.id, [lost], now=NOW - DAY)
        for ago in range(1, 13):
            conn.execute(used, {"month": month(ago)})
        conn.execute(
            sa.text("update stock_month set used = 100, days_out = 0 where month < :month"), {"month": month(0)}
        )
        pipeline.refresh(conn, programme, programme.day(NOW), NOW, "a history")
    month_marks.keep(site.engine, programme, NOW)
    return site


def asked(moment: datetime | str, sense: str = "occurred") -> str:
    text = moment if isinstance(moment, str) else moment.isoformat()
    return f"as_of={quote(text)}&sense={sense}"


def test_a_facility_is_as_it_was_and_as_it_was_known(history: Any) -> None:
    def bcg(moment: datetime, sense: str) -> Any:
        answer = history.get(f"/api/v1/small/facilities/F-E1?{asked(moment, sense)}").get_json()
        assert answer["sense"] == sense
        assert "probability" in answer["not_known"]
        return next(p for p in answer["positions"] if p["code"] == "BCG")

    was, known = bcg(NOW - 5 * DAY, "occurred"), bcg(NOW - 5 * DAY, "recorded")
    assert (was["usable"], was["state"], was["probability"], was["lots"]) == (0, "stockout", None, [])
    assert (known["usable"], known["amc"]) == (100, pytest.approx(100, rel=0.05))
    assert known["state"] not in ("stockout", "no_report")
    assert [(lot["number"], lot["doses"], lot["usable"]) for lot in known["lots"]] == [("L1", 100, True)]
    assert bcg(NOW - 15 * DAY, "occurred")["usable"] == 100


def test_an_area_is_as_it_was_and_names_its_worst(history: Any) -> None:
    then = history.get(f"/api/v1/small/areas/E?vaccine=BCG&{asked(NOW - 5 * DAY)}").get_json()
    assert (then["status"]["stockout"], then["status"]["out_share"], then["status"]["children_out"]) == (1, 100, 100)
    [worst] = then["worst"]
    assert (worst["code"], worst["state"], worst["usable"], worst["probability"]) == ("F-E1", "stockout", 0, None)
    known = history.get(f"/api/v1/small/areas/E?vaccine=BCG&{asked(NOW - 5 * DAY, 'recorded')}").get_json()
    assert known["status"]["stockout"] == 0
    nation = history.get(f"/api/v1/small/areas/SM?vaccine=BCG&{asked(NOW - 5 * DAY)}").get_json()
    assert {b["code"]: b["stockout"] for b in nation["below"]} == {"E": 1, "W": 0}


@pytest.mark.parametrize("seat", [0, 1, 2])
def test_the_map_of_a_moment_ago_is_the_map_of_now(history: Any, seat: int) -> None:
    ago = asked(datetime.now(UTC) - timedelta(seconds=1))
    for address in (f"areas/{seat}", f"1/{seat}", f"2/{seat}"):
        now, then = (history.get(f"/values/small/1/{address}{q}").data for q in ("", f"?{ago}"))
        if address.startswith("areas"):
            assert then == now
        else:
            half = len(now) // 2
            assert then == now[:half] + b"\xff" * half, "the states are the same, and no probability is made up"


def test_the_map_shows_what_was_true_and_what_was_known(history: Any) -> None:
    cells = {s: history.get(f"/values/small/1/1/1?{asked(NOW - 5 * DAY, s)}").data for s in ("occurred", "recorded")}
    assert cells["occurred"] == b"\x02\xff"
    assert cells["recorded"][0] > 2


def test_a_day_is_its_end_where_the_programme_lies(history: Any) -> None:
    with db.transaction(history.engine) as conn:
        programme = programmes.find(conn, "small")
    day = programme.day(NOW - 5 * DAY)
    answer = history.get(f"/api/v1/small/areas/E?{asked(day.isoformat())}").get_json()
    assert datetime.fromisoformat(answer["as_of"]) == programme.midnight(day + DAY) - timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (asked(NOW + DAY), "it lies in the future"),
        (asked("2999-01-01"), "it lies in the future"),
        (asked("2001-01-01T00:00:00Z"), "it lies before the record"),
        (asked("2026-03-04T09:30:00"), "it has no offset from UTC"),
        (asked("yesterday"), "it is no moment in ISO 8601"),
        (asked("2026-02-30"), "it is no moment in ISO 8601"),
        (asked(NOW - 30 * DAY, "recorded"), "nothing was on record yet"),
        (asked(NOW - DAY, "felt"), "it is neither sense"),
    ],
)
@pytest.mark.parametrize(
    "address", ["/api/v1/small/areas/E", "/api/v1/small/facilities/F-E1", "/values/small/1/areas/0"]
)
def test_a_moment_that_cannot_be_shown_is_refused_with_its_reason(
    history: Any, address: str, query: str, said: str
) -> None:
    answer = history.get(f"{address}?{query}")
    assert answer.status_code == 422, answer.text
    assert said in answer.get_json()["message"]


@pytest.mark.parametrize("sense", ["occurred", "recorded"])
@pytest.mark.parametrize("place", [{"area": "E"}, {"facility": "F-E1"}])
def test_the_pages_say_which_day_they_show_and_what_was_so(history: Any, place: dict[str, str], sense: str) -> None:
    with db.transaction(history.engine) as conn:
        programme = programmes.find(conn, "small")
        day = programme.day(NOW - 5 * DAY)
        view = {"programme": "small", "vaccine": "BCG", "as_of": day.isoformat(), "sense": sense, **place}
        parts = SimpleNamespace(pasts=Pasts(history.engine), lenses=Lenses(history.engine))
        asked = panel.parse(view), datetime.now(UTC), parts, reach.everything(programme.id)
        shown = panel.read(conn, programme, *asked)  # type: ignore[arg-type]  # what of the services it reads
    said = json.dumps(shown.panel.to_plotly_json(), cls=plotly.utils.PlotlyJSONEncoder)
    known = "known " if sense == "recorded" else ""
    assert f"As it was {known}on {day.day} {day:%B %Y} at 23:59." in said
    assert ("state-stockout" in said) is (sense == "occurred")
    strip = json.dumps(shown.strip.to_plotly_json(), cls=plotly.utils.PlotlyJSONEncoder)
    assert f"At the end of {day.day} {day:%B %Y}" in strip
