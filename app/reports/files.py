"""How is a report written as a table? CSV for anything that reads text, XLSX for who goes on calculating."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime
from typing import Any

import xlsxwriter

from app.reports.report import Cell, Report

#: What a spreadsheet would take for a formula when a text begins with it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_BOM = "\ufeff"
_WIDEST = 60


def as_csv(report: Report) -> bytes:
    """The report as CSV in UTF-8: its facts, an empty line, then the table under one head."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([harmless(report.title)])
    writer.writerows([harmless(name), harmless(value)] for name, value in report.facts)
    writer.writerow([])
    writer.writerow([harmless(column.head) for column in report.columns])
    writer.writerows([_text(cell) for cell in row.cells] for row in report.rows)
    # The mark of the encoding, without which spreadsheets guess another one.
    return (_BOM + text.getvalue()).encode()


def harmless(text: str) -> str:
    """A text that no spreadsheet takes for a formula: one that begins like it gets an apostrophe before it."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _text(cell: Cell) -> str | int | float:
    if isinstance(cell, str):
        return harmless(cell)
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M}"
    if isinstance(cell, date):
        return cell.isoformat()
    return "" if cell is None else cell


def as_xlsx(report: Report) -> bytes:
    """The report as a workbook: text is only ever text, numbers and dates are numbers and dates."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        book.set_properties({"title": report.title, "created": report.made_at.astimezone(UTC).replace(tzinfo=None)})
        styles = _Styles(book)
        sheet = book.add_worksheet(report.sheet)
        sheet.write_string(0, 0, report.title, styles.title)
        for number, (name, value) in enumerate(report.facts, 1):
            sheet.write_string(number, 0, name, styles.head)
            sheet.write_string(number, 1, value)
        head = len(report.facts) + 2
        for place, column in enumerate(report.columns):
            sheet.write_string(head, place, column.head, styles.table_head)
        for number, row in enumerate(report.rows, head + 1):
            for place, cell in enumerate(row.cells):
                _write(sheet, number, place, cell, styles, row.tone)
        last = head + len(report.rows)
        sheet.autofilter(head, 0, last, len(report.columns) - 1)
        sheet.freeze_panes(head + 1, 2)
        for place, width in enumerate(_widths(report)):
            sheet.set_column(place, place, width)
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(head)
        sheet.set_footer(f"&L{report.mark}&CPage &P of &N")
    return out.getvalue()


class _Styles:
    """The formats of a workbook: by what a cell holds and the tone of its row."""

    def __init__(self, book: Any) -> None:
        self.title = book.add_format({"bold": True, "font_size": 14})
        self.head = book.add_format({"bold": True})
        self.table_head = book.add_format({"bold": True, "text_wrap": True, "bottom": 1, "valign": "top"})
        looks: dict[str, dict[str, Any]] = {
            "line": {},
            "sum": {"bold": True, "top": 1},
            "out": {"bg_color": "#F4D9D6", "bold": True},
        }
        numbers = {
            "number": "#,##0",
            "share": "#,##0.0",
            "moment": "yyyy-mm-dd hh:mm",
            "day": "yyyy-mm-dd",
            "text": "@",
        }
        self.of = {
            (tone, kind): book.add_format(look | {"num_format": number})
            for tone, look in looks.items()
            for kind, number in numbers.items()
        }


def _write(sheet: Any, number: int, place: int, cell: Cell, styles: _Styles, tone: str) -> None:
    if cell is None:
        sheet.write_blank(number, place, None, styles.of[tone, "text"])
    elif isinstance(cell, str):
        sheet.write_string(number, place, cell, styles.of[tone, "text"])
    elif isinstance(cell, datetime):
        sheet.write_datetime(number, place, cell, styles.of[tone, "moment"])
    elif isinstance(cell, date):
        sheet.write_datetime(number, place, cell, styles.of[tone, "day"])
    else:
        sheet.write_number(number, place, cell, styles.of[tone, "share" if isinstance(cell, float) else "number"])


def _widths(report: Report) -> list[float]:
    """Wide enough for what a column holds, within reason."""
    longest = [min(len(column.head), 18) for column in report.columns]
    for row in report.rows:
        for place, cell in enumerate(row.cells):
            if row.tone != "out" and cell is not None:
                longest[place] = max(longest[place], len(str(_text(cell))) + 2)
    return [min(width, _WIDEST) for width in longest]
