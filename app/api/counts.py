"""/api/v1/<programme>/counts: stock counts as sessions; opened, filled in lot by lot, submitted, approved."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from flask import Blueprint, Response, jsonify, request
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StrictInt, ValidationError

from app import counting, services
from app.api.bodies import Text, Trimmed, Words, json_object, words_of, written
from app.auth import naming, rights
from app.auth.naming import Names
from app.errors import InvalidBody
from data.record import counts, submission
from data.record.counting import Found
from data.record.counts import Count, CountLine, InvalidCount, Tally

blueprint = Blueprint("counts", __name__, url_prefix="/api/v1/<programme>/counts")

#: How many counts a list has at most, and how many lines a request.
MOST, MOST_LINES = 200, 2_000

_STATUSES = ("open", "submitted", "posted", "cancelled")


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Opening(_Closed):
    """What is to be counted; without products, all that the facility handles."""

    facility: Text
    products: Annotated[list[Text], Field(min_length=1, max_length=500)] | None = None


class Line(_Closed):
    """What was found of one lot; the amount is `doses`, or `vials` with loose `doses` beside them, or null."""

    product: Text
    lot: Annotated[Trimmed, Field(min_length=1, max_length=20)] | None = None
    expiry: date | None = None
    doses: StrictInt | None = None
    vials: StrictInt | None = None
    reason: Text | None = None
    note: Annotated[Words, Field(max_length=1000)] | None = None
    version: StrictInt = 0


class Lines(_Closed):
    """Lines to keep; `counted_at` is when a paper sheet was filled in, and holds for what is entered after it."""

    lines: Annotated[list[Line], Field(max_length=MOST_LINES)]
    counted_at: Annotated[AwareDatetime, BeforeValidator(written)] | None = None


class Word(_Closed):
    """Why."""

    reason: Annotated[Words, Field(min_length=1, max_length=1000)]


class Note(_Closed):
    """A word that goes with an approval."""

    note: Annotated[Words, Field(max_length=1000)] | None = None


@blueprint.get("")
@rights.needs("see", rights.Where.PROGRAMME)
def listed(programme: str) -> Response:
    """The counts of a programme, those that wait first; `facility=` and `status=` choose among them."""
    status = request.args.get("status")
    if status is not None and status not in _STATUSES:
        raise InvalidBody("status", f"Send one of: {', '.join(_STATUSES)}.", reason="status is none of ours")
    with services.transaction() as conn:
        found = services.programme(conn, programme)
        facility = request.args.get("facility") or None
        rows = counts.listed(
            conn,
            found.id,
            statuses=None if status is None else [status],
            facility=None if facility is None else services.facility(found, facility),
            most=MOST,
            seen=services.reach(found).facility_ids,
        )
    names = naming.masked()
    return jsonify({"counts": [
        {
            "number": c.number, "status": c.status, "facility": c.facility, "facility_name": c.facility_name,
            "person": names(c.person), "lines": c.lines, "counted": c.counted, "opened_at": _iso(c.opened_at),
            "submitted_at": _iso(c.submitted_at), "posted_at": _iso(c.posted_at), "variance": c.difference,
            "value": _money(c.value), "currency": c.currency, "products_without_price": c.unpriced,
        }
        for c in rows
    ]})  # fmt: skip


@blueprint.post("")
@rights.needs("count", rights.Where.INSIDE)
def open_one(programme: str) -> tuple[Response, int]:
    """Open a count; 201 with it."""
    body = _read(Opening)
    with services.transaction() as conn:
        count = counting.open(conn, services.programme(conn, programme), body.facility, body.products)
    answer = _answer(count)
    answer.headers["Location"] = f"/api/v1/{programme}/counts/{count.number}"
    return answer, 201


@blueprint.get("/<number>")
@rights.needs("see", rights.Where.INSIDE)
def read(programme: str, number: str) -> Response:
    """A count with its lines; its ETag says what was seen."""
    with services.transaction() as conn:
        return _answer(counting.read(conn, services.programme(conn, programme), number))


@blueprint.put("/<number>/lines")
@rights.needs("count", rights.Where.INSIDE)
def save(programme: str, number: str) -> Response:
    """Keep what was found of some lots, all of them or none."""
    body = _read(Lines)
    with services.transaction() as conn:
        found = services.programme(conn, programme)
        vial = {
            p.code: p.doses_per_vial
            for p in submission.products(conn, found.id, [x.product for x in body.lines]).values()
        }
        if "counted_at" in body.model_fields_set:
            counting.set_time(conn, found, number, body.counted_at)
        lines = [_found(line, vial.get(line.product, 1)) for line in body.lines]
        return _answer(counting.save(conn, found, number, lines))


@blueprint.post("/<number>/submit")
@rights.needs("count", rights.Where.INSIDE)
def submit(programme: str, number: str) -> Response:
    """Say that it is complete; send If-Match where the record has moved and you have seen it."""
    with services.transaction() as conn:
        return _answer(counting.submit(conn, services.programme(conn, programme), number, _seen()))


@blueprint.post("/<number>/approve")
@rights.needs("approve", rights.Where.INSIDE)
def approve(programme: str, number: str) -> Response:
    """Agree as another person, and post it."""
    note = _read(Note).note if request.content_length else None
    with services.transaction() as conn:
        return _answer(counting.approve(conn, services.programme(conn, programme), number, note, _seen()))


@blueprint.post("/<number>/refuse")
@rights.needs("approve", rights.Where.INSIDE)
def refuse(programme: str, number: str) -> Response:
    """Send it back, with a word, to be counted again."""
    reason = _read(Word).reason
    with services.transaction() as conn:
        return _answer(counting.refuse(conn, services.programme(conn, programme), number, reason))


@blueprint.post("/<number>/cancel")
@rights.needs("count", rights.Where.INSIDE)
def cancel(programme: str, number: str) -> Response:
    """Give it up."""
    reason = _read(Word).reason
    with services.transaction() as conn:
        return _answer(counting.cancel(conn, services.programme(conn, programme), number, reason))


_Body = TypeVar("_Body", bound=BaseModel)


def _read(kind: type[_Body]) -> _Body:
    body = json_object()
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "count"
        raise InvalidCount(name, "See docs/api.md for every field.", reason=words_of(first)) from error


def _found(line: Line, doses_per_vial: int) -> Found:
    amount = None
    if line.vials is not None or line.doses is not None:
        if min(line.vials or 0, line.doses or 0) < 0:
            raise InvalidCount("doses", "Send 0 or more.", reason="an amount is below 0")
        amount = (line.vials or 0) * doses_per_vial + (line.doses or 0)
    return Found(line.product, amount, line.lot, line.expiry, line.reason, line.note, line.version)


def _seen() -> str | None:
    etag = request.headers.get("If-Match")
    return None if etag is None else etag.strip().removeprefix("W/").strip('"')


def _answer(count: Count) -> Response:
    waiting, names = count.status == "submitted", naming.masked()
    response = jsonify({
        "number": count.number, "status": count.status, "facility": count.facility,
        "facility_name": count.facility_name, "opened_at": _iso(count.opened_at), "opened_by": names(count.opener),
        "counted_at": _iso(count.counted_at), "submitted_at": _iso(count.submitted_at),
        "submitted_by": names(count.submitter), "approval_needed": count.approval if waiting else [],
        "approved_at": _iso(count.approved_at), "approved_by": names(count.approver),
        "approval_note": count.approval_note,
        "refused_at": _iso(count.refused_at), "refused_by": names(count.refuser), "refusal": count.refusal,
        "posted_at": _iso(count.posted_at), "cancelled_at": _iso(count.cancelled_at),
        "cancelled_by": names(count.canceller), "cancel_reason": count.cancel_reason,
        "moved_since_opening": list(count.changed), "variance": count.variance, "value": _money(count.value),
        "currency": count.currency, "without_price": count.unpriced,
        "products": [_product(tally, names) for tally in count.tallies],
    })  # fmt: skip
    response.set_etag(count.etag)
    return response


def _product(tally: Tally, names: Names) -> dict[str, Any]:
    said: dict[str, Any] = {"product": tally.product, "name": tally.name, "doses_per_vial": tally.doses_per_vial}
    if tally.done:
        said |= {"counted": tally.counted, "on_record": tally.on_record, "variance": tally.variance,
                 "value": _money(tally.value)}  # fmt: skip
    return said | {"lines": [_line(line, names) for line in tally.lines]}


def _line(line: CountLine, names: Names) -> dict[str, Any]:
    """A line; what is on record is said once a number was entered, not before."""
    said: dict[str, Any] = {"lot": line.lot, "expiry": _iso(line.expiry), "found": line.found, "version": line.version,
                            "counted": line.counted}  # fmt: skip
    if line.counted is None:
        return said
    return said | {
        "on_record": line.on_record, "on_record_when_counted": line.expected, "variance": line.variance,
        "value": _money(line.value), "counted_at": _iso(line.counted_at), "counted_by": names(line.counter),
        "reason": line.reason, "note": line.note,
    }  # fmt: skip


def _money(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:.2f}"


def _iso(value: date | datetime | None) -> str | None:
    return None if value is None else value.isoformat()
