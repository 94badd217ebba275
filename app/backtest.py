"""How well would this programme's stockouts have been foretold, and what can be learnt from its past?

The work behind `backtest` and `train`: a pack in, or for training a record; figures, pictures or a model out. A model
that is trained on a record is in force there at once; nothing else is stored in the database.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from app import pipeline, push
from data import db, errors, foretold, models, programmes
from data import monthly as monthly_record
from data.insight import backtest, backtest_report, learned
from data.insight.learned_history import AMOUNTS, History
from data.monthly import Span
from data.packs import monthly, reader
from data.packs.country import Country

Say = Callable[[str], None]


class InvalidMonth(errors.DataError):
    """{value} is not a month."""


def run(pack: Path, files: Path | None, first: str, last: str, horizon: int, out: Path | None, say: Say) -> str:
    """The figures of a backtest as text; `out` is a folder that gets them with two pictures.

    Raises `PackError`, `InvalidMonth`, `NothingToTest` and `TooLittleHistory`.
    """
    start, end = month(first, "from"), month(last, "to")
    country = _read(pack, files, say)
    found = backtest.run(monthly.history(country), start, end, horizon=horizon, say=say)
    text = backtest_report.text(found, country.programme.name)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        for name, content in (
            ("backtest.txt", text + "\n"),
            ("reliability.svg", backtest_report.reliability_svg(found)),
            ("months.svg", backtest_report.months_svg(found)),
        ):
            (out / name).write_text(content, encoding="utf-8")
            say(f"Wrote {out / name}.")
    return text


def _read(pack: Path, files: Path | None, say: Say) -> Country:
    """The country of a pack; what of its reports was refused is said, for it is neither learnt from nor foretold."""
    say("Reading the pack.")
    country = reader.read(pack, files)
    for found in country.findings:
        if found.severity == "refused" and found.table == "history":
            several = "s" if found.count > 1 else ""
            said = (
                f"{found.count:,} report{several} refused: {found.reason}. {found.remedy} Such as {found.examples[0]}."
            )
            say(said.replace("  ", " "))
    return country


def train(pack: Path, files: Path | None, last: str | None, orders: bool, out: Path | None, say: Say) -> Path:
    """Train on a pack's months, to `last` where it is given, and write the model; returns the file.

    `orders` lets it read what was ordered too, which the record does not keep: such a model is for backtests and for
    those who bring the orders themselves. Raises what `run` raises.
    """
    end = month(last, "to") if last is not None else None
    country = _read(pack, files, say)
    history = monthly.history(country)
    if end is not None:
        history = history.until(end)
    say(f"Learning from {history.months} months of {len(history.closing):,} positions.")
    return _write(history, country.programme.code, AMOUNTS if orders else learned.KEPT, out)


def train_recorded(engine: sa.Engine, programme: str, last: str | None, out: Path | None, say: Say) -> Path:
    """The same on what a programme has on record, its full months to `last` where it is given; in force at once.

    With `out` it is only written there. Raises `UnknownProgramme`, `InvalidMonth` and `TooLittleHistory`.
    """
    now = datetime.now(UTC)
    with db.transaction(engine) as conn:
        found = programmes.find(conn, programme)
        first = monthly_record.earliest(conn, found.id)
        running = monthly_record.number(found.day(now))
        end = running if last is None else min(month(last, "to") + 1, running)
        span = Span(end if first is None else min(monthly_record.number(first), end), end)
        _, history = foretold.history(conn, found, span)
    say(f"Learning from {history.months} months of {len(history.closing):,} positions.")
    path = _write(history, found.code, learned.KEPT, out)
    if out is None:
        say("Asking it of the month that ended last, and judging every position by it.")
        with db.transaction(engine) as conn:
            found = push.lock(conn, found.id)
            pipeline.refresh(conn, found, found.day(now), now, "a model was trained")
    return path


def _write(history: History, programme: str, inputs: tuple[str, ...], out: Path | None) -> Path:
    path = out or models.path(programme)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(learned.dump(learned.fit(history, programme=programme, inputs=inputs)))
    return path


def month(said: str, field: str) -> int:
    """2018-04 as a number, year x 12 + month - 1; raises `InvalidMonth`."""
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", said):
        raise InvalidMonth(field, "Write it as 2018-04.", value=said)
    year, number = said.split("-")
    return int(year) * 12 + int(number) - 1
