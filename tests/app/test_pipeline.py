"""From an event to what is on screen: states, roll-ups, alerts and pushes agree, whatever happens in between."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import small
import sqlalchemy as sa
import watching

from app import pipeline, push
from app.local import children
from data import db, errors, programmes
from data.record import audit, ledger, outbox
from data.types import Kind, State, StockEvent
from geo import cache, reach, registry, values
from geo.cache import Down, Link

_numbers = iter(range(10_000_000))


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    engine = db.engine(database_url)
    with db.transaction(engine) as conn:
        small.build(conn)
    refresh(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def link(redis_url: str) -> Link:
    return cache.connect(redis_url, "test")


def refresh(engine: sa.Engine, now: datetime | None = None) -> None:
    now = now or datetime.now(UTC)
    with db.transaction(engine) as conn:
        programme = programmes.find(conn, "small")
        pipeline.refresh(conn, programme, programme.day(now), now, "a new day")


def event(kind: Kind, doses: int, facility: str = "F-W1", product: str = "BCG", **more: Any) -> StockEvent:
    at = datetime.now(UTC) - more.pop("ago", timedelta())
    return StockEvent(facility, product, kind, doses, at, "test", str(next(_numbers)), **({"opened_vial": True} | more))


def record(engine: sa.Engine, *events: StockEvent) -> None:
    with db.transaction(engine) as conn:
        ledger.record(conn, programmes.find(conn, "small").id, events)


def nobody(event: str, payload: dict[str, Any], room: str) -> int:
    return 0


def pushes(engine: sa.Engine, name: str) -> list[dict[str, Any]]:
    with db.transaction(engine) as conn:
        rows = conn.execute(sa.text("select payload from push where event = :name order by seq"), {"name": name})
        return list(rows.scalars())


def one(engine: sa.Engine, statement: str, **values: object) -> Any:
    with db.transaction(engine) as conn:
        return conn.execute(sa.text(statement), values).scalar_one()


def anything(chance: random.Random) -> StockEvent:
    """Something that may happen somewhere, now and then with a lot, sometimes late."""
    kind = chance.choice([Kind.RECEIPT, Kind.ISSUE, Kind.ADMINISTERED, Kind.LOSS, Kind.COUNT, Kind.ADJUSTMENT])
    doses = chance.choice([1, 5, 10, 20, 60, 400])
    more: dict[str, Any] = {"ago": timedelta(minutes=chance.choice([0, 0, 0, 90, 60 * 24 * 40]))}
    if kind is Kind.LOSS:
        more["reason"] = chance.choice(["expired", "broken"])
    if kind is Kind.ADJUSTMENT:
        more["reason"], doses = "found", chance.choice([-5, 7])
    if kind is Kind.COUNT:
        doses = chance.choice([0, doses])
    if kind is Kind.RECEIPT and chance.random() < 0.5:
        more["lot"] = chance.choice("AB")
        more["expiry"] = datetime.now(UTC).date() + timedelta(days=400 if more["lot"] == "A" else 5)
    return event(kind, doses, chance.choice(["F-E1", "F-W1", "F-W2a", "F-W2b"]), chance.choice(["BCG", "MR"]), **more)


@pytest.mark.parametrize(
    ("seed", "quiet", "most_told"),
    [
        (1, pipeline.QUIET, pipeline.MOST_TOLD),
        (2, pipeline.QUIET, pipeline.MOST_TOLD),
        # As in batches of thousands: only what looks different is told, or that everything is to be read again.
        (3, 0, pipeline.MOST_TOLD),
        (4, 1, 12),
    ],
)
def test_a_screen_that_only_heard_pushes_shows_what_a_fresh_one_shows(
    engine: sa.Engine, link: Link, monkeypatch: pytest.MonkeyPatch, seed: int, quiet: int, most_told: int
) -> None:
    monkeypatch.setattr(pipeline, "QUIET", quiet)
    monkeypatch.setattr(pipeline, "MOST_TOLD", most_told)
    chance = random.Random(seed)
    always, sometimes = watching.Browser(engine), watching.Browser(engine)
    with db.transaction(engine) as conn:
        found = registry.registries(conn)["small"]
    cached = values.Values(engine, link)

    def tell(event: str, payload: dict[str, Any], room: str) -> int:
        assert room == "programme:small"
        always.hear(event, payload, room)
        return sometimes.hear(event, payload, room) if chance.random() < 0.7 else 1

    for turn in range(25):
        for _ in range(chance.randint(1, 6)):
            try:
                record(engine, *[anything(chance) for _ in range(chance.choice([1, 1, 4]))])
            except errors.Overdraw:
                continue
        if turn == 15:
            refresh(engine)
        told = pipeline.advance(engine)
        if chance.random() < 0.7 and not (chance.random() < 0.7 and pipeline.publish_told(link, tell, told)):
            pipeline.publish(engine, link, tell)
        if chance.random() < 0.1:
            link.client.flushdb()
        if chance.random() < 0.5:
            cached.areas(found, 0)
    pipeline.publish(engine, link, tell)
    sometimes.catch_up()

    fresh = watching.Browser(engine)
    assert fresh.seq > 25
    assert always.shown() == fresh.shown()
    assert sometimes.shown() == fresh.shown()
    for seat in watching.SEATS:
        cells = bytes(fresh.cells["areas", seat])
        assert cached.areas(found, seat).body == b"".join(cells[i::4] for i in (1, 2, 3))
    assert watching.wrong(engine) == []
    assert len(set(bytes(fresh.cells["facilities", 1])[::2])) > 1, "every facility is in the same state"


def test_a_change_that_committed_late_is_not_skipped(engine: sa.Engine) -> None:
    with db.transaction(engine) as slow:
        programme_id = programmes.find(slow, "small").id
        ledger.record(slow, programme_id, [event(Kind.RECEIPT, 100, "F-W1")])
        record(engine, event(Kind.RECEIPT, 200, "F-E1"))
        assert pipeline.advance(engine).changes == 0
        assert pipeline.waiting(engine)
    assert pipeline.advance(engine).changes == 2
    assert not pipeline.waiting(engine)
    assert {line["facility"] for p in pushes(engine, "stock:update") for line in p["lines"]} == {"F-W1", "F-E1"}


def test_a_reader_among_many_writers_reads_every_change_once(engine: sa.Engine) -> None:
    writers, rounds = 4, 15
    done = threading.Event()

    def write(number: int) -> None:
        chance = random.Random(number)
        facility = ["F-E1", "F-W1", "F-W2a", "F-W2b"][number]
        for _ in range(rounds):
            with engine.begin() as conn:
                ledger.record(conn, 1, [event(Kind.RECEIPT, 1, facility, p) for p in ("BCG", "MR")])
                time.sleep(chance.random() / 100)

    read: list[int] = []

    def follow() -> None:
        while True:
            last = done.is_set()
            with db.transaction(engine) as conn:
                changes = outbox.read(conn, "another", 7)
            read.extend(c.seq for c in changes)
            if last and not changes:
                return

    with db.transaction(engine) as conn:
        outbox.add_reader(conn, "another")
        assert programmes.find(conn, "small").id == 1
    reader = threading.Thread(target=follow)
    threads = [threading.Thread(target=write, args=(n,)) for n in range(writers)]
    for thread in [reader, *threads]:
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    reader.join()
    with db.transaction(engine) as conn:
        committed = list(conn.execute(sa.text("select seq from outbox order by seq")).scalars())
    assert len(committed) == writers * rounds * 2
    assert sorted(read) == committed


def test_a_facility_that_runs_out_raises_an_alert_and_a_refill_resolves_it(engine: sa.Engine) -> None:
    record(engine, event(Kind.RECEIPT, 100, ago=timedelta(hours=2)))
    pipeline.advance(engine)
    assert pushes(engine, "alert:new") == []
    record(engine, event(Kind.ADMINISTERED, 100, ago=timedelta(hours=1)))
    pipeline.advance(engine)
    [opened] = pushes(engine, "alert:new")
    assert opened["text"] == "Health post F-W1 (Area W1) is out of BCG."
    record(engine, event(Kind.COUNT, 0))
    pipeline.advance(engine)
    assert len(pushes(engine, "alert:new")) == 1
    record(engine, event(Kind.RECEIPT, 60))
    pipeline.advance(engine)
    [resolved] = pushes(engine, "alert:resolved")
    assert (resolved["id"], resolved["text"]) == (opened["id"], "Health post F-W1 (Area W1) has BCG again.")
    assert one(engine, "select count(*) from alert where resolved_at is null") == 0
    assert watching.wrong(engine) == []


def test_a_place_that_falls_silent_keeps_its_alert_until_stock_comes(engine: sa.Engine) -> None:
    record(engine, event(Kind.RECEIPT, 100, ago=timedelta(days=70)), event(Kind.ISSUE, 100, ago=timedelta(days=60)))
    pipeline.advance(engine, datetime.now(UTC) - timedelta(days=60))
    assert len(pushes(engine, "alert:new")) == 1
    refresh(engine)
    silent = (
        "select state from position join facility f on f.id = facility_id and f.code = 'F-W1'"
        " join product p on p.id = product_id and p.code = 'BCG'"
    )
    assert one(engine, silent) == State.NO_REPORT
    assert one(engine, "select count(*) from alert where resolved_at is null") == 1
    record(engine, event(Kind.COUNT, 0))
    pipeline.advance(engine)
    assert one(engine, silent) == State.STOCKOUT
    assert one(engine, "select count(*) from alert") == 1
    record(engine, event(Kind.RECEIPT, 500))
    pipeline.advance(engine)
    assert len(pushes(engine, "alert:resolved")) == 1


def test_what_could_not_be_sent_is_sent_again(engine: sa.Engine, link: Link) -> None:
    browser = watching.Browser(engine)
    pipeline.publish(engine, link, browser.hear)
    heard: list[tuple[str, int]] = []

    def broken(event: str, payload: dict[str, Any], room: str) -> int:
        if len(heard) == 1:
            raise Down
        heard.append((event, payload["seq"]))
        return browser.hear(event, payload, room)

    record(engine, event(Kind.RECEIPT, 100))
    pipeline.advance(engine)
    with pytest.raises(Down):
        pipeline.publish(engine, link, broken)
    again: list[int] = []

    def whole(event: str, payload: dict[str, Any], room: str) -> int:
        again.append(payload["seq"])
        return browser.hear(event, payload, room)

    pipeline.publish(engine, link, whole)
    assert again == [heard[0][1], heard[0][1] + 1]
    assert browser.shown() == watching.Browser(engine).shown()
    pipeline.publish(engine, link, whole)
    assert len(again) == 2


def test_a_beat_tells_who_missed_a_push(engine: sa.Engine, link: Link) -> None:
    browser = watching.Browser(engine)
    record(engine, event(Kind.RECEIPT, 100))
    pipeline.advance(engine)
    pipeline.publish(engine, link, nobody)
    assert pipeline.beat(engine, nobody) is False
    assert browser.shown() != watching.Browser(engine).shown()
    assert pipeline.beat(engine, browser.hear) is True
    assert browser.shown() == watching.Browser(engine).shown()


def test_who_was_away_gets_what_was_missed_or_reads_everything_again(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        record(engine, event(Kind.RECEIPT, 10))
        pipeline.advance(engine)
    with db.transaction(engine) as conn:
        [head] = push.heads(conn)
        assert head.seq > 5
        whole = reach.everything(head.programme_id)
        some = push.catch_up(conn, head.programme_id, head.seq - 2, whole)
        assert [c["seq"] for c in some["changes"]] == [head.seq - 1, head.seq]
        assert push.catch_up(conn, head.programme_id, head.seq, whole) == {"seq": head.seq, "changes": []}
        reload = {"seq": head.seq, "reload": True}
        assert push.catch_up(conn, head.programme_id, head.seq + 1, whole) == reload
        assert push.catch_up(conn, head.programme_id, -1, whole) == reload
        monkeypatch.setattr(push, "MOST_MISSED", 3)
        assert push.catch_up(conn, head.programme_id, head.seq - 4, whole) == reload
        monkeypatch.undo()
        conn.execute(sa.text("update push set created_at = now() - interval '3 days' where seq <= :s"), {"s": head.seq})
        assert push.sweep(conn) == head.seq - 1
        assert push.catch_up(conn, head.programme_id, head.seq - 2, whole) == reload
        assert push.heads(conn) == [head]


def test_the_ticker_says_what_happened_in_words(engine: sa.Engine) -> None:
    record(
        engine,
        event(Kind.RECEIPT, 1200, ago=timedelta(hours=3)),
        event(Kind.ADJUSTMENT, -1, reason="fell down", ago=timedelta(hours=2)),
        event(Kind.COUNT, 0),
    )
    pipeline.advance(engine)
    [told] = pushes(engine, "stock:update")
    assert [line["text"] for line in told["lines"]] == [
        "Health post F-W1 received 1,200 doses of BCG; 1,200 doses left.",
        "Health post F-W1 corrected BCG by \N{MINUS SIGN}1 dose; 1,199 doses left.",
        "Health post F-W1 counted 0 doses of BCG.",
    ]


def test_a_new_local_day_is_told_once(engine: sa.Engine) -> None:
    told = len(pushes(engine, "map:reload"))
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert pipeline.refresh_due(engine, tomorrow) == ["small"]
    assert pipeline.refresh_due(engine, tomorrow) == []
    assert len(pushes(engine, "map:reload")) == told + 1


def test_a_new_day_leads_to_what_working_everything_out_leads_to(engine: sa.Engine) -> None:
    now = datetime.now(UTC)
    record(
        engine,
        event(Kind.RECEIPT, 100, "F-W1", ago=timedelta(days=40)),
        event(Kind.ADMINISTERED, 90, "F-W1", ago=timedelta(days=35)),
        event(Kind.RECEIPT, 300, "F-W2a", lot="A", expiry=now.date() + timedelta(days=9), ago=timedelta(days=3)),
        event(Kind.RECEIPT, 300, "F-E1", "MR", ago=timedelta(days=20)),
        event(Kind.ADMINISTERED, 299, "F-E1", "MR", ago=timedelta(days=1)),
    )
    pipeline.advance(engine, now)
    seen = set()
    for days in (1, 12, 40, 80):
        assert pipeline.refresh_due(engine, now + timedelta(days=days)) == ["small"]
        assert watching.wrong(engine) == []
        carried = stands(engine)
        refresh(engine, now + timedelta(days=days))
        assert stands(engine) == carried
        seen.add(tuple(state for _, _, state, *_ in carried["positions"]))
    assert len(seen) > 2, "hardly anything changed"


def stands(engine: sa.Engine) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that an assessment leaves behind."""
    columns = "facility_id, product_id, state, usable, amc, probability, cover_p50, next_delivery_on, out_since"
    with db.transaction(engine) as conn:
        return {
            "positions": _rows(conn, f"select {columns} from position order by 1, 2"),  # noqa: S608
            "worst": _rows(conn, "select facility_id, state, probability from facility_status order by 1"),
            "alerts": _rows(conn, "select facility_id, product_id, resolved_at is null from alert order by 1, 2, 3"),
            "months": _rows(conn, "select * from area_month order by 1, 2, 3"),
        }


