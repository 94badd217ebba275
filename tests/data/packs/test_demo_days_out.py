"""The demo country's days out of stock are one number: what its reports say, and what every bin card counts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby

import pytest
import sqlalchemy as sa

from data import bincard, db, programmes, stock
from data.packs import demo, load

NOW = datetime.now(UTC)
MONTHS = sa.text(
    "select facility_id, product_id, month, days_out from stock_month where days_out is not null order by 1, 2, 3"
)


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    engine = db.engine(database_url)
    country = demo.build(today=NOW.date(), facilities=60, states=("Ekiti", "Kano"))
    load.load(engine, country, digest="days")
    yield engine
    engine.dispose()


def test_every_month_of_every_position_is_out_on_the_days_that_its_bin_card_marks(engine: sa.Engine) -> None:
    different, out = [], 0
    with db.transaction(engine) as conn:
        programme = programmes.find(conn, demo.CODE)
        products = {p.product_id: p for p in stock.products(conn, programme.id)}
        for (facility, product), of in groupby(conn.execute(MONTHS).all(), key=lambda r: r[:2]):
            months = {r.month: r.days_out for r in of}
            asked = bincard.Asked(min(months), programme.day(NOW))
            card = bincard.read(conn, programme, facility, products[product], asked, NOW)
            assert card.reported == []
            for month, days in months.items():
                last = (month + timedelta(days=31)).replace(day=1) - timedelta(days=1)
                marked = sum(max((min(s.last, last) - max(s.first, month)).days + 1, 0) for s in card.spells)
                out += days > 0
                if marked != days:
                    different.append((facility, products[product].code, month, days, marked))
    assert different == []
    assert out > 300, "there is something to compare"
