"""How well would this programme's stockouts have been foretold, and what can be learnt from its past?

The work behind `backtest` and `train`: a pack in, figures, pictures or a model out. Nothing is stored in the database.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from data import errors, models
from data.insight import backtest, backtest_report, learned
from data.insight.learned_history import AMOUNTS
from data.packs import monthly, reader

Say = Callable[[str], None]


class InvalidMonth(errors.DataError):
    """{value} is not a month."""


def run(pack: Path, files: Path | None, first: str, last: str, horizon: int, out: Path | None, say: Say) -> str:
    """The figures of a backtest as text; `out` is a folder that gets them with two pictures.

    Raises `PackError`, `InvalidMonth`, `NothingToTest` and `TooLittleHistory`.
    """
    start, end = month(first, "from"), month(last, "to")
    say("Reading the pack.")
    country = reader.read(pack, files)
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


def train(pack: Path, files: Path | None, last: str | None, orders: bool, out: Path | None, say: Say) -> Path:
    """Train on a pack's months, to `last` where it is given, and write the model; returns the file.

    `orders` lets it read what was ordered too, which the record does not keep: such a model is for backtests and for
    those who bring the orders themselves. Raises what `run` raises.
    """
    end = month(last, "to") if last is not None else None
    say("Reading the pack.")
    country = reader.read(pack, files)
    history = monthly.history(country)
    if end is not None:
        history = history.until(end)
    say(f"Learning from {history.months} months of {len(history.closing):,} positions.")
    model = learned.fit(
        history, programme=country.programme.code, inputs=AMOUNTS if orders else learned.KEPT
    )  # fmt: skip
    path = out or models.path(country.programme.code)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(learned.dump(model))
    return path


def month(said: str, field: str) -> int:
    """2018-04 as a number, year x 12 + month - 1; raises `InvalidMonth`."""
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", said):
        raise InvalidMonth(field, "Write it as 2018-04.", value=said)
    year, number = said.split("-")
    return int(year) * 12 + int(number) - 1
