"""When a month has ended the programme's own model is asked what the next one brings, and is in force until then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
import small
import sqlalchemy as sa

from data import assess, calibration, db, foretold, models, monthly, nation, programmes
from data.insight import learned, shift
from data.insight.learned_trees import Growth
from data.monthly import Span
from data.record import audit, ledger, partitions
from data.types import Kind, State, StockEvent

LAST = monthly.number(date(2026, 5, 1))
MONTHS = 24
FIRST_OF_JUNE = date(2026, 6, 1)
#: What is held at the end of May: much, little, nothing, and nobody has ever said.
HELD = {("F-E1", "BCG"): 400, ("F-W1", "BCG"): 25, ("F-W2a", "BCG"): 0, ("F-W1", "MR"): 120}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Models of its own, which learn from little."""
    monkeypatch.setattr(models, "FOLDER", tmp_path)
    monkeypatch.setattr(learned, "LEAST_CASES", 20)
    return tmp_path


@pytest.fixture
def engine(database_url: str, folder: Path) -> Iterator[sa.Engine]:
    """The small country: 23 months that were reported, seldom supplied; May was recorded, and is being judged."""
    engine = db.engine(database_url)
    chance = np.random.default_rng(5)
    with db.transaction(engine) as conn:
        country = small.build(conn)
        partitions.ensure_partitions(conn, date(2026, 5, 1), date(2026, 9, 1))
        rows = []
        for facility in country.facilities.values():
            for product in country.products.values():
                stock = 30
                for month in range(LAST + 1 - MONTHS, LAST):
                    received = int(chance.integers(0, 60)) if chance.random() < 0.4 else 0
                    used = min(int(chance.poisson(20)), stock + received)
                    if chance.random() < 0.9:
                        rows.append({
                            "f": facility, "p": product, "m": monthly.first_day(month), "o": stock, "r": received,
                            "u": used, "c": stock + received - used,
                        })  # fmt: skip
                    stock += received - used
        conn.execute(
            sa.text(
                "insert into stock_month (facility_id, product_id, month, opening, received, used, closing, state)"
                " values (:f, :p, :m, :o, :r, :u, :c, 6)"
            ),
            rows,
        )
        for (facility, product), held in HELD.items():
            happened(conn, Kind.RECEIPT, held + 20, date(2026, 5, 4), facility, product)
            happened(conn, Kind.ADMINISTERED, 20, date(2026, 5, 20), facility, product)
        nation.refresh(conn, programmes.find(conn, "small"), date(2026, 5, 25))
    yield engine
    engine.dispose()


def happened(
    conn: sa.Connection, kind: Kind, doses: int, day: date, facility: str = "F-W1", product: str = "BCG"
) -> None:
    """One event at noon, told in the evening."""
    at = datetime(day.year, day.month, day.day, 11, tzinfo=UTC)
    event = StockEvent(facility, product, kind, doses, at, "test", f"{kind}{facility}{product}{at}", opened_vial=True)
    ledger.record(conn, programmes.find(conn, "small").id, [event], now=at.replace(hour=18))


def taught(engine: sa.Engine, folder: Path, *, last: int = LAST - 1, seed: int = 1) -> learned.Model:
    """Train a small model on what is on record up to a month, and put its file where it is looked for."""
    with db.transaction(engine) as conn:
        span = Span(LAST + 1 - MONTHS, last + 1)
        _, history = foretold.history(conn, programmes.find(conn, "small"), span)
    model = learned.fit(history, programme="small", growth=Growth(trees=20, depth=3), seeds=(seed,))
    models.path("small", folder).write_bytes(learned.dump(model))
    return model


def refreshed(engine: sa.Engine, day: date, *, demand: bool = False) -> nation.Refreshed:
    with db.transaction(engine) as conn:
        return nation.refresh(conn, programmes.find(conn, "small"), day, demand=demand)


def standing(conn: sa.Connection) -> dict[tuple[str, str], sa.Row[tuple[object, ...]]]:
    """Positions with what is kept of May."""
    rows = conn.execute(
        sa.text(
            "select f.code as facility, d.code as product, p.*, m.within_30, m.counted_30, m.closing from position p"
            " join facility f on f.id = p.facility_id join product d on d.id = p.product_id"
            " left join stock_month m on m.facility_id = p.facility_id and m.product_id = p.product_id"
            " and m.month = '2026-05-01' order by f.code, d.code"
        )
    )
    return {(r.facility, r.product): r for r in rows}


def read(engine: sa.Engine) -> dict[tuple[str, str], sa.Row[tuple[object, ...]]]:
    with db.transaction(engine) as conn:
        return standing(conn)


