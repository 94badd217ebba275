"""How is a bin card taken away? Its rows and facts as a report; the words of a line are those of the page too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from app.bin_cards import Shown
from app.components import words
from app.reports.report import Cell, Column, Report, Row, file_name
from data import bincard
from data.bincard import Line, Reported
from data.shelf_days import Spell
from data.types import Entry, Kind


def what(line: Line) -> str:
    """What a line is: what happened, what a late entry made of it, or what is taken back."""
    said = _happened(line)
    if line.entry is Entry.REVISION:
        return f"Recalculated after a late entry: {words.inline(said)}"
    if line.entry is Entry.REVERSAL:
        return f"Takes back {line.takes_back or 'an event'}: {words.inline(said)}"
    return f"{said} (taken back later)" if line.taken_back else said


def _happened(line: Line) -> str:
    said = words.opening(words.KIND[line.kind])
    if line.kind is Kind.COUNT and line.counted is not None:
        return f"{said} {words.number(line.counted)}"
    if line.kind is Kind.VVM:
        return f"{said}: stage {line.stage}"
    if line.kind in (Kind.RESERVE, Kind.UNRESERVE):
        return f"{said}: {words.number(abs(line.reserved))} for order {line.order}"
    return f"{said} for order {line.order}" if line.order else said


def out_of_stock(spell: Spell) -> str:
    """A spell in words: `Out of stock for 4 days, 1 November 2026 to 4 November 2026`."""
    when = words.full_day(spell.first)
    if spell.last != spell.first:
        when += f" to {words.full_day(spell.last)}"
    still = ", and not refilled by then" if spell.going_on else ""
    return f"Out of stock for {words.counted(spell.days, 'day')}, {when}{still}"


def reported(months: Sequence[Reported]) -> str:
    """Months whose reported days out of stock are others, in words: `3 days in May 2026, where the lines have none`."""
    said = (
        f"{words.counted(r.days, 'day')} in {words.month(r.month)} (by the lines {words.number(r.by_lines)})"
        for r in months
    )
    return "; ".join(said)


def report(shown: Shown, made_by: str, made_at: datetime, names: Callable[[str | None], str | None]) -> Report:
    """The report of a card; `made_at` is aware, `names` is what those who recorded are called in it."""
    asked, programme = shown.card.asked, shown.programme
    zone = ZoneInfo(programme.timezone)
    unit = words.plural(shown.product.unit, None)
    lot = [asked.lot.replace(bincard.NO_LOT, "no-lot-known")] if asked.lot is not None else []
    return Report(
        title=f"Bin card of {shown.product.name} at {shown.facility.name}",
        mark="Simulated data" if programme.simulated else "",
        facts=_facts(shown, unit, made_by, made_at.astimezone(zone)),
        columns=_columns(unit, zone.key),
        rows=_rows(shown, zone, names),
        made_at=made_at,
        file_name=file_name(
            "bin-card", shown.facility.code, shown.product.code, *lot, asked.first.isoformat(), asked.last.isoformat()
        ),
    )


def _facts(shown: Shown, unit: str, made_by: str, made_at: datetime) -> list[tuple[str, str]]:
    card, asked, programme = shown.card, shown.card.asked, shown.programme
    zone = ZoneInfo(programme.timezone)
    facts = [("Programme", f"{programme.name} ({programme.code})")]
    if programme.simulated:
        facts.append(("Simulated data", programme.notice or "Facilities and stock are simulated."))
    facts += [
        ("Facility", f"{shown.facility.name} ({shown.facility.code})"),
        ("Product", _product(shown)),
        ("Lot", "all" if asked.lot is None else "no lot known" if asked.lot == bincard.NO_LOT else asked.lot),
        ("Period", f"{asked.first.isoformat()} to {asked.last.isoformat()}, local days ({programme.timezone})"),
    ]  # fmt: skip
    if asked.as_of is not None:
        facts.append(("As known at", _moment(asked.as_of, zone)))
    return [
        *facts,
        ("Days out of stock", f"{words.number(card.days_out)} full days without a usable dose in any lot"),
        *([("Reported otherwise", reported(card.reported))] if card.reported else []),
        ("Usable now", words.amount(card.usable, shown.product.unit)),
        ("Reserved for orders now", words.amount(card.reserved, shown.product.unit)),
        ("In transit now", "; ".join(_way(w.document, w.in_transit, w.sender_name, w.receiver_name, unit)
                                     for w in card.in_transit) or "nothing"),
        ("Made by", made_by),
        ("Made at", _moment(made_at, zone)),
    ]  # fmt: skip


def _product(shown: Shown) -> str:
    product = shown.product
    vial = f", {words.counted(product.doses_per_vial, 'dose')} in a vial" if product.unit == "dose" else ""
    return f"{product.name} ({product.code}){vial}"


def _way(document: str, doses: int, sender: str, receiver: str, unit: str) -> str:
    return f"{document}: {words.number(doses)} {unit} from {sender} to {receiver}"


def _moment(value: datetime, zone: ZoneInfo) -> str:
    return f"{value.astimezone(zone):%Y-%m-%d %H:%M} ({zone.key})"


def _columns(unit: str, zone: str) -> list[Column]:
    return [
        Column(f"When ({zone})", 25),
        Column("What", 44),
        Column("Document", 22),
        Column("From or to", 30),
        Column("Lot", 20),
        Column("Expires"),
        Column(f"In ({unit})", 15),
        Column(f"Out ({unit})", 15),
        Column(f"Adjustment ({unit})", 19),
        Column(f"Balance ({unit})", 18),
        Column("Who", 22),
        Column("Reason", 22),
        Column("Note", 25),
        Column("Days out of stock (days)"),
        Column("Order"),
        Column(f"Recorded at ({zone})"),
        Column("Source"),
        Column("Source id"),
        Column("Attachment"),
    ]


def _rows(shown: Shown, zone: ZoneInfo, names: Callable[[str | None], str | None]) -> list[Row]:
    card = shown.card
    nothing: list[Cell] = [None] * 4
    tail: list[Cell] = [None] * 9
    rows = [Row([card.asked.first, "Opening balance", *nothing, None, None, None, card.opening, *tail], "sum")]
    for each in bincard.interleaved(card):
        if isinstance(each, Spell):
            days: list[Cell] = [None, None, None, each.days, None, None, None, None, None]
            rows.append(Row([each.first, out_of_stock(each), *nothing, None, None, None, None, *days], "out"))
        else:
            rows.append(Row(_cells(each, zone, names(each.who))))
    moved: list[Cell] = [card.received, card.issued, card.adjusted, card.closing]
    return [*rows, Row([card.asked.last, "Closing balance", *nothing, *moved, *tail], "sum")]


def _cells(line: Line, zone: ZoneInfo, who: str | None) -> list[Cell]:
    return [
        line.occurred_at.astimezone(zone).replace(tzinfo=None), what(line), line.document, line.partner_name, line.lot,
        line.expiry, line.received, line.issued, line.adjusted, line.balance, who, line.reason, line.note, None,
        line.order, line.recorded_at.astimezone(zone).replace(tzinfo=None), line.source, line.source_id,
        line.attachment_name,
    ]  # fmt: skip
