"""Flags, forecasts and indicators as programs and officials get them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlencode

import openpyxl
import pytest
import sqlalchemy as sa
from werkzeug.test import Client, TestResponse

from data import db, monthly, nation, programmes

API = "/api/v1/small"
TODAY = datetime.now(UTC).date()
FULL = monthly.number(TODAY)


@pytest.fixture(autouse=True)
def year(site: Any) -> Iterator[None]:
    """Twelve full months at F-W1 and F-E1: 100 doses of BCG come and go each month; one month at F-W1 jumps."""
    with db.transaction(site.engine) as conn:
        ids = {
            r.code: r.id
            for r in conn.execute(
                sa.text(
                    "select f.code, f.id from facility f join programme p on p.id = f.programme_id"
                    " where p.code = 'small'"
                )
            )
        }
        product = conn.execute(sa.text(
            "select r.id from product r join programme p on p.id = r.programme_id"
            " where p.code = 'small' and r.code = 'BCG'")).scalar_one()  # fmt: skip
        for facility in ("F-W1", "F-E1"):
            for ago in range(12, 0, -1):
                used = 2_000 if (facility, ago) == ("F-W1", 4) else 100
                out = 10 if (facility, ago) == ("F-E1", 2) else 0
                conn.execute(
                    sa.text("insert into stock_month (facility_id, product_id, month, opening, received, used, lost,"
                            " adjusted, closing, days_out, state, expected)"
                            " values (:f, :p, :m, 50, :u, :u, 0, 0, 50, :o, :s, 100)"),
                    {"f": ids[facility], "p": product, "m": monthly.first_day(FULL - ago), "u": used, "o": out,
                     "s": 2 if out else 6},
                )  # fmt: skip
        conn.execute(
            sa.text("insert into session_month (facility_id, product_id, month, administered, sessions)"
                    " values (:f, :p, :m, 60, 4)"),
            {"f": ids["F-E1"], "p": product, "m": monthly.first_day(FULL - 1)},
        )  # fmt: skip
        nation.refresh(conn, programmes.find(conn, "small"), TODAY)
    yield
    with db.transaction(site.engine) as conn:
        for table in ("flag", "session_month", "stock_month"):
            conn.execute(sa.text(f"delete from {table}"))  # noqa: S608


def flags(site: Any, **asked: str) -> Any:
    return site.get(f"{API}/flags?{urlencode(asked)}").get_json()


def judge(site: Any, number: int, body: Any, who: str = "facility") -> TestResponse:
    return Client(site.app).post(f"{API}/flags/{number}", json=body, headers=site.signed(who))


def amc(site: Any) -> float:
    held = site.get(f"{API}/facilities/F-W1").get_json()["positions"]
    return next(p["amc"] for p in held if p["code"] == "BCG")


def refreshed(site: Any) -> None:
    with db.transaction(site.engine) as conn:
        nation.refresh(conn, programmes.find(conn, "small"), TODAY, demand=False)


# -- Flags -----------------------------------------------------------------------------------------------------


def test_a_jump_is_flagged_in_words_and_weighted_down(site: Any) -> None:
    said = flags(site)
    [flag] = said["flags"]
    assert (flag["facility"], flag["product"], flag["kind"], flag["severity"]) == ("F-W1", "BCG", "jump", "high")
    assert flag["words"] == "2,000 doses used, 20 times the usual 100 doses."
    assert flag["month"] == monthly.first_day(FULL - 4).isoformat()
    assert flag["weight"] == pytest.approx(0.1)
    assert "lineage" not in flag
    # (11 x 100 + 0.1 x 2,000) / 11.1, and not 258.
    assert amc(site) == pytest.approx(1300 / 11.1, rel=0.05)
    assert flags(site, area="E")["flags"] == []
    assert flags(site, area="W")["count"] == flags(site, facility="F-W1")["count"] == 1


def test_a_value_that_is_right_after_all_counts_in_full_again(site: Any) -> None:
    [flag] = flags(site)["flags"]
    assert judge(site, flag["id"], {"verdict": "right"}).status_code == 400
    answer = judge(site, flag["id"], {"verdict": "right", "note": "Measles days"})
    assert answer.status_code == 200, answer.text
    refreshed(site)
    assert amc(site) == pytest.approx(3100 / 12, rel=0.01)
    assert flags(site)["flags"] == []
    [judged] = flags(site, judged="true")["flags"]
    assert (judged["verdict"], judged["note"], judged["weight"]) == ("right", "Measles days", 1)


def test_a_value_that_is_wrong_counts_for_nothing_and_stays_on_record(site: Any) -> None:
    [flag] = flags(site)["flags"]
    judge(site, flag["id"], {"verdict": "wrong", "note": "One zero too many"})
    refreshed(site)
    assert amc(site) == pytest.approx(100, rel=0.01)
    with db.transaction(site.engine) as conn:
        assert conn.execute(sa.text("select max(used) from stock_month")).scalar_one() == 2_000


def test_only_who_records_there_may_judge(site: Any) -> None:
    [flag] = flags(site)["flags"]
    for who in ("analyst", "administrator"):
        refused = judge(site, flag["id"], {"verdict": "seen"}, who)
        assert (refused.status_code, refused.get_json()["error"]) == (403, "NotAllowed"), who
    # To the officer of another state there is no such flag.
    assert judge(site, flag["id"], {"verdict": "seen"}, "area").status_code == 404
    assert judge(site, flag["id"], {"verdict": "odd"}).status_code == 400
    assert judge(site, flag["id"], {"verdict": 1}).status_code == 400
    assert judge(site, 10**12, {"verdict": "seen"}).status_code == 404


def test_the_page_lists_them_by_area_and_takes_a_verdict(site: Any) -> None:
    browser = site.browser("facility")
    page = browser.get("/small/quality").text
    assert "20 times the usual 100 doses" in page
    assert "1 value is doubted" in page
    [flag] = flags(site)["flags"]
    token = page.split('name="csrf_token" value="')[1].split('"')[0]
    form = {"csrf_token": token, "verdict": "seen", "note": "Asked them", "back": "area=W&page=1"}
    assert browser.post(f"/small/quality/{flag['id']}", data=form | {"csrf_token": "x"}).status_code == 400
    answer = browser.post(f"/small/quality/{flag['id']}", data=form)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/small/quality?area=W&page=1")
    assert "Nothing is doubted in Area W" in browser.get("/small/quality?area=W").text
    judged = browser.get("/small/quality?judged=true").text
    assert "Asked them" in judged
    assert "What happened" not in site.browser("analyst").get("/small/quality?judged=true").text


# -- Forecasts -------------------------------------------------------------------------------------------------


def test_forecasts_stand_side_by_side_with_their_errors(site: Any) -> None:
    said = site.get(f"{API}/facilities/F-E1/forecasts?product=BCG").get_json()
    by_view = {f["view"]: f for f in said["forecasts"]}
    assert list(by_view) == ["consumption", "sessions", "population"]
    # 100 a month, one month of it in 20 or so days.
    assert by_view["consumption"]["monthly"] == pytest.approx(103, abs=2)
    assert by_view["sessions"]["monthly"] == pytest.approx(60 / 0.5)
    assert by_view["sessions"]["mape"] is None
    # 100 children a year, one dose each, half of it wasted.
    assert by_view["population"]["monthly"] == pytest.approx(100 / 12 / 0.5)
    assert by_view["population"]["bias"] == pytest.approx(-0.83, abs=0.02)
    assert (said["in_force"], said["best"], said["source"]) == ("consumption", "consumption", "consumption")
    assert said["why"].startswith("Its own months say what it uses while it has stock.")


def test_a_forecast_needs_a_product_that_is_there(site: Any) -> None:
    assert site.get(f"{API}/facilities/F-E1/forecasts").status_code == 400
    assert site.get(f"{API}/facilities/F-E1/forecasts?product=X").status_code == 404
    assert site.get(f"{API}/facilities/F-X/forecasts?product=BCG").status_code == 404


# -- Indicators ------------------------------------------------------------------------------------------------


def period(ago: int) -> str:
    day: date = monthly.first_day(FULL - ago)
    return f"{day:%Y-%m}"


def test_indicators_of_an_area_say_their_formula_and_what_is_missing(site: Any) -> None:
    said = site.get(f"{API}/areas/SM/kpis?from={period(12)}&to={period(1)}").get_json()
    of = {i["code"]: i for i in said["indicators"] if i["product"] == "BCG"}
    assert (said["from"], said["to"]) == (period(12), period(1))
    # Out once of two that report; 10 days out in all.
    assert of["stockout_period"]["value"] == 0.5
    assert of["stockout_days"]["value"] == 5
    # 50 doses lie between a quarter and five quarters of the 100 that are expected; one month ended out of stock.
    assert of["according_to_plan"]["value"] == pytest.approx(23 / 24)
    # 100 expected each month: used were 100 in 22 of them, 2,000 in one, and 100 in what was left of another.
    days = (monthly.first_day(FULL - 1) - monthly.first_day(FULL - 2)).days
    used = 2_200 + 2_000 + 100 * days / (days - 10)
    assert of["forecast_ratio"]["value"] == pytest.approx(used / 2_400)
    assert of["forecast_error"]["value"] == pytest.approx((used - 2_400) / used)
    assert of["forecast_bias"]["value"] == pytest.approx((2_400 - used) / used)
    # Four facilities handle it, two of them reported twelve months each.
    assert of["reporting_rate"]["value"] == 0.5
    # 60 given of the 100 that were opened where sessions reported.
    assert of["open_vial_wastage"]["value"] == pytest.approx(0.4)
    assert of["open_vial_wastage"]["words"].endswith("= 40 % (WHO, OpenLMIS)")
    whole = {i["code"]: i for i in said["indicators"] if i["product"] is None}
    assert whole["full_availability"]["value"] == 0.5
    assert whole["total_wastage"]["value"] == pytest.approx(0.4)
    assert whole["otif"]["value"] is None
    assert "Cold-chain" in said["missing"][2]["name"]


def test_an_area_below_counts_only_its_own(site: Any) -> None:
    said = site.get(f"{API}/areas/W/kpis?from={period(3)}&to={period(1)}").get_json()
    of = {i["code"]: i for i in said["indicators"] if i["product"] == "BCG"}
    assert of["stockout_period"]["value"] == 0
    assert of["reporting_rate"]["value"] == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("asked", "reason"),
    [("from=2020-13", "from is not a month"), ("from=2020-05&to=2020-04", "it ends before it begins"),
     ("from=2000-01&to=2020-04", "it is too long"), ("format=pdf", "format is none")],
)  # fmt: skip
def test_a_period_that_cannot_be_is_refused(site: Any, asked: str, reason: str) -> None:
    answer = site.get(f"{API}/areas/SM/kpis?{asked}")
    assert answer.status_code == 400
    assert reason in answer.get_json()["message"]


def test_the_running_month_is_not_over(site: Any) -> None:
    answer = site.get(f"{API}/areas/SM/kpis?from={period(2)}&to={period(0)}")
    assert "its last month is not over yet" in answer.get_json()["message"]


def test_indicators_can_be_taken_away(site: Any) -> None:
    asked = f"from={period(2)}&to={period(1)}"
    workbook = openpyxl.load_workbook(io.BytesIO(site.get(f"{API}/areas/SM/kpis.xlsx?{asked}").data))
    assert workbook.sheetnames == ["Indicators"]
    cells = [[c.value for c in row] for row in workbook.active.iter_rows()]
    assert any(row[:2] == ["BCG", "Reporting rate"] and row[2] == "50 %" for row in cells)
    text = site.get(f"{API}/areas/SM/kpis.csv?{asked}").data.decode("utf-8-sig")
    assert "Simulated data" in text
    assert "BCG,Reporting rate,50 %,4 reports received / 8 reports expected,50.0,%,4.0,8.0," in text