def test_the_months_of_the_record_are_those_that_the_model_reads(engine: sa.Engine) -> None:
    with db.transaction(engine) as conn:
        key, history = foretold.history(conn, programmes.find(conn, "small"), Span(LAST + 1 - MONTHS, LAST + 1))
        rows = conn.execute(sa.text("select * from stock_month")).all()
    assert np.isfinite(history.closing).sum() == len(rows)
    place = {int(k): n for n, k in enumerate(key)}
    for r in rows:
        at = place[r.facility_id << 32 | r.product_id], monthly.number(r.month) - history.first
        assert (history.opening[at], history.received[at], history.used[at], history.closing[at]) == (
            r.opening, r.received, r.used, r.closing,
        )  # fmt: skip
    assert np.isnan(history.ordered).all()
    assert set(history.product) == {0, 1}
    assert set(zip(history.product.tolist(), history.vial.tolist(), strict=True)) == {(0, 20), (1, 10)}
    assert history.area.max() < 3


def test_when_a_month_has_ended_what_the_model_says_of_the_next_is_shown_and_kept(
    engine: sa.Engine, folder: Path
) -> None:
    model = taught(engine, folder)
    refreshed(engine, FIRST_OF_JUNE)
    with db.transaction(engine) as conn:
        key, history = foretold.history(conn, programmes.find(conn, "small"), Span(LAST + 1 - MONTHS, LAST + 1))
        said = dict(zip(key.tolist(), np.round(learned.predict(model, history), 2).tolist(), strict=True))
        found = standing(conn)
        name = programmes.find(conn, "small").model
    assert name is not None
    assert name.startswith("2024-06 to 2026-04, ")
    for pair in [("F-E1", "BCG"), ("F-W1", "BCG"), ("F-W1", "MR")]:
        p = found[pair]
        assert p.within[2] == p.within_30 == pytest.approx(said[p.facility_id << 32 | p.product_id])
        assert p.learned_shift == pytest.approx(shift.between(p.within_30, p.counted_30), abs=1e-6)
        assert sorted(p.within) == p.within
    assert found["F-W1", "BCG"].counted_30 > found["F-E1", "BCG"].counted_30
    out, silent = found["F-W2a", "BCG"], found["F-W2b", "MR"]
    assert (out.state, out.within, out.learned_shift, out.counted_30) == (State.STOCKOUT, [1] * 5, None, None)
    assert out.within_30 == 1
    assert (silent.state, silent.learned_shift, silent.within) == (State.NO_REPORT, None, None)


def test_what_the_count_model_alone_says_is_kept_beside_it(engine: sa.Engine, folder: Path) -> None:
    refreshed(engine, FIRST_OF_JUNE)
    alone = read(engine)
    assert {(p.learned_shift, p.counted_30) for p in alone.values()} == {(None, None)}
    taught(engine, folder)
    refreshed(engine, FIRST_OF_JUNE, demand=True)
    both = read(engine)
    for pair in [("F-E1", "BCG"), ("F-W1", "BCG"), ("F-W1", "MR")]:
        assert both[pair].counted_30 == pytest.approx(alone[pair].within[2], abs=0.0051)
    # Cover and state are those that are counted.
    assert [(p.state, p.cover_p50) for p in both.values()] == [(p.state, p.cover_p50) for p in alone.values()]


def test_an_event_moves_what_was_learnt_and_one_position_is_judged_as_the_nation(
    engine: sa.Engine, folder: Path
) -> None:
    taught(engine, folder)
    refreshed(engine, FIRST_OF_JUNE)
    before = read(engine)["F-W1", "BCG"]
    with db.transaction(engine) as conn:
        happened(conn, Kind.RECEIPT, 300, FIRST_OF_JUNE)
        pair = (before.facility_id, before.product_id)
        assess.touched(conn, programmes.find(conn, "small"), [pair], FIRST_OF_JUNE)
        after = standing(conn)["F-W1", "BCG"]
    assert after.learned_shift == before.learned_shift
    assert after.within[2] < before.within[2]
    refreshed(engine, FIRST_OF_JUNE)
    nightly = read(engine)["F-W1", "BCG"]
    assert (nightly.within, nightly.probability, nightly.short) == (after.within, after.probability, after.short)


