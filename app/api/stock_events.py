"""POST /api/v1/stock-events: what happened to stock, one event or many, recorded once."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Annotated, Any

import sqlalchemy as sa
from flask import Blueprint, Response, jsonify, request
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictInt,
    ValidationError,
)

from app import services
from app.errors import InvalidBody, NotAllowed
from data import errors
from data.record import ledger, submission
from data.types import Kind, Recorded, StockEvent

blueprint = Blueprint("stock_events", __name__)

#: How many events one request may carry.
MOST = 10_000


def _printable(text: str) -> str:
    if any((c < " " and c not in "\t\n\r") or "\ud800" <= c <= "\udfff" for c in text):
        raise ValueError("it holds a character that cannot be printed")
    return text


def _trimmed(text: str) -> str:
    if text != text.strip():
        raise ValueError("it begins or ends with blanks; take them off")
    return text


def _written(moment: object) -> object:
    # A number, also one in quotes, would be taken for seconds since 1970.
    if not isinstance(moment, str) or moment[4:5] != "-":
        raise ValueError("it is not ISO 8601 with its offset, such as 2026-03-04T09:30:00+01:00")
    return moment


Words = Annotated[str, AfterValidator(_printable)]
#: Blanks around a word would make it another one, unseen: "B1 " would be a second lot beside "B1".
Trimmed = Annotated[Words, AfterValidator(_trimmed)]
Text = Annotated[Trimmed, Field(min_length=1, max_length=200)]


class Event(BaseModel):
    """One event as it is sent. Give `doses` or `vials`, never both."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    facility: Text
    product: Text
    kind: Kind
    doses: StrictInt | None = None
    vials: StrictInt | None = None
    occurred_at: Annotated[AwareDatetime, BeforeValidator(_written)]
    source: Text
    source_id: Text
    lot: Annotated[Trimmed, Field(min_length=1, max_length=20)] | None = None
    expiry: date | None = None
    reason: Text | None = None
    document: Text | None = None
    note: Annotated[Words, Field(max_length=1000)] | None = None


@blueprint.post("/api/v1/stock-events")
def post() -> tuple[Response, int]:
    """Record events; 201 when something new was recorded, 200 when all of it was known."""
    try:
        body = request.get_json(silent=True)
    except RecursionError:  # brackets within brackets, a hundred thousand deep
        body = None
    if not isinstance(body, dict):
        raise InvalidBody(
            remedy="Send a JSON object with Content-Type: application/json.", reason="it is not a JSON object"
        )
    code = body.pop("programme", None)
    many = "events" in body
    sent = body["events"] if many else [body]
    if not isinstance(sent, list) or not 1 <= len(sent) <= MOST or (many and len(body) > 1):
        raise InvalidBody("events", f"Send a list of 1 to {MOST:,} events.", reason="events is not such a list")
    parsed = [_parse(event, index) for index, event in enumerate(sent)]
    with services.transaction() as conn:
        programme = services.programme(conn, _programme(code))
        events = _in_doses(conn, programme.id, parsed)
        _check_rights(conn, programme.id, events)
        recorded = ledger.record(conn, programme.id, events, actor_id=services.principal().user_id)
    answers = [_answer(r) for r in recorded]
    status = 200 if all(r.repeated for r in recorded) else 201
    return jsonify({"events": answers} if many else answers[0]), status


def _programme(code: object) -> str:
    """The programme named, or the only one that the sender has."""
    if isinstance(code, str):
        return code
    mine = services.principal().programmes
    if code is not None or len(mine) != 1:
        raise InvalidBody(
            "programme", f"Send one of: {', '.join(sorted(mine))}.", reason="it does not name a programme"
        )
    return next(iter(mine))


def _parse(event: object, index: int) -> Event:
    try:
        parsed = Event.model_validate(event)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "event"
        raise errors.InvalidEvent(
            field, "See docs/api.md for every field.", reason=_words(first), index=index, problems=len(error.errors())
        ) from error
    if (parsed.doses is None) == (parsed.vials is None):
        raise errors.InvalidEvent(
            "doses", "Send either doses or vials.", reason="the amount has to be given once", index=index
        )
    if parsed.expiry is not None and parsed.lot is None:
        raise errors.InvalidEvent(
            "lot", "Send the lot number from the label.", reason="an expiry date belongs to a lot", index=index
        )
    return parsed


def _words(problem: Any) -> str:
    """What is wrong, in a few words and without the value: it may be anything."""
    known = {"missing": "it is missing", "extra_forbidden": "there is no such field"}
    return known.get(problem["type"], str(problem["msg"]).removeprefix("Value error, ")[:200])


def _in_doses(conn: sa.Connection, programme_id: int, parsed: Iterable[Event]) -> list[StockEvent]:
    """Events in doses: a vial is as many doses as its product says."""
    parsed = list(parsed)
    in_vials = [e.product for e in parsed if e.vials is not None]
    products = submission.products(conn, programme_id, in_vials) if in_vials else {}
    per_vial = {code: p.doses_per_vial for code, p in products.items()}
    events = []
    for e in parsed:
        fields = e.model_dump(exclude={"doses", "vials"})
        doses = e.doses if e.doses is not None else (e.vials or 0) * per_vial.get(e.product, 1)
        events.append(StockEvent(doses=doses, **fields))
    return events


def _check_rights(conn: sa.Connection, programme_id: int, events: list[StockEvent]) -> None:
    who = services.principal()
    found = submission.facilities(conn, programme_id, [e.facility for e in events])
    for index, event in enumerate(events):
        facility = found.get(event.facility)
        if facility and not who.may("record", programme_id, facility.id, facility.lineage):
            raise NotAllowed(
                "facility",
                f"You may not record stock at {facility.name}. Ask its officer, or sign in with a role that may.",
                index=index,
            )


def _answer(recorded: Recorded) -> dict[str, object]:
    return {
        "event_ids": list(recorded.event_ids),
        "lots": [{"lot": lot, "doses": doses} for lot, doses in recorded.lots],
        "balance": recorded.balance,
        "repeated": recorded.repeated,
    }
