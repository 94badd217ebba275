"""Whose data is it, what was refused, and what do the words mean? The page about the data."""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa

from app.pages import plain
from data import stock
from data.insight import demand, policy
from data.programmes import Programme
from data.types import WORST_FIRST

_DEFINITIONS = (
    (
        "Usable stock",
        "Doses that may be given today: not expired, and the vaccine vial monitor at stage 1 or 2.",
    ),
    ("Average monthly use (AMC)", demand.FORMULA.format(window=demand.WINDOW) + "."),
    (
        "Days of cover",
        "Until the last dose is used if nothing arrives: the middle of what may happen, and in brackets the range"
        " that eight of ten outcomes fall into.",
    ),
    (
        "Chance of running out",
        "That the stock ends before the next delivery arrives, from how use varies here and how late deliveries are.",
    ),
    (
        "At risk",
        "Out of stock, or critical. An area is coloured by the share of its children who depend on such a facility.",
    ),
    (
        "Day out of stock",
        "A full local day without any usable stock; the day it runs out and the day of refill do not count.",
    ),
    (
        "Who is counted",
        "Numbers of areas count open facilities that serve children (all that are open, where the pack tells no"
        " catchment). Stores serve none: they are listed and alerted, not counted.",
    ),
    ("Worst of all", "A facility takes the worst state among the tracer vaccines that it handles."),
)


def page(conn: sa.Connection, programme: Programme, person: plain.Person, *, examples: bool = True) -> str:
    """The whole page; without `examples`, findings name no place: they may be anywhere."""
    findings = stock.findings(conn, programme.id)
    return plain.framed(
        "about.html",
        "About",
        programme,
        person,
        findings=findings if examples else [replace(f, examples=[]) for f in findings],
        products=stock.products(conn, programme.id),
        preset=policy.PRESETS[programme.preset],
        presets=list(policy.PRESETS.values()),
        states=WORST_FIRST,
        definitions=_DEFINITIONS,
    )