def _rows(conn: sa.Connection, statement: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in conn.execute(sa.text(statement))]


def test_what_follows_from_an_event_is_what_follows_from_the_day(engine: sa.Engine) -> None:
    chance = random.Random(5)
    for _ in range(30):
        try:
            record(engine, anything(chance))
        except errors.Overdraw:
            continue
    refresh(engine)
    for _ in range(10):
        record(engine, event(Kind.RECEIPT, chance.choice([10, 60, 400]), chance.choice(["F-E1", "F-W1", "F-W2a"])))
    pipeline.advance(engine)
    one_by_one = stands(engine)
    with db.transaction(engine) as conn:
        programme = programmes.find(conn, "small")
        pipeline.new_day(conn, programme, programme.day(datetime.now(UTC)), datetime.now(UTC))
    assert stands(engine) == one_by_one


def test_an_event_of_a_month_that_is_over_changes_the_demand_of_the_next_day(engine: sa.Engine) -> None:
    def amc() -> float | None:
        found = one(
            engine,
            "select amc from position join facility f on f.id = facility_id and f.code = 'F-W1'"
            " join product p on p.id = product_id and p.code = 'BCG'",
        )
        return None if found is None else float(found)

    record(engine, event(Kind.RECEIPT, 100))
    pipeline.advance(engine)
    before, tomorrow = amc(), datetime.now(UTC) + timedelta(hours=25)
    assert not one(engine, "select months_changed from programme")
    record(
        engine,
        event(Kind.RECEIPT, 900, ago=timedelta(days=70)),
        event(Kind.ADMINISTERED, 800, ago=timedelta(days=65)),
    )
    pipeline.advance(engine)
    assert one(engine, "select months_changed from programme")
    assert amc() == before
    pipeline.refresh_due(engine, tomorrow)
    assert amc() != before
    assert not one(engine, "select months_changed from programme")