def test_what_was_learnt_fades_as_its_month_goes_by_for_one_position_as_for_all(
    engine: sa.Engine, folder: Path
) -> None:
    taught(engine, folder)
    with db.transaction(engine) as conn:
        conn.execute(sa.text("update facility set delivery_interval_days = 1000, report_interval_days = 1000"))
    refreshed(engine, FIRST_OF_JUNE)
    first = read(engine)["F-W1", "BCG"]
    refreshed(engine, date(2026, 6, 21))
    later = read(engine)["F-W1", "BCG"]
    assert later.learned_shift == first.learned_shift
    # With no delivery in sight the count of 30 days stays as it was.
    shown = shift.laid(later.learned_shift, shift.weight(20), first.counted_30, first.counted_30)
    assert later.within[2] == pytest.approx(float(shown), abs=0.0051)
    assert later.within[2] != first.within[2]
    with db.transaction(engine) as conn:
        pair = (later.facility_id, later.product_id)
        assess.touched(conn, programmes.find(conn, "small"), [pair], date(2026, 6, 21))
        assert standing(conn)["F-W1", "BCG"].within == later.within
        assert list(nation.misjudged(conn, programmes.find(conn, "small"), [date(2026, 6, 21)], demand=True)) == []


def test_a_model_that_comes_within_a_month_is_not_blind_to_what_happened_since_it_began(
    engine: sa.Engine, folder: Path
) -> None:
    """What the count model said of the month's end is what it said then, not what it says of what came on the third."""
    refreshed(engine, FIRST_OF_JUNE)
    closed = read(engine)
    taught(engine, folder)
    with db.transaction(engine) as conn:
        happened(conn, Kind.RECEIPT, 300, date(2026, 6, 3))
    refreshed(engine, date(2026, 6, 5))
    late = read(engine)
    for pair in [("F-E1", "BCG"), ("F-W1", "BCG"), ("F-W1", "MR")]:
        # As it had been shown on the last day of May, when there was no other model.
        assert late[pair].counted_30 == closed[pair].within_30
        assert late[pair].learned_shift is not None
    assert late["F-W2a", "BCG"].learned_shift is None, "it was out"
    supplied = late["F-W1", "BCG"]
    assert supplied.within[2] < supplied.within_30 / 2


def test_a_month_that_is_closed_late_knows_what_was_counted_behind_what_was_shown(
    engine: sa.Engine, folder: Path
) -> None:
    taught(engine, folder, last=LAST - 2)
    with db.transaction(engine) as conn:
        conn.execute(sa.text("update stock_month set within_30 = 0.3 where month = '2026-04-01' and closing > 0"))
    refreshed(engine, date(2026, 5, 26), demand=True)
    may = read(engine)["F-W1", "BCG"]
    assert may.learned_shift is not None
    with db.transaction(engine) as conn:
        happened(conn, Kind.RECEIPT, 300, date(2026, 6, 2))
    refreshed(engine, date(2026, 6, 3))
    june = read(engine)["F-W1", "BCG"]
    behind = shift.laid(may.learned_shift, shift.weight(25), june.counted_30, june.counted_30)
    # To a whole percent, and no nearer to nothing than the least chance.
    assert float(behind) == pytest.approx(may.within[2], abs=0.005)
    assert june.within[2] < june.within_30 / 2


def test_without_a_model_of_its_own_the_count_model_answers_alone(engine: sa.Engine, folder: Path) -> None:
    models.path("another", folder).write_bytes(b"no model of this programme")
    done = refreshed(engine, FIRST_OF_JUNE)
    assert done.trouble == ""
    assert {(p.learned_shift, p.counted_30) for p in read(engine).values()} == {(None, None)}
    with db.transaction(engine) as conn:
        assert programmes.find(conn, "small").model is None


def test_a_model_that_is_taken_away_is_in_force_no_longer_with_the_next_day(engine: sa.Engine, folder: Path) -> None:
    refreshed(engine, FIRST_OF_JUNE)
    alone = read(engine)
    taught(engine, folder)
    refreshed(engine, date(2026, 6, 2))
    assert read(engine)["F-W1", "BCG"].learned_shift is not None
    models.path("small", folder).unlink()
    refreshed(engine, FIRST_OF_JUNE)
    found = read(engine)
    assert all(p.learned_shift is None for p in found.values())
    assert [(p.within, p.probability, p.short) for p in found.values()] == [
        (p.within, p.probability, p.short) for p in alone.values()
    ]


