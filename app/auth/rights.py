"""May they do this? The one decorator of every route and callback: which right is needed, and where.

A view without it is refused (`app.auth.routes.guard`). What is not named by the address, such as the facility of an
event, is asked by the work itself, which can say whose it is: then the decorator only asks whether anything is seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum, unique
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from app import services
from app.errors import NotAllowed
from data import errors

P = ParamSpec("P")
R = TypeVar("R")


@unique
class Where(StrEnum):
    """Where a right has to be had."""

    OPEN = "nowhere: strangers may"
    SIGNED_IN = "nowhere: whoever is signed in may, of themselves"
    PROGRAMME = "anywhere in the programme of the address; what is answered is cut to it"
    FACILITY = "at the facility of the address"
    AREA = "in the area of the address, or in a part of it"
    INSIDE = "at the place that the work finds, which asks for it"


@dataclass(frozen=True, slots=True)
class Rule:
    """What a view asks for."""

    right: str
    where: Where


def needs(right: str, where: Where) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a view run for those only who have this right there; `programme` and `code` are parts of its address."""

    def mark(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            check(Rule(right, where), kwargs)
            return view(*args, **kwargs)

        checked.rule = Rule(right, where)  # type: ignore[attr-defined]  # the guard and the matrix test read it
        return checked

    return mark


def open_to_all(view: Callable[P, R]) -> Callable[P, R]:
    """Mark a view that strangers may have."""

    @wraps(view)
    def anybody(*args: P.args, **kwargs: P.kwargs) -> R:
        return view(*args, **kwargs)

    anybody.rule = Rule("", Where.OPEN)  # type: ignore[attr-defined]  # the guard and the matrix test read it
    return anybody


def rule_of(view: Any) -> Rule | None:
    """What a view asks for; None where nobody said."""
    found = getattr(view, "rule", None)
    return found if isinstance(found, Rule) else None


def check(rule: Rule, address: dict[str, Any]) -> None:
    """Raise `UnknownProgramme`, `UnknownFacility`, `UnknownArea` where nothing is seen, `NotAllowed` where it is."""
    if rule.where is Where.OPEN:
        return
    who = services.principal()
    code = address.get("programme")
    if rule.where is Where.SIGNED_IN or (rule.where is Where.INSIDE and code is None):
        return
    if code is None or (rule.where in (Where.FACILITY, Where.AREA) and "code" not in address):
        raise NotAllowed(remedy="Nobody has said of what programme and place this is.")
    programme_id = who.programme_id(code)
    if programme_id is None or not who.has("see", code):
        raise services.unknown_programme(code)
    if rule.where is not Where.INSIDE and not who.has(rule.right, code):
        raise NotAllowed("programme", REMEDY)
    if rule.where not in (Where.FACILITY, Where.AREA):
        return
    reaches, place = services.services().reaches, address["code"]

    def has(right: str) -> bool:
        reach = reaches.find(who.scope(right, programme_id))
        return reach.has_facility(place) if rule.where is Where.FACILITY else reach.has_area(place)

    if not has("see"):
        unknown = errors.UnknownFacility if rule.where is Where.FACILITY else errors.UnknownArea
        raise unknown(rule.where.name.lower(), services.ELSEWHERE, value=place)
    if not has(rule.right):
        raise NotAllowed(rule.where.name.lower(), REMEDY)


REMEDY = "Your role does not include it there. Ask the administrator of your area."
