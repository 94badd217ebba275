"""Value vectors: equal to PostgreSQL at the push they name, whatever happens to Redis meanwhile."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import small
import sqlalchemy as sa
import world

from app.local import servers
from data import db
from geo import aggregates, cache, errors, values
from geo.cache import Link
from geo.registry import Registry
from geo.values import Applied, Values


@dataclass(frozen=True)
class Nation:
    """A committed country with everything around it."""

    engine: sa.Engine
    country: small.Small
    registry: Registry
    link: Link

    def read(self) -> Values:
        """The vectors as another process reads them."""
        return Values(self.engine, self.link)


@pytest.fixture
def nation(database_url: str, redis_url: str) -> Iterator[Nation]:
    engine = db.engine(database_url)
    with db.transaction(engine) as conn:
        country = small.build(conn)
        world.grow(conn, country, 60)
        aggregates.rebuild(conn, country.programme_id)
        conn.execute(sa.text("insert into push values (:id, 1, 'map:reload', '{}')"), {"id": country.programme_id})
        registry = world.registry_of(conn, country)
    yield Nation(engine, country, registry, cache.connect(redis_url, "test"))
    engine.dispose()


def change(conn: sa.Connection, nation: Nation, choose: random.Random) -> dict[str, Any]:
    """Give one position another state and write the push that tells it; returns the push as Redis is told."""
    positions = conn.execute(
        sa.text(
            "select n.facility_id, f.ordinal, n.product_id, d.seat, n.state, w.state as worst from position n"
            " join facility f on f.id = n.facility_id join product d on d.id = n.product_id"
            " join facility_status w on w.facility_id = f.id order by 1, 3"
        )
    ).all()
    it = choose.choice(positions)
    conn.execute(
        sa.text(
            "update position set state = :state, probability = :probability"
            " where facility_id = :facility and product_id = :product"
        ),
        {
            "state": choose.randrange(7), "probability": choose.choice([None, 0.05, 0.3, 0.7, 1.0]),
            "facility": it.facility_id, "product": it.product_id,
        },
    )  # fmt: skip
    world.settle(conn)
    now = conn.execute(
        sa.text(
            "select n.state, floor(round(cast(n.probability * 10 as numeric), 5)) as tenth, w.state as worst,"
            " floor(round(cast(w.probability * 10 as numeric), 5)) as worst_tenth"
            " from position n join facility_status w using (facility_id)"
            " where n.facility_id = :facility and n.product_id = :product"
        ),
        {"facility": it.facility_id, "product": it.product_id},
    ).one()
    lines = aggregates.move(
        conn,
        [
            SimpleNamespace(facility_id=it.facility_id, product_seat=it.seat, old=it.state, new=now.state),
            SimpleNamespace(facility_id=it.facility_id, product_seat=0, old=it.worst, new=now.worst),
        ],
    )

    def tenth(value: Any) -> int:
        return 255 if value is None else min(9, int(value))

    payload = {
        "facilities": [
            [it.ordinal, it.seat, now.state, tenth(now.tenth)],
            [it.ordinal, 0, now.worst, tenth(now.worst_tenth)],
        ],
        "areas": [list(line) for line in lines],
    }
    push(conn, nation, "map:update", payload)
    return payload


def push(conn: sa.Connection, nation: Nation, event: str, payload: dict[str, Any]) -> int:
    return int(
        conn.execute(
            sa.text(
                "insert into push (programme_id, seq, event, payload)"
                " select :id, max(seq) + 1, :event, cast(:payload as jsonb) from push where programme_id = :id"
                " returning seq"
            ),
            {"id": nation.country.programme_id, "event": event, "payload": json.dumps(payload)},
        ).scalar_one()
    )


def truth(conn: sa.Connection, nation: Nation) -> dict[tuple[str, int, int], bytes]:
    """Every vector as plain queries say it, row by row, by (kind, partition seat, product seat)."""
    found: dict[tuple[str, int, int], bytes] = {}
    products = {0: None} | {
        row.seat: row.id for row in conn.execute(sa.text("select id, seat from product order by seat"))
    }
    facilities = conn.execute(
        sa.text(
            "select f.id, f.ordinal, a.seat, w.state, w.probability from facility f"
            " join area a on a.id = f.partition_id left join facility_status w on w.facility_id = f.id"
            " order by f.ordinal"
        )
    ).all()
    held = {
        (row.facility_id, row.product_id): row
        for row in conn.execute(sa.text("select facility_id, product_id, state, probability from position"))
    }

    def tenth(probability: float | None) -> int:
        return 255 if probability is None else min(9, int(round(probability * 10, 5)))

    for seat, product in products.items():
        shares = conn.execute(
            sa.text(
                "select s.risk_share, s.out_share, s.reporting_share from area a left join area_status s"
                " on s.area_id = a.id and s.product_seat = :seat order by a.seat"
            ),
            {"seat": seat},
        ).all()
        found["areas", 0, seat] = bytes(255 if row[i] is None else row[i] for i in range(3) for row in shares)
        for partition in nation.registry.partitions:
            of = [f for f in facilities if f.seat == partition]
            if product is None:
                cells = [(f.state or 0, tenth(f.probability)) for f in of]
            else:
                rows = [(f, held.get((f.id, product))) for f in of]
                cells = [
                    (1 if f.state is not None else 0, 255) if row is None else (row.state, tenth(row.probability))
                    for f, row in rows
                ]
            found["facilities", partition, seat] = bytes([c[0] for c in cells] + [c[1] for c in cells])
    return found


def ask(reader: Values, nation: Nation, key: tuple[str, int, int]) -> values.Vector:
    kind, partition, seat = key
    return (
        reader.areas(nation.registry, seat) if kind == "areas" else reader.facilities(nation.registry, partition, seat)
    )


def test_every_vector_says_what_the_tables_say(nation: Nation) -> None:
    with db.transaction(nation.engine) as conn:
        expected = truth(conn, nation)
    for _ in range(2):  # loaded, then from Redis
        for key, body in expected.items():
            found = ask(nation.read(), nation, key)
            assert (found.body, found.seq) == (body, 1), key


def test_pushes_bring_old_vectors_to_what_a_fresh_load_is(nation: Nation) -> None:
    choose = random.Random(1)
    with db.transaction(nation.engine) as conn:
        keys = truth(conn, nation)
    before = {key: ask(nation.read(), nation, key).body for key in keys}
    for seq in range(2, 42):
        with db.transaction(nation.engine) as conn:
            told = change(conn, nation, choose)
        assert values.apply(nation.link, nation.country.programme_id, seq, **told) is Applied.APPLIED
    with db.transaction(nation.engine) as conn:
        expected = truth(conn, nation)
    assert expected != before
    # Redis alone answers: PostgreSQL is out of reach.
    away = Values(db.engine("postgresql://nobody@127.0.0.1:1/none"), nation.link)
    for key, body in expected.items():
        found = ask(away, nation, key)
        assert (found.body, found.seq) == (body, 41), key


def test_a_push_is_applied_once_and_only_in_turn(nation: Nation) -> None:
    reader, programme_id = nation.read(), nation.country.programme_id
    reader.areas(nation.registry, 1)
    assert values.apply(nation.link, programme_id, 2, areas=[(0, 1, 11, 22, 33)]) is Applied.APPLIED
    assert values.apply(nation.link, programme_id, 2, areas=[(0, 1, 99, 99, 99)]) is Applied.OLD
    found = reader.areas(nation.registry, 1)
    n = nation.registry.areas
    assert (found.body[0], found.body[n], found.body[2 * n], found.seq) == (11, 22, 33, 2)
    assert values.apply(nation.link, programme_id, 4, areas=[(0, 1, 99, 99, 99)]) is Applied.GAP
    assert values.followed(nation.link, programme_id) == 4
    # What was there is void: it is read from the tables again, which know nothing of these pushes.
    assert reader.areas(nation.registry, 1).seq == 1


def test_who_knows_a_push_that_redis_does_not_is_answered_from_the_tables(nation: Nation) -> None:
    reader, programme_id = nation.read(), nation.country.programme_id
    old = reader.areas(nation.registry, 0)
    with db.transaction(nation.engine) as conn:
        told = change(conn, nation, random.Random(7))
        expected = truth(conn, nation)
    assert reader.areas(nation.registry, 0) == old
    found = reader.areas(nation.registry, 0, after=2)
    assert (found.body, found.seq) == (expected["areas", 0, 0], 2)
    # The push itself comes late, and changes nothing of it any more.
    assert reader.areas(nation.registry, 0) == found
    assert values.apply(nation.link, programme_id, 2, **told) is Applied.APPLIED
    for key, body in expected.items():
        again = ask(reader, nation, key)
        assert (again.body, again.seq) == (body, 2), key


def test_a_push_that_changes_no_colour_still_counts(nation: Nation) -> None:
    before = nation.read().areas(nation.registry, 0)
    assert values.apply(nation.link, nation.country.programme_id, 2) is Applied.APPLIED
    after = nation.read().areas(nation.registry, 0)
    assert (after.body, after.etag, after.seq) == (before.body, before.etag, 2)


def test_a_reload_voids_everything_loaded_before_it(nation: Nation) -> None:
    before = nation.read().facilities(nation.registry, 1, 1)
    with db.transaction(nation.engine) as conn:
        world.shuffle(conn, nation.country)
        seq = push(conn, nation, "map:reload", {})
        expected = truth(conn, nation)["facilities", 1, 1]
    assert nation.read().facilities(nation.registry, 1, 1).body == before.body
    values.forget(nation.link, nation.country.programme_id, seq)
    after = nation.read().facilities(nation.registry, 1, 1)
    assert (after.body, after.seq) == (expected, seq)
    assert after.etag != before.etag


def test_a_load_that_pushes_overtake_is_brought_forward_and_kept(
    nation: Nation, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose, programme_id = random.Random(2), nation.country.programme_id
    nation.read().areas(nation.registry, 0)
    load, loads = values.load, []

    def overtaken(*asked: Any) -> Any:
        made = load(*asked)
        loads.append(made.seq)
        for seq in range(made.seq + 1, made.seq + 4):
            with db.transaction(nation.engine) as conn:
                told = change(conn, nation, choose)
            values.apply(nation.link, programme_id, seq, **told)
        return made

    monkeypatch.setattr(values, "load", overtaken)
    found = nation.read().facilities(nation.registry, 2, 0)
    with db.transaction(nation.engine) as conn:
        assert (found.body, found.seq) == (truth(conn, nation)["facilities", 2, 0], 4)
    assert nation.read().facilities(nation.registry, 2, 0) == found
    assert loads == [1]


def test_a_vector_of_another_version_of_the_registry_is_not_used(nation: Nation) -> None:
    old = nation.read().facilities(nation.registry, 1, 0)
    with db.transaction(nation.engine) as conn:
        conn.execute(sa.text("update programme set registry_version = 2"))
        newer = world.registry_of(conn, nation.country)
    with pytest.raises(errors.OldVersion):
        nation.read().facilities(nation.registry, 1, 1)
    assert nation.read().facilities(newer, 1, 0).etag != old.etag
    assert nation.read().facilities(newer, 1, 0).body == old.body


@pytest.mark.parametrize("lost", ["state", "vector", "all"])
def test_what_redis_loses_is_loaded_again(nation: Nation, lost: str) -> None:
    choose, programme_id = random.Random(3), nation.country.programme_id
    nation.read().areas(nation.registry, 1)
    with db.transaction(nation.engine) as conn:
        change(conn, nation, choose)
    names = {"state": [values._state_key(nation.link, programme_id)]}
    names["vector"] = [values._vector_key(nation.link, programme_id, "areas", 1)]
    names["all"] = names["state"] + names["vector"]
    nation.link.client.delete(*names[lost])
    with db.transaction(nation.engine) as conn:
        expected = truth(conn, nation)["areas", 0, 1]
    found = nation.read().areas(nation.registry, 1)
    assert (found.body, found.seq) == (expected, 2)


def test_without_redis_the_tables_answer(nation: Nation, tmp_path: Path) -> None:
    server = servers.start_redis(tmp_path, databases=1)
    link = cache.connect(server.url, "test")
    reader = Values(nation.engine, link)
    with db.transaction(nation.engine) as conn:
        expected = truth(conn, nation)
    assert reader.areas(nation.registry, 1).body == expected["areas", 0, 1]
    server.stop()
    for key, body in expected.items():
        assert ask(reader, nation, key).body == body, key
    with pytest.raises(cache.Down):
        values.apply(link, nation.country.programme_id, 2)


def test_seats_that_do_not_exist_are_refused(nation: Nation) -> None:
    reader = nation.read()
    for asked in (
        lambda: reader.areas(nation.registry, 9),
        lambda: reader.facilities(nation.registry, 1, 9),
        lambda: reader.facilities(nation.registry, 3, 0),
    ):
        with pytest.raises(errors.UnknownSeat):
            asked()


def test_a_past_month_is_what_the_months_say(nation: Nation) -> None:
    may, june = date(2016, 5, 1), date(2016, 6, 1)
    with db.transaction(nation.engine) as conn:
        conn.execute(
            sa.text(
                "insert into stock_month (facility_id, product_id, month, state, probability)"
                " select facility_id, product_id, m, (facility_id * 3 + product_id + m - date '2016-01-01') % 7,"
                "        (facility_id % 10) / 10.0"
                " from position, unnest(array[date '2016-05-01', date '2016-06-01']) m where facility_id % 4 > 0"
            )
        )
        aggregates.rebuild_months(conn, nation.country.programme_id)
        rows = conn.execute(
            sa.text(
                "select f.ordinal, m.state, m.probability from facility f join area a on a.id = f.partition_id"
                " left join stock_month m on m.facility_id = f.id and m.month = '2016-05-01'"
                " and m.product_id = :product where a.seat = 2 order by 1"
            ),
            {"product": nation.country.products["MR"]},
        ).all()
    found = nation.read().facilities(nation.registry, 2, 2, may)
    count = len(rows)
    assert found.seq == 1
    for i, row in enumerate(rows):
        if row.state is not None:
            assert (found.body[i], found.body[count + i]) == (row.state, int(round(row.probability * 10, 5)))
    assert nation.read().facilities(nation.registry, 2, 2, june).body != found.body
    # The months know nothing of what is so now.
    with db.transaction(nation.engine) as conn:
        world.shuffle(conn, nation.country)
    assert nation.read().facilities(nation.registry, 2, 2, may) == found


class Storm:
    """A writer, a publisher that stumbles, readers, and somebody who throws keys away, all at once."""

    def __init__(self, nation: Nation) -> None:
        self.nation = nation
        self.programme_id = nation.country.programme_id
        self.seen: list[tuple[tuple[str, int, int], values.Vector]] = []
        self.failures: list[BaseException] = []
        self.done = threading.Event()
        with db.transaction(nation.engine) as conn:
            self.truths = {1: truth(conn, nation)}

    def run(self) -> None:
        """Write to the end while the others do their worst."""
        work: list[tuple[Any, ...]] = [(self.publish,), (self.lose,), (self.look, 7), (self.look, 8), (self.look, 9)]
        threads = [threading.Thread(target=self.guarded, args=args) for args in work]
        for thread in threads:
            thread.start()
        self.guarded(self.write)
        self.done.set()
        for thread in threads:
            thread.join()

    def guarded(self, work: Any, *args: Any) -> None:
        try:
            work(*args)
        except BaseException as error:
            self.failures.append(error)

    def write(self) -> None:
        choose = random.Random(4)
        for seq in range(2, 80):
            with db.transaction(self.nation.engine) as conn:
                if seq % 25 == 0:
                    world.shuffle(conn, self.nation.country)
                    aggregates.rebuild(conn, self.programme_id)
                    push(conn, self.nation, "map:reload", {})
                else:
                    change(conn, self.nation, choose)
                self.truths[seq] = truth(conn, self.nation)

    def publish(self) -> None:
        choose, sent = random.Random(5), 0
        while not (self.done.is_set() and sent == max(self.truths)):
            with db.transaction(self.nation.engine) as conn:
                pushes = conn.execute(
                    sa.text("select seq, event, payload from push where seq > :sent order by seq"), {"sent": sent}
                ).all()
            for each in pushes:
                sent = each.seq
                if choose.random() < 0.1:
                    continue  # never told: the next one shows the gap
                if each.event == "map:reload":
                    values.forget(self.nation.link, self.programme_id, sent)
                else:
                    values.apply(self.nation.link, self.programme_id, sent, **each.payload)

    def lose(self) -> None:
        choose, link = random.Random(6), self.nation.link
        while not self.done.wait(0.03):
            kind, seat = choose.choice(["areas", "facilities"]), choose.randrange(3)
            name = values._vector_key(link, self.programme_id, kind, seat)
            link.client.delete(choose.choice([name, name, values._state_key(link, self.programme_id)]))

    def look(self, seed: int) -> None:
        choose, reader = random.Random(seed), self.nation.read()
        keys = list(self.truths[1])
        while not self.done.is_set():
            key = choose.choice(keys)
            self.seen.append((key, ask(reader, self.nation, key)))


def test_whoever_reads_while_pushes_are_applied_gets_exactly_the_push_it_is_told(nation: Nation) -> None:
    storm = Storm(nation)
    storm.run()
    assert storm.failures == []
    assert len({vector.seq for _, vector in storm.seen}) > 20
    for key, vector in storm.seen:
        assert vector.body == storm.truths[vector.seq][key], (key, vector.seq)