def test_another_model_is_asked_with_the_next_day_and_counts_from_the_same_months_end(
    engine: sa.Engine, folder: Path
) -> None:
    taught(engine, folder)
    refreshed(engine, FIRST_OF_JUNE)
    first = read(engine)
    taught(engine, folder, last=LAST, seed=2)
    refreshed(engine, date(2026, 6, 2))
    second = read(engine)
    pairs = [("F-E1", "BCG"), ("F-W1", "BCG"), ("F-W1", "MR")]
    assert [second[p].counted_30 for p in pairs] == [first[p].counted_30 for p in pairs]
    assert [second[p].within_30 for p in pairs] != [first[p].within_30 for p in pairs]
    assert all(
        second[p].learned_shift == pytest.approx(shift.between(second[p].within_30, second[p].counted_30), abs=1e-6)
        for p in pairs
    )


def test_a_month_ends_and_who_did_not_report_it_keeps_no_shift(engine: sa.Engine, folder: Path) -> None:
    taught(engine, folder)
    refreshed(engine, FIRST_OF_JUNE)
    with db.transaction(engine) as conn:
        happened(conn, Kind.ADMINISTERED, 5, date(2026, 7, 20), "F-E1")
    # All others have been silent since May: longer than their reports may take.
    refreshed(engine, date(2026, 7, 31))
    refreshed(engine, date(2026, 8, 1))
    found = read(engine)
    assert {pair for pair, p in found.items() if p.learned_shift is not None} == {("F-E1", "BCG")}
    assert found["F-W1", "BCG"].state == State.NO_REPORT


def test_a_model_that_has_seen_later_months_is_not_asked_of_them(engine: sa.Engine, folder: Path) -> None:
    taught(engine, folder, last=LAST)
    with db.transaction(engine) as conn:
        conn.execute(sa.text("update programme set assessed_on = '2026-04-25'"))
    done = refreshed(engine, date(2026, 5, 1))
    assert "later months" in done.trouble
    with db.transaction(engine) as conn:
        assert programmes.find(conn, "small").model is None
        assert conn.scalar(sa.text("select count(*) from stock_month where counted_30 is not null")) == 0


@pytest.mark.parametrize("content", [b"no model", None])
def test_a_model_that_cannot_be_used_holds_up_no_day(engine: sa.Engine, folder: Path, content: bytes | None) -> None:
    model = taught(engine, folder)
    if content is None:
        # One that reads what was ordered, which is not on record.
        content = learned.dump(replace(model, told=replace(model.told, inputs=learned.AMOUNTS)))
    models.path("small", folder).write_bytes(content)
    done = refreshed(engine, FIRST_OF_JUNE)
    assert done.trouble
    assert done.closed == date(2026, 5, 1)
    assert all(p.learned_shift is None for p in read(engine).values())


def test_the_audit_finds_a_shift_that_nobody_said_and_a_rebuild_puts_it_right(engine: sa.Engine, folder: Path) -> None:
    taught(engine, folder)
    refreshed(engine, FIRST_OF_JUNE)
    right = read(engine)
    with db.transaction(engine) as conn:
        programme = programmes.find(conn, "small")
        assert list(nation.misjudged(conn, programme, [FIRST_OF_JUNE], demand=True)) == []
        conn.execute(sa.text("update position set learned_shift = learned_shift + 1 where learned_shift is not null"))
        wrong = list(nation.misjudged(conn, programme, [FIRST_OF_JUNE], demand=True))
    assert len([w for w in wrong if w.stands.startswith("learned shift")]) == 3
    refreshed(engine, FIRST_OF_JUNE, demand=True)
    again = read(engine)
    assert [(p.learned_shift, p.within, p.counted_30) for p in again.values()] == [
        (p.learned_shift, p.within, p.counted_30) for p in right.values()
    ]
    with db.transaction(engine) as conn:
        assert [d for d in audit.differences(conn) if d.check == audit.ASSESSED] == []


def test_the_page_of_past_predictions_judges_what_was_in_force_and_tells_both_models_apart(
    engine: sa.Engine, folder: Path
) -> None:
    taught(engine, folder)
    refreshed(engine, FIRST_OF_JUNE)
    kept = read(engine)
    refreshed(engine, date(2026, 7, 1))
    with db.transaction(engine) as conn:
        found = calibration.read(conn, programmes.find(conn, "small").id, date(2026, 7, 2))
    asked = [kept[pair] for pair in [("F-E1", "BCG"), ("F-W1", "BCG"), ("F-W1", "MR")]]
    assert (found.every.count, found.learned.count, found.alone.count) == (4, 3, 3)
    assert found.learned.predicted == pytest.approx(np.mean([p.within_30 for p in asked]))
    assert found.alone.predicted == pytest.approx(np.mean([p.counted_30 for p in asked]))
    assert found.every.predicted == pytest.approx((sum(p.within_30 for p in asked) + 1) / 4)