def test_what_a_batch_stored_is_sent_at_once_unless_something_before_it_was_not(engine: sa.Engine, link: Link) -> None:
    browser = watching.Browser(engine)
    pipeline.publish(engine, link, browser.hear)
    record(engine, event(Kind.RECEIPT, 100))
    assert pipeline.publish_told(link, browser.hear, pipeline.advance(engine))
    assert browser.shown() == watching.Browser(engine).shown()
    refresh(engine)  # as a load does, in another process
    record(engine, event(Kind.RECEIPT, 100))
    before = browser.seq
    assert not pipeline.publish_told(link, browser.hear, pipeline.advance(engine))
    assert browser.seq == before
    pipeline.publish(engine, link, browser.hear)
    assert browser.shown() == watching.Browser(engine).shown()


def test_a_month_is_closed_without_standing_in_the_way_of_who_records_in_it(engine: sa.Engine) -> None:
    """Positions first, then months, for everybody: otherwise this would be a deadlock."""
    record(engine, event(Kind.RECEIPT, 100), event(Kind.RECEIPT, 100, "F-E1"))
    pipeline.advance(engine)
    following = (datetime.now(UTC).replace(day=1) + timedelta(days=40)).replace(day=5)
    closing = threading.Thread(target=refresh, args=(engine, following))
    with db.transaction(engine) as conn:
        # Somebody is about to record at one place, and has not come to its month yet.
        held = {"facility_ids": _ids(conn, "facility", "F-W1"), "product_ids": _ids(conn, "product", "BCG")}
        assert len(conn.execute(ledger.SQL["lock_positions"], held).all()) == 1
        closing.start()
        assert children.wait_until(lambda: _waiting(engine) == 1, 20)
        conn.execute(sa.text("set local lock_timeout = '2s'"))
        place = "facility_id = :facility_id and product_id = :product_id"
        months = sa.text(f"update stock_month set closing = closing where {place}")  # noqa: S608
        asked = {name.removesuffix("s"): values[0] for name, values in held.items()}
        assert conn.execute(months, asked).rowcount == 1
    closing.join(30)
    assert not closing.is_alive()
    with db.transaction(engine) as conn:
        assert conn.scalar(sa.text("select count(*) from stock_month where state is not null")) >= 2


