"""On how many days was a place out of stock? Spells without a usable dose become full days of a window.

A day counts when there was no usable dose at any moment of it, over the product's whole balance: the day on which it
ran out and the day of the refill do not. Spells that touch or overlap are one. Moments are local and without a zone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum, unique

_DAY = timedelta(days=1)


@unique
class Mode(StrEnum):
    """How days between two dates are counted: as the calendar has them, or with months of 30 days (30/360)."""

    CALENDAR = "calendar"
    THIRTY = "30/360"


@dataclass(frozen=True, slots=True)
class Spell:
    """From a moment to another there was nothing; without an end it lasts."""

    begins: datetime
    ends: datetime | None = None


@dataclass(frozen=True, slots=True)
class Out:
    """Full days of one spell within a window: the first of them and the first day after them."""

    first: date
    until: date

    def days(self, mode: Mode = Mode.CALENDAR) -> int:
        """How many they are."""
        return between(self.first, self.until, mode)


def merged(spells: Sequence[Spell]) -> list[Spell]:
    """The same spells in order, those that touch or overlap as one; what lasts no time is none."""
    found: list[Spell] = []
    for spell in sorted(spells, key=lambda s: s.begins):
        if spell.ends is not None and spell.ends <= spell.begins:
            continue
        last = found[-1] if found else None
        if last is not None and (last.ends is None or spell.begins <= last.ends):
            ends = None if last.ends is None or spell.ends is None else max(last.ends, spell.ends)
            found[-1] = Spell(last.begins, ends)
        else:
            found.append(spell)
    return found


def within(spells: Sequence[Spell], first: date, last: date, *, now: datetime) -> list[Out]:
    """The full days out from `first` to `last`, both inclusive, one entry for each spell that has any.

    A spell that began earlier counts from the first day of the window, one that goes on up to its last day; today is
    not over yet and never counts.
    """
    found = []
    for spell in merged(spells):
        begins = spell.begins.date() if spell.begins.time() == time.min else spell.begins.date() + _DAY
        ends = min(now, spell.ends or now).date()
        day, until = max(begins, first), min(ends, last + _DAY)
        if day < until:
            found.append(Out(day, until))
    return found


def out(spells: Sequence[Spell], first: date, last: date, *, now: datetime, mode: Mode = Mode.CALENDAR) -> int:
    """How many days of the window were out."""
    return sum(o.days(mode) for o in within(spells, first, last, now=now))


def between(first: date, until: date, mode: Mode = Mode.CALENDAR) -> int:
    """Days from one date to another, the second not included.

    In months of 30 days the 31st is the 30th, and a February that is out from its first day to the end has 30 days.
    """
    if mode is Mode.CALENDAR:
        return (until - first).days
    months = (until.year - first.year) * 12 + until.month - first.month
    return months * 30 + min(until.day, 30) - min(first.day, 30)


def length(first: date, last: date, mode: Mode = Mode.CALENDAR) -> int:
    """How many days a window has, both ends inclusive."""
    return between(first, last + _DAY, mode)
