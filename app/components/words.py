"""How is it said? Numbers, units, dates and states as words, the same on every page, panel and chart.

Nothing here reads the clock: `now` and `today` are always given, in the programme's own time zone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from data.types import Kind, State
from geo.reach import Part

#: What stands where nothing is known; never a zero in its place.
UNKNOWN = "not known"

MINUS = "\u2212"

STATE = {
    State.NO_REPORT: "No report",
    State.INACTIVE: "Inactive",
    State.STOCKOUT: "Out of stock",
    State.CRITICAL: "Critical",
    State.LOW: "Low",
    State.OVERSTOCK: "Overstock",
    State.ADEQUATE: "Adequate",
}

#: What a state means, for its tooltip and for the page about the data.
STATE_MEANING = {
    State.NO_REPORT: "Nothing was reported within the reporting interval and its days of grace.",
    State.INACTIVE: "No stock, and no demand for it.",
    State.STOCKOUT: "Less than one vial that may be used, where there is demand.",
    State.CRITICAL: "What is left ends before the next delivery is due.",
    State.LOW: "Below the minimum.",
    State.OVERSTOCK: "Above the maximum, or some will expire before it is used.",
    State.ADEQUATE: "Between the minimum and the maximum.",
}

KIND = {
    Kind.RECEIPT: "received",
    Kind.ISSUE: "issued",
    Kind.ADMINISTERED: "given",
    Kind.LOSS: "lost",
    Kind.COUNT: "counted",
    Kind.ADJUSTMENT: "adjusted",
    Kind.RETURN: "returned",
    Kind.TRANSFER_OUT: "sent",
    Kind.TRANSFER_IN: "received from elsewhere",
    Kind.VVM: "vial monitor read",
    Kind.QUARANTINE: "quarantined",
    Kind.RELEASE: "released from quarantine",
    Kind.RESERVE: "reserved",
    Kind.UNRESERVE: "no longer reserved",
    Kind.REVERSAL: "taken back",
}

ALERT = {"stockout": "Out of stock"}

#: Tiers of stores that are no level of areas.
STORES = frozenset({"national", "zonal"})

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_FULL_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def number(value: float | None) -> str:
    """`1240` as `1,240`, rounded to a whole."""
    return UNKNOWN if value is None else f"{round(value):,}"


def short(value: float | None) -> str:
    """A big number for the screen, as assets/modules/words.mjs writes it after a push: `84,300`, `120 k`, `1.2 M`."""
    if value is None:
        return UNKNOWN
    if abs(value) < 99_950:
        return number(value)
    return f"{number(value / 1e3)} k" if abs(value) < 999_500 else f"{value / 1e6:,.1f} M"


def plural(noun: str, count: float | None) -> str:
    """`facility` as `facilities`, unless there is exactly one."""
    if count == 1:
        return noun
    if noun == "child":
        return "children"
    if re.search(r"[^aeiou]y$", noun):
        return f"{noun[:-1]}ies"
    return f"{noun}es" if re.search(r"(s|x|ch|sh)$", noun) else f"{noun}s"


def counted(count: float | None, noun: str) -> str:
    """`1 facility`, `8,774 facilities`."""
    return f"{number(count)} {plural(noun, count)}"


def amount(doses: float | None, unit: str) -> str:
    """`1,240 doses`, `1 piece`; `unit` is the product's."""
    return UNKNOWN if doses is None else counted(doses, unit)


def vials(doses: int, doses_per_vial: int) -> str:
    """The same doses as vials: `62 vials`, `3 vials + 4 doses`."""
    whole, rest = divmod(doses, doses_per_vial)
    parts = [counted(whole, "vial")] if whole or not rest else []
    if rest:
        parts.append(counted(rest, "dose"))
    return " + ".join(parts)


def partly(part: Part | None) -> list[tuple[str, str]]:
    """What a report says where its numbers are of a part of an area only: none or one of its facts."""
    return [] if part is None else [("Only a part of it", of(part.own, part.of, "facility"))]


def of(part: int, whole: int, noun: str) -> str:
    """A rate that says its denominator: `41 of 774 LGAs`."""
    return f"{number(part)} of {counted(whole, noun)}"


def within(horizon: int | None) -> str:
    """Until when a stockout is asked for, as assets/modules/words.mjs says it on the map."""
    return "before the next delivery" if horizon is None else f"within {counted(horizon, 'day')}"


def percent(share: float | None) -> str:
    """A share of one: `70 %`; `under 1 %` and `over 99 %` rather than a false 0 or 100."""
    if share is None:
        return UNKNOWN
    if 0 < share < 0.01:
        return "under 1 %"
    if 0.99 < share < 1:
        return "over 99 %"
    return f"{round(share * 100)} %"


def cover(p10: float | None, p50: float | None, p90: float | None) -> str:
    """Days that the stock lasts, with the range that eight of ten futures fall into: `9 days (4 to 15)`."""
    if p50 is None:
        return UNKNOWN
    days = counted(round(p50), "day")
    around = span(p10, p90)
    return f"{days} ({around})" if around else days


def span(low: float | None, high: float | None) -> str:
    """`4 to 15`; empty where there is no range."""
    if low is None or high is None or round(low) == round(high):
        return ""
    return f"{number(low)} to {number(high)}"


