"""POST /api/v1/stock-events: what happened to stock, one event or many, recorded once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Annotated, NoReturn

from flask import Blueprint, Response, jsonify, request
from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    ValidationError,
)
from pydantic_core import to_json

from app import recorder, services
from app.api.bodies import Text, Trimmed, Words, json_object, words_of, written
from app.auth import rights
from app.errors import InvalidBody
from app.errors import body as body_of
from data import errors
from data.record import rules
from data.record.ledger import Answer
from data.types import Kind, Recorded, StockEvent, Unit

blueprint = Blueprint("stock_events", __name__)

#: How many events one request may carry.
MOST = 10_000


class Event(BaseModel):
    """One event as it is sent. Give the amount once: as `doses`, `vials` or `packs`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    facility: Text
    product: Text
    kind: Kind
    doses: StrictInt | None = None
    vials: StrictInt | None = None
    packs: StrictInt | None = None
    opened_vial: StrictBool = False
    occurred_at: Annotated[AwareDatetime, BeforeValidator(written)] | None = None
    source: Text
    source_id: Text
    lot: Annotated[Trimmed, Field(min_length=1, max_length=20)] | None = None
    expiry: date | None = None
    stage: StrictInt | None = None
    reason: Text | None = None
    document: Text | None = None
    partner: Text | None = None
    order: Text | None = None
    reverses: Text | None = None
    note: Annotated[Words, Field(max_length=1000)] | None = None
    attachment: StrictInt | None = None
    version: StrictInt | None = None


@blueprint.post("/api/v1/stock-events")
@rights.needs("record", rights.Where.INSIDE)
def post() -> tuple[Response, int]:
    """Record events; 201 when something new was recorded, 200 when all of it was known."""
    body = json_object()
    code = _programme(body.pop("programme", None))
    if "events" not in body:
        answer = _record([body | _seen()], code, partial=False)[0]
        response = jsonify(_answer(answer))
        if isinstance(answer, Recorded):
            response.set_etag(str(answer.version))
        return response, 200 if isinstance(answer, Recorded) and answer.repeated else 201
    partial = _partial(body)
    sent = body["events"]
    if not isinstance(sent, list) or not 1 <= len(sent) <= MOST or len(body) > 1:
        raise InvalidBody("events", f"Send a list of 1 to {MOST:,} events.", reason="events is not such a list")
    answers = _record(sent, code, partial=partial)
    recorded = [a for a in answers if isinstance(a, Recorded)]
    said: dict[str, object] = {"events": [_answer(a) for a in answers]}
    if partial:
        said |= {"recorded": len(recorded), "refused": len(answers) - len(recorded)}
    # As much as a list of answers holds, Flask takes longer to write than the ledger to find.
    response = Response(to_json(said), mimetype="application/json")
    return response, 422 if not recorded else 200 if all(a.repeated for a in recorded) else 201


def _seen() -> dict[str, int]:
    """The version of the position that the sender has seen, from If-Match."""
    etag = request.headers.get("If-Match")
    if etag is None:
        return {}
    version = etag.strip().removeprefix("W/").strip('"')
    if not version.isdecimal() or len(version) > 9:
        raise InvalidBody(
            "If-Match", "Send the version of the position, as it was answered.", reason="If-Match is none"
        )
    return {"version": int(version)}


def _partial(body: dict[str, object]) -> bool:
    """Whether the good events are kept although others are refused; in the body or in the address."""
    partial = body.pop("partial", request.args.get("partial", "false") == "true")
    if not isinstance(partial, bool):
        raise InvalidBody("partial", "Send true or false.", reason="partial is neither")
    return partial


def _record(sent: Sequence[object], code: str, *, partial: bool) -> list[Answer]:
    """Record what can be; where not all of it can, raise the first error unless the good ones are to be kept."""
    refused: dict[int, errors.DataError] = {}
    parsed: list[tuple[int, StockEvent]] = []
    for index, event in enumerate(sent):
        try:
            parsed.append((index, _parse(event, index)))
        except errors.DataError as error:
            if not partial:
                raise
            refused[index] = error
    job = recorder.Job(services.principal(), code, [event for _, event in parsed], partial=partial)
    answers: dict[int, Answer] = {**refused}
    for (index, _), answer in zip(parsed, services.services().recorder.record(job), strict=True):
        if isinstance(answer, errors.DataError):
            answer.details["index"] = index
        answers[index] = answer
    return [answers[index] for index in range(len(sent))]


def _programme(code: object) -> str:
    """The programme named, or the only one that the sender has; somebody else's does not exist."""
    mine = services.principal().programmes
    if code is None and len(mine) == 1:
        return next(iter(mine))
    if not isinstance(code, str):
        raise InvalidBody(
            "programme", f"Send one of: {', '.join(sorted(mine))}.", reason="it does not name a programme"
        )
    if code not in mine:
        raise errors.UnknownProgramme(
            "programme", "Start from the map to see yours; systems ask GET /api/v1/programmes.", value=code
        )
    return code


def _parse(event: object, index: int) -> StockEvent:
    def refuse(field: str, reason: str, remedy: str) -> NoReturn:
        raise errors.InvalidEvent(field, remedy, reason=reason, index=index)

    try:
        parsed = Event.model_validate(event)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "event"
        raise errors.InvalidEvent(
            field, "See docs/api.md for every field.", reason=words_of(first), index=index, problems=len(error.errors())
        ) from error
    amounts = {unit: amount for unit, amount in zip(Unit, (parsed.doses, parsed.vials, parsed.packs), strict=True)
               if amount is not None}  # fmt: skip
    if parsed.kind in (*rules.LOT_STATES, Kind.REVERSAL):
        amounts = amounts or {Unit.DOSE: 0}
    if len(amounts) != 1:
        refuse("doses", "the amount has to be given once", "Send doses, vials or packs.")
    if parsed.expiry is not None and parsed.lot is None:
        refuse("lot", "an expiry date belongs to a lot", "Send the lot number from the label.")
    moment = parsed.occurred_at or (datetime.now(UTC) if parsed.kind is Kind.REVERSAL else None)
    if moment is None:
        refuse("occurred_at", "it is missing", "See docs/api.md for every field.")
    [(unit, amount)] = amounts.items()
    fields = vars(parsed) | {"doses": amount, "unit": unit, "occurred_at": moment}
    del fields["vials"], fields["packs"]
    return StockEvent(**fields)


def _answer(answer: Answer) -> dict[str, object]:
    if isinstance(answer, errors.DataError):
        return body_of(answer)
    return {
        "event_ids": list(answer.event_ids),
        "lots": [{"lot": lot, "doses": doses} for lot, doses in answer.lots],
        "balance": answer.balance,
        "version": answer.version,
        "repeated": answer.repeated,
    }
