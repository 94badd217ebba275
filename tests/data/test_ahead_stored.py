"""What is ahead, as it is stored: for one position as for a nation, with learnt delays and what is on the way."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
import small
import sqlalchemy as sa

from data import assess, lens, nation, programmes, why
from data.insight.reasons import Facts
from data.programmes import Programme
from data.record import ledger, partitions
from data.types import Kind, State, StockEvent

TODAY = date(2026, 6, 1)
ASSESSED = (
    "usable, state, probability, cover_p10, cover_p50, cover_p90, next_delivery_on, within, short, missed, expiring,"
    " coming, coming_on"
)


def told(
    conn: sa.Connection,
    country: small.Small,
    facility: str,
    product: str,
    kind: Kind,
    doses: int,
    day: date,
    **more: object,
) -> None:
    at = datetime(day.year, day.month, day.day, 11, tzinfo=UTC)
    fields: dict[str, object] = {"source": "test", "source_id": f"{facility} {product} {kind} {at} {doses}"}
    event = StockEvent(facility, product, kind, doses, at, **(fields | more))  # type: ignore[arg-type]
    ledger.record(conn, country.programme_id, [event], now=at + timedelta(hours=6))


@pytest.fixture
def country(conn: sa.Connection) -> small.Small:
    """Half a year at four places: one is supplied every month, one late, one has what expires, one is nearly out."""
    made = small.build(conn)
    partitions.ensure_partitions(conn, date(2025, 10, 1), date(2026, 9, 1))
    for facility, every, doses in (("F-E1", 30, 100), ("F-W1", 45, 100), ("F-W2a", 30, 60), ("F-W2b", 30, 200)):
        for product in ("BCG", "MR"):
            for start in range(0, 180, every):
                day = date(2025, 12, 1) + timedelta(days=start)
                lot = {
                    "lot": f"{facility} {product} {start}",
                    "expiry": day + timedelta(days=60 if facility == "F-W2b" else 700),
                }
                told(
                    conn,
                    country=made,
                    facility=facility,
                    product=product,
                    kind=Kind.RECEIPT,
                    doses=doses,
                    day=day,
                    **lot,
                )
                used = min(doses, 70) - 5 * (start // every)
                told(conn, made, facility, product, Kind.ADMINISTERED, used, day + timedelta(days=20), opened_vial=True)
    return made


def refreshed(conn: sa.Connection, country: small.Small, day: date) -> Programme:
    nation.refresh(conn, programmes.find(conn, country.code), day)
    return programmes.find(conn, country.code)


def stored(conn: sa.Connection) -> list[tuple[object, ...]]:
    rows = conn.execute(sa.text(f"select {ASSESSED} from position order by facility_id, product_id"))  # noqa: S608
    return [tuple(row) for row in rows]


def position(conn: sa.Connection, facility: str, product: str = "BCG") -> sa.Row[tuple[object, ...]]:
    return conn.execute(
        sa.text(
            "select n.* from position n join facility f on f.id = n.facility_id join product p on p.id = n.product_id"
            " where f.code = :facility and p.code = :product"
        ),
        {"facility": facility, "product": product},
    ).one()


def column(conn: sa.Connection, name: str) -> dict[tuple[int, int], object]:
    """One column of all positions, by the ordinal of the facility and the product."""
    rows = conn.execute(
        sa.text(f"select f.ordinal, n.product_id, n.{name} from position n join facility f on f.id = n.facility_id")  # noqa: S608
    )
    return {(r[0], r[1]): r[2] for r in rows}


def by_position(seen: lens.Seen) -> dict[tuple[int, int], object]:
    keys = zip(seen.ordinal.tolist(), seen.product_id.tolist(), strict=True)
    return dict(zip(keys, seen.state.tolist(), strict=True))


def pairs(country: small.Small) -> list[tuple[int, int]]:
    return [(f, p) for f in country.facilities.values() for p in country.products.values()]


def test_one_position_after_an_event_is_what_a_nation_s_refresh_makes_of_it(
    conn: sa.Connection, country: small.Small
) -> None:
    told(conn, country, "F-W2b", "BCG", Kind.ISSUE, 40, date(2026, 5, 29), partner="F-E1", document="DN 1")
    programme = refreshed(conn, country, TODAY)
    whole = stored(conn)
    assert any(row[6] is not None for row in whole)
    conn.execute(sa.text("update position set probability = null, within = null, short = null, coming = 0"))
    for each in pairs(country):
        assess.touched(conn, programme, [each], TODAY)
    assert stored(conn) == whole


def test_every_judged_position_has_five_horizons_doses_short_and_children_missed(
    conn: sa.Connection, country: small.Small
) -> None:
    conn.execute(sa.text("update product set doses_per_child = 2 where code = 'BCG'"))
    conn.execute(sa.text("update product set doses_per_child = null where code = 'MR'"))
    refreshed(conn, country, TODAY)
    bcg, mr = position(conn, "F-W2a"), position(conn, "F-W2a", "MR")
    for found in (bcg, mr):
        assert found.within == sorted(found.within)
        assert len(found.within) == 5
        assert found.short > 0
    assert bcg.missed == pytest.approx(bcg.short / 2, abs=1)
    assert mr.missed is None


def test_doses_that_expire_are_part_of_the_risk(conn: sa.Connection, country: small.Small) -> None:
    """Of F-W2b's lots most expire before they can be used."""
    refreshed(conn, country, TODAY)
    found = position(conn, "F-W2b")
    assert found.expiring > 0
    conn.execute(sa.text("update lot set expiry = '2030-01-01'"))
    refreshed(conn, country, TODAY)
    kept = position(conn, "F-W2b")
    assert kept.expiring == 0
    assert kept.usable == found.usable or kept.usable > found.usable
    assert kept.within[4] <= found.within[4]


