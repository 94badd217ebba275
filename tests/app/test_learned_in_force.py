"""A model that a programme's past has taught colours its map: after a load, at once when it is trained, and audited."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import island
import pytest
import sqlalchemy as sa
from keys import BOX, KEY
from werkzeug.test import Client

from app import audit, backtest, countries, create_app, rebuild
from app.auth import sessions
from app.settings import Settings
from data import calibration, db, models, monthly, programmes
from data.insight import learned, shift
from data.packs import reader

NOW = datetime.now(UTC)
LAST = monthly.number(NOW.date()) - 1
MONTHS = 20


def silent(_: str) -> None:
    pass


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(models, "FOLDER", tmp_path / "models")
    return tmp_path / "models"


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """Twenty months that end with the last full one."""
    (tmp_path / "island").mkdir()
    return island.write(tmp_path / "island", first=monthly.first_day(LAST + 1 - MONTHS), months=MONTHS)


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    engine = db.engine(database_url)
    yield engine
    engine.dispose()


def load(engine: sa.Engine, pack: Path) -> None:
    countries.bring_in(engine, reader.read(pack, None), digest="1", say=silent, demo_of=None)


def positions(engine: sa.Engine) -> list[sa.Row[tuple[object, ...]]]:
    with db.transaction(engine) as conn:
        return list(
            conn.execute(
                sa.text(
                    "select f.code, p.product_id, p.usable, p.state, p.learned_shift, p.within, p.missed, m.within_30,"
                    " m.counted_30 from position p join facility f on f.id = p.facility_id join stock_month m"
                    " on m.facility_id = p.facility_id and m.product_id = p.product_id and m.month = :month"
                    " order by f.code, p.product_id"
                ),
                {"month": monthly.first_day(LAST)},
            )
        )


def test_a_loaded_country_is_judged_by_its_model_from_the_last_month_that_it_was_taught(
    engine: sa.Engine, folder: Path, pack: Path
) -> None:
    taught = LAST - 4
    backtest.train(pack, None, f"{monthly.first_day(taught):%Y-%m}", False, None, silent)
    load(engine, pack)
    with db.transaction(engine) as conn:
        programme = programmes.find(conn, "island")
        told = dict(
            conn.execute(
                sa.text("select month, count(counted_30) from stock_month where within_30 is not null group by month")
            ).all()
        )
        found = calibration.read(conn, programme.id, NOW.date())
    assert programme.model is not None
    assert re.fullmatch(rf"\d{{4}}-\d\d to {monthly.first_day(taught):%Y-%m}, [0-9a-f]{{8}}", programme.model)
    asked = {month for month, count in told.items() if count}
    # What it was taught is never called its forecast.
    assert asked == {monthly.first_day(month) for month in range(taught, LAST + 1)}
    assert set(told) - asked
    assert found.learned.count == sum(told[monthly.first_day(month)] for month in range(taught, LAST))
    assert found.alone.count == found.learned.count < found.every.count
    held = [p for p in positions(engine) if p.learned_shift is not None]
    assert len(held) > 20
    assert all(p.learned_shift == pytest.approx(shift.between(p.within_30, p.counted_30), abs=1e-6) for p in held)
    assert any(abs(p.within_30 - p.counted_30) > 0.05 for p in held)
    assert all(p.learned_shift is None for p in positions(engine) if p.usable == 0)


def test_a_model_that_is_trained_on_the_record_is_in_force_at_once(
    engine: sa.Engine, folder: Path, pack: Path, capsys: pytest.CaptureFixture[str], database_url: str
) -> None:
    load(engine, pack)
    assert {p.learned_shift for p in positions(engine)} == {None}
    backtest.train_recorded(engine, "island", None, folder.parent / "aside.npz", silent)
    assert {p.learned_shift for p in positions(engine)} == {None}
    without = [p.within for p in positions(engine)]
    path = backtest.train_recorded(engine, "island", None, None, silent)
    assert learned.load(path.read_bytes()).told.last_month == LAST
    before = positions(engine)
    held = [p for p in before if p.learned_shift is not None]
    assert all(p.learned_shift == pytest.approx(shift.between(p.within_30, p.counted_30), abs=1e-6) for p in held)
    assert [p.within for p in before] != without
    assert len({p.learned_shift for p in before}) > 20
    with db.transaction(engine) as conn:
        assert conn.scalar(sa.text("select event from push order by seq desc limit 1")) == "map:reload"
    assert audit.differences(database_url, 1, most=10) == []
    rebuild.rebuild(engine, "island", silent)
    assert positions(engine) == before
    assert audit.differences(database_url, 1, most=10) == []


@pytest.fixture
def client(engine: sa.Engine, pack: Path, folder: Path, database_url: str, redis_url: str) -> Iterator[Client]:
    """An officer of the island, whose model was taught on all but the last two months."""
    backtest.train(pack, None, f"{monthly.first_day(LAST - 2):%Y-%m}", False, None, silent)
    load(engine, pack)
    with db.transaction(engine) as conn:
        user = conn.scalar(
            sa.text(
                "with u as (insert into app_user (email, name, password_hash)"
                " values ('officer@example.org', :name, 'none') returning id)"
                " insert into user_grant (user_id, programme_id, role)"
                " select u.id, p.id, 'national' from u, programme p returning user_id"
            ),
            {"name": BOX.seal(b"An officer")},
        )
    settings = Settings(database_url=database_url, redis_url=redis_url, secret_key=KEY)  # type: ignore[arg-type]
    app = create_app(settings)
    browser = Client(app)
    browser.set_cookie(sessions.COOKIE, sessions.Sessions(engine, BOX, demo=False).open(user))
    yield browser
    app.close()


def test_the_page_and_the_api_say_whose_the_predictions_were(engine: sa.Engine, client: Client) -> None:
    page = client.get("/island/calibration").text
    found = client.get("/api/v1/island/calibration").json
    assert found is not None
    assert 0 < found["learned"]["count"] == found["counted_alone"]["count"] < found["all"]["count"]
    assert found["learned"]["brier"] != found["counted_alone"]["brier"]
    said = (
        f"{found['learned']['count']:,} predictions were made by the learned model, which had seen no later month then"
    )
    assert said in page
    assert "The same places by the count model alone" in page


def test_the_api_gives_the_shift_and_both_chances_of_the_last_month(engine: sa.Engine, client: Client) -> None:
    code, by = next((p.code, p.learned_shift) for p in positions(engine) if p.learned_shift is not None)
    answer = client.get(f"/api/v1/island/facilities/{code}").json
    assert answer is not None
    position = next(p for p in answer["positions"] if p["learned_shift"] is not None)
    assert position["learned_shift"] == pytest.approx(by)
    month = next(m for m in position["months"] if date.fromisoformat(m["month"]) == monthly.first_day(LAST))
    assert by == pytest.approx(shift.between(month["within_30"], month["counted_30"]), abs=1e-6)
