"""May this person judge a doubted value? The right of the API and of the page alike."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from app.auth.principal import Principal
from app.errors import NotAllowed
from data import doubts
from data.programmes import Programme

#: A note is as long as that of an event.
MOST_WORDS = 1_000


def judge(
    conn: sa.Connection, programme: Programme, who: Principal, number: int, verdict: str, note: str | None,
    now: datetime,
) -> None:  # fmt: skip
    """Keep what a person says of a flag; who may record at its facility may judge it. Raises `NotAllowed`."""
    place = doubts.place(conn, programme.id, number)
    if not who.may("record", programme.id, place.facility_id, place.lineage):
        remedy = f"You may not judge what {place.name} reported. Ask its officer, or sign in with a role that may."
        raise NotAllowed("flag", remedy)
    doubts.judge(conn, programme.id, number, verdict, note, who.user_id, now)
