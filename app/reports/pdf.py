"""How is a report written on paper? A4 across; on every page its heads, what it is, and whether it is simulated."""

from __future__ import annotations

import functools
import logging
import tempfile
from datetime import date, datetime
from pathlib import Path

import pymupdf_fonts
from fpdf import FPDF

from app.reports.report import Cell, Column, Report, Row

_FONT = "NotoSans"
_SIZE, _LINE = 7.5, 3.9
_MARGIN, _FOOT = 10.0, 14.0


def as_pdf(report: Report) -> bytes:
    """The report as a PDF, with the columns that have a width."""
    paper = _Paper(report)
    paper.add_page()
    paper.facts()
    paper.heads()
    paper.in_table = True
    places = [place for place, column in enumerate(report.columns) if column.width]
    for row in report.rows:
        paper.table_row(row, places)
    return bytes(paper.output())


@functools.cache
def _fonts() -> tempfile.TemporaryDirectory[str]:
    """The fonts as files, which is how the engine reads them; they go when the process does."""
    # It says of each table of a font that it leaves out what it does not know.
    logging.getLogger("fontTools").setLevel(logging.ERROR)
    folder = tempfile.TemporaryDirectory(prefix="vaxtrace-fonts-")
    for name, style in (("notos", ""), ("notosbo", "B")):
        (Path(folder.name) / f"{_FONT}{style}.ttf").write_bytes(pymupdf_fonts.myfont(name))
    return folder


class _Paper(FPDF):
    """A report on its pages; the engine calls `header` and `footer` for each."""

    def __init__(self, report: Report) -> None:
        super().__init__("L", "mm", "A4")
        self._report = report
        #: Whether a new page goes on with the table.
        self.in_table = False
        for style in ("", "B"):
            self.add_font(_FONT, style, Path(_fonts().name) / f"{_FONT}{style}.ttf")
        self.set_title(report.title)
        self.set_creation_date(report.made_at)
        self.set_margins(_MARGIN, _MARGIN)
        self.set_auto_page_break(False)

    def header(self) -> None:
        """The title; and the heads, where the table goes on."""
        self.set_font(_FONT, "B", 13 if not self.in_table else 9)
        said = self._report.title if not self._report.mark else f"{self._report.title} · {self._report.mark}"
        self.multi_cell(0, 6, said, align="L", new_x="LMARGIN", new_y="NEXT")
        if self.in_table:
            self.heads()

    def footer(self) -> None:
        """What it is, and which page of how many."""
        self.set_y(-10)
        self.set_font(_FONT, "", 7)
        facts = dict(self._report.facts)
        said = [self._report.mark, facts.get("Programme"), facts.get("Made by"), facts.get("Made at")]
        self.cell(230, 4, " · ".join(s for s in said if s))
        self.cell(0, 4, f"Page {self.page_no()} of {{nb}}", align="R")

    def facts(self) -> None:
        """Names and values, one line each."""
        for name, value in self._report.facts:
            self.set_font(_FONT, "B", 8)
            self.cell(42, 4.4, name)
            self.set_font(_FONT, "", 8)
            self.multi_cell(0, 4.4, value, align="L", new_x="LMARGIN", new_y="NEXT")
        self.ln(2)

    def heads(self) -> None:
        """The heads of the columns, over a line."""
        self.set_font(_FONT, "B", _SIZE)
        columns = [column for column in self._report.columns if column.width]
        texts = [self._wrapped(column.head, column.width) for column in columns]
        self._cells(columns, texts, ["L"] * len(columns), fill=False)
        self.line_under()

    def line_under(self) -> None:
        """A thin line across the page, where it is now."""
        self.line(_MARGIN, self.get_y(), self.w - _MARGIN, self.get_y())
        self.ln(0.6)

    def table_row(self, row: Row, places: list[int]) -> None:
        """A row; on the next page where there is no room for all of it."""
        self.set_font(_FONT, "" if row.tone == "line" else "B", _SIZE)
        columns = [self._report.columns[place] for place in places]
        cells = [row.cells[place] for place in places]
        if row.tone == "out":
            texts = [[_text(cells[0])], [_text(cells[1])], *([""] for _ in cells[2:])]
        else:
            texts = [self._wrapped(_text(cell), c.width) for cell, c in zip(cells, columns, strict=True)]
        if self.get_y() + max(map(len, texts)) * _LINE > self.h - _FOOT:
            self.add_page()
            self.set_font(_FONT, "" if row.tone == "line" else "B", _SIZE)
        aligned = ["R" if isinstance(cell, int) else "L" for cell in cells]
        self._cells(columns, texts, aligned, fill=row.tone == "out")

    def _cells(self, columns: list[Column], texts: list[list[str]], aligned: list[str], *, fill: bool) -> None:
        height = max(map(len, texts)) * _LINE
        left, top = _MARGIN, self.get_y()
        if fill:
            self.set_fill_color(244, 217, 214)
            self.rect(left, top, self.w - 2 * _MARGIN, height, style="F")
        for column, lines, align in zip(columns, texts, aligned, strict=True):
            for number, text in enumerate(lines):
                if text:
                    self.set_xy(left, top + number * _LINE)
                    self.cell(column.width, _LINE, text, align=align)
            left += column.width
        self.set_xy(_MARGIN, top + height)

    def _wrapped(self, text: str, width: float) -> list[str]:
        if not text or self.get_string_width(text) <= width - 2 * self.c_margin:
            return [text]
        lines = self.multi_cell(width, _LINE, text, dry_run=True, output="LINES", align="L")
        return [str(line) for line in lines] if isinstance(lines, list) else [text]


def _text(cell: Cell) -> str:
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M}"
    if isinstance(cell, date):
        return cell.isoformat()
    return f"{cell:,}" if isinstance(cell, int | float) else cell or ""