def test_what_is_on_the_way_is_the_next_delivery_until_it_arrives(conn: sa.Connection, country: small.Small) -> None:
    refreshed(conn, country, TODAY)
    before = position(conn, "F-W1")
    told(conn, country, "F-W2b", "BCG", Kind.ISSUE, 40, date(2026, 5, 31), partner="F-W1", document="DN 7")
    programme = refreshed(conn, country, TODAY)
    found = position(conn, "F-W1")
    assert (before.coming, before.coming_on) == (0, None)
    assert (found.coming, found.coming_on) == (40, date(2026, 6, 7))
    assert found.next_delivery_on == found.coming_on
    facts = Facts(State(found.state), "BCG", TODAY, usable=found.usable)
    said = why.explain(conn, programme, found.facility_id, found.product_id, TODAY, facts).sentences
    assert "40 doses are on the way, due Sunday." in said
    told(conn, country, "F-W1", "BCG", Kind.RECEIPT, 40, TODAY, partner="F-W2b", document="DN 7")
    refreshed(conn, country, TODAY + timedelta(days=1))
    assert position(conn, "F-W1").coming == 0


def test_what_was_sent_long_ago_is_no_longer_awaited(conn: sa.Connection, country: small.Small) -> None:
    told(conn, country, "F-W2b", "BCG", Kind.ISSUE, 40, date(2026, 3, 1), partner="F-W1", document="DN 7")
    refreshed(conn, country, TODAY)
    assert position(conn, "F-W1").coming == 0


def test_who_is_supplied_late_is_known_to_be(conn: sa.Connection, country: small.Small) -> None:
    programme = refreshed(conn, country, TODAY)
    rows = {
        r.code: r
        for r in conn.execute(
            sa.text("select f.code, d.* from facility_delay d join facility f on f.id = d.facility_id")
        )
    }
    # Every 45 days instead of 30, six gaps of two products; the others keep to the day.
    assert (rows["F-W1"].deliveries, rows["F-W1"].late) == (6, 6)
    assert rows["F-W1"].days_late >= 6 * 15
    assert rows["F-E1"].late == 0
    assert rows["F-W1"].on_time < rows["F-E1"].on_time
    found = position(conn, "F-W1")
    facts = Facts(State(found.state), "BCG", TODAY, usable=found.usable)
    said = why.explain(conn, programme, found.facility_id, found.product_id, TODAY, facts).sentences
    assert "Delivered late 3 of the last 3 times." in said


