"""How good were past predictions? What was shown at each month's end, against what the next month brought."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from app.components import reliability, words
from app.pages import plain
from data import calibration, stock
from data.calibration import Calibration
from data.insight import calibration as counted
from data.insight.calibration import Score
from data.insight.scores import Bin
from data.programmes import Programme
from data.scope import Scope
from geo.cache import Cache, Key
from geo.reach import Reach

#: Places behind a bin from which on its share is worth a sentence of its own.
_WORTH = 30


@dataclass(frozen=True, slots=True)
class CountsKey(Key):
    """The counted predictions of what somebody may see. Stale with the local day, which late events wait for."""

    programme_id: int
    day: str
    reach: tuple[bool, tuple[int, ...], tuple[int, ...]]


def page(
    conn: sa.Connection, programme: Programme, person: plain.Person, reach: Reach, cache: Cache, now: datetime
) -> str:
    """The whole page, as far as its reader sees the programme."""
    found = read(conn, programme, reach.scope, cache, programme.day(now))
    names = {p.seat: p for p in stock.products(conn, programme.id)}
    return plain.framed(
        "calibration.html", "Accuracy", programme, person,
        found=found, names=names, part=reach.of_all, verdict=verdict(found.every), finding=finding(found.every.bins),
        diagram=reliability.svg(found.every.bins, finding(found.every.bins)), sentence=counted.sentence,
        whose=whose(found, programme.model),
    )  # fmt: skip


def read(conn: sa.Connection, programme: Programme, scope: Scope, cache: Cache, today: date) -> Calibration:
    """The scores of what lies within a scope, counted once a day."""

    def load() -> bytes:
        return json.dumps(calibration.count(conn, programme.id, today).columns()).encode()

    reach = (scope.whole, tuple(sorted(scope.areas)), tuple(sorted(scope.facilities)))
    kept = cache.read(CountsKey(programme.id, today.isoformat(), reach), load)
    return calibration.of(calibration.counts(json.loads(kept)))


def whose(found: Calibration, model: str | None) -> str:
    """Which model made the predictions, in sentences; `model` is the learned one in force."""
    if not found.learned.count:
        said = "All of these predictions are the count model's."
        if model is None:
            return said
        return (
            f"{said} The learned model ({model}) is judged by the months after those that it was taught, as they come."
        )
    made = words.opening(words.counted(found.learned.count, "prediction"))
    others = "; the others are the count model's" if found.learned.count < found.every.count else ""
    return f"{made} were made by the learned model, which had seen no later month then{others}."


def verdict(score: Score) -> str:
    """How far what was shown may be trusted, in a sentence."""
    if score.error is None or score.rate is None or score.predicted is None:
        return "No prediction can be held against a month that followed yet."
    off = words.percent(score.error)
    trust = "well" if score.error <= 0.02 else "fairly well" if score.error <= 0.05 else "not well"
    way = ""
    if score.error > 0.02 and abs(score.predicted - score.rate) > 0.01:
        more = score.predicted > score.rate
        way = f"; on the whole stockouts were foretold {'more' if more else 'less'} often than they came"
    return f"What was shown fits what happened {trust}: it is off by {off} in the mean{way}."


def finding(bins: list[Bin]) -> str:
    """The diagram in sentences: the bins with enough places behind them, the highest first."""
    told = [counted.sentence(b) for b in reversed(bins) if b.count >= _WORTH]
    return " ".join(told) or "There are too few predictions to say how often they came true."
