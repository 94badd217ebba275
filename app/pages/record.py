"""How does recording one event look? What happened, a short form for just that, and what became of it.

For a cheap phone and a slow link: three small pages of the server, no JavaScript, nothing to load again when refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from app.components import words
from app.errors import InvalidBody
from app.pages import plain
from app.pages.plain import Person
from data import errors
from data.programmes import Programme
from data.record.recorded import Became
from data.stock import Facility, LotHeld, Product
from data.types import Kind, Loss

HERE = "Record"
#: Instead of a lot of the list: its number is typed.
OTHER_LOT = "+"


@dataclass(frozen=True, slots=True)
class Form:
    """What is asked of one kind of event: the fields beside amount, time, document, note and paper.

    `lot` is "choose" where the order of issue can do without, "need" where one has to be named, or "arrives".
    """

    title: str
    amount: str = ""
    lot: str = "choose"
    partner: str = ""
    reason: str = ""
    stage: bool = False
    opened: bool = False


FORMS: dict[Kind, Form] = {
    Kind.RECEIPT: Form("Stock received", "How much arrived", "arrives", "From which store (blank: none here)"),
    Kind.ADMINISTERED: Form("Used in a session", "How much was used", opened=True),
    Kind.ISSUE: Form("Issued to a place below", "How much was issued", partner="To which facility", opened=True),
    Kind.LOSS: Form("Lost or discarded", "How much was lost", reason="Why"),
    Kind.RETURN: Form("Returned", "How much was sent back", partner="To which store (blank: not said)"),
    Kind.TRANSFER_OUT: Form("Sent to another facility", "How much was sent", partner="To which facility"),
    Kind.TRANSFER_IN: Form("Received from another facility", "How much arrived", "arrives", "From which facility"),
    Kind.ADJUSTMENT: Form("Correction", "By how much", reason="Why, in a few words"),
    Kind.VVM: Form("Vial monitor read", lot="need", stage=True),
    Kind.QUARANTINE: Form("Set aside: quarantine", lot="need", reason="Why, in a few words"),
    Kind.RELEASE: Form("Release from quarantine", lot="need"),
}  # fmt: skip
#: What brings a lot that may never have been here.
ARRIVES = frozenset(kind for kind, form in FORMS.items() if form.lot == "arrives")
LOSSES = {
    Loss.EXPIRED: "Expired", Loss.HEAT: "Heat", Loss.FROZEN: "Frozen", Loss.VVM: "Vial monitor",
    Loss.BROKEN: "Broken vial", Loss.OPENED: "Opened vial, rest discarded", Loss.MISSING: "Missing",
    Loss.OTHER: "Other",
}  # fmt: skip

#: The field of the form in which an error of the record is mended.
_FIELDS = {
    "doses": "amount", "vials": "amount", "packs": "amount", "opened_vial": "amount", "occurred_at": "at",
    "attachment": "file", "version": "amount",
}  # fmt: skip


def field_of(error: errors.DataError) -> str:
    """The field beside which an error stands."""
    return _FIELDS.get(error.field or "", error.field or "")


def words_of(error: errors.DataError) -> str:
    """What a person reads beside a field: what is wrong with it and what to enter, without the words of the API."""
    if not isinstance(error, errors.InvalidEvent | InvalidBody):
        return error.message
    remedy = "Choose one." if error.field == "reason" and "Send one of" in (error.remedy or "") else error.remedy or ""
    remedy = remedy.partition(", or opened_vial")[0].removesuffix(".") + "." if remedy else ""
    said = words.opening(str(error.details.get("reason", error.message)))
    return f"{said}. {remedy.replace('Send ', 'Enter ', 1)}".strip()


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is recorded: the facility, all it handles, and of one product what lies there."""

    facility: Facility
    handled: Sequence[tuple[str, str]]
    product: Product | None = None
    usable: int = 0
    lots: Sequence[LotHeld] = ()
    vials_per_pack: int | None = None
    below: Sequence[tuple[str, str]] = ()
    above: str = ""


def choose(programme: Programme, person: Person, place: Place, now: datetime) -> str:
    """What happened?"""
    return _page("record_choose.html", programme, person, now, place=place, forms=FORMS)


def form(
    programme: Programme,
    person: Person,
    place: Place,
    kind: Kind,
    typed: Mapping[str, str],
    error: errors.DataError | None,
    now: datetime,
) -> str:
    """The form of one kind; `typed` is what was sent and could not be recorded, or what it begins with."""
    return _page(
        "record.html", programme, person, now, place=place, kind=kind, form=FORMS[kind], typed=typed, losses=LOSSES,
        other_lot=OTHER_LOT, **_refusal(error),
    )  # fmt: skip


def take_back(
    programme: Programme, person: Person, place: Place, of: Became, typed: Mapping[str, str],
    error: errors.DataError | None, now: datetime,
) -> str:  # fmt: skip
    """The form that takes an event back."""
    return _page(
        "record_back.html", programme, person, now, place=place, of=of, typed=typed, forms=FORMS, **_refusal(error),
    )  # fmt: skip


def done(programme: Programme, person: Person, became: Became, now: datetime) -> str:
    """What was recorded: of which lots, and what is left."""
    return _page("record_done.html", programme, person, now, became=became, said=words.KIND[became.kind], forms=FORMS)


def _refusal(error: errors.DataError | None) -> dict[str, str]:
    return {"error": "" if error is None else words_of(error), "wrong": "" if error is None else field_of(error)}


def _page(template: str, programme: Programme, person: Person, now: datetime, **values: object) -> str:
    zone = ZoneInfo(programme.timezone)
    return plain.framed(template, HERE, programme, person, now=now.astimezone(zone), zone=zone, **values)
