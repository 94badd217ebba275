"""Who may say why what arrived is not what was sent? Whoever may record at either end."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from app.auth.principal import Principal
from app.errors import InvalidBody, NotAllowed
from data.programmes import Programme
from data.record import shipments

#: As long as any other reason.
LONGEST_REASON = 200


def resolve(
    conn: sa.Connection, programme: Programme, who: Principal, document: str, product: str, reason: str, now: datetime
) -> None:
    """Resolve a shipment. Raises `UnknownShipment`, `NotAllowed`, or `InvalidBody` for a reason that says nothing."""
    reason = reason.strip()
    if not 1 <= len(reason) <= LONGEST_REASON or not reason.isprintable():
        said = f"a reason has 1 to {LONGEST_REASON} characters that can be printed"
        raise InvalidBody("reason", "Say in a few words what happened to the difference.", reason=said)
    ends = shipments.ends(conn, programme.id, document, product)
    if not any(who.may("record", programme.id, facility_id, lineage) for facility_id, lineage in ends):
        raise NotAllowed("document", "You may record stock at neither end. Ask the officer of one of them.")
    shipments.resolve(conn, programme.id, document, product, reason, who.user_id, now)
