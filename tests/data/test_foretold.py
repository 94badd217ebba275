"""A month that has ended keeps what the programme's own model says of the next one, from the months on record."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import small
import sqlalchemy as sa

from app import backtest
from data import db, foretold, models, monthly, programmes
from data.insight import learned
from data.insight.learned_trees import Growth
from data.monthly import Span

LAST = monthly.number(date(2026, 5, 1))
MONTHS = 24


@pytest.fixture
def engine(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[sa.Engine]:
    """The small country with two years of months, seldom supplied; models of its own, which learn quickly."""
    engine = db.engine(database_url)
    chance = np.random.default_rng(5)
    with db.transaction(engine) as conn:
        country = small.build(conn)
        rows = []
        for facility in country.facilities.values():
            for product in country.products.values():
                stock = 30
                for month in range(LAST + 1 - MONTHS, LAST + 1):
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
                "insert into stock_month (facility_id, product_id, month, opening, received, used, closing, within_30)"
                " values (:f, :p, :m, :o, :r, :u, :c, 0.123)"
            ),
            rows,
        )
    monkeypatch.setattr(models.stored, "__defaults__", (tmp_path,))
    monkeypatch.setattr(learned, "LEAST_CASES", 20)
    yield engine
    engine.dispose()


def _kept(conn: sa.Connection, month: int) -> dict[tuple[int, int], float]:
    rows = conn.execute(
        sa.text("select facility_id, product_id, within_30 from stock_month where month = :m"),
        {"m": monthly.first_day(month)},
    )
    return {(r.facility_id, r.product_id): r.within_30 for r in rows}


def test_the_months_of_the_record_are_those_that_the_model_reads(engine: sa.Engine) -> None:
    with db.transaction(engine) as conn:
        programme = programmes.find(conn, "small")
        key, history = foretold.history(conn, programme, Span(LAST + 1 - MONTHS, LAST + 1))
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
    assert history.area.max() < 3


def test_a_month_that_ended_keeps_what_the_programmes_model_says_and_no_other_month_is_touched(
    engine: sa.Engine, tmp_path: Path
) -> None:
    with db.transaction(engine) as conn:
        programme = programmes.find(conn, "small")
        key, history = foretold.history(conn, programme, Span(LAST + 1 - MONTHS, LAST + 1))
        model = learned.fit(history, programme="small", growth=Growth(trees=10, depth=3), seeds=(1,))
        models.path("small", tmp_path).write_bytes(learned.dump(model))
        said = learned.predict(model, history)
        assert foretold.keep(conn, programme, LAST) == int(np.isfinite(said).sum())
        kept, before = _kept(conn, LAST), _kept(conn, LAST - 1)
    assert kept
    for (facility, product), chance in kept.items():
        assert chance == pytest.approx(float(said[list(key).index(facility << 32 | product)]))
    assert all(value == pytest.approx(0.123) for value in before.values())


def test_without_a_model_of_its_own_the_count_model_stands(engine: sa.Engine) -> None:
    with db.transaction(engine) as conn:
        assert foretold.keep(conn, programmes.find(conn, "small"), LAST) == 0
        assert all(value == pytest.approx(0.123) for value in _kept(conn, LAST).values())


def test_a_model_is_trained_from_the_record_and_asked_from_then_on(engine: sa.Engine, tmp_path: Path) -> None:
    said: list[str] = []
    path = backtest.train_recorded(engine, "small", "2026-05", tmp_path / "small.npz", said.append)
    assert said == ["Learning from 24 months of 8 positions."]
    with db.transaction(engine) as conn:
        assert models.stored("small", path.parent) is not None
        assert foretold.keep(conn, programmes.find(conn, "small"), LAST) > 0
