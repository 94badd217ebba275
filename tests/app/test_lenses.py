"""The map through a lens over HTTP: another preset, another horizon, until the next push."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from app import pipeline
from data import db, programmes
from data.insight import risk
from data.record import ledger
from data.types import Kind, State, StockEvent
from geo import areas, lens
from geo.lens import Lenses

NOW = datetime.now(UTC).replace(microsecond=0)
PRESETS = ("NPHCDA", "WHO-EPI", "OpenLMIS", "MSH")


@pytest.fixture(scope="module")
def stocked(site: Any) -> Any:
    """Places with a year of use, and much, little and nothing on the shelf."""
    with db.transaction(site.engine) as conn:
        programme = programmes.find(conn, "small")
        for facility, doses in (("F-E1", 100), ("F-W1", 20), ("F-W2a", 400)):
            for product in ("BCG", "MR"):
                at = NOW - timedelta(days=20)
                came = StockEvent(facility, product, Kind.RECEIPT, doses, at, "pack", f"{facility} {product}")
                ledger.record(conn, programme.id, [came], now=at)
        conn.execute(
            sa.text(
                "insert into stock_month (facility_id, product_id, month, opening, received, used, closing, days_out)"
                " select p.facility_id, p.product_id, "
                " CAST(date_trunc('month', now()) - m * interval '1 month' AS date),"
                " 100, 100, 100, 100, 0 from position p join facility f on f.id = p.facility_id"
                " cross join generate_series(1, 12) m where f.programme_id = :id on conflict do nothing"
            ),
            {"id": programme.id},
        )
        conn.execute(sa.text("update stock_month set used = 100 where used is null"))
        pipeline.refresh(conn, programme, programme.day(NOW), NOW, "a history")
    return site


def vector(site: Any, place: str, product: int, query: str) -> Any:
    return site.get(f"/values/small/1/{place}/{product}?{query}", "national")


def stored(site: Any, what: str) -> dict[tuple[int, int], Any]:
    with db.transaction(site.engine) as conn:
        rows = conn.execute(
            sa.text(
                f"select f.ordinal, p.seat, {what} from position n join facility f on f.id = n.facility_id"  # noqa: S608
                " join product p on p.id = n.product_id join programme g on g.id = f.programme_id"
                " where g.code = 'small'"
            )
        )
        return {(r[0], r[1]): r[2] for r in rows}


def test_another_horizon_colours_by_the_probability_within_it(stocked: Any) -> None:
    for days, place in ((7, 1), (30, 3), (90, 5)):
        within = stored(stocked, f"n.within[{place}]")
        for seat, first, count in ((1, 0, 1), (2, 1, 3)):
            body = vector(stocked, str(seat), 1, f"horizon={days}").data
            expected = [risk.decile([within[o, 1] if within[o, 1] is not None else float("nan")])[0]
                        for o in range(first, first + count)]  # fmt: skip
            assert list(body[count:]) == expected
            assert body[:count] == vector(stocked, str(seat), 1, "").data[:count]


def test_the_programme_s_own_preset_is_what_is_shown_anyway(stocked: Any) -> None:
    for product in (0, 1, 2):
        for place in ("1", "2", "areas"):
            own, plain = (vector(stocked, place, product, query) for query in ("preset=NPHCDA", ""))
            assert own.status_code == plain.status_code == 200
            assert own.data == plain.data, (product, place)
            assert own.headers["VaxTrace-Seq"] == plain.headers["VaxTrace-Seq"]


def test_other_bands_are_other_states(stocked: Any) -> None:
    found = {preset: vector(stocked, "2", 1, f"preset={preset}").data[:3] for preset in PRESETS}
    # Four months of stock: far above NPHCDA's maximum, above WHO's, within OpenLMIS'.
    assert {preset: State(states[1]).name for preset, states in found.items()} == {
        "NPHCDA": "OVERSTOCK", "WHO-EPI": "OVERSTOCK", "OpenLMIS": "ADEQUATE", "MSH": "OVERSTOCK",
    }  # fmt: skip


def test_with_a_horizon_an_area_has_the_expected_share_of_its_children(stocked: Any) -> None:
    within = stored(stocked, "n.within[3]")
    body = vector(stocked, "areas", 1, "horizon=30").data
    # F-W1, F-W2a and F-W2b stand for 200, 300 and 400 children; who does not report is left out.
    told = {o: (within[o, 1], weight) for o, weight in ((1, 200), (2, 300), (3, 400)) if within[o, 1] is not None}
    expected = sum(p * w for p, w in told.values()) / sum(w for _, w in told.values())
    assert body[2] == pytest.approx(100 * expected, abs=1)


def test_a_push_makes_a_lens_look_again(stocked: Any) -> None:
    before = vector(stocked, "2", 1, "horizon=30")
    with db.transaction(stocked.engine) as conn:
        used = StockEvent("F-W1", "BCG", Kind.COUNT, 0, NOW - timedelta(hours=1), "test", "all")
        ledger.record(conn, programmes.find(conn, "small").id, [used])
    told = pipeline.advance(stocked.engine)
    seq = max(each.seq for _, stored in told.pushes.values() for each in stored)
    after = stocked.get("/values/small/1/2/1?horizon=30", "national", **{"VaxTrace-After": str(seq)})
    assert int(after.headers["VaxTrace-Seq"]) == seq > int(before.headers["VaxTrace-Seq"])
    assert State(after.data[0]) == State.STOCKOUT
    assert after.data[3] == 9
    again = stocked.get("/values/small/1/2/1?horizon=30", "national", **{"If-None-Match": after.headers["ETag"]})
    assert again.status_code == 304


@pytest.mark.parametrize(
    "query", ["preset=Mine", "horizon=31", "horizon=30&month=2026-01", "preset=MSH&as_of=2026-01-01"]
)
def test_what_no_lens_shows_is_refused(stocked: Any, query: str) -> None:
    answer = vector(stocked, "areas", 1, query)
    assert answer.status_code == 422
    assert answer.get_json()["details"]["field"]


def test_the_api_answers_an_area_through_a_lens(stocked: Any) -> None:
    answer = stocked.get("/api/v1/small/areas/W?vaccine=BCG&preset=OpenLMIS&horizon=30").get_json()
    plain = stocked.get("/api/v1/small/areas/W?vaccine=BCG").get_json()
    assert answer["status"]["stockout"] == plain["status"]["stockout"]
    assert answer["status"]["adequate"] > plain["status"]["adequate"]
    assert [b["code"] for b in answer["below"]]
    assert stocked.get("/api/v1/small/areas/W?preset=Mine").status_code == 422


def test_a_panel_reads_the_same_numbers(stocked: Any) -> None:
    with db.transaction(stocked.engine) as conn:
        programme = programmes.find(conn, "small")
        place = areas.area(conn, programme.id, "W")
        seen = Lenses(stocked.engine).view(programme, 1, lens.Lens(preset="OpenLMIS"))
        own, below = lens.area(seen, place)
        plain, _ = areas.status(conn, place.id, 1)
    assert (own.stockout, own.critical, own.no_report) == (plain.stockout, plain.critical, plain.no_report)
    assert (own.children, own.risk_share, own.out_share) == (plain.children, plain.risk_share, plain.out_share)
    assert {b.code for b in below} == {"W1", "W2"}
    assert own.low + own.overstock + own.adequate == plain.low + plain.overstock + plain.adequate