def test_a_month_that_was_not_reported_is_no_late_delivery(conn: sa.Connection, country: small.Small) -> None:
    for day in (date(2026, 1, 28), date(2026, 4, 2)):
        told(conn, country, "F-E1", "BCG", Kind.RECEIPT, 20, day, lot=f"more {day}", expiry=date(2028, 1, 1))
    # Nothing is known of February and March: whatever came then was not written down.
    where = "facility_id = :facility and product_id = :product and {} >= '2026-02-01' and {} < '2026-04-01'"
    at = {"facility": country.facilities["F-E1"], "product": country.products["BCG"]}
    conn.execute(sa.text(f"delete from stock_month where {where.format('month', 'month')}"), at)  # noqa: S608
    conn.execute(sa.text("alter table stock_event disable trigger all"))
    conn.execute(sa.text(f"delete from stock_event where {where.format('occurred_at', 'occurred_at')}"), at)  # noqa: S608
    conn.execute(sa.text("alter table stock_event enable trigger all"))
    programme = refreshed(conn, country, TODAY)
    late = conn.execute(sa.text("select late from facility_delay where facility_id = :facility"), at).scalar_one()
    assert late == 0
    found = position(conn, "F-E1")
    facts = Facts(State(found.state), "BCG", TODAY, usable=found.usable)
    said = why.explain(conn, programme, found.facility_id, found.product_id, TODAY, facts).sentences
    assert not any(sentence.startswith("Delivered late") for sentence in said)


def test_a_month_keeps_what_was_foretold_at_its_end(conn: sa.Connection, country: small.Small) -> None:
    refreshed(conn, country, date(2026, 5, 31))
    foretold = position(conn, "F-W1").within[2]
    refreshed(conn, country, TODAY)
    kept = conn.execute(
        sa.text(
            "select m.within_30 from stock_month m join facility f on f.id = m.facility_id join product p on p.id ="
            " m.product_id where f.code = 'F-W1' and p.code = 'BCG' and m.month = '2026-05-01'"
        )
    ).scalar_one()
    assert kept == pytest.approx(foretold)


def test_other_bands_change_only_who_is_low_over_or_adequate(conn: sa.Connection, country: small.Small) -> None:
    programme = refreshed(conn, country, TODAY)
    ids = list(country.products.values())
    own = lens.read(conn, programme, lens.Lens(preset=programme.preset), ids)
    other = lens.read(conn, programme, lens.Lens(preset="OpenLMIS"), ids)
    held = column(conn, "state")
    assert by_position(own) == held
    conn.execute(sa.text("update programme set preset = 'OpenLMIS'"))
    refreshed(conn, country, TODAY)
    anew = column(conn, "state")
    assert by_position(other) == anew
    assert anew != held


def test_another_horizon_is_the_probability_within_it(conn: sa.Connection, country: small.Small) -> None:
    programme = refreshed(conn, country, TODAY)
    seen = lens.read(conn, programme, lens.Lens(horizon=30), list(country.products.values()))
    within = column(conn, "within")
    for ordinal, product_id, chance in zip(seen.ordinal, seen.product_id, seen.probability, strict=True):
        expected = within[int(ordinal), int(product_id)]
        assert np.isnan(chance) if expected is None else chance == pytest.approx(expected[2])


@pytest.mark.parametrize(("preset", "horizon"), [("Mine", None), (None, "31"), (None, "x"), ("", "0")])
def test_a_lens_that_nobody_knows_is_refused(preset: str | None, horizon: str | None) -> None:
    with pytest.raises(lens.UnknownLens):
        lens.asked(preset, horizon)


def test_no_lens_is_none() -> None:
    assert lens.asked("", None) is None
    assert lens.asked("MSH", "30") == lens.Lens("MSH", 30)
