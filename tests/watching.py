"""What somebody with an open map has on screen: loaded once, then changed only by what is pushed."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from app import push
from data import db, programmes
from data.record import audit
from geo import aggregates, reach, registry, values

SEATS = (0, 1, 2)
_NUMBERS = sa.text(
    "select a.seat, s.product_seat,"
    " s.no_report + s.inactive + s.stockout + s.critical + s.low + s.overstock + s.adequate as handling,"
    " s.inactive + s.stockout + s.critical + s.low + s.overstock + s.adequate as reporting,"
    " s.stockout, s.stockout + s.critical as at_risk"
    " from area_status s join area a on a.id = s.area_id join programme p on p.id = a.programme_id"
    " where p.code = :code"
)


class Browser:
    """An open map: the cells of every vector, the numbers of every area, and the last push that it has."""

    def __init__(self, engine: sa.Engine, code: str = "small") -> None:
        self._engine = engine
        self._code = code
        self.reloads = 0
        self.load()

    def load(self) -> None:
        """Read everything from PostgreSQL, in one snapshot."""
        with self._engine.connect().execution_options(isolation_level="REPEATABLE READ") as conn, conn.begin():
            found = registry.registries(conn)[self._code]
            facilities = sum(n for _, n in found.partitions.values())
            sizes = {"areas": found.areas, "facilities": facilities}
            loaded = {
                (kind, seat): values.load(conn, found, kind, seat, 0, n) for kind, n in sizes.items() for seat in SEATS
            }
            self.cells = {key: bytearray(vector.cells) for key, vector in loaded.items()}
            [self.seq] = {vector.seq for vector in loaded.values()}
            self.numbers = {(r[0], r[1]): tuple(r[2:]) for r in conn.execute(_NUMBERS, {"code": self._code})}

    def hear(self, event: str, payload: dict[str, Any], room: str) -> int:
        """Apply a push as the page does: only the next one; after a gap ask for what was missed."""
        if "seq" not in payload:
            return 1
        if payload["seq"] > self.seq + 1 or (event == "seq" and payload["seq"] > self.seq):
            self.catch_up()
        elif payload["seq"] == self.seq + 1 and event != "seq":
            self._apply(event, payload)
        return 1

    def catch_up(self) -> None:
        """What the page asks after it was away."""
        with db.transaction(self._engine) as conn:
            programme_id = programmes.find(conn, self._code).id
            answer = push.catch_up(conn, programme_id, self.seq, reach.everything(programme_id))
        if answer.get("reload"):
            self.reloads += 1
            self.load()
            return
        for change in answer["changes"]:
            self._apply(change["event"], change["payload"] | {"seq": change["seq"]})

    def _apply(self, event: str, payload: dict[str, Any]) -> None:
        self.seq = payload["seq"]
        if event == "map:reload":
            self.reloads += 1
            self.load()
        if event != "map:update":
            return
        for ordinal, seat, *cell in payload["facilities"]:
            self.cells["facilities", seat][ordinal * 2 : ordinal * 2 + 2] = bytes(cell)
        for area, seat, risk, out, reporting, *numbers in payload["areas"]:
            self.cells["areas", seat][area * 4 : area * 4 + 4] = bytes((0, risk, out, reporting))
            self.numbers[area, seat] = tuple(numbers)

    def shown(self) -> dict[str, Any]:
        """Everything on screen, to be compared."""
        return {"seq": self.seq, "numbers": self.numbers, **{str(k): bytes(v) for k, v in self.cells.items()}}


def wrong(engine: sa.Engine) -> list[object]:
    """Everything in the database that is not what it is made from; empty when all is well."""
    found: list[object] = []
    with engine.connect() as conn:
        found += audit.differences(conn)
        found += [f"push {r.programme_id} has a gap" for r in conn.execute(_GAPS)]
        before = _rolled_up(conn)
        for programme in programmes.every(conn):
            aggregates.rebuild(conn, programme.id)
        found += [f"area_status {line}" for line in before ^ _rolled_up(conn)]
        conn.rollback()
    return found


_GAPS = sa.text("select programme_id from push group by 1 having count(*) <> max(seq) - min(seq) + 1 or min(seq) <> 1")


def _rolled_up(conn: sa.Connection) -> set[tuple[object, ...]]:
    return {tuple(r) for r in conn.execute(sa.text("select * from area_status"))}
