"""Which stock can a test move? Places that have enough of a vaccine, and events sent through the API."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

from data.types import Kind
from tests.product import Product

_numbers = itertools.count(1)
_run = f"{datetime.now(UTC):%Y%m%dT%H%M%S}"

#: Health facilities with enough of a vaccine, which weigh enough in an area that is not at its worst: what happens to
#: one of them is seen in its area's colour. One in each area.
_STOCKED = """
select distinct on (a.code) f.code, f.name, f.ordinal, ST_X(f.point) as lon, ST_Y(f.point) as lat,
    a.code as area, a.name as area_name, a.seat, pr.code as product, pr.name as product_name, pr.seat as product_seat,
    pr.doses_per_vial, x.usable
from position x
join facility f on f.id = x.facility_id
join programme p on p.id = f.programme_id
join product pr on pr.id = x.product_id
join area a on a.id = f.area_id
join area_status s on s.area_id = a.id and s.product_seat = pr.seat
where p.code = :code and a.level = 2 and x.state = 6 and x.usable > 0 and x.amc > 0 and f.point is not null
    and s.risk_share between 0 and 40 and f.catchment * 100.0 / nullif(s.children, 0) between 15 and 100
order by a.code, f.code, pr.seat
"""


def stocked(country: Any, which: int) -> Any:
    """One of the places whose stock may be moved, as things are now: look all of a test's up before moving any."""
    return country.rows(_STOCKED)[which]


def post(product: Product, place: Any, kind: Kind, doses: int) -> dict[str, Any]:
    """Record one event at a place, now, as any system would."""
    return product.ask(
        "/api/v1/stock-events",
        {
            "programme": "nigeria-demo",
            "facility": place.code,
            "product": place.product,
            "kind": kind,
            "doses": doses,
            "opened_vial": True,
            "occurred_at": datetime.now(UTC).isoformat(),
            "source": "browser-tests",
            "source_id": f"{_run}-{next(_numbers)}",
        },
    )


def use_up(product: Product, place: Any) -> None:
    """Give the last dose."""
    post(product, place, Kind.ADMINISTERED, place.usable)


def refill(product: Product, place: Any) -> None:
    """Bring so much, in whole vials, that it lasts beyond the delivery after the next."""
    post(product, place, Kind.RECEIPT, -(-3 * place.usable // place.doses_per_vial) * place.doses_per_vial)