def _ids(conn: sa.Connection, table: str, code: str) -> list[int]:
    statement = f"select id from {table} where code = :code"  # noqa: S608
    return list(conn.execute(sa.text(statement), {"code": code}).scalars())


def _waiting(engine: sa.Engine) -> int:
    """How many wait for a lock of somebody else's."""
    with db.transaction(engine) as conn:
        return int(conn.scalar(sa.text(
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        )) or 0)  # fmt: skip


def test_who_waits_for_a_delivery_is_assessed_when_it_is_sent_and_when_it_arrives(engine: sa.Engine) -> None:
    coming = (
        "select n.coming from position n join facility f on f.id = n.facility_id join product p on p.id = n.product_id"
        " where f.code = 'F-W1' and p.code = 'BCG'"
    )
    record(engine, event(Kind.RECEIPT, 100, facility="F-E1", ago=timedelta(hours=3)))
    record(engine, event(Kind.ISSUE, 40, facility="F-E1", partner="F-W1", document="DN 1", ago=timedelta(hours=2)))
    told = pipeline.advance(engine)
    assert one(engine, coming) == 40
    # Whoever has its panel open reads it again.
    assert {f["facility"] for f in told.facilities["small"]} == {"F-E1", "F-W1"}
    record(engine, event(Kind.RECEIPT, 40, partner="F-E1", document="DN 1", ago=timedelta(hours=1)))
    pipeline.advance(engine)
    assert one(engine, coming) == 0