def day(value: date | None, today: date) -> str:
    """`18 Nov`; with the year where it is not this one."""
    if value is None:
        return UNKNOWN
    year = "" if value.year == today.year else f" {value.year}"
    return f"{value.day} {_MONTHS[value.month - 1]}{year}"


def day_and_year(value: date) -> str:
    """`18 Nov 2026`, for tables in which the year is never plain."""
    return f"{value.day} {_MONTHS[value.month - 1]} {value.year}"


def full_day(value: date) -> str:
    """`18 November 2026`."""
    return f"{value.day} {_FULL_MONTHS[value.month - 1]} {value.year}"


def month(value: date) -> str:
    """`May 2016`."""
    return f"{_FULL_MONTHS[value.month - 1]} {value.year}"


def month_short(value: date) -> str:
    """`May 2016` with the month in three letters, for tables; never `May 16`, which is a day."""
    return f"{_MONTHS[value.month - 1]} {value.year}"


def month_alone(value: date) -> str:
    """`May`, where the year is plain."""
    return _MONTHS[value.month - 1]


def month_tick(value: date) -> str:
    """`May \u201916`, where a year in full has no room."""
    return f"{_MONTHS[value.month - 1]} \u2019{value.year % 100:02d}"


def exact(value: datetime, zone: ZoneInfo) -> str:
    """The moment itself, for a tooltip: `18 November 2026, 14:05 (Africa/Lagos)`."""
    local = value.astimezone(zone)
    return f"{full_day(local)}, {local:%H:%M} ({zone.key})"


def ago(value: datetime | None, now: datetime) -> str:
    """How long ago: `just now`, `5 minutes ago`, `yesterday`, `6 days ago`, then the day."""
    if value is None:
        return "never"
    local, here = value.astimezone(now.tzinfo), now
    seconds = (here - local).total_seconds()
    if seconds < 60:
        return "just now"
    if seconds < 3600:
        return f"{counted(int(seconds // 60), 'minute')} ago"
    days = (here.date() - local.date()).days
    if days == 0 or seconds < 6 * 3600:
        return f"{counted(int(seconds // 3600), 'hour')} ago"
    if days == 1:
        return "yesterday"
    return f"{days} days ago" if days < 30 else day(local.date(), here.date())


def age(value: datetime, now: datetime) -> str:
    """The age of the newest report, as the browser keeps it counting: `Now`, `2 min`, `3 h`, `5 days`."""
    minutes = max(0, int((now - value).total_seconds() // 60))
    if minutes < 1:
        return "Now"
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} days"


def lasting(since: datetime | None, now: datetime) -> str:
    """How long something has been so: `for 6 days`, `since today`."""
    if since is None:
        return ""
    days = (now.date() - since.astimezone(now.tzinfo).date()).days
    return f"for {counted(days, 'day')}" if days > 0 else "since today"


def due(value: date | None, today: date) -> str:
    """When the next delivery is: `tomorrow`, `in 5 days`, `3 days late`."""
    if value is None:
        return UNKNOWN
    days = (value - today).days
    if days < 0:
        return f"{counted(-days, 'day')} late"
    return {0: "today", 1: "tomorrow"}.get(days, f"in {counted(days, 'day')}")


def change(now: float | None, before: float | None, *, as_percent: bool = False) -> str:
    """The difference to a month ago: `+12`, `-3`, `no change`; empty where there is nothing to compare."""
    if now is None or before is None:
        return ""
    size = f"{abs(round((now - before) * 100))} points" if as_percent else number(abs(now - before))
    if size.startswith("0"):
        return "no change"
    return f"{'+' if now > before else MINUS}{size}"


def alert(kind: str) -> str:
    """The kind of an alert in words."""
    return ALERT.get(kind, opening(kind.replace("_", " ")))


def signed(value: int) -> str:
    """An effect on a balance: `+400`, a minus and `12`, `0`."""
    return number(value) if value == 0 else f"{'+' if value > 0 else MINUS}{number(abs(value))}"


def opening(text: str) -> str:
    """Words that open a line: the first letter large, the others as they are."""
    return text[:1].upper() + text[1:]


def inline(name: str) -> str:
    """A name of a level inside a sentence: `State` as `state`, `LGA` as it is."""
    return name if name.isupper() else name[:1].lower() + name[1:]


def tier(name: str, level_names: Sequence[str]) -> str:
    """What a facility is: a store that is called as a level of the country is that level's store."""
    level = next((level for level in level_names if level.lower() == name.lower()), None)
    if level is not None:
        return f"{opening(level)} store"
    if name == "facility":
        return "Health facility"
    return f"{opening(name)} store" if name in STORES else opening(name)


def likes(name: str, level_names: Sequence[str]) -> str:
    """What places of a tier are called together: `health facilities`, `LGA stores`."""
    said = tier(name, level_names)
    return plural(said if said[:2].isupper() else inline(said), None)


def distance(km: float | None) -> str:
    """`14 km`, `0.8 km`."""
    if km is None:
        return "distance not known"
    return f"{km:.1f} km" if km < 9.95 else f"{number(km)} km"