def test_what_comes_late_counts_the_days_out_of_stock_anew(engine: sa.Engine) -> None:
    """Reports of a month come in the days after it, when its days have been counted."""
    now = datetime.now(UTC)
    with db.transaction(engine) as conn:
        programme = programmes.find(conn, "small")
    this = programme.day(now).replace(day=1)
    last = (this - timedelta(days=1)).replace(day=1)
    before = (last - timedelta(days=1)).replace(day=1)

    def happened(kind: Kind, doses: int, month: date, day: int, **more: Any) -> StockEvent:
        return event(kind, doses, ago=now - programme.midnight(month) - timedelta(days=day - 1, hours=9), **more)

    record(engine, happened(Kind.RECEIPT, 100, before, 3))
    record(engine, happened(Kind.RECEIPT, 60, before, 3, facility="F-E1"))
    record(engine, event(Kind.RECEIPT, 20), event(Kind.RECEIPT, 20, facility="F-E1"))
    while pipeline.advance(engine, now).changes:
        pass
    with db.transaction(engine) as conn:
        conn.execute(sa.text("update programme set assessed_on = :day"), {"day": before})
        reported = (
            "update stock_month m set days_out = 9, days_counted = false from facility f"
            " where f.id = m.facility_id and f.code = 'F-E1' and month = :month"
        )
        conn.execute(sa.text(reported), {"month": before})
    pipeline.refresh_due(engine, now)
    assert _days(engine, "F-W1") == {before: 0, last: 0}
    record(engine, happened(Kind.ADMINISTERED, 100, before, 21), happened(Kind.RECEIPT, 40, last, 6))
    record(engine, happened(Kind.ADMINISTERED, 60, before, 21, facility="F-E1"))
    assert _days(engine, "F-W1") == {before: (last - before).days - 21, last: 5}
    assert _days(engine, "F-E1") == {before: 9, last: (this - last).days}, "what was reported stays"
    with db.transaction(engine) as conn:
        assert [d for d in audit.differences(conn, now=now) if d.check == audit.DAYS] == []
        conn.execute(sa.text("update stock_month set days_out = 4 where days_out = 5"))
        [found] = [d for d in audit.differences(conn, now=now) if d.check == audit.DAYS]
        assert (found.place, found.stands, found.should) == (f"F-W1 / BCG / {last:%Y-%m}", "4", "5")


def _days(engine: sa.Engine, facility: str) -> dict[date, int]:
    with db.transaction(engine) as conn:
        rows = conn.execute(sa.text(
            "select m.month, m.days_out from stock_month m join facility f on f.id = m.facility_id join product p on"
            " p.id = m.product_id where f.code = :facility and p.code = 'BCG' and m.days_out is not null"
        ), {"facility": facility})  # fmt: skip
        return {r.month: r.days_out for r in rows}
